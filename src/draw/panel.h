/* Panels: a picture with label, frame and colour bar, and the rows of facts
 * beside pictures. Not installed. Panels stand in a grid below a title; a
 * panel's picture is square. */
#ifndef PRISMI_PANEL_H
#define PRISMI_PANEL_H

#include "draw/canvas.h"

/* Lengths in pixels. PRISMI_PANEL_HEADER: label and detail above a picture;
 * PRISMI_PANEL_FOOTER: colour bar and its ends below. */
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

/* One line of at most 159 characters, as prismi_canvas_text(). */
void prismi_panel_text(struct prismi_canvas *c, int y, int x, int scale, struct prismi_rgb color,
                       const char *fmt, ...) PRISM_PRINTF(6, 7);

/* Side of the picture of n x n samples: small ones grow by whole factors until
 * labels fit, large ones shrink to at most 512. */
int prismi_panel_side(int n);
/* Place of a picture in the grid of panels of that side. */
struct prismi_box2 prismi_panel_box(int row, int column, int side);
/* Size of a canvas for that grid. */
int prismi_panel_grid_h(int rows, int side);
int prismi_panel_grid_w(int columns, int side);
/* Title of the grid, cut where its columns end. */
void prismi_panel_title(struct prismi_canvas *c, int columns, int side, const char *title);

void prismi_panel_label(struct prismi_canvas *c, struct prismi_box2 box, const char *label,
                        const char *detail);
/* data [n,n] from lo to hi in box, with label, frame and colour bar. Returns 0,
 * PRISM_ENOMEM. */
int prismi_panel(struct prismi_canvas *c, struct prismi_box2 box, const char *label,
                 const char *detail, const double *data, int n, double lo, double hi,
                 enum prismi_palette palette);
/* Name and value in one row of box, the value right-aligned; *y moves below
 * it. */
void prismi_panel_fact(struct prismi_canvas *c, struct prismi_box2 box, int *y, int scale,
                       const char *name, const char *fmt, ...) PRISM_PRINTF(6, 7);

#endif
