/* Convolution kernels of one precision. All three directions visit the same
 * products: output sample (oy, ox) of channel co meets input sample (oy stride
 * + ky - pad, ox stride + kx - pad) of channel ci under weight (co, ci, ky,
 * kx). The innermost loop runs along x, over the ox whose input sample exists.
 * The loops count planes over the whole batch: channel co of image i is plane i
 * cout + co. */

static void T(conv_fwd)(const struct prism_conv_desc *d, REAL *restrict y, const REAL *restrict x,
                        const REAL *restrict w)
{
    int oh = prism_conv_out(d, d->h), ow = prism_conv_out(d, d->w), s = d->stride;

    for (size_t plane = 0; plane < (size_t)d->n * d->cout; plane++)
        for (int oy = 0; oy < oh; oy++) {
            const size_t image = plane / d->cout, co = plane % d->cout;
            REAL *line = y + (plane * oh + oy) * ow;
            memset(line, 0, (size_t)ow * sizeof *line);
            for (int ci = 0; ci < d->cin; ci++)
                for (int ky = 0; ky < d->k; ky++) {
                    int iy = oy * s + ky - d->pad;
                    if (iy < 0 || iy >= d->h)
                        continue;
                    for (int kx = 0; kx < d->k; kx++) {
                        REAL weight = w[((co * d->cin + ci) * d->k + ky) * d->k + kx];
                        struct range r = conv_range(d, ow, kx);
                        const REAL *in = x + ((image * d->cin + ci) * d->h + iy) * d->w + r.in;
                        for (int i = 0; i < r.n; i++)
                            line[r.out + i] += weight * in[i * s];
                    }
                }
        }
}

static void T(conv_bwd_x)(const struct prism_conv_desc *d, REAL *restrict gx,
                          const REAL *restrict gy, const REAL *restrict w)
{
    int oh = prism_conv_out(d, d->h), ow = prism_conv_out(d, d->w), s = d->stride;

    memset(gx, 0, (size_t)d->n * d->cin * d->h * d->w * sizeof *gx);
    for (size_t plane = 0; plane < (size_t)d->n * d->cin; plane++)
        for (int co = 0; co < d->cout; co++)
            for (int oy = 0; oy < oh; oy++)
                for (int ky = 0; ky < d->k; ky++) {
                    int iy = oy * s + ky - d->pad;
                    if (iy < 0 || iy >= d->h)
                        continue;
                    for (int kx = 0; kx < d->k; kx++) {
                        const size_t image = plane / d->cin, ci = plane % d->cin;
                        REAL weight = w[(((size_t)co * d->cin + ci) * d->k + ky) * d->k + kx];
                        struct range r = conv_range(d, ow, kx);
                        REAL *line = gx + (plane * d->h + iy) * d->w + r.in;
                        const REAL *out = gy + ((image * d->cout + co) * oh + oy) * ow + r.out;
                        for (int i = 0; i < r.n; i++)
                            line[i * s] += weight * out[i];
                    }
                }
}

static void T(conv_bwd_w)(const struct prism_conv_desc *d, REAL *restrict gw,
                          const REAL *restrict gy, const REAL *restrict x)
{
    int oh = prism_conv_out(d, d->h), ow = prism_conv_out(d, d->w), s = d->stride;

    for (int co = 0; co < d->cout; co++)
        for (int ci = 0; ci < d->cin; ci++)
            for (int ky = 0; ky < d->k; ky++)
                for (int kx = 0; kx < d->k; kx++, gw++) {
                    struct range r = conv_range(d, ow, kx);
                    double sum = 0;
                    for (size_t row = 0; row < (size_t)d->n * oh; row++) {
                        const size_t image = row / oh, oy = row % oh;
                        int iy = (int)oy * s + ky - d->pad;
                        if (iy < 0 || iy >= d->h)
                            continue;
                        const REAL *in = x + ((image * d->cin + ci) * d->h + iy) * d->w + r.in;
                        const REAL *out = gy + ((image * d->cout + co) * oh + oy) * ow + r.out;
                        for (int i = 0; i < r.n; i++)
                            sum += (double)out[i] * in[i * s];
                    }
                    *gw = (REAL)sum;
                }
}
