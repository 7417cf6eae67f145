/* Register tiles for one instruction set. The including file defines TARGET,
 * the function attribute; LANES, the elements of a vector; T(name), a symbol of
 * this instruction set; TILE, the largest number of rows of a tile (a power of
 * two); and ACC, the number of accumulators, which is enough to hide the
 * latency of a fused multiply-add. A tile of fewer rows takes more vectors
 * instead. Each tile shape is unrolled from constants. */

typedef real T(vec)
    __attribute__((vector_size(sizeof(real) * LANES), aligned(sizeof(real)), may_alias));

/* ---- rows ---- */

TARGET CPU_INLINE void T(store)(real *y, const T(vec) * acc, int nv, size_t n, bool add)
{
    if (n >= (size_t)nv * LANES) {
        T(vec) *out = (T(vec) *)y;
        for (int v = 0; v < nv; v++) {
            if (add)
                out[v] += acc[v];
            else
                out[v] = acc[v];
        }
        return;
    }
    real sum[8 * LANES];
    memcpy(sum, acc, (size_t)nv * LANES * sizeof *sum);
    for (size_t j = 0; j < n; j++)
        y[j] = add ? y[j] + sum[j] : sum[j];
}

/* One tile of m rows and nv vectors; n columns of it exist. */
TARGET CPU_INLINE void T(rows_tile)(int m, int nv, int nt, size_t n, const real *w,
                                    const real *const *x, size_t at, real *y, size_t ldy, bool add)
{
    T(vec) acc[8][8];

    for (int a = 0; a < m; a++)
        for (int v = 0; v < nv; v++)
            acc[a][v] = (T(vec)){0};
    for (int t = 0; t < nt; t++, w += m) {
        const T(vec) *xt = (const T(vec) *)(x[t] + at);
        T(vec) keep[8]; /* the shorter side of the tile stays in registers */
        for (int v = 0; v < nv && nv <= m; v++)
            keep[v] = xt[v];
        for (int a = 0; a < m && nv > m; a++)
            keep[a] = w[a] - (T(vec)){0};
        for (int a = 0; a < m && nv <= m; a++)
            for (int v = 0; v < nv; v++)
                acc[a][v] += w[a] * keep[v];
        for (int v = 0; v < nv && nv > m; v++) {
            T(vec) xv = xt[v];
            KEEP(xv);
            for (int a = 0; a < m; a++)
                acc[a][v] += keep[a] * xv;
        }
    }
    for (int a = 0; a < m; a++)
        T(store)(y + (size_t)a * ldy, acc[a], nv, n, add);
}

#define CASE(nv)                                                                                   \
    case nv:                                                                                       \
        if (nv <= max)                                                                             \
            T(rows_tile)(m, nv, nt, n - j, wa, x, at + j, ya + j, ldy, add);                       \
        break;

/* `count` tiles of m rows; m is a constant where this is inlined. The vectors
 * of a row are dealt evenly to the steps. */
TARGET CPU_INLINE void T(rows_of)(int m, int count, int nt, size_t n, const real *w,
                                  const real *const *x, size_t at, real *y, size_t ldy, bool add)
{
    const int max = ACC / m < 8 ? ACC / m : 8;
    int left = (int)((n + LANES - 1) / LANES), steps = (left + max - 1) / max;

    for (size_t j = 0; steps > 0; steps--) {
        const int nv = (left + steps - 1) / steps;
        for (int i = 0; i < count; i++) { /* x stays in the first-level cache for all tiles */
            const real *wa = w + (size_t)(i * m) * (size_t)nt;
            real *ya = y + (size_t)(i * m) * ldy;
            switch (nv) {
                CASE(1)
                CASE(2)
                CASE(3)
                CASE(4)
                CASE(5)
                CASE(6)
                CASE(7)
                CASE(8)
            }
        }
        j += (size_t)nv * LANES;
        left -= nv;
    }
}
#undef CASE

TARGET static void T(rows)(int m, int nt, size_t n, const real *w, const real *const *x, size_t at,
                           real *y, size_t ldy, bool add)
{
    int a = m / TILE * TILE;

    T(rows_of)(TILE, m / TILE, nt, n, w, x, at, y, ldy, add);
    for (int left = m - a, half; left > 0; a += half, left -= half) {
        half = prismi_cpu_tile(TILE / 2, left);
        if (half == 4)
            T(rows_of)(4, 1, nt, n, w + a * nt, x, at, y + (size_t)a * ldy, ldy, add);
        else if (half == 2)
            T(rows_of)(2, 1, nt, n, w + a * nt, x, at, y + (size_t)a * ldy, ldy, add);
        else
            T(rows_of)(1, 1, nt, n, w + a * nt, x, at, y + (size_t)a * ldy, ldy, add);
    }
}

/* ---- dot products ---- */

/* Adds neighbouring runs of `run` lanes: the sums of a's runs, then those of
 * b's. */
TARGET CPU_INLINE T(vec) T(fold)(T(vec) a, T(vec) b, int run)
{
#if LANES == 16
    if (run == 8)
        return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22,
                                       23) +
               __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29,
                                       30, 31);
    if (run == 4)
        return __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26,
                                       27) +
               __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30,
                                       31);
    if (run == 2)
        return __builtin_shufflevector(a, b, 0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28,
                                       29) +
               __builtin_shufflevector(a, b, 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30,
                                       31);
    return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28,
                                   30) +
           __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
#elif LANES == 8
    if (run == 4)
        return __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11) +
               __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
    if (run == 2)
        return __builtin_shufflevector(a, b, 0, 1, 4, 5, 8, 9, 12, 13) +
               __builtin_shufflevector(a, b, 2, 3, 6, 7, 10, 11, 14, 15);
    return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14) +
           __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
#elif LANES == 4
    if (run == 2)
        return __builtin_shufflevector(a, b, 0, 1, 4, 5) +
               __builtin_shufflevector(a, b, 2, 3, 6, 7);
    return __builtin_shufflevector(a, b, 0, 2, 4, 6) + __builtin_shufflevector(a, b, 1, 3, 5, 7);
#else
    (void)run;
    return __builtin_shufflevector(a, b, 0, 2) + __builtin_shufflevector(a, b, 1, 3);
#endif
}

/* Returns a vector whose lane i < n is the sum of the lanes of v[i]. n is a
 * power of two up to LANES; v is overwritten. */
TARGET CPU_INLINE T(vec) T(sums)(T(vec) * v, int n)
{
    for (int run = LANES / 2; run > 0; run /= 2) {
        for (int i = 0; i < (n + 1) / 2; i++)
            v[i] = T(fold)(v[2 * i], v[2 * i + (n > 1)], run);
        n = (n + 1) / 2;
    }
    return v[0];
}

TARGET CPU_INLINE void T(dots_tile)(int m, int nt, int rows, size_t n, real *g, size_t ldg,
                                    const real *y, size_t dy, size_t ldy, const real *const *x,
                                    size_t at, size_t ldx)
{
    T(vec) acc[4 * 8];

    for (int i = 0; i < m * nt; i++)
        acc[i] = (T(vec)){0};
    for (int r = 0; r < rows; r++, y += ldy, at += ldx) {
        for (size_t j = 0; j < n; j += LANES) {
            T(vec) ya[4];
            for (int a = 0; a < m; a++)
                ya[a] = *(const T(vec) *)(y + (size_t)a * dy + j);
            for (int t = 0; t < nt; t++) {
                T(vec) xt = *(const T(vec) *)(x[t] + at + j);
                KEEP(xt);
                for (int a = 0; a < m; a++)
                    acc[a * nt + t] += ya[a] * xt;
            }
        }
    }
    real sum[4 * 8 + LANES];
    for (int i = 0, some; i < m * nt; i += some) {
        some = prismi_cpu_tile(LANES, m * nt - i);
        *(T(vec) *)(sum + i) = T(sums)(acc + i, some);
    }
    for (int a = 0; a < m; a++)
        for (int t = 0; t < nt; t++)
            g[(size_t)a * ldg + (size_t)t] += sum[a * nt + t];
}

#define CASE(now)                                                                                  \
    case now:                                                                                      \
        if (now <= max)                                                                            \
            T(dots_tile)(m, now, rows, n, g + t, ldg, y, dy, ldy, x + t, at, ldx);                 \
        break;

/* m rows of g; m is a constant where this is inlined. */
TARGET CPU_INLINE void T(dots_of)(int m, int nt, int rows, size_t n, real *g, size_t ldg,
                                  const real *y, size_t dy, size_t ldy, const real *const *x,
                                  size_t at, size_t ldx)
{
    const int max = ACC / m < 8 ? ACC / m : 8;

    for (int t = 0, steps = (nt + max - 1) / max; steps > 0; steps--) {
        const int now = (nt - t + steps - 1) / steps;
        switch (now) {
            CASE(1)
            CASE(2)
            CASE(3)
            CASE(4)
            CASE(5)
            CASE(6)
            CASE(7)
            CASE(8)
        }
        t += now;
    }
}
#undef CASE

TARGET static void T(dots)(int m, int nt, int rows, size_t n, real *g, size_t ldg, const real *y,
                           size_t dy, size_t ldy, const real *const *x, size_t at, size_t ldx)
{
    for (int tile; m > 0; m -= tile, g += (size_t)tile * ldg, y += (size_t)tile * dy) {
        tile = prismi_cpu_tile(4, m);
        if (tile == 4)
            T(dots_of)(4, nt, rows, n, g, ldg, y, dy, ldy, x, at, ldx);
        else if (tile == 2)
            T(dots_of)(2, nt, rows, n, g, ldg, y, dy, ldy, x, at, ldx);
        else
            T(dots_of)(1, nt, rows, n, g, ldg, y, dy, ldy, x, at, ldx);
    }
}

/* ---- dense products ---- */

/* Packs alpha op(A) into the layout of weights that rows() reads, [k][m]. */
TARGET CPU_INLINE void T(pack_tile)(real *out, const real *a, int m, int k, size_t lda, bool ta,
                                    real alpha)
{
    int t = 0;

    for (; !ta && m % 4 == 0 && t + 4 <= k; t += 4, out += 4 * m)
        for (int i = 0; i < m; i += 4)
            transpose4(out + i, (size_t)m, a + (size_t)i * lda + t, lda, alpha);
    for (; !ta && t < k; t++, out += m)
        for (int i = 0; i < m; i++)
            out[i] = alpha * a[(size_t)i * lda + (size_t)t];
    for (; t < k; t++, out += m)
        for (int i = 0; i < m; i++)
            out[i] = alpha * a[(size_t)t * lda + (size_t)i];
}

TARGET static void T(pack)(real *out, const real *a, int m, int k, size_t lda, bool ta, real alpha)
{
    for (int tile; m > 0; m -= tile, a += ta ? (size_t)tile : (size_t)tile * lda, out += tile * k) {
        tile = prismi_cpu_tile(TILE, m);
        if (tile == TILE)
            T(pack_tile)(out, a, TILE, k, lda, ta, alpha);
        else
            T(pack_tile)(out, a, tile, k, lda, ta, alpha);
    }
}

/* Copies rows of op(B) [k,n], padded with zeros to whole vectors. */
TARGET static void T(pack_b)(real *out, size_t ld, const real *b, int k, size_t n, size_t ldb,
                             bool tb)
{
    const size_t width = (n + LANES - 1) / LANES * LANES;
    int t = 0;

    for (; tb && t + 4 <= k; t += 4) {
        size_t j = 0;
        for (; j + 4 <= n; j += 4)
            transpose4(out + (size_t)t * ld + j, ld, b + j * ldb + (size_t)t, ldb, 1);
        for (; j < n; j++)
            for (int i = t; i < t + 4; i++)
                out[(size_t)i * ld + j] = b[j * ldb + (size_t)i];
    }
    for (; tb && t < k; t++)
        for (size_t j = 0; j < n; j++)
            out[(size_t)t * ld + j] = b[j * ldb + (size_t)t];
    for (; t < k; t++) {
        real *o = out + (size_t)t * ld;
        const real *in = b + (size_t)t * ldb;
        size_t j = 0;
        for (; j + LANES <= n; j += LANES)
            *(T(vec) *)(o + j) = *(const T(vec) *)(in + j);
        for (; j < n; j++)
            o[j] = in[j];
    }
    for (t = 0; t < k && n < width; t++)
        memset(out + (size_t)t * ld + n, 0, (width - n) * sizeof *out);
}

/* A B^T for long rows: both matrices are read where they lie, and C gets sums
 * of dot products. */
TARGET static void T(product_dots)(const struct prismi_cpu_gemm *g)
{
    enum { DEPTH = 1024, COLS = 256 }; /* a tile of A's rows stays in the first-level cache */
    const real *row[COLS];

    for (int i = 0; i < g->m && g->beta == 0; i++)
        memset(g->c + (size_t)i * g->ldc, 0, (size_t)g->n * sizeof *g->c);
    for (int j = 0; j < g->n; j += COLS) {
        const int n = g->n - j < COLS ? g->n - j : COLS;
        for (int i = 0; i < n; i++)
            row[i] = g->b + (size_t)(j + i) * g->ldb;
        for (int i = 0; i < g->m; i += 4) {
            const int m = g->m - i < 4 ? g->m - i : 4;
            const real *a = g->a + (size_t)i * g->lda;
            real *c = g->c + (size_t)i * g->ldc + j;
            for (int t = 0; t < g->k; t += DEPTH) {
                const size_t k = (size_t)(g->k - t < DEPTH ? g->k - t : DEPTH);
                T(dots)(m, n, 1, k, c, g->ldc, a + t, g->lda, 0, row, (size_t)t, 0);
            }
        }
    }
}

TARGET static void T(product)(const struct prismi_cpu_gemm *g)
{
    enum {
        DEPTH = 192,
        ROWS = 64,
        COLS = 48,
        PANEL = DEPTH * COLS
    }; /* a panel of B stays in the first-level cache */
    real a[DEPTH * ROWS] __attribute__((aligned(64))), b[PANEL] __attribute__((aligned(64)));
    const real *row[DEPTH];
    /* with few rows of A, little is done per element of B, so B is read in
     * longer runs */
    const int cols = g->m > 32 ? COLS : DEPTH, depth = PANEL / cols;

    if (!g->ta && g->tb && g->k >= 256 && g->k % LANES == 0 && g->alpha == 1 &&
        (g->beta == 0 || g->beta == 1)) {
        T(product_dots)(g);
        return;
    }
    for (int i = 0; i < g->m && g->beta != 0 && g->beta != 1; i++)
        for (int j = 0; j < g->n; j++)
            g->c[(size_t)i * g->ldc + (size_t)j] *= g->beta;
    for (int t = 0; t < depth; t++)
        row[t] = b + t * cols;
    for (int t = 0; t < g->k; t += depth) {
        const int k = g->k - t < depth ? g->k - t : depth;
        for (int i = 0; i < g->m; i += ROWS) {
            const int m = g->m - i < ROWS ? g->m - i : ROWS;
            const real *from =
                g->a + (g->ta ? (size_t)t * g->lda + (size_t)i : (size_t)i * g->lda + (size_t)t);
            T(pack)(a, from, m, k, g->lda, g->ta, g->alpha);
            for (int j = 0; j < g->n; j += cols) {
                const size_t n = (size_t)(g->n - j < cols ? g->n - j : cols);
                const real *at = g->b + (g->tb ? (size_t)j * g->ldb + (size_t)t
                                               : (size_t)t * g->ldb + (size_t)j);
                T(pack_b)(b, (size_t)cols, at, k, n, g->ldb, g->tb);
                T(rows)
                (m, k, n, a, row, 0, g->c + (size_t)i * g->ldc + j, g->ldc, t > 0 || g->beta != 0);
            }
        }
    }
}

static const struct prismi_cpu_tiles T(tiles) = {TILE, T(rows), T(dots), T(pack), T(product)};

#undef T
#undef TARGET
#undef LANES
#undef TILE
#undef ACC
