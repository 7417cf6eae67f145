/* Shared by the benchmark's files. */
#ifndef PRISM_BENCH_H
#define PRISM_BENCH_H

#include "prismrec/ctx.h"

struct bench {
    struct prism_ctx *ctx;
    struct prism_dev *dev;
    const char *only;  /* run cases whose name contains it; NULL = all */
    const char *sizes; /* step: "N/O,N/O" */
    double seconds;
};

bool bench_wanted(const struct bench *b, const char *name);
/* Warm up, repeat for b->seconds, print minimum, median, maximum and, where unit is not NULL, the rate of the median. cost: in 1e9
 * units of `unit` per second. */
int bench_measure(const struct bench *b, const char *name, int (*call)(const void *), const void *arg, double cost,
                  const char *unit);

int bench_ops(const struct bench *b);
int bench_step(const struct bench *b);

#endif
