/* A problem: operands with their data, and the calls that solve it on a device,
 * made from a problem string. */
#ifndef TEST_PROBLEM_H
#define TEST_PROBLEM_H

#include "../cases/cases.h"
#include "prismrec/ctx.h"

enum kind {
    REAL,
    HALF, /* half in a problem in half precision, else real */
    CPLX,
    INDEX,
    BYTE
};
enum role {
    IN,      /* must be unchanged afterwards */
    OUT,     /* NaN before, compared afterwards */
    INOUT,   /* has values before, compared afterwards */
    CLOBBER, /* has values before, contents undefined afterwards */
    SCRATCH  /* NaN before, contents undefined afterwards */
};

struct operand {
    enum kind kind;
    enum role role;
    size_t n; /* number of scalars; a complex element has two */
    /* [n], exactly representable in the stored type; NULL: no values before the
     * call */
    double *value;
    int same_as;  /* index of the operand whose memory this one shares, or -1 */
    double limit; /* limit of max operand_difference / max(max |expected|, scale); 0: exact */
    double scale;
};

enum { OPERANDS = 15 };

struct problem {
    char text[CASE_TEXT];
    enum prism_dtype dtype; /* F32, F64, F16 or BF16 */
    /* precision of the reference's solution: F64, or dtype if the result
     * depends on the precision exactly */
    enum prism_dtype oracle;
    struct operand operand[OPERANDS];
    int count;
    int kind;   /* value of the operation's enum */
    bool fused; /* the entry is optional: the library can compose it */
    /* Makes a plan; NULL: the problem has none. */
    int (*create)(struct prism_dev *, const struct problem *, void **plan);
    int (*run)(struct prism_dev *, const struct problem *, void *plan, const prism_mem *mem);
    void (*destroy)(struct prism_dev *, void *plan);
};

/* Parses a problem string. Returns 0, or -1 if the string is not a problem. */
int problem_build(const char *text, struct problem *p);
void problem_free(struct problem *p);

/* Results: value[i] of output operand i, NULL for other operands. */
struct outputs {
    double *value[OPERANDS];
};
void outputs_free(struct outputs *o);

/* How to solve a problem. shift: each operand lies this many elements into its
 * buffer. replay: the calls are captured before the operands are written, and
 * then replayed; the same calls must have run once before without a capture,
 * because a device may set itself up on first use. */
struct manner {
    size_t shift;
    bool replay;
};

/* Solves p on dev, with guard bytes around the operands. Returns 0, or -1 with
 * a sentence in why: a call failed, a guard or an input changed, or memory was
 * misaligned. */
int problem_solve(struct prism_ctx *ctx, struct prism_dev *dev, const struct problem *p,
                  struct manner how, struct outputs *o, char *why, size_t n);

/* Compares results. *error and *limit are those of the worst operand, both
 * relative. NaN must appear exactly where `expected` has it. Returns true if
 * every operand is within `slack` times its limit. */
bool problem_compare(const struct problem *p, const struct outputs *got,
                     const struct outputs *expected, double slack, double *error, double *limit);

/* True for large convolutions and products, whose outputs problem_residual()
 * checks by residuals, because the reference would be slow. */
bool problem_is_large(const struct problem *p);
bool problem_residual(const struct problem *p, const struct outputs *got, double *error,
                      double *limit);

/* |got - expected|, less the one rounding from storing the result in half
 * precision. NaN is infinitely far from any number. */
double operand_difference(const struct problem *p, int i, double got, double expected);

/* Relative error of a result from its own rounding, or from the rounding of its
 * operands. */
double problem_epsilon(const struct problem *p);

/* ---- for the files that build problems ---- */

/* Appends an operand without data; returns its index. limit is in epsilons of
 * the precision that results are computed in: F64 if the problem has it, else
 * F32. */
int operand_add(struct problem *p, enum kind kind, enum role role, size_t n, double limit);
/* Fills operand i with uniform values of [lo, hi], rounded to float or half.
 * Every (problem, operand) has its own numbers. */
void operand_fill(struct problem *p, int i, double lo, double hi);
/* Appends an operand with uniform values of [-1, 1]. */
int operand_random(struct problem *p, enum kind kind, enum role role, size_t n, double limit);
double test_noise(uint64_t seed, uint64_t i); /* Uniform in [0, 1). */

int build_linear(struct problem *p);      /* copy, fft, spectrum, conv, gemm, window, subaperture,
                                             field_misfit, blur */
int build_elementwise(struct problem *p); /* map, reduce */
int build_fused(struct problem *p);       /* norm_fwd, norm_bwd, misfit, adam_outer */
int build_planes(
    struct problem *p); /* pool, copy2d, scatter_add, gather, softmax, argmax, dense_fit */

/* Appends ADAM's x1, with the u that the problem's words say. */
int operand_adam_step(struct problem *p);

struct prism_conv_desc problem_conv(const struct problem *p);
struct prism_gemm_desc problem_gemm(const struct problem *p);

#endif
