/* Normalisation with activation, per stored type: ELEM in memory, REAL in arithmetic and in the parameters, LOAD and STORE between
 * them, T(name), ACT(name) the activation's functions. */

static void T(norm_fwd)(const struct prism_norm_desc *d, const struct prism_norm_args *a)
{
    const ELEM *x = (const void *)a->x;
    const REAL *gamma = (const void *)a->gamma, *beta = (const void *)a->beta;
    ELEM *y = (void *)a->y;
    REAL *mean = (void *)a->stats, *var = mean + d->rows, *rstd = var + d->rows;

    for (size_t r = 0; r < d->rows; r++, x += d->cols, y += d->cols) {
        double sum = 0, square = 0;
        for (size_t c = 0; c < d->cols; c++)
            sum += LOAD(x[c]);
        mean[r] = (REAL)(sum / (double)d->cols);
        for (size_t c = 0; c < d->cols; c++)
            square += ((double)LOAD(x[c]) - mean[r]) * ((double)LOAD(x[c]) - mean[r]);
        var[r] = (REAL)(square / (double)d->cols);
        rstd[r] = (REAL)(1 / sqrt((double)(var[r] + (REAL)d->eps)));
        for (size_t c = 0; c < d->cols; c++)
            y[c] = STORE(ACT(act)(d->act, (LOAD(x[c]) - mean[r]) * rstd[r] * gamma[r] + beta[r]));
    }
}

static void T(norm_bwd)(const struct prism_norm_desc *d, const struct prism_norm_args *a)
{
    const ELEM *x = (const void *)a->x, *gy = (const void *)a->gy;
    const REAL *mean = (const void *)a->stats, *rstd = mean + 2 * d->rows;
    const REAL *gamma = (const void *)a->gamma, *beta = (const void *)a->beta;
    ELEM *gx = (void *)a->gx;
    REAL *ggamma = (void *)a->ggamma, *gbeta = (void *)a->gbeta, n = (REAL)d->cols;

    for (size_t r = 0; r < d->rows; r++, x += d->cols, gy += d->cols, gx += d->cols) {
        double sum = 0, dot = 0;
        for (int pass = 0; pass < 2; pass++) {
            for (size_t c = 0; c < d->cols; c++) {
                REAL xhat = (LOAD(x[c]) - mean[r]) * rstd[r];
                REAL g = LOAD(gy[c]) * ACT(act_derivative)(d->act, xhat * gamma[r] + beta[r]);
                if (pass == 0) {
                    sum += g;
                    dot += (double)g * xhat;
                } else {
                    gx[c] = STORE(gamma[r] * rstd[r] * (g - (gbeta[r] + xhat * ggamma[r]) / n));
                }
            }
            gbeta[r] = (REAL)sum;
            ggamma[r] = (REAL)dot;
        }
    }
}
