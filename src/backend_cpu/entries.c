/* Entries that depend on a dtype: each calls the kernel of its precision. */
#include "backend_cpu/cpu.h"

static const struct prism_ops *kernels(enum prism_dtype dtype)
{
    return prism_dtype_real(dtype) == PRISM_F64 ? &prismi_cpu_kernels_f64 : &prismi_cpu_kernels_f32;
}

/* Kernels of a plan, whose first member points at the table of its
 * precision. */
static const struct prism_ops *kernels_of(const void *plan)
{
    return *(const struct prism_ops *const *)plan;
}

int prismi_cpu_fft_create(struct prism_dev *dev, const struct prism_fft_desc *d,
                          struct prism_fft **out)
{
    return kernels(d->dtype)->fft_create(dev, d, out);
}

int prismi_cpu_fft_run(struct prism_fft *f, int sign, prism_mem dst, prism_mem src)
{
    return kernels_of(f)->fft_run(f, sign, dst, src);
}

void prismi_cpu_fft_destroy(struct prism_fft *f)
{
    if (f)
        kernels_of(f)->fft_destroy(f);
}

int prismi_cpu_conv_create(struct prism_dev *dev, const struct prism_conv_desc *d,
                           struct prism_conv **out)
{
    return kernels(d->dtype)->conv_create(dev, d, out);
}

int prismi_cpu_conv_fwd(struct prism_conv *c, prism_mem y, prism_mem x, prism_mem w)
{
    return kernels_of(c)->conv_fwd(c, y, x, w);
}

int prismi_cpu_conv_bwd_x(struct prism_conv *c, prism_mem gx, prism_mem gy, prism_mem w)
{
    return kernels_of(c)->conv_bwd_x(c, gx, gy, w);
}

int prismi_cpu_conv_bwd_w(struct prism_conv *c, prism_mem gw, prism_mem gy, prism_mem x)
{
    return kernels_of(c)->conv_bwd_w(c, gw, gy, x);
}

void prismi_cpu_conv_destroy(struct prism_conv *c)
{
    if (c)
        kernels_of(c)->conv_destroy(c);
}

int prismi_cpu_gemm_entry(struct prism_dev *dev, const struct prism_gemm_desc *d, prism_mem c,
                          prism_mem a, prism_mem b)
{
    return kernels(d->dtype)->gemm(dev, d, c, a, b);
}

int prismi_cpu_map(struct prism_dev *dev, enum prism_map op, enum prism_dtype dtype, size_t rows,
                   size_t cols, const struct prism_map_args *args)
{
    return kernels(dtype)->map(dev, op, dtype, rows, cols, args);
}

int prismi_cpu_reduce(struct prism_dev *dev, enum prism_reduce op, enum prism_dtype dtype,
                      size_t rows, size_t cols, prism_mem y, prism_mem a, prism_mem b)
{
    return kernels(dtype)->reduce(dev, op, dtype, rows, cols, y, a, b);
}

int prismi_cpu_window(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y,
                      prism_mem x)
{
    return kernels(d->dtype)->window(dev, d, y, x);
}

int prismi_cpu_subaperture_fwd(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                               const struct prism_subaperture_args *args)
{
    return kernels(d->dtype)->subaperture_fwd(dev, d, args);
}

int prismi_cpu_subaperture_adj(struct prism_dev *dev, const struct prism_subaperture_desc *d,
                               const struct prism_subaperture_args *args)
{
    return kernels(d->dtype)->subaperture_adj(dev, d, args);
}

int prismi_cpu_blur(struct prism_dev *dev, const struct prism_blur_desc *d, prism_mem y,
                    prism_mem x, prism_mem tmp, prism_mem taps)
{
    return kernels(d->dtype)->blur(dev, d, y, x, tmp, taps);
}

int prismi_cpu_norm_act_fwd(struct prism_dev *dev, const struct prism_norm_desc *d,
                            const struct prism_norm_args *args)
{
    return kernels(d->dtype)->norm_act_fwd(dev, d, args);
}

int prismi_cpu_norm_act_bwd(struct prism_dev *dev, const struct prism_norm_desc *d,
                            const struct prism_norm_args *args)
{
    return kernels(d->dtype)->norm_act_bwd(dev, d, args);
}

int prismi_cpu_adam_outer(struct prism_dev *dev, const struct prism_adam_outer_desc *d,
                          struct prism_conv *conv, const struct prism_adam_outer_args *args)
{
    return kernels(d->dtype)->adam_outer(dev, d, conv, args);
}

int prismi_cpu_misfit(struct prism_dev *dev, const struct prism_misfit_desc *d,
                      const struct prism_misfit_args *args)
{
    return kernels(d->dtype)->misfit(dev, d, args);
}

int prismi_cpu_field_misfit(struct prism_dev *dev, const struct prism_field_misfit_desc *d,
                            struct prism_fft *fft, const struct prism_field_misfit_args *args)
{
    return kernels(d->aperture.dtype)->field_misfit(dev, d, fft, args);
}

int prismi_cpu_spectrum_fwd(struct prism_dev *dev, const struct prism_spectrum_desc *d,
                            struct prism_fft *fft, const struct prism_spectrum_args *a)
{
    return kernels(d->dtype)->spectrum_fwd(dev, d, fft, a);
}

int prismi_cpu_spectrum_adj(struct prism_dev *dev, const struct prism_spectrum_desc *d,
                            struct prism_fft *fft, const struct prism_spectrum_args *a)
{
    return kernels(d->dtype)->spectrum_adj(dev, d, fft, a);
}

int prismi_cpu_scatter_add(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y,
                           prism_mem x, prism_mem weight)
{
    return kernels(d->dtype)->scatter_add(dev, d, y, x, weight);
}

int prismi_cpu_softmax_fwd(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem y,
                           prism_mem x)
{
    return kernels(d->dtype)->softmax_fwd(dev, d, y, x);
}

int prismi_cpu_softmax_bwd(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem gx,
                           prism_mem gy, prism_mem y)
{
    return kernels(d->dtype)->softmax_bwd(dev, d, gx, gy, y);
}

int prismi_cpu_argmax(struct prism_dev *dev, const struct prism_softmax_desc *d, prism_mem y,
                      prism_mem x)
{
    return kernels(d->dtype)->argmax(dev, d, y, x);
}

int prismi_cpu_gather_create(struct prism_dev *dev, const struct prism_gather_desc *d,
                             const int32_t *index, const double *weight, struct prism_gather **out)
{
    return kernels(d->dtype)->gather_create(dev, d, index, weight, out);
}

int prismi_cpu_gather_fwd(struct prism_gather *g, prism_mem y, prism_mem x)
{
    return kernels_of(g)->gather_fwd(g, y, x);
}

int prismi_cpu_gather_adj(struct prism_gather *g, prism_mem gx, prism_mem gy)
{
    return kernels_of(g)->gather_adj(g, gx, gy);
}

void prismi_cpu_gather_destroy(struct prism_gather *g)
{
    if (g)
        kernels_of(g)->gather_destroy(g);
}

int prismi_cpu_pool_fwd(struct prism_dev *dev, const struct prism_pool_desc *d, prism_mem y,
                        prism_mem index, prism_mem x)
{
    return kernels(d->dtype)->pool_fwd(dev, d, y, index, x);
}

int prismi_cpu_pool_bwd(struct prism_dev *dev, const struct prism_pool_desc *d, prism_mem gx,
                        prism_mem gy, prism_mem index)
{
    return kernels(d->dtype)->pool_bwd(dev, d, gx, gy, index);
}

int prismi_cpu_dense_fit(struct prism_dev *dev, const struct prism_dense_fit_desc *d,
                         const struct prism_dense_fit_args *a)
{
    return kernels(d->dtype)->dense_fit(dev, d, a);
}
