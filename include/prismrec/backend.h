/* PRISM: the seam between the library and a backend.
 *
 * The only header that a backend includes. A backend is a table of kernels
 * (struct prism_ops) over its own memory. The library above the seam owns
 * shapes, checks, errors and composition, and names no backend. The header
 * compiles as C99 and as C++11.
 *
 * The following rules hold for every entry of the table.
 *
 * Checks: calls come through the library's front (docs/backend.md). The front
 * refuses operands that are NULL, element types and sizes that are not allowed,
 * and outputs that are inputs where the two must lie apart. An entry does not
 * check them again.
 *
 * Order: work is enqueued on the device's one in-order queue. read() and sync()
 * wait for the queue, and the *_create() entries may wait. No other entry
 * waits.
 *
 * Allocation: only alloc(), the *_create() entries and capture_end() allocate.
 *
 * Memory: arrays are row-major and contiguous. The library adds offsets to
 * device addresses but never dereferences them. alloc() returns memory aligned
 * to caps.align; an operand inside such memory is aligned to at least its
 * element size.
 *
 * Aliasing: outputs do not overlap inputs unless the entry says otherwise. "In
 * place ok" means that y may equal x exactly.
 *
 * Status: an entry returns 0, or a negative PRISM_E* after host->fail() has
 * recorded the sentence. PRISM_ENOMEM: host or device memory is exhausted.
 * PRISM_ENOTSUP: the call is valid, but this backend or device cannot do it.
 * PRISM_EINVAL: the call is not allowed in the device's present state.
 * PRISM_EDEVICE: the device failed, in this call or in work enqueued earlier,
 * and can only be closed.
 *
 * Threads: one thread at a time uses a device and its plans. Devices of
 * different contexts may be used by several threads at once.
 *
 * Element types: `real` below means F32 or F64, and `cplx` its complex twin
 * (interleaved re, im). `half` means F16 (IEEE binary16) or BF16 (the upper
 * half of an F32). Only convolution, normalisation, copy2d and the maps that
 * say so take half. */
#ifndef PRISMREC_BACKEND_H
#define PRISMREC_BACKEND_H

#include "prismrec/types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PRISM_BACKEND_ABI 5u

/* Name of the one symbol that a plugin exports, a function:
 *   const struct prism_backend *prism_backend_entry(void) */
#define PRISM_BACKEND_ENTRY "prism_backend_entry"

/* Plans and recordings. A backend defines these structs; the library only hands
 * their addresses back. */
struct prism_fft;
struct prism_conv;
struct prism_gather;
struct prism_replay;

/* ---- the library's side -------------------------------------------------- */

/* Services of the library to a backend. A plugin does not link to the library:
 * it calls these functions through dev->host, with host->user as the first
 * argument. */
struct prism_host {
    uint32_t abi, size; /* PRISM_BACKEND_ABI, sizeof(struct prism_host) */
    void *user;
    /* Write a text to the log. level: enum prism_log_level. */
    void (*log)(void *user, int level, const char *text);
    /* Record an error: one sentence, and the place in the source. Returns
     * status, so that an entry can end with `return host->fail(...)`. */
    int (*fail)(void *user, int status, const char *file, int line, const char *fmt, ...)
        PRISM_PRINTF(5, 6);
    /* Count a plan for which candidates were to be timed. kept: true if earlier
     * findings, of this process or from cache_dir, were enough. */
    void (*planned)(void *user, bool kept);
};

/* ---- devices ------------------------------------------------------------- */

/* Properties of a device: bits of prism_caps.flags. */
enum prism_caps_flags {
    /* The host may dereference a prism_mem. */
    PRISM_CAPS_HOST_VISIBLE = 1u << 0,
    /* The same calls give the same bits, whatever the thread count. */
    PRISM_CAPS_DETERMINISTIC = 1u << 1,
    /* The replay entries are there. The library sets this flag. */
    PRISM_CAPS_REPLAY = 1u << 2,
    /* alloc() returns memory whose bytes are all 0. */
    PRISM_CAPS_ZEROED = 1u << 3
};

/* Description and limits of a device. open() fills the struct. */
struct prism_caps {
    /* Element types that the kernels accept: bits 1 << enum prism_dtype. */
    uint32_t dtypes;
    /* Bits of enum prism_caps_flags. */
    uint32_t flags;
    /* Alignment of alloc(), bytes. */
    size_t align;
    /* Total device memory, bytes. 0 = unknown. */
    size_t mem_bytes;
    /* Device memory that was free when the device was opened, bytes. 0 =
     * unknown. */
    size_t mem_free_bytes;
    /* Half storage is faster than F32 for networks whose largest activation has
     * at least this many elements. Ignored where dtypes has no half type. */
    size_t half_pays_from;
    /* Threads in use; 1 where the notion does not apply. */
    int threads;
    /* Description for the log, e.g. "AMD EPYC 9554, 2 threads, FFTW 3.3.10,
     * OpenBLAS 0.3.21". */
    char device[128];
};

/* Function of the host that computes the values of an array for generate(). It
 * writes elements first .. first + n - 1 to out; element i depends on arg and i
 * alone. It may run on any thread and calls no entry. */
typedef void prism_make(const void *arg, size_t first, size_t n, void *out);

/* Arguments of open(). All are hints: a backend without the notion ignores
 * them. */
struct prism_open {
    /* Number of threads. 0 = all cores of the affinity mask. */
    int threads;
    /* Number of the device among those of its kind, from 0. */
    int index;
    /* Effort spent on plans, enum prism_plan_effort. */
    int plan_effort;
    /* Folder where plans may be kept between processes. NULL = nowhere. */
    const char *cache_dir;
    /* Use one general method for every operation, and no kernels for particular
     * shapes. */
    bool plain;
};

/* ---- transforms ---------------------------------------------------------- */

/* Plan of two-dimensional discrete Fourier transforms. x and y are [batch,h,w]
 * cplx, with DC at index 0. fft_run with sign -1 (forward) or +1 (inverse)
 * computes
 *   y[k] = sum over n of x[n] exp(sign 2 pi i k.n/N),
 *   k.n/N = k_y n_y/h + k_x n_x/w
 * without a scale for either sign. In place ok.
 *
 * A run reads the tables support and factors in device memory, so both must
 * outlive the plan. */
struct prism_fft_desc {
    enum prism_dtype dtype; /* CF32 or CF64 */
    int batch, h, w;
    /* Rows and columns that a run may leave out: [2,batch,4] I32, for sign -1
     * and for sign +1. NULL: none. A backend may ignore the table.
     *
     * A transform has {row0,rows,col0,cols}, with row0 < h and col0 < w. Input
     * rows outside row0 .. row0+rows-1, modulo h, hold zeros. Output columns
     * outside col0 .. col0+cols-1, modulo w, are not needed: a run may leave
     * any values there, which must be finite if the input was finite. */
    prism_mem support;
    /* Factors that a run multiplies by: [2,h+w] cplx, the same for every
     * transform. NULL: all are 1.
     *
     * With b[i,j] = factors[0,i] factors[0,h+j], a[i,j] = factors[1,i]
     * factors[1,h+j], and F the transform above, sign -1 computes y = a F(b x),
     * and sign +1 computes the adjoint y = conj(b) F(conj(a) x). */
    prism_mem factors;
};

/* ---- convolution and matrix products ------------------------------------- */

/* Plan of a two-dimensional convolution of n images, computed as a
 * cross-correlation (the kernel is not flipped):
 *   y[i,o,r,c] = sum over q, a, b of
 *       weights[o,q,a,b] x[i,q, r stride + a - pad, c stride + b - pad]
 * where samples outside x are 0. x and gx are [n,cin,h,w], weights and gw
 * [cout,cin,k,k], y and gy [n,cout,oh,ow], with oh = (h + 2 pad - k)/stride + 1
 * rounded down, and likewise for ow.
 *
 * conv_fwd computes y, conv_bwd_x the gradient gx by the input, and conv_bwd_w
 * the gradient gw by the weights, which is the sum over the n images in their
 * order.
 *
 * A transposed convolution uses the same plan with conv_fwd and conv_bwd_x
 * exchanged: torch's ConvTranspose2d weight [Cin,Cout,k,k] is this plan's
 * weight with cout = Cin and cin = Cout.
 *
 * With dtype half, x, gx, y, gy and weights are half, and gw is F32. Sums are
 * kept in F32 and rounded once at the end. */
struct prism_conv_desc {
    enum prism_dtype dtype; /* real or half */
    int n;                  /* images, >= 1 */
    int cin, h, w, cout, k, stride, pad;
    /* F32 operands may be rounded to 10 bits of mantissa before they are
     * multiplied. A backend may ignore this flag. */
    bool tf32;
};

/* Matrix product C = alpha op(A) op(B) + beta C, with C [m,n], op(A) [m,k] and
 * op(B) [k,n]. With beta = 0, C is not read and may hold NaN. */
struct prism_gemm_desc {
    enum prism_dtype dtype; /* real */
    int m, n, k;
    bool ta, tb; /* ta: A is stored [k,m]; tb: B is stored [n,k] */
    double alpha, beta;
};

/* ---- elementwise operations and reductions ------------------------------- */

/* Elementwise operations on [rows,cols], with outputs y0..y3, inputs x0..x5 and
 * scalars s0..s2. maps.def lists them with their formulas and the kinds of
 * their operands. The dtype given to map() is the real type; complex operands
 * have its twin. In place ok for every output y[i] whose formula reads the
 * input at the same index. */
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
    /* Number of elements of the operands of [rows], a divisor of rows: row r
     * reads element r % period. 0 stands for rows. */
    size_t period;
};

/* Reductions of each row of a [rows,cols] real to y[r]. b is [rows] for VAR,
 * [rows,cols] for DOT, ABSDIFF and SQDIFF, and not read by the others. The bits
 * are the same for any thread count. */
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

/* ---- planes -------------------------------------------------------------- */

/* Padding and cropping of planes. x is [planes,hx,wx], y [planes,hy,wy]. A
 * batch of n images of c channels has n c planes. window computes
 *   y[p,i,j] = x[p, i-dy, j-dx] where that sample exists, else 0
 * The adjoint is a window with the shapes exchanged and the offsets negated.
 *
 * scatter_add takes the same description, with a real dtype and a weight
 * [hx,wx]:
 *   y[p,i+dy,j+dx] += weight[i,j] x[p,i,j] where that element of y exists
 * Overlapping windows are blended by one call each. The adjoint is a window of
 * y with the shapes exchanged and the offsets negated, followed by map MUL by
 * weight, plane by plane. */
struct prism_window_desc {
    enum prism_dtype dtype; /* real or cplx */
    int planes, hy, wy, hx, wx, dy, dx;
};

/* Plan of a resizing or warping of planes by a table. x and gx are [planes,nx],
 * y and gy [planes,ny]; outputs are overwritten:
 *   gather_fwd:  y[p,i] = sum over t < k of weight[i,t] x[p,index[i,t]]
 *   gather_adj:  gx[p,j] = sum over all i, t with index[i,t] = j, in their
 *                order, of weight[i,t] gy[p,i]
 * An index of -1 leaves its term out, whatever x holds.
 *
 * gather_create reads both tables, [ny,k] each, from host memory, rounds the
 * weights to dtype, and makes the transposed table that gather_adj reads. The
 * tables may be freed when gather_create returns. nx and ny k are below
 * 2^31. */
struct prism_gather_desc {
    enum prism_dtype dtype; /* real */
    int planes, k;
    size_t nx, ny;
};

/* Operations on each pixel over its classes. x, y, gx and gy are
 * [n,classes,pixels]:
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

/* Kinds of pooling. */
enum prism_pool {
    /* y is the largest pixel, and index its place i w + j in the plane: the
     * first of equal ones, and NaN counts as the largest. index is
     * [planes,oh,ow] I32. */
    PRISM_POOL_MAX,
    /* y is the mean of the window's pixels that exist (torch's
     * count_include_pad=False). index is not used. */
    PRISM_POOL_MEAN,
    PRISM_POOL_COUNT
};

/* Pooling over windows of k x k pixels, plane by plane. x is [planes,h,w], y
 * [planes,oh,ow], with oh = (h + 2 pad - k)/stride + 1 rounded down. pad < k <=
 * h + 2 pad, and likewise for w. Pixels outside x take no part.
 *
 * pool_bwd overwrites gx. A pixel of gx is a sum over all windows that hold the
 * pixel, in the order of the windows. The term of a window is its gy if index
 * chose the pixel (MAX), or its gy over the number of the window's pixels
 * (MEAN). */
struct prism_pool_desc {
    enum prism_dtype dtype; /* real */
    enum prism_pool kind;
    int planes, h, w, k, stride, pad;
};

/* Copy of a rectangle, for concatenation and slices:
 *   y[r ldy + c] = x[r ldx + c], r < rows, c < cols
 * All numbers count elements. cols is at most ldx and ldy. Elements of y
 * between its rows stay as they were. */
struct prism_copy2d_desc {
    enum prism_dtype dtype; /* any */
    size_t rows, cols, ldy, ldx;
};

/* ---- sub-apertures ------------------------------------------------------- */

/* Sub-apertures of one spectrum. spectrum is [h,w] and field [batch,oh,ow],
 * both cplx with DC at index 0. With a = index[b]:
 *   fwd:  field[b, (i - ph/2) mod oh, (j - pw/2) mod ow] = pupil[a,i,j]
 *         spectrum[(origin[a].y + i) mod h, (origin[a].x + j) mod w], zero
 *         elsewhere
 *   adj:  spectrum = beta spectrum + the adjoint sum over b, in order of b
 * Divisions are of integers. ph <= min(h,oh) and pw <= min(w,ow). */
struct prism_subaperture_desc {
    enum prism_dtype dtype; /* CF32 or CF64 */
    int batch, h, w, oh, ow, ph, pw;
};
struct prism_subaperture_args {
    /* The tables are in device memory: pupil [A,ph,pw] cplx, origin [A,2] I32
     * (y,x), and index [batch] I32 into both. */
    prism_mem field, spectrum, pupil, origin, index;
    double beta; /* adj only: 0 or 1 */
    /* Regions outside which the pupils are zero: [A,4] I32,
     * {row0,rows,col0,cols}. NULL: unknown. A backend may ignore the table. */
    prism_mem open;
    /* adj only: the rows of spectrum that are needed, I32 {row0,rows} with row0
     * < h. NULL: all. The support of the transform that reads spectrum next
     * leaves the other rows, modulo h, out. A backend whose transforms keep to
     * supports may leave those rows as they are. */
    prism_mem rows;
    /* fwd only: the next reader of field reads only the rows where the pupil
     * may be open. A backend may leave the other rows as they are. */
    bool open_rows;
};

/* Spectrum of an object in the middle of a grid, and its adjoint. F is a run of
 * the plan fft:
 *   fwd:  spectrum = F(p) of sign -1, with p[h/2 - oh/2 + i, w/2 - ow/2 + j] =
 *         object[i,j], and 0 elsewhere
 *   adj:  object[i,j] = q[h/2 - oh/2 + i, w/2 - ow/2 + j], or its real part if
 *         the object is real, with q = F(spectrum) of sign +1
 * fft is a plan of one transform of [h,w] without factors. Its support, if any,
 * holds the object's rows for sign -1 and the object's columns for sign +1.
 * Columns of spectrum that the support says are not needed may keep their
 * values or hold any finite ones. */
struct prism_spectrum_desc {
    enum prism_dtype dtype; /* the object's type, real or cplx; the rest is cplx */
    int h, w, oh, ow;       /* oh <= h, ow <= w */
};
struct prism_spectrum_args {
    prism_mem spectrum; /* [h,w]; adj: in, contents undefined afterwards */
    prism_mem object;   /* [oh,ow] */
    prism_mem tmp;      /* real objects: oh ow cplx, contents undefined afterwards */
};

/* ---- filters ------------------------------------------------------------- */

/* Separable symmetric FIR filter on [planes,h,w], with the same 2 radius + 1
 * taps along both axes. Samples outside mirror without repeating the edge (...
 * c b | a b c ...). radius < min(h,w). tmp has the size of x, and its contents
 * are undefined afterwards. */
struct prism_blur_desc {
    enum prism_dtype dtype; /* real */
    int planes, h, w, radius;
    bool adjoint; /* compute the transpose of the filter */
};

/* ---- normalisation ------------------------------------------------------- */

/* Normalisation per channel, with scale, shift and activation. x is
 * [n,rows,cols], and the statistics of a row are over n and cols:
 *   fwd:  xhat = (x - mean[r]) rstd[r],  y = act(gamma[r] xhat + beta[r])
 *   bwd:  g = gy act'(gamma[r] xhat + beta[r]),  gbeta[r] = sum g,
 *         ggamma[r] = sum g xhat,
 *         gx = gamma[r] rstd[r] (g - (gbeta[r] + xhat ggamma[r])/(n cols))
 * With dtype half, x, y, gy and gx are half, and all else is F32. */
struct prism_norm_desc {
    enum prism_dtype dtype; /* real or half */
    enum prism_act act;
    size_t n, rows, cols; /* images, 1 to 16384; channels, pixels */
    double eps;
};
struct prism_norm_args {
    prism_mem x; /* fwd: in; bwd: in, contents undefined afterwards */
    prism_mem y; /* fwd: out; in place ok */
    /* [3,rows]: mean, biased variance, rstd = 1/sqrt(var + eps); fwd: out, bwd:
     * in. */
    prism_mem stats;
    prism_mem gamma, beta;   /* [rows] */
    prism_mem gy;            /* bwd: in, contents undefined afterwards */
    prism_mem gx;            /* bwd: out; differs from x and gy */
    prism_mem ggamma, gbeta; /* [rows]; bwd: out */
};

/* ---- misfits ------------------------------------------------------------- */

/* Kinds of amplitude misfit, the rows of misfit.def. With a = index[b], m =
 * |u[b]| and d = target[a], a misfit gives the loss of each field and the
 * cotangent gu = dL/dRe u + i dL/dIm u:
 *   L1: loss[b] = weight[a] sum |m - d|,    gu[b] = weight[a] sign(m - d) u/|u|
 *   L2: loss[b] = weight[a] sum (m - d)^2,  gu[b] = 2 weight[a] (m - d) u/|u|
 * and in general the sum of the row's terms times weight[a], and the row's
 * slope times u/|u|. gu = 0 where u = 0.
 *
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

/* Misfit of fields behind sub-apertures and its gradient by the spectrum. The
 * results are those of five calls, one after the other:
 *   subaperture_fwd   u from spectrum
 *   fft_run           of fft with sign +1, u from u
 *   misfit            loss and u from u
 *   fft_run           of fft with sign -1, u from u
 *   subaperture_adj   gspectrum from u, beta 0
 * The fields, and so the terms of the losses, are those of the separate
 * entries, bit for bit. fft is a plan of batch transforms of [oh,ow] without
 * factors. */
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

/* ---- optimisers ---------------------------------------------------------- */

/* Step of Adam, as in map, over a matrix p [rows,cols] whose gradient is the
 * outer product x0[r,c] = a[r] b[c]. The gradient is never stored. If m, v and
 * vmax are all NULL, the step is that of map ADAM_ONCE. */
struct prism_adam_outer_desc {
    enum prism_dtype dtype; /* real */
    size_t rows, cols;
    double b1, b2, eps;
};

/* Rows of cols elements in the tmp of adam_outer. */
#define PRISM_ADAM_OUTER_ROWS 32

/* Rest of a step of adam_outer where a is a copy of the vector z, which is a
 * parameter too:
 *   ga[r] = sum over c of p[r,c] b[c] with p as it was: the gradient of z
 *   z is updated by ga as p is updated by a b, with moments of its own
 *   y = conv_bwd_x(conv, y, z, p) with the new z and p, to the bit
 * If the step is skipped, ga holds anything, z and p stay as they were, and y
 * is the product of the two. The plan conv has cout = rows, cin k k = cols, and
 * one output pixel that depends on all of x. */
struct prism_adam_outer_tail {
    prism_mem ga;               /* [rows] out */
    prism_mem z, zm, zv, zvmax; /* [rows]; NULL where p has none */
    prism_mem y;                /* [cols] out */
};
struct prism_adam_outer_args {
    prism_mem p, m, v; /* m, v: both or neither */
    prism_mem vmax;    /* NULL: Adam, else AMSGrad */
    prism_mem a, b;    /* [rows], [cols] */
    prism_mem step;    /* [3]: ADAM's x1 */
    prism_mem tmp;     /* PRISM_ADAM_OUTER_ROWS cols reals, contents undefined afterwards */
    const struct prism_adam_outer_tail *tail; /* NULL: none, and conv is not used */
};

#define PRISM_DENSE_LAYERS 16

/* Adam steps of a small dense network, one after the other.
 *
 * Layer l < layers computes a_{l+1} = act[l](a_l W_l^T + b_l), and a_0 is a row
 * of x [N,width[0]]. W_l [width[l+1],width[l]] and b_l [width[l+1]] lie w[l]
 * and b[l] elements into the slabs p, m and v. Elements of the slabs outside
 * the layers stay as they were.
 *
 * Step s takes the rows index[s,r], r < batch, of x and of the targets t
 * [N,width[layers]]. With out = width[layers]:
 *   loss[s] = sum over r of weight[s,r] sum over o of (a_layers[r,o] -
 *       t[r,o])^2 / out
 * The gradient of this loss updates p, m and v as map ADAM does, with x1 =
 * step[s].
 *
 * For a mean over n rows the weight is 1/n. A batch that is not full has the
 * weight 0 and any valid row in the places that are left.
 *
 * The bits are the same whatever the thread count, and however the steps are
 * cut into calls. */
struct prism_dense_fit_desc {
    enum prism_dtype dtype;            /* real */
    int layers, batch;                 /* 1 to PRISM_DENSE_LAYERS; at least 1 */
    int width[PRISM_DENSE_LAYERS + 1]; /* at least 1 */
    enum prism_act act[PRISM_DENSE_LAYERS];
    size_t w[PRISM_DENSE_LAYERS], b[PRISM_DENSE_LAYERS];
    double b1, b2, eps; /* eps > 0 */
    size_t steps;       /* at least 1 */
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

/* ---- the table ----------------------------------------------------------- */

/* The entries of a backend. The rules at the top of this file hold for each of
 * them; the descriptions above give the mathematics and the shapes. */
struct prism_ops {
    uint32_t abi, size; /* PRISM_BACKEND_ABI, sizeof(struct prism_ops) */

    /* ---- memory and order; required ---- */

    /* Allocate bytes > 0 of device memory, which release() frees. The contents
     * are undefined without PRISM_CAPS_ZEROED. */
    int (*alloc)(struct prism_dev *, size_t bytes, prism_mem *out);
    void (*release)(struct prism_dev *, prism_mem);
    /* Copy from the host to the device. src may be reused on return. */
    int (*write)(struct prism_dev *, prism_mem dst, const void *src, size_t bytes);
    /* Copy from the device to the host. Waits. */
    int (*read)(struct prism_dev *, void *dst, prism_mem src, size_t bytes);
    /* Copy within the device. */
    int (*copy)(struct prism_dev *, prism_mem dst, prism_mem src, size_t bytes);
    /* Wait until the queue is empty, and report errors of earlier work. */
    int (*sync)(struct prism_dev *);

    /* ---- transforms; required ---- */

    int (*fft_create)(struct prism_dev *, const struct prism_fft_desc *, struct prism_fft **);
    /* sign: -1 forward, +1 inverse. dst == src ok. */
    int (*fft_run)(struct prism_fft *, int sign, prism_mem dst, prism_mem src);
    void (*fft_destroy)(struct prism_fft *); /* NULL ok */

    /* ---- convolution; required. Outputs are overwritten. ---- */

    int (*conv_create)(struct prism_dev *, const struct prism_conv_desc *, struct prism_conv **);
    int (*conv_fwd)(struct prism_conv *, prism_mem y, prism_mem x, prism_mem w);
    int (*conv_bwd_x)(struct prism_conv *, prism_mem gx, prism_mem gy, prism_mem w);
    int (*conv_bwd_w)(struct prism_conv *, prism_mem gw, prism_mem gy, prism_mem x);
    void (*conv_destroy)(struct prism_conv *); /* NULL ok */

    /* ---- matrix products; required ---- */

    int (*gemm)(struct prism_dev *, const struct prism_gemm_desc *, prism_mem c, prism_mem a,
                prism_mem b);

    /* ---- elementwise operations and stencils; required ---- */

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

    /* ---- planes; required ---- */

    int (*pool_fwd)(struct prism_dev *, const struct prism_pool_desc *, prism_mem y,
                    prism_mem index, prism_mem x);
    int (*pool_bwd)(struct prism_dev *, const struct prism_pool_desc *, prism_mem gx, prism_mem gy,
                    prism_mem index);
    int (*copy2d)(struct prism_dev *, const struct prism_copy2d_desc *, prism_mem y, prism_mem x);
    /* y += the weighted windows x; described at struct prism_window_desc. */
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

    /* ---- fused operations; optional. NULL: the library composes the entry
     * from the required ones. ---- */

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

    /* ---- replay; optional, all four entries or none. Without them caps.flags
     * lacks PRISM_CAPS_REPLAY. ---- */

    /* Begin a recording. Until capture_end() nothing runs: calls of copy, and
     * of the entries above from fft_run on that enqueue, are recorded. No other
     * entry may be called. */
    int (*capture_begin)(struct prism_dev *);
    /* End a recording and hand it out. out NULL: drop what was recorded. */
    int (*capture_end)(struct prism_dev *, struct prism_replay **);
    /* Enqueue what was recorded, at the same addresses, on the contents that
     * they then have. */
    int (*replay)(struct prism_replay *);
    void (*replay_destroy)(struct prism_replay *); /* NULL ok */

    /* ---- computed writes; optional. NULL: composed from write. ---- */

    /* Write n values of the real type dtype to dst, computed during the write.
     * make() is called for pieces of the array, each element once, in any order
     * and from several threads at once. All calls of make() have returned when
     * generate() returns. */
    int (*generate)(struct prism_dev *, prism_mem dst, enum prism_dtype dtype, size_t n,
                    prism_make *make, const void *arg);
};

/* One device and its one in-order queue. The library owns the struct; both
 * sides read it. */
struct prism_dev {
    const struct prism_ops *ops; /* complete: no entry is NULL */
    void *impl;                  /* the backend's */
    const struct prism_host *host;
    struct prism_caps caps; /* filled by open() */
};

/* A backend: its name, how to open a device, and the table. */
struct prism_backend {
    /* PRISM_BACKEND_ABI, sizeof(struct prism_backend). The library refuses a
     * backend whose numbers do not equal its own. */
    uint32_t abi, size;
    const char *name;
    /* Returns 0 if the backend can be used here, else writes one sentence into
     * why [n]. Creates nothing. */
    int (*probe)(char *why, size_t n);
    /* Fill impl and caps of a device whose other members are set. After a
     * failure nothing is left open, and close() is not called. */
    int (*open)(struct prism_dev *, const struct prism_open *);
    void (*close)(struct prism_dev *);
    const struct prism_ops *ops;
};

/* ---- sizes --------------------------------------------------------------- */

/* Bytes of an operand of an elementwise operation. kind is the operand's letter
 * in maps.def. An operand of kind g has any size; the bytes are those that the
 * operation reads. */
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

/* The number n, rounded up to a multiple of 16: a padded row or column of
 * dense_fit's tmp. */
static inline size_t prism_dense_fit_padded(int n)
{
    return ((size_t)n + 15) / 16 * 16;
}

/* Bytes of dense_fit's tmp. With rows and columns padded to 16 elements, tmp
 * holds two batches of every layer, four batches of the widest one, and five
 * times the layers' weights and biases. */
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
