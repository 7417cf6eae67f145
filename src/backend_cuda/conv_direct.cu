/* Convolution for few channels, without columns: fwd and bwd_x. conv_direct.h
 * says how. */
#include "backend_cuda/conv_direct.h"

/* Copies the windows of n channels from ci0 on. In a block that splits channels
 * each warp copies those it will read. */
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

/* Copies the weights to shared memory as [n][C][K] rows of 4 taps; channels
 * past the last are 0. */
template <int K, int C, class T>
__device__ __forceinline__ void stage_weights(float4 *out, const T *w, const struct conv_sides &d,
                                              int ci0, int n, int co0)
{
#pragma unroll 1 /* unrolled, the loop would spill registers beside the sums */
    for (int i = threadIdx.x; i < n * C * K * K; i += THREADS) {
        const int tap = i % (K * K), c = i / (K * K) % C, p = i / (K * K * C);
        const T *at =
            w + (co0 + c) * d.w_out + (ci0 + p) * d.w_in + (d.flip ? K * K - 1 - tap : tap);
        reinterpret_cast<float *>(out + (p * C + c) * K + tap / K)[tap % K] =
            co0 + c < d.cout ? cu_load(at) : 0.f;
    }
}

/* Stores P outputs at column x of a row of w. */
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

/* Sums v[0..3] over the block's warps; warp i gets the sum of v[i]. sums has
 * room for WARPS THREADS values. */
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

/* Shared memory of fwd and bwd_x: the windows of N channels, later the sums of
 * a block that splits channels. */
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

/* Adds one row of gy, times the taps of the row's parity, to 2 P pixels of gx.
 * v begins one column left of the thread's. Column 2 n of gx meets gy[n] at tap
 * 1 and gy[n-1] at tap 3; column 2 n + 1 meets gy[n] at tap 2 and gy[n+1] at
 * tap 0; rows likewise. */
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
 * gx [oh,ow]. A thread computes P quads of 2 x 2 pixels. */
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
        float run[4][P]; /* row, half of the row */
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

/* ---- launches ---- */

/* Thresholds from reasoning, not yet measured: with undivided channels, 3
 * blocks on each processor keep its 4 schedulers busy. With fewer blocks,
 * channels are split, and a thread gets the most outputs that still leave 1.5
 * blocks for each processor. */
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

template <class T> static const struct conv_method *method(void)
{
    static const struct conv_method m = {"direct",      false,           cu_conv_direct_scratch,
                                         direct_fwd<T>, direct_bwd_x<T>, cu_conv_direct_bwd_w};
    return &m;
}

const struct conv_method *cu_conv_direct(enum prism_dtype t)
{
    return t == PRISM_F16    ? method<__half>()
           : t == PRISM_BF16 ? method<__nv_bfloat16>()
                             : method<float>();
}
