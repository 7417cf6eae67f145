/* Line charts as standalone SVG files. Not installed. */
#ifndef PRISMI_SVG_H
#define PRISMI_SVG_H

#include "prismrec/ctx.h"

struct prismi_svg_series {
    const char *label; /* name in the legend; NULL: not in the legend */
    /* [n] each. A value that is not finite, or not positive on a log axis,
     * interrupts the line. */
    const double *x, *y;
    size_t n;
};
struct prismi_svg_panel {
    const char *title, *x_label, *y_label; /* may be NULL */
    bool log_y;
    double y_min, y_max; /* range of the y axis; equal: from the data */
    const struct prismi_svg_series *series;
    int n_series; /* colours repeat after 8 */
};

/* Write a chart: panels from left to right, `columns` in a row, under one
 * title, which may be NULL. The file appears whole or not at all. Returns 0,
 * PRISM_EINVAL (no panel, columns < 1), PRISM_EIO or PRISM_ENOMEM. */
int prismi_svg_write(struct prism_ctx *ctx, const char *path, const char *title,
                     const struct prismi_svg_panel *panels, int n_panels, int columns);

#endif
