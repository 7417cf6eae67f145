/* A problem string made concrete: operands with their data, and the calls that
 * solve it on a device. */
#ifndef TEST_PROBLEM_H
#define TEST_PROBLEM_H

#include "../cases/cases.h"
#include "prismrec/ctx.h"

enum kind {
    REAL,
    HALF, /* real, but half in a problem in half precision */
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
    size_t n;      /* scalars: a complex element has two */
    double *value; /* of n; exactly representable as stored. NULL: none before the call */
    int same_as;   /* index of the operand whose memory this one shares, or -1 */
    double limit;  /* of max operand_difference / max(max |expected|, scale); 0: exact */
    double scale;
};

enum { OPERANDS = 15 };

struct problem {
    char text[CASE_TEXT];
    enum prism_dtype dtype;  /* F32, F64, F16 or BF16 */
    enum prism_dtype oracle; /* of the reference's solution: F64, or dtype where the result depends
                                on it exactly */
    struct operand operand[OPERANDS];
    int count;
    int kind;   /* enum value of map, reduce, misfit */
    bool fused; /* an optional entry */
    int (*create)(struct prism_dev *, const struct problem *,
                  void **plan); /* NULL: there is no plan */
    int (*run)(struct prism_dev *, const struct problem *, void *plan, const prism_mem *mem);
    void (*destroy)(struct prism_dev *, void *plan);
};

/* Parse. Returns 0, or -1 where the string is not a problem. */
int problem_build(const char *text, struct problem *p);
void problem_free(struct problem *p);

/* What the outputs held: value[i] of operand i, NULL for others. */
struct outputs {
    double *value[OPERANDS];
};
void outputs_free(struct outputs *o);

/* How to solve: every operand `shift` elements into its buffer; the calls
 * captured before the operands are written, then replayed (once the same calls
 * were made without: a device may set itself up at first use). */
struct manner {
    size_t shift;
    bool replay;
};

/* Solve p on dev, with guard bytes around the operands. Returns 0, or -1 with a
 * sentence in why: a call failed, a guard or an input changed, memory was
 * misaligned. */
int problem_solve(struct prism_ctx *ctx, struct prism_dev *dev, const struct problem *p,
                  struct manner how, struct outputs *o, char *why, size_t n);

/* Worst operand: its error and limit, both relative. NaN is expected where
 * `expected` has it and nowhere else. Returns whether every operand is within
 * `slack` times its limit. */
bool problem_compare(const struct problem *p, const struct outputs *got,
                     const struct outputs *expected, double slack, double *error, double *limit);

/* Large convolutions and products: check outputs by residuals instead of by a
 * slow reference. */
bool problem_is_large(const struct problem *p);
bool problem_residual(const struct problem *p, const struct outputs *got, double *error,
                      double *limit);

/* |got - expected| but for the one rounding that storing it in half is; NaN is
 * infinitely far from any number. */
double operand_difference(const struct problem *p, int i, double got, double expected);

/* Relative error of a result as stored, or that its operands' rounding
 * gives. */
double problem_epsilon(const struct problem *p);

/* ---- for the files that build problems ---- */

/* Append an operand without data; returns its index. limit in epsilons of F64
 * (where the problem has it) or F32: what results are computed in. */
int operand_add(struct problem *p, enum kind kind, enum role role, size_t n, double limit);
/* Give it uniform values of [lo, hi], rounded to float or half; every (problem,
 * operand) has its own numbers. */
void operand_fill(struct problem *p, int i, double lo, double hi);
/* operand_add and operand_fill over [-1, 1]. */
int operand_random(struct problem *p, enum kind kind, enum role role, size_t n, double limit);
double test_noise(uint64_t seed, uint64_t i); /* uniform in [0, 1) */

int build_linear(struct problem *p);      /* copy, fft, spectrum, conv, gemm, window, subaperture,
                                             field_misfit, blur */
int build_elementwise(struct problem *p); /* map, reduce */
int build_fused(struct problem *p);       /* norm_fwd, norm_bwd, misfit, adam_outer */
int build_planes(
    struct problem *p); /* pool, copy2d, scatter_add, gather, softmax, argmax, dense_fit */

/* ADAM's x1, with u as the problem's words say. */
int operand_adam_step(struct problem *p);

struct prism_conv_desc problem_conv(const struct problem *p);
struct prism_gemm_desc problem_gemm(const struct problem *p);

#endif
