/* What kernels do together: runs of 16 bytes, sums over a block, the last block
 * of a row. Blocks are whole warps. */
#ifndef PRISMI_CU_BLOCK_H
#define PRISMI_CU_BLOCK_H

#include "backend_cuda/cu.h"

/* N elements that move as one. */
template <class T, int N> struct alignas(sizeof(T) * N) cu_pack {
    T v[N];
};

/* Whether p may be read in runs of 16 bytes; NULL may. */
static inline bool cu_wide(const void *p)
{
    return (uintptr_t)p % 16 == 0;
}

/* Sum each v[k] over the block, in thread 0; undefined in the others. Warps sum
 * in A, the block in double, in an order that only the block's size decides.
 * part: shared, N doubles for each of up to 32 warps. Begins with a barrier, so
 * that calls may follow each other. */
template <int N, class A>
__device__ __forceinline__ void cu_block_sums(const A (&v)[N], double (&sum)[N], double *part)
{
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;

    __syncthreads();
#pragma unroll
    for (int k = 0; k < N; k++) {
        A s = v[k];
#pragma unroll
        for (int off = 16; off; off /= 2)
            s += __shfl_xor_sync(0xffffffffu, s, off);
        if (lane == 0)
            part[k * 32 + warp] = s;
    }
    __syncthreads();
    if (warp)
        return;
#pragma unroll
    for (int k = 0; k < N; k++) {
        sum[k] = lane < warps ? part[k * 32 + lane] : 0;
#pragma unroll
        for (int off = 16; off; off /= 2)
            sum[k] += __shfl_xor_sync(0xffffffffu, sum[k], off);
    }
}

/* Whether this block is the last of `blocks` to come here; it sees what the
 * others' threads 0 wrote to memory before. The ticket is 0 before the first
 * and after the last. flag: shared. */
__device__ __forceinline__ bool cu_last_block(unsigned *ticket, unsigned blocks, bool *flag)
{
    if (threadIdx.x == 0) {
        __threadfence();
        *flag = atomicInc(ticket, blocks - 1) == blocks - 1;
        __threadfence();
    }
    __syncthreads();
    return *flag;
}

#endif
