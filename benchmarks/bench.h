/* The core of prism-bench, under one file per suite.
 *
 * Everything runs through the device's table and the library's functions, so
 * that the same code times every backend. A timed call ends with sync(), and
 * the wait is part of the time. Functions return 0 or PRISM_E*, with the
 * sentence in the context. */
#ifndef PRISM_BENCH_H
#define PRISM_BENCH_H

#include "core/internal.h"
#include "core/json.h"
#include "prismrec/recon.h"
#include "program/cli.h"

enum { BENCH_NAME = 72 };

/* ---- times ---- */

/* The least that a call has to move and to compute; 0: not stated. */
struct bench_cost {
    double bytes, flops;
    double floor_ms; /* sum of the floors of parts that follow each other; 0: the floor of bytes and
                        flops */
};

/* A call to time. The first call is reported apart, the next two are left out,
 * and then the call is repeated for --seconds. With `repeats`, it is called
 * exactly that often after the first and nothing is left out, as in the source
 * documents. */
struct bench_case {
    const char *name;
    int (*call)(void *arg);
    void *arg;
    struct bench_cost cost;
    int repeats;
    int batch; /* calls per time taken, for calls shorter than reading the clock; 0: 1 */
};

struct bench_time {
    char name[BENCH_NAME];
    int n; /* number of times below, the first call not among them; all times of bench_add_times()
            */
    double first_ms;
    double min_ms, median_ms, p95_ms, max_ms, mean_ms, cpu_ms;
    double total_ms; /* sum over `calls` calls, the first included */
    int calls;
    struct bench_cost cost;
    double roof_percent; /* share of what the measured roofs allow; NaN without a cost */
};

/* A result that is not a time. */
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
    struct prism_cache *cache;         /* for cases that need a cache; dev has none by default */
    const char *only, *sizes, *output; /* NULL where not given */
    const char *part;                  /* part of the suite; NULL: the suite has none */
    double seconds;                    /* per case */
    int n_samples, n_epochs;           /* 0: the workload's own */
    enum prism_precision precision;    /* arithmetic of suite step */
    double triad, gemm;                /* roofs: bytes/s, FLOP/s */
    struct bench_time *times;
    struct bench_fact *facts;
    struct bench_verdict *verdicts;
    int n_times, n_facts, n_verdicts;
    int cap_times, cap_facts, cap_verdicts;
    struct prismi_text text; /* everything printed, for the .txt files */
};

/* Place in the collected results where a report begins. */
struct bench_mark {
    int times, facts, verdicts;
    size_t text;
};

/* New name of the suite whose old name is the first n bytes of `old`; NULL if
 * there is none. */
const char *bench_suite_renamed(const char *old, size_t n);

/* ---- suites and their parts; each returns 0 or PRISM_E* ---- */

int bench_ops(struct bench *b);
int bench_fft(struct bench *b);
int bench_matrix(struct bench *b); /* part of bench_fft */
int bench_step(struct bench *b);
int bench_recon(struct bench *b);
int bench_parts(struct bench *b);
int bench_full(struct bench *b, int grid, int obj); /* part of bench_parts */
int bench_metrics(struct bench *b, int obj);        /* part of bench_parts */
int bench_progressive_100(struct bench *b);
int bench_profile(struct bench *b); /* part of bench_progressive_100 */
int bench_cache(struct bench *b);
int bench_precision(struct bench *b);
int bench_table(struct bench *b);

/* ---- measure.c ---- */

double bench_now_ms(void);
/* True for the document's own workload: neither sizes nor numbers were
 * given. */
bool bench_standard(const struct bench *b);
/* True if --only is absent or part of the name. */
bool bench_wanted(const struct bench *b, const char *name);
/* Times, prints and stores a case if --only wants it. */
int bench_measure(struct bench *b, const struct bench_case *c);
/* Stores and prints n times in ms that the caller measured, in the order they
 * were taken; sorts them. */
int bench_add_times(struct bench *b, const char *name, double *ms, int n);
/* The last time of that name, or NULL. */
const struct bench_time *bench_time_of(const struct bench *b, const char *name);
/* Measures and prints the roofs b->triad, bytes per second of y = a x + b y
 * over large arrays, and b->gemm, FLOP/s of a large matrix product. */
int bench_roofs(struct bench *b);
/* Device memory of n random floats in [-1,1), so that no kernel meets
 * denormals. */
int bench_random(struct prism_dev *dev, size_t n, prism_mem *out);
double bench_fft_flops(size_t batch, size_t h, size_t w); /* 5 n log2 n, complex */
/* Shortest time that the measured roofs allow; 0 without a cost. */
double bench_floor_ms(const struct bench *b, struct bench_cost cost);
/* A decoder that has shapes only, on a device that holds nothing. The caller
 * destroys both, whatever is returned. */
int bench_shapes(struct bench *b, int grid, int obj, struct prism_dev **plan,
                 struct prism_net **net);
/* Least bytes and FLOP of one optimiser step of the decoder with two
 * measurements. */
int bench_step_cost(struct bench *b, int grid, int obj, struct bench_cost *out);

/* ---- report.c ---- */

void bench_print(struct bench *b, const char *fmt, ...) PRISM_PRINTF(2, 3);
void bench_heading(struct bench *b, const char *title);
void bench_add_fact(struct bench *b, const char *name, double value, const char *unit);
/* The last fact of that name, or NaN. */
double bench_fact_of(const struct bench *b, const char *name);
/* Stores and prints a verdict; one that is not ok makes the exit code 1. */
void bench_judge(struct bench *b, const char *name, bool ok, const char *fmt, ...)
    PRISM_PRINTF(4, 5);
struct bench_mark bench_mark(const struct bench *b);
/* Writes what was collected since the mark to <output>/<json>.json and
 * <output>/<text>.txt; writes nothing without --output. */
int bench_report(struct bench *b, const char *json, const char *text, struct bench_mark since);
/* Writes <output>/<name>. */
int bench_write_text(struct bench *b, const char *name, const char *text);
/* "<output>/<name><suffix>"; makes its folder. */
int bench_place(struct bench *b, const char *name, const char *suffix, char *out, size_t n);
int bench_write_json(struct bench *b, const char *path, struct bench_mark since);
/* Makes a new folder for temporary files, which the caller removes. */
int bench_scratch(struct bench *b, char *dir, size_t n);
struct prismi_svg_panel;
/* Writes <output>/<name>.svg. */
int bench_plot(struct bench *b, const char *name, const char *title,
               const struct prismi_svg_panel *panels, int n);
void bench_release(struct bench *b);

/* ---- check.c ---- */

/* Compares with an earlier --json file; *worse counts the medians that are
 * slower by more than the tolerance. */
int bench_check(struct bench *b, const char *path, double tolerance, int *worse);

/* ---- watch.c: counts of device calls ---- */

struct bench_counts {
    size_t live_bytes, peak_bytes; /* bytes of alloc(), without the workspace of plans */
    uint64_t allocs, writes, reads;
    size_t write_bytes, read_bytes;
};
/* Counts from now on, until bench_unwatch(), which must come before the device
 * is closed. */
int bench_watch(struct prism_ctx *ctx, struct prism_dev *dev);
void bench_unwatch(struct prism_dev *dev);
struct bench_counts bench_counts(const struct prism_dev *dev);
void bench_peak_reset(const struct prism_dev *dev);
size_t bench_heap_bytes(void); /* bytes that this process has from malloc */
double bench_rss_peak_mib(void);
void bench_rss_peak_reset(void);

/* ---- workload.c: data and parameters of a progressive reconstruction ---- */

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
/* Calls each() for every pair of "N/O,N/O". Returns its status, or PRISM_EINVAL
 * naming the text that is no pair. */
int bench_each_size(struct bench *b, const char *sizes,
                    int (*each)(struct bench *b, int grid, int obj));

/* ---- naive.c: the progressive step as the original arranges it ----
 *
 * The naive way is there to compare with. Masks are applied one after the
 * other, the object's spectrum is computed for each (eight centred full
 * transforms); coordinates, masks and targets are made anew for every sample;
 * the gradient of every parameter is stored, and Adam updates tensor by tensor;
 * nothing is cached. It has a device of its own. */
struct naive;
/* plain: nothing is fused, and convolutions are unrolled patches and matrix
 * products; else the same arrangement runs on the library's own kernels.
 * Transforms and memory are the library's in both cases. */
int naive_create(struct bench *b, const struct bench_workload *w, bool plain, struct naive **out);
void naive_destroy(struct naive **n);
/* Begins sample k: makes coordinates and masks; Adam starts from 0. */
int naive_sample(struct naive *n, int k);
/* Measures the sample's targets: the new one from the object, the old one from
 * the network's output. */
int naive_targets(struct naive *n);
int naive_step(struct naive *n, double loss[2]);
int naive_close(struct naive *n);
/* Copies the weights of an equal network on dev. */
int naive_take_weights(struct naive *n, const struct prism_net *net, struct prism_dev *dev);
int naive_output(struct naive *n, double *out); /* [O,O] */

#endif
