/* Helpers of a block of threads: runs of 16 bytes, sums over a block, and
 * finding the last block of a row. Blocks consist of whole warps. */
#ifndef PRISMI_CU_BLOCK_H
#define PRISMI_CU_BLOCK_H

#include "backend_cuda/cu.h"

/* N elements that are loaded and stored as one. */
template <class T, int N> struct alignas(sizeof(T) * N) cu_pack {
    T v[N];
};

/* True if p may be read in runs of 16 bytes; NULL may. */
static inline bool cu_wide(const void *p)
{
    return (uintptr_t)p % 16 == 0;
}

/* Sums each v[k] over the block; thread 0 gets the sums, in the others they are
 * undefined. Warps sum in A, the block in double, in an order that only the
 * block's size decides. part is shared memory: N doubles for each of up to 32
 * warps. Begins with a barrier, so that calls may follow each other. */
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

/* True in the last of `blocks` blocks that call this; that block sees what
 * thread 0 of every other block wrote to memory before its call. The ticket is
 * 0 before the first call and after the last. flag is in shared memory. */
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
