/* Benchmarks:
 *     bench ops|step [--backend NAME] [--threads N] [--seconds S] [--only TEXT] [--sizes N/O,...]
 * Each case is warmed up, then repeated for S seconds (default 0.3): minimum, median, maximum, and the rate of the median. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { REPEATS = 2000 };

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

bool bench_wanted(const struct bench *b, const char *name)
{
    return !b->only || strstr(name, b->only);
}

int bench_measure(const struct bench *b, const char *name, int (*call)(const void *), const void *arg, double cost,
                  const char *unit)
{
    static double t[REPEATS];
    int n = 0, status = 0;

    if (!bench_wanted(b, name))
        return 0;
    for (int i = 0; i < 3 && !status; i++)
        status = call(arg);
    for (double spent = 0; !status && n < REPEATS && (n < 5 || spent < b->seconds); n++) {
        double start = now();
        status = call(arg);
        status = status ? status : b->dev->ops->sync(b->dev);
        t[n] = now() - start;
        spent += t[n];
    }
    if (status)
        return status;
    qsort(t, (size_t)n, sizeof *t, by_value);
    printf("%-34s %9.3f %9.3f %9.3f ms", name, 1e3 * t[0], 1e3 * t[n / 2], 1e3 * t[n - 1]);
    if (unit)
        printf("  %8.1f %s", cost / t[n / 2] * 1e-9, unit);
    printf("\n");
    return 0;
}

static int usage(void)
{
    fprintf(stderr, "usage: bench ops|step [--backend NAME] [--threads N] [--seconds S] [--only TEXT] [--sizes N/O,...]\n");
    return 2;
}

static void log_line(void *user, enum prism_log_level level, const char *text)
{
    (void)user, (void)level;
    fprintf(stderr, "%s\n", text);
}

int main(int argc, char **argv)
{
    struct prism_dev_params params = {.backend = "auto", .plan_effort = PRISM_PLAN_MEASURE};
    struct bench b = {.seconds = 0.3, .sizes = "1024/512,1024/73,512/128,256/128"};
    const struct prism_ctx_params log = {.log = log_line, .level = PRISM_LOG_WARN};
    int status;

    if (argc < 2 || (strcmp(argv[1], "ops") && strcmp(argv[1], "step")) || argc % 2)
        return usage();
    for (int i = 2; i < argc; i += 2) {
        if (!strcmp(argv[i], "--backend"))
            params.backend = argv[i + 1];
        else if (!strcmp(argv[i], "--threads"))
            params.threads = atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--only"))
            b.only = argv[i + 1];
        else if (!strcmp(argv[i], "--sizes"))
            b.sizes = argv[i + 1];
        else if (!strcmp(argv[i], "--seconds"))
            b.seconds = atof(argv[i + 1]);
        else
            return usage();
    }
    status = prism_ctx_create(&log, &b.ctx);
    status = status ? status : prism_dev_open(b.ctx, &params, &b.dev);
    if (!status) {
        printf("%s: %s\n%-34s %9s %9s %9s\n", prism_dev_backend(b.dev), b.dev->caps.device, "", "min", "median", "max");
        status = strcmp(argv[1], "step") ? bench_ops(&b) : bench_step(&b);
    }
    if (status && b.ctx)
        fprintf(stderr, "bench: %s\n", prism_ctx_error(b.ctx)->text);
    prism_dev_close(&b.dev);
    prism_ctx_destroy(&b.ctx);
    return status ? 1 : 0;
}
