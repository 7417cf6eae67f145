/* prism bench: the command; what it runs is in benchmarks/. */
#include "cli/cli.h"

#include "prismi_config.h"

static const struct cli_opt opts[] = {
    {.name = "backend", .letter = 'b', .arg = "NAME", .words = "auto ref cpu cuda", .doc = "what computes; default: auto"},
    {.name = "plugin-path", .arg = "DIR", .words = "@dir", .doc = "folder of backend plugins; default as in 'prism info'"},
    {.name = "threads", .letter = 't', .arg = "N", .doc = "threads; 0, the default: all cores"},
    {.name = "plain",
     .doc = "general methods only: fused operations composed, no kernels for particular shapes; to find a faulty one"},
    {.name = "seconds", .arg = "S", .doc = "how long to repeat a case, at least 5 times; default: 0.3"},
    {.name = "only", .arg = "TEXT", .doc = "only cases whose name contains it"},
    {.name = "sizes", .arg = "N/O,...", .doc = "grids and objects in pixels, instead of a suite's own"},
    {.name = "precision", .arg = "NAME", .words = "fp32 tf32 bf16 fp16 fp64", .doc = "step: of the arithmetic; default: fp32"},
    {.name = "operation",
     .arg = "WHAT",
     .words = "all fft model training full",
     .doc = "baseline: fft, model, training, full or all; default: all"},
    {.name = "n-samples", .arg = "N", .doc = "apertures, instead of a workload's own number"},
    {.name = "n-epochs", .arg = "N", .doc = "steps a sample, instead of a workload's own number"},
    {.name = "json", .letter = 'j', .arg = "FILE", .words = "@file", .doc = "write all results in Google Benchmark's layout"},
    {.name = "output", .letter = 'o', .arg = "DIR", .words = "@dir", .doc = "write reports (.json, .txt, .svg) into this folder"},
    {.name = "check",
     .arg = "FILE",
     .words = "@file",
     .doc = "compare medians with an earlier --json file; exit 1 where one is worse"},
    {.name = "tolerance", .arg = "P%", .doc = "how much slower is worse, for --check; default: 10%"},
};

static int run(struct cli *cli)
{
#if PRISMI_HAVE_BENCHMARKS
    return bench_main(cli);
#else
    (void)cli;
    cli_error("this prism was built without benchmarks; build it with 'meson setup -Dbenchmarks=enabled'");
    return EXIT_USAGE;
#endif
}

const struct cli_command cli_bench = {
    .name = "bench",
    .args = "SUITE [PART]",
    .doc = "time operations, steps and whole workloads",
    .text =
        "Time a suite and check its results in the same run. Times are of calls that end with a wait for the device: the first "
        "call, then minimum, median and 95th percentile, and the share of what the measured memory rate and matrix product allow.\n"
        "\n"
        "  ops        every operation of a training step\n"
        "  fft        transforms by size: plan, first call, steady state\n"
        "  step       one training step\n"
        "  recon      a small reconstruction to a fixed loss\n"
        "  baseline   transforms, decoder, training, memory at 1024\n"
        "  phase5     baseline, optimized, compare, profile or all (the default):\n"
        "             100 samples the naive way and the library's way\n"
        "  cache      repeated measurements: one sample, and 20 samples x 50 epochs\n"
        "  amp        steps in fp32, tf32, bf16, fp16\n"
        "  table      baseline, phase5, cache and amp as one table of the documents' rows\n"
        "\n"
        "Exit status 1: a result was wrong, a target missed, or --check found a slower median.",
    .opts = opts,
    .n_opts = CLI_COUNT(opts),
    .min_args = 1,
    .max_args = 2,
    .words = "ops fft step recon baseline phase5 cache amp table",
    .run = run,
};
