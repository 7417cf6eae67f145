/* The rows of source documents A, B and C that this device can answer, with ours beside theirs: a table in Markdown. */
#include "bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What of a time; FACT: the number of a fact. */
enum pick { MEDIAN, FIRST, LEAST, MOST, MEAN, TOTAL, FACT };

struct row {
    const char *id, *what;
    const char *theirs; /* what the document says */
    const char *result; /* name of ours */
    enum pick pick;
    double limit; /* ours has to be at most, where negative at least |limit|; 0 = no limit */
    const char *remark;
};

/* Limits are those for a CPU with two cores. MEAN, MOST and TOTAL are over all calls, the first included, as in the documents. */
static const struct row rows[] = {
    {"A1", "FFT forward 1024, 100 calls, mean", "5.5 ms", "baseline/fft/forward", MEAN, 9.4, ""},
    {"A2", "its minimum", "0.1 ms", "baseline/fft/forward", LEAST, 0, ""},
    {"A2", "its maximum", "539.2 ms", "baseline/fft/forward", MOST, 0, ""},
    {"A2", "its total", "553.2 ms", "baseline/fft/forward", TOTAL, 0, ""},
    {"A3", "its steady state", "0.14 ms (text: 0.5)", "baseline/fft/forward", MEDIAN, 9.4, "theirs on a GPU"},
    {"A4", "FFT inverse 1024, 100 calls, mean", "0.456 ms", "baseline/fft/inverse", MEAN, 9.5, "theirs on a GPU"},
    {"A5", "round trip, 100 calls, mean", "1.26 ms", "baseline/fft/round-trip", MEAN, 23.6, "theirs on a GPU"},
    {"A6", "centred FFT against the plain one", "", "baseline/fft/centred-ratio", FACT, 0,
     "only propagators need it; a measurement shifts nothing"},
    {"A7", "first FFT call", "540 ms", "baseline/fft/forward", FIRST, 50, ""},
    {"A7", "opening the device", "not apart", "device/open", FACT, 0, ""},
    {"A7", "plans and buffers", "not apart", "baseline/fft/setup", FACT, 0, "once; candidates are timed"},
    {"A8", "FFT memory", "28 MB", "baseline/fft/memory", FACT, 0, "two buffers, and the factors of the centred one"},
    {"A9", "growth over 10 000 transforms", "24 MB over 100", "baseline/growth/transforms", FACT, 0, "0 is required"},
    {"A10", "growth over 10 000 steps", "576 MB projected", "baseline/growth/steps", FACT, 0, "0 is required"},
    {"A11", "decoder creation, 1024 to 512", "265.2 ms", "baseline/model/create", FIRST, 46, "weights included; pages seen first"},
    {"A11", "the same again", "", "baseline/model/create", MEDIAN, 46, ""},
    {"A12", "forward, 50 calls, mean", "6.4 ms", "baseline/model/forward", MEAN, 0, "theirs on a GPU"},
    {"A13", "its steady state", "1.02 ms", "baseline/model/forward", MEDIAN, 27.8, "theirs on a GPU"},
    {"A14", "forward for training, mean", "5.7 ms", "baseline/model/forward", MEAN, 0, "there is one forward pass"},
    {"A15", "its steady state", "1.92 ms", "baseline/model/forward", MEDIAN, 35, "theirs on a GPU"},
    {"A16", "first forward", "270 ms", "baseline/model/forward", FIRST, 50, ""},
    {"A17", "weights", "42.70 MB", "baseline/model/weights", FACT, 43.1, "42.68 MiB are right"},
    {"A18", "activations", "+4 MB", "baseline/model/activations", FACT, 0, "for training, with gradients"},
    {"A19", "gradients stored", "not counted", "baseline/model/gradients", FACT, 0, ""},
    {"A19", "moments", "not counted", "baseline/model/moments", FACT, 0, ""},
    {"A20", "forward, backward, Adam", "", "baseline/model/iteration", MEDIAN, 85, ""},
    {"A24", "peak on the device", "743 MB, target 500", "baseline/full/device", FACT, 500, ""},
    {"A24", "peak resident", "", "baseline/full/resident", FACT, 500, "a CPU's device memory is part of it"},
    {"A25", "part of a step: forward", "1.5 ms, estimated", "baseline/split/forward", MEDIAN, 0, ""},
    {"A25", "telescope", "5 ms, estimated", "baseline/split/telescope", MEDIAN, 0, ""},
    {"A25", "loss", "1 ms, estimated", "baseline/split/loss", MEDIAN, 0, ""},
    {"A25", "backward", "2 ms, estimated", "baseline/split/backward", FACT, 0, ""},
    {"A25", "Adam", "0.5 ms, estimated", "baseline/split/adam", MEDIAN, 0, ""},
    {"A26", "240 samples x 100 steps", "240 s, estimated", "baseline/full/240x100", FACT, 0, "projected from a shorter run"},
    {"A29", "checkpoint", "1 to 2 s", "baseline/checkpoint", MEDIAN, 0, "in the run, on this disk"},
    {"A31", "16 points in a batch against a loop, fields", "", "baseline/points/gain", FACT, 0,
     "all that is shared is the spectrum"},
    {"A31", "the same, loss and gradient", "", "baseline/points/gradient/gain", FACT, -2, "as in a step of the joint objective"},
    {"A32", "time per sample over the run", "grows", "baseline/full/drift", FACT, 2,
     "outermost apertures first: a smaller union of them is less to transform"},
    {"B3", "naive, time per sample", "50 to 100 ms", "phase5/baseline/sample", MEAN, 0,
     "the original's arrangement; convolutions as patches and products"},
    {"B4", "naive, rate", "10 to 20 /s", "phase5/baseline/rate", FACT, 0, ""},
    {"B5", "naive, hits", "0", "phase5/baseline/hits", FACT, 0, ""},
    {"B6", "library, time per sample", "5 to 10 ms", "phase5/optimized/sample", MEAN, 20, "theirs was never measured"},
    {"B7", "library, rate", "100 to 200 /s", "phase5/optimized/rate", FACT, -50, ""},
    {"B8", "library, hits", "80 to 90 %", "phase5/optimized/hits", FACT, 0, "distinct samples, one step each: nothing can hit"},
    {"B9", "naive, run", "2 to 3 min", "phase5/baseline/total", FACT, 0, ""},
    {"B10", "library, run", "20 to 30 s", "phase5/optimized/total", FACT, 2, ""},
    {"B11", "an angular spectrum propagator made again, its transfer function kept", "1.05 to 1.1 times", "cache/grids/gain", FACT,
     -1, "a run makes none"},
    {"B12", "a plan kept against a plan made each time", "1.0 to 1.2 times", "fft/1024/plan-gain", FACT, -1, ""},
    {"B12", "candidates found before against timing them", "1.0 to 1.2 times", "cache/plans/gain", FACT, -1, "once a length"},
    {"B13", "measuring anew", "", "cache/measurements/without", MEDIAN, 0, ""},
    {"B13", "a repeat from the cache", "16 times", "cache/measurements/with", MEDIAN, 1e-3, ""},
    {"B16", "library against naive", "3 to 5 times", "phase5/speed-up", FACT, -5, "naive: as in B3, on the same transforms"},
    {"B16", "of it, the arrangement's part", "", "phase5/arrangement", FACT, 0, ""},
    {"B19", "PSNR of the naive way", "", "phase5/baseline/psnr", FACT, 0, ""},
    {"B19", "PSNR of the library's way", "within 1 dB", "phase5/optimized/psnr", FACT, 0, "100 samples amplify last bits"},
    {"B19", "PSNR, both from the same weights", "within 1 dB", "phase5/psnr-change", FACT, 0.1, "of either way's output"},
    {"B20", "peak resident", "2 GB", "phase5/optimized/peak", FACT, 256, "the program has run other suites before"},
    {"B20", "spread of five runs' medians", "consistent", "phase5/optimized/spread", FACT, 3, ""},
    {"B21", "20 x 50, hits", "985", "cache/workload/hits", FACT, -980, ""},
    {"B21", "20 x 50, misses", "20", "cache/workload/misses", FACT, 20, ""},
    {"B21", "20 x 50, a step", "15.9 ms", "cache/workload/step", MEDIAN, 18, ""},
    {"B21", "20 x 50, a naive step", "14.9 ms", "cache/workload/naive", MEDIAN, 0, "as in B3"},
    {"C2", "transfer function of one propagator", "0", "cache/grids/bytes", FACT, 0, "exact"},
    {"C4", "hits of two sessions on one data set, every kind", "80 to 90 %", "cache/run/rate", FACT, 0, "of one: B8"},
    {"C5", "cache entry at 512", "1 to 5 MB", "cache/entry", FACT, 0, "exact"},
    {"C3", "cache held by 20 samples", "100 to 500 MB", "cache/workload/bytes", FACT, 0, "exact"},
    {"C9", "bf16 at 512", "0.90 to 0.95 times", "amp/512/256/bf16/speed", FACT, 0, ""},
    {"C10", "bf16 at 1024", "1.20 to 1.25 times", "amp/1024/512/bf16/speed", FACT, 0, ""},
    {"C11", "bf16 at 2048", "1.25 to 1.30 times", "amp/2048/1024/bf16/speed", FACT, 0, ""},
    {"C15", "folded network, forward", "", "baseline/model/folded", MEDIAN, 0, "against A13"},
    {"C15", "its gain", "10 to 20 %", "baseline/model/folded-gain", FACT, -1.1, ""},
    {"C17", "a whole step at 1024", "", "amp/1024/512/fp32", MEDIAN, 0, "with Adam, waited for"},
    {"C18", "1000 pixels a point against 1024", "", "fft/1000/per-point", FACT, 2, ""},
    {"C18", "1536 pixels a point against 2048", "", "fft/1536/per-point", FACT, 2, ""},
};

/* NaN where there is none; the unit of a fact into *unit. */
static double value_of(const struct bench *b, const struct row *r, const char **unit)
{
    const struct bench_time *t = bench_time_of(b, r->result);
    *unit = "ms";
    if (r->pick == FACT) {
        for (int i = 0; i < b->n_facts; i++)
            if (!strcmp(b->facts[i].name, r->result))
                *unit = b->facts[i].unit;
        return bench_fact_of(b, r->result);
    }
    if (!t)
        return NAN;
    switch (r->pick) {
    case FIRST:
        return t->first_ms;
    case LEAST:
        return t->min_ms;
    case MOST:
        return fmax(t->first_ms, t->max_ms);
    case MEAN:
        return t->total_ms / t->calls;
    case TOTAL:
        return t->total_ms;
    default:
        return t->median_ms;
    }
}

static void write_row(struct prismi_text *t, const struct bench *b, const struct row *r)
{
    const char *unit;
    double ours = value_of(b, r, &unit);
    bool met = r->limit < 0 ? ours >= -r->limit : ours <= r->limit;
    prismi_text_add(t, "| %s | %s | %s | ", r->id, r->what, *r->theirs ? r->theirs : "not given");
    if (isnan(ours))
        prismi_text_add(t, "not measured here");
    else
        prismi_text_add(t, "%.4g %s", ours, unit);
    prismi_text_add(t, " | ");
    if (r->limit != 0)
        prismi_text_add(t, "%s %.4g: %s", r->limit < 0 ? "at least" : "at most", fabs(r->limit),
                        isnan(ours) ? "open"
                        : met       ? "met"
                                    : "**missed**");
    prismi_text_add(t, " | %s |\n", r->remark);
}

/* Line by line: what prints takes lines of a bounded length. */
static void print_lines(struct bench *b, const char *text)
{
    bench_print(b, "\n");
    for (size_t n; *text; text += n + (text[n] == '\n')) {
        n = strcspn(text, "\n");
        bench_print(b, "%.*s\n", (int)n, text);
    }
}

int bench_table(struct bench *b)
{
    struct prismi_text t = {0};
    PRISM_TRY(bench_baseline(b));
    PRISM_TRY(bench_fft(b));
    b->part = "all";
    PRISM_TRY(bench_phase5(b));
    PRISM_TRY(bench_amp(b));
    prismi_text_add(&t, "| row | what | document | ours | required | |\n|---|---|---|---|---|---|\n");
    for (int i = 0; i < CLI_COUNT(rows); i++)
        write_row(&t, b, &rows[i]);
    int status = t.failed ? PRISM_FAIL(b->ctx, PRISM_ENOMEM, "no memory for a table") : bench_write_text(b, "table.md", t.text);
    if (!status)
        print_lines(b, t.text);
    free(t.text);
    return status;
}
