/* Register tiles for convolution and dense products, once per instruction set. */
#include "backend_cpu/cpu.h"

#include <string.h>

#define TARGET
#define LANES 4
#define T(name) name##_base
#include "backend_cpu/tiles_tmpl.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define TARGET __attribute__((target("avx2,fma")))
#define LANES 8
#define T(name) name##_avx2
#include "backend_cpu/tiles_tmpl.h"

#define TARGET __attribute__((target("avx512f")))
#define LANES 16
#define T(name) name##_avx512
#include "backend_cpu/tiles_tmpl.h"
#endif

const struct prismi_cpu_tiles *prismi_cpu_tiles_select(bool *vector)
{
    static const struct prismi_cpu_tiles base = {"baseline", rows_base, dots_base, product_base};
#if defined(__x86_64__) && defined(__GNUC__)
    static const struct prismi_cpu_tiles avx2 = {"AVX2", rows_avx2, dots_avx2, product_avx2};
    static const struct prismi_cpu_tiles avx512 = {"AVX-512", rows_avx512, dots_avx512, product_avx512};

    *vector = true;
    if (__builtin_cpu_supports("avx512f"))
        return &avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &avx2;
#endif
    *vector = false;
    return &base;
}
