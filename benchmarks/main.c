/* prism-bench: options, device, the suite, then files and exit code. */
#include "bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- options ---- */

/* Reads a number in [low, high]; *out is `unset` without the option. Returns
 * false after an error line. */
static bool number(const struct cli *cli, const char *name, double low, double high, double unset,
                   double *out)
{
    const char *text = cli_get(cli, name);
    char *end;
    *out = unset;
    if (!text)
        return true;
    *out = strtod(text, &end);
    if (end != text && (!*end || (!strcmp(end, "%") && !strcmp(name, "tolerance"))) &&
        *out >= low && *out <= high)
        return true;
    cli_error("--%s is '%s'; expected a number from %g to %g", name, text, low, high);
    return false;
}

static bool precision(struct bench *b)
{
    static const char *const names[] = {"fp32", "fp64", "tf32", "bf16",
                                        "fp16", NULL}; /* in the order of enum prism_precision */
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
    if (!number(cli, "threads", 0, 4096, 0, &threads) ||
        !number(cli, "seconds", 0, 3600, 0.3, &b->seconds) ||
        !number(cli, "n-samples", 1, 100000, 0, &n_samples) ||
        !number(cli, "n-epochs", 1, 100000, 0, &n_epochs) ||
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

static const char *const progressive_parts[] = {"baseline", "optimized", "compare",
                                                "profile",  "all",       NULL};

struct suite {
    const char *name, *doc;
    int (*run)(struct bench *b);
    const char *const *parts; /* NULL-terminated, the last is the default; NULL: no parts */
};

/* The suites. Help, completion and man page come from this table. */
static const struct suite suites[] = {
    {"ops", "the operations of a training step", bench_ops, NULL},
    {"fft", "transforms by size: plan, first call, steady state", bench_fft, NULL},
    {"step", "one training step", bench_step, NULL},
    {"recon", "a small reconstruction to a fixed loss", bench_recon, NULL},
    {"parts", "the parts of a run at 1024 (document A)", bench_parts, NULL},
    {"progressive-100", "100 samples, the naive and the library's way (B)", bench_progressive_100,
     progressive_parts},
    {"cache", "measurements asked for again: 20 samples x 50 steps (B)", bench_cache, NULL},
    {"precision", "steps in fp32, tf32, bf16, fp16 (C)", bench_precision, NULL},
    {"table", "all rows of the documents, our number beside theirs", bench_table, NULL},
};

/* Old names of suites. */
static const struct {
    const char *old, *name;
} renamed[] = {{"baseline", "parts"}, {"phase5", "progressive-100"}, {"amp", "precision"}};

const char *bench_suite_renamed(const char *old, size_t n)
{
    for (int i = 0; i < CLI_COUNT(renamed); i++)
        if (strlen(renamed[i].old) == n && !strncmp(renamed[i].old, old, n))
            return renamed[i].name;
    return NULL;
}

/* The suite that the command line names, and its part in b->part; NULL after an
 * error line. */
static const struct suite *choose(struct bench *b)
{
    const struct cli *cli = b->cli;
    const char *names[CLI_COUNT(suites) + 1] = {NULL};
    const char *renamed_to = bench_suite_renamed(cli->args[0], strlen(cli->args[0]));
    const char *name = renamed_to ? renamed_to : cli->args[0];
    const struct suite *s = NULL;
    if (renamed_to)
        cli_warn("suite %s is now called %s; the old name still works", cli->args[0], name);
    for (int i = 0; i < CLI_COUNT(suites); i++) {
        names[i] = suites[i].name;
        if (!strcmp(names[i], name))
            s = &suites[i];
    }
    if (!s) {
        cli_error("unknown suite '%s'%s ('prism-bench --help' lists the suites)", cli->args[0],
                  cli_suggest(cli->args[0], "", names, -1));
        return NULL;
    }
    for (int i = 0; s->parts && s->parts[i]; i++)
        if (cli->n_args == 1 || !strcmp(s->parts[i], cli->args[1]))
            b->part = s->parts[i];
    if (cli->n_args > 1 && !b->part) {
        cli_error("'prism-bench %s' has no part '%s'%s", s->name, cli->args[1],
                  s->parts ? cli_suggest(cli->args[1], "", s->parts, -1) : "");
        return NULL;
    }
    return s;
}

static int measure(struct bench *b, const struct suite *suite, double tolerance, bool *passed)
{
    const char *json = cli_get(b->cli, "json"), *check = cli_get(b->cli, "check");
    const struct bench_mark start = {0};
    int worse = 0;
    double began = bench_now_ms();
    const struct prism_cache_params cache = {
        .budget = {[PRISM_CACHE_GRIDS] = (size_t)64 << 20,
                   [PRISM_CACHE_APERTURES] = (size_t)16 << 20,
                   [PRISM_CACHE_CONSTANTS] = (size_t)64 << 20,
                   [PRISM_CACHE_MEASUREMENTS] = (size_t)64 << 20}};
    PRISM_TRY(prism_cache_create(&cache, &b->cache));
    PRISM_TRY(prism_dev_open(b->ctx, &b->dev_params, &b->dev));
    PRISM_TRY(bench_watch(b->ctx, b->dev));
    bench_print(b, "%s\n%s: %s\n", cli_version_line(), prism_dev_backend(b->dev),
                b->dev->caps.device);
    bench_add_fact(b, "device/open", bench_now_ms() - began, "ms");
    PRISM_TRY(bench_roofs(b));
    PRISM_TRY(suite->run(b));
    if (check)
        PRISM_TRY(bench_check(b, check, tolerance, &worse));
    if (json)
        PRISM_TRY(bench_write_json(b, json, start));
    PRISM_TRY(bench_report(b, suite->name, suite->name, start));
    *passed = worse == 0;
    for (int i = 0; i < b->n_verdicts; i++)
        *passed = *passed && b->verdicts[i].ok;
    return 0;
}

static int run(struct cli *cli)
{
    struct bench b = {.cli = cli};
    double tolerance;
    bool passed = false;
    const struct suite *suite = choose(&b);
    if (!suite || !options(&b, &tolerance))
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
    return status == PRISM_EINVAL || status == PRISM_ENOTSUP ? EXIT_USAGE
           : status || !passed                               ? EXIT_FAILED
                                                             : EXIT_DONE;
}

/* ---- the program ---- */

static char text[4096], words[256];
static const struct cli_opt opts[] = {
    {.name = "backend",
     .letter = 'b',
     .arg = "NAME",
     .words = "auto ref cpu cuda",
     .doc = "where to compute; default: auto"},
    {.name = "plugin-path",
     .arg = "DIR",
     .words = "@dir",
     .doc = "folder of backend plugins; default as in 'prism info'"},
    {.name = "threads", .letter = 't', .arg = "N", .doc = "threads; 0, the default: all cores"},
    {.name = "plain",
     .doc = "use general methods only: no fused operations, no kernels for particular shapes; "
            "slower, helps to find a faulty kernel"},
    {.name = "seconds",
     .arg = "S",
     .doc = "seconds to repeat a case, at least 5 times; default: 0.3"},
    {.name = "only", .arg = "TEXT", .doc = "run only the cases whose name contains TEXT"},
    {.name = "sizes",
     .arg = "N/O,...",
     .doc = "sides of grid and object in pixels, instead of the suite's own"},
    {.name = "precision",
     .arg = "NAME",
     .words = "fp32 tf32 bf16 fp16 fp64",
     .doc = "arithmetic of suite step; default: fp32"},
    {.name = "operation",
     .arg = "WHAT",
     .words = "all fft model training full",
     .doc = "part of suite parts: fft, model, training, full or all; default: all"},
    {.name = "n-samples", .arg = "N", .doc = "number of apertures, instead of the workload's own"},
    {.name = "n-epochs", .arg = "N", .doc = "steps per sample, instead of the workload's own"},
    {.name = "json",
     .letter = 'j',
     .arg = "FILE",
     .words = "@file",
     .doc = "write all results in Google Benchmark's layout"},
    {.name = "output",
     .letter = 'o',
     .arg = "DIR",
     .words = "@dir",
     .doc = "write reports (.json, .txt, .svg) into this folder"},
    {.name = "check",
     .arg = "FILE",
     .words = "@file",
     .doc = "compare medians with an earlier --json file; exit status 1 if one is slower by more "
            "than --tolerance"},
    {.name = "tolerance", .arg = "P%", .doc = "tolerance of --check; default: 10%"},
};

static const struct cli_command command = {
    .name = "",
    .args = "SUITE [PART]",
    .text = text,
    .opts = opts,
    .n_opts = CLI_COUNT(opts),
    .min_args = 1,
    .max_args = 2,
    .words = words,
    .run = run,
};
static const struct cli_command *const commands[] = {&command, NULL};
const struct cli_program cli_program = {.name = "prism-bench",
                                        .doc =
                                            "time operations, steps and whole workloads of PRISM",
                                        .commands = commands};

/* Writes the texts that list the suites. */
static void describe(void)
{
    size_t n = (size_t)snprintf(
        text, sizeof text,
        "Time a suite of cases and check their results in the same run. A timed call includes the "
        "wait for the device. Printed are the first call, then minimum, median and 95th percentile "
        "of the others, and the speed as a share of what the measured memory rate and matrix "
        "product allow. A, B and C are the documents that docs/benchmarks.md names.\n\n");
    for (int i = 0; i < CLI_COUNT(suites); i++) {
        const struct suite *s = &suites[i];
        n += (size_t)snprintf(text + n, sizeof text - n, "  %-15s %s\n", s->name, s->doc);
        if (s->parts) {
            n += (size_t)snprintf(text + n, sizeof text - n, "  %-15s parts:", "");
            for (int k = 0; s->parts[k]; k++)
                n += (size_t)snprintf(text + n, sizeof text - n, " %s%s", s->parts[k],
                                      s->parts[k + 1] ? "" : " (the default)\n");
        }
        snprintf(words + strlen(words), sizeof words - strlen(words), "%s%s", i ? " " : "",
                 s->name);
    }
    snprintf(
        text + n, sizeof text - n,
        "\nExit status 1: a result was wrong, a target missed, or --check found a slower median.");
}

static int dump(const char *what)
{
    if (what && !strcmp(what, "man")) {
        cli_man_head(text);
        cli_man_command(&command);
        cli_man_options();
        return EXIT_DONE;
    }
    if (what && !strcmp(what, "bash")) {
        cli_bash();
        return EXIT_DONE;
    }
    cli_error("--dump needs 'man' or 'bash'");
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    struct cli cli;
    describe();
    if (argc > 1 && !strcmp(argv[1], "--dump")) /* for the build: man page and completion */
        return cli_end(dump(argv[2]));
    if (argc > 1 && !strcmp(argv[1], "--version")) {
        printf("%s\n", cli_version_line());
        return cli_end(EXIT_DONE);
    }
    int code = cli_parse(&command, argc, argv, &cli);
    if (!code && cli_has(&cli, "help"))
        cli_help(stdout, &command);
    else if (!code)
        code = run(&cli);
    cli_release(&cli);
    return cli_end(code);
}
