/* Pictures of a run. */
#ifndef PRISM_CLI_FIGURE_H
#define PRISM_CLI_FIGURE_H

#include "cli/setup.h"

/* Writes reconstruction.png (amplitude clipped to [0,1], one byte per pixel)
 * and comparison.png (truth, reconstruction, error, image through one aperture,
 * k-space). result is [O,O]. The names of the files, with the suffix of the
 * build's picture format, are appended to written. Returns 0 or PRISM_E*. */
int figure_write(struct setup *s, const char *dir, const double *result,
                 const struct prism_progress *final, char *written, size_t n);
/* Writes curves.svg from metrics.jsonl. Returns 0 or PRISM_E*. */
int figure_curves(struct setup *s, const char *dir);
/* Draws a sampling pattern alone; path has no suffix. Returns 0 or PRISM_E*. */
int figure_pattern(struct setup *s, const char *path, char *written, size_t n);

#endif
