/* The state of the progressive strategy, for progressive.c and its tests. */
#ifndef PRISMI_RECON_PROGRESSIVE_H
#define PRISMI_RECON_PROGRESSIVE_H

#include "recon/internal.h"

enum { PRISMI_SAMPLE_PENDING, PRISMI_SAMPLE_CONVERGED, PRISMI_SAMPLE_FAILED };

/* The part of the state that is saved. All fields have 64 bits, so there is no
 * padding and the layout is the same everywhere. */
struct prismi_samples {
    int64_t sample; /* the open sample, else the last one closed; -1: none yet in this pass */
    int64_t open, step, pass, n_failed;
    double loss_old, loss_new;
};
/* The type of these fields in NumPy's notation. */
#define PRISMI_SAMPLES_TYPE                                                                        \
    "[('sample', '<i8'), ('open', '<i8'), ('step', '<i8'), ('pass', '<i8'), "                      \
    "('n_failed', '<i8'), ('loss_old', '<f8'), ('loss_new', '<f8')]"

struct prismi_progressive {
    struct prismi_data data; /* first member: describe() gets a pointer to it */
    struct prismi_samples now;
    int32_t *status; /* [n], the status of each sample */
    /* [2,grid,grid], the masks that the instrument has; they follow from status
     * and the open sample */
    uint8_t *mask;
    int mask_row, mask_rows;            /* rows of the second mask that have open pixels */
    bool union_closed;                  /* the first mask is closed in the instrument */
    bool sample_done, sample_converged; /* what happened in the last step */
    int64_t closed_sample;              /* set if sample_done */
};

/* The loss of a retry. The cycle is L1, SSIM, L2, MS-SSIM, and retries begin
 * with the loss after the configured one. If the configured loss is none of
 * these, they begin with the one after L1. */
enum prism_loss_kind prismi_retry_kind(const double weights[PRISM_LOSS_COUNT], int pass);
/* The steps that a sample may have taken in total when it is in this tier. */
int64_t prismi_progressive_budget(const struct prism_session *s, enum prism_phase phase,
                                  enum prism_tier tier);

#endif
