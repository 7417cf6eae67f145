/* The rows of source documents A, B and C that a device can answer, with the
 * requirement of each. docs/benchmarks.md says what the documents are. */
#include "rows.h"

#include <math.h>
#include <string.h>

/* Limits hold for a CPU with two cores. MEAN, MOST and TOTAL include the first
 * call, as in the documents. */
const struct bench_row bench_rows[] = {
    {"A1", "FFT forward 1024, 100 calls, mean", "5.5 ms", "parts/fft/forward", MEAN, AT_MOST, 9.4,
     ""},
    {"A2", "its minimum", "0.1 ms", "parts/fft/forward", LEAST, NO_LIMIT, 0, ""},
    {"A2", "its maximum", "539.2 ms", "parts/fft/forward", MOST, NO_LIMIT, 0, ""},
    {"A2", "its total", "553.2 ms", "parts/fft/forward", TOTAL, NO_LIMIT, 0, ""},
    {"A3", "its steady state", "0.14 ms (text: 0.5)", "parts/fft/forward", MEDIAN, AT_MOST, 9.4,
     "theirs on a GPU"},
    {"A4", "FFT inverse 1024, 100 calls, mean", "0.456 ms", "parts/fft/inverse", MEAN, AT_MOST, 9.5,
     "theirs on a GPU"},
    {"A5", "round trip, 100 calls, mean", "1.26 ms", "parts/fft/round-trip", MEAN, AT_MOST, 23.6,
     "theirs on a GPU"},
    {"A6", "centred FFT against the plain one", "", "parts/fft/centred-ratio", FACT, AT_MOST, 1.05,
     "24 flop a pixel more than 100: memory must hide them; a measurement shifts no pixels"},
    {"A7", "first FFT call", "540 ms", "parts/fft/forward", FIRST, AT_MOST, 50, ""},
    {"A7", "opening the device", "not apart", "device/open", FACT, NO_LIMIT, 0, ""},
    {"A7", "plans and buffers", "not apart", "parts/fft/setup", FACT, NO_LIMIT, 0,
     "done once; candidates are timed"},
    {"A8", "FFT memory", "28 MB", "parts/fft/memory", FACT, NO_LIMIT, 0,
     "two buffers, and the factors of the centred one"},
    {"A9", "growth over 10 000 transforms", "24 MB over 100", "parts/growth/transforms", FACT,
     AT_MOST, 0, ""},
    {"A10", "growth over 10 000 steps", "576 MB projected", "parts/growth/steps", FACT, AT_MOST, 0,
     ""},
    {"A11", "decoder creation, 1024 to 512", "265.2 ms", "parts/model/create", FIRST, AT_MOST, 46,
     "weights included; pages seen first"},
    {"A11", "its floor: touching as many fresh bytes", "", "parts/model/pages", FACT, NO_LIMIT, 0,
     "a virtual machine whose host provides pages late takes 20 times as long"},
    {"A11", "the same again", "", "parts/model/create", MEDIAN, AT_MOST, 46, ""},
    {"A12", "forward, 50 calls, mean", "6.4 ms", "parts/model/forward", MEAN, AT_MOST, 3,
     "theirs on a GPU; floor 3.6 ms: 0.53 GFLOP at 269 GFLOP/s, 45 MB of weights at 28.6 GB/s"},
    {"A13", "its steady state", "1.02 ms", "parts/model/forward", MEDIAN, AT_MOST, 27.8,
     "theirs on a GPU"},
    {"A14", "forward for training, mean", "5.7 ms", "parts/model/forward", MEAN, NO_LIMIT, 0,
     "training and inference have the same forward pass"},
    {"A15", "its steady state", "1.92 ms", "parts/model/forward", MEDIAN, AT_MOST, 35,
     "theirs on a GPU"},
    {"A16", "first forward", "270 ms", "parts/model/forward", FIRST, AT_MOST, 50, ""},
    {"A17", "weights", "42.70 MB", "parts/model/weights", FACT, AT_MOST, 43.1,
     "42.68 MiB are right"},
    {"A18", "activations, inference", "+4 MB", "parts/model/inference", FACT, AT_MOST, 4,
     "the floor is 6 MiB: input and output of the last up-sampling (docs/networks.md)"},
    {"A19", "activations, training", "+20.94 MB", "parts/model/activations", FACT, NO_LIMIT, 0,
     "with their gradients"},
    {"A19", "gradients stored", "not counted", "parts/model/gradients", FACT, NO_LIMIT, 0, ""},
    {"A19", "moments", "not counted", "parts/model/moments", FACT, NO_LIMIT, 0, ""},
    {"A20", "forward, backward, Adam", "", "parts/model/iteration", MEDIAN, AT_MOST, 85, ""},
    {"A24", "peak on the device", "743 MB, target 500", "parts/full/device", FACT, AT_MOST, 500,
     ""},
    {"A24", "peak resident", "", "parts/full/resident", FACT, AT_MOST, 500,
     "a CPU's device memory is part of it"},
    {"A25", "part of a step: forward", "1.5 ms, estimated", "parts/split/forward", MEDIAN, NO_LIMIT,
     0, ""},
    {"A25", "telescope", "5 ms, estimated", "parts/split/telescope", MEDIAN, NO_LIMIT, 0, ""},
    {"A25", "loss", "1 ms, estimated", "parts/split/loss", MEDIAN, NO_LIMIT, 0, ""},
    {"A25", "backward", "2 ms, estimated", "parts/split/backward", FACT, NO_LIMIT, 0, ""},
    {"A25", "Adam", "0.5 ms, estimated", "parts/split/adam", MEDIAN, NO_LIMIT, 0, ""},
    {"A26", "240 samples x 100 steps", "240 s, estimated", "parts/full/240x100", FACT, NO_LIMIT, 0,
     "computed from a shorter run"},
    {"A29", "checkpoint, as long as the run waits", "1 to 2 s", "parts/checkpoint", MEDIAN, AT_MOST,
     100, "a copy of the state; a thread writes it"},
    {"A29", "until it is on this disk", "", "parts/checkpoint/disk", MEDIAN, NO_LIMIT, 0,
     "the next checkpoint waits for it"},
    {"A31", "16 points in a batch against a loop, fields", "", "parts/points/gain", FACT, AT_LEAST,
     2, "only the spectrum is shared: the next row but one bounds the gain"},
    {"A31", "the same, a loop that keeps all 16 fields too", "", "parts/points/gain-kept", FACT,
     NO_LIMIT, 0, "the fields are 128 MiB"},
    {"A31", "lines that the loop transforms against the batch's", "", "parts/points/bound", FACT,
     NO_LIMIT, 0, "exact; both rows of the gain miss their limit for this"},
    {"A31", "the same, loss and gradient", "", "parts/points/gradient/gain", FACT, AT_LEAST, 2,
     "bounded likewise; columns stay in the cache from a field to its gradient"},
    {"A32", "time per sample over the run", "grows", "parts/full/drift", FACT, AT_MOST, 2,
     "from the centre outwards: a growing union of apertures is more to transform"},
    {"B3", "naive, time per sample", "50 to 100 ms", "progressive-100/baseline/sample", MEAN,
     NO_LIMIT, 0, "the original's arrangement; convolutions as patches and products"},
    {"B4", "naive, rate", "10 to 20 /s", "progressive-100/baseline/rate", FACT, NO_LIMIT, 0, ""},
    {"B5", "naive, hits", "0", "progressive-100/baseline/hits", FACT, AT_MOST, 0, ""},
    {"B6", "library, time per sample", "5 to 10 ms", "progressive-100/optimized/sample", MEAN,
     AT_MOST, 20, "theirs was never measured"},
    {"B7", "library, rate", "100 to 200 /s", "progressive-100/optimized/rate", FACT, AT_LEAST, 50,
     ""},
    {"B8", "library, hits", "80 to 90 %", "progressive-100/optimized/hits", FACT, NO_LIMIT, 0,
     "samples are distinct and have one step: no request can hit"},
    {"B9", "naive, run", "2 to 3 min", "progressive-100/baseline/total", FACT, AT_MOST, 6.1, ""},
    {"B10", "library, run", "20 to 30 s", "progressive-100/optimized/total", FACT, AT_MOST, 2, ""},
    {"B11", "an angular spectrum propagator made again, its transfer function kept",
     "1.05 to 1.1 times", "cache/grids/gain", FACT, AT_LEAST, 1, "a run makes none"},
    {"B12", "a plan kept against a plan made each time", "1.0 to 1.2 times", "fft/1024/plan-gain",
     FACT, AT_LEAST, 1, ""},
    {"B12", "candidates found before against timing them", "1.0 to 1.2 times", "cache/plans/gain",
     FACT, AT_LEAST, 1, "once per length"},
    {"B13", "measuring anew", "", "cache/measurements/without", MEDIAN, NO_LIMIT, 0, ""},
    {"B13", "a repeat from the cache", "16 times", "cache/measurements/with", MEDIAN, AT_MOST, 1e-3,
     ""},
    {"B14", "SSIM, PSNR and RMSE on the device", "", "parts/metrics/device", MEDIAN, NO_LIMIT, 0,
     "of an image of 512 x 512"},
    {"B14", "against the host's functions", "1.05 to 1.1 times", "parts/metrics/gain", FACT,
     AT_LEAST, 1.05, "the host's are in double, on one thread"},
    {"B16", "library against naive", "3 to 5 times", "progressive-100/speed-up", FACT, AT_LEAST, 5,
     "naive as in B3: general kernels and unpruned transforms, on this library's memory and "
     "products"},
    {"B16", "against the naive arrangement on the library's own kernels", "",
     "progressive-100/arrangement", FACT, NO_LIMIT, 0, ""},
    {"B19", "PSNR of the naive way", "", "progressive-100/baseline/psnr", FACT, NO_LIMIT, 0, ""},
    {"B19", "PSNR of the library's way", "within 1 dB", "progressive-100/optimized/psnr", FACT,
     NO_LIMIT, 0, "100 samples amplify last bits"},
    {"B19", "PSNR, both from the same weights", "within 1 dB", "progressive-100/psnr-change", FACT,
     AT_MOST, 0.1, "difference of both ways' outputs"},
    {"B20", "peak resident", "2 GB", "progressive-100/optimized/peak", FACT, AT_MOST, 256,
     "the program has run other suites before"},
    {"B20", "spread of five runs' medians", "consistent", "progressive-100/optimized/spread", FACT,
     AT_MOST, 3, ""},
    {"B21", "20 x 50, hits", "985", "cache/workload/hits", FACT, AT_LEAST, 980, ""},
    {"B21", "20 x 50, misses", "20", "cache/workload/misses", FACT, AT_MOST, 20, ""},
    {"B21", "20 x 50, a step", "15.9 ms", "cache/workload/step", MEDIAN, AT_MOST, 18, ""},
    {"B21", "20 x 50, a naive step", "14.9 ms", "cache/workload/naive", MEDIAN, NO_LIMIT, 0,
     "as in B3"},
    {"C2", "transfer function of one propagator", "0", "cache/grids/bytes", FACT, NO_LIMIT, 0,
     "exact"},
    {"C4", "hits of two sessions on one data set, every kind", "80 to 90 %", "cache/run/rate", FACT,
     NO_LIMIT, 0, "of one: B8"},
    {"C5", "cache entry at 512", "1 to 5 MB", "cache/entry", FACT, NO_LIMIT, 0, "exact"},
    {"C3", "cache held by 20 samples", "100 to 500 MB", "cache/workload/bytes", FACT, NO_LIMIT, 0,
     "exact"},
    {"C6", "bytes read for the metrics", "none but one scalar", "parts/metrics/read", FACT, AT_MOST,
     20, "five numbers, exact"},
    {"C9", "bf16 at 512", "0.90 to 0.95 times", "precision/512/256/bf16/speed", FACT, AT_LEAST, 1,
     ""},
    {"C10", "bf16 at 1024", "1.20 to 1.25 times", "precision/1024/512/bf16/speed", FACT, AT_LEAST,
     1.25, ""},
    {"C11", "bf16 at 2048", "1.25 to 1.30 times", "precision/2048/1024/bf16/speed", FACT, AT_LEAST,
     1.3, ""},
    {"C15", "folded network, forward", "", "parts/model/folded", MEDIAN, NO_LIMIT, 0,
     "against A13"},
    {"C15", "its gain", "10 to 20 %", "parts/model/folded-gain", FACT, AT_LEAST, 1.1, ""},
    {"C17", "a whole step at 1024", "", "precision/1024/512/fp32", MEDIAN, NO_LIMIT, 0,
     "with Adam, waited for"},
    {"C18", "1000 pixels a point against 1024", "", "fft/1000/per-point", FACT, AT_MOST, 2, ""},
    {"C18", "1536 pixels a point against 2048", "", "fft/1536/per-point", FACT, AT_MOST, 2, ""},
};
const int bench_n_rows = sizeof bench_rows / sizeof *bench_rows;

/* Rows that are not met, or not in every run. Later work owes them; no row may
 * be added. */
const char *const bench_owed[] = {
    "A6 centred FFT against the plain one",
    "A11 decoder creation, 1024 to 512",
    "A12 forward, 50 calls, mean",
    "A18 activations, inference",
    "A31 16 points in a batch against a loop, fields",
    "A31 the same, loss and gradient",
    "A32 time per sample over the run",
    "B20 spread of five runs' medians",
    NULL,
};

bool bench_row_owed(const struct bench_row *r)
{
    char full[160];
    snprintf(full, sizeof full, "%s %s", r->id, r->what);
    for (const char *const *o = bench_owed; *o; o++)
        if (!strcmp(*o, full))
            return true;
    return false;
}

enum bench_answer bench_row_answer(const struct bench_row *r, double ours)
{
    if (r->rule == NO_LIMIT)
        return BENCH_NO_LIMIT;
    if (isnan(ours))
        return BENCH_OPEN;
    bool met = r->rule == AT_MOST ? ours <= r->limit : ours >= r->limit;
    if (bench_row_owed(r))
        return met ? BENCH_OWED_MET : BENCH_OWED;
    return met ? BENCH_MET : BENCH_MISSED;
}

const char *bench_answer_name(enum bench_answer a)
{
    static const char *const names[] = {"",           "open", "met",
                                        "**missed**", "owed", "owed, and met here"};
    return names[a];
}
