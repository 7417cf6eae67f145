/* metrics.jsonl: one JSON object per line. A run only appends to it. */
#ifndef PRISM_CLI_METRICS_H
#define PRISM_CLI_METRICS_H

#include "core/json.h"
#include "prismrec/cache.h"
#include "prismrec/recon.h"

enum metric {
    METRIC_STEP,
    METRIC_SAMPLE,
    METRIC_LOSS,
    METRIC_LOSS_OLD,
    METRIC_LOSS_NEW,
    METRIC_LR,
    METRIC_SSIM,
    METRIC_PSNR,
    METRIC_RMSE,
    METRIC_SKIPPED,
    METRIC_LOSS_SCALE,
    METRIC_SECONDS,
    METRIC_CACHE_HIT_RATE,
    METRIC_CACHE_BYTES,
    METRIC_COUNT
};

/* Appends the line of this step, without its newline. */
void metrics_line(struct prismi_json_out *j, const struct prism_progress *at, double seconds,
                  const struct prism_cache *cache);

/* Columns of a file, up to and including last_step; NaN for null. */
struct metrics {
    size_t n, cap;
    double *value[METRIC_COUNT];
    long bytes; /* length of the lines read: a resumed run continues there */
};
/* Reads a file up to the first incomplete line. A missing file counts as empty.
 * Returns 0, PRISM_EIO or PRISM_ENOMEM. */
int metrics_read(struct prism_ctx *ctx, const char *path, int64_t last_step, struct metrics *out);
void metrics_release(struct metrics *m);

#endif
