/* Entries that know a dtype: each is the kernel of its precision. */
#include "backend_cpu/cpu.h"

static const struct prism_ops *kernels(enum prism_dtype dtype)
{
    return prism_dtype_real(dtype) == PRISM_F64 ? &prismi_cpu_kernels_f64 : &prismi_cpu_kernels_f32;
}

/* Plans begin with the table of their precision. */
static const struct prism_ops *kernels_of(const void *plan)
{
    return *(const struct prism_ops *const *)plan;
}

int prismi_cpu_fft_create(struct prism_dev *dev, const struct prism_fft_desc *d, struct prism_fft **out)
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

int prismi_cpu_reduce(struct prism_dev *dev, enum prism_reduce op, enum prism_dtype dtype, size_t rows, size_t cols,
                      prism_mem y, prism_mem a, prism_mem b)
{
    return kernels(dtype)->reduce(dev, op, dtype, rows, cols, y, a, b);
}

int prismi_cpu_window(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y, prism_mem x)
{
    return kernels(d->dtype)->window(dev, d, y, x);
}

int prismi_cpu_blur(struct prism_dev *dev, const struct prism_blur_desc *d, prism_mem y, prism_mem x,
                    prism_mem tmp, prism_mem taps)
{
    return kernels(d->dtype)->blur(dev, d, y, x, tmp, taps);
}

int prismi_cpu_spectrum_fwd(struct prism_dev *dev, const struct prism_spectrum_desc *d,
                            const struct prism_spectrum_args *a)
{
    return kernels(d->dtype)->spectrum_fwd(dev, d, a);
}

int prismi_cpu_spectrum_adj(struct prism_dev *dev, const struct prism_spectrum_desc *d,
                            const struct prism_spectrum_args *a)
{
    return kernels(d->dtype)->spectrum_adj(dev, d, a);
}
