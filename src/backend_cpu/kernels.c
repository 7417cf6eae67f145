/* The table of one precision. */
#include "backend_cpu/real.h"

const struct prism_ops R(prismi_cpu_kernels) = {
    .reduce = R(prismi_cpu_reduce),
    .window = R(prismi_cpu_window),
    .blur = R(prismi_cpu_blur),
};
