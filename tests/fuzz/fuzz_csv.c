/* Sampling points from a text file. */
#include "fuzz.h"
#include "prismrec/optics.h"

#include <math.h>

int fuzz_one(const uint8_t *data, size_t bytes)
{
    const struct prism_pattern_params params = {.kind = PRISM_PATTERN_CSV,
                                                .csv_path = fuzz_file(data, bytes)};
    double *yx;
    int n, status = fuzz_status(prism_pattern_create(fuzz_ctx(), &params, &yx, &n));
    if (status) {
        FUZZ_CHECK(!yx && !n);
        return status;
    }
    FUZZ_CHECK(n >= 1);
    for (int i = 0; i < 2 * n; i++)
        FUZZ_CHECK(fabs(yx[i]) <= 1e6);
    free(yx);
    return 0;
}
