/* Convolution for few channels, without columns: the decoder's late layers,
 * which are its large ones. Kernel 4 stride 2 padding 1, and kernel 3 stride 1;
 * F32 arithmetic for every type.
 *
 * Floor: 67 MFLOP for each direction of a layer from c to c/2 channels, 0.5 to
 * 1.2 GFLOP where 16 channels are kept at 256^2 and 512^2: 1 to 20 us at 60
 * TFLOP/s; bytes are 1.5 to 33 MB, at most 10 us. So arithmetic it is: a
 * multiprocessor does 4 warps of multiply-adds in the time shared memory takes
 * to serve one warp's 4-byte read (a warp's 16-byte reads take 4 times that, or
 * one where all lanes read the same). A thread therefore keeps P = 4
 * neighbouring pixels of C channels in registers:
 *
 * fwd    reads 16 S bytes of pixels twice and 16 bytes of weights for each of C
 *        channels, for 4 K C multiply-adds: bound by arithmetic from C = 4 on.
 * bwd_x  at stride 1 is fwd with the weights turned round. At stride 2 each 2 x
 *        2 pixels of gx come from 3 x 3 pixels of gy, 4 taps to each: 64 C
 *        multiply-adds for each channel of gy, from 3 rows of pixels; nothing
 *        is scattered or multiplied by 0.
 * bwd_w  a thread keeps K taps of C output channels for one (ci,ky), over every
 *        8th run of P pixels of the block's tiles; the block leaves one partial
 *        sum for each weight, and a second kernel adds those up in order.
 *
 * Windows of the operand lie in shared memory with their edges filled by 0 and
 * columns sorted modulo the stride, so that a thread's pixels are aligned runs
 * of 16 bytes. A warp covers 32 x 4 pixels. On large maps a block is 4 warps
 * one above the other; on small ones, where those would be too few, its warps
 * share the pixels and split the input channels, and add up at the end. */
#include "backend_cuda/conv.h"

enum { TX = 8, TY = 4, P = 4, TW = TX * P, WARPS = 4, THREADS = 32 * WARPS };
enum { PER_SM = 4 }; /* blocks of a processor at once: 128 registers a thread */

/* One side of a correlation: y[co] = sum over ci of x[ci] with w[co w_out + ci
 * w_in + tap]; flip: taps from last to first */
struct conv_sides {
    int cin, h, w, cout, oh, ow, pad;
    size_t w_out, w_in;
    bool flip, wide; /* wide: runs of P outputs may be stored as one */
    int n, groups;   /* images; blocks along z for the channels of one */
};

/* A window of one channel in shared memory: for LINES x TW outputs, ROWS x COLS
 * inputs, every S-th column next to each other */
template <int K, int S, int LINES> struct conv_window {
    enum {
        ROWS = (LINES - 1) * S + K,
        COLS = (TW - 1) * S + K,
        HALF = TW + P,
        PITCH = S * HALF,
        PLANE = ROWS * PITCH
    };
};
/* In bwd_w the lanes of a warp read 2 channels by 4 rows at once: PITCH/4 odd
 * and ROWS 4 modulo 8 lead them to different banks. */
template <int K, int S, int LINES> struct conv_window_w {
    typedef conv_window<K, S, LINES> W;
    enum {
        ROWS = W::ROWS,
        COLS = W::COLS,
        HALF = W::HALF,
        PITCH = W::PITCH + (S % 2 ? 0 : 4),
        PLANE = (ROWS + (12 - ROWS % 8) % 8) * PITCH
    };
};
struct conv_window_gy {
    enum { LINES = 8, ROWS = LINES, COLS = TW, HALF = TW, PITCH = TW, PLANE = ROWS * PITCH };
};

/* Rows first, first + STEP, ... of the window at (y0,x0) of a channel. A warp
 * takes a row; the columns that are left over it takes from 16 rows at once. */
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

/* n channels from ci0: in a block that splits channels each warp stages those
 * it will read. */
template <class G, int S, bool SPLIT, class T>
__device__ __forceinline__ void stage_channels(float *out, const T *x, const struct conv_sides &d,
                                               int ci0, int n, int y0, int x0)
{
    const int warp = threadIdx.x / 32;
    const size_t plane = (size_t)d.h * d.w;

    for (int p = SPLIT ? warp : 0; p < n; p += SPLIT ? WARPS : 1)
        stage<G, S, SPLIT ? 1 : WARPS>(out + p * G::PLANE, x + (ci0 + p) * plane, d.h, d.w, y0, x0,
                                       SPLIT ? 0 : warp);
}

/* [n][C][K] rows of 4 taps; channels past the last are 0. */
template <int K, int C, class T>
__device__ __forceinline__ void stage_weights(float4 *out, const T *w, const struct conv_sides &d,
                                              int ci0, int n, int co0)
{
#pragma unroll 1 /* or it spills beside the sums */
    for (int i = threadIdx.x; i < n * C * K * K; i += THREADS) {
        const int tap = i % (K * K), c = i / (K * K) % C, p = i / (K * K * C);
        const T *at =
            w + (co0 + c) * d.w_out + (ci0 + p) * d.w_in + (d.flip ? K * K - 1 - tap : tap);
        reinterpret_cast<float *>(out + (p * C + c) * K + tap / K)[tap % K] =
            co0 + c < d.cout ? cu_load(at) : 0.f;
    }
}

/* A thread's 2 P columns of each residue. */
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

/* P outputs at column x of a row of w */
template <class T>
__device__ __forceinline__ void store_run(T *row, int x, int w, bool wide, const float (&v)[P])
{
    struct alignas(P * sizeof(T)) run {
        T v[P];
    } out;
#pragma unroll
    for (int i = 0; i < P; i++)
        cu_store(out.v + i, v[i]);
    if (wide && x + P <= w) {
        *reinterpret_cast<run *>(row + x) = out;
        return;
    }
#pragma unroll
    for (int i = 0; i < P; i++)
        if (x + i < w)
            row[x + i] = out.v[i];
}

/* Sums over the block's warps of v[0..3]; warp i gets that of v[i]. sums: WARPS
 * THREADS values. */
__device__ __forceinline__ void sum_over_warps(float4 *sums, const float (&v)[WARPS][P],
                                               float (&out)[P])
{
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;

    __syncthreads();
#pragma unroll
    for (int i = 0; i < WARPS; i++)
        sums[i * THREADS + threadIdx.x] = make_float4(v[i][0], v[i][1], v[i][2], v[i][3]);
    __syncthreads();
    read_taps(out, sums + warp * THREADS + lane);
#pragma unroll
    for (int i = 1; i < WARPS; i++) {
        float more[P];
        read_taps(more, sums + warp * THREADS + i * 32 + lane);
#pragma unroll
        for (int j = 0; j < P; j++)
            out[j] += more[j];
    }
}

__host__ __device__ static constexpr int most(int a, int b)
{
    return a > b ? a : b;
}

/* Shared memory of fwd and bwd_x: N channels' windows, later the sums of a
 * block that splits channels */
template <class G, int N, bool SPLIT> struct conv_tile {
    enum { RUNS = most(N * G::PLANE / P, SPLIT ? WARPS *THREADS : 0) };
};

template <class T, int K, int S, int C, bool SPLIT>
static __global__ void __launch_bounds__(THREADS, PER_SM)
    conv_direct_fwd(T *y, const T *x, const T *w, struct conv_sides d)
{
    typedef conv_window<K, S, SPLIT ? TY : WARPS * TY> G;
    enum { N = SPLIT ? 2 * WARPS : S == 1 ? 4 : 2 };
    __shared__ float4 tile[conv_tile<G, N, SPLIT>::RUNS], taps[N * C * K];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, tx = lane % TX,
              ty = lane / TX + (SPLIT ? 0 : warp * TY);
    const int oy0 = blockIdx.y * (SPLIT ? TY : WARPS * TY), ox0 = blockIdx.x * TW;
    const int image = blockIdx.z / d.groups, co0 = blockIdx.z % d.groups * C;
    const float *window = reinterpret_cast<const float *>(tile) + ty * S * G::PITCH + tx * P;
    float sum[C][P] = {};

    x += image * ((size_t)d.cin * d.h * d.w);
    y += image * ((size_t)d.cout * d.oh * d.ow);
    for (int ci0 = 0; ci0 < d.cin; ci0 += N) {
        const int n = min((int)N, d.cin - ci0);
        __syncthreads();
        stage_channels<G, S, SPLIT>(reinterpret_cast<float *>(tile), x, d, ci0, n, oy0 * S - d.pad,
                                    ox0 * S - d.pad);
        stage_weights<K, C>(taps, w, d, ci0, n, co0);
        __syncthreads();
#pragma unroll 1
        for (int p = SPLIT ? warp : 0; p < n; p += SPLIT ? WARPS : 1)
#pragma unroll(K == 3 ? 3 : 1)
            for (int ky = 0; ky < K; ky++) {
                float v[S][2 * P];
                read_runs<S, G::HALF>(v, window + p * G::PLANE + ky * G::PITCH);
#pragma unroll
                for (int c = 0; c < C; c++) {
                    float t[4];
                    read_taps(t, taps + (p * C + c) * K + ky);
#pragma unroll
                    for (int kx = 0; kx < K; kx++)
#pragma unroll
                        for (int j = 0; j < P; j++)
                            sum[c][j] += v[kx % S][j + kx / S] * t[kx];
                }
            }
    }

    const int oy = oy0 + ty, ox = ox0 + tx * P;
    T *out = y + ((size_t)co0 * d.oh + oy) * d.ow;
    const size_t plane = (size_t)d.oh * d.ow;
    if constexpr (SPLIT) {
#pragma unroll
        for (int c = 0; c < C; c += WARPS) {
            float part[WARPS][P] = {}, total[P];
#pragma unroll
            for (int i = 0; i < WARPS && c + i < C; i++)
#pragma unroll
                for (int j = 0; j < P; j++)
                    part[i][j] = sum[c + i][j];
            sum_over_warps(tile, part, total);
            if (oy < d.oh && c + warp < C && co0 + c + warp < d.cout)
                store_run(out + (c + warp) * plane, ox, d.ow, d.wide, total);
        }
    } else {
#pragma unroll
        for (int c = 0; c < C; c++)
            if (oy < d.oh && co0 + c < d.cout)
                store_run(out + c * plane, ox, d.ow, d.wide, sum[c]);
    }
}

/* One row of gy, whose first column is left of the thread's: with the taps of
 * row a's parity to 2 P pixels of gx. Column 2 n meets gy[n] at tap 1 and
 * gy[n-1] at tap 3, column 2 n + 1 gy[n] at tap 2 and gy[n+1] at tap 0; rows
 * likewise. */
__device__ __forceinline__ void spread_row(float (&sum)[2 * P], const float (&v)[2 * P],
                                           const float (&t)[4])
{
#pragma unroll
    for (int j = 0; j < P; j++) {
        sum[2 * j] += v[j + 1] * t[1];
        sum[2 * j] += v[j] * t[3];
        sum[2 * j + 1] += v[j + 1] * t[2];
        sum[2 * j + 1] += v[j + 2] * t[0];
    }
}

/* bwd_x of kernel 4 stride 2 padding 1: d.cin channels of gy [h,w], d.cout of
 * gx [oh,ow]; a thread has P quads. */
template <class T, int C, bool SPLIT>
static __global__ void __launch_bounds__(THREADS, PER_SM)
    conv_direct_up(T *gx, const T *gy, const T *w, struct conv_sides d)
{
    typedef conv_window<3, 1, SPLIT ? TY : WARPS * TY> G;
    enum { K = 4, N = SPLIT ? 4 * WARPS : 4 };
    __shared__ float4 tile[conv_tile<G, N, SPLIT>::RUNS], taps[N * C * K];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, tx = lane % TX,
              ty = lane / TX + (SPLIT ? 0 : warp * TY);
    const int m0 = blockIdx.y * (SPLIT ? TY : WARPS * TY), n0 = blockIdx.x * TW;
    const int image = blockIdx.z / d.groups, co0 = blockIdx.z % d.groups * C;
    const float *window = reinterpret_cast<const float *>(tile) + ty * G::PITCH + tx * P;
    float sum[C][2][2 * P] = {};

    gy += image * ((size_t)d.cin * d.h * d.w);
    gx += image * ((size_t)d.cout * d.oh * d.ow);
    for (int ci0 = 0; ci0 < d.cin; ci0 += N) {
        const int n = min((int)N, d.cin - ci0);
        __syncthreads();
        stage_channels<G, 1, SPLIT>(reinterpret_cast<float *>(tile), gy, d, ci0, n, m0 - 1, n0 - 1);
        stage_weights<K, C>(taps, w, d, ci0, n, co0);
        __syncthreads();
        for (int p = SPLIT ? warp : 0; p < n; p += SPLIT ? WARPS : 1) {
            float v[3][1][2 * P];
#pragma unroll
            for (int r = 0; r < 3; r++)
                read_runs<1, G::HALF>(v[r], window + p * G::PLANE + r * G::PITCH);
#pragma unroll
            for (int c = 0; c < C; c++) {
                float t[K][4];
#pragma unroll
                for (int ky = 0; ky < K; ky++)
                    read_taps(t[ky], taps + (p * C + c) * K + ky);
                spread_row(sum[c][0], v[0][0], t[3]);
                spread_row(sum[c][0], v[1][0], t[1]);
                spread_row(sum[c][1], v[1][0], t[2]);
                spread_row(sum[c][1], v[2][0], t[0]);
            }
        }
    }

    const int y = 2 * (m0 + ty), x = 2 * (n0 + tx * P);
    const size_t plane = (size_t)d.oh * d.ow;
#pragma unroll
    for (int c = 0; c < C; c++) {
        T *out = gx + (co0 + c) * plane + (size_t)y * d.ow;
        const bool there = co0 + c < d.cout;
        float run[4][P]; /* row, half of it */
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
            for (int j = 0; j < P; j++)
                run[i][j] = sum[c][i / 2][i % 2 * P + j];
        if constexpr (SPLIT) {
            float total[P];
            sum_over_warps(tile, run, total);
            if (there && y + warp / 2 < d.oh)
                store_run(out + warp / 2 * d.ow, x + warp % 2 * P, d.ow, d.wide, total);
        } else {
#pragma unroll
            for (int i = 0; i < 4; i++)
                if (there && y + i / 2 < d.oh)
                    store_run(out + i / 2 * d.ow, x + i % 2 * P, d.ow, d.wide, run[i]);
        }
    }
}

/* part[blockIdx.x] [cout,cin,K,K]; blockIdx.y: CI input channels, blockIdx.z: C
 * output channels. Lanes 0 to 15 are 4 channels by 4 rows of taps (with K = 3
 * the last row is idle); 8 half warps have a run of P columns each. */
template <class T, int K, int S, int C>
static __global__ void __launch_bounds__(THREADS, PER_SM)
    conv_direct_bwd_w(float *part, const T *gy, const T *x, struct conv_sides d)
{
    typedef conv_window_gy GY;
    typedef conv_window_w<K, S, GY::LINES> G;
    enum {
        CI = 4,
        PAIRS = 16,
        XS = CI * G::PLANE,
        ALL = most(XS + C * GY::PLANE, C * K * THREADS)
    };
    __shared__ float4 tile[ALL / P];
    float *xs = reinterpret_cast<float *>(tile), *ys = xs + XS;
    const int warp = threadIdx.x / 32, pair = threadIdx.x % PAIRS, run = threadIdx.x / PAIRS;
    const int ci0 = blockIdx.y * CI, co0 = blockIdx.z * C, nx = min((int)CI, d.cin - ci0),
              ny = min(C, d.cout - co0);
    const int columns = (d.ow + TW - 1) / TW,
              tiles = columns * ((d.oh + GY::LINES - 1) / GY::LINES);
    const float *window = xs + pair / 4 * G::PLANE + pair % 4 * G::PITCH + run * P,
                *pixels = ys + run * P;
    float sum[C][K] = {};

    for (int i = blockIdx.x; i < d.n * tiles; i += gridDim.x) {
        const int image = i / tiles, oy0 = i % tiles / columns * GY::LINES, ox0 = i % columns * TW;
        __syncthreads();
        for (int p = 0; p < nx; p++)
            stage<G, S, WARPS>(xs + p * G::PLANE, x + ((size_t)image * d.cin + ci0 + p) * d.h * d.w,
                               d.h, d.w, oy0 * S - d.pad, ox0 * S - d.pad, warp);
        for (int p = 0; p < ny; p++)
            stage<GY, 1, WARPS>(ys + p * GY::PLANE,
                                gy + ((size_t)image * d.cout + co0 + p) * d.oh * d.ow, d.oh, d.ow,
                                oy0, ox0, warp);
        __syncthreads();
        for (int line = 0; line < GY::LINES; line++) {
            float v[S][2 * P];
            read_runs<S, G::HALF>(v, window + line * S * G::PITCH);
#pragma unroll
            for (int c = 0; c < C; c++) {
                float g[P];
                read_taps(
                    g, reinterpret_cast<const float4 *>(pixels + c * GY::PLANE + line * GY::PITCH));
#pragma unroll
                for (int kx = 0; kx < K; kx++)
#pragma unroll
                    for (int j = 0; j < P; j++)
                        sum[c][kx] += g[j] * v[kx % S][j + kx / S];
            }
        }
    }

    __syncthreads();
#pragma unroll
    for (int c = 0; c < C; c++)
#pragma unroll
        for (int kx = 0; kx < K; kx++)
            xs[(c * K + kx) * THREADS + threadIdx.x] = sum[c][kx];
    __syncthreads();
    part += (size_t)blockIdx.x * d.cout * d.w_out;
    for (int i = threadIdx.x; i < PAIRS * C * K; i += THREADS) {
        const int ci = i % PAIRS / 4, ky = i % 4, kx = i / PAIRS % K, c = i / (PAIRS * K);
        float total = 0;
        for (int r = 0; r < THREADS / PAIRS; r++)
            total += xs[i / PAIRS * THREADS + r * PAIRS + i % PAIRS];
        if (ci < nx && c < ny && ky < K)
            part[(co0 + c) * d.w_out + (ci0 + ci) * d.w_in + ky * K + kx] = total;
    }
}

/* gw[i] = sum of part[0..parts-1][i]: a warp has 32 weights, 8 warps take every
 * 8th part. */
enum { SUM_WARPS = 8 };
static __global__ void __launch_bounds__(32 * SUM_WARPS)
    conv_direct_sum(float *gw, const float *part, int parts, size_t n)
{
    __shared__ double sums[SUM_WARPS][32];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const size_t i = (size_t)blockIdx.x * 32 + lane;
    double sum = 0;

    if (i < n)
#pragma unroll 4
        for (int p = warp; p < parts; p += SUM_WARPS)
            sum += part[p * n + i];
    sums[warp][lane] = sum;
    __syncthreads();
    if (warp || i >= n)
        return;
    for (int k = 1; k < SUM_WARPS; k++)
        sum += sums[k][lane];
    gw[i] = (float)sum;
}

/* ---- launches ---- */

/* Blocks for `lines` rows of TW pixels and c channels each, of n images. */
static dim3 tile_grid(int n, int h, int w, int lines, int channels, int c)
{
    return dim3(cu_blocks((size_t)w, TW), cu_blocks((size_t)h, (size_t)lines),
                (unsigned)n * cu_blocks((size_t)channels, (size_t)c));
}

static size_t tiles(int n, int h, int w, int lines, int channels, int c)
{
    const dim3 grid = tile_grid(n, h, w, lines, channels, c);
    return (size_t)grid.x * grid.y * grid.z;
}

/* From reasoning, not yet measured: with undivided channels, 3 blocks on each
 * processor keep its 4 schedulers busy; below that channels are split, and a
 * thread has as many outputs as leave 1.5 blocks for each processor. */
static bool undivided(const struct prism_conv *c, size_t blocks)
{
    return blocks >= 3 * (size_t)cu(c->dev)->sm_count;
}

static bool enough(const struct prism_conv *c, size_t blocks)
{
    return 2 * blocks >= 3 * (size_t)cu(c->dev)->sm_count;
}

template <class T> static bool aligned_runs(const void *out, int w)
{
    return w % P == 0 && (uintptr_t)out % (P * sizeof(T)) == 0;
}

template <class T, int K, int S, int C, bool SPLIT>
static int launch_fwd(struct prism_conv *c, struct conv_sides d, T *y, const T *x, const T *w)
{
    d.groups = (int)cu_blocks((size_t)d.cout, C);
    return cu_launch(c->dev, "a convolution", conv_direct_fwd<T, K, S, C, SPLIT>,
                     tile_grid(d.n, d.oh, d.ow, SPLIT ? TY : WARPS * TY, d.cout, C), dim3(THREADS),
                     y, x, w, d);
}

template <class T, int K, int S>
static int run_fwd(struct prism_conv *c, const struct conv_sides &d, T *y, const T *x, const T *w)
{
    const int most = d.cout <= 2 ? 2 : d.cout <= 8 ? 8 : 16;

    if (undivided(c, tiles(d.n, d.oh, d.ow, WARPS * TY, d.cout, most)))
        return most == 2   ? launch_fwd<T, K, S, 2, false>(c, d, y, x, w)
               : most == 8 ? launch_fwd<T, K, S, 8, false>(c, d, y, x, w)
                           : launch_fwd<T, K, S, 16, false>(c, d, y, x, w);
    if (d.cout > 4 && enough(c, tiles(d.n, d.oh, d.ow, TY, d.cout, 8)))
        return launch_fwd<T, K, S, 8, true>(c, d, y, x, w);
    if (d.cout > 2 && enough(c, tiles(d.n, d.oh, d.ow, TY, d.cout, 4)))
        return launch_fwd<T, K, S, 4, true>(c, d, y, x, w);
    return launch_fwd<T, K, S, 2, true>(c, d, y, x, w);
}

template <class T, int C, bool SPLIT>
static int launch_up(struct prism_conv *c, struct conv_sides d, T *gx, const T *gy, const T *w)
{
    const dim3 grid =
        tile_grid(d.n, (d.oh + 1) / 2, (d.ow + 1) / 2, SPLIT ? TY : WARPS * TY, d.cout, C);

    d.groups = (int)cu_blocks((size_t)d.cout, C);
    return cu_launch(c->dev, "a convolution", conv_direct_up<T, C, SPLIT>, grid, dim3(THREADS), gx,
                     gy, w, d);
}

template <class T>
static int run_up(struct prism_conv *c, const struct conv_sides &d, T *gx, const T *gy, const T *w)
{
    const int h = (d.oh + 1) / 2, wide = (d.ow + 1) / 2;

    if (d.cout > 2)
        return undivided(c, tiles(d.n, h, wide, WARPS * TY, d.cout, 4))
                   ? launch_up<T, 4, false>(c, d, gx, gy, w)
               : enough(c, tiles(d.n, h, wide, TY, d.cout, 4))
                   ? launch_up<T, 4, true>(c, d, gx, gy, w)
                   : launch_up<T, 2, true>(c, d, gx, gy, w);
    return undivided(c, tiles(d.n, h, wide, WARPS * TY, d.cout, 2))
               ? launch_up<T, 2, false>(c, d, gx, gy, w)
               : launch_up<T, 2, true>(c, d, gx, gy, w);
}

static struct conv_sides sides(const struct prism_conv *c)
{
    const size_t taps = (size_t)c->d.k * c->d.k;
    return {c->d.cin,        c->d.h, c->d.w, c->d.cout, c->oh,  c->ow, c->d.pad,
            c->d.cin * taps, taps,   false,  false,     c->d.n, 1};
}

template <class T>
static int direct_fwd(struct prism_conv *c, prism_mem y, prism_mem x, prism_mem w)
{
    struct conv_sides d = sides(c);

    d.wide = aligned_runs<T>(y, d.ow);
    return c->d.stride == 2 ? run_fwd<T, 4, 2>(c, d, (T *)y, (const T *)x, (const T *)w)
                            : run_fwd<T, 3, 1>(c, d, (T *)y, (const T *)x, (const T *)w);
}

template <class T>
static int direct_bwd_x(struct prism_conv *c, prism_mem gx, prism_mem gy, prism_mem w)
{
    const struct conv_sides f = sides(c);
    const struct conv_sides d = {f.cout,
                                 f.oh,
                                 f.ow,
                                 f.cin,
                                 f.h,
                                 f.w,
                                 c->d.k - 1 - f.pad,
                                 f.w_in,
                                 f.w_out,
                                 c->d.stride == 1,
                                 aligned_runs<T>(gx, f.w),
                                 f.n,
                                 1};

    return c->d.stride == 2 ? run_up<T>(c, d, (T *)gx, (const T *)gy, (const T *)w)
                            : run_fwd<T, 3, 1>(c, d, (T *)gx, (const T *)gy, (const T *)w);
}

static int bwd_w_channels(const struct prism_conv *c)
{
    return c->d.cout <= 2 ? 2 : c->d.cout <= 8 ? 8 : 16;
}

/* Partial sums of each weight: as many as give each processor 4 blocks, at most
 * one for each tile. */
static int bwd_w_parts(const struct prism_conv *c)
{
    const size_t all = tiles(c->d.n, c->oh, c->ow, conv_window_gy::LINES, 1, 1);
    const size_t groups = (size_t)cu_blocks((size_t)c->d.cin, 4) *
                          cu_blocks((size_t)c->d.cout, (size_t)bwd_w_channels(c));
    const size_t want = 4 * (size_t)cu(c->dev)->sm_count / groups;
    return (int)(want < 1 ? 1 : want < all ? want : all);
}

static size_t direct_scratch(const struct prism_conv *c)
{
    return (size_t)bwd_w_parts(c) * c->d.cout * conv_patch(c) * sizeof(float);
}

template <class T, int K, int S, int C>
static int launch_bwd_w(struct prism_conv *c, const struct conv_sides &d, float *part, int parts,
                        const T *gy, const T *x)
{
    const dim3 grid((unsigned)parts, cu_blocks((size_t)d.cin, 4), cu_blocks((size_t)d.cout, C));
    return cu_launch(c->dev, "a convolution", conv_direct_bwd_w<T, K, S, C>, grid, dim3(THREADS),
                     part, gy, x, d);
}

template <class T, int K, int S>
static int run_bwd_w(struct prism_conv *c, float *part, int parts, const T *gy, const T *x)
{
    const struct conv_sides d = sides(c);
    const int channels = bwd_w_channels(c);

    return channels == 2   ? launch_bwd_w<T, K, S, 2>(c, d, part, parts, gy, x)
           : channels == 8 ? launch_bwd_w<T, K, S, 8>(c, d, part, parts, gy, x)
                           : launch_bwd_w<T, K, S, 16>(c, d, part, parts, gy, x);
}

template <class T>
static int direct_bwd_w(struct prism_conv *c, prism_mem gw, prism_mem gy, prism_mem x)
{
    const int parts = bwd_w_parts(c);
    const size_t n = c->d.cout * conv_patch(c);
    float *part = (float *)(parts == 1 ? gw : c->scratch);
    const int status = c->d.stride == 2
                           ? run_bwd_w<T, 4, 2>(c, part, parts, (const T *)gy, (const T *)x)
                           : run_bwd_w<T, 3, 1>(c, part, parts, (const T *)gy, (const T *)x);

    if (status || parts == 1)
        return status;
    return cu_launch(c->dev, "a convolution", conv_direct_sum, dim3(cu_blocks(n, 32)),
                     dim3(32 * SUM_WARPS), (float *)gw, part, parts, n);
}

template <class T> static const struct conv_method *method(void)
{
    static const struct conv_method m = {"direct",      false,           direct_scratch,
                                         direct_fwd<T>, direct_bwd_x<T>, direct_bwd_w<T>};
    return &m;
}

const struct conv_method *cu_conv_direct(enum prism_dtype t)
{
    return t == PRISM_F16    ? method<__half>()
           : t == PRISM_BF16 ? method<__nv_bfloat16>()
                             : method<float>();
}
