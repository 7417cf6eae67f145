/* Findings of a profile: what takes time or memory, and what would help. */
#include "program/profile.h"

#include <stdarg.h>
#include <string.h>

#define HOT 0.10 /* shares of the time that make a finding, and a severe one */
#define VERY_HOT 0.30
#define WAITING 0.10
#define VERY_WAITING 0.20
#define OUTSIDE 0.02
#define MEMORY_BOUND 8 /* flop per byte; below this, no machine is limited by arithmetic */

static void add(struct profile *p, int severity, double seconds, const char *fmt, ...)
    PRISM_PRINTF(4, 5);
static void add(struct profile *p, int severity, double seconds, const char *fmt, ...)
{
    va_list args;
    if (p->n_findings == PROFILE_FINDINGS_MAX)
        return;
    struct profile_finding *f = &p->findings[p->n_findings++];
    f->severity = severity;
    f->seconds = seconds;
    va_start(args, fmt);
    vsnprintf(f->text, sizeof f->text, fmt, args);
    va_end(args);
}

static bool begins(const char *text, const char *with)
{
    return !strncmp(text, with, strlen(with));
}

static const char *advice(const char *label)
{
    static const char *const table[][2] = {
        {"conv",
         "fewer channels, a smaller object, or a device with more arithmetic would shorten it"},
        {"gemm", "fewer channels, or a device with more arithmetic would shorten it"},
        {"adam_outer", "it reads and writes the first layer's parameters and moments once per "
                       "step; fewer channels shorten it"},
        {"map adam", "it reads and writes parameters, gradients and moments once per step; fewer "
                     "channels shorten it"},
        {"map amsgrad",
         "training.amsgrad stores one more moment; plain Adam moves a quarter less memory"},
        {"fft_create", "plans are kept between runs; with compute.fft_planner estimate, planning "
                       "is faster and runs are slower"},
        {"fft", "sides with small prime factors and a smaller detector.field_size_px shorten it"},
        {"ifft", "sides with small prime factors and a smaller detector.field_size_px shorten it"},
        {"spectrum", "a grid and an object with small prime factors, or smaller ones, shorten it"},
        {"blur", "ssim and ms-ssim blur eight times per step; l1 and l2 do not"},
        {"subaperture", "a smaller training.batch or detector.field_size_px shortens it"},
        {"field_misfit", "a smaller training.batch or detector.field_size_px shortens it"},
        {"misfit", "a smaller training.batch or detector.field_size_px shortens it"},
        {"norm", "it reads every activation once or twice; fewer channels shorten it"},
    };
    for (int i = 0; i < CLI_COUNT(table); i++)
        if (begins(label, table[i][0]))
            return table[i][1];
    return "the tree shows where it is called";
}

/* Judges the operations that take much time, added up over all calls of one
 * shape. */
static void hot_operations(struct profile *p)
{
    for (int i = 0; i < p->n_nodes; i++) {
        const struct profile_node *n = &p->nodes[i];
        double self_s = 0, bytes = 0;
        bool first = true;
        for (int k = 0; n->op && k < p->n_nodes && first; k++)
            if (p->nodes[k].op && !strcmp(p->nodes[k].label, n->label)) {
                first = k >= i;
                self_s += p->nodes[k].self_s;
                bytes += p->nodes[k].bytes * p->nodes[k].count;
            }
        if (!n->op || !first || self_s <= HOT * p->wall_s || begins(n->label, "read") ||
            begins(n->label, "sync"))
            continue;
        double share = self_s / p->wall_s;
        add(p, share > VERY_HOT ? PROFILE_HIGH : PROFILE_MEDIUM, self_s,
            "%s takes %.0f %% of the time: %s", n->label, 100 * share, advice(n->label));
        if (bytes > 0 && n->flops < MEMORY_BOUND * n->bytes && !p->asynchronous)
            add(p, PROFILE_LOW, self_s,
                "%s does less than %d flop for each byte it moves, at %.1f GB/s: memory is its "
                "likely limit",
                n->label, MEMORY_BOUND, 1e-9 * bytes / self_s);
    }
}

static void waiting(struct profile *p)
{
    double s = 0;
    for (int k = 0; k < p->n_kinds; k++)
        if (!strcmp(p->kinds[k].name, "read") || !strcmp(p->kinds[k].name, "sync"))
            s += p->kinds[k].self_s;
    if (s <= WAITING * p->wall_s)
        return;
    add(p, s > VERY_WAITING * p->wall_s ? PROFILE_HIGH : PROFILE_MEDIUM, s,
        "waiting for the device takes %.0f %% of the time: %s", 100 * s / p->wall_s,
        p->asynchronous
            ? "work enqueued before is counted here; with --sync every operation has its own time"
            : "raise output.metrics_every and output.checkpoint_seconds");
}

void profile_judge(struct profile *p)
{
    double outside = p->nodes[0].self_s;
    hot_operations(p);
    waiting(p);
    if (p->step_growth_bytes > 0)
        add(p, PROFILE_HIGH, 0,
            "device memory grew by %.3g MB during the steps; a step must not allocate: please "
            "report it",
            1e-6 * p->step_growth_bytes);
    if (outside > OUTSIDE * p->wall_s)
        add(p, PROFILE_LOW, outside, "%.0f %% of the time is in no region",
            100 * outside / p->wall_s);
}

const char *profile_severity(const struct profile_finding *f)
{
    static const char *const names[] = {"low", "medium", "high"};
    return names[f->severity];
}

void profile_notes(const struct profile *p, const char *out[4])
{
    int n = 0;
    if (p->asynchronous)
        out[n++] = "The device works asynchronously: times are those of enqueueing; --sync gives "
                   "the times of the work.";
    if (p->sync)
        out[n++] = "Every operation was waited for (--sync): its times are true, and their sum is "
                   "longer than an ordinary run's.";
    if (p->replay_off)
        out[n++] = "Steps were not recorded and replayed, as they are without a profile; "
                   "--regions-only keeps recording.";
    out[n] = NULL;
}
