/* Pictures of every format, by content. */
#include "fuzz.h"
#include "image/formats.h"

int fuzz_one(const uint8_t *data, size_t bytes)
{
    enum { SIZE = 12 };
    double object[SIZE * SIZE];
    struct prism_image img;
    int status = fuzz_status(prism_image_load(fuzz_ctx(), fuzz_file(data, bytes), &img));
    if (status) {
        FUZZ_CHECK(!img.data);
        return status;
    }
    FUZZ_CHECK(img.h >= 1 && img.h <= PRISMI_IMAGE_MAX_SIDE && img.w >= 1 &&
               img.w <= PRISMI_IMAGE_MAX_SIDE);
    FUZZ_CHECK(img.bits == 8 || img.bits == 16 || img.bits == 32 || img.bits == 64);
    bool small = (size_t)img.h * (size_t)img.w <= 1 << 20; /* scaling reads every pixel */
    if (small && !fuzz_status(prism_image_to_object(fuzz_ctx(), &img, SIZE, bytes % 2, object)))
        for (int i = 0; i < SIZE * SIZE; i++)
            FUZZ_CHECK(object[i] >= 0 && object[i] <= 1);
    free(img.data);
    return 0;
}
