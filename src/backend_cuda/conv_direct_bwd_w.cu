/* Convolution for few channels, without columns: the gradient of the weights.
 * conv_direct.h says how. */
#include "backend_cuda/conv_direct.h"

/* Window of x in bwd_w, where the lanes of a warp read 2 channels by 4 rows at
 * once: PITCH/4 odd and ROWS 4 modulo 8 put those reads into different
 * banks. */
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

/* Partial sums of bwd_w: part[blockIdx.x] is [cout,cin,K,K]; blockIdx.y is a
 * group of CI input channels, blockIdx.z a group of C output channels. Lanes 0
 * to 15 are 4 channels by 4 rows of taps (with K = 3 the last row is idle); the
 * 8 half warps have a run of P columns each. */
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

/* gw[i] = sum of part[0..parts-1][i]. A warp has 32 weights; each of the 8
 * warps takes every 8th part. */
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

static int bwd_w_channels(const struct prism_conv *c)
{
    return c->d.cout <= 2 ? 2 : c->d.cout <= 8 ? 8 : 16;
}

/* Number of partial sums of each weight: as many as give each processor 4
 * blocks, at most one for each tile. */
static int bwd_w_parts(const struct prism_conv *c)
{
    const size_t all = tiles(c->d.n, c->oh, c->ow, conv_window_gy::LINES, 1, 1);
    const size_t groups = (size_t)cu_blocks((size_t)c->d.cin, 4) *
                          cu_blocks((size_t)c->d.cout, (size_t)bwd_w_channels(c));
    const size_t want = 4 * (size_t)cu(c->dev)->sm_count / groups;
    return (int)(want < 1 ? 1 : want < all ? want : all);
}

size_t cu_conv_direct_scratch(const struct prism_conv *c)
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

int cu_conv_direct_bwd_w(struct prism_conv *c, prism_mem gw, prism_mem gy, prism_mem x)
{
    switch (c->d.dtype) {
    case PRISM_F16:
        return direct_bwd_w<__half>(c, gw, gy, x);
    case PRISM_BF16:
        return direct_bwd_w<__nv_bfloat16>(c, gw, gy, x);
    default:
        return direct_bwd_w<float>(c, gw, gy, x);
    }
}
