static void T(gemm)(const struct prism_gemm_desc *d, REAL *restrict c, const REAL *restrict a,
                    const REAL *restrict b)
{
    size_t m = (size_t)d->m, n = (size_t)d->n, k = (size_t)d->k;
    REAL alpha = (REAL)d->alpha, beta = (REAL)d->beta;

    for (size_t i = 0; i < m; i++, c += n) {
        for (size_t j = 0; j < n; j++) /* with beta = 0, C may hold NaN */
            c[j] = beta == 0 ? 0 : beta * c[j];
        if (d->tb) {
            for (size_t j = 0; j < n; j++) {
                double sum = 0;
                for (size_t p = 0; p < k; p++)
                    sum += (double)(d->ta ? a[p * m + i] : a[i * k + p]) * b[j * k + p];
                c[j] += alpha * (REAL)sum;
            }
            continue;
        }
        for (size_t p = 0; p < k; p++) {
            REAL scaled = alpha * (d->ta ? a[p * m + i] : a[i * k + p]);
            for (size_t j = 0; j < n; j++)
                c[j] += scaled * b[p * n + j];
        }
    }
}
