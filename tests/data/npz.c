/* Measurements from ZIP archives of NPY arrays, which the test writes byte by
 * byte: values are read, wrong files are refused with a sentence. */
#include "core/internal.h"
#include "data/source.h"
#include "support/suite.h"

#include <math.h>
#include <unistd.h>

static char path[300];

/* ---- an archive, as numpy.savez writes it ---- */

struct archive {
    uint8_t data[65536], directory[4096];
    size_t bytes, directory_bytes;
    int n;
};

static void put(uint8_t *to, size_t *at, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++, v >>= 8)
        to[(*at)++] = (uint8_t)v;
}

static uint32_t crc_of(const uint8_t *p, size_t n)
{
    uint32_t c = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        for (int k = 0; k < 8; k++)
            c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
    }
    return ~c;
}

static void add_member(struct archive *a, const char *name, const uint8_t *data, size_t bytes)
{
    size_t local = a->bytes, length = strlen(name), *d = &a->directory_bytes, *b = &a->bytes;
    uint32_t crc = crc_of(data, bytes);
    put(a->data, b, 0x04034b50, 4);
    put(a->data, b, 0x2d, 2); /* version, flags, method, time, date */
    put(a->data, b, 0, 8);
    put(a->data, b, crc, 4);
    put(a->data, b, 0xffffffff, 4); /* the sizes are in an extra field, as numpy writes them */
    put(a->data, b, 0xffffffff, 4);
    put(a->data, b, length, 2);
    put(a->data, b, 20, 2);
    memcpy(a->data + *b, name, length);
    *b += length;
    put(a->data, b, 1, 2);
    put(a->data, b, 16, 2);
    put(a->data, b, bytes, 8);
    put(a->data, b, bytes, 8);
    memcpy(a->data + *b, data, bytes);
    *b += bytes;

    put(a->directory, d, 0x02014b50, 4);
    put(a->directory, d, 0, 12); /* versions, flags, method, time, date */
    put(a->directory, d, crc, 4);
    put(a->directory, d, bytes, 4);
    put(a->directory, d, bytes, 4);
    put(a->directory, d, length, 2);
    put(a->directory, d, 0, 12); /* extra, comment, disk, attributes */
    put(a->directory, d, local, 4);
    memcpy(a->directory + *d, name, length);
    *d += length;
    a->n++;
}

/* shape: as Python writes it, e.g. "(2, 2)". */
static void add_array(struct archive *a, const char *name, const char *descr, const char *shape,
                      const void *v, size_t bytes)
{
    uint8_t member[16384] = "\x93NUMPY\1\0";
    char text[128];
    snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr,
             shape);
    size_t length = strlen(text), at = 8;
    put(member, &at, length, 2);
    memcpy(member + at, text, length);
    memcpy(member + at + length, v, bytes);
    add_member(a, name, member, at + length + bytes);
}

static void write_archive(const struct archive *a)
{
    uint8_t end[22];
    size_t at = 0;
    put(end, &at, 0x06054b50, 4);
    put(end, &at, 0, 4);
    put(end, &at, (uint64_t)a->n, 2);
    put(end, &at, (uint64_t)a->n, 2);
    put(end, &at, a->directory_bytes, 4);
    put(end, &at, a->bytes, 4);
    put(end, &at, 0, 2);
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(a->data, 1, a->bytes, f) +
                          fwrite(a->directory, 1, a->directory_bytes, f) + fwrite(end, 1, 22, f),
                      a->bytes + a->directory_bytes + 22);
    fclose(f);
}

/* Two frames of 4 x 4, which hold 0, 1, 4, 9, ... */
static double squares[32];
static const double centres[4] = {0, 0, 1.5, -2};
static struct archive a;

static void setup(void)
{
    fixture_open();
    snprintf(path, sizeof path, "%s/measurements.npz", folder);
    for (int i = 0; i < 32; i++)
        squares[i] = (double)i * i;
    memset(&a, 0, sizeof a);
}

static void refused(int status, const char *words)
{
    struct prismi_stack s;
    write_archive(&a);
    expect_error(prismi_stack_load(ctx, path, &s), status, words);
    ck_assert_ptr_null(s.amplitudes);
}

START_TEST(amplitudes_and_intensities_are_read)
{
    for (int intensity = 0; intensity < 2; intensity++) {
        struct prismi_stack s;
        double grid = 16;
        float radius = 2.5f;
        memset(&a, 0, sizeof a);
        add_array(&a, intensity ? "intensities.npy" : "amplitudes.npy", "<f8", "(2, 4, 4)", squares,
                  sizeof squares);
        add_array(&a, "centres_yx.npy", "<f8", "(2, 2)", centres, sizeof centres);
        add_array(&a, "grid_size.npy", "<f8", "()", &grid, sizeof grid);
        add_array(&a, "aperture_radius_px.npy", "<f4", "(1,)", &radius, sizeof radius);
        write_archive(&a);
        ck_assert_msg(prismi_stack_load(ctx, path, &s) == 0, "%s", prism_ctx_error(ctx)->text);
        ck_assert_str_eq(s.source->name, "npz");
        ck_assert(s.frames.n == 2 && s.frames.h == 4 && s.frames.w == 4);
        ck_assert_mem_eq(s.frames.centres, centres, sizeof centres);
        for (int i = 0; i < 32; i++)
            ck_assert_float_eq(s.amplitudes[i], intensity ? i : i * i);
        ck_assert(s.frames.known[PRISMI_DATA_GRID_SIZE] && s.frames.known[PRISMI_DATA_RADIUS_PX]);
        ck_assert(!s.frames.known[PRISMI_DATA_OBJ_SIZE] &&
                  !s.frames.known[PRISMI_DATA_INNER_RADIUS_PX]);
        ck_assert_double_eq(s.frames.number[PRISMI_DATA_GRID_SIZE], 16);
        ck_assert_double_eq(s.frames.number[PRISMI_DATA_RADIUS_PX], 2.5);
        prismi_stack_release(&s);
        prismi_stack_release(&s); /* a second release does no harm */
    }
}
END_TEST

START_TEST(arrays_that_do_not_fit_are_refused)
{
    add_array(&a, "centres_yx.npy", "<f8", "(2, 2)", centres, sizeof centres);
    refused(PRISM_EPARSE, "expected one of the arrays amplitudes and intensities");
    add_array(&a, "amplitudes.npy", "<f8", "(2, 4, 4)", squares, sizeof squares);
    add_array(&a, "intensities.npy", "<f8", "(2, 4, 4)", squares, sizeof squares);
    refused(PRISM_EPARSE, "expected one of the arrays amplitudes and intensities");
    memset(&a, 0, sizeof a);
    add_array(&a, "amplitudes.npy", "<f8", "(2, 4, 4)", squares, sizeof squares);
    refused(PRISM_EPARSE, "expected an array centres_yx");
    add_array(&a, "centres_yx.npy", "<f8", "(4, 1)", centres, sizeof centres);
    refused(PRISM_EPARSE, "a row for every frame");
    add_array(&a, "centres_yx.npy", "<f8", "(2, 2)", centres, sizeof centres);
    refused(PRISM_EPARSE, "centres_yx.npy is there twice");
    memset(&a, 0, sizeof a);
    add_array(&a, "amplitudes.npy", "<f8", "(8, 4)", squares, sizeof squares);
    refused(PRISM_EPARSE, "frames have the shape [n, h, w]");
    memset(&a, 0, sizeof a);
    add_array(&a, "amplitudes.npy", "<c16", "(1, 4, 4)", squares, sizeof squares);
    refused(PRISM_EPARSE, "is complex");
    memset(&a, 0, sizeof a);
    add_array(&a, "amplitude.npy", "<f8", "(2, 4, 4)", squares, sizeof squares);
    refused(PRISM_EPARSE, "amplitude.npy: unknown array; expected amplitudes");
}
END_TEST

START_TEST(values_that_cannot_be_are_refused)
{
    double wrong[2] = {NAN, INFINITY};
    squares[17] = -1;
    add_array(&a, "intensities.npy", "<f8", "(2, 4, 4)", squares, sizeof squares);
    add_array(&a, "centres_yx.npy", "<f8", "(2, 2)", centres, sizeof centres);
    refused(PRISM_EPARSE, "frame 1 holds -1");
    memset(&a, 0, sizeof a);
    squares[17] = 1;
    add_array(&a, "intensities.npy", "<f8", "(2, 4, 4)", squares, sizeof squares);
    add_array(&a, "centres_yx.npy", "<f8", "(2, 2)", centres, sizeof centres);
    add_array(&a, "obj_size.npy", "<f8", "(2,)", wrong, sizeof wrong);
    refused(PRISM_EPARSE, "obj_size must be one number");
}
END_TEST

START_TEST(damage_is_refused_by_name)
{
    struct archive good;
    add_array(&a, "amplitudes.npy", "<f8", "(2, 4, 4)", squares, sizeof squares);
    add_array(&a, "centres_yx.npy", "<f8", "(2, 2)", centres, sizeof centres);
    good = a;
    a.data[200] ^= 1;
    refused(PRISM_EPARSE, "its checksum differs");
    a = good;
    a.directory[10] = 8; /* the method */
    refused(PRISM_EPARSE, "compressed or encrypted");
    a = good;
    a.directory[42] = 1; /* the place */
    refused(PRISM_EPARSE, "is not where the directory says");
    a = good;
    a.directory[0] = 'Q';
    refused(PRISM_EPARSE, "directory is damaged");
    a = good;
    a.n = 3;
    refused(PRISM_EPARSE, "directory is damaged");
    FILE *f = fopen(path, "wb");
    fwrite(good.data, 1, good.bytes, f);
    fclose(f);
    struct prismi_stack s;
    ck_assert_int_eq(prismi_stack_load(ctx, path, &s), PRISM_EPARSE);
    ck_assert_ptr_nonnull(strstr(prism_ctx_error(ctx)->text, "cut off"));
    unlink(path);
    ck_assert_int_eq(prismi_stack_load(ctx, path, &s), PRISM_EIO);
}
END_TEST

SUITE("data npz", setup, fixture_close, amplitudes_and_intensities_are_read,
      arrays_that_do_not_fit_are_refused, values_that_cannot_be_are_refused,
      damage_is_refused_by_name)
