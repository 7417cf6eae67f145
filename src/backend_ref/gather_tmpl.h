static void T(gather_fwd)(const struct prism_gather *g, REAL *y, const REAL *x)
{
    const struct prism_gather_desc *d = &g->desc;

    for (int p = 0; p < d->planes; p++, x += d->nx)
        for (size_t i = 0; i < d->ny; i++) {
            double sum = 0;
            for (size_t t = i * (size_t)d->k; t < (i + 1) * (size_t)d->k; t++)
                if (g->index[t] >= 0)
                    sum += (double)(REAL)g->weight[t] * x[g->index[t]];
            *y++ = (REAL)sum;
        }
}

static void T(gather_adj)(const struct prism_gather *g, REAL *gx, const REAL *gy)
{
    const struct prism_gather_desc *d = &g->desc;

    memset(gx, 0, (size_t)d->planes * d->nx * sizeof *gx);
    for (int p = 0; p < d->planes; p++, gx += d->nx)
        for (size_t i = 0; i < d->ny; i++, gy++)
            for (size_t t = i * (size_t)d->k; t < (i + 1) * (size_t)d->k; t++)
                if (g->index[t] >= 0)
                    gx[g->index[t]] += (REAL)g->weight[t] * *gy;
}

static void T(scatter_add)(const struct prism_window_desc *d, REAL *y, const REAL *x,
                           const REAL *weight)
{
    for (int p = 0; p < d->planes; p++, y += (size_t)d->hy * d->wy)
        for (int i = 0; i < d->hx; i++)
            for (int j = 0; j < d->wx; j++, x++) {
                int row = i + d->dy, col = j + d->dx;
                if (row >= 0 && row < d->hy && col >= 0 && col < d->wy)
                    y[(size_t)row * d->wy + col] += weight[i * d->wx + j] * *x;
            }
}
