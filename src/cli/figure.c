#include "cli/figure.h"
#include "cli/metrics.h"
#include "core/internal.h"
#include "draw/panel.h"
#include "draw/svg.h"
#include "prismrec/image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Title of the pictures: the run's name, else the input's. */
static const char *title(const struct setup *s)
{
    return *s->cfg->name ? s->cfg->name
                         : base_name(s->stack.source ? s->cfg->image.data : s->cfg->image.input);
}

/* ---- k-space ---- */

/* Number of apertures that see each pixel of the [N,N] grid. The caller frees
 * it; NULL if memory is short. */
static double *coverage(const struct setup *s)
{
    const struct prism_aperture *a = &s->cfg->data.aperture;
    int n = s->cfg->data.grid_size, side = prism_aperture_box(a);
    double *count = calloc((size_t)n * (size_t)n, sizeof *count);
    uint8_t *mask = malloc((size_t)side * (size_t)side);
    for (int k = 0; count && mask && k < s->n; k++) {
        double cy = s->centres[2 * k], cx = s->centres[2 * k + 1];
        int y0 = (int)lround(cy) - side / 2, x0 = (int)lround(cx) - side / 2;
        prism_aperture_render(a, cy, cx, y0, x0, side, side, mask);
        for (int i = 0; i < side; i++)
            for (int j = 0; j < side; j++) {
                int y = y0 + i + n / 2, x = x0 + j + n / 2;
                if (mask[i * side + j] && y >= 0 && y < n && x >= 0 && x < n)
                    count[(size_t)y * (size_t)n + (size_t)x] += 1;
            }
    }
    free(mask);
    if (!mask) {
        free(count);
        count = NULL;
    }
    return count;
}

static int transform(struct prism_dev *dev, int n, float *host)
{
    struct prism_fft_desc desc = {PRISM_CF32, 1, n, n, NULL, NULL};
    size_t bytes = (size_t)n * (size_t)n * 2 * sizeof *host;
    struct prism_fft *fft = NULL;
    prism_mem mem = NULL;
    int status = dev->ops->fft_create(dev, &desc, &fft);
    if (!status)
        status = dev->ops->alloc(dev, bytes, &mem);
    if (!status)
        status = dev->ops->write(dev, mem, host, bytes);
    if (!status)
        status = dev->ops->fft_run(fft, -1, mem, mem);
    if (!status)
        status = dev->ops->read(dev, host, mem, bytes);
    if (mem)
        dev->ops->release(dev, mem);
    dev->ops->fft_destroy(fft);
    return status;
}

/* Computes log10 of the object's power spectrum [N,N], DC at the centre. */
static int spectrum(struct setup *s, const double *object, double *out, double *max)
{
    int n = s->cfg->data.grid_size, o = s->cfg->image.obj_size;
    size_t count = (size_t)n * (size_t)n;
    float *host = prismi_alloc(2 * count, sizeof *host);
    if (!host)
        return PRISM_FAIL(s->ctx, PRISM_ENOMEM, "not enough memory for the picture of k-space");
    for (int i = 0; i < o; i++)
        for (int j = 0; j < o; j++)
            host[2 * ((size_t)i * (size_t)n + (size_t)j)] =
                (float)object[(size_t)i * (size_t)o + (size_t)j];
    int status = transform(s->dev, n, host);
    *max = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        size_t y = (i / (size_t)n + (size_t)n / 2) % (size_t)n,
               x = (i % (size_t)n + (size_t)n / 2) % (size_t)n;
        double re = host[2 * i], im = host[2 * i + 1], power = log10(re * re + im * im + 1e-30);
        out[y * (size_t)n + x] = power;
        *max = power > *max ? power : *max;
    }
    prismi_free(host);
    return status;
}

static void draw_centres(const struct setup *s, struct prismi_canvas *c, struct prismi_rect box)
{
    double n = s->cfg->data.grid_size, scale = box.h / n;
    double y0 = box.y + (n / 2 + 0.5) * scale, x0 = box.x + (n / 2 + 0.5) * scale,
           roi = s->cfg->pattern.roi_diameter_px / 2;
    if (roi * scale < box.h / 2.0 - 1)
        prismi_canvas_circle(c, y0, x0, roi * scale, prismi_mark);
    for (int k = 0; k < s->n; k++) {
        int y = (int)lround(y0 + s->centres[2 * k] * scale),
            x = (int)lround(x0 + s->centres[2 * k + 1] * scale);
        if (y > box.y && y < box.y + box.h - 1 && x > box.x && x < box.x + box.w - 1)
            prismi_canvas_fill(c, (struct prismi_rect){y, x, 2, 2}, prismi_mark);
    }
}

/* Draws the object's spectrum; the part that apertures see is in colour. */
static int panel_kspace(struct setup *s, struct prismi_canvas *c, struct prismi_rect box,
                        const double *object)
{
    int n = s->cfg->data.grid_size;
    size_t count = (size_t)n * (size_t)n;
    double max = 0, *seen = coverage(s), *power = malloc(count * sizeof *power);
    uint8_t *mask = malloc(count);
    char detail[96];
    snprintf(detail, sizeof detail, "log10 power; %d apertures, %.0f %% of the disc", s->n,
             100 * s->stats.coverage);
    int status = seen && power && mask ? 0
                                       : PRISM_FAIL(s->ctx, PRISM_ENOMEM,
                                                    "not enough memory for the picture of k-space");
    if (!status)
        status = spectrum(s, object, power, &max);
    if (!status)
        status =
            prismi_panel(c, box, "K-space", detail, power, n, max - 8, max, PRISMI_PALETTE_GREY);
    if (!status) {
        for (size_t i = 0; i < count; i++)
            mask[i] = seen[i] > 0;
        prismi_canvas_tint(c, box, mask, n, n, prismi_accent, 0.3);
        draw_centres(s, c, box);
    }
    free(seen);
    free(power);
    free(mask);
    return status;
}

/* ---- comparison ---- */

/* Draws the first aperture's image, cropped to the object. */
static int panel_aperture(struct setup *s, struct prismi_canvas *c, struct prismi_rect box)
{
    int n = s->cfg->data.grid_size, o = s->cfg->image.obj_size,
        f = prism_dataset_params(s->ds)->field_size;
    const float *image;
    double hi = 0;
    char detail[96];
    f = f ? f : n;
    int side = (int)lround((double)o * f / n), start = f / 2 - side / 2;
    side = side < 1 ? 1 : side;
    PRISM_TRY(prism_dataset_amplitude(s->ds, 0, &image));
    double *crop = malloc((size_t)side * (size_t)side * sizeof *crop);
    if (!crop)
        return PRISM_FAIL(s->ctx, PRISM_ENOMEM, "not enough memory for a picture of %d x %d", side,
                          side);
    for (int i = 0; i < side * side; i++) {
        crop[i] =
            (double)image[(size_t)(start + i / side) * (size_t)f + (size_t)(start + i % side)];
        hi = crop[i] > hi ? crop[i] : hi;
    }
    snprintf(detail, sizeof detail, "amplitude behind aperture 1 at (%.3g, %.3g) px", s->centres[0],
             s->centres[1]);
    int status = prismi_panel(c, box, "One aperture", detail, crop, side, 0, hi > 0 ? hi : 1,
                              PRISMI_PALETTE_GREY);
    free(crop);
    return status;
}

static int panel_error(struct setup *s, struct prismi_canvas *c, struct prismi_rect box,
                       const double *result)
{
    int o = s->cfg->image.obj_size;
    double hi = 0, *error = malloc((size_t)o * (size_t)o * sizeof *error);
    if (!error)
        return PRISM_FAIL(s->ctx, PRISM_ENOMEM, "not enough memory for a picture of %d x %d", o, o);
    for (int i = 0; i < o * o; i++) {
        error[i] = fabs(result[i] - s->truth[i]);
        hi = error[i] > hi ? error[i] : hi;
    }
    int status = prismi_panel(c, box, "Error", "|reconstruction - truth|", error, o, 0,
                              hi > 0 ? hi : 1, PRISMI_PALETTE_VIRIDIS);
    free(error);
    return status;
}

static const char *const methods[PRISM_ALG_COUNT] = {"decoder network", "projections",
                                                     "pixels by Adam"};

static void panel_facts(struct setup *s, struct prismi_canvas *c, struct prismi_rect box,
                        const struct prism_progress *p)
{
    const struct prism_config *cfg = s->cfg;
    prismi_panel_label(c, box, s->truth ? "Quality" : "Run",
                       s->truth ? "against the truth, data range 1" : "measured data");
    int y = box.y + 2;
    if (s->truth) {
        prismi_panel_fact(c, box, &y, PRISMI_PANEL_TEXT, "SSIM", "%.4f", p->ssim);
        prismi_panel_fact(c, box, &y, PRISMI_PANEL_TEXT, "PSNR", "%.2f dB", p->psnr_db);
        prismi_panel_fact(c, box, &y, PRISMI_PANEL_TEXT, "RMSE", "%.2f %%", p->rmse_percent);
    }
    if (isfinite(p->loss))
        prismi_panel_fact(c, box, &y, PRISMI_PANEL_TEXT, "loss", "%.4g", p->loss);
    prismi_panel_fact(c, box, &y, PRISMI_PANEL_TEXT, "steps", "%lld", (long long)p->step);
    y += 8;
    prismi_canvas_line(c, y, box.x, y, box.x + box.w - 1, prismi_edge);
    y += 12;
    prismi_panel_fact(c, box, &y, 1, "object, grid", "%d px, %d px", cfg->image.obj_size,
                      cfg->data.grid_size);
    prismi_panel_fact(c, box, &y, 1, "apertures", "%d of diameter %.4g px", s->n,
                      2 * cfg->data.aperture.radius_px);
    prismi_panel_fact(c, box, &y, 1, "overlap of neighbours", "%.0f %%", 100 * s->stats.overlap);
    if (cfg->data.snr_db > 0)
        prismi_panel_fact(c, box, &y, 1, "noise", "%.4g dB", cfg->data.snr_db);
    prismi_panel_fact(c, box, &y, 1, "method", "%s", methods[cfg->recon.algorithm]);
    prismi_panel_fact(c, box, &y, 1, "seed", "%llu",
                      (unsigned long long)prismi_seed(cfg->recon.seed));
    prismi_panel_fact(c, box, &y, 1, "backend", "%s", prism_dev_backend(s->dev));
}

/* Number of columns of the comparison, which has two rows; without the truth,
 * its panel and the error's are missing. */
static int comparison_columns(const struct setup *s)
{
    return s->truth ? 3 : 2;
}

static int draw_comparison(struct setup *s, struct prismi_canvas *c, int side, const double *result,
                           const struct prism_progress *final)
{
    int o = s->cfg->image.obj_size, columns = comparison_columns(s), at = 0;
    struct prismi_rect box[6];
    for (int i = 0; i < 2 * columns; i++)
        box[i] = prismi_panel_box(i / columns, i % columns, side);
    prismi_panel_title(c, columns, side, title(s));
    if (s->truth)
        PRISM_TRY(prismi_panel(c, box[at++], "Truth", "object amplitude", s->truth, o, 0, 1,
                               PRISMI_PALETTE_GREY));
    PRISM_TRY(prismi_panel(c, box[at++], "Reconstruction", "amplitude, clipped to [0, 1]", result,
                           o, 0, 1, PRISMI_PALETTE_GREY));
    if (s->truth)
        PRISM_TRY(panel_error(s, c, box[at++], result));
    PRISM_TRY(panel_aperture(s, c, box[at++]));
    PRISM_TRY(panel_kspace(s, c, box[at++], s->truth ? s->truth : result));
    panel_facts(s, c, box[at], final);
    return 0;
}

static int write_comparison(struct setup *s, const char *path, const double *result,
                            const struct prism_progress *final, char *name, size_t n)
{
    int side = prismi_panel_side(s->cfg->image.obj_size);
    int h = prismi_panel_grid_h(2, side), w = prismi_panel_grid_w(comparison_columns(s), side);
    struct prismi_canvas *canvas;
    PRISM_TRY(prismi_canvas_create(s->ctx, h, w, prismi_paper, &canvas));
    int status = draw_comparison(s, canvas, side, result, final);
    if (!status)
        status = prismi_canvas_write(canvas, path, name, n);
    prismi_canvas_destroy(&canvas);
    return status;
}

static int write_reconstruction(struct setup *s, const char *path, const double *result, char *name,
                                size_t n)
{
    int o = s->cfg->image.obj_size;
    uint8_t *grey = malloc((size_t)o * (size_t)o);
    if (!grey)
        return PRISM_FAIL(s->ctx, PRISM_ENOMEM, "not enough memory for a picture of %d x %d", o, o);
    for (int i = 0; i < o * o; i++)
        grey[i] = (uint8_t)lround(255 * (result[i] > 1 ? 1 : result[i] > 0 ? result[i] : 0));
    int status = prism_image_write(s->ctx, path, o, o, 1, grey, name, n);
    free(grey);
    return status;
}

int figure_write(struct setup *s, const char *dir, const double *result,
                 const struct prism_progress *final, char *written, size_t n)
{
    char path[PRISM_PATH_MAX + 64], first[PRISM_PATH_MAX + 64], second[PRISM_PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/reconstruction", dir);
    PRISM_TRY(write_reconstruction(s, path, result, first, sizeof first));
    snprintf(path, sizeof path, "%s/comparison", dir);
    PRISM_TRY(write_comparison(s, path, result, final, second, sizeof second));
    snprintf(written, n, "%s, %s", base_name(first), base_name(second));
    return 0;
}

/* ---- curves ---- */

/* The points of one column that are numbers, compacted in place. Quality is not
 * measured at every step. */
static struct prismi_svg_series series(const struct metrics *m, enum metric column, double *x)
{
    size_t n = 0, stride = m->n / 4000 + 1;
    double *y = m->value[column];
    for (size_t i = 0; i < m->n; i += stride)
        if (!isnan(y[i])) {
            x[n] = m->value[METRIC_STEP][i];
            y[n++] = y[i];
        }
    return (struct prismi_svg_series){NULL, x, y, n};
}

int figure_curves(struct setup *s, const char *dir)
{
    static const struct {
        enum metric column;
        const char *title, *label;
        bool log_y;
    } curves[] = {{METRIC_LOSS, "Loss", "loss", true},
                  {METRIC_SSIM, "SSIM", "SSIM", false},
                  {METRIC_PSNR, "PSNR", "dB", false}};
    char path[PRISM_PATH_MAX + 64];
    int n_curves = s->truth ? CLI_COUNT(curves) : 1; /* without the truth, quality is unknown */
    struct metrics m;
    struct prismi_svg_series lines[CLI_COUNT(curves)];
    struct prismi_svg_panel panels[CLI_COUNT(curves)] = {{0}};
    snprintf(path, sizeof path, "%s/metrics.jsonl", dir);
    int status = metrics_read(s->ctx, path, INT64_MAX, &m);
    double *x = malloc((m.n + 1) * CLI_COUNT(curves) * sizeof *x);
    if (!status && !x)
        status =
            PRISM_FAIL(s->ctx, PRISM_ENOMEM, "not enough memory for %zu points of %s", m.n, path);
    for (int i = 0; !status && i < n_curves; i++) {
        lines[i] = series(&m, curves[i].column, x + (size_t)i * m.n);
        panels[i] = (struct prismi_svg_panel){.title = curves[i].title,
                                              .x_label = "step",
                                              .y_label = curves[i].label,
                                              .log_y = curves[i].log_y,
                                              .series = &lines[i],
                                              .n_series = 1};
    }
    snprintf(path, sizeof path, "%s/curves.svg", dir);
    if (!status)
        status = prismi_svg_write(s->ctx, path, title(s), panels, n_curves, n_curves);
    free(x);
    metrics_release(&m);
    return status;
}

/* ---- a pattern on its own ---- */

int figure_pattern(struct setup *s, const char *path, char *written, size_t n)
{
    int side = prismi_panel_side(s->cfg->data.grid_size);
    side = side < 400 ? 2 * side : side; /* small grids are drawn larger */
    int h = 2 * PRISMI_PANEL_MARGIN + PRISMI_PANEL_HEADER + side + PRISMI_PANEL_FOOTER,
        w = 2 * PRISMI_PANEL_MARGIN + side;
    struct prismi_rect box = {PRISMI_PANEL_MARGIN + PRISMI_PANEL_HEADER, PRISMI_PANEL_MARGIN, side,
                              side};
    struct prismi_canvas *canvas = NULL;
    char detail[96];
    double hi = 1, *seen = coverage(s);
    if (!seen)
        return PRISM_FAIL(s->ctx, PRISM_ENOMEM, "not enough memory for the picture of k-space");
    for (int i = 0; i < s->cfg->data.grid_size * s->cfg->data.grid_size; i++)
        hi = seen[i] > hi ? seen[i] : hi;
    snprintf(detail, sizeof detail, "apertures per pixel; %d cover %.0f %% of the disc", s->n,
             100 * s->stats.coverage);
    int status = prismi_canvas_create(s->ctx, h, w, prismi_paper, &canvas);
    if (!status) {
        status = prismi_panel(canvas, box, "Sampling pattern", detail, seen, s->cfg->data.grid_size,
                              0, hi, PRISMI_PALETTE_VIRIDIS);
        draw_centres(s, canvas, box);
    }
    if (!status)
        status = prismi_canvas_write(canvas, path, written, n);
    prismi_canvas_destroy(&canvas);
    free(seen);
    return status;
}
