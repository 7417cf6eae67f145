/* metrics.jsonl: one JSON object a line, only ever appended to. */
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

/* Append one line (without its newline) for this step. */
void metrics_line(struct prismi_json_out *j, const struct prism_progress *at, double seconds,
                  const struct prism_cache *cache);

/* What a file holds, up to and including last_step; NaN for null. */
struct metrics {
    size_t n, cap;
    double *value[METRIC_COUNT];
    long bytes; /* of the lines read: where a resumed run goes on */
};
/* Stops at the first line that is not whole. An absent file is an empty one.
 * Returns 0, PRISM_EIO, PRISM_ENOMEM. */
int metrics_read(struct prism_ctx *ctx, const char *path, int64_t last_step, struct metrics *out);
void metrics_release(struct metrics *m);

#endif
