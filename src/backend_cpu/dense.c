/* Adam steps of a small dense network, on one core: a step needs the result of
 * the step before, and its data fit the first- and second-level caches. During
 * a call tmp holds the weights, their moments and their transpose, with rows
 * zero-padded to a multiple of PAD elements. Every product then runs over whole
 * vectors, and forward, backward and gradient are one kernel
 *   c[i,:] = sum over t of a[i,t] b[t,:]
 * that walks `a` along rows or columns. Padding stays zero because its gradient
 * is 0. */
#include "backend_cpu/vmath.h"

#include <string.h>

enum { PAD = 16 };

struct layer {
    size_t in, out, pin, pout; /* widths of input and output, exact and padded */
    enum prism_act act;
    real *w, *m, *v, *g;    /* [out,pin]; g is the gradient */
    real *wt;               /* [in,pout] */
    real *b, *bm, *bv, *bg; /* [pout] */
    real *a, *z;            /* input [batch,pin]; input of the activation [batch,pout] */
};

struct dense {
    const struct prism_dense_fit_desc *d;
    int layers;
    size_t batch;
    struct layer layer[PRISM_DENSE_LAYERS];
    real *y;    /* output of the last activation, [batch,pout] */
    real *g[2]; /* gradients of two neighbouring layers, [batch,widest] */
};

static real *take(real **at, size_t n)
{
    real *out = *at;

    *at += n;
    return out;
}

/* Lays everything out in tmp, whose size prism_dense_fit_tmp() gives. */
static void lay_out(struct dense *n, const struct prism_dense_fit_desc *d, prism_mem tmp)
{
    const uintptr_t line = PAD * sizeof(real);
    real *at = (real *)(((uintptr_t)tmp + line - 1) / line * line);
    size_t widest = 0;

    *n = (struct dense){.d = d, .layers = d->layers, .batch = (size_t)d->batch};
    for (int l = 0; l < d->layers; l++) {
        struct layer *y = &n->layer[l];
        y->in = (size_t)d->width[l];
        y->out = (size_t)d->width[l + 1];
        y->pin = (y->in + PAD - 1) / PAD * PAD;
        y->pout = (y->out + PAD - 1) / PAD * PAD;
        y->act = d->act[l];
        real **const weights[] = {&y->w, &y->m, &y->v, &y->g},
                     **const biases[] = {&y->b, &y->bm, &y->bv, &y->bg};
        for (int k = 0; k < 4; k++) {
            *weights[k] = take(&at, y->out * y->pin);
            *biases[k] = take(&at, y->pout);
        }
        y->wt = take(&at, y->in * y->pout);
        y->a = take(&at, n->batch * y->pin);
        y->z = take(&at, n->batch * y->pout);
        widest = y->pin > widest ? y->pin : widest;
        widest = y->pout > widest ? y->pout : widest;
    }
    n->y = take(&at, n->batch * n->layer[d->layers - 1].pout);
    n->g[0] = take(&at, n->batch * widest);
    n->g[1] = take(&at, n->batch * widest);
}

/* Copies rows x cols elements; fills each row of `padded` elements up with
 * zeros. */
static void load(real *to, size_t padded, const real *from, size_t rows, size_t cols)
{
    for (size_t r = 0; r < rows; r++) {
        memcpy(to + r * padded, from + r * cols, cols * sizeof *to);
        memset(to + r * padded + cols, 0, (padded - cols) * sizeof *to);
    }
}

static void save(real *to, const real *from, size_t padded, size_t rows, size_t cols)
{
    for (size_t r = 0; r < rows; r++)
        memcpy(to + r * cols, from + r * padded, cols * sizeof *to);
}

static void load_all(struct dense *n, const struct prism_dense_fit_args *a)
{
    const real *slab[] = {(const real *)a->p, (const real *)a->m, (const real *)a->v};

    for (int l = 0; l < n->layers; l++) {
        struct layer *y = &n->layer[l];
        real *const weights[] = {y->w, y->m, y->v}, *const biases[] = {y->b, y->bm, y->bv};
        for (int k = 0; k < 3; k++) {
            load(weights[k], y->pin, slab[k] + n->d->w[l], y->out, y->in);
            load(biases[k], y->pout, slab[k] + n->d->b[l], 1, y->out);
        }
        memset(y->wt, 0, y->in * y->pout * sizeof *y->wt);
        memset(y->a, 0, n->batch * y->pin * sizeof *y->a);
        memset(y->z, 0, n->batch * y->pout * sizeof *y->z);
    }
}

static void save_all(const struct dense *n, const struct prism_dense_fit_args *a)
{
    real *slab[] = {(real *)a->p, (real *)a->m, (real *)a->v};

    for (int l = 0; l < n->layers; l++) {
        const struct layer *y = &n->layer[l];
        const real *const weights[] = {y->w, y->m, y->v}, *const biases[] = {y->b, y->bm, y->bv};
        for (int k = 0; k < 3; k++) {
            save(slab[k] + n->d->w[l], weights[k], y->pin, y->out, y->in);
            save(slab[k] + n->d->b[l], biases[k], y->pout, 1, y->out);
        }
    }
}

#define TARGET
#define BYTES 16
#define ROWS 4
#define T(name) name##_base
#include "backend_cpu/dense_tmpl.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define TARGET __attribute__((target("avx2,fma")))
#define BYTES 32
#define ROWS 4
#define T(name) name##_avx2
#include "backend_cpu/dense_tmpl.h"

#if defined(__clang__) /* clang has no preferred vector width in a target */
#define TARGET __attribute__((target("avx512f,avx512vl,avx512dq")))
#else
#define TARGET __attribute__((target("avx512f,avx512vl,avx512dq,prefer-vector-width=512")))
#endif
#define BYTES 64
#define ROWS 8
#define T(name) name##_avx512
#include "backend_cpu/dense_tmpl.h"
#endif

int R(prismi_cpu_dense_fit)(struct prism_dev *dev, const struct prism_dense_fit_desc *d,
                            const struct prism_dense_fit_args *a)
{
    void (*run)(struct dense *, const struct prism_dense_fit_args *) = run_base;
    struct dense n;

    (void)dev;
#if defined(__x86_64__) && defined(__GNUC__)
    if (__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        run = run_avx512;
    else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        run = run_avx2;
#endif
    lay_out(&n, d, a->tmp);
    load_all(&n, a);
    run(&n, a);
    save_all(&n, a);
    return 0;
}
