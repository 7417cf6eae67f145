/* Multiplies by sub-apertures, or by their adjoint: field sample (b, i', j')
 * meets one spectrum sample under pupil sample (a, i, j). Lines of both arrays
 * wrap. */
static void T(subaperture)(const struct prism_subaperture_desc *d,
                           const struct prism_subaperture_args *args, bool adjoint)
{
    const int32_t *origin = (const void *)args->origin, *index = (const void *)args->index;
    CPLX *field = (void *)args->field, *spectrum = (void *)args->spectrum;

    for (int b = 0; b < d->batch; b++, field += (size_t)d->oh * d->ow) {
        int32_t a = index[b];
        const CPLX *p = (const CPLX *)(const void *)args->pupil + (size_t)a * d->ph * d->pw;
        for (int i = 0; i < d->ph; i++) {
            CPLX *f = field + (size_t)wrap(i - d->ph / 2, d->oh) * d->ow;
            CPLX *s = spectrum + (size_t)wrap(origin[2 * a] + i, d->h) * d->w;
            int fx = wrap(-(d->pw / 2), d->ow), sx = wrap(origin[2 * a + 1], d->w);
            for (int j = 0; j < d->pw; j++, p++) {
                if (adjoint) { /* conj(pupil) field */
                    s[sx].re += p->re * f[fx].re + p->im * f[fx].im;
                    s[sx].im += p->re * f[fx].im - p->im * f[fx].re;
                } else {
                    f[fx].re = p->re * s[sx].re - p->im * s[sx].im;
                    f[fx].im = p->re * s[sx].im + p->im * s[sx].re;
                }
                fx = fx + 1 == d->ow ? 0 : fx + 1;
                sx = sx + 1 == d->w ? 0 : sx + 1;
            }
        }
    }
}

/* Blur along columns: y[i, :] = sum over t of taps[t] x[mirror(i + t - radius),
 * :] on lines of w samples; the adjoint exchanges the two indices. */
static void T(blur_y)(const struct prism_blur_desc *d, REAL *restrict y, const REAL *restrict x,
                      const REAL *taps)
{
    for (int i = 0; i < d->h; i++)
        for (int t = 0; t <= 2 * d->radius; t++) {
            int m = mirror(i + t - d->radius, d->h);
            REAL *to = y + (size_t)(d->adjoint ? m : i) * d->w;
            const REAL *from = x + (size_t)(d->adjoint ? i : m) * d->w;
            for (int j = 0; j < d->w; j++)
                to[j] += taps[t] * from[j];
        }
}

/* The same blur along one line. */
static void T(blur_x)(const struct prism_blur_desc *d, REAL *restrict y, const REAL *restrict x,
                      const REAL *taps)
{
    for (int t = 0; t <= 2 * d->radius; t++)
        for (int j = 0; j < d->w; j++) {
            int m = mirror(j + t - d->radius, d->w);
            if (d->adjoint)
                y[m] += taps[t] * x[j];
            else
                y[j] += taps[t] * x[m];
        }
}

static void T(blur)(const struct prism_blur_desc *d, REAL *y, const REAL *x, REAL *tmp,
                    const REAL *taps)
{
    size_t w = (size_t)d->w, plane = (size_t)d->h * w, n = (size_t)d->planes;

    memset(tmp, 0, n * plane * sizeof *tmp);
    memset(y, 0, n * plane * sizeof *y);
    for (size_t line = 0; line < n * (size_t)d->h; line++)
        T(blur_x)(d, tmp + line * w, x + line * w, taps);
    for (size_t p = 0; p < n; p++)
        T(blur_y)(d, y + p * plane, tmp + p * plane, taps);
}
