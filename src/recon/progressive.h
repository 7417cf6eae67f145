/* The state of the progressive strategy: for its own file and its tests. */
#ifndef PRISMI_RECON_PROGRESSIVE_H
#define PRISMI_RECON_PROGRESSIVE_H

#include "recon/internal.h"

enum { PRISMI_SAMPLE_PENDING, PRISMI_SAMPLE_CONVERGED, PRISMI_SAMPLE_FAILED };

/* All fields have 64 bits: no padding, the same layout everywhere. */
struct prismi_samples {
    int64_t sample; /* the open one, else the last one closed; -1: none yet in this pass */
    int64_t open, step, pass, n_failed;
    double loss_old, loss_new;
};
/* The fields above as NumPy describes them. */
#define PRISMI_SAMPLES_TYPE                                                                        \
    "[('sample', '<i8'), ('open', '<i8'), ('step', '<i8'), ('pass', '<i8'), "                      \
    "('n_failed', '<i8'), ('loss_old', '<f8'), ('loss_new', '<f8')]"

struct prismi_progressive {
    struct prismi_data data; /* first: its describe() finds the rest from here */
    struct prismi_samples now;
    int32_t *status; /* [n] of the samples */
    uint8_t *mask;   /* [2,grid,grid], as the instrument has them; follows from status and the open
                        sample */
    int mask_row, mask_rows; /* rows of the second mask that have open pixels */
    bool union_closed;       /* nothing passes through the first mask in the instrument */
    bool sample_done, sample_converged; /* in the last step */
    int64_t closed_sample;              /* where sample_done */
};

/* The loss of a retry: L1, SSIM, L2, MS-SSIM in turn, from the one after the
 * configured loss; after L1 where that is none of them. */
enum prism_loss_kind prismi_retry_kind(const double weights[PRISM_LOSS_COUNT], int pass);
/* Steps that a sample may take by the time it is in a tier. */
int64_t prismi_progressive_budget(const struct prism_session *s, enum prism_phase phase,
                                  enum prism_tier tier);

#endif
