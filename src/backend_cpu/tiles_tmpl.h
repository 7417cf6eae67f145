/* Register tiles for one instruction set: TARGET (attribute), LANES floats to a vector, T(name). Eight accumulators hide the
 * latency of a fused multiply-add; each tile shape is unrolled from constants. */

typedef float T(vec) __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

TARGET CPU_INLINE void T(rows_tile)(int m, int nv, int nt, size_t j, size_t n, const float *w, const float *const *x,
                                    float *const *y)
{
    T(vec) acc[4][8];

    for (int a = 0; a < m; a++)
        for (int v = 0; v < nv; v++)
            acc[a][v] = (T(vec)){0};
    for (int t = 0; t < nt; t++) {
        const T(vec) *xt = (const T(vec) *)(x[t] + j);
        for (int a = 0; a < m; a++) {
            const float wa = w[a * nt + t];
            for (int v = 0; v < nv; v++)
                acc[a][v] += wa * xt[v];
        }
    }
    size_t left = n - j, full = (size_t)nv * LANES;
    for (int a = 0; a < m; a++) {
        if (left >= full)
            memcpy(y[a] + j, acc[a], full * sizeof(float));
        else
            memcpy(y[a] + j, acc[a], left * sizeof(float));
    }
}

TARGET static void T(rows)(int m, int nt, size_t n, const float *w, const float *const *x, float *const *y)
{
    for (size_t j = 0; m == 1 && j < n; j += 8 * LANES)
        T(rows_tile)(1, 8, nt, j, n, w, x, y);
    for (size_t j = 0; m == 2 && j < n; j += 4 * LANES)
        T(rows_tile)(2, 4, nt, j, n, w, x, y);
    if (m <= 2)
        return;
    for (size_t j = 0; j < n; j += 2 * LANES) { /* x stays in the first-level cache for all of m */
        int a = 0;
        for (; a + 4 <= m; a += 4)
            T(rows_tile)(4, 2, nt, j, n, w + a * nt, x, y + a);
        for (; a + 2 <= m; a += 2)
            T(rows_tile)(2, 2, nt, j, n, w + a * nt, x, y + a);
        if (a < m)
            T(rows_tile)(1, 2, nt, j, n, w + a * nt, x, y + a);
    }
}

TARGET CPU_INLINE float T(sum)(T(vec) v)
{
#if LANES == 16
    v += __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
    v += __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
    v += __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
    v += __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
#elif LANES == 8
    v += __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3);
    v += __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5);
    v += __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6);
#else
    v += __builtin_shufflevector(v, v, 2, 3, 0, 1);
    v += __builtin_shufflevector(v, v, 1, 0, 3, 2);
#endif
    return v[0];
}

TARGET CPU_INLINE void T(dots_tile)(int m, int mt, int nt, int rows, size_t n, float *g, const float *y, size_t dy, size_t ldy,
                                    const float *const *x, size_t ldx)
{
    T(vec) acc[4][8];

    for (int a = 0; a < m; a++)
        for (int t = 0; t < mt; t++)
            acc[a][t] = (T(vec)){0};
    for (int r = 0; r < rows; r++) {
        for (size_t j = 0; j < n; j += LANES) {
            T(vec) ya[4];
            for (int a = 0; a < m; a++)
                ya[a] = *(const T(vec) *)(y + a * dy + r * ldy + j);
            for (int t = 0; t < mt; t++) {
                const T(vec) xt = *(const T(vec) *)(x[t] + r * ldx + j);
                for (int a = 0; a < m; a++)
                    acc[a][t] += ya[a] * xt;
            }
        }
    }
    for (int a = 0; a < m; a++)
        for (int t = 0; t < mt; t++)
            g[a * nt + t] += T(sum)(acc[a][t]);
}

/* Rows a..a+m of the result, m a constant: eight accumulators. */
TARGET CPU_INLINE void T(dots_rows)(int m, int nt, int rows, size_t n, float *g, const float *y, size_t dy, size_t ldy,
                                    const float *const *x, size_t ldx)
{
    const int mt = 8 / m;
    int t = 0;

    for (; t + mt <= nt; t += mt)
        T(dots_tile)(m, mt, nt, rows, n, g + t, y, dy, ldy, x + t, ldx);
    for (; t < nt; t++)
        T(dots_tile)(m, 1, nt, rows, n, g + t, y, dy, ldy, x + t, ldx);
}

TARGET static void T(dots)(int m, int nt, int rows, size_t n, float *g, const float *y, size_t dy, size_t ldy,
                           const float *const *x, size_t ldx)
{
    int a = 0;

    for (; a + 4 <= m; a += 4)
        T(dots_rows)(4, nt, rows, n, g + a * nt, y + a * dy, dy, ldy, x, ldx);
    for (; a + 2 <= m; a += 2)
        T(dots_rows)(2, nt, rows, n, g + a * nt, y + a * dy, dy, ldy, x, ldx);
    if (a < m)
        T(dots_rows)(1, nt, rows, n, g + a * nt, y + a * dy, dy, ldy, x, ldx);
}

/* One register tile of C: m rows, nv vectors of columns of which n exist. a[i row + t step] */
TARGET CPU_INLINE void T(product_tile)(int m, int nv, const struct prismi_cpu_gemm *g, int k, const float *a, size_t row,
                                       size_t step, const float *panel, float *c, size_t n, float beta)
{
    T(vec) acc[8][2];

    for (int i = 0; i < m; i++)
        for (int v = 0; v < nv; v++)
            acc[i][v] = (T(vec)){0};
    for (int t = 0; t < k; t++) {
        const T(vec) *bt = (const T(vec) *)(panel + t * nv * LANES);
        for (int i = 0; i < m; i++) {
            const float at = a[i * row + t * step];
            for (int v = 0; v < nv; v++)
                acc[i][v] += at * bt[v];
        }
    }
    for (int i = 0; i < m; i++, c += g->ldc) {
        float sum[2 * LANES];
        memcpy(sum, acc[i], (size_t)nv * LANES * sizeof *sum);
        for (size_t j = 0; j < n; j++)
            c[j] = beta == 0 ? g->alpha * sum[j] : g->alpha * sum[j] + beta * c[j];
    }
}

/* A column of tiles: all of m, one panel. */
TARGET static void T(product_panel)(int m, const struct prismi_cpu_gemm *g, int k, const float *a, size_t row, size_t step,
                                    const float *panel, size_t width, float *c, size_t n, float beta)
{
    int i = 0;

    if (width == LANES) {
        for (; i + 8 <= m; i += 8)
            T(product_tile)(8, 1, g, k, a + i * row, row, step, panel, c + i * g->ldc, n, beta);
        for (; i < m; i++)
            T(product_tile)(1, 1, g, k, a + i * row, row, step, panel, c + i * g->ldc, n, beta);
    } else {
        for (; i + 4 <= m; i += 4)
            T(product_tile)(4, 2, g, k, a + i * row, row, step, panel, c + i * g->ldc, n, beta);
        for (; i < m; i++)
            T(product_tile)(1, 2, g, k, a + i * row, row, step, panel, c + i * g->ldc, n, beta);
    }
}

/* Rows of op(B) [k, n], zero-filled to the panel's width. */
TARGET static void T(pack)(float *panel, const struct prismi_cpu_gemm *g, const float *b, int k, size_t n, size_t width)
{
    for (size_t t = 0; t < (size_t)k; t++)
        for (size_t j = 0; j < width; j++)
            panel[t * width + j] = j >= n ? 0.f : g->tb ? b[j * g->ldb + t] : b[t * g->ldb + j];
}

TARGET static void T(product)(const struct prismi_cpu_gemm *g)
{
    enum { DEPTH = 192, ROWS = 64 }; /* a panel stays in the first-level cache; transposed A is copied, its rows being far apart */
    float panel[DEPTH * 2 * LANES] __attribute__((aligned(64))), copy[DEPTH * ROWS];
    const size_t width = g->n <= LANES ? LANES : 2 * LANES, n = (size_t)g->n;
    const int rows = g->ta ? ROWS : g->m;

    for (int t = 0; t < g->k; t += DEPTH) {
        const int k = g->k - t < DEPTH ? g->k - t : DEPTH;
        for (int i = 0; i < g->m; i += rows) {
            const int m = g->m - i < rows ? g->m - i : rows;
            const float *a = g->a + (g->ta ? t * g->lda + (size_t)i : i * g->lda + (size_t)t);
            for (int d = 0; g->ta && d < k; d++)
                memcpy(copy + d * ROWS, a + d * g->lda, (size_t)m * sizeof *copy);
            for (size_t j = 0; j < n; j += width) {
                const size_t left = n - j < width ? n - j : width;
                T(pack)(panel, g, g->b + (g->tb ? j * g->ldb + (size_t)t : t * g->ldb + j), k, left, width);
                T(product_panel)
                (m, g, k, g->ta ? copy : a, g->ta ? 1 : g->lda, g->ta ? ROWS : 1, panel, width, g->c + i * g->ldc + j, left,
                 t ? 1.f : g->beta);
            }
        }
    }
}

#undef T
#undef TARGET
#undef LANES
