/* Convolution for few channels, without columns: the decoder's late layers,
 * which are its large ones. Two shapes: kernel 4 stride 2 padding 1, and kernel
 * 3 stride 1. Arithmetic is F32 for every type. conv_direct.cu holds fwd and
 * bwd_x, conv_direct_bwd_w.cu the gradient of the weights.
 *
 * Floor: each direction of a layer from c to c/2 channels is 67 MFLOP, or 0.5
 * to 1.2 GFLOP where 16 channels are kept at 256^2 and 512^2: 1 to 20 us at 60
 * TFLOP/s. The bytes are 1.5 to 33 MB, at most 10 us, so arithmetic decides. A
 * multiprocessor does 4 warps of multiply-adds in the time that shared memory
 * takes to serve one warp's 4-byte read; a warp's 16-byte reads take 4 times
 * that, or once that where all lanes read the same. A thread therefore keeps P
 * = 4 neighbouring pixels of C channels in registers:
 *
 *   fwd    reads 16 S bytes of pixels twice and 16 bytes of weights for each of
 *          C channels, for 4 K C multiply-adds: bound by arithmetic from C = 4
 *          on.
 *   bwd_x  at stride 1 is fwd with the weights reversed. At stride 2 each 2 x 2
 *          pixels of gx depend on 3 x 3 pixels of gy, 4 taps each: 64 C
 *          multiply-adds for each channel of gy, from 3 rows of pixels; nothing
 *          is scattered or multiplied by 0.
 *   bwd_w  a thread keeps K taps of C output channels for one (ci,ky), over
 *          every 8th run of P pixels of the block's tiles. A block writes one
 *          partial sum for each weight, and a second kernel adds the partial
 *          sums in order.
 *
 * Windows of the operand lie in shared memory, with 0 outside the image and
 * columns sorted modulo the stride, so that a thread's pixels are aligned runs
 * of 16 bytes. A warp covers 32 x 4 pixels. On large maps a block is 4 warps
 * one above the other. On small maps such blocks would be too few: there the
 * warps of a block share the pixels, split the input channels, and add up at
 * the end. */
#ifndef PRISMI_CU_CONV_DIRECT_H
#define PRISMI_CU_CONV_DIRECT_H

#include "backend_cuda/conv.h"

enum { TX = 8, TY = 4, P = 4, TW = TX * P, WARPS = 4, THREADS = 32 * WARPS };
enum { PER_SM = 4 }; /* blocks per processor at once: 128 registers a thread */

/* Sizes of a correlation: y[co] = sum over ci of x[ci] with w[co w_out + ci
 * w_in + tap]; flip: taps run from last to first. */
struct conv_sides {
    int cin, h, w, cout, oh, ow, pad;
    size_t w_out, w_in;
    bool flip, wide; /* wide: runs of P outputs may be stored as one */
    int n, groups;   /* n: images; groups: blocks along z for the channels of one image */
};

static inline struct conv_sides sides(const struct prism_conv *c)
{
    const size_t taps = (size_t)c->d.k * c->d.k;
    return {c->d.cin,        c->d.h, c->d.w, c->d.cout, c->oh,  c->ow, c->d.pad,
            c->d.cin * taps, taps,   false,  false,     c->d.n, 1};
}

/* Window of one channel in shared memory: ROWS x COLS inputs for LINES x TW
 * outputs, with every S-th column next to each other. */
template <int K, int S, int LINES> struct conv_window {
    enum {
        ROWS = (LINES - 1) * S + K,
        COLS = (TW - 1) * S + K,
        HALF = TW + P,
        PITCH = S * HALF,
        PLANE = ROWS * PITCH
    };
};
/* Copies rows first, first + STEP, ... of the window at (y0,x0) of a channel to
 * shared memory. A warp takes one row at a time; the columns that are left
 * over, 16 rows at a time. */
template <class G, int S, int STEP, class T>
__device__ __forceinline__ void stage(float *out, const T *x, int h, int w, int y0, int x0,
                                      int first)
{
    enum { MAIN = G::COLS / 32 * 32, REST = G::COLS - MAIN };
    static_assert(REST == 0 || REST == 2, "two columns left over");
    const int lane = threadIdx.x % 32;

#pragma unroll 3
    for (int r = first; r < G::ROWS; r += STEP) {
        const int y = y0 + r;
#pragma unroll
        for (int c = lane; c < MAIN; c += 32) {
            const bool inside = y >= 0 && y < h && x0 + c >= 0 && x0 + c < w;
            out[r * G::PITCH + c % S * G::HALF + c / S] =
                inside ? cu_load(x + (ptrdiff_t)y * w + x0 + c) : 0.f;
        }
    }
    for (int r = 16 * first + lane / 2; REST > 0 && r < G::ROWS; r += 16 * STEP) {
        const int y = y0 + r, c = MAIN + lane % 2;
        const bool inside = y >= 0 && y < h && x0 + c >= 0 && x0 + c < w;
        out[r * G::PITCH + c % S * G::HALF + c / S] =
            inside ? cu_load(x + (ptrdiff_t)y * w + x0 + c) : 0.f;
    }
}

/* Reads a thread's 2 P columns of each residue modulo the stride. */
template <int S, int HALF>
__device__ __forceinline__ void read_runs(float (&v)[S][2 * P], const float *at)
{
#pragma unroll
    for (int s = 0; s < S; s++) {
        const float4 a = *reinterpret_cast<const float4 *>(at + s * HALF),
                     b = *reinterpret_cast<const float4 *>(at + s * HALF + P);
        v[s][0] = a.x, v[s][1] = a.y, v[s][2] = a.z, v[s][3] = a.w;
        v[s][4] = b.x, v[s][5] = b.y, v[s][6] = b.z, v[s][7] = b.w;
    }
}

__device__ __forceinline__ void read_taps(float (&v)[4], const float4 *at)
{
    const float4 a = *at;
    v[0] = a.x, v[1] = a.y, v[2] = a.z, v[3] = a.w;
}

__host__ __device__ static constexpr int most(int a, int b)
{
    return a > b ? a : b;
}

/* Grid whose blocks have `lines` rows of TW pixels and c channels each, for n
 * images. */
static inline dim3 tile_grid(int n, int h, int w, int lines, int channels, int c)
{
    return dim3(cu_blocks((size_t)w, TW), cu_blocks((size_t)h, (size_t)lines),
                (unsigned)n * cu_blocks((size_t)channels, (size_t)c));
}

static inline size_t tiles(int n, int h, int w, int lines, int channels, int c)
{
    const dim3 grid = tile_grid(n, h, w, lines, channels, c);
    return (size_t)grid.x * grid.y * grid.z;
}

/* Gradient of the weights, conv_direct_bwd_w.cu: the bytes of its scratch, and
 * its launches. */
size_t cu_conv_direct_scratch(const struct prism_conv *c);
int cu_conv_direct_bwd_w(struct prism_conv *c, prism_mem gw, prism_mem gy, prism_mem x);

#endif
