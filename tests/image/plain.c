/* NPY, PGM and PPM, which need no other library, so that this program runs in
 * every build. Prints TAP. */
#include "image_test.h"
#include "support/tap.h"

static char why[300];

#define EXPECT(cond)                                                                               \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            snprintf(why, sizeof why, "line %d: %s (last error: %.150s)", __LINE__, #cond,         \
                     sentence());                                                                  \
            return why;                                                                            \
        }                                                                                          \
    } while (0)

/* ---- NPY ---- */

static struct fixture npy_text(int version, const char *text, const void *data, size_t bytes)
{
    struct fixture f = {0};
    size_t n = strlen(text);
    const uint8_t head[12] = {
        0x93, 'N', 'U', 'M', 'P', 'Y', (uint8_t)version, 0, (uint8_t)n, (uint8_t)(n >> 8)};
    fixture_add(&f, head, version == 1 ? 10 : 12);
    fixture_add(&f, text, n);
    fixture_add(&f, data, bytes);
    return f;
}

static struct fixture npy(int version, const char *descr, bool fortran, const char *shape,
                          const void *data, size_t bytes)
{
    char text[300];
    snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }    \n", descr,
             fortran ? "True" : "False", shape);
    return npy_text(version, text, data, bytes);
}

/* Values of an array, freed by the caller; NULL where it was refused. */
static double *values(struct fixture f, int *nd, size_t shape[8], bool *is_complex)
{
    double *data = NULL;
    int status = prism_npy_read(ctx, fixture_save(&f, "array.npy"), nd, shape, is_complex, &data);
    fixture_free(&f);
    return status ? NULL : data;
}

static const char *npy_round_trips(void)
{
    static const double wide[6] = {0, -1.5, 3e300, 1e-300, 7, -0.25};
    static const float narrow[6] = {0, -1.5f, 3e30f, 1e-30f, 7, -0.25f};
    static const int32_t whole[6] = {0, -1, INT32_MAX, INT32_MIN, 7, 42};
    static const struct {
        enum prism_dtype t;
        const void *data;
        int nd;
        size_t shape[8], n; /* n: scalars */
    } cases[] = {
        {PRISM_F64, wide, 2, {2, 3}, 6},       {PRISM_F32, narrow, 2, {3, 2}, 6},
        {PRISM_I32, whole, 1, {6}, 6},         {PRISM_CF64, wide, 1, {3}, 6},
        {PRISM_CF32, narrow, 3, {1, 3, 1}, 6}, {PRISM_F64, wide, 0, {0}, 1},
        {PRISM_F32, narrow, 2, {0, 5}, 0},     {PRISM_I32, whole, 8, {1, 1, 2, 1, 1, 3, 1, 1}, 6},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        enum prism_dtype t = cases[c].t;
        int nd = -1;
        size_t shape[8];
        bool cplx = false;
        double *got;
        EXPECT(!prism_npy_write(ctx, in_folder("a.npy"), t, cases[c].nd, cases[c].shape,
                                cases[c].data));
        EXPECT(!prism_npy_read(ctx, in_folder("a.npy"), &nd, shape, &cplx, &got));
        EXPECT(nd == cases[c].nd && !memcmp(shape, cases[c].shape, (size_t)nd * sizeof *shape));
        EXPECT(cplx == (t == PRISM_CF32 || t == PRISM_CF64));
        for (size_t i = 0; i < cases[c].n; i++)
            EXPECT(got[i] == (t == PRISM_I32                     ? whole[i]
                              : prism_dtype_real(t) == PRISM_F32 ? (double)narrow[i]
                                                                 : wide[i]));
        free(got);
        struct fixture f = fixture_read(in_folder("a.npy"));
        size_t payload = cases[c].n * prism_dtype_size(prism_dtype_real(t));
        EXPECT(f.n > payload && (f.n - payload) % 64 == 0 && f.p[f.n - payload - 1] == '\n');
        fixture_free(&f);
    }
    return NULL;
}

static const char *npy_long_arrays(void)
{
    enum { N = 5000 }; /* more than the writer's buffer */
    double *data = malloc(N * sizeof *data), *got;
    int nd;
    size_t shape[8], n = N;
    for (unsigned i = 0; i < N; i++)
        data[i] = noise(i, 1000000) / 7.0;
    int status = prism_npy_write(ctx, in_folder("a.npy"), PRISM_F64, 1, &n, data);
    EXPECT(!status && !prism_npy_read(ctx, in_folder("a.npy"), &nd, shape, NULL, &got));
    bool same = !memcmp(got, data, N * sizeof *data);
    free(got);
    free(data);
    EXPECT(same);
    return NULL;
}

static const char *npy_types_and_orders(void)
{
    static const struct {
        const char *descr;
        uint8_t bytes[16];
        size_t n;
        double re, im;
    } cases[] = {
        {"|b1", {1}, 1, 1, 0},
        {"|b1", {0}, 1, 0, 0},
        {"|i1", {0x80}, 1, -128, 0},
        {"|u1", {0xff}, 1, 255, 0},
        {"<i2", {0xfe, 0xff}, 2, -2, 0},
        {">i2", {0xff, 0xfe}, 2, -2, 0},
        {"<u2", {0x01, 0x80}, 2, 32769, 0},
        {">u4", {0x80, 0, 0, 1}, 4, 2147483649.0, 0},
        {"<i4", {0, 0, 0, 0x80}, 4, -2147483648.0, 0},
        {">i8", {0x80, 0, 0, 0, 0, 0, 0, 0}, 8, -9223372036854775808.0, 0},
        {"<i8", {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 8, -1, 0},
        {"<u8", {0, 0, 0, 0, 0, 0, 0, 0x80}, 8, 9223372036854775808.0, 0},
        {"<f2", {0x00, 0x3c}, 2, 1, 0},
        {">f2", {0xc1, 0x00}, 2, -2.5, 0},
        {"<f2", {0x01, 0x00}, 2, 5.9604644775390625e-08, 0},
        {"<f2", {0x00, 0xfc}, 2, -INFINITY, 0},
        {"<f4", {0, 0, 0xc0, 0x3f}, 4, 1.5, 0},
        {">f4", {0xc0, 0x20, 0, 0}, 4, -2.5, 0},
        {"<f8", {0, 0, 0, 0, 0, 0, 0xf8, 0x3f}, 8, 1.5, 0},
        {">f8", {0xc0, 0x04, 0, 0, 0, 0, 0, 0}, 8, -2.5, 0},
        {"<c8", {0, 0, 0x40, 0x40, 0, 0, 0x80, 0xc0}, 8, 3, -4},
        {">c8", {0x40, 0x40, 0, 0, 0xc0, 0x80, 0, 0}, 8, 3, -4},
        {">c16", {0x40, 0x08, 0, 0, 0, 0, 0, 0, 0xc0, 0x10, 0, 0, 0, 0, 0, 0}, 16, 3, -4},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (int version = 1; version <= 3; version++) {
            int nd;
            size_t shape[8];
            bool cplx;
            double *v =
                values(npy(version, cases[c].descr, false, "()", cases[c].bytes, cases[c].n), &nd,
                       shape, &cplx);
            EXPECT(v && nd == 0 && v[0] == cases[c].re && cplx == (cases[c].im != 0) &&
                   (!cplx || v[1] == cases[c].im));
            free(v);
            v = values(npy(version, cases[c].descr, false, "(1,)", cases[c].bytes, cases[c].n), &nd,
                       shape, NULL);
            EXPECT(v && nd == 1 && shape[0] == 1 &&
                   v[0] == (cplx ? 5 : cases[c].re)); /* complex without is_complex: modulus */
            free(v);
        }
    return NULL;
}

static const char *npy_fortran_order(void)
{
    static const uint8_t data[24] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,
                                     12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23};
    int nd;
    size_t shape[8];
    double *v = values(npy(1, "|u1", true, "(2, 3, 4)", data, 24), &nd, shape, NULL);
    EXPECT(v && nd == 3 && shape[0] == 2 && shape[1] == 3 && shape[2] == 4);
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 4; k++)
                EXPECT(v[(i * 3 + j) * 4 + k] == i + 2 * j + 6 * k);
    free(v);
    struct fixture f = npy(2, "|u1", true, "(2, 3)", data, 6); /* and as a picture */
    struct prism_image img;
    EXPECT(!load(&f, &img) && img.h == 2 && img.w == 3 && img.bits == 8 && img.data[1] == 2 &&
           img.data[3] == 1);
    free(img.data);
    fixture_free(&f);
    return NULL;
}

static const char *npy_pictures(void)
{
    static const float v[12] = {-1, 2, 3, 1e9f, 5, 6, 7, 8, 9, 10, 11, 12};
    struct prism_image img;
    struct fixture f = npy(1, "<f4", false, "(3, 4)", v, sizeof v);
    EXPECT(!load(&f, &img) && img.h == 3 && img.w == 4 && img.bits == 32 && img.data[0] == -1 &&
           img.data[3] == 1e9f);
    free(img.data);
    fixture_free(&f);
    f = npy(1, "<f4", false, "(2, 2, 3)", v, sizeof v);
    EXPECT(!load(&f, &img) && img.h == 2 && img.w == 2 && img.data[2] == prismi_luma(7, 8, 9));
    free(img.data);
    fixture_free(&f);
    f = npy(1, "<c8", false, "(2, 3)", v, sizeof v);
    EXPECT(!load(&f, &img) && fabs(img.data[0] - sqrt(5)) < 1e-15);
    free(img.data);
    fixture_free(&f);
    static const char *const shapes[] = {"(12,)", "(3, 2, 2)", "(3, 4, 1)", "(1, 3, 4, 1)",
                                         "(12, 1, 1)"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        f = npy(1, "<f4", false, shapes[i], v, sizeof v);
        EXPECT(load(&f, &img) == PRISM_EPARSE && !img.data && strstr(sentence(), "dimensions"));
        fixture_free(&f);
    }
    return NULL;
}

static const char *npy_refusals(void)
{
    static const char *const texts[] = {
        "",
        "{",
        "}",
        "{}",
        "[1]",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1 1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999999,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0,)}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}",
        "{'descr': '=f4', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '|f4', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f3', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<U1', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}",
    };
    int nd;
    size_t shape[8];
    double *v;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct fixture f = npy_text(1, texts[i], "\0\0\0\0", 4);
        EXPECT(prism_npy_read(ctx, fixture_save(&f, "bad.npy"), &nd, shape, NULL, &v) ==
                   PRISM_EPARSE &&
               !v);
        EXPECT(strstr(sentence(), "bad.npy: NPY: "));
        fixture_free(&f);
    }
    for (int version = 0; version <= 4; version += 4)
        EXPECT(!values(npy(version, "<f4", false, "()", "\0\0\0\0", 4), &nd, shape, NULL));
    EXPECT(prism_npy_read(ctx, in_folder("absent.npy"), &nd, shape, NULL, &v) == PRISM_EIO && !v);
    const size_t huge[2] = {SIZE_MAX / 2, 4};
    EXPECT(prism_npy_write(ctx, in_folder("b.npy"), PRISM_F32, 2, huge, NULL) == PRISM_EINVAL);
    EXPECT(prism_npy_write(ctx, in_folder("b.npy"), PRISM_F32, 9, huge, NULL) == PRISM_EINVAL);
    EXPECT(prism_npy_write(ctx, in_folder("b.npy"), PRISM_DTYPE_COUNT, 1, huge, NULL) ==
           PRISM_EINVAL);
    EXPECT(prism_npy_write(ctx, in_folder("no/such/folder.npy"), PRISM_F32, 0, NULL, "\0\0\0\0") ==
           PRISM_EIO);
    return NULL;
}

static const char *npy_not_finite(void)
{
    struct prism_image img;
    double object[16];
    for (int bad = 0; bad < 3; bad++)
        for (int i = 0; i < 63;
             i++) { /* shrinking 9 x 7 to 4 x 3 meets the pixel, wherever it lies */
            float v[63] = {0, 1};
            v[i] = bad == 0 ? NAN : bad == 1 ? INFINITY : -INFINITY;
            struct fixture f = npy(1, "<f4", false, "(9, 7)", v, sizeof v);
            EXPECT(!load(&f, &img));
            fixture_free(&f);
            int status = prism_image_to_object(ctx, &img, 4, bad == 2, object);
            free(img.data);
            EXPECT(status == PRISM_EINVAL && strstr(sentence(), "not finite"));
        }
    return NULL;
}

static const char *npy_damage(void)
{
    static const uint8_t data[48];
    static const struct {
        const char *descr, *shape;
    } cases[] = {{"<f4", "(3, 4)"}, {">c16", "(1, 3)"}, {"|u1", "(4, 4, 3)"}, {"<f2", "(8, 3)"}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct fixture f =
            npy(1 + (int)c % 3, cases[c].descr, c & 1, cases[c].shape, data, sizeof data);
        const char *wrong = sweep(&f, 5000, true);
        fixture_free(&f);
        if (wrong)
            return wrong;
    }
    return NULL;
}

/* ---- PGM, PPM ---- */

static const char *pnm_is(const char *text, size_t bytes, int h, int w, int bits,
                          const double *want)
{
    struct fixture f = {0};
    struct prism_image img;
    fixture_add(&f, text, bytes);
    int status = load(&f, &img);
    fixture_free(&f);
    EXPECT(!status && img.h == h && img.w == w && img.bits == bits);
    for (int i = 0; i < h * w; i++)
        EXPECT(fabs(img.data[i] - want[i]) < 1e-15);
    free(img.data);
    return NULL;
}

#define PNM_IS(text, h, w, bits, ...)                                                              \
    do {                                                                                           \
        const double want_[] = {__VA_ARGS__};                                                      \
        const char *wrong_ = pnm_is(text, sizeof text - 1, h, w, bits, want_);                     \
        if (wrong_)                                                                                \
            return wrong_;                                                                         \
    } while (0)

static const char *pnm_values(void)
{
    double colour = prismi_luma(1, 0, 0.5), full = prismi_luma(1, 1, 1);
    PNM_IS("P2 2 2 4\n0 1 2\n4\n", 2, 2, 8, 0, 0.25, 0.5, 1);
    PNM_IS("P2 2 1 1000 0 1000", 1, 2, 16, 0, 1);
    PNM_IS("P5 3 1 255\n\x00\x33\xff", 1, 3, 8, 0, 0.2, 1);
    PNM_IS("P5\n1 2\n65535\n\x33\x33\xff\xff", 2, 1, 16, 0.2, 1);
    PNM_IS("P5 1 1 256 \x01\x00", 1, 1, 16, 1);
    PNM_IS("P3 2 1 2  2 0 1  2 2 2", 1, 2, 8, colour, full);
    PNM_IS("P6 1 1 4 \x04\x00\x02", 1, 1, 8, colour);
    PNM_IS("P6 1 1 1000\n\x03\xe8\x00\x00\x01\xf4", 1, 1, 16, colour);
    PNM_IS("P2# a\n#b\n2#c\r1 #d 9 9\n 5 # e\n 0 5", 1, 2, 8, 0, 1);
    PNM_IS("P5 # one\n#two\n1 1 # three\n255\n#", 1, 1, 8,
           '#' / 255.0); /* after the header, '#' is a sample */
    PNM_IS("P5 1 1 255\n\x80 and more", 1, 1, 8, 128 / 255.0);
    return NULL;
}

static const char *pnm_refusals(void)
{
    static const char *const texts[] = {"P5",
                                        "P5 ",
                                        "P5 1",
                                        "P5 1 1",
                                        "P5 1 1 255",
                                        "P5 1 1 255\n",
                                        "P5 0 1 255\nx",
                                        "P5 1 0 255\nx",
                                        "P5 1 1 0\nx",
                                        "P5 1 1 65536\nxx",
                                        "P5 -1 1 255\nx",
                                        "P5 1 1 255x",
                                        "P5 1 1 9\nx",
                                        "P2 1 1 9 10",
                                        "P2 2 1 9 1",
                                        "P2 2 1 9 1 x",
                                        "P6 1 1 255\nxx",
                                        "P5 65537 1 255\nx",
                                        "P5 1 65537 255\nx",
                                        "P5 99999999999 1 255\nx",
                                        "P2 65536 65536 255\n1",
                                        "P4 1 1 x",
                                        "P7 1 1 255\nx"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *wrong = decode((const uint8_t *)texts[i], strlen(texts[i]), true);
        if (wrong)
            return at(wrong, texts[i], i);
    }
    return NULL;
}

static const char *pnm_damage(void)
{
    static const struct {
        char text[64];
        size_t n;
        bool must_fail; /* a plain file may lose its last digit */
    } cases[] = {{"P2 # c\n3 2 99\n10 20 30 40 50 60\n", 33, false},
                 {"P3 2 1 255\n1 2 3 4 5 6", 24, false},
                 {"P5 4 2 255\nabcdefgh", 19, true},
                 {"P6 2 1 65535\nabcdefghijkl", 25, true}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct fixture f = {0};
        fixture_add(&f, cases[c].text, cases[c].n);
        const char *wrong = sweep(&f, 5000, cases[c].must_fail);
        fixture_free(&f);
        if (wrong)
            return wrong;
    }
    return NULL;
}

static const char *limits(void)
{
    struct prism_image img;
    struct fixture f = {0};
    uint8_t *row = calloc(65537, 1);
    fixture_add(&f, "P5 65536 1 255\n", 15);
    fixture_add(&f, row, 65536);
    EXPECT(!load(&f, &img) && img.w == 65536);
    free(img.data);
    fixture_free(&f);
    fixture_add(&f, "P5 65537 1 255\n", 15);
    fixture_add(&f, row, 65537);
    EXPECT(load(&f, &img) == PRISM_EPARSE && strstr(sentence(), "65537"));
    fixture_free(&f);
    f = npy(1, "|u1", false, "(65537, 1)", row, 65537);
    EXPECT(load(&f, &img) == PRISM_EPARSE && strstr(sentence(), "65537"));
    fixture_free(&f);
    f = npy(1, "|u1", false, "(0, 5)", row, 0);
    EXPECT(load(&f, &img) == PRISM_EPARSE && !img.data);
    fixture_free(&f);
    free(row);
    struct prismi_input in = {ctx, "huge", NULL, 0};
    EXPECT(prismi_image_alloc(&in, 65536, 4097, 8, &img) == PRISM_EPARSE &&
           strstr(sentence(), "2^28"));
    return NULL;
}

static const struct {
    const char *name;
    const char *(*run)(void);
} tests[] = {
    {"npy: what is written is read", npy_round_trips},
    {"npy: longer than the writer's buffer", npy_long_arrays},
    {"npy: every type, byte order and version", npy_types_and_orders},
    {"npy: Fortran order", npy_fortran_order},
    {"npy: pictures", npy_pictures},
    {"npy: what is refused", npy_refusals},
    {"npy: values that are not finite make no object", npy_not_finite},
    {"npy: damage", npy_damage},
    {"pgm, ppm: values", pnm_values},
    {"pgm, ppm: what is refused", pnm_refusals},
    {"pgm, ppm: damage", pnm_damage},
    {"limits of size", limits},
};

int main(void)
{
    const int n = (int)(sizeof tests / sizeof *tests);
    fixture_open();
    for (int i = 0; i < n; i++) {
        const char *wrong = tests[i].run();
        if (!tap(!wrong, "%s", tests[i].name))
            printf("# %s\n", wrong);
    }
    fixture_close();
    return tap_end();
}
