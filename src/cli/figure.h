/* Pictures of a run. */
#ifndef PRISM_CLI_FIGURE_H
#define PRISM_CLI_FIGURE_H

#include "cli/setup.h"

/* reconstruction.png: amplitude clipped to [0,1], one byte a pixel;
 * comparison.png: truth, reconstruction, error, what one aperture sees,
 * k-space. result: [O,O]. Names of the files written, as the build's picture
 * format has them, are appended to written. Returns 0 or PRISM_E*. */
int figure_write(struct setup *s, const char *dir, const double *result,
                 const struct prism_progress *final, char *written, size_t n);
/* curves.svg from metrics.jsonl. */
int figure_curves(struct setup *s, const char *dir);
/* A sampling pattern on its own. path without suffix. */
int figure_pattern(struct setup *s, const char *path, char *written, size_t n);

#endif
