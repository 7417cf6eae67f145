/* Draws the resolution charts: USAF-1951 and the Siemens star. */
#include "image/font.h"
#include "image/targets.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* ---- USAF-1951 (MIL-STD-150A) ----
 *
 * A layer holds two groups. The next layer is a quarter of its size and lies in
 * its middle. Within a layer, elements 2 to 6 of the even group go down the
 * left side, element 1 lies in the lower right corner, and the six elements of
 * the odd group go down the right side. Lengths are in bars of the layer's
 * largest element. */

static const double LAYER_W = 27, LAYER_H = 22.5; /* size of a layer, in its largest bars */
static const double MARGIN = 0.04;                /* empty border, fraction of the picture */

static double bar_ratio(int group, int element)
{
    return exp2(-(group + (element - 1) / 6.0));
}

/* The two triplets of an element are two bars apart, so the pair is 12 bars
 * wide. */
static struct prismi_usaf_element place(int group, int element, double bar_px, double y, double x)
{
    return (struct prismi_usaf_element){group, element, bar_px, y, x, x + 7 * bar_px};
}

static int keep(struct prismi_usaf_element *out, int n, struct prismi_usaf_element e)
{
    if (e.bar_px < 1 || n == PRISMI_USAF_MAX)
        return n;
    out[n] = e;
    return n + 1;
}

/* Place a layer whose largest bar is `unit` pixels with its upper left corner
 * at (y, x). */
static int layer(struct prismi_usaf_element *out, int n, int group, double unit, double y, double x)
{
    double left = y + unit, right = y + unit;
    for (int e = 2; e <= 6; e++) {
        double bar = unit * bar_ratio(0, e);
        n = keep(out, n, place(group, e, bar, left, x + unit));
        left += 6 * bar;
    }
    n = keep(out, n, place(group, 1, unit, y + (LAYER_H - 5) * unit, x + (LAYER_W - 13) * unit));
    for (int e = 1; e <= 6; e++) {
        double bar = unit * bar_ratio(1, e);
        n = keep(out, n, place(group + 1, e, bar, right, x + LAYER_W * unit - 13 * bar));
        right += 6 * bar;
    }
    return n;
}

int prismi_usaf_layout(int size, struct prismi_usaf_element out[PRISMI_USAF_MAX])
{
    double unit = size * (1 - 2 * MARGIN) / LAYER_W;
    double y = (size - LAYER_H * unit) / 2, x = (size - LAYER_W * unit) / 2;
    if (unit < 1) { /* too small for the chart: draw only the largest element */
        double bar = fmax(1, size / 14.0);
        out[0] = place(0, 1, bar, size / 2.0 - 2.5 * bar, size / 2.0 - 6 * bar);
        return 1;
    }
    int n = 0;
    for (int group = 0; unit >= 1; group += 2) {
        n = layer(out, n, group, unit, y, x);
        /* the next layer fills the gap between the two columns, above
         * element 1 */
        y += 8.2 * unit;
        x += 13 * unit;
        unit /= 4;
    }
    return n;
}

/* Add to each pixel the exact share of it that the rectangle covers. */
static void rectangle(int size, double *out, double y0, double x0, double h, double w)
{
    double y1 = fmin(y0 + h, size), x1 = fmin(x0 + w, size);
    y0 = fmax(y0, 0);
    x0 = fmax(x0, 0);
    for (int y = (int)y0; y < y1; y++)
        for (int x = (int)x0; x < x1; x++) {
            double cover = (fmin(y1, y + 1) - fmax(y0, y)) * (fmin(x1, x + 1) - fmax(x0, x));
            double *p = out + (size_t)y * (size_t)size + (size_t)x;
            *p = fmin(1, *p + cover);
        }
}

/* Draw digits 7 dots high. Dots smaller than a pixel are left out, as bars
 * are. */
static void label(int size, double *out, double y, double x, double dot, int value)
{
    char text[8];
    snprintf(text, sizeof text, "%d", value);
    for (int i = 0; text[i] && dot >= 1; i++)
        for (int row = 0; row < 7; row++)
            for (int column = 0; column < 5; column++)
                if (prismi_font[text[i] - ' '][row] >> (4 - column) & 1)
                    rectangle(size, out, y + row * dot, x + (6 * i + column) * dot, dot, dot);
}

void prismi_object_usaf(int size, double *out)
{
    struct prismi_usaf_element e[PRISMI_USAF_MAX];
    int n = prismi_usaf_layout(size, e);
    for (int i = 0; i < n; i++) {
        double bar = e[i].bar_px, dot = bar / 3;
        for (int k = 0; k < 3; k++) {
            rectangle(size, out, e[i].y + 2 * k * bar, e[i].x_lines, bar, 5 * bar);
            rectangle(size, out, e[i].y, e[i].x_bars + 2 * k * bar, 5 * bar, bar);
        }
        bool even = e[i].group % 2 == 0, inward = even && e[i].element > 1;
        double beside = inward ? e[i].x_bars + 6 * bar : e[i].x_lines - bar - 5 * dot;
        label(size, out, e[i].y + 2.5 * bar - 3.5 * dot, beside, dot, e[i].element);
        if (e[i].element == (even ? 2 : 1)) /* the number of the group, above its column */
            label(size, out, e[i].y - 3.5 * dot - bar, e[i].x_lines + 6 * bar - 2.5 * dot, dot,
                  e[i].group);
    }
}

/* ---- Siemens star ---- */

/* Integral of the unit square wave that is 1 on [0, 1/2). */
static double wave_integral(double t)
{
    double whole = floor(t);
    return whole / 2 + fmin(t - whole, 0.5);
}

void prismi_object_siemens(int size, double *out)
{
    enum { SPOKES = 36 };
    const double turn = 2 * 3.14159265358979323846, radius = 0.47 * size, disc = 0.03 * size;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            double dy = y - size / 2, dx = x - size / 2, r = hypot(dy, dx);
            /* mean of the spokes over one pixel along the circle */
            double t = atan2(dy, dx) / turn * SPOKES, half = 0.5 * SPOKES / (turn * fmax(r, 0.5));
            double spokes =
                fmin(1, (wave_integral(t + half) - wave_integral(t - half)) / (2 * half));
            double outside = fmin(fmax(r - radius + 0.5, 0), 1),
                   inside = fmin(fmax(disc - r + 0.5, 0), 1);
            out[(size_t)y * (size_t)size + (size_t)x] =
                (1 - outside) * (inside + (1 - inside) * spokes);
        }
}
