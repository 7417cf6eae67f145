/* The front refuses each kind of mistake in each entry with a sentence, before
 * it calls the backend, and passes correct calls on. The backend counts its
 * calls. */
#include "core/front.h"
#include "support/tap.h"

#include <stdio.h>
#include <string.h>

static int calls;
static struct prismi_device device;
static unsigned char memory[64];
static const char *entry; /* under test */

static int reached(void)
{
    calls++;
    return 0;
}

static void expect(int status, int want, const char *word)
{
    const char *text = prism_ctx_error(device.ctx)->text;
    bool good = status == want && calls == (want == 0);
    if (want)
        good = good && !strncmp(text, entry, strlen(entry)) && strstr(text, word);
    tap(good, "%s: %s", entry, want ? text : "passes");
    calls = 0;
}

#define DEV (&device.dev)
#define OPS device.ops
#define M(i) (memory + (i))
#define PASSES(call) expect(call, 0, "")
#define REFUSES(word, call) expect(call, PRISM_EINVAL, word)
/* Expects the call to be refused with one field of the struct `what` set to
 * `value`. */
#define WRONG(what, field, value, word, call)                                                      \
    do {                                                                                           \
        unsigned char saved_[sizeof what];                                                         \
        memcpy(saved_, &what, sizeof what);                                                        \
        what.field = value;                                                                        \
        REFUSES(word, call);                                                                       \
        memcpy(&what, saved_, sizeof what);                                                        \
    } while (0)
#define TOO_SMALL(what, field, call) WRONG(what, field, 0, #field " is 0", call)
#define TOO_LARGE(what, field, call) WRONG(what, field, 32769, #field " is 32769", call)
#define ABSENT(what, field, call) WRONG(what, field, NULL, #field " is NULL", call)

static void make_nothing(const void *arg, size_t first, size_t k, void *out)
{
    (void)arg, (void)first, (void)k, (void)out;
}

static void memory_entries(void)
{
    prism_mem out;
    char host[8];
    entry = "alloc";
    PASSES(OPS.alloc(DEV, 8, &out));
    REFUSES("bytes is 0", OPS.alloc(DEV, 0, &out));
    REFUSES("bytes is", OPS.alloc(DEV, SIZE_MAX, &out));
    entry = "write";
    PASSES(OPS.write(DEV, M(0), host, 8));
    REFUSES("dst is NULL", OPS.write(DEV, NULL, host, 8));
    REFUSES("src is NULL", OPS.write(DEV, M(0), NULL, 8));
    entry = "read";
    PASSES(OPS.read(DEV, host, M(0), 8));
    REFUSES("dst is NULL", OPS.read(DEV, NULL, M(0), 8));
    REFUSES("src is NULL", OPS.read(DEV, host, NULL, 8));
    entry = "copy";
    PASSES(OPS.copy(DEV, M(0), M(1), 8));
    REFUSES("dst is NULL", OPS.copy(DEV, NULL, M(1), 8));
    REFUSES("src is NULL", OPS.copy(DEV, M(0), NULL, 8));
    REFUSES("the same memory", OPS.copy(DEV, M(0), M(0), 8));
    entry = "generate";
    PASSES(OPS.generate(DEV, M(0), PRISM_F32, 8, make_nothing, NULL));
    REFUSES("dst is NULL", OPS.generate(DEV, NULL, PRISM_F32, 8, make_nothing, NULL));
    REFUSES("make is NULL", OPS.generate(DEV, M(0), PRISM_F32, 8, NULL, NULL));
    REFUSES("cf32", OPS.generate(DEV, M(0), PRISM_CF32, 8, make_nothing, NULL));
}

static struct prism_fft *fft_plan(int batch, int h, int w)
{
    const struct prism_fft_desc d = {PRISM_CF32, batch, h, w, NULL, NULL};
    struct prism_fft *fft = NULL;
    OPS.fft_create(DEV, &d, &fft);
    calls = 0;
    return fft;
}

static void transforms(void)
{
    struct prism_fft_desc d = {PRISM_CF32, 2, 8, 8, NULL, NULL};
    struct prism_fft *fft;
    entry = "fft_create";
    WRONG(d, dtype, PRISM_F32, "dtype is f32", OPS.fft_create(DEV, &d, &fft));
    WRONG(d, dtype, PRISM_CF64, "dtype is cf64",
          OPS.fft_create(DEV, &d, &fft)); /* memory of another device */
    WRONG(d, dtype, (enum prism_dtype)99, "dtype 99", OPS.fft_create(DEV, &d, &fft));
    TOO_SMALL(d, batch, OPS.fft_create(DEV, &d, &fft));
    TOO_SMALL(d, h, OPS.fft_create(DEV, &d, &fft));
    TOO_LARGE(d, h, OPS.fft_create(DEV, &d, &fft));
    TOO_LARGE(d, w, OPS.fft_create(DEV, &d, &fft));
    PASSES(OPS.fft_create(DEV, &d, &fft));
    entry = "fft_run";
    PASSES(OPS.fft_run(fft, -1, M(0), M(0)));
    REFUSES("sign is 0", OPS.fft_run(fft, 0, M(0), M(0)));
    REFUSES("dst is NULL", OPS.fft_run(fft, 1, NULL, M(0)));
    REFUSES("src is NULL", OPS.fft_run(fft, 1, M(0), NULL));
    OPS.fft_destroy(fft);
    OPS.fft_destroy(NULL);
    calls = 0;
}

static void convolutions(void)
{
    struct prism_conv_desc d = {.dtype = PRISM_F32,
                                .n = 1,
                                .cin = 3,
                                .h = 8,
                                .w = 8,
                                .cout = 4,
                                .k = 3,
                                .stride = 1,
                                .pad = 1};
    struct prism_conv *conv;
    entry = "conv_create";
    WRONG(d, dtype, PRISM_CF32, "dtype is cf32", OPS.conv_create(DEV, &d, &conv));
    WRONG(d, dtype, PRISM_F16, "dtype is f16", OPS.conv_create(DEV, &d, &conv));
    TOO_SMALL(d, n, OPS.conv_create(DEV, &d, &conv));
    TOO_LARGE(d, cin, OPS.conv_create(DEV, &d, &conv));
    TOO_SMALL(d, h, OPS.conv_create(DEV, &d, &conv));
    TOO_LARGE(d, w, OPS.conv_create(DEV, &d, &conv));
    TOO_SMALL(d, cout, OPS.conv_create(DEV, &d, &conv));
    TOO_SMALL(d, stride, OPS.conv_create(DEV, &d, &conv));
    WRONG(d, pad, -1, "pad is -1", OPS.conv_create(DEV, &d, &conv));
    WRONG(d, k, 11, "k is 11; expected 1 to 10", OPS.conv_create(DEV, &d, &conv));
    PASSES(OPS.conv_create(DEV, &d, &conv));
    entry = "conv_fwd";
    PASSES(OPS.conv_fwd(conv, M(0), M(1), M(2)));
    REFUSES("x is NULL", OPS.conv_fwd(conv, M(0), NULL, M(2)));
    REFUSES("y is the same memory as x", OPS.conv_fwd(conv, M(0), M(0), M(2)));
    entry = "conv_bwd_x";
    PASSES(OPS.conv_bwd_x(conv, M(0), M(1), M(2)));
    REFUSES("gx is NULL", OPS.conv_bwd_x(conv, NULL, M(1), M(2)));
    entry = "conv_bwd_w";
    PASSES(OPS.conv_bwd_w(conv, M(0), M(1), M(2)));
    REFUSES("gw is the same memory as x", OPS.conv_bwd_w(conv, M(0), M(1), M(0)));
    OPS.conv_destroy(conv);
    OPS.conv_destroy(NULL);
    calls = 0;
}

static void gathers(void)
{
    struct prism_gather_desc d = {PRISM_F32, 2, 1, 4, 4};
    const int32_t index[4] = {0};
    const double weight[4] = {0};
    struct prism_gather *g;
    entry = "gather_create";
    TOO_SMALL(d, planes, OPS.gather_create(DEV, &d, index, weight, &g));
    TOO_SMALL(d, k, OPS.gather_create(DEV, &d, index, weight, &g));
    TOO_SMALL(d, nx, OPS.gather_create(DEV, &d, index, weight, &g));
    WRONG(d, ny, SIZE_MAX, "ny is", OPS.gather_create(DEV, &d, index, weight, &g));
    REFUSES("index is NULL", OPS.gather_create(DEV, &d, NULL, weight, &g));
    REFUSES("weight is NULL", OPS.gather_create(DEV, &d, index, NULL, &g));
    PASSES(OPS.gather_create(DEV, &d, index, weight, &g));
    entry = "gather_fwd";
    PASSES(OPS.gather_fwd(g, M(0), M(1)));
    REFUSES("x is NULL", OPS.gather_fwd(g, M(0), NULL));
    entry = "gather_adj";
    PASSES(OPS.gather_adj(g, M(0), M(1)));
    REFUSES("gx is the same memory as gy", OPS.gather_adj(g, M(0), M(0)));
    OPS.gather_destroy(g);
    OPS.gather_destroy(NULL);
    calls = 0;
}

static void dense(void)
{
    struct prism_gemm_desc d = {.dtype = PRISM_F32, .m = 2, .n = 2, .k = 2, .alpha = 1};
    entry = "gemm";
    PASSES(OPS.gemm(DEV, &d, M(0), M(1), M(2)));
    WRONG(d, dtype, PRISM_I32, "dtype is i32; expected one of: f32",
          OPS.gemm(DEV, &d, M(0), M(1), M(2)));
    TOO_SMALL(d, m, OPS.gemm(DEV, &d, M(0), M(1), M(2)));
    TOO_SMALL(d, n, OPS.gemm(DEV, &d, M(0), M(1), M(2)));
    WRONG(d, k, -2, "k is -2", OPS.gemm(DEV, &d, M(0), M(1), M(2)));
    REFUSES("b is NULL", OPS.gemm(DEV, &d, M(0), M(1), NULL));
    REFUSES("c is the same memory as a", OPS.gemm(DEV, &d, M(0), M(0), M(2)));
}

static const struct {
    const char *name, *y, *x;
    bool acts;
} maps[PRISM_MAP_COUNT] = {
#define PRISM_MAP_ROW(NAME, name, y, x, acts) {#name, y, x, acts},
#include "prismrec/maps.def"
#undef PRISM_MAP_ROW
};

static void operands_of_map(enum prism_map op, enum prism_dtype t, struct prism_map_args a)
{
    char word[16];
    for (int i = 0; i < 10; i++) {
        struct prism_map_args less = a;
        const char *kinds = i < 4 ? maps[op].y : maps[op].x;
        int k = i < 4 ? i : i - 4;
        if (k >= (int)strlen(kinds))
            continue;
        *(i < 4 ? &less.y[k] : &less.x[k]) = NULL;
        snprintf(word, sizeof word, "%c%d is NULL", i < 4 ? 'y' : 'x', k);
        REFUSES(word, OPS.map(DEV, op, t, 4, 4, &less));
    }
}

static void every_map(void)
{
    static char name[32];
    for (int op = 0; op < PRISM_MAP_COUNT; op++) {
        const bool half = strchr(maps[op].y, 'h') || strchr(maps[op].x, 'h');
        const enum prism_dtype t = half ? PRISM_BF16 : PRISM_F32;
        struct prism_map_args a = {.y = {M(0), M(1), M(2), M(3)},
                                   .x = {M(4), M(5), M(6), M(7), M(8), M(9)}};
        snprintf(name, sizeof name, "map %s", maps[op].name);
        entry = name;
        PASSES(OPS.map(DEV, (enum prism_map)op, t, 4, 4, &a));
        operands_of_map((enum prism_map)op, t, a);
        REFUSES("dtype is cf32", OPS.map(DEV, (enum prism_map)op, PRISM_CF32, 4, 4, &a));
        REFUSES("rows is 0", OPS.map(DEV, (enum prism_map)op, t, 0, 4, &a));
        REFUSES("cols is 0", OPS.map(DEV, (enum prism_map)op, t, 4, 0, &a));
        REFUSES("elements",
                OPS.map(DEV, (enum prism_map)op, t, (size_t)1 << 40, (size_t)1 << 40, &a));
        WRONG(a, period, 3, "period is 3", OPS.map(DEV, (enum prism_map)op, t, 4, 4, &a));
        if (maps[op].acts)
            WRONG(a, act, PRISM_ACT_COUNT, "act is", OPS.map(DEV, (enum prism_map)op, t, 4, 4, &a));
    }
    struct prism_map_args same = {.y = {M(0)}, .x = {M(0), M(1)}};
    entry = "map mul";
    PASSES(OPS.map(DEV, PRISM_MAP_MUL, PRISM_F32, 4, 4, &same));
    entry = "map c_abs";
    REFUSES("y0 is the same memory as x0", OPS.map(DEV, PRISM_MAP_C_ABS, PRISM_F32, 4, 4, &same));
    entry = "map widen";
    REFUSES("y0 is the same memory as x0", OPS.map(DEV, PRISM_MAP_WIDEN, PRISM_BF16, 4, 4, &same));
    entry = "map";
    REFUSES("operation 99", OPS.map(DEV, (enum prism_map)99, PRISM_F32, 4, 4, &same));
}

static void reductions(void)
{
    entry = "reduce sum";
    PASSES(OPS.reduce(DEV, PRISM_REDUCE_SUM, PRISM_F32, 4, 4, M(0), M(1), NULL));
    REFUSES("dtype is f64", OPS.reduce(DEV, PRISM_REDUCE_SUM, PRISM_F64, 4, 4, M(0), M(1), NULL));
    REFUSES("rows is 0", OPS.reduce(DEV, PRISM_REDUCE_SUM, PRISM_F32, 0, 4, M(0), M(1), NULL));
    REFUSES("cols is 0", OPS.reduce(DEV, PRISM_REDUCE_SUM, PRISM_F32, 4, 0, M(0), M(1), NULL));
    REFUSES("a is NULL", OPS.reduce(DEV, PRISM_REDUCE_SUM, PRISM_F32, 4, 4, M(0), NULL, NULL));
    REFUSES("y is the same memory as a",
            OPS.reduce(DEV, PRISM_REDUCE_SUM, PRISM_F32, 4, 4, M(0), M(0), NULL));
    entry = "reduce dot";
    PASSES(OPS.reduce(DEV, PRISM_REDUCE_DOT, PRISM_F32, 4, 4, M(0), M(1), M(1)));
    REFUSES("b is NULL", OPS.reduce(DEV, PRISM_REDUCE_DOT, PRISM_F32, 4, 4, M(0), M(1), NULL));
    entry = "reduce";
    REFUSES("operation 99",
            OPS.reduce(DEV, (enum prism_reduce)99, PRISM_F32, 4, 4, M(0), M(1), M(1)));
}

static void stencils(void)
{
    struct prism_window_desc w = {PRISM_F32, 1, 4, 4, 8, 8, -2, -2};
    struct prism_blur_desc b = {PRISM_F32, 1, 8, 8, 2, false};
    entry = "window";
    PASSES(OPS.window(DEV, &w, M(0), M(1)));
    WRONG(w, dtype, PRISM_U8, "dtype is u8", OPS.window(DEV, &w, M(0), M(1)));
    TOO_SMALL(w, planes, OPS.window(DEV, &w, M(0), M(1)));
    TOO_LARGE(w, hy, OPS.window(DEV, &w, M(0), M(1)));
    TOO_SMALL(w, wx, OPS.window(DEV, &w, M(0), M(1)));
    TOO_LARGE(w, dy, OPS.window(DEV, &w, M(0), M(1)));
    REFUSES("x is NULL", OPS.window(DEV, &w, M(0), NULL));
    REFUSES("y is the same memory as x", OPS.window(DEV, &w, M(0), M(0)));
    entry = "scatter_add";
    PASSES(OPS.scatter_add(DEV, &w, M(0), M(1), M(2)));
    WRONG(w, dtype, PRISM_CF32, "dtype is cf32", OPS.scatter_add(DEV, &w, M(0), M(1), M(2)));
    REFUSES("weight is NULL", OPS.scatter_add(DEV, &w, M(0), M(1), NULL));
    entry = "blur";
    PASSES(OPS.blur(DEV, &b, M(0), M(1), M(2), M(3)));
    WRONG(b, radius, 8, "radius is 8; expected 0 to 7", OPS.blur(DEV, &b, M(0), M(1), M(2), M(3)));
    REFUSES("taps is NULL", OPS.blur(DEV, &b, M(0), M(1), M(2), NULL));
    REFUSES("y is the same memory as tmp", OPS.blur(DEV, &b, M(0), M(1), M(0), M(3)));
}

static void planes(void)
{
    struct prism_pool_desc p = {PRISM_F32, PRISM_POOL_MAX, 1, 8, 8, 2, 2, 0};
    struct prism_copy2d_desc c = {PRISM_U8, 2, 3, 4, 5};
    struct prism_softmax_desc s = {PRISM_F32, 1, 3, 4};
    entry = "pool_fwd";
    PASSES(OPS.pool_fwd(DEV, &p, M(0), M(1), M(2)));
    REFUSES("index is NULL", OPS.pool_fwd(DEV, &p, M(0), NULL, M(2)));
    WRONG(p, pad, 2, "pad is 2; expected 0 to 1", OPS.pool_fwd(DEV, &p, M(0), M(1), M(2)));
    WRONG(p, k, 9, "k is 9; expected 1 to 8", OPS.pool_fwd(DEV, &p, M(0), M(1), M(2)));
    WRONG(p, kind, PRISM_POOL_COUNT, "kind is", OPS.pool_fwd(DEV, &p, M(0), M(1), M(2)));
    p.kind = PRISM_POOL_MEAN;
    entry = "pool_bwd";
    PASSES(OPS.pool_bwd(DEV, &p, M(0), M(1), NULL));
    REFUSES("gx is the same memory as gy", OPS.pool_bwd(DEV, &p, M(0), M(0), NULL));
    entry = "copy2d";
    PASSES(OPS.copy2d(DEV, &c, M(0), M(1)));
    WRONG(c, cols, 5, "cols is 5; expected 1 to 4", OPS.copy2d(DEV, &c, M(0), M(1)));
    TOO_SMALL(c, rows, OPS.copy2d(DEV, &c, M(0), M(1)));
    REFUSES("y is NULL", OPS.copy2d(DEV, &c, NULL, M(1)));
    entry = "softmax_fwd";
    PASSES(OPS.softmax_fwd(DEV, &s, M(0), M(0)));
    TOO_SMALL(s, classes, OPS.softmax_fwd(DEV, &s, M(0), M(0)));
    TOO_SMALL(s, pixels, OPS.softmax_fwd(DEV, &s, M(0), M(0)));
    entry = "softmax_bwd";
    PASSES(OPS.softmax_bwd(DEV, &s, M(0), M(0), M(1)));
    REFUSES("gx is the same memory as y", OPS.softmax_bwd(DEV, &s, M(0), M(1), M(0)));
    entry = "argmax";
    PASSES(OPS.argmax(DEV, &s, M(0), M(1)));
    REFUSES("x is NULL", OPS.argmax(DEV, &s, M(0), NULL));
}

static void apertures(void)
{
    struct prism_subaperture_desc d = {PRISM_CF32, 2, 8, 8, 4, 4, 3, 3};
    struct prism_subaperture_args a = {M(0), M(1), M(2), M(3), M(4), 0, NULL, NULL, false};
    struct prism_field_misfit_desc fd = {d, (enum prism_misfit)0};
    struct prism_field_misfit_args fa = {.loss = M(0),
                                         .gspectrum = M(1),
                                         .spectrum = M(1),
                                         .pupil = M(2),
                                         .origin = M(3),
                                         .index = M(4),
                                         .target = M(5),
                                         .weight = M(6),
                                         .u = M(7),
                                         .tmp = M(8)};
    struct prism_fft *fft = fft_plan(2, 4, 4), *other = fft_plan(2, 4, 5);
    entry = "subaperture_fwd";
    PASSES(OPS.subaperture_fwd(DEV, &d, &a));
    WRONG(d, ph, 5, "ph is 5; expected 1 to 4", OPS.subaperture_fwd(DEV, &d, &a));
    TOO_SMALL(d, batch, OPS.subaperture_fwd(DEV, &d, &a));
    ABSENT(a, pupil, OPS.subaperture_fwd(DEV, &d, &a));
    ABSENT(a, index, OPS.subaperture_fwd(DEV, &d, &a));
    entry = "subaperture_adj";
    PASSES(OPS.subaperture_adj(DEV, &d, &a));
    WRONG(a, beta, 0.5, "beta is 0.5", OPS.subaperture_adj(DEV, &d, &a));
    entry = "field_misfit";
    PASSES(OPS.field_misfit(DEV, &fd, fft, &fa));
    WRONG(fd, kind, PRISM_MISFIT_COUNT, "kind is", OPS.field_misfit(DEV, &fd, fft, &fa));
    WRONG(fd, aperture.ow, 32769, "ow is 32769", OPS.field_misfit(DEV, &fd, fft, &fa));
    REFUSES("fft is NULL", OPS.field_misfit(DEV, &fd, NULL, &fa));
    REFUSES("fft is a plan of 2 x 4 x 5; expected one of 2 x 4 x 4",
            OPS.field_misfit(DEV, &fd, other, &fa));
    ABSENT(fa, target, OPS.field_misfit(DEV, &fd, fft, &fa));
    ABSENT(fa, tmp, OPS.field_misfit(DEV, &fd, fft, &fa));
    OPS.fft_destroy(fft);
    OPS.fft_destroy(other);
    calls = 0;
}

static void spectra(void)
{
    struct prism_spectrum_desc d = {PRISM_F32, 8, 8, 4, 4};
    struct prism_spectrum_args a = {M(0), M(1), M(2)};
    struct prism_fft *fft = fft_plan(1, 8, 8);
    entry = "spectrum_fwd";
    PASSES(OPS.spectrum_fwd(DEV, &d, fft, &a));
    WRONG(d, oh, 9, "oh is 9; expected 1 to 8", OPS.spectrum_fwd(DEV, &d, fft, &a));
    WRONG(d, h, 9, "fft is a plan of 1 x 8 x 8", OPS.spectrum_fwd(DEV, &d, fft, &a));
    ABSENT(a, tmp, OPS.spectrum_fwd(DEV, &d, fft, &a));
    entry = "spectrum_adj";
    d.dtype = PRISM_CF32;
    a.tmp = NULL;
    PASSES(OPS.spectrum_adj(DEV, &d, fft, &a));
    ABSENT(a, object, OPS.spectrum_adj(DEV, &d, fft, &a));
    OPS.fft_destroy(fft);
    calls = 0;
}

static void fused(void)
{
    struct prism_norm_desc nd = {PRISM_F32, PRISM_ACT_RELU, 2, 3, 4, 1e-5};
    struct prism_norm_args na = {.x = M(0),
                                 .y = M(1),
                                 .stats = M(2),
                                 .gamma = M(3),
                                 .beta = M(4),
                                 .gy = M(5),
                                 .gx = M(6),
                                 .ggamma = M(7),
                                 .gbeta = M(8)};
    struct prism_misfit_desc md = {PRISM_F32, (enum prism_misfit)0, 2, 4};
    struct prism_misfit_args ma = {M(0), M(1), M(1), M(2), M(3), M(4), M(5)};
    entry = "norm_act_fwd";
    PASSES(OPS.norm_act_fwd(DEV, &nd, &na));
    WRONG(nd, n, 16385, "n is 16385; expected 1 to 16384", OPS.norm_act_fwd(DEV, &nd, &na));
    TOO_SMALL(nd, rows, OPS.norm_act_fwd(DEV, &nd, &na));
    WRONG(nd, act, PRISM_ACT_COUNT, "act is", OPS.norm_act_fwd(DEV, &nd, &na));
    ABSENT(na, stats, OPS.norm_act_fwd(DEV, &nd, &na));
    ABSENT(na, y, OPS.norm_act_fwd(DEV, &nd, &na));
    entry = "norm_act_bwd";
    PASSES(OPS.norm_act_bwd(DEV, &nd, &na));
    ABSENT(na, ggamma, OPS.norm_act_bwd(DEV, &nd, &na));
    WRONG(na, gx, M(5), "gx is the same memory as gy", OPS.norm_act_bwd(DEV, &nd, &na));
    entry = "misfit";
    PASSES(OPS.misfit(DEV, &md, &ma));
    WRONG(md, kind, PRISM_MISFIT_COUNT, "kind is", OPS.misfit(DEV, &md, &ma));
    TOO_SMALL(md, batch, OPS.misfit(DEV, &md, &ma));
    ABSENT(ma, weight, OPS.misfit(DEV, &md, &ma));
}

static void optimiser(void)
{
    const struct prism_conv_desc cd = {
        .dtype = PRISM_F32, .n = 1, .cin = 4, .h = 1, .w = 1, .cout = 3, .k = 1, .stride = 1};
    struct prism_adam_outer_desc d = {PRISM_F32, 3, 4, 0.9, 0.999, 1e-8};
    struct prism_adam_outer_tail t = {M(8), M(9), M(10), M(11), NULL, M(12)};
    struct prism_adam_outer_args a = {
        .p = M(0), .m = M(1), .v = M(2), .a = M(3), .b = M(4), .step = M(5), .tmp = M(6)};
    struct prism_conv *conv;
    OPS.conv_create(DEV, &cd, &conv);
    calls = 0;
    entry = "adam_outer";
    PASSES(OPS.adam_outer(DEV, &d, NULL, &a));
    TOO_SMALL(d, rows, OPS.adam_outer(DEV, &d, NULL, &a));
    ABSENT(a, p, OPS.adam_outer(DEV, &d, NULL, &a));
    ABSENT(a, v, OPS.adam_outer(DEV, &d, NULL, &a));
    ABSENT(a, step, OPS.adam_outer(DEV, &d, NULL, &a));
    a.tail = &t;
    PASSES(OPS.adam_outer(DEV, &d, conv, &a));
    REFUSES("conv is NULL", OPS.adam_outer(DEV, &d, NULL, &a));
    ABSENT(t, ga, OPS.adam_outer(DEV, &d, conv, &a));
    ABSENT(t, y, OPS.adam_outer(DEV, &d, conv, &a));
    ABSENT(t, zm, OPS.adam_outer(DEV, &d, conv, &a));
    WRONG(t, zvmax, M(13), "zvmax is there without vmax", OPS.adam_outer(DEV, &d, conv, &a));
    OPS.conv_destroy(conv);
    calls = 0;
}

static void dense_fit(void)
{
    struct prism_dense_fit_desc d = {
        .dtype = PRISM_F32, .layers = 1, .batch = 2, .width = {2, 1}, .eps = 1e-8, .steps = 1};
    struct prism_dense_fit_args a = {M(0), M(1), M(2), M(3), M(4), M(5), M(6), M(7), M(8), M(9)};
    entry = "dense_fit";
    PASSES(OPS.dense_fit(DEV, &d, &a));
    WRONG(d, layers, 17, "layers is 17; expected 1 to 16", OPS.dense_fit(DEV, &d, &a));
    TOO_SMALL(d, batch, OPS.dense_fit(DEV, &d, &a));
    TOO_SMALL(d, steps, OPS.dense_fit(DEV, &d, &a));
    WRONG(d, width[1], 0, "width[1] is 0", OPS.dense_fit(DEV, &d, &a));
    WRONG(d, act[0], PRISM_ACT_COUNT, "act[0] is", OPS.dense_fit(DEV, &d, &a));
    WRONG(d, eps, 0, "eps is 0", OPS.dense_fit(DEV, &d, &a));
    ABSENT(a, index, OPS.dense_fit(DEV, &d, &a));
    ABSENT(a, tmp, OPS.dense_fit(DEV, &d, &a));
}

/* Every entry of the backend's table counts its calls. */
static void fill(struct prism_ops *ops)
{
    int (*const stub)(void) = reached;
    for (size_t at = offsetof(struct prism_ops, alloc); at < sizeof *ops; at += sizeof stub)
        memcpy((char *)ops + at, &stub, sizeof stub);
}

int main(void)
{
    const struct prism_ctx_params quiet = {.level = PRISM_LOG_ERROR};
    if (prism_ctx_create(&quiet, &device.ctx))
        return 1;
    fill(&device.inner);
    prismi_front(&device);
    device.dev.ops = &device.ops;
    device.dev.caps.dtypes = 1u << PRISM_F32 | 1u << PRISM_CF32 | 1u << PRISM_BF16;
    memory_entries();
    transforms();
    convolutions();
    gathers();
    dense();
    every_map();
    reductions();
    stencils();
    planes();
    apertures();
    spectra();
    fused();
    optimiser();
    dense_fit();
    prism_ctx_destroy(&device.ctx);
    return tap_end();
}
