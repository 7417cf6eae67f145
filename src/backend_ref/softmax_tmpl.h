/* Softmax kernels of one precision. Class c of a pixel lies c * pixels elements
 * after the pixel's class 0. */

static int32_t T(largest)(const struct prism_softmax_desc *d, const REAL *x)
{
    int32_t best = 0;

    for (int c = 1; c < d->classes; c++) {
        REAL v = x[(size_t)c * d->pixels], old = x[(size_t)best * d->pixels];
        if (v > old || (isnan(v) && !isnan(old)))
            best = c;
    }
    return best;
}

static void T(softmax_fwd)(const struct prism_softmax_desc *d, REAL *y, const REAL *x)
{
    size_t image = (size_t)d->classes * d->pixels;

    for (int n = 0; n < d->n; n++, x += image, y += image)
        for (size_t i = 0; i < d->pixels; i++) {
            double top = x[i + (size_t)T(largest)(d, x + i) * d->pixels], sum = 0;
            for (int c = 0; c < d->classes; c++)
                sum += exp(x[i + (size_t)c * d->pixels] - top);
            for (int c = 0; c < d->classes; c++)
                y[i + (size_t)c * d->pixels] =
                    (REAL)(exp(x[i + (size_t)c * d->pixels] - top) / sum);
        }
}

static void T(softmax_bwd)(const struct prism_softmax_desc *d, REAL *gx, const REAL *gy,
                           const REAL *y)
{
    size_t image = (size_t)d->classes * d->pixels;

    for (int n = 0; n < d->n; n++, gx += image, gy += image, y += image)
        for (size_t i = 0; i < d->pixels; i++) {
            double sum = 0;
            for (size_t at = i; at < image; at += d->pixels)
                sum += (double)gy[at] * y[at];
            for (size_t at = i; at < image; at += d->pixels)
                gx[at] = y[at] * (REAL)(gy[at] - sum);
        }
}

static void T(argmax)(const struct prism_softmax_desc *d, int32_t *y, const REAL *x)
{
    for (int n = 0; n < d->n; n++, x += (size_t)d->classes * d->pixels)
        for (size_t i = 0; i < d->pixels; i++)
            *y++ = T(largest)(d, x + i);
}
