/* Panels: square pictures with label, frame and colour bar, in a grid below a
 * title, and rows of facts beside them. Not installed. */
#ifndef PRISMI_PANEL_H
#define PRISMI_PANEL_H

#include "draw/canvas.h"

/* Lengths in pixels. PRISMI_PANEL_HEADER is the height of label and detail
 * above a picture, PRISMI_PANEL_FOOTER the height of colour bar and its numbers
 * below. */
enum {
    PRISMI_PANEL_MARGIN = 28,
    PRISMI_PANEL_GAP = 24,
    PRISMI_PANEL_TITLE = 40,
    PRISMI_PANEL_BAR = 7
};
enum { PRISMI_PANEL_TEXT = 2 }; /* scale of labels */
enum {
    PRISMI_PANEL_HEADER = PRISMI_PANEL_TEXT * PRISMI_GLYPH_H + PRISMI_GLYPH_H + 14,
    PRISMI_PANEL_FOOTER = 4 + PRISMI_PANEL_BAR + 4 + PRISMI_GLYPH_H
};

extern const struct prismi_rgb prismi_paper, prismi_ink, prismi_faint, prismi_edge, prismi_accent,
    prismi_mark;

/* Draw one line of at most 159 characters, as prismi_canvas_text() does. */
void prismi_panel_text(struct prismi_canvas *c, int y, int x, int scale, struct prismi_rgb color,
                       const char *fmt, ...) PRISM_PRINTF(6, 7);

/* Side in pixels of a panel's picture of n x n samples. Small pictures grow by
 * whole factors until labels fit; large ones shrink to at most 512. */
int prismi_panel_side(int n);
/* Where the picture at (row, column) of a grid of panels lies. */
struct prismi_rect prismi_panel_box(int row, int column, int side);
/* Height and width of a canvas for a grid of panels. */
int prismi_panel_grid_h(int rows, int side);
int prismi_panel_grid_w(int columns, int side);
/* Draw the title of the grid, cut off where its columns end. */
void prismi_panel_title(struct prismi_canvas *c, int columns, int side, const char *title);

void prismi_panel_label(struct prismi_canvas *c, struct prismi_rect box, const char *label,
                        const char *detail);
/* Draw data [n,n], values lo to hi, into the rectangle, with label, frame and
 * colour bar. Returns 0 or PRISM_ENOMEM. */
int prismi_panel(struct prismi_canvas *c, struct prismi_rect box, const char *label,
                 const char *detail, const double *data, int n, double lo, double hi,
                 enum prismi_palette palette);
/* Draw a name and its value, right-aligned, in one row of the rectangle. *y
 * moves below the row. */
void prismi_panel_fact(struct prismi_canvas *c, struct prismi_rect box, int *y, int scale,
                       const char *name, const char *fmt, ...) PRISM_PRINTF(6, 7);

#endif
