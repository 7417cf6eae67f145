/* PRISM: the seam between the library and a backend.
 *
 * The only header a backend includes. A backend is a table of kernels (struct
 * prism_ops) over its own memory; the library above the seam owns shapes,
 * checks, errors and composition, and names no backend.
 *
 * Rules for every entry
 * - Calls come through the library's front, which refuses absent operands,
 *   element types and sizes that are not allowed, and outputs that are inputs
 *   where they may not be (docs/backend.md). Entries do not check them again.
 * - Work is enqueued on the device's one in-order queue. Only read() and sync()
 *   wait; create() calls may, nothing else.
 * - Nothing allocates but alloc() and the *_create() entries.
 * - Arrays are row-major and contiguous. Device addresses may be offset, never
 *   dereferenced above the seam. alloc() returns memory aligned to caps.align;
 *   operands inside it are aligned to at least their element size.
 * - Unless an entry says otherwise, outputs may not overlap inputs; "in place
 *   ok" means y == x exactly.
 * - Returns 0 or a negative PRISM_E*, after host->fail() recorded the sentence.
 *
 * `real` below means F32 or F64 and `cplx` its complex twin (interleaved re,
 * im); `half` means F16 (IEEE binary16) or BF16 (the upper half of an F32),
 * which only convolution, normalisation and the maps that say so take. Compiles
 * as C99 and C++11. */
#ifndef PRISMREC_BACKEND_H
#define PRISMREC_BACKEND_H

#include "prismrec/types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PRISM_BACKEND_ABI 5u
#define PRISM_BACKEND_ENTRY                                                                        \
    "prism_backend_entry" /* const struct prism_backend *prism_backend_entry(void) */

struct prism_fft;
struct prism_conv;
struct prism_gather;
struct prism_replay;

/* The library's side of the conversation: a plugin links nothing of ours. */
struct prism_host {
    uint32_t abi, size;
    void *user;
    void (*log)(void *user, int level, const char *text);
    /* Record an error; returns status, so that `return host->fail(...)`
     * works. */
    int (*fail)(void *user, int status, const char *file, int line, const char *fmt, ...)
        PRISM_PRINTF(5, 6);
    /* Count a plan for which candidates were to be timed; kept: what was found
     * before, here or through cache_dir, was enough. */
    void (*planned)(void *user, bool kept);
};

enum prism_caps_flags {
    PRISM_CAPS_HOST_VISIBLE = 1u << 0, /* a prism_mem may be dereferenced by the host */
    PRISM_CAPS_DETERMINISTIC =
        1u << 1,                 /* same bits for the same calls, whatever the thread count */
    PRISM_CAPS_REPLAY = 1u << 2, /* the replay entries are there; set by the library */
    PRISM_CAPS_ZEROED = 1u << 3  /* alloc() returns memory whose bytes are all 0 */
};

struct prism_caps {
    uint32_t dtypes; /* bit (1 << enum prism_dtype): element types the kernels accept */
    uint32_t flags;
    size_t align;          /* bytes; alignment of alloc() */
    size_t mem_bytes;      /* total device memory, 0 = unknown */
    size_t mem_free_bytes; /* device memory free when the device was opened; 0 = unknown */
    size_t half_pays_from; /* elements of a network's largest activation from which half storage is
                              faster than F32; where dtypes has no half this is ignored */
    int threads;           /* in use; 1 where the notion does not apply */
    char device[128];      /* e.g. "AMD EPYC 9554, 2 threads, FFTW 3.3.10, OpenBLAS 0.3.21" */
};

/* Values that the host computes: writes elements first .. first + n - 1 of an
 * array to out, element i as a function of arg and i alone. Runs on any thread
 * and calls no entry. */
typedef void prism_make(const void *arg, size_t first, size_t n, void *out);

/* What open() is given. Hints: a backend without the notion ignores them. */
struct prism_open {
    int threads;           /* 0 = all cores of the affinity mask */
    int index;             /* which device of its kind */
    int plan_effort;       /* enum prism_plan_effort */
    const char *cache_dir; /* where plans may be kept between processes; NULL = nowhere */
    bool plain;            /* one general method for every operation: none for particular shapes */
};

/* y: [batch,h,w] cplx. Unscaled both ways: y = sum x exp(sign * 2 pi i k.n/N),
 * DC at index 0. support says what a run may leave out, and a backend may
 * ignore it. With {row0,rows,col0,cols} of one transform, row0 < h and col0 <
 * w: input rows outside row0 .. row0+rows-1, modulo h, hold zeros; output
 * columns outside col0 .. col0+cols-1, modulo w, are not needed, and are left
 * as anything that is finite where the input was. factors are what a run
 * multiplies by: with b[i,j] = factors[0,i] factors[0,h+j] and a[i,j] =
 * factors[1,i] factors[1,h+j], F the transform, sign -1 is y = a F(b x), and
 * sign +1 its adjoint y = conj(b) F(conj(a) x). Both tables are read by every
 * run and outlive the plan. */
struct prism_fft_desc {
    enum prism_dtype dtype; /* CF32 or CF64 */
    int batch, h, w;
    prism_mem
        support; /* [2,batch,4] I32, for sign -1 and for sign +1; NULL: nothing may be left out */
    prism_mem factors; /* [2,h+w] cplx, the same for every transform; NULL: all 1 */
};

/* With dtype half: x, gx, y, gy and weights are half, sums are kept in F32 and
 * rounded once at the end, and gw is F32. Cross-correlation. x [n,cin,h,w],
 * weights [cout,cin,k,k], y [n,cout,oh,ow], oh = (h + 2 pad - k)/stride + 1
 * (floored). gw is the sum over the n images, in their order. Transposed
 * convolution is the same plan with fwd and bwd_x exchanged: torch's
 * ConvTranspose2d weight [Cin,Cout,k,k] is this plan's weight with cout = Cin
 * and cin = Cout. */
struct prism_conv_desc {
    enum prism_dtype dtype;
    int n; /* images, >= 1 */
    int cin, h, w, cout, k, stride, pad;
    bool tf32; /* F32 operands may be rounded to 10 bits of mantissa before they are multiplied; a
                  backend may ignore it */
};

/* C[m,n] = alpha op(A) op(B) + beta C; op(A) is [m,k], op(B) is [k,n]; ta: A is
 * stored [k,m]; tb: B is stored [n,k]. */
struct prism_gemm_desc {
    enum prism_dtype dtype;
    int m, n, k;
    bool ta, tb;
    double alpha, beta;
};

/* Elementwise operations on [rows,cols], of outputs y0..y3, inputs x0..x5 and
 * scalars s0..s2. maps.def lists them with their formulas and the kinds of
 * their operands. In place ok for every output that shares its index with the
 * input read (y[i] from x[i]). The dtype given is the real one; complex
 * operands are its twin. */
enum prism_map {
#define PRISM_MAP_ROW(NAME, name, y, x, acts) PRISM_MAP_##NAME,
#include "prismrec/maps.def"
#undef PRISM_MAP_ROW
    PRISM_MAP_COUNT
};

struct prism_map_args {
    prism_mem y[4], x[6];
    double s[3];
    enum prism_act act;
    size_t period; /* operands of [rows] have period elements: row r reads element r % period. 0:
                      rows; else a divisor of rows */
};

/* Row reductions of [rows,cols] real: y[r]. The same bits for any thread
 * count. */
enum prism_reduce {
    PRISM_REDUCE_SUM,     /* sum a */
    PRISM_REDUCE_MEAN,    /* sum a / cols */
    PRISM_REDUCE_VAR,     /* sum (a - b[r])^2 / cols */
    PRISM_REDUCE_DOT,     /* sum a b */
    PRISM_REDUCE_ABSDIFF, /* sum |a - b| */
    PRISM_REDUCE_SQDIFF,  /* sum (a - b)^2 */
    PRISM_REDUCE_MAX,     /* max a; NaN if any is NaN */
    PRISM_REDUCE_MIN,     /* min a; NaN if any is NaN */
    PRISM_REDUCE_COUNT
};

/* y[p,i,j] = x[p, i-dy, j-dx] where that exists, else 0: pad and crop. A batch
 * of n images of c channels is n c planes. Its adjoint is the same with shapes
 * exchanged and offsets negated. */
struct prism_window_desc {
    enum prism_dtype dtype; /* real or cplx */
    int planes, hy, wy, hx, wx, dy, dx;
};

/* scatter_add, with a window's shapes: y[p,i+dy,j+dx] += weight[i,j] x[p,i,j]
 * where that exists, weight [hx,wx]: overlapping windows are blended by one
 * call each. The dtype is real. Its adjoint is a window of y with shapes
 * exchanged and offsets negated, then map MUL by weight, plane by plane. */

/* Resizing and warping by a table. In every plane
 *   gather_fwd:  y[p,i] = sum over t < k of weight[i,t] x[p,index[i,t]]
 *   gather_adj:  gx[p,j] = sum over all i, t with index[i,t] = j, in their
 *                order, of weight[i,t] gy[p,i]
 * x, gx [planes,nx], y, gy [planes,ny]; outputs are overwritten. An index of -1
 * leaves its term out, whatever x holds. gather_create reads both tables,
 * [ny,k] each, from host memory, rounds weights to dtype, and makes the
 * transposed table that gather_adj reads. nx, ny k < 2^31. */
struct prism_gather_desc {
    enum prism_dtype dtype; /* real */
    int planes, k;
    size_t nx, ny;
};

/* Pixel by pixel over classes; x, y, gx, gy [n,classes,pixels]:
 *   softmax_fwd:  y = e/(sum over classes of e), e = exp(x - max over classes
 *                 of x); in place ok
 *   softmax_bwd:  gx = y (gy - sum over classes of gy y); gx may be gy
 *   argmax:       y [n,pixels] I32 is the class of the largest x: the first of
 *                 equal ones, and NaN counts as the largest */
struct prism_softmax_desc {
    enum prism_dtype dtype; /* real */
    int n, classes;
    size_t pixels;
};

/* Pooling over windows of k x k pixels, plane by plane. x [planes,h,w], y
 * [planes,oh,ow], oh = (h + 2 pad - k)/stride + 1 (floored), pad < k <= h + 2
 * pad and likewise for w. Pixels outside x take no part.
 *   MAX:  y is the largest pixel, index its place i w + j in the plane: the
 *         first of equal ones, and NaN counts as the largest. index
 *         [planes,oh,ow] I32.
 *   MEAN: y is the mean of the window's pixels that exist (torch's
 *         count_include_pad=False). index is not used.
 * pool_bwd overwrites gx with the sum over all windows that hold a pixel, in
 * order of the window: the window's gy where index chose the pixel (MAX), or gy
 * over the number of the window's pixels (MEAN). */
enum prism_pool { PRISM_POOL_MAX, PRISM_POOL_MEAN, PRISM_POOL_COUNT };
struct prism_pool_desc {
    enum prism_dtype dtype; /* real */
    enum prism_pool kind;
    int planes, h, w, k, stride, pad;
};

/* y[r ldy + c] = x[r ldx + c], r < rows, c < cols, in elements: concatenation
 * and slices. cols <= ldx, ldy. Elements of y between its rows stay as they
 * were. */
struct prism_copy2d_desc {
    enum prism_dtype dtype; /* any */
    size_t rows, cols, ldy, ldx;
};

/* Sub-apertures of one spectrum. Tables on the device: pupil [A,ph,pw] cplx,
 * origin [A,2] I32 (y,x), index [batch] I32 into both. With a = index[b]:
 *   fwd:  field[b, (i - ph/2) mod oh, (j - pw/2) mod ow] = pupil[a,i,j]
 *         spectrum[(origin[a].y + i) mod h, (origin[a].x + j) mod w], zero
 *         elsewhere
 *   adj:  spectrum = beta spectrum + the adjoint sum over b, in order of b
 * spectrum [h,w], field [batch,oh,ow], both cplx with DC at index 0; ph <=
 * min(h,oh), pw <= min(w,ow). Integer division. open, [A,4] I32 or NULL, says
 * where a pupil is not zero, {row0,rows,col0,cols}; a backend may ignore it. */
struct prism_subaperture_desc {
    enum prism_dtype dtype; /* CF32 or CF64 */
    int batch, h, w, oh, ow, ph, pw;
};
struct prism_subaperture_args {
    prism_mem field, spectrum, pupil, origin, index;
    double beta; /* adj only: 0 or 1 */
    prism_mem open;
    prism_mem rows; /* adj only; I32 {row0,rows}, row0 < h, or NULL: the support of the transform
                       that reads spectrum next leaves out its other rows, modulo h. A backend whose
                       transforms keep to supports may leave these as they are */
    bool open_rows; /* fwd only: what reads field next looks at no rows but those where the pupil
                    may be open. A backend may leave the others as they are */
};

/* The spectrum of an object in the middle of a grid, and its adjoint:
 *   fwd:  spectrum = F(p) of the transform's sign -1, p[h/2 - oh/2 + i, w/2 -
 *         ow/2 + j] = object[i,j], 0 elsewhere
 *   adj:  object[i,j] = q[h/2 - oh/2 + i, w/2 - ow/2 + j], its real part if the
 *         object is real, q = F(spectrum) of sign +1
 * fft is one transform of [h,w] without factors. Its support, if any, holds the
 * object's rows there and its columns back; columns of spectrum that it says
 * are not needed are left as they were, or as anything that is finite. */
struct prism_spectrum_desc {
    enum prism_dtype dtype; /* the object's type, real or cplx; the rest is cplx */
    int h, w, oh, ow;       /* oh <= h, ow <= w */
};
struct prism_spectrum_args {
    prism_mem spectrum; /* [h,w]; adj: in, contents undefined afterwards */
    prism_mem object;   /* [oh,ow] */
    prism_mem tmp;      /* real objects: oh ow cplx, contents undefined afterwards */
};

/* Separable symmetric FIR on [planes,h,w] with 2 radius + 1 taps along both
 * axes. Outside samples mirror without repeating the edge (... c b | a b c
 * ...). adjoint: the transpose of that operator. tmp has the size of x; radius
 * < min(h,w). */
struct prism_blur_desc {
    enum prism_dtype dtype; /* real */
    int planes, h, w, radius;
    bool adjoint;
};

/* Per-channel normalisation with scale, shift and activation: x [n,rows,cols],
 * the statistics of a row are over n and cols. With dtype half: x, y, gy and gx
 * are half, all else F32. */
struct prism_norm_desc {
    enum prism_dtype dtype; /* real or half */
    enum prism_act act;
    size_t n, rows, cols; /* images, 1 to 16384; channels, pixels */
    double eps;
};
struct prism_norm_args {
    prism_mem x;     /* fwd: in; bwd: in, contents undefined afterwards */
    prism_mem y;     /* fwd: out; in place ok */
    prism_mem stats; /* [3,rows]: mean, biased variance, 1/sqrt(var + eps); fwd: out, bwd: in */
    prism_mem gamma, beta; /* [rows] */
    prism_mem gy;          /* bwd: in, contents undefined afterwards */
    prism_mem gx;          /* bwd: out; differs from x and gy */
    prism_mem ggamma, gbeta;
};

/* Amplitude misfit of fields and its cotangent g = dL/dRe u + i dL/dIm u. With
 * a = index[b], m = |u[b]|, d = target[a]:
 *   L1: loss[b] = weight[a] sum |m - d|,    gu[b] = weight[a] sign(m - d) u/|u|
 *   L2: loss[b] = weight[a] sum (m - d)^2,  gu[b] = 2 weight[a] (m - d) u/|u|;
 *       gu = 0 where u = 0
 * m is what map C_ABS gives, bit for bit: a field against its own modulus has
 * loss 0 and gradient 0. */
enum prism_misfit {
#define PRISM_MISFIT_ROW(NAME, name, term, slope, zero) PRISM_MISFIT_##NAME,
#include "prismrec/misfit.def"
#undef PRISM_MISFIT_ROW
    PRISM_MISFIT_COUNT
};
struct prism_misfit_desc {
    enum prism_dtype dtype; /* real */
    enum prism_misfit kind;
    size_t batch, cols;
};
struct prism_misfit_args {
    prism_mem loss;   /* [batch] out */
    prism_mem gu;     /* [batch,cols] cplx out; may equal u */
    prism_mem u;      /* [batch,cols] cplx */
    prism_mem target; /* [A,cols] */
    prism_mem weight; /* [A] */
    prism_mem index;  /* [batch] I32 */
    prism_mem tmp;    /* 2 batch cols + batch reals, contents undefined afterwards */
};

/* The misfit of fields behind sub-apertures and its gradient by the spectrum,
 * what these would give one after the other:
 *   subaperture_fwd (u from spectrum);  fft_run(fft, +1, u, u);  misfit (loss,
 *       u from u);  fft_run(fft, -1, u, u);
 *   subaperture_adj (gspectrum from u, beta 0)
 * The fields, and so the losses' terms, are those of the separate entries, bit
 * for bit. fft is batch transforms of [oh,ow] without factors. */
struct prism_field_misfit_desc {
    struct prism_subaperture_desc aperture;
    enum prism_misfit kind;
};
struct prism_field_misfit_args {
    prism_mem loss;      /* [batch] out */
    prism_mem gspectrum; /* [h,w] cplx out; may equal spectrum */
    prism_mem spectrum, pupil, origin, index, open;
    prism_mem rows;   /* subaperture_adj's */
    prism_mem target; /* [A,oh ow] */
    prism_mem weight; /* [A] */
    prism_mem u;      /* [batch,oh,ow] cplx, contents undefined afterwards */
    prism_mem tmp;    /* misfit's */
};

/* Adam, as in map, over a matrix p [rows,cols] whose gradient is the outer
 * product x0[r,c] = a[r] b[c] and is never stored. m, v and vmax all NULL:
 * ADAM_ONCE. */
struct prism_adam_outer_desc {
    enum prism_dtype dtype; /* real */
    size_t rows, cols;
    double b1, b2, eps;
};
#define PRISM_ADAM_OUTER_ROWS 32
/* The rest of a step where a is a copy of the vector z, which is a parameter
 * too:
 *   ga[r] = sum over c of p[r,c] b[c], p as it was: z's gradient
 *   z is updated by ga as p is by a b, with moments of its own
 *   y = conv_bwd_x(conv, y, z, p) of the new z and p, to the bit
 * A skipped step leaves anything in ga, z and p as they were, and y their
 * product. The plan conv has cout = rows, cin k k = cols, and one pixel of
 * output that sees all of x. */
struct prism_adam_outer_tail {
    prism_mem ga;               /* [rows] out */
    prism_mem z, zm, zv, zvmax; /* [rows]; NULL where p has none */
    prism_mem y;                /* [cols] out */
};
struct prism_adam_outer_args {
    prism_mem p, m, v;
    prism_mem vmax; /* NULL: Adam, else AMSGrad */
    prism_mem a, b; /* [rows], [cols] */
    prism_mem step; /* [3]: ADAM's x1 */
    prism_mem tmp;  /* PRISM_ADAM_OUTER_ROWS cols reals, contents undefined afterwards */
    const struct prism_adam_outer_tail *tail; /* NULL: none, and conv is not used */
};

/* Adam steps of a small dense network, one after the other. Layer l < layers
 * has a_{l+1} = act[l](a_l W_l^T + b_l), a_0 a row of x [N,width[0]]; W_l
 * [width[l+1],width[l]] and b_l [width[l+1]] lie w[l] and b[l] elements into
 * the slabs p, m and v. Step s takes the rows index[s,r], r < batch, of x and
 * of the targets t [N,width[layers]]; out = width[layers]:
 *   loss[s] = sum over r of weight[s,r] sum over o of (a_layers[r,o] -
 *       t[r,o])^2 / out
 * and p, m and v are updated by its gradient as map ADAM does, with x1 =
 * step[s]. A mean over n rows has the weight 1/n; a batch that is not full has
 * the weight 0 and any valid row in the places that are left. Elements of the
 * slabs outside the layers stay as they were. The same bits whatever the
 * threads and however the steps are cut into calls. */
#define PRISM_DENSE_LAYERS 16
struct prism_dense_fit_desc {
    enum prism_dtype dtype; /* real */
    int layers, batch;      /* 1 to PRISM_DENSE_LAYERS; at least 1 */
    int width[PRISM_DENSE_LAYERS + 1];
    enum prism_act act[PRISM_DENSE_LAYERS];
    size_t w[PRISM_DENSE_LAYERS], b[PRISM_DENSE_LAYERS];
    double b1, b2, eps; /* eps > 0 */
    size_t steps;
};
struct prism_dense_fit_args {
    prism_mem p, m, v;
    prism_mem x, t;
    prism_mem index;  /* [steps,batch] I32 */
    prism_mem weight; /* [steps,batch] */
    prism_mem step;   /* [steps,3] */
    prism_mem loss;   /* [steps] out */
    prism_mem tmp;    /* prism_dense_fit_tmp() bytes, contents undefined afterwards */
};

struct prism_ops {
    uint32_t abi, size; /* PRISM_BACKEND_ABI, sizeof(struct prism_ops) */
    /* memory and order; required */
    int (*alloc)(struct prism_dev *, size_t bytes, prism_mem *out);
    void (*release)(struct prism_dev *, prism_mem);
    int (*write)(struct prism_dev *, prism_mem dst, const void *src,
                 size_t bytes); /* src may be reused on return */
    int (*read)(struct prism_dev *, void *dst, prism_mem src, size_t bytes); /* waits */
    int (*copy)(struct prism_dev *, prism_mem dst, prism_mem src, size_t bytes);
    int (*sync)(struct prism_dev *); /* waits; reports errors of earlier work */
    /* transforms; required. dst == src ok */
    int (*fft_create)(struct prism_dev *, const struct prism_fft_desc *, struct prism_fft **);
    int (*fft_run)(struct prism_fft *, int sign, prism_mem dst,
                   prism_mem src);           /* sign -1 forward, +1 inverse */
    void (*fft_destroy)(struct prism_fft *); /* NULL ok */
    /* convolution; required. Outputs are overwritten */
    int (*conv_create)(struct prism_dev *, const struct prism_conv_desc *, struct prism_conv **);
    int (*conv_fwd)(struct prism_conv *, prism_mem y, prism_mem x, prism_mem w);
    int (*conv_bwd_x)(struct prism_conv *, prism_mem gx, prism_mem gy, prism_mem w);
    int (*conv_bwd_w)(struct prism_conv *, prism_mem gw, prism_mem gy, prism_mem x);
    void (*conv_destroy)(struct prism_conv *); /* NULL ok */
    /* dense; required */
    int (*gemm)(struct prism_dev *, const struct prism_gemm_desc *, prism_mem c, prism_mem a,
                prism_mem b);
    /* elementwise and stencils; required */
    int (*map)(struct prism_dev *, enum prism_map, enum prism_dtype, size_t rows, size_t cols,
               const struct prism_map_args *);
    int (*reduce)(struct prism_dev *, enum prism_reduce, enum prism_dtype, size_t rows, size_t cols,
                  prism_mem y, prism_mem a, prism_mem b);
    int (*window)(struct prism_dev *, const struct prism_window_desc *, prism_mem y, prism_mem x);
    int (*subaperture_fwd)(struct prism_dev *, const struct prism_subaperture_desc *,
                           const struct prism_subaperture_args *);
    int (*subaperture_adj)(struct prism_dev *, const struct prism_subaperture_desc *,
                           const struct prism_subaperture_args *);
    int (*blur)(struct prism_dev *, const struct prism_blur_desc *, prism_mem y, prism_mem x,
                prism_mem tmp, prism_mem taps);
    /* planes; required */
    int (*pool_fwd)(struct prism_dev *, const struct prism_pool_desc *, prism_mem y,
                    prism_mem index, prism_mem x);
    int (*pool_bwd)(struct prism_dev *, const struct prism_pool_desc *, prism_mem gx, prism_mem gy,
                    prism_mem index);
    int (*copy2d)(struct prism_dev *, const struct prism_copy2d_desc *, prism_mem y, prism_mem x);
    int (*scatter_add)(struct prism_dev *, const struct prism_window_desc *, prism_mem y,
                       prism_mem x, prism_mem weight);
    int (*softmax_fwd)(struct prism_dev *, const struct prism_softmax_desc *, prism_mem y,
                       prism_mem x);
    int (*softmax_bwd)(struct prism_dev *, const struct prism_softmax_desc *, prism_mem gx,
                       prism_mem gy, prism_mem y);
    int (*argmax)(struct prism_dev *, const struct prism_softmax_desc *, prism_mem y, prism_mem x);
    int (*gather_create)(struct prism_dev *, const struct prism_gather_desc *, const int32_t *index,
                         const double *weight, struct prism_gather **);
    int (*gather_fwd)(struct prism_gather *, prism_mem y, prism_mem x);
    int (*gather_adj)(struct prism_gather *, prism_mem gx, prism_mem gy);
    void (*gather_destroy)(struct prism_gather *); /* NULL ok */
    /* fused; optional: NULL = the library composes it from the entries above */
    int (*norm_act_fwd)(struct prism_dev *, const struct prism_norm_desc *,
                        const struct prism_norm_args *);
    int (*norm_act_bwd)(struct prism_dev *, const struct prism_norm_desc *,
                        const struct prism_norm_args *);
    int (*misfit)(struct prism_dev *, const struct prism_misfit_desc *,
                  const struct prism_misfit_args *);
    int (*adam_outer)(struct prism_dev *, const struct prism_adam_outer_desc *, struct prism_conv *,
                      const struct prism_adam_outer_args *);
    int (*field_misfit)(struct prism_dev *, const struct prism_field_misfit_desc *,
                        struct prism_fft *, const struct prism_field_misfit_args *);
    int (*spectrum_fwd)(struct prism_dev *, const struct prism_spectrum_desc *, struct prism_fft *,
                        const struct prism_spectrum_args *);
    int (*spectrum_adj)(struct prism_dev *, const struct prism_spectrum_desc *, struct prism_fft *,
                        const struct prism_spectrum_args *);
    int (*dense_fit)(struct prism_dev *, const struct prism_dense_fit_desc *,
                     const struct prism_dense_fit_args *);
    /* replay; optional, all four or none (then caps.flags lacks
     * PRISM_CAPS_REPLAY). Between begin and end nothing runs: copy and the
     * entries from fft_run on that enqueue are recorded, no other may be
     * called. replay() enqueues what was recorded: same addresses, contents as
     * they are then. */
    int (*capture_begin)(struct prism_dev *);
    int (*capture_end)(struct prism_dev *,
                       struct prism_replay **); /* NULL out: drop what was recorded */
    int (*replay)(struct prism_replay *);
    void (*replay_destroy)(struct prism_replay *); /* NULL ok */
    /* A write whose source is computed on the way: dst [n] of the real type
     * dtype. make() is called for pieces of the array, each element once, in
     * any order and from several threads at once, and has returned for all of
     * them when generate() returns. Optional: composed from write. */
    int (*generate)(struct prism_dev *, prism_mem dst, enum prism_dtype dtype, size_t n,
                    prism_make *make, const void *arg);
};

/* One device and its one in-order queue. Owned by the library; read by both
 * sides. */
struct prism_dev {
    const struct prism_ops *ops; /* complete: no entry is NULL */
    void *impl;                  /* the backend's */
    const struct prism_host *host;
    struct prism_caps caps; /* filled by open() */
};

struct prism_backend {
    uint32_t abi,
        size; /* PRISM_BACKEND_ABI, sizeof(struct prism_backend): both compared for equality */
    const char *name;
    int (*probe)(
        char *why,
        size_t n); /* 0 = usable here; else writes one sentence into why; creates nothing */
    int (*open)(struct prism_dev *, const struct prism_open *);
    void (*close)(struct prism_dev *);
    const struct prism_ops *ops;
};

/* Bytes of an operand of an elementwise operation: kind is its letter in
 * maps.def. Operands of kind g are of any size; counted is what the operation
 * reads of them. */
static inline size_t prism_map_operand_bytes(char kind, enum prism_dtype t, size_t rows,
                                             size_t cols)
{
    const size_t real = prism_dtype_size(prism_dtype_real(t));

    switch (kind) {
    case 'c':
        return 2 * real * rows * cols;
    case 'f':
        return 4 * rows * cols;
    case 'b':
        return rows * cols;
    case 'r':
        return real * rows;
    case 'i':
        return 4 * rows;
    case 'v':
        return real * cols;
    case 'k':
        return 2 * real * cols;
    case 't':
    case 'T':
        return 3 * real;
    case '1':
        return real;
    default: /* e, E, h, g */
        return real * rows * cols;
    }
}
static inline size_t prism_dense_fit_padded(int n)
{
    return ((size_t)n + 15) / 16 * 16;
}
/* Bytes of dense_fit's tmp: rows and columns padded to 16 elements, twice a
 * batch of every layer and four more, five times the layers' weights. */
static inline size_t prism_dense_fit_tmp(const struct prism_dense_fit_desc *d)
{
    size_t widest = prism_dense_fit_padded(d->batch), columns = 0, weights = 16;
    for (int l = 0; l <= d->layers; l++) {
        size_t in = prism_dense_fit_padded(d->width[l]),
               out = prism_dense_fit_padded(l < d->layers ? d->width[l + 1] : 0);
        widest = in > widest ? in : widest;
        columns += 2 * in;
        weights += 5 * (in + 1) * out;
    }
    return (prism_dense_fit_padded(d->batch) * (columns + 4 * widest) + weights) *
           prism_dtype_size(d->dtype);
}
/* Output side length of pooling along an axis of n samples. */
static inline int prism_pool_out(const struct prism_pool_desc *d, int n)
{
    return (n + 2 * d->pad - d->k) / d->stride + 1;
}
/* Output side length of a convolution along an axis of n samples. */
static inline int prism_conv_out(const struct prism_conv_desc *d, int n)
{
    return (n + 2 * d->pad - d->k) / d->stride + 1;
}

#ifdef __cplusplus
}
#endif
#endif
