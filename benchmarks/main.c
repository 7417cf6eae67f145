/* prism bench: options, device, the suite, then files and exit code. */
#include "bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- options ---- */

/* A number in [low, high], or `unset` where the option is not given. */
static bool number(const struct cli *cli, const char *name, double low, double high, double unset, double *out)
{
    const char *text = cli_get(cli, name);
    char *end;
    *out = unset;
    if (!text)
        return true;
    *out = strtod(text, &end);
    if (end != text && (!*end || (!strcmp(end, "%") && !strcmp(name, "tolerance"))) && *out >= low && *out <= high)
        return true;
    cli_error("--%s is '%s'; expected a number from %g to %g", name, text, low, high);
    return false;
}

static bool precision(struct bench *b)
{
    static const char *const names[] = {"fp32", "fp64", "tf32", "bf16", "fp16", NULL}; /* enum prism_precision */
    const char *name = cli_get(b->cli, "precision");
    int i = 0;
    while (name && names[i] && strcmp(names[i], name))
        i++;
    if (names[i])
        b->precision = (enum prism_precision)i;
    else
        cli_error("--precision is '%s'; expected fp32, fp64, tf32, bf16 or fp16", name);
    return names[i] != NULL;
}

static bool options(struct bench *b, double *tolerance)
{
    double threads, n_samples, n_epochs;
    const struct cli *cli = b->cli;
    if (!number(cli, "threads", 0, 4096, 0, &threads) || !number(cli, "seconds", 0, 3600, 0.3, &b->seconds) ||
        !number(cli, "n-samples", 1, 100000, 0, &n_samples) || !number(cli, "n-epochs", 1, 100000, 0, &n_epochs) ||
        !number(cli, "tolerance", 0, 1e6, 10, tolerance) || !precision(b))
        return false;
    *tolerance /= 100;
    b->n_samples = (int)n_samples;
    b->n_epochs = (int)n_epochs;
    b->only = cli_get(cli, "only");
    b->sizes = cli_get(cli, "sizes");
    b->output = cli_get(cli, "output");
    b->dev_params = (struct prism_dev_params){.backend = cli_get(cli, "backend"),
                                              .plugin_path = cli_get(cli, "plugin-path"),
                                              .threads = (int)threads,
                                              .plan_effort = PRISM_PLAN_MEASURE,
                                              .plain = cli_has(cli, "plain")};
    return true;
}

/* ---- suites ---- */

enum suite { OPS, FFT, STEP, RECON, BASELINE, PHASE5, CACHE, AMP, TABLE };
static const char *const suites[] = {"ops", "fft", "step", "recon", "baseline", "phase5", "cache", "amp", "table", NULL};

/* EXIT_USAGE after an error line where the command line names nothing that there is. */
static int choose(const struct cli *cli, enum suite *out)
{
    static const char *const parts[] = {"baseline", "optimized", "compare", "profile", "all", NULL};
    int i = 0, part = 0;
    while (suites[i] && strcmp(suites[i], cli->args[0]))
        i++;
    if (!suites[i]) {
        cli_error("unknown suite '%s'%s ('prism bench --help' lists them)", cli->args[0],
                  cli_suggest(cli->args[0], "", suites, -1));
        return EXIT_USAGE;
    }
    *out = (enum suite)i;
    if (cli->n_args == 1)
        return 0;
    while (i == PHASE5 && parts[part] && strcmp(parts[part], cli->args[1]))
        part++;
    if (i != PHASE5 || !parts[part]) {
        cli_error("'prism bench %s' has no part '%s'%s", suites[i], cli->args[1],
                  i == PHASE5 ? cli_suggest(cli->args[1], "", parts, -1) : "");
        return EXIT_USAGE;
    }
    return 0;
}

static int run_suite(struct bench *b, enum suite suite)
{
    switch (suite) {
    case OPS:
        return bench_ops(b);
    case FFT:
        return bench_fft(b);
    case STEP:
        return bench_step(b);
    case RECON:
        return bench_recon(b);
    case BASELINE:
        return bench_baseline(b);
    case PHASE5:
        return bench_phase5(b, b->cli->n_args > 1 ? b->cli->args[1] : "all");
    case CACHE:
        return bench_cache(b);
    case AMP:
        return bench_amp(b);
    default:
        return bench_table(b);
    }
}

static int measure(struct bench *b, enum suite suite, double tolerance, bool *passed)
{
    const char *json = cli_get(b->cli, "json"), *check = cli_get(b->cli, "check");
    const struct bench_mark start = {0};
    int worse = 0;
    double began = bench_now_ms();
    const struct prism_cache_params cache = {.budget = {[PRISM_CACHE_GRIDS] = (size_t)64 << 20,
                                                        [PRISM_CACHE_APERTURES] = (size_t)16 << 20,
                                                        [PRISM_CACHE_CONSTANTS] = (size_t)64 << 20,
                                                        [PRISM_CACHE_MEASUREMENTS] = (size_t)64 << 20}};
    PRISM_TRY(prism_cache_create(&cache, &b->cache));
    PRISM_TRY(prism_dev_open(b->ctx, &b->dev_params, &b->dev));
    PRISM_TRY(bench_watch(b->ctx, b->dev));
    bench_print(b, "%s\n%s: %s\n", cli_version_line(), prism_dev_backend(b->dev), b->dev->caps.device);
    bench_add_fact(b, "device/open", bench_now_ms() - began, "ms");
    PRISM_TRY(bench_roofs(b));
    PRISM_TRY(run_suite(b, suite));
    if (check)
        PRISM_TRY(bench_check(b, check, tolerance, &worse));
    if (json)
        PRISM_TRY(bench_write_json(b, json, start));
    PRISM_TRY(bench_report(b, suites[suite], suites[suite], start));
    *passed = worse == 0;
    for (int i = 0; i < b->n_verdicts; i++)
        *passed = *passed && b->verdicts[i].ok;
    return 0;
}

int bench_main(struct cli *cli)
{
    struct bench b = {.cli = cli};
    double tolerance;
    enum suite suite;
    bool passed = false;
    if (choose(cli, &suite) || !options(&b, &tolerance))
        return EXIT_USAGE;
    b.ctx = cli_ctx(false);
    if (!b.ctx)
        return EXIT_FAILED;
    int status = measure(&b, suite, tolerance, &passed);
    if (status)
        cli_fail(b.ctx, EXIT_FAILED);
    bench_unwatch(b.dev);
    prism_dev_close(&b.dev);
    prism_cache_destroy(&b.cache);
    prism_ctx_destroy(&b.ctx);
    bench_release(&b);
    return status == PRISM_EINVAL || status == PRISM_ENOTSUP ? EXIT_USAGE : status || !passed ? EXIT_FAILED : EXIT_DONE;
}
