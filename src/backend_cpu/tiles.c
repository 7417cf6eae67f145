/* Register tiles for convolution and dense products, once per instruction set. */
#include "backend_cpu/cpu.h"

#include <string.h>

/* out[j ld + i] = alpha a[i lda + j], four by four. */
CPU_INLINE void transpose4(float *out, size_t ld, const float *a, size_t lda, float alpha)
{
    typedef float quad __attribute__((vector_size(16), aligned(4), may_alias));
    const quad r0 = *(const quad *)a, r1 = *(const quad *)(a + lda), r2 = *(const quad *)(a + 2 * lda),
               r3 = *(const quad *)(a + 3 * lda);
    const quad lo01 = __builtin_shufflevector(r0, r1, 0, 4, 1, 5), hi01 = __builtin_shufflevector(r0, r1, 2, 6, 3, 7),
               lo23 = __builtin_shufflevector(r2, r3, 0, 4, 1, 5), hi23 = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);

    *(quad *)out = alpha * __builtin_shufflevector(lo01, lo23, 0, 1, 4, 5);
    *(quad *)(out + ld) = alpha * __builtin_shufflevector(lo01, lo23, 2, 3, 6, 7);
    *(quad *)(out + 2 * ld) = alpha * __builtin_shufflevector(hi01, hi23, 0, 1, 4, 5);
    *(quad *)(out + 3 * ld) = alpha * __builtin_shufflevector(hi01, hi23, 2, 3, 6, 7);
}

/* gcc would load anew for each of a few uses. */
#if defined(__x86_64__) && defined(__GNUC__)
#define KEEP(vector) __asm__("" : "+v"(vector))
#else
#define KEEP(vector) (void)0
#endif

#define TARGET
#define LANES 4
#ifdef __aarch64__ /* 32 registers */
#define TILE 8
#define ACC 24
#else
#define TILE 4
#define ACC 8
#endif
#define NAME "baseline"
#define T(name) name##_base
#include "backend_cpu/tiles_tmpl.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define TARGET __attribute__((target("avx2,fma")))
#define LANES 8
#define TILE 4
#define ACC 12
#define NAME "AVX2"
#define T(name) name##_avx2
#include "backend_cpu/tiles_tmpl.h"

#define TARGET __attribute__((target("avx512f")))
#define LANES 16
#define TILE 8
#define ACC 24
#define NAME "AVX-512"
#define T(name) name##_avx512
#include "backend_cpu/tiles_tmpl.h"
#endif

const struct prismi_cpu_tiles *prismi_cpu_tiles_select(bool *vector)
{
#if defined(__x86_64__) && defined(__GNUC__)
    *vector = true;
    if (__builtin_cpu_supports("avx512f"))
        return &tiles_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &tiles_avx2;
#endif
    *vector = false;
    return &tiles_base;
}
