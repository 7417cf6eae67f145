/* An RGB picture to draw on: images of data, text, lines. Not installed.
 * Coordinates are pixels, (y, x) of the upper left corner. What falls outside
 * the canvas is clipped. */
#ifndef PRISMI_CANVAS_H
#define PRISMI_CANVAS_H

#include "prismrec/ctx.h"

struct prismi_rgb {
    uint8_t r, g, b;
};
/* A rectangle of h x w pixels with its upper left corner at (y, x). */
struct prismi_rect {
    int y, x, h, w;
};
struct prismi_canvas {
    struct prism_ctx *ctx;
    int h, w;
    uint8_t *rgb; /* [h,w,3] */
};

enum prismi_palette {
    PRISMI_PALETTE_GREY,
    PRISMI_PALETTE_VIRIDIS /* perceptually uniform: dark violet, blue, green, yellow */
};

/* Create a canvas filled with the background colour. Returns 0, PRISM_EINVAL (a
 * side outside 1..16384) or PRISM_ENOMEM. */
int prismi_canvas_create(struct prism_ctx *ctx, int h, int w, struct prismi_rgb background,
                         struct prismi_canvas **out);
void prismi_canvas_destroy(struct prismi_canvas **canvas); /* NULL ok */

/* Write the canvas with prism_image_write(): path has no suffix; written_path
 * may be NULL. */
int prismi_canvas_write(const struct prismi_canvas *canvas, const char *path, char *written_path,
                        size_t n);

/* Draw data [h,w] scaled to fill the rectangle; the caller keeps the aspect
 * ratio. The values lo to hi span the palette; values outside take its ends,
 * and NaN is red. smooth: bilinear, antialiased when shrinking; else the
 * nearest sample. Returns 0 or PRISM_ENOMEM. */
int prismi_canvas_image(struct prismi_canvas *canvas, struct prismi_rect box, const double *data,
                        int h, int w, double lo, double hi, enum prismi_palette palette,
                        bool smooth);

/* Mix color into the rectangle where mask [h,w] is not 0, by nearest sample.
 * opacity is 0 to 1. */
void prismi_canvas_tint(struct prismi_canvas *canvas, struct prismi_rect box, const uint8_t *mask,
                        int h, int w, struct prismi_rgb color, double opacity);

void prismi_canvas_fill(struct prismi_canvas *canvas, struct prismi_rect box,
                        struct prismi_rgb color);
/* Draw a frame 1 px wide along the inside of the rectangle. */
void prismi_canvas_frame(struct prismi_canvas *canvas, struct prismi_rect box,
                         struct prismi_rgb color);
void prismi_canvas_line(struct prismi_canvas *canvas, int y0, int x0, int y1, int x1,
                        struct prismi_rgb color);
/* Draw a circle 1 px wide about (cy, cx). */
void prismi_canvas_circle(struct prismi_canvas *canvas, double cy, double cx, double radius_px,
                          struct prismi_rgb color);

/* Draw one line of fixed-width text. Characters outside ASCII 32..126 show as
 * '?'. Each pixel of the font covers scale x scale pixels. */
enum { PRISMI_GLYPH_H = 9, PRISMI_GLYPH_W = 6 }; /* cell of a character at scale 1, with spacing */
void prismi_canvas_text(struct prismi_canvas *canvas, int y, int x, int scale,
                        struct prismi_rgb color, const char *text);
int prismi_canvas_text_width(const char *text, int scale); /* px */

#endif
