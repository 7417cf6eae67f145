/* The table of one precision. */
#include "backend_cpu/real.h"

const struct prism_ops R(prismi_cpu_kernels) = {
    .fft_create = R(prismi_cpu_fft_create),
    .fft_run = R(prismi_cpu_fft_run),
    .fft_destroy = R(prismi_cpu_fft_destroy),
    .conv_create = R(prismi_cpu_conv_create),
    .conv_fwd = R(prismi_cpu_conv_fwd),
    .conv_bwd_x = R(prismi_cpu_conv_bwd_x),
    .conv_bwd_w = R(prismi_cpu_conv_bwd_w),
    .conv_destroy = R(prismi_cpu_conv_destroy),
    .gemm = R(prismi_cpu_gemm_entry),
    .reduce = R(prismi_cpu_reduce),
    .window = R(prismi_cpu_window),
    .subaperture_fwd = R(prismi_cpu_subaperture_fwd),
    .subaperture_adj = R(prismi_cpu_subaperture_adj),
    .blur = R(prismi_cpu_blur),
    .norm_act_fwd = R(prismi_cpu_norm_act_fwd),
    .norm_act_bwd = R(prismi_cpu_norm_act_bwd),
    .misfit = R(prismi_cpu_misfit),
    .field_misfit = R(prismi_cpu_field_misfit),
    .spectrum_fwd = R(prismi_cpu_spectrum_fwd),
    .spectrum_adj = R(prismi_cpu_spectrum_adj),
    .pool_fwd = R(prismi_cpu_pool_fwd),
    .pool_bwd = R(prismi_cpu_pool_bwd),
    .dense_fit = R(prismi_cpu_dense_fit),
};
