/* Kernels of one precision. Files that include this are compiled twice, plainly and with CPU_F64: `real` is the element, a complex
 * number two of them, and R(name) a name of that precision. kernels.c is their table, which entries.c looks up by dtype. */
#ifndef PRISMI_CPU_REAL_H
#define PRISMI_CPU_REAL_H

#include "backend_cpu/cpu.h"

#ifdef CPU_F64
typedef double real;
#define R(name) name##_f64
#else
typedef float real;
#define R(name) name##_f32
#endif

/* ---- entries ---- */

int R(prismi_cpu_reduce)(struct prism_dev *dev, enum prism_reduce op, enum prism_dtype dtype, size_t rows, size_t cols, prism_mem y,
                         prism_mem a, prism_mem b);
int R(prismi_cpu_fft_create)(struct prism_dev *dev, const struct prism_fft_desc *d, struct prism_fft **out);
int R(prismi_cpu_fft_run)(struct prism_fft *f, int sign, prism_mem dst, prism_mem src);
void R(prismi_cpu_fft_destroy)(struct prism_fft *f);
int R(prismi_cpu_spectrum_fwd)(struct prism_dev *dev, const struct prism_spectrum_desc *d, const struct prism_spectrum_args *a);
int R(prismi_cpu_spectrum_adj)(struct prism_dev *dev, const struct prism_spectrum_desc *d, const struct prism_spectrum_args *a);
int R(prismi_cpu_window)(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y, prism_mem x);
int R(prismi_cpu_blur)(struct prism_dev *dev, const struct prism_blur_desc *d, prism_mem y, prism_mem x, prism_mem tmp,
                       prism_mem taps);

#endif
