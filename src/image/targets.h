/* Geometry of the built-in resolution chart, for tests and measurements on it.
 * Not installed. */
#ifndef PRISMI_TARGETS_H
#define PRISMI_TARGETS_H

#include <stdint.h>

/* One element of the USAF-1951 chart: two triplets of bars, each a square of
 * side 5 bar_px. Group and element count within the chart, whose largest bars
 * are group 0 element 1; bar_px = bar of 0,1 times 2^-(group + (element -
 * 1)/6). Coordinates are pixel edges: pixel i covers [i, i+1). */
struct prismi_usaf_element {
    int group, element;
    double bar_px;
    double y, x_lines, x_bars; /* top; left of the triplet with horizontal bars and of the one with
                                  vertical bars */
};

enum { PRISMI_USAF_MAX = 72 };

/* The elements that fit a picture of size x size with bars of at least one
 * pixel. Returns how many. */
int prismi_usaf_layout(int size, struct prismi_usaf_element out[PRISMI_USAF_MAX]);

void prismi_object_usaf(int size, double *out); /* zero-filled before */
void prismi_object_siemens(int size, double *out);

#endif
