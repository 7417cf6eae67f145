/* The table of one precision. */
#include "backend_cpu/real.h"

const struct prism_ops R(prismi_cpu_kernels) = {
    .fft_create = R(prismi_cpu_fft_create),
    .fft_run = R(prismi_cpu_fft_run),
    .fft_destroy = R(prismi_cpu_fft_destroy),
    .reduce = R(prismi_cpu_reduce),
    .window = R(prismi_cpu_window),
    .blur = R(prismi_cpu_blur),
    .spectrum_fwd = R(prismi_cpu_spectrum_fwd),
    .spectrum_adj = R(prismi_cpu_spectrum_adj),
};
