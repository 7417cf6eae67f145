#include "cli/progress.h"
#include "program/cli.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

double cli_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void progress_start(struct progress *p, int64_t step)
{
    *p = (struct progress){cli_seconds(), 0, step};
}

static void duration(char *out, size_t n, double seconds)
{
    long long s = (long long)ceil(seconds);
    if (s >= 3600)
        snprintf(out, n, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(out, n, "%lld:%02lld", s / 60, s % 60);
}

void progress_show(struct progress *p, const struct prism_progress *at)
{
    double now = cli_seconds(), elapsed = now - p->start_s;
    if (now - p->shown_s < 0.1 || elapsed <= 0)
        return;
    p->shown_s = now;
    double rate = (double)(at->step - p->start_step) / elapsed;
    char text[256], eta[32];
    size_t n = (size_t)snprintf(text, sizeof text, "%s %lld/%lld", prism_phase_name(at->phase),
                                (long long)at->step, (long long)at->total_steps);
    if (at->unit)
        n += (size_t)snprintf(text + n, sizeof text - n, "  %s %d/%d", at->unit, at->sample + 1,
                              at->n_samples);
    if (!isnan(at->loss))
        n += (size_t)snprintf(text + n, sizeof text - n, "  loss %.4g", at->loss);
    if (!isnan(at->ssim))
        n += (size_t)snprintf(text + n, sizeof text - n, "  SSIM %.4f  PSNR %.2f dB", at->ssim,
                              at->psnr_db);
    if (rate > 0) {
        duration(eta, sizeof eta, (double)(at->total_steps - at->step) / rate);
        snprintf(text + n, sizeof text - n, "  %.*f steps/s  ETA %s", rate < 10 ? 2 : 0, rate, eta);
    }
    cli_status(text);
}
