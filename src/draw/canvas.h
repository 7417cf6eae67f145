/* RGB pictures of a run: panels of data, labels, lines. Not installed.
 * Coordinates are pixels, (y, x) of the upper left corner; whatever falls
 * outside the canvas is clipped. */
#ifndef PRISMI_CANVAS_H
#define PRISMI_CANVAS_H

#include "prismrec/ctx.h"

struct prismi_rgb {
    uint8_t r, g, b;
};
struct prismi_box2 {
    int y, x, h, w;
};
struct prismi_canvas {
    struct prism_ctx *ctx;
    int h, w;
    uint8_t *rgb; /* [h,w,3] */
};

enum prismi_palette {
    PRISMI_PALETTE_GREY,
    PRISMI_PALETTE_VIRIDIS /* perceptually even: dark violet, blue, green, yellow */
};

/* Returns 0, PRISM_EINVAL (a side outside 1..16384), PRISM_ENOMEM. */
int prismi_canvas_create(struct prism_ctx *ctx, int h, int w, struct prismi_rgb background,
                         struct prismi_canvas **out);
void prismi_canvas_destroy(struct prismi_canvas **canvas); /* NULL ok */

/* Through prism_image_write(): path without suffix; written_path may be
 * NULL. */
int prismi_canvas_write(const struct prismi_canvas *canvas, const char *path, char *written_path,
                        size_t n);

/* data [h,w] scaled to fill box (the caller keeps the aspect ratio); values
 * lo..hi take the whole palette, outside ones its ends, NaN is shown red.
 * smooth: bilinear (antialiased when shrinking), else the nearest sample.
 * Returns 0, PRISM_ENOMEM. */
int prismi_canvas_image(struct prismi_canvas *canvas, struct prismi_box2 box, const double *data,
                        int h, int w, double lo, double hi, enum prismi_palette palette,
                        bool smooth);

/* Mix color over box where mask [h,w] is not 0 (nearest sample); opacity
 * 0..1. */
void prismi_canvas_tint(struct prismi_canvas *canvas, struct prismi_box2 box, const uint8_t *mask,
                        int h, int w, struct prismi_rgb color, double opacity);

void prismi_canvas_fill(struct prismi_canvas *canvas, struct prismi_box2 box,
                        struct prismi_rgb color);
void prismi_canvas_frame(struct prismi_canvas *canvas, struct prismi_box2 box,
                         struct prismi_rgb color); /* 1 px, inside box */
void prismi_canvas_line(struct prismi_canvas *canvas, int y0, int x0, int y1, int x1,
                        struct prismi_rgb color);
/* radius_px about (cy, cx); 1 px line. */
void prismi_canvas_circle(struct prismi_canvas *canvas, double cy, double cx, double radius_px,
                          struct prismi_rgb color);

/* Fixed-width text, one line, ASCII 32..126 (others show as '?'); each font
 * pixel is scale x scale. */
enum { PRISMI_GLYPH_H = 9, PRISMI_GLYPH_W = 6 }; /* cell at scale 1, spacing included */
void prismi_canvas_text(struct prismi_canvas *canvas, int y, int x, int scale,
                        struct prismi_rgb color, const char *text);
int prismi_canvas_text_width(const char *text, int scale); /* px */

#endif
