/* Shared by the files of prism-bench: one file per family, this small core
 * under them.
 *
 * Everything runs through dev->ops and the library's public functions, so that
 * the same code times every backend. A timed call ends with sync(), inside the
 * time. Functions return 0 or PRISM_E*, the sentence being in the context. */
#ifndef PRISM_BENCH_H
#define PRISM_BENCH_H

#include "core/internal.h"
#include "core/json.h"
#include "prismrec/recon.h"
#include "program/cli.h"

enum { BENCH_NAME = 72 };

/* ---- times ---- */

/* The least a call has to move and to compute; 0 = not stated. */
struct bench_cost {
    double bytes, flops;
    double floor_ms; /* of parts that follow each other: the sum of their floors; 0: that of the two
                        above */
};

/* What to time. The first call is apart. Then two more are left out of the
 * times, and it is repeated for --seconds; with `repeats` it is called exactly
 * so often after the first, nothing being left out, as the source documents
 * did. */
struct bench_case {
    const char *name;
    int (*call)(void *arg);
    void *arg;
    struct bench_cost cost;
    int repeats;
    int batch; /* calls between two looks at the clock, for what is shorter than a look; 0 = 1 */
};

struct bench_time {
    char name[BENCH_NAME];
    int n; /* times below; without the first, but for a caller's own */
    double first_ms;
    double min_ms, median_ms, p95_ms, max_ms, mean_ms, cpu_ms;
    double total_ms; /* of `calls` calls: the first included */
    int calls;
    struct bench_cost cost;
    double roof_percent; /* of what the measured roofs allow; NaN without a cost */
};

/* A number that is no time. */
struct bench_fact {
    char name[BENCH_NAME];
    double value;
    const char *unit;
};

/* A statement about the results: correctness, or a target of a source
 * document. */
struct bench_verdict {
    char name[BENCH_NAME];
    bool ok;
    char text[200];
};

/* ---- a run ---- */

struct bench {
    const struct cli *cli;
    struct prism_ctx *ctx;
    struct prism_dev *dev;
    struct prism_dev_params dev_params;
    struct prism_cache *cache;         /* for what is to be measured with one; dev has none */
    const char *only, *sizes, *output; /* NULL where not given */
    const char *part;                  /* of the suite; NULL: it has none */
    double seconds;                    /* per case */
    int n_samples, n_epochs;           /* 0 = the workload's own */
    enum prism_precision precision;    /* of step */
    double triad, gemm;                /* roofs: bytes/s, FLOP/s */
    struct bench_time *times;
    struct bench_fact *facts;
    struct bench_verdict *verdicts;
    int n_times, n_facts, n_verdicts;
    int cap_times, cap_facts, cap_verdicts;
    struct prismi_text text; /* all that was printed, for the .txt files */
};

/* Where a report begins in what was collected. */
struct bench_mark {
    int times, facts, verdicts;
    size_t text;
};

/* What the suite `old`, n bytes long, is called now; NULL where that is not the
 * old name of a suite. */
const char *bench_suite_renamed(const char *old, size_t n);

/* The families. */
int bench_ops(struct bench *b);
int bench_fft(struct bench *b);
int bench_matrix(struct bench *b); /* a part of bench_fft */
int bench_step(struct bench *b);
int bench_recon(struct bench *b);
int bench_parts(struct bench *b);
int bench_full(struct bench *b, int grid, int obj); /* baseline's part of that name */
int bench_progressive_100(struct bench *b);
int bench_profile(struct bench *b);
int bench_cache(struct bench *b);
int bench_precision(struct bench *b);
int bench_table(struct bench *b);

/* measure.c */
double bench_now_ms(void);
bool bench_standard(
    const struct bench *b); /* the document's workload: no sizes or numbers were given */
bool bench_wanted(const struct bench *b, const char *name);
/* Times, prints and keeps a case that --only wants. */
int bench_measure(struct bench *b, const struct bench_case *c);
/* Keeps and prints n times of the caller's own, in ms, in the order they were
 * taken; sorts them. */
int bench_add_times(struct bench *b, const char *name, double *ms, int n);
const struct bench_time *bench_time_of(const struct bench *b,
                                       const char *name); /* the last of that name, or NULL */
/* Bytes per second of y = a x + b y over large arrays, FLOP/s of a large matrix
 * product, into b; printed. */
int bench_roofs(struct bench *b);
/* Device memory of n floats in [-1,1), so that no kernel meets denormals. */
int bench_random(struct prism_dev *dev, size_t n, prism_mem *out);
double bench_fft_flops(size_t batch, size_t h, size_t w); /* 5 n log2 n, complex */
double bench_floor_ms(const struct bench *b,
                      struct bench_cost cost); /* what the measured roofs allow; 0 without a cost */
/* A decoder of shapes only, on a device that holds nothing; both are to be
 * destroyed whatever is returned. */
int bench_shapes(struct bench *b, int grid, int obj, struct prism_dev **plan,
                 struct prism_net **net);
/* What one optimiser step of the decoder and two-branch measurement has to move
 * and to compute. */
int bench_step_cost(struct bench *b, int grid, int obj, struct bench_cost *out);

/* report.c */
void bench_print(struct bench *b, const char *fmt, ...) PRISM_PRINTF(2, 3);
void bench_heading(struct bench *b, const char *title);
void bench_add_fact(struct bench *b, const char *name, double value, const char *unit);
double bench_fact_of(const struct bench *b, const char *name); /* the last of that name, or NaN */
/* A verdict; one that is not ok makes the run end with exit code 1. */
void bench_judge(struct bench *b, const char *name, bool ok, const char *fmt, ...)
    PRISM_PRINTF(4, 5);
struct bench_mark bench_mark(const struct bench *b);
/* <output>/<json>.json and <output>/<text>.txt of what was collected since;
 * nothing without --output. */
int bench_report(struct bench *b, const char *json, const char *text, struct bench_mark since);
int bench_write_text(struct bench *b, const char *name, const char *text); /* <output>/<name> */
/* "<output>/<name><suffix>", its folder made. */
int bench_place(struct bench *b, const char *name, const char *suffix, char *out, size_t n);
int bench_write_json(struct bench *b, const char *path, struct bench_mark since);
int bench_scratch(struct bench *b, char *dir,
                  size_t n); /* a new folder for passing files; the caller removes it */
struct prismi_svg_panel;
/* <output>/<name>.svg */
int bench_plot(struct bench *b, const char *name, const char *title,
               const struct prismi_svg_panel *panels, int n);
void bench_release(struct bench *b);

/* check.c: against an earlier --json file; *worse counts medians that are
 * slower by more than the tolerance. */
int bench_check(struct bench *b, const char *path, double tolerance, int *worse);

/* watch.c: device calls seen from above the seam. */
struct bench_counts {
    size_t live_bytes, peak_bytes; /* of alloc(); plans' workspace is the backend's own */
    uint64_t allocs, writes, reads;
    size_t write_bytes, read_bytes;
};
int bench_watch(
    struct prism_ctx *ctx,
    struct prism_dev *dev); /* from now on; until bench_unwatch, before the device is closed */
void bench_unwatch(struct prism_dev *dev);
struct bench_counts bench_counts(const struct prism_dev *dev);
void bench_peak_reset(const struct prism_dev *dev);
size_t bench_heap_bytes(void); /* in use by this process, as malloc counts */
double bench_rss_peak_mib(void);
void bench_rss_peak_reset(void);

/* workload.c: data and parameters of a progressive reconstruction, and the
 * naive way to do it. */
struct bench_workload {
    int grid, obj, radius, n_samples, n_epochs;
    double lr;
    uint64_t seed;
    double *truth, *centres; /* [O,O], [n][2] */
};
int bench_workload_create(struct bench *b, int grid, int obj, int radius, int n_samples,
                          int n_epochs, struct bench_workload *out);
void bench_workload_release(struct bench_workload *w);
int bench_workload_dataset(struct prism_dev *dev, const struct bench_workload *w,
                           struct prism_dataset **out);
struct prism_recon_params bench_workload_params(const struct bench_workload *w,
                                                enum prism_precision precision);
/* "N/O,N/O": calls each(); PRISM_EINVAL naming the text otherwise. */
int bench_each_size(struct bench *b, const char *sizes,
                    int (*each)(struct bench *b, int grid, int obj));

/* naive.c: the step as the original arranges it, kept to compare with: both
 * masks one after the other, the object's spectrum anew for each (eight centred
 * full transforms), coordinates, masks and targets anew for every sample, the
 * gradient of every parameter stored and Adam tensor by tensor, nothing cached;
 * on a device of its own. */
struct naive;
/* plain: nothing fused, convolutions as unrolled patches and matrix products;
 * else the same arrangement on the library's own kernels. Transforms and memory
 * are the library's either way. */
int naive_create(struct bench *b, const struct bench_workload *w, bool plain, struct naive **out);
void naive_destroy(struct naive **n);
int naive_sample(struct naive *n, int k); /* coordinates, masks; Adam from 0 */
int naive_targets(
    struct naive *n); /* of the sample: new from the object, old from the output at its beginning */
int naive_step(struct naive *n, double loss[2]);
int naive_close(struct naive *n);
int naive_take_weights(struct naive *n, const struct prism_net *net,
                       struct prism_dev *dev);  /* of an equal network on dev */
int naive_output(struct naive *n, double *out); /* [O,O] */

#endif
