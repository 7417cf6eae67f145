/* Writes line charts as SVG. */
#include "draw/svg.h"
#include "core/internal.h"

#include <math.h>
#include <stdio.h>

enum {
    PANEL_W = 420,
    PANEL_H = 300,
    LEFT = 72,
    RIGHT = 16,
    TOP = 36,
    BOTTOM = 50,
    TITLE = 34,
    MAX_TICKS = 12
};

static const char *const colours[] = {"#1f6fb4", "#d9542b", "#2f9e5f", "#8a5bb0",
                                      "#c79a1e", "#3aa6b9", "#c2478f", "#5f6b76"};

struct axis {
    double lo, hi; /* range of the data; their logarithms on a log axis */
    bool log;
    int at, length; /* pixels; length is negative for an axis that goes up */
};

struct ticks {
    int n;
    double value[MAX_TICKS];
};

/* Print text for content or an attribute: markup is escaped, control characters
 * (not allowed in XML) are dropped. */
static void print_escaped(struct prismi_file *f, const char *text)
{
    for (; text && *text; text++) {
        unsigned char ch = (unsigned char)*text;
        if (ch == '<' || ch == '>' || ch == '&' || ch == '"')
            prismi_file_printf(f, "&#%d;", ch);
        else if (ch >= 32)
            prismi_file_write(f, text, 1);
    }
}

static void print_text(struct prismi_file *f, double x, double y, const char *attributes,
                       const char *text)
{
    prismi_file_printf(f, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, attributes);
    print_escaped(f, text);
    prismi_file_printf(f, "</text>\n");
}

static bool on_axis(const struct axis *a, double v)
{
    return isfinite(v) && (!a->log || v > 0);
}

static double position(const struct axis *a, double v)
{
    double t = ((a->log ? log10(v) : v) - a->lo) / (a->hi - a->lo);
    /* values far outside are clipped by the panel anyway */
    return a->at + a->length * fmin(fmax(t, -0.5), 1.5);
}

static void widen(struct axis *a, double v)
{
    if (!on_axis(a, v))
        return;
    v = a->log ? log10(v) : v;
    a->lo = fmin(a->lo, v);
    a->hi = fmax(a->hi, v);
}

static void settle(struct axis *a)
{
    if (a->lo > a->hi) { /* no data */
        a->lo = 0;
        a->hi = 1;
    }
    double least = a->log ? 0.1 : fmax(1e-9 * fabs(a->lo), 1e-12);
    if (a->hi - a->lo < least) {
        double half = a->log ? 0.5 : a->lo != 0 ? 0.1 * fabs(a->lo) : 0.5;
        a->lo -= half;
        a->hi += half;
    }
}

/* Ticks at multiples of 1, 2 or 5 times a power of ten. */
static struct ticks linear_ticks(double lo, double hi)
{
    struct ticks t = {0};
    double raw = (hi - lo) / 5, power = pow(10, floor(log10(raw))), step = power;
    while (step < raw * 0.999)
        step *= step < 1.5 * power ? 2 : step < 3 * power ? 2.5 : 2;
    for (double k = ceil(lo / step - 1e-9); k * step <= hi + 1e-9 * step && t.n < MAX_TICKS; k++)
        t.value[t.n++] = fabs(k) < 0.5 ? 0 : k * step;
    return t;
}

static struct ticks log_ticks(double lo, double hi)
{
    struct ticks t = {0};
    int stride = (int)ceil((hi - lo) / (MAX_TICKS - 2));
    stride = stride > 0 ? stride : 1;
    for (int k = (int)ceil(lo - 1e-9); k <= hi + 1e-9 && t.n < MAX_TICKS; k += stride)
        t.value[t.n++] = pow(10, k);
    if (t.n >= 2)
        return t;
    /* fewer than two decades: ticks at 1, 2 and 5 within each */
    static const double step[] = {1, 2, 5};
    t.n = 0;
    for (int k = (int)floor(lo); k <= hi; k++)
        for (int i = 0; i < 3; i++) {
            double v = step[i] * pow(10, k);
            if (log10(v) >= lo - 1e-9 && log10(v) <= hi + 1e-9 && t.n < MAX_TICKS)
                t.value[t.n++] = v;
        }
    return t;
}

static struct ticks make_ticks(const struct axis *a)
{
    struct ticks t = a->log ? log_ticks(a->lo, a->hi) : (struct ticks){0};
    if (t.n >= 2)
        return t;
    t = linear_ticks(a->log ? pow(10, a->lo) : a->lo, a->log ? pow(10, a->hi) : a->hi);
    return t;
}

static void print_axes(struct prismi_file *f, const struct prismi_svg_panel *p,
                       const struct axis *x, const struct axis *y)
{
    char text[32];
    struct ticks tx = make_ticks(x), ty = make_ticks(y);
    for (int i = 0; i < ty.n; i++) {
        double at = position(y, ty.value[i]);
        prismi_file_printf(f, "<path class=\"grid\" d=\"M%d %.1fh%d\"/>\n", x->at, at, x->length);
        snprintf(text, sizeof text, "%.6g", ty.value[i]);
        print_text(f, x->at - 6, at + 4, "text-anchor=\"end\"", text);
    }
    for (int i = 0; i < tx.n; i++) {
        double at = position(x, tx.value[i]);
        prismi_file_printf(f, "<path class=\"grid\" d=\"M%.1f %dv%d\"/>\n", at, y->at, y->length);
        snprintf(text, sizeof text, "%.6g", tx.value[i]);
        print_text(f, at, y->at + 16, "text-anchor=\"middle\"", text);
    }
    prismi_file_printf(f, "<path class=\"frame\" d=\"M%d %dh%dv%dh%dz\"/>\n", x->at, y->at,
                       x->length, y->length, -x->length);
    print_text(f, x->at + x->length / 2.0, y->at + y->length - 12,
               "class=\"title\" text-anchor=\"middle\"", p->title);
    print_text(f, x->at + x->length / 2.0, y->at + 36, "text-anchor=\"middle\"", p->x_label);
    char turn[96];
    double cx = x->at - 54, cy = y->at + y->length / 2.0;
    snprintf(turn, sizeof turn, "text-anchor=\"middle\" transform=\"rotate(-90 %.1f %.1f)\"", cx,
             cy);
    print_text(f, cx, cy, turn, p->y_label);
}

static void print_series(struct prismi_file *f, const struct prismi_svg_series *s,
                         const struct axis *x, const struct axis *y, int clip, const char *colour)
{
    bool down = false, any = false;
    for (size_t i = 0; i < s->n; i++) {
        if (!on_axis(x, s->x[i]) || !on_axis(y, s->y[i])) {
            down = false;
            continue;
        }
        if (!any)
            prismi_file_printf(f, "<path class=\"line\" clip-path=\"url(#c%d)\" stroke=\"%s\" d=\"",
                               clip, colour);
        /* a lone point becomes a line of length 0, which round caps draw as a
         * dot */
        prismi_file_printf(f, "%c%.2f %.2f", down ? 'L' : 'M', position(x, s->x[i]),
                           position(y, s->y[i]));
        if (!down)
            prismi_file_printf(f, "h0");
        down = any = true;
    }
    if (any)
        prismi_file_printf(f, "\"/>\n");
}

static void print_legend(struct prismi_file *f, const struct prismi_svg_panel *p,
                         const struct axis *x, const struct axis *y)
{
    int row = 0;
    for (int i = 0; i < p->n_series; i++) {
        if (!p->series[i].label)
            continue;
        double at = y->at + y->length + 16 + 16 * row++, right = x->at + x->length - 8;
        prismi_file_printf(f, "<path class=\"line\" stroke=\"%s\" d=\"M%.1f %.1fh18\"/>\n",
                           colours[i % 8], right - 18, at - 4);
        print_text(f, right - 24, at, "class=\"halo\" text-anchor=\"end\"", p->series[i].label);
    }
}

static void print_panel(struct prismi_file *f, const struct prismi_svg_panel *p, int left, int top,
                        int index)
{
    struct axis x = {INFINITY, -INFINITY, false, left + LEFT, PANEL_W - LEFT - RIGHT};
    struct axis y = {INFINITY, -INFINITY, p->log_y, top + PANEL_H - BOTTOM,
                     -(PANEL_H - TOP - BOTTOM)};
    bool given = p->y_max > p->y_min;
    widen(&y, given ? p->y_min : NAN);
    widen(&y, given ? p->y_max : NAN);
    for (int i = 0; i < p->n_series; i++)
        for (size_t k = 0; k < p->series[i].n; k++) {
            if (!on_axis(&y, p->series[i].y[k]))
                continue;
            widen(&x, p->series[i].x[k]);
            widen(&y, given ? NAN : p->series[i].y[k]);
        }
    settle(&x);
    settle(&y);
    if (!given) {
        double margin = 0.04 * (y.hi - y.lo);
        y.lo -= margin;
        y.hi += margin;
    }
    prismi_file_printf(
        f, "<clipPath id=\"c%d\"><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/></clipPath>\n",
        index, x.at, y.at + y.length, x.length, -y.length);
    print_axes(f, p, &x, &y);
    for (int i = 0; i < p->n_series; i++)
        print_series(f, &p->series[i], &x, &y, index, colours[i % 8]);
    print_legend(f, p, &x, &y);
}

int prismi_svg_write(struct prism_ctx *ctx, const char *path, const char *title,
                     const struct prismi_svg_panel *panels, int n_panels, int columns)
{
    if (n_panels < 1 || columns < 1)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "a chart of %d panels in %d columns; both must be at least 1", n_panels,
                          columns);
    struct prismi_file *f;
    PRISM_TRY(prismi_file_create(ctx, path, &f));
    columns = columns < n_panels ? columns : n_panels;
    int w = columns * PANEL_W, top = title ? TITLE : 0,
        h = top + (n_panels + columns - 1) / columns * PANEL_H;
    prismi_file_printf(
        f,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d "
        "%d\">\n"
        "<style>text{font:12px sans-serif;fill:#222}.title{font-size:13px;font-weight:bold}"
        ".head{font-size:16px;font-weight:bold}.grid{stroke:#e2e2e2;fill:none}.frame{stroke:#444;"
        "fill:none}"
        ".line{fill:none;stroke-width:1.6;stroke-linejoin:round;stroke-linecap:round}"
        ".halo{paint-order:stroke;stroke:#fff;stroke-width:3px}</style>\n"
        "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
        w, h, w, h);
    if (title)
        print_text(f, w / 2.0, 23, "class=\"head\" text-anchor=\"middle\"", title);
    for (int i = 0; i < n_panels; i++)
        print_panel(f, &panels[i], i % columns * PANEL_W, top + i / columns * PANEL_H, i);
    prismi_file_printf(f, "</svg>\n");
    return prismi_file_commit(f, false); /* commit reports any failed write */
}
