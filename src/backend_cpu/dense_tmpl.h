/* Steps of dense_fit for one instruction set. The including file defines
 * TARGET, the function attribute; BYTES, the size of a vector; ROWS, the rows
 * of a register tile; and T(name), a symbol of this instruction set. */

typedef real T(vec) __attribute__((vector_size(BYTES), aligned(sizeof(real)), may_alias));
enum { T(LANES) = BYTES / sizeof(real) };

/* One register tile of `rows` rows and nv vectors. bias NULL stands for 0. */
TARGET CPU_INLINE void T(tile)(int rows, int nv, size_t k, const real *a, size_t lda, size_t step,
                               const real *b, size_t ldb, real *c, size_t ldc, const real *bias)
{
    T(vec) acc[8][2];

    for (int i = 0; i < rows; i++)
        for (int v = 0; v < nv; v++)
            acc[i][v] = bias ? ((const T(vec) *)bias)[v] : (T(vec)){0};
    for (size_t t = 0; t < k; t++) {
        const T(vec) *bt = (const T(vec) *)(b + t * ldb);
        T(vec) keep[2];
        for (int v = 0; v < nv; v++)
            keep[v] = bt[v];
        for (int i = 0; i < rows; i++)
            for (int v = 0; v < nv; v++)
                acc[i][v] += a[(size_t)i * lda + t * step] * keep[v];
    }
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < nv; v++)
            ((T(vec) *)(c + (size_t)i * ldc))[v] = acc[i][v];
}

/* c [m,n] = bias + sum over t < k of a[i lda + t step] b[t,:]. n is a multiple
 * of PAD. */
TARGET static void T(product)(size_t m, size_t n, size_t k, const real *a, size_t lda, size_t step,
                              const real *b, size_t ldb, real *c, size_t ldc, const real *bias)
{
    for (size_t j = 0; j < n;) {
        const int nv = n - j >= 2 * T(LANES) ? 2 : 1;
        const real *bj = bias ? bias + j : NULL;
        size_t i = 0;
        for (; i + ROWS <= m && nv == 2; i += ROWS)
            T(tile)(ROWS, 2, k, a + i * lda, lda, step, b + j, ldb, c + i * ldc + j, ldc, bj);
        for (; i + ROWS <= m; i += ROWS)
            T(tile)(ROWS, 1, k, a + i * lda, lda, step, b + j, ldb, c + i * ldc + j, ldc, bj);
        for (; i < m && nv == 2; i++)
            T(tile)(1, 2, k, a + i * lda, lda, step, b + j, ldb, c + i * ldc + j, ldc, bj);
        for (; i < m; i++)
            T(tile)(1, 1, k, a + i * lda, lda, step, b + j, ldb, c + i * ldc + j, ldc, bj);
        j += (size_t)nv * T(LANES);
    }
}

/* ---- elementwise ---- */

/* y = act(z) on rows x width elements; ld elements from row to row. */
TARGET CPU_INLINE void T(act_rows)(enum prism_act act, size_t rows, size_t width, size_t ld,
                                   real *y, const real *z)
{
    for (size_t r = 0; r < rows; r++) {
        CPU_SIMD
        for (size_t j = 0; j < width; j++)
            y[r * ld + j] = cpu_act(act, z[r * ld + j]);
    }
}

/* g = g act'(z) on rows x width elements; ld elements from row to row. */
TARGET CPU_INLINE void T(slope_rows)(enum prism_act act, size_t rows, size_t width, size_t ld,
                                     real *g, const real *z)
{
    for (size_t r = 0; r < rows; r++) {
        CPU_SIMD
        for (size_t j = 0; j < width; j++)
            g[r * ld + j] *= cpu_act_slope(act, z[r * ld + j]);
    }
}

#define EACH(run)                                                                                  \
    switch (y->act) {                                                                              \
        run(PRISM_ACT_NONE) run(PRISM_ACT_RELU) run(PRISM_ACT_LEAKY) run(PRISM_ACT_SIGMOID)        \
            run(PRISM_ACT_HARDSIGMOID) run(PRISM_ACT_SCALESIGMOID)                                 \
                run(PRISM_ACT_TANH) case PRISM_ACT_COUNT : break;                                  \
    }

/* The activation of a layer, and its backward pass. */
TARGET static void T(activate)(const struct layer *y, size_t batch, real *a)
{
#define RUN(act)                                                                                   \
    case act:                                                                                      \
        T(act_rows)(act, batch, y->out, y->pout, a, y->z);                                         \
        break;
    EACH(RUN)
#undef RUN
}

TARGET static void T(activate_back)(const struct layer *y, size_t batch, real *g)
{
#define RUN(act)                                                                                   \
    case act:                                                                                      \
        T(slope_rows)(act, batch, y->out, y->pout, g, y->z);                                       \
        break;
    EACH(RUN)
#undef RUN
}
#undef EACH

TARGET static void T(adam)(const struct prism_dense_fit_desc *d, const real *step, real *p, real *m,
                           real *v, const real *g, size_t n)
{
    const real rate = step[0], root = step[1], u = step[2], b1 = (real)d->b1, b2 = (real)d->b2,
               eps = (real)d->eps;
    const real c1 = (real)(1 - d->b1), c2 = (real)(1 - d->b2);

    CPU_SIMD
    for (size_t i = 0; i < n; i++) {
        const real gi = u * g[i], mi = b1 * m[i] + c1 * gi, vi = b2 * v[i] + c2 * (gi * gi);
        m[i] = mi;
        v[i] = vi;
        p[i] -= rate * mi / (sqrt(vi) * root + eps);
    }
}

/* wt [in,pout] = transpose of w [out,pin]. */
TARGET static void T(transpose)(const struct layer *y)
{
    for (size_t i = 0; i < y->in; i++)
        for (size_t o = 0; o < y->out; o++)
            y->wt[i * y->pout + o] = y->w[o * y->pin + i];
}

/* ---- a step ---- */

TARGET static void T(forward)(struct dense *n, const real *x, const int32_t *index)
{
    for (size_t r = 0; r < n->batch; r++)
        memcpy(n->layer[0].a + r * n->layer[0].pin, x + (size_t)index[r] * n->layer[0].in,
               n->layer[0].in * sizeof *x);
    for (int l = 0; l < n->layers; l++) {
        const struct layer *y = &n->layer[l];
        T(product)(n->batch, y->pout, y->in, y->a, y->pin, 1, y->wt, y->pout, y->z, y->pout, y->b);
        T(activate)(y, n->batch, l + 1 < n->layers ? n->layer[l + 1].a : n->y);
    }
}

/* Returns the loss and writes its gradient by the last layer's output into g,
 * padding included. */
TARGET static real T(misfit)(const struct dense *n, real *g, const real *t, const int32_t *index,
                             const real *weight)
{
    const struct layer *y = &n->layer[n->layers - 1];
    double loss = 0;

    for (size_t r = 0; r < n->batch; r++) {
        const real share = weight[r] / (real)y->out, *tr = t + (size_t)index[r] * y->out;
        for (size_t o = 0; o < y->out; o++) {
            const real e = n->y[r * y->pout + o] - tr[o];
            g[r * y->pout + o] = 2 * share * e;
            loss += (double)(share * e) * e;
        }
        memset(g + r * y->pout + y->out, 0, (y->pout - y->out) * sizeof *g);
    }
    return (real)loss;
}

/* Backward pass of layer l from g = dL/dz, [batch,pout]: writes the gradient by
 * the layer's input into next (only if l > 0), then updates the parameters. */
TARGET static void T(backward)(const struct dense *n, int l, const real *g, real *next,
                               const real *step)
{
    const struct layer *y = &n->layer[l];

    if (l)
        T(product)(n->batch, y->pin, y->out, g, y->pout, 1, y->w, y->pin, next, y->pin, NULL);
    if (step[2] != step[2])
        return;
    T(product)(y->out, y->pin, n->batch, g, 1, y->pout, y->a, y->pin, y->g, y->pin, NULL);
    memset(y->bg, 0, y->pout * sizeof *y->bg);
    for (size_t r = 0; r < n->batch; r++) {
        CPU_SIMD
        for (size_t o = 0; o < y->pout; o++)
            y->bg[o] += g[r * y->pout + o];
    }
    T(adam)(n->d, step, y->w, y->m, y->v, y->g, y->out * y->pin);
    T(adam)(n->d, step, y->b, y->bm, y->bv, y->bg, y->pout);
    T(transpose)(y);
}

TARGET static void T(run)(struct dense *n, const struct prism_dense_fit_args *a)
{
    for (int l = 0; l < n->layers; l++)
        T(transpose)(&n->layer[l]);
    for (size_t s = 0; s < n->d->steps; s++) {
        const int32_t *index = (const int32_t *)a->index + s * n->batch;
        const real *step = (const real *)a->step + 3 * s;
        T(forward)(n, (const real *)a->x, index);
        ((real *)a->loss)[s] = T(misfit)(n, n->g[0], (const real *)a->t, index,
                                         (const real *)a->weight + s * n->batch);
        for (int l = n->layers - 1, k = 0; l >= 0; l--, k = !k) {
            T(activate_back)(&n->layer[l], n->batch, n->g[k]);
            T(backward)(n, l, n->g[k], n->g[!k], step);
        }
    }
}

#undef TARGET
#undef BYTES
#undef ROWS
#undef T
