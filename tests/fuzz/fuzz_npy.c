/* NumPy arrays, with and without the phase of complex ones. */
#include "fuzz.h"
#include "prismrec/image.h"

static int read_array(const char *path, bool keep_phase, size_t *count)
{
    int nd;
    size_t shape[8];
    bool is_complex = false;
    double *data;
    int status = fuzz_status(
        prism_npy_read(fuzz_ctx(), path, &nd, shape, keep_phase ? &is_complex : NULL, &data));
    if (status) {
        FUZZ_CHECK(!data);
        return status;
    }
    FUZZ_CHECK(nd >= 0 && nd <= 8);
    *count = 1;
    for (int i = 0; i < nd; i++)
        *count *= shape[i];
    double sum = 0;
    for (size_t i = 0; i < *count << is_complex; i++) /* every element can be read */
        sum += data[i];
    volatile double sink = sum;
    (void)sink;
    free(data);
    return 0;
}

int fuzz_one(const uint8_t *data, size_t bytes)
{
    const char *path = fuzz_file(data, bytes);
    size_t with = 0, without = 0;
    int status = read_array(path, true, &with);
    FUZZ_CHECK(read_array(path, false, &without) == status && with == without);
    return status;
}
