static double T(reduce_sum)(enum prism_reduce op, size_t cols, double mean, const REAL *a,
                            const REAL *b)
{
    double sum = 0;

    switch (op) {
    case PRISM_REDUCE_VAR:
        for (size_t c = 0; c < cols; c++)
            sum += (a[c] - mean) * (a[c] - mean);
        return sum / (double)cols;
    case PRISM_REDUCE_DOT:
        for (size_t c = 0; c < cols; c++)
            sum += (double)a[c] * b[c];
        return sum;
    case PRISM_REDUCE_ABSDIFF:
        for (size_t c = 0; c < cols; c++)
            sum += fabs((double)a[c] - b[c]);
        return sum;
    case PRISM_REDUCE_SQDIFF:
        for (size_t c = 0; c < cols; c++)
            sum += ((double)a[c] - b[c]) * ((double)a[c] - b[c]);
        return sum;
    default:
        for (size_t c = 0; c < cols; c++)
            sum += a[c];
        return op == PRISM_REDUCE_MEAN ? sum / (double)cols : sum;
    }
}

static REAL T(reduce_extremum)(enum prism_reduce op, size_t cols, const REAL *a)
{
    REAL best = a[0];

    for (size_t c = 1; c < cols; c++) /* once best is NaN, no comparison replaces it */
        if (isnan(a[c]) || (op == PRISM_REDUCE_MAX ? a[c] > best : a[c] < best))
            best = a[c];
    return best;
}

static void T(reduce)(enum prism_reduce op, size_t rows, size_t cols, REAL *y, const REAL *a,
                      const REAL *b)
{
    for (size_t r = 0; r < rows; r++, a += cols) {
        if (op == PRISM_REDUCE_MAX || op == PRISM_REDUCE_MIN)
            y[r] = T(reduce_extremum)(op, cols, a);
        else if (op == PRISM_REDUCE_VAR)
            y[r] = (REAL)T(reduce_sum)(op, cols, b[r], a, NULL);
        else if (op == PRISM_REDUCE_SUM || op == PRISM_REDUCE_MEAN)
            y[r] = (REAL)T(reduce_sum)(op, cols, 0, a, NULL);
        else
            y[r] = (REAL)T(reduce_sum)(op, cols, 0, a, b + r * cols);
    }
}
