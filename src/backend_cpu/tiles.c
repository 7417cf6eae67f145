/* Register tiles for convolution and dense products, compiled once per
 * instruction set. */
#include "backend_cpu/real.h"

#include <string.h>

/* Transposes 4 x 4 elements: out[j ld + i] = alpha a[i lda + j]. */
CPU_INLINE void transpose4(real *out, size_t ld, const real *a, size_t lda, real alpha)
{
    typedef real quad
        __attribute__((vector_size(4 * sizeof(real)), aligned(sizeof(real)), may_alias));
    const quad r0 = *(const quad *)a, r1 = *(const quad *)(a + lda),
               r2 = *(const quad *)(a + 2 * lda), r3 = *(const quad *)(a + 3 * lda);
    const quad lo01 = __builtin_shufflevector(r0, r1, 0, 4, 1, 5),
               hi01 = __builtin_shufflevector(r0, r1, 2, 6, 3, 7),
               lo23 = __builtin_shufflevector(r2, r3, 0, 4, 1, 5),
               hi23 = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);

    *(quad *)out = alpha * __builtin_shufflevector(lo01, lo23, 0, 1, 4, 5);
    *(quad *)(out + ld) = alpha * __builtin_shufflevector(lo01, lo23, 2, 3, 6, 7);
    *(quad *)(out + 2 * ld) = alpha * __builtin_shufflevector(hi01, hi23, 0, 1, 4, 5);
    *(quad *)(out + 3 * ld) = alpha * __builtin_shufflevector(hi01, hi23, 2, 3, 6, 7);
}

/* Keeps a vector in a register; gcc would reload it for each of a few uses. */
#if defined(__x86_64__) && defined(__GNUC__)
#define KEEP(vector) __asm__("" : "+v"(vector))
#else
#define KEEP(vector) (void)0
#endif

/* Elements of a vector that has room for so many floats. */
#ifdef CPU_F64
#define LANES_OF(floats) ((floats) / 2)
#else
#define LANES_OF(floats) (floats)
#endif

#define TARGET
#define LANES LANES_OF(4)
#ifdef __aarch64__ /* aarch64 has 32 vector registers */
#define TILE 8
#define ACC 24
#else
#define TILE 4
#define ACC 8
#endif
#define T(name) name##_base
#include "backend_cpu/tiles_tmpl.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define TARGET __attribute__((target("avx2,fma")))
#define LANES LANES_OF(8)
#define TILE 4
#define ACC 12
#define T(name) name##_avx2
#include "backend_cpu/tiles_tmpl.h"

#define TARGET __attribute__((target("avx512f")))
#define LANES LANES_OF(16)
#define TILE 8
#define ACC 24
#define T(name) name##_avx512
#include "backend_cpu/tiles_tmpl.h"
#endif

const struct prismi_cpu_tiles *const R(prismi_cpu_tile_sets)[CPU_ISA_COUNT] = {
    [CPU_BASELINE] = &tiles_base,
#if defined(__x86_64__) && defined(__GNUC__)
    [CPU_AVX2] = &tiles_avx2,
    [CPU_AVX512] = &tiles_avx512,
#endif
};
