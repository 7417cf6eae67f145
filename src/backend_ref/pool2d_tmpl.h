static REAL T(pool_mean)(const struct prism_pool_desc *d, const struct span *s, const REAL *x)
{
    double sum = 0;

    for (int i = s->i0; i < s->i1; i++)
        for (int j = s->j0; j < s->j1; j++)
            sum += x[(size_t)i * d->w + j];
    return (REAL)(sum / ((s->i1 - s->i0) * (s->j1 - s->j0)));
}

static int32_t T(pool_largest)(const struct prism_pool_desc *d, const struct span *s, const REAL *x)
{
    int32_t best = s->i0 * d->w + s->j0;

    for (int i = s->i0; i < s->i1; i++)
        for (int j = s->j0; j < s->j1; j++) {
            int32_t at = i * d->w + j;
            if (x[at] > x[best] || (isnan(x[at]) && !isnan(x[best])))
                best = at;
        }
    return best;
}

static void T(pool_fwd)(const struct prism_pool_desc *d, REAL *y, int32_t *index, const REAL *x)
{
    int oh = prism_pool_out(d, d->h), ow = prism_pool_out(d, d->w);

    for (int p = 0; p < d->planes; p++, x += (size_t)d->h * d->w)
        for (int oy = 0; oy < oh; oy++)
            for (int ox = 0; ox < ow; ox++, y++) {
                struct span s = window_span(d, oy, ox);
                if (d->kind == PRISM_POOL_MEAN) {
                    *y = T(pool_mean)(d, &s, x);
                    continue;
                }
                int32_t at = T(pool_largest)(d, &s, x);
                *y = x[at];
                *index++ = at;
            }
}

static void T(pool_bwd)(const struct prism_pool_desc *d, REAL *gx, const REAL *gy,
                        const int32_t *index)
{
    int oh = prism_pool_out(d, d->h), ow = prism_pool_out(d, d->w);

    memset(gx, 0, (size_t)d->planes * d->h * d->w * sizeof *gx);
    for (int p = 0; p < d->planes; p++, gx += (size_t)d->h * d->w)
        for (int oy = 0; oy < oh; oy++)
            for (int ox = 0; ox < ow; ox++, gy++) {
                struct span s = window_span(d, oy, ox);
                if (d->kind == PRISM_POOL_MAX) {
                    gx[*index++] += *gy;
                    continue;
                }
                REAL share = *gy / (REAL)((s.i1 - s.i0) * (s.j1 - s.j0));
                for (int i = s.i0; i < s.i1; i++)
                    for (int j = s.j0; j < s.j1; j++)
                        gx[(size_t)i * d->w + j] += share;
            }
}
