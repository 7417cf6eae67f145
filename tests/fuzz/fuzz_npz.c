/* Files of measurements: archives of arrays. */
#include "data/source.h"
#include "fuzz.h"

int fuzz_one(const uint8_t *data, size_t bytes)
{
    struct prismi_stack s;
    int status = fuzz_status(prismi_stack_load(fuzz_ctx(), fuzz_file(data, bytes), &s));
    FUZZ_CHECK(!status == (s.amplitudes != NULL));
    if (status)
        return status;
    FUZZ_CHECK(s.frames.n > 0 && s.frames.h > 0 && s.frames.w > 0);
    for (size_t i = 0; i < (size_t)s.frames.n * (size_t)s.frames.h * (size_t)s.frames.w; i++)
        FUZZ_CHECK(s.amplitudes[i] >= 0);
    for (int i = 0; i < 2 * s.frames.n; i++)
        FUZZ_CHECK(s.frames.centres[i] - s.frames.centres[i] == 0);
    for (int i = 0; i < PRISMI_DATA_NUMBERS; i++)
        FUZZ_CHECK(!s.frames.known[i] || s.frames.number[i] >= 0);
    prismi_stack_release(&s);
    return status;
}
