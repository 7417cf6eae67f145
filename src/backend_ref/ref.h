/* The reference backend: plain C loops, one thread, both precisions. It is the
 * specification that the other backends are tested against, so clarity comes
 * before speed. Kernels live in *_tmpl.h files, which both.h compiles once per
 * precision. */
#ifndef PRISMI_REF_H
#define PRISMI_REF_H

#include "prismrec/backend.h"

/* Records an error on a device; evaluates to its status. */
#define REF_FAIL(dev, status, ...)                                                                 \
    (dev)->host->fail((dev)->host->user, status, __FILE__, __LINE__, __VA_ARGS__)

/* Calls the kernel of a dtype's precision. */
#define REF_CALL(dtype, kernel, ...)                                                               \
    (prism_dtype_real(dtype) == PRISM_F64 ? kernel##_f64(__VA_ARGS__) : kernel##_f32(__VA_ARGS__))

int prismi_ref_fft_create(struct prism_dev *dev, const struct prism_fft_desc *d,
                          struct prism_fft **out);
int prismi_ref_fft_run(struct prism_fft *plan, int sign, prism_mem dst, prism_mem src);
void prismi_ref_fft_destroy(struct prism_fft *plan);

int prismi_ref_conv_create(struct prism_dev *dev, const struct prism_conv_desc *d,
                           struct prism_conv **out);
int prismi_ref_conv_fwd(struct prism_conv *plan, prism_mem y, prism_mem x, prism_mem w);
int prismi_ref_conv_bwd_x(struct prism_conv *plan, prism_mem gx, prism_mem gy, prism_mem w);
int prismi_ref_conv_bwd_w(struct prism_conv *plan, prism_mem gw, prism_mem gy, prism_mem x);
void prismi_ref_conv_destroy(struct prism_conv *plan);

int prismi_ref_gemm(struct prism_dev *dev, const struct prism_gemm_desc *d, prism_mem c,
                    prism_mem a, prism_mem b);

int prismi_ref_map(struct prism_dev *dev, enum prism_map op, enum prism_dtype dtype, size_t rows,
                   size_t cols, const struct prism_map_args *args);
float prismi_ref_act_f32(enum prism_act act, float x);
double prismi_ref_act_f64(enum prism_act act, double x);
float prismi_ref_act_derivative_f32(enum prism_act act, float x);
double prismi_ref_act_derivative_f64(enum prism_act act, double x);
void prismi_ref_narrow(enum prism_dtype half, size_t n, uint16_t *y, const float *x);
void prismi_ref_widen(enum prism_dtype half, size_t n, float *y, const uint16_t *x);
int prismi_ref_reduce(struct prism_dev *dev, enum prism_reduce op, enum prism_dtype dtype,
                      size_t rows, size_t cols, prism_mem y, prism_mem a, prism_mem b);

int prismi_ref_window(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y,
                      prism_mem x);
int prismi_ref_subaperture_fwd(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                               const struct prism_subaperture_args *args);
int prismi_ref_subaperture_adj(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                               const struct prism_subaperture_args *args);
int prismi_ref_blur(struct prism_dev *dev, const struct prism_blur_desc *d, prism_mem y,
                    prism_mem x, prism_mem tmp, prism_mem taps);

int prismi_ref_pool_fwd(struct prism_dev *dev, const struct prism_pool_desc *d, prism_mem y,
                        prism_mem index, prism_mem x);
int prismi_ref_pool_bwd(struct prism_dev *dev, const struct prism_pool_desc *d, prism_mem gx,
                        prism_mem gy, prism_mem index);
int prismi_ref_copy2d(struct prism_dev *dev, const struct prism_copy2d_desc *d, prism_mem y,
                      prism_mem x);
int prismi_ref_scatter_add(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y,
                           prism_mem x, prism_mem weight);
int prismi_ref_softmax_fwd(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem y,
                           prism_mem x);
int prismi_ref_softmax_bwd(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem gx,
                           prism_mem gy, prism_mem y);
int prismi_ref_argmax(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem y,
                      prism_mem x);
int prismi_ref_gather_create(struct prism_dev *dev, const struct prism_gather_desc *d,
                             const int32_t *index, const double *weight, struct prism_gather **out);
int prismi_ref_gather_fwd(struct prism_gather *g, prism_mem y, prism_mem x);
int prismi_ref_gather_adj(struct prism_gather *g, prism_mem gx, prism_mem gy);
void prismi_ref_gather_destroy(struct prism_gather *g);
int prismi_ref_dense_fit(struct prism_dev *dev, const struct prism_dense_fit_desc *d,
                         const struct prism_dense_fit_args *args);

int prismi_ref_norm_act_fwd(struct prism_dev *dev, const struct prism_norm_desc *d,
                            const struct prism_norm_args *args);
int prismi_ref_norm_act_bwd(struct prism_dev *dev, const struct prism_norm_desc *d,
                            const struct prism_norm_args *args);

#endif
