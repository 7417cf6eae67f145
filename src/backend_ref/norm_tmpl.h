/* Normalisation with activation, for one stored type. The including file
 * defines ELEM, the type in memory; REAL, the type of arithmetic and
 * parameters; LOAD and STORE, which convert between them; T(name), a symbol of
 * this type; and ACT(name), a function of the activations. */

/* Loop over the elements i of row r, image by image. */
#define EACH                                                                                       \
    for (size_t image = 0; image < d->n; image++)                                                  \
        for (size_t i = (image * d->rows + r) * d->cols, end = i + d->cols; i < end; i++)

static void T(norm_fwd)(const struct prism_norm_desc *d, const struct prism_norm_args *a)
{
    const ELEM *x = (const void *)a->x;
    const REAL *gamma = (const void *)a->gamma, *beta = (const void *)a->beta;
    ELEM *y = (void *)a->y;
    REAL *mean = (void *)a->stats, *var = mean + d->rows, *rstd = var + d->rows;

    const double n = (double)(d->n * d->cols);

    for (size_t r = 0; r < d->rows; r++) {
        double sum = 0, square = 0;
        EACH sum += LOAD(x[i]);
        mean[r] = (REAL)(sum / n);
        EACH square += ((double)LOAD(x[i]) - mean[r]) * ((double)LOAD(x[i]) - mean[r]);
        var[r] = (REAL)(square / n);
        rstd[r] = (REAL)(1 / sqrt((double)(var[r] + (REAL)d->eps)));
        EACH y[i] = STORE(ACT(act)(d->act, (LOAD(x[i]) - mean[r]) * rstd[r] * gamma[r] + beta[r]));
    }
}

static void T(norm_bwd)(const struct prism_norm_desc *d, const struct prism_norm_args *a)
{
    const ELEM *x = (const void *)a->x, *gy = (const void *)a->gy;
    const REAL *mean = (const void *)a->stats, *rstd = mean + 2 * d->rows;
    const REAL *gamma = (const void *)a->gamma, *beta = (const void *)a->beta;
    ELEM *gx = (void *)a->gx;
    REAL *ggamma = (void *)a->ggamma, *gbeta = (void *)a->gbeta, n = (REAL)(d->n * d->cols);

    for (size_t r = 0; r < d->rows; r++) {
        double sum = 0, dot = 0;
        for (int pass = 0; pass < 2; pass++) {
            EACH
            {
                REAL xhat = (LOAD(x[i]) - mean[r]) * rstd[r];
                REAL g = LOAD(gy[i]) * ACT(act_derivative)(d->act, xhat * gamma[r] + beta[r]);
                if (pass == 0) {
                    sum += g;
                    dot += (double)g * xhat;
                } else {
                    gx[i] = STORE(gamma[r] * rstd[r] * (g - (gbeta[r] + xhat * ggamma[r]) / n));
                }
            }
            gbeta[r] = (REAL)sum;
            ggamma[r] = (REAL)dot;
        }
    }
}

#undef EACH
