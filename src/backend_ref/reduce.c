/* Row reductions of the reference backend, summed in double from the first
 * element to the last. */
#include "ref.h"

#include <math.h>

#define TMPL "reduce_tmpl.h"
#include "both.h"

int prismi_ref_reduce(struct prism_dev *dev, enum prism_reduce op, enum prism_dtype dtype,
                      size_t rows, size_t cols, prism_mem y, prism_mem a, prism_mem b)
{
    (void)dev;
    REF_CALL(dtype, reduce, op, rows, cols, (void *)y, (void *)a, (void *)b);
    return 0;
}
