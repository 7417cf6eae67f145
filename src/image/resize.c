/* Resamples pictures: bilinear, antialiased when shrinking. */
#include "core/internal.h"
#include "image/formats.h"

#include <math.h>
#include <string.h>

/* For each output sample the first input sample and the weights of `width`
 * input samples from there on. */
struct taps {
    int width, *first;
    double *weight; /* [n,width]; 0 outside a sample's own support */
};

static void free_taps(struct taps *t)
{
    prismi_free(t->first);
    prismi_free(t->weight);
}

static int make_taps(int in, int out, struct taps *t)
{
    double scale = (double)in / out, support = fmax(scale, 1);
    t->width = 2 * (int)ceil(support) + 1;
    t->width = t->width < in ? t->width : in;
    t->first = prismi_alloc((size_t)out, sizeof *t->first);
    t->weight = prismi_alloc((size_t)out, (size_t)t->width * sizeof *t->weight);
    if (!t->first || !t->weight)
        return PRISM_ENOMEM;
    for (int i = 0; i < out; i++) {
        double center = (i + 0.5) * scale, sum = 0,
               *weight = t->weight + (size_t)i * (size_t)t->width;
        int first = (int)fmax(0, floor(center - support + 0.5)),
            last = (int)fmin(in, floor(center + support + 0.5));
        t->first[i] = first < in - t->width ? first : in - t->width;
        for (int k = first; k < last; k++) {
            double w = fmax(0, 1 - fabs((k + 0.5 - center) / support));
            weight[k - t->first[i]] = w;
            sum += w;
        }
        for (int k = 0; k < t->width; k++)
            weight[k] /= sum;
    }
    return 0;
}

/* Zero weights are skipped: a NaN outside the support must not spread. */
static void filter_rows(const struct taps *t, const double *src, int h, int w, double *dst, int ow)
{
    for (int y = 0; y < h; y++)
        for (int x = 0; x < ow; x++) {
            const double *weight = t->weight + (size_t)x * (size_t)t->width,
                         *s = src + (size_t)y * (size_t)w + t->first[x];
            double sum = 0;
            for (int k = 0; k < t->width; k++)
                if (weight[k] != 0)
                    sum += weight[k] * s[k];
            dst[(size_t)y * (size_t)ow + (size_t)x] = sum;
        }
}

static void filter_columns(const struct taps *t, const double *src, int w, double *dst, int oh)
{
    for (int y = 0; y < oh; y++) {
        double *d = dst + (size_t)y * (size_t)w;
        memset(d, 0, (size_t)w * sizeof *d);
        for (int k = 0; k < t->width; k++) {
            double weight = t->weight[(size_t)y * (size_t)t->width + (size_t)k];
            const double *s = src + (size_t)(t->first[y] + k) * (size_t)w;
            for (int x = 0; weight != 0 && x < w; x++)
                d[x] += weight * s[x];
        }
    }
}

int prismi_resize(struct prism_ctx *ctx, const double *src, int h, int w, double *dst, int oh,
                  int ow)
{
    struct taps rows = {0}, columns = {0};
    double *tmp = prismi_alloc((size_t)h * (size_t)ow, sizeof *tmp);
    int status = PRISM_ENOMEM;
    if (tmp && !make_taps(w, ow, &columns) && !make_taps(h, oh, &rows)) {
        filter_rows(&columns, src, h, w, tmp, ow);
        filter_columns(&rows, tmp, ow, dst, oh);
        status = 0;
    }
    prismi_free(tmp);
    free_taps(&rows);
    free_taps(&columns);
    return status ? PRISM_FAIL(ctx, status, "no memory to scale %d x %d to %d x %d", h, w, oh, ow)
                  : 0;
}
