/* The built-in resolution charts. The geometry of the USAF chart is also used
 * by tests and by measurements of resolution. Not installed. */
#ifndef PRISMI_TARGETS_H
#define PRISMI_TARGETS_H

#include <stdint.h>

/* One element of the USAF-1951 chart: two triplets of bars, each a square of
 * side 5 bar_px. Group and element count from the largest bars of this chart,
 * group 0 element 1. bar_px is the bar of group 0 element 1 times 2^-(group +
 * (element - 1)/6). Coordinates are pixel edges: pixel i covers [i, i+1). */
struct prismi_usaf_element {
    int group, element;
    double bar_px;
    /* y: top of both triplets. x_lines, x_bars: left edge of the triplet with
     * horizontal bars and of the one with vertical bars. */
    double y, x_lines, x_bars;
};

enum { PRISMI_USAF_MAX = 72 };

/* Lay out the elements that fit a picture of size x size with bars of at least
 * one pixel. Returns how many there are. */
int prismi_usaf_layout(int size, struct prismi_usaf_element out[PRISMI_USAF_MAX]);

/* Draw into out [size,size]. The USAF chart is added to what is there: give
 * zeros. */
void prismi_object_usaf(int size, double *out);
void prismi_object_siemens(int size, double *out);

#endif
