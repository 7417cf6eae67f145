/* Draws on an RGB picture. */
#include "draw/canvas.h"
#include "core/internal.h"
#include "image/font.h"
#include "image/formats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SIDE = 16384, GLYPH_ROWS = 8, GLYPH_COLUMNS = 5 };

int prismi_canvas_create(struct prism_ctx *ctx, int h, int w, struct prismi_rgb background,
                         struct prismi_canvas **out)
{
    *out = NULL;
    if (h < 1 || w < 1 || h > MAX_SIDE || w > MAX_SIDE)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "a canvas of %d x %d pixels; sides are 1 to %d", h, w,
                          MAX_SIDE);
    struct prismi_canvas *c = prismi_alloc(1, sizeof *c);
    uint8_t *rgb = prismi_alloc((size_t)h * (size_t)w, 3);
    if (!c || !rgb) {
        prismi_free(c);
        prismi_free(rgb);
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory for a canvas of %d x %d pixels", h, w);
    }
    *c = (struct prismi_canvas){ctx, h, w, rgb};
    prismi_ctx_retain(ctx, "canvas");
    prismi_canvas_fill(c, (struct prismi_rect){0, 0, h, w}, background);
    *out = c;
    return 0;
}

void prismi_canvas_destroy(struct prismi_canvas **canvas)
{
    if (!*canvas)
        return;
    prismi_ctx_drop((*canvas)->ctx, "canvas");
    prismi_free((*canvas)->rgb);
    prismi_free(*canvas);
    *canvas = NULL;
}

int prismi_canvas_write(const struct prismi_canvas *c, const char *path, char *written_path,
                        size_t n)
{
    return prism_image_write(c->ctx, path, c->h, c->w, 3, c->rgb, written_path, n);
}

/* ---- pixels ---- */

static void put(struct prismi_canvas *c, int y, int x, struct prismi_rgb color)
{
    if (y < 0 || x < 0 || y >= c->h || x >= c->w)
        return;
    uint8_t *p = c->rgb + 3 * ((size_t)y * (size_t)c->w + (size_t)x);
    p[0] = color.r;
    p[1] = color.g;
    p[2] = color.b;
}

static uint8_t mix8(double a, double b, double t)
{
    return (uint8_t)lround(a + (b - a) * t);
}

static struct prismi_rgb mix(struct prismi_rgb a, struct prismi_rgb b, double t)
{
    return (struct prismi_rgb){mix8(a.r, b.r, t), mix8(a.g, b.g, t), mix8(a.b, b.b, t)};
}

/* The part of the rectangle that lies on the canvas. */
static struct prismi_rect clip(const struct prismi_canvas *c, struct prismi_rect b)
{
    int y1 = b.h < c->h - b.y ? b.y + b.h : c->h, x1 = b.w < c->w - b.x ? b.x + b.w : c->w;
    int y0 = b.y > 0 ? b.y : 0, x0 = b.x > 0 ? b.x : 0;
    return (struct prismi_rect){y0, x0, y1 > y0 ? y1 - y0 : 0, x1 > x0 ? x1 - x0 : 0};
}

void prismi_canvas_fill(struct prismi_canvas *c, struct prismi_rect box, struct prismi_rgb color)
{
    box = clip(c, box);
    for (int y = box.y; y < box.y + box.h; y++)
        for (int x = box.x; x < box.x + box.w; x++)
            put(c, y, x, color);
}

void prismi_canvas_frame(struct prismi_canvas *c, struct prismi_rect b, struct prismi_rgb color)
{
    prismi_canvas_fill(c, (struct prismi_rect){b.y, b.x, 1, b.w}, color);
    prismi_canvas_fill(c, (struct prismi_rect){b.y + b.h - 1, b.x, 1, b.w}, color);
    prismi_canvas_fill(c, (struct prismi_rect){b.y, b.x, b.h, 1}, color);
    prismi_canvas_fill(c, (struct prismi_rect){b.y, b.x + b.w - 1, b.h, 1}, color);
}

void prismi_canvas_line(struct prismi_canvas *c, int y0, int x0, int y1, int x1,
                        struct prismi_rgb color)
{
    int dy = abs(y1 - y0), dx = abs(x1 - x0), n = dy > dx ? dy : dx;
    for (int i = 0; i <= n; i++) {
        double t = n ? (double)i / n : 0;
        put(c, (int)lround(y0 + t * (y1 - y0)), (int)lround(x0 + t * (x1 - x0)), color);
    }
}

void prismi_canvas_circle(struct prismi_canvas *c, double cy, double cx, double radius_px,
                          struct prismi_rgb color)
{
    /* more than one point per pixel of the circumference */
    int n = (int)ceil(8 * fmin(radius_px, 4 * MAX_SIDE)) + 8;
    for (int i = 0; i < n; i++) {
        double angle = 2 * 3.14159265358979323846 * i / n;
        put(c, (int)lround(cy + radius_px * sin(angle)), (int)lround(cx + radius_px * cos(angle)),
            color);
    }
}

/* ---- text ---- */

void prismi_canvas_text(struct prismi_canvas *c, int y, int x, int scale, struct prismi_rgb color,
                        const char *text)
{
    for (; *text; text++, x += PRISMI_GLYPH_W * scale) {
        const uint8_t *glyph = prismi_font[*text >= 32 && *text <= 126 ? *text - 32 : '?' - 32];
        for (int row = 0; row < GLYPH_ROWS; row++)
            for (int column = 0; column < GLYPH_COLUMNS; column++)
                if (glyph[row] >> (GLYPH_COLUMNS - 1 - column) & 1)
                    prismi_canvas_fill(
                        c, (struct prismi_rect){y + row * scale, x + column * scale, scale, scale},
                        color);
    }
}

int prismi_canvas_text_width(const char *text, int scale)
{
    return (int)strlen(text) * PRISMI_GLYPH_W * scale;
}

/* ---- data ---- */

static struct prismi_rgb colour(enum prismi_palette palette, double t)
{
    /* viridis at eleven equal steps; linear interpolation stays within one or
     * two grey levels of the original */
    static const struct prismi_rgb viridis[] = {{68, 1, 84},    {72, 36, 117},  {65, 68, 135},
                                                {53, 95, 141},  {42, 120, 142}, {33, 145, 140},
                                                {34, 168, 132}, {68, 191, 112}, {122, 209, 81},
                                                {189, 223, 38}, {253, 231, 37}};
    if (isnan(t))
        return (struct prismi_rgb){255, 0, 0};
    t = fmin(fmax(t, 0), 1);
    if (palette == PRISMI_PALETTE_GREY)
        return mix((struct prismi_rgb){0, 0, 0}, (struct prismi_rgb){255, 255, 255}, t);
    int i = t < 1 ? (int)(10 * t) : 9;
    return mix(viridis[i], viridis[i + 1], 10 * t - i);
}

/* The sample, out of n, that lies under pixel i of `size`. */
static int nearest(int i, int size, int n)
{
    return (int)((i + 0.5) * n / size);
}

int prismi_canvas_image(struct prismi_canvas *c, struct prismi_rect box, const double *data, int h,
                        int w, double lo, double hi, enum prismi_palette palette, bool smooth)
{
    struct prismi_rect seen = clip(c, box);
    double *scaled = NULL;
    if (!seen.h || !seen.w)
        return 0;
    if (smooth) {
        scaled = prismi_alloc((size_t)box.h * (size_t)box.w, sizeof *scaled);
        int status = scaled ? prismi_resize(c->ctx, data, h, w, scaled, box.h, box.w)
                            : PRISM_FAIL(c->ctx, PRISM_ENOMEM,
                                         "no memory for a panel of %d x %d pixels", box.h, box.w);
        if (status) {
            prismi_free(scaled);
            return status;
        }
    }
    for (int y = seen.y; y < seen.y + seen.h; y++)
        for (int x = seen.x; x < seen.x + seen.w; x++) {
            int i = y - box.y, j = x - box.x;
            double v =
                smooth
                    ? scaled[(size_t)i * (size_t)box.w + (size_t)j]
                    : data[(size_t)nearest(i, box.h, h) * (size_t)w + (size_t)nearest(j, box.w, w)];
            put(c, y, x, colour(palette, hi > lo ? (v - lo) / (hi - lo) : isnan(v) ? v : 0));
        }
    prismi_free(scaled);
    return 0;
}

void prismi_canvas_tint(struct prismi_canvas *c, struct prismi_rect box, const uint8_t *mask, int h,
                        int w, struct prismi_rgb color, double opacity)
{
    struct prismi_rect seen = clip(c, box);
    for (int y = seen.y; y < seen.y + seen.h; y++)
        for (int x = seen.x; x < seen.x + seen.w; x++) {
            const uint8_t *p = c->rgb + 3 * ((size_t)y * (size_t)c->w + (size_t)x);
            if (mask[(size_t)nearest(y - box.y, box.h, h) * (size_t)w +
                     (size_t)nearest(x - box.x, box.w, w)])
                put(c, y, x, mix((struct prismi_rgb){p[0], p[1], p[2]}, color, opacity));
        }
}
