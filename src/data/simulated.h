/* A source of simulated frames of a known object, computed when read. Not
 * installed. */
#ifndef PRISMI_DATA_SIMULATED_H
#define PRISMI_DATA_SIMULATED_H

#include "data/source.h"
#include "optics/instrument.h"

/* What prismi_source_simulated opens. dev and centres must outlive the
 * source. */
struct prismi_simulation {
    struct prism_dev *dev;
    /* the geometry; the source sets dtype, n_frames and batch itself */
    struct prismi_instrument_params instrument;
    const double *centres; /* [n][2], k-space positions (y, x) in pixels relative to DC */
    int n;
    /* Signal-to-noise ratio in dB, 0 = no noise. Gaussian noise is added to the
     * amplitudes a of each frame, sigma^2 = mean(a^2)/10^(snr/10); negative
     * values become 0. */
    double snr_db;
    uint64_t seed; /* seed of the noise; the noise of frame k depends only on seed and k */
    bool in_double;
};
/* Set the object [obj,obj] for the next reads; it is zero at first. Waits for
 * the device. */
int prismi_simulated_set_object(void *state, const double *object);
/* The type that frames are computed in: F64 if in_double is set and the device
 * has it, else F32. */
enum prism_dtype prismi_simulated_dtype(const struct prism_dev *dev, bool in_double);

#endif
