/* Line charts as standalone SVG. Not installed. */
#ifndef PRISMI_SVG_H
#define PRISMI_SVG_H

#include "prismrec/ctx.h"

struct prismi_svg_series {
    const char *label;   /* for the legend; NULL = not in it */
    const double *x, *y; /* [n]; a value that is not finite (or, on a log axis, not positive)
                            interrupts the line */
    size_t n;
};
struct prismi_svg_panel {
    const char *title, *x_label, *y_label; /* may be NULL */
    bool log_y;
    double y_min, y_max; /* equal = from the data */
    const struct prismi_svg_series *series;
    int n_series; /* colours repeat after 8 */
};

/* Panels from left to right, `columns` in a row, under one title (may be NULL).
 * The file appears whole or not at all. Returns 0, PRISM_EINVAL (no panel,
 * columns < 1), PRISM_EIO, PRISM_ENOMEM. */
int prismi_svg_write(struct prism_ctx *ctx, const char *path, const char *title,
                     const struct prismi_svg_panel *panels, int n_panels, int columns);

#endif
