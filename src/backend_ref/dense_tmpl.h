/* Activations of a dense network, all [batch,width]. Layer l reads a[l] and
 * writes z[l + 1] and a[l + 1] = act(z[l + 1]). g holds dL/dz of two
 * neighbouring layers. */
struct T(dense) {
    REAL *z[PRISM_DENSE_LAYERS + 1], *a[PRISM_DENSE_LAYERS + 1], *g[2];
};

/* Lays out the activations in tmp. */
static struct T(dense) T(dense_lay_out)(const struct prism_dense_fit_desc *d, REAL *tmp)
{
    struct T(dense) n;
    size_t batch = (size_t)d->batch, widest = 0;

    for (int l = 0; l <= d->layers; l++) {
        size_t width = (size_t)d->width[l];
        n.z[l] = tmp;
        n.a[l] = tmp + batch * width;
        tmp += 2 * batch * width;
        widest = width > widest ? width : widest;
    }
    n.g[0] = tmp;
    n.g[1] = tmp + batch * widest;
    return n;
}

static void T(dense_forward)(const struct prism_dense_fit_desc *d, const struct T(dense) * n,
                             const REAL *p)
{
    for (int l = 0; l < d->layers; l++) {
        size_t in = (size_t)d->width[l], out = (size_t)d->width[l + 1];
        for (size_t r = 0; r < (size_t)d->batch; r++)
            for (size_t o = 0; o < out; o++) {
                double sum = p[d->b[l] + o];
                for (size_t i = 0; i < in; i++)
                    sum += (double)p[d->w[l] + o * in + i] * n->a[l][r * in + i];
                n->z[l + 1][r * out + o] = (REAL)sum;
                n->a[l + 1][r * out + o] = T(prismi_ref_act)(d->act[l], (REAL)sum);
            }
    }
}

static void T(dense_adam)(const struct prism_dense_fit_desc *d,
                          const struct prism_dense_fit_args *a, size_t at, double gradient,
                          const REAL *step)
{
    REAL *p = (REAL *)(void *)a->p + at, *m = (REAL *)(void *)a->m + at,
         *v = (REAL *)(void *)a->v + at;
    REAL g = step[2] * (REAL)gradient;

    if (isnan(step[2]))
        return;
    *m = (REAL)d->b1 * *m + (REAL)(1 - d->b1) * g;
    *v = (REAL)d->b2 * *v + (REAL)(1 - d->b2) * g * g;
    *p -= step[0] * *m / ((REAL)sqrt(*v) * step[1] + (REAL)d->eps);
}

/* Backward pass of layer l: computes next = dL/dz[l] from g = dL/dz[l + 1]
 * (only if l > 0), then updates the layer's parameters. */
static void T(dense_backward)(const struct prism_dense_fit_desc *d,
                              const struct prism_dense_fit_args *args, int l,
                              const struct T(dense) * n, const REAL *g, REAL *next,
                              const REAL *step)
{
    size_t in = (size_t)d->width[l], out = (size_t)d->width[l + 1], batch = (size_t)d->batch;
    const REAL *w = (REAL *)(void *)args->p + d->w[l];

    for (size_t r = 0; l > 0 && r < batch; r++)
        for (size_t i = 0; i < in; i++) {
            double sum = 0;
            for (size_t o = 0; o < out; o++)
                sum += (double)w[o * in + i] * g[r * out + o];
            next[r * in + i] =
                (REAL)sum * T(prismi_ref_act_derivative)(d->act[l - 1], n->z[l][r * in + i]);
        }
    for (size_t o = 0; o < out; o++) {
        double bias = 0;
        for (size_t r = 0; r < batch; r++)
            bias += g[r * out + o];
        for (size_t i = 0; i < in; i++) {
            double sum = 0;
            for (size_t r = 0; r < batch; r++)
                sum += (double)g[r * out + o] * n->a[l][r * in + i];
            T(dense_adam)(d, args, d->w[l] + o * in + i, sum, step);
        }
        T(dense_adam)(d, args, d->b[l] + o, bias, step);
    }
}

static void T(dense_step)(const struct prism_dense_fit_desc *d,
                          const struct prism_dense_fit_args *args, const struct T(dense) * n,
                          size_t s)
{
    size_t in = (size_t)d->width[0], out = (size_t)d->width[d->layers], batch = (size_t)d->batch;
    const int32_t *index = (const int32_t *)(void *)args->index + s * batch;
    const REAL *weight = (REAL *)(void *)args->weight + s * batch, *x = (void *)args->x,
               *t = (void *)args->t;
    double loss = 0;

    for (size_t r = 0; r < batch; r++)
        for (size_t i = 0; i < in; i++)
            n->a[0][r * in + i] = x[(size_t)index[r] * in + i];
    T(dense_forward)(d, n, (void *)args->p);
    for (size_t r = 0; r < batch; r++)
        for (size_t o = 0; o < out; o++) {
            size_t at = r * out + o;
            REAL e = n->a[d->layers][at] - t[(size_t)index[r] * out + o];
            loss += (double)weight[r] * e * e / (double)out;
            n->g[0][at] = 2 * weight[r] / (REAL)out * e *
                          T(prismi_ref_act_derivative)(d->act[d->layers - 1], n->z[d->layers][at]);
        }
    ((REAL *)(void *)args->loss)[s] = (REAL)loss;
    for (int l = d->layers - 1, k = 0; l >= 0; l--, k = !k)
        T(dense_backward)(d, args, l, n, n->g[k], n->g[!k], (REAL *)(void *)args->step + 3 * s);
}

static void T(dense_fit)(const struct prism_dense_fit_desc *d, const struct prism_dense_fit_args *a)
{
    const struct T(dense) n = T(dense_lay_out)(d, (void *)a->tmp);

    for (size_t s = 0; s < d->steps; s++)
        T(dense_step)(d, a, &n, s);
}
