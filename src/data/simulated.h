/* Frames of a known object, computed when read. Not installed. */
#ifndef PRISMI_DATA_SIMULATED_H
#define PRISMI_DATA_SIMULATED_H

#include "data/source.h"
#include "optics/instrument.h"

/* What prismi_source_simulated opens from; dev and centres must stay. */
struct prismi_simulation {
    struct prism_dev *dev;
    struct prismi_instrument_params
        instrument;        /* the geometry; dtype, n_frames and batch are the source's to choose */
    const double *centres; /* [n][2] */
    int n;
    double snr_db; /* 0 = no noise. Gaussian noise on each frame, sigma^2 = mean(a^2)/10^(snr/10);
                      negative values become 0 */
    uint64_t seed; /* of the noise; frame k's noise depends on seed and k only */
    bool in_double;
};
/* The object [obj,obj] of the next reads; zero at first. Waits. */
int prismi_simulated_set_object(void *state, const double *object);
/* The type that frames are computed in: single, or double where that is asked
 * for and the device has it. */
enum prism_dtype prismi_simulated_dtype(const struct prism_dev *dev, bool in_double);

#endif
