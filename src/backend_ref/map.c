/* Reference backend: elementwise operations. */
#include "ref.h"

#include <tgmath.h> /* sqrt of a float is a float's */

#define TMPL "map_tmpl.h"
#include "both.h"

int prismi_ref_map(struct prism_dev *dev, enum prism_map op, enum prism_dtype dtype, size_t rows, size_t cols,
                   const struct prism_map_args *args)
{
    (void)dev;
    REF_CALL(dtype, map, op, rows, cols, args);
    return 0;
}
