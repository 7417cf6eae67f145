/* PRISM: image quality. Host arrays, computed in double. Data range 1. */
#ifndef PRISMREC_METRICS_H
#define PRISMREC_METRICS_H

#include "prismrec/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Mean structural similarity (Wang et al. 2004): Gaussian window 11, sigma 1.5,
 * K = 0.01, 0.03, population covariance. x, y: [h,w], h and w >= 6. The border
 * mirrors without repeating the edge; the mean is over the whole image. NaN on
 * no memory. */
PRISM_API double prism_ssim(const double *x, const double *y, int h, int w);

/* SSIM as scikit-image computes it:
 * structural_similarity(gaussian_weights=True, sigma=1.5,
 * use_sample_covariance=False, data_range=1, win_size=7). The border mirrors
 * with the edge repeated; the mean leaves 3 pixels out on every side. */
PRISM_API double prism_ssim_skimage(const double *x, const double *y, int h, int w);

/* Multi-scale SSIM (Wang, Simoncelli, Bovik 2003): five scales, 2x2 mean
 * between them. Where a side would fall below 11 there are fewer scales, and
 * the weights are renormalised. The coarsest scale carries the luminance
 * term. */
PRISM_API double prism_ms_ssim(const double *x, const double *y, int h, int w);

/* Root mean square error in percent, 100 sqrt(mean d^2)/sqrt(mean ref^2) with
 * d = x - ref, over n values. */
PRISM_API double prism_rmse_percent(const double *x, const double *ref, size_t n);

/* Peak signal-to-noise ratio in dB, -10 log10(mean d^2) with d = x - ref, over
 * n values; +inf for equal images. */
PRISM_API double prism_psnr_db(const double *x, const double *ref, size_t n);

#ifdef __cplusplus
}
#endif
#endif
