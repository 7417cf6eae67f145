/* Entries that know a dtype: each is the kernel of its precision. */
#include "backend_cpu/cpu.h"

static const struct prism_ops *kernels(enum prism_dtype dtype)
{
    return prism_dtype_real(dtype) == PRISM_F64 ? &prismi_cpu_kernels_f64 : &prismi_cpu_kernels_f32;
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
