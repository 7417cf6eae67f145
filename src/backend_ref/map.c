/* Elementwise operations of the reference backend. */
#include "ref.h"

#include "half.h"

#include <tgmath.h> /* so that sqrt of a float is computed in float */

/* True for operations with a complex operand. */
static const bool has_complex[PRISM_MAP_COUNT] = {
#define PRISM_MAP_ROW(NAME, name, y, x, acts) [PRISM_MAP_##NAME] = (y)[0] == 'c' || (x)[0] == 'c',
#include "prismrec/maps.def"
#undef PRISM_MAP_ROW
};

static const bool is_misfit[PRISM_MAP_COUNT] = {
#define PRISM_MISFIT_ROW(NAME, name, term, slope, zero) [PRISM_MAP_MISFIT_##NAME] = true,
#include "prismrec/misfit.def"
#undef PRISM_MISFIT_ROW
};

static size_t period_of(size_t rows, const struct prism_map_args *a)
{
    return a->period ? a->period : rows;
}

#define TMPL "map_tmpl.h"
#include "both.h"

void prismi_ref_narrow(enum prism_dtype half, size_t n, uint16_t *y, const float *x)
{
    for (size_t i = 0; i < n; i++)
        y[i] = half == PRISM_F16 ? f16_from_float(x[i]) : bf16_from_float(x[i]);
}

void prismi_ref_widen(enum prism_dtype half, size_t n, float *y, const uint16_t *x)
{
    for (size_t i = 0; i < n; i++)
        y[i] = half == PRISM_F16 ? f16_to_float(x[i]) : bf16_to_float(x[i]);
}

static void convert(enum prism_map op, enum prism_dtype half, size_t n,
                    const struct prism_map_args *a)
{
    if (op == PRISM_MAP_NARROW)
        prismi_ref_narrow(half, n, (void *)a->y[0], (const void *)a->x[0]);
    else
        prismi_ref_widen(half, n, (void *)a->y[0], (const void *)a->x[0]);
}

int prismi_ref_map(struct prism_dev *dev, enum prism_map op, enum prism_dtype dtype, size_t rows,
                   size_t cols, const struct prism_map_args *args)
{
    (void)dev;
    if (op == PRISM_MAP_NARROW || op == PRISM_MAP_WIDEN)
        convert(op, dtype, rows * cols, args);
    else
        REF_CALL(dtype, map, op, rows, cols, args);
    return 0;
}
