/* Draws panels: pictures with label, frame and colour bar. */
#include "draw/panel.h"
#include "core/internal.h"

#include <stdio.h>
#include <string.h>

const struct prismi_rgb prismi_paper = {17, 19, 26}, prismi_ink = {232, 234, 240},
                        prismi_faint = {148, 154, 170}, prismi_edge = {58, 63, 78},
                        prismi_accent = {64, 201, 190}, prismi_mark = {255, 196, 92};

void prismi_panel_text(struct prismi_canvas *c, int y, int x, int scale, struct prismi_rgb color,
                       const char *fmt, ...)
{
    char line[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    prismi_canvas_text(c, y, x, scale, color, line);
}

int prismi_panel_side(int n)
{
    return n < 288    ? n * ((287 + n) / n)
           : n <= 512 ? n
                      : (n + (n + 511) / 512 - 1) / ((n + 511) / 512);
}

struct prismi_rect prismi_panel_box(int row, int column, int side)
{
    int y = PRISMI_PANEL_MARGIN + PRISMI_PANEL_TITLE + PRISMI_PANEL_HEADER +
            row * (PRISMI_PANEL_HEADER + side + PRISMI_PANEL_FOOTER + PRISMI_PANEL_GAP),
        x = PRISMI_PANEL_MARGIN + column * (side + PRISMI_PANEL_GAP);
    return (struct prismi_rect){y, x, side, side};
}

int prismi_panel_grid_h(int rows, int side)
{
    int row = PRISMI_PANEL_HEADER + side + PRISMI_PANEL_FOOTER;
    return 2 * PRISMI_PANEL_MARGIN + PRISMI_PANEL_TITLE + rows * row +
           (rows - 1) * PRISMI_PANEL_GAP;
}

int prismi_panel_grid_w(int columns, int side)
{
    return 2 * PRISMI_PANEL_MARGIN + columns * side + (columns - 1) * PRISMI_PANEL_GAP;
}

void prismi_panel_title(struct prismi_canvas *c, int columns, int side, const char *title)
{
    int room =
        (columns * side + (columns - 1) * PRISMI_PANEL_GAP) / (PRISMI_PANEL_TEXT * PRISMI_GLYPH_W);
    bool cut = (int)strlen(title) > room;
    prismi_panel_text(c, PRISMI_PANEL_MARGIN, PRISMI_PANEL_MARGIN, PRISMI_PANEL_TEXT, prismi_ink,
                      "%.*s%s", cut ? room - 3 : room, title, cut ? "..." : "");
}

void prismi_panel_label(struct prismi_canvas *c, struct prismi_rect box, const char *label,
                        const char *detail)
{
    prismi_panel_text(c, box.y - PRISMI_PANEL_HEADER, box.x, PRISMI_PANEL_TEXT, prismi_ink, "%s",
                      label);
    prismi_panel_text(c, box.y - PRISMI_PANEL_HEADER + PRISMI_PANEL_TEXT * PRISMI_GLYPH_H + 4,
                      box.x, 1, prismi_faint, "%s", detail);
}

int prismi_panel(struct prismi_canvas *c, struct prismi_rect box, const char *label,
                 const char *detail, const double *data, int n, double lo, double hi,
                 enum prismi_palette palette)
{
    double ramp[256];
    char number[32];
    for (int i = 0; i < 256; i++)
        ramp[i] = i;
    struct prismi_rect bar = {box.y + box.h + 4, box.x, PRISMI_PANEL_BAR, box.w};
    prismi_panel_label(c, box, label, detail);
    PRISM_TRY(prismi_canvas_image(c, box, data, n, n, lo, hi, palette, n > box.h));
    PRISM_TRY(prismi_canvas_image(c, bar, ramp, 1, 256, 0, 255, palette, true));
    struct prismi_rect frame = {box.y - 1, box.x - 1, box.h + 2, box.w + 2};
    prismi_canvas_frame(c, frame, prismi_edge);
    int y = bar.y + PRISMI_PANEL_BAR + 4;
    prismi_panel_text(c, y, box.x, 1, prismi_faint, "%.3g", lo);
    snprintf(number, sizeof number, "%.3g", hi);
    prismi_panel_text(c, y, box.x + box.w - prismi_canvas_text_width(number, 1), 1, prismi_faint,
                      "%s", number);
    return 0;
}

void prismi_panel_fact(struct prismi_canvas *c, struct prismi_rect box, int *y, int scale,
                       const char *name, const char *fmt, ...)
{
    char value[64];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(value, sizeof value, fmt, ap);
    va_end(ap);
    prismi_panel_text(c, *y, box.x, scale, prismi_faint, "%s", name);
    prismi_canvas_text(c, *y, box.x + box.w - prismi_canvas_text_width(value, scale), scale,
                       prismi_ink, value);
    *y += scale * PRISMI_GLYPH_H + (scale > 1 ? 12 : 7);
}
