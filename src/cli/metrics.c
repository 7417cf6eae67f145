#include "cli/metrics.h"
#include "core/internal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[METRIC_COUNT] = {
    "step",       "sample",  "loss",           "loss_old",     "loss_new",
    "lr",         "ssim",    "psnr_db",        "rmse_percent", "skipped",
    "loss_scale", "seconds", "cache_hit_rate", "cache_bytes"};

void metrics_line(struct prismi_json_out *j, const struct prism_progress *at, double seconds,
                  const struct prism_cache *cache)
{
    /* quality is written only where it was measured: a repeated value would
     * look like a plateau */
    double ssim = at->evaluated ? at->ssim : NAN, psnr = at->evaluated ? at->psnr_db : NAN,
           rmse = at->evaluated ? at->rmse_percent : NAN;
    const struct prism_cache_stats measurements =
        prism_cache_get_stats(cache, PRISM_CACHE_MEASUREMENTS);
    const double values[METRIC_COUNT] = {
        (double)at->step,
        at->sample,
        at->loss,
        at->loss_old,
        at->loss_new,
        at->lr,
        ssim,
        psnr,
        rmse,
        (double)at->skipped,
        at->loss_scale,
        seconds,
        prism_cache_hit_rate(&measurements),
        (double)prism_cache_get_stats(cache, PRISM_CACHE_ALL).bytes};
    prismi_json_open(j, NULL, '{');
    prismi_json_string(j, "phase", prism_phase_name(at->phase));
    for (int i = 0; i < METRIC_COUNT; i++)
        prismi_json_number(j, names[i], values[i]);
    prismi_json_close(j, '}');
}

static bool grow(struct metrics *m)
{
    if (m->n < m->cap)
        return true;
    size_t cap = 2 * m->cap + 256;
    for (int i = 0; i < METRIC_COUNT; i++) {
        double *value = realloc(m->value[i], cap * sizeof *value);
        if (!value)
            return false;
        m->value[i] = value;
    }
    m->cap = cap;
    return true;
}

/* Returns 1 if the line was taken, 0 at the end of the wanted lines,
 * PRISM_ENOMEM. */
static int take_line(struct metrics *m, const char *line, size_t n, int64_t last_step)
{
    struct prismi_json *v = n && line[n - 1] == '\n' ? prismi_json_parse(line, n) : NULL;
    double step = prismi_json_member_number(v, "step");
    int result = v && step <= (double)last_step;
    if (result && !grow(m))
        result = PRISM_ENOMEM;
    if (result == 1) {
        for (int i = 0; i < METRIC_COUNT; i++)
            m->value[i][m->n] = prismi_json_member_number(v, names[i]);
        m->n++;
        m->bytes += (long)n;
    }
    prismi_json_free(v);
    return result;
}

int metrics_read(struct prism_ctx *ctx, const char *path, int64_t last_step, struct metrics *out)
{
    *out = (struct metrics){0};
    FILE *f = fopen(path, "r");
    if (!f)
        return errno == ENOENT
                   ? 0
                   : PRISM_FAIL(ctx, PRISM_EIO, "cannot read %s: %s", path, strerror(errno));
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    int more = 1;
    while (more == 1 && (n = getline(&line, &cap, f)) > 0)
        more = take_line(out, line, (size_t)n, last_step);
    free(line);
    fclose(f);
    return more < 0 ? PRISM_FAIL(ctx, PRISM_ENOMEM, "not enough memory for the %zu lines of %s",
                                 out->n, path)
                    : 0;
}

void metrics_release(struct metrics *m)
{
    for (int i = 0; i < METRIC_COUNT; i++)
        free(m->value[i]);
    *m = (struct metrics){0};
}
