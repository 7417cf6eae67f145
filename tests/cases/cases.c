#include "cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const case_map_names[PRISM_MAP_COUNT] = {
#define PRISM_MAP_ROW(NAME, name, y, x, acts) #name,
#include "prismrec/maps.def"
#undef PRISM_MAP_ROW
};

const char *const case_misfit_names[PRISM_MISFIT_COUNT] = {
#define PRISM_MISFIT_ROW(NAME, name, term, slope, zero) #name,
#include "prismrec/misfit.def"
#undef PRISM_MISFIT_ROW
};

const char *const case_reduce_names[PRISM_REDUCE_COUNT] = {
    [PRISM_REDUCE_SUM] = "sum",         [PRISM_REDUCE_MEAN] = "mean",
    [PRISM_REDUCE_VAR] = "var",         [PRISM_REDUCE_DOT] = "dot",
    [PRISM_REDUCE_ABSDIFF] = "absdiff", [PRISM_REDUCE_SQDIFF] = "sqdiff",
    [PRISM_REDUCE_MAX] = "max",         [PRISM_REDUCE_MIN] = "min",
};

const char *const case_act_names[PRISM_ACT_COUNT] = {
    [PRISM_ACT_NONE] = "none",
    [PRISM_ACT_RELU] = "relu",
    [PRISM_ACT_LEAKY] = "leaky",
    [PRISM_ACT_SIGMOID] = "sigmoid",
    [PRISM_ACT_HARDSIGMOID] = "hardsigmoid",
    [PRISM_ACT_SCALESIGMOID] = "scalesigmoid",
    [PRISM_ACT_TANH] = "tanh",
};

const char *const case_pool_names[PRISM_POOL_COUNT] = {
    [PRISM_POOL_MAX] = "max", [PRISM_POOL_MEAN] = "mean"};

static const char *const dtype_names[PRISM_DTYPE_COUNT] = {
    [PRISM_F32] = "f32", [PRISM_F64] = "f64", [PRISM_F16] = "f16", [PRISM_BF16] = "bf16"};

static const char *const shapes[] = {
    "copy n1",
    "copy n100003",
    /* every small length and its neighbours, primes, long rows, many small
     * planes */
    "fft b1 h1 w1",
    "fft b1 h1 w7",
    "fft b3 h7 w9",
    "fft b2 h16 w16",
    "fft b2 h6 w10 inplace",
    "fft b1 h97 w31",
    "fft b5 h12 w30 inplace",
    "fft b1 h128 w128 inplace",
    "fft b2 h100 w64",
    "fft b1 h512 w384",
    "fft b40 h32 w32 inplace",
    "fft b1 h1 w1 factors",
    "fft b3 h7 w9 factors",
    "fft b2 h16 w20 inplace factors",
    "fft b1 h97 w31 inplace factors",
    "fft b2 h64 w49 factors",
    "fft b40 h32 w30 inplace factors",
    "fft b1 h512 w384 factors",
    "fft b1 h16 w40 top3 rows5 left7 cols9 factors",
    "fft b3 h30 w49 top27 rows11 left40 cols20 inplace factors",
    "fft b1 h16 w40 top3 rows5 left7 cols9",
    "fft b3 h30 w49 top27 rows11 left40 cols20 inplace",
    "fft b2 h64 w64 top63 rows2 left0 cols64 inplace",
    "fft b2 h21 w33 top0 rows21 left32 cols1",
    "fft b2 h12 w20 top4 rows0 left3 cols5 inplace",
    "fft b40 h32 w32 top20 rows15 left25 cols8 inplace",
    "fft b1 h512 w384 top200 rows80 left350 cols70 inplace",
    /* the first layer of a decoder: transposed, 1024 to 512 channels, 8 to 16
     * pixels (checked by residuals) */
    "conv cin512 h16 w16 cout1024 k4 s2 p1",
    /* the tf32 hint, F32 only */
    "conv cin1 h1 w1 cout1 k1 s1 p0 tf32",
    "conv cin4 h7 w8 cout3 k4 s2 p1 tf32",
    "conv cin17 h33 w31 cout4 k3 s1 p1 tf32",
    "conv cin64 h8 w8 cout32 k4 s2 p1 tf32",
    "conv cin256 h4 w4 cout100 k4 s1 p0 tf32",
    "conv cin128 h16 w16 cout128 k4 s2 p1 tf32",
    "gemm m1 n1 k1",
    "gemm m5 n7 k9",
    "gemm m5 n7 k9 ta",
    "gemm m5 n7 k9 tb",
    "gemm m5 n7 k9 ta tb",
    "gemm m5 n7 k9 alpha2 beta1",
    "gemm m33 n1 k100 beta-2",
    "gemm m1 n65 k300 tb",
    "gemm m64 n48 k333 ta alpha-1 beta1",
    "gemm m130 n129 k128",
    "gemm m512 n256 k2048",
    "gemm m2048 n64 k512 ta",
    "gemm m300 n400 k1000 tb beta1",
    "window n1 hy4 wy5 hx4 wx5 dy0 dx0",
    "window n3 hy9 wy8 hx5 wx6 dy2 dx1",
    "window n3 hy5 wy6 hx9 wx8 dy-2 dx-1",
    "window n2 hy7 wy4 hx4 wx9 dy-1 dx2",
    "window n2 hy4 wy5 hx3 wx2 dy4 dx-2",
    "window n2 hy9 wy8 hx5 wx6 dy2 dx1 cplx",
    "window n1 hy64 wy64 hx128 wx100 dy-32 dx-18 cplx",
    "subaperture_fwd b1 h1 w1 oh1 ow1 ph1 pw1",
    "subaperture_fwd b3 h16 w20 oh8 ow9 ph7 pw5",
    "subaperture_fwd b4 h12 w9 oh12 ow10 ph12 pw9",
    "subaperture_fwd b5 h64 w64 oh32 ow32 ph21 pw21",
    "subaperture_fwd b3 h16 w20 oh8 ow9 ph7 pw5 open",
    "subaperture_fwd b4 h12 w9 oh12 ow10 ph12 pw9 open",
    "subaperture_fwd b3 h16 w20 oh8 ow9 ph7 pw5 open sparse",
    "subaperture_fwd b4 h12 w9 oh12 ow10 ph12 pw9 sparse",
    "subaperture_adj b1 h1 w1 oh1 ow1 ph1 pw1",
    "subaperture_adj b3 h16 w20 oh8 ow9 ph7 pw5",
    "subaperture_adj b3 h16 w20 oh8 ow9 ph7 pw5 beta1",
    "subaperture_adj b4 h12 w9 oh12 ow10 ph12 pw9",
    "subaperture_adj b20 h64 w64 oh32 ow32 ph21 pw21 beta1",
    "subaperture_adj b3 h16 w20 oh8 ow9 ph7 pw5 beta1 open",
    "subaperture_adj b4 h12 w9 oh12 ow10 ph12 pw9 open",
    "subaperture_adj b3 h16 w20 oh8 ow9 ph7 pw5 open top6 rows7",
    "spectrum h1 w1 oh1 ow1",
    "spectrum h20 w18 oh7 ow6",
    "spectrum h9 w11 oh9 ow11 cplx",
    "spectrum h20 w18 oh7 ow6 top6 rows9 left3 cols10",
    "spectrum h20 w18 oh7 ow6 top15 rows19 left17 cols17 cplx",
    "spectrum h64 w70 oh33 ow40 cplx",
    "spectrum h300 w256 oh100 ow129 top90 rows130 left60 cols137",
    "blur n1 h1 w1 radius0",
    "blur n2 h9 w8 radius3",
    "blur n2 h9 w8 radius3 adjoint",
    "blur n1 h6 w6 radius5",
    "blur n1 h6 w6 radius5 adjoint",
    "blur n3 h64 w50 radius5",
    "blur n3 h64 w50 radius5 adjoint",
    /* rows longer than a block of threads keeps in registers, and longer than
     * one stretch of a row */
    "norm_fwd relu r3 c20001",
    "norm_bwd relu r3 c20001",
    "norm_fwd tanh r2 c150000",
    "norm_bwd tanh r2 c150000",
    /* optimiser steps with a loss scale, and skipped ones */
    "map adam r3 c1001 scaled",
    "map adam r3 c1001 skip",
    "map amsgrad r3 c1001 scaled",
    "map amsgrad r3 c1001 skip",
    "map adam_once r3 c1001 scaled",
    "map adam_once r3 c1001 skip",
    "map loss_scale r1 c1",
    "map loss_scale r1 c1 nan",
    "map loss_scale r1 c77",
    "map loss_scale r1 c77 grow",
    "map loss_scale r1 c77 full",
    "map loss_scale r1 c1001 nan",
    /* numbers of rows around the composition's chunk */
    "adam_outer adam r1 c1",
    "adam_outer adam r33 c77",
    "adam_outer adam r100 c1001",
    "adam_outer adam r33 c77 scaled",
    "adam_outer adam r3 c30001 next",
    "adam_outer amsgrad r65 c16 next",
    "adam_outer adam r33 c77 skip",
    "adam_outer adam r1 c1 next",
    "adam_outer adam r33 c77 next",
    "adam_outer adam r64 c1024 next",
    "adam_outer adam r131 c1001 next",
    "adam_outer adam r131 c1001 next skip",
    "adam_outer amsgrad r70 c528 scaled next",
    "adam_outer once r100 c1001 next",
    "adam_outer once r33 c77 next skip",
    "adam_outer amsgrad r1 c1001",
    "adam_outer amsgrad r65 c16",
    "adam_outer amsgrad r33 c77 scaled",
    "adam_outer amsgrad r33 c77 skip",
    "adam_outer once r1 c1",
    "adam_outer once r100 c1001",
    "adam_outer once r33 c77 scaled",
    "adam_outer once r33 c77 skip",
    /* windows that overlap, leave pixels out, reach into the padding on every
     * side */
    "pool max n1 h1 w1 k1 s1 p0",
    "pool max n3 h8 w10 k2 s2 p0",
    "pool max n3 h9 w7 k2 s2 p0",
    "pool max n2 h9 w8 k3 s2 p1",
    "pool max n2 h9 w8 k3 s1 p1 nan",
    "pool max n2 h5 w6 k5 s1 p4",
    "pool max n2 h7 w9 k2 s3 p1",
    "pool max n5 h64 w67 k3 s2 p1 nan",
    "pool mean n1 h1 w1 k1 s1 p0",
    "pool mean n3 h8 w10 k2 s2 p0",
    "pool mean n3 h9 w7 k2 s2 p0",
    "pool mean n2 h9 w8 k3 s2 p1",
    "pool mean n2 h5 w6 k5 s1 p4",
    "pool mean n2 h7 w9 k2 s3 p1",
    "pool mean n5 h64 w67 k3 s2 p1",
    "copy2d r1 c1 ldy1 ldx1",
    "copy2d r3 c7 ldy9 ldx11",
    "copy2d r5 c77 ldy77 ldx154",
    "copy2d r2 c70001 ldy70003 ldx70001",
    "scatter_add n1 hy4 wy5 hx4 wx5 dy0 dx0",
    "scatter_add n3 hy9 wy8 hx5 wx6 dy2 dx1",
    "scatter_add n3 hy5 wy6 hx9 wx8 dy-2 dx-1",
    "scatter_add n2 hy4 wy5 hx3 wx2 dy4 dx-2",
    "scatter_add n2 hy64 wy67 hx40 wx50 dy30 dx20",
    "gather n1 nx1 ny1 k1",
    "gather n3 nx100 ny77 k4",
    "gather n2 nx9 ny5000 k4",
    "gather n5 nx5000 ny4099 k16",
    "softmax n1 classes1 pixels1",
    "softmax n2 classes5 pixels77",
    "softmax n3 classes2 pixels1000 inplace",
    "softmax n2 classes33 pixels300",
    "argmax n1 classes1 pixels1",
    "argmax n2 classes5 pixels77",
    "argmax n3 classes9 pixels1000 nan",
    /* widths and batches that are no multiples of a vector; one layer; the
     * interpolator's network */
    "dense_fit none net1-1 b1 steps1 rows1",
    "dense_fit relu net5-64-32-16-1 b32 steps1 rows50",
    "dense_fit relu net5-64-32-16-1 b32 steps4 rows50",
    "dense_fit relu net5-64-32-16-1 b32 steps4 rows50 skip",
    "dense_fit tanh net3-17-2 b7 steps3 rows20 scaled",
    "dense_fit leaky net19-33-20-3 b9 steps3 rows20",
    "dense_fit sigmoid net4-10-6 b5 steps2 rows20 last",
    "dense_fit hardsigmoid net2-9-8 b3 steps2 rows20 last",
    "dense_fit scalesigmoid net2-40-1 b31 steps2 rows20 last",
};

/* Problems that exist in every precision. */
static const char *const conv_shapes[] = {
    /* kernels 1 to 5, strides, padding wider than needed, one channel, an
     * output of one pixel */
    "conv cin1 h1 w1 cout1 k1 s1 p0",
    "conv cin3 h9 w7 cout2 k3 s1 p1",
    "conv cin2 h8 w11 cout5 k1 s1 p0",
    "conv cin4 h7 w8 cout3 k4 s2 p1",
    "conv cin2 h10 w9 cout3 k5 s3 p2",
    "conv cin3 h6 w5 cout4 k3 s1 p3",
    "conv cin5 h4 w4 cout6 k4 s1 p0",
    "conv cin2 h3 w4 cout2 k4 s2 p2",
    "conv cin1 h6 w7 cout3 k2 s3 p0",
    "conv cin64 h8 w8 cout32 k4 s2 p1",
    "conv cin16 h32 w32 cout8 k3 s1 p1",
    "conv cin17 h33 w31 cout4 k3 s1 p1",
    "conv cin8 h67 w131 cout2 k4 s2 p1",
    "conv cin33 h6 w5 cout40 k3 s1 p2",
    "conv cin256 h4 w4 cout100 k4 s1 p0",
    /* batches for each method of each backend, with half tiles and whole
     * ones */
    "conv n3 cin3 h9 w7 cout2 k3 s1 p1",
    "conv n2 cin5 h4 w4 cout6 k4 s1 p0",
    "conv n5 cin3 h6 w33 cout4 k3 s1 p1",
    "conv n3 cin8 h16 w70 cout5 k4 s2 p1",
    "conv n4 cin16 h16 w16 cout20 k3 s1 p1",
    "conv n2 cin4 h8 w8 cout3 k2 s2 p0",
    /* many channels; a decoder's last layers (checked by residuals) */
    "conv cin128 h16 w16 cout128 k4 s2 p1",
    "conv cin4 h512 w512 cout2 k3 s1 p1",
    "conv cin16 h256 w256 cout32 k4 s2 p1",
    "conv cin16 h192 w256 cout16 k3 s1 p0",
};

static const char *const map_shapes[] = {"r1 c1",    "r3 c1001",         "r65 c16",
                                         "r2 c9001", "r3 c1001 inplace", "r6 c35 period3"};
static const char *const reduce_shapes[] = {"r1 c1", "r3 c1001", "r100 c7", "r7 c5000",
                                            "r2 c100003"};
static const char *const norm_shapes[] = {"r1 c2",    "r4 c77",    "r16 c256",
                                          "r2 c5000", "n3 r5 c77", "n2 r3 c5000"};
static const char *const norm_fwd_shapes[] = {"r4 c77 inplace", "n2 r3 c5000 inplace"};
static const char *const misfit_shapes[] = {"b1 c1", "b3 c1001", "b2 c9001 inplace",
                                            "b7 c64 inplace"};
static const char *const field_misfit_shapes[] = {"b1 h1 w1 oh1 ow1 ph1 pw1",
                                                  "b3 h16 w20 oh8 ow9 ph7 pw5",
                                                  "b3 h16 w20 oh8 ow9 ph7 pw5 open inplace",
                                                  "b4 h12 w9 oh12 ow10 ph12 pw9",
                                                  "b20 h64 w64 oh32 ow32 ph21 pw21 open",
                                                  "b2 h40 w40 oh300 ow250 ph31 pw40 inplace"};

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

struct list {
    char (*text)[CASE_TEXT];
    size_t n;
    const char *suffix;
};

static void add(struct list *l, const char *op, const char *kind, const char *shape)
{
    snprintf(l->text[l->n++], CASE_TEXT, "%s%s%s%s%s %s", op, *op ? " " : "", kind,
             *kind ? " " : "", shape, l->suffix);
}

static void add_acts(struct list *l, const char *op, const char *const *shape, size_t n)
{
    for (int act = 0; act < PRISM_ACT_COUNT; act++)
        for (size_t i = 0; i < n; i++)
            add(l, op, case_act_names[act], shape[i]);
}

bool case_map_acts(int op)
{
    static const bool acts_of[PRISM_MAP_COUNT] = {
#define PRISM_MAP_ROW(NAME, name, y, x, acts) acts,
#include "prismrec/maps.def"
#undef PRISM_MAP_ROW
    };
    return acts_of[op];
}

static void add_maps(struct list *l, bool half)
{
    char name[CASE_TEXT / 2];
    for (int op = 0; op < PRISM_MAP_COUNT; op++) {
        bool conversion = op == PRISM_MAP_NARROW || op == PRISM_MAP_WIDEN;
        if (conversion != half || op == PRISM_MAP_LOSS_SCALE)
            continue;
        if (case_map_acts(op)) {
            snprintf(name, sizeof name, "map %s", case_map_names[op]);
            add_acts(l, name, map_shapes, COUNT(map_shapes));
            continue;
        }
        for (size_t i = 0; i < COUNT(map_shapes); i++)
            if (!half || !case_has(map_shapes[i], "inplace"))
                add(l, "map", case_map_names[op], map_shapes[i]);
    }
}

static void add_reductions(struct list *l)
{
    for (int op = 0; op < PRISM_REDUCE_COUNT; op++)
        for (size_t i = 0; i < COUNT(reduce_shapes); i++)
            add(l, "reduce", case_reduce_names[op] ? case_reduce_names[op] : "unnamed",
                reduce_shapes[i]);
    add(l, "reduce", "max", "r3 c1001 nan");
    add(l, "reduce", "min", "r3 c1001 nan");
}

static void add_misfits(struct list *l)
{
    for (int kind = 0; kind < PRISM_MISFIT_COUNT; kind++) {
        for (size_t i = 0; i < COUNT(misfit_shapes); i++)
            add(l, "misfit", case_misfit_names[kind], misfit_shapes[i]);
        for (size_t i = 0; i < COUNT(field_misfit_shapes); i++)
            add(l, "field_misfit", case_misfit_names[kind], field_misfit_shapes[i]);
    }
}

char (*cases_all(enum prism_dtype dtype, int *n))[CASE_TEXT]
{
    size_t most = COUNT(shapes) + COUNT(conv_shapes) +
                  (PRISM_MAP_COUNT + 3 * PRISM_ACT_COUNT) * COUNT(map_shapes) +
                  2 * PRISM_REDUCE_COUNT * COUNT(reduce_shapes) +
                  PRISM_MISFIT_COUNT * (COUNT(misfit_shapes) + COUNT(field_misfit_shapes)) +
                  PRISM_ACT_COUNT * (2 * COUNT(norm_shapes) + COUNT(norm_fwd_shapes));
    struct list l = {calloc(most, CASE_TEXT), 0, dtype_names[dtype]};
    bool half = case_half(dtype);

    *n = 0;
    if (!l.text)
        return NULL;
    for (size_t i = 0; i < COUNT(shapes) && !half; i++)
        if (dtype == PRISM_F32 || !case_has(shapes[i], "tf32"))
            add(&l, "", "", shapes[i]);
    for (size_t i = 0; i < COUNT(conv_shapes); i++)
        add(&l, "", "", conv_shapes[i]);
    add_maps(&l, half);
    if (!half) {
        add_reductions(&l);
        add_misfits(&l);
    }
    add_acts(&l, "norm_fwd", norm_shapes, COUNT(norm_shapes));
    add_acts(&l, "norm_fwd", norm_fwd_shapes, COUNT(norm_fwd_shapes));
    add_acts(&l, "norm_bwd", norm_shapes, COUNT(norm_shapes));
    *n = (int)l.n;
    return l.text;
}

void case_word(const char *text, int i, char word[CASE_TEXT])
{
    size_t n = 0;

    for (text += strspn(text, " "); i > 0 && *text; i--) {
        text += strcspn(text, " ");
        text += strspn(text, " ");
    }
    while (text[n] && text[n] != ' ' && n < CASE_TEXT - 1)
        n++;
    memcpy(word, text, n);
    word[n] = 0;
}

bool case_has(const char *text, const char *word)
{
    char w[CASE_TEXT];

    for (int i = 0; case_word(text, i, w), *w; i++)
        if (!strcmp(w, word))
            return true;
    return false;
}

int case_int(const char *text, const char *key, int fallback)
{
    char w[CASE_TEXT], *end;
    size_t n = strlen(key);

    for (int i = 0; case_word(text, i, w), *w; i++) {
        if (strncmp(w, key, n) || !w[n])
            continue;
        long value = strtol(w + n, &end, 10);
        if (!*end)
            return (int)value;
    }
    return fallback;
}

enum prism_dtype case_dtype(const char *text)
{
    for (int d = 0; d < PRISM_DTYPE_COUNT; d++)
        if (dtype_names[d] && case_has(text, dtype_names[d]))
            return (enum prism_dtype)d;
    return PRISM_DTYPE_COUNT;
}

bool case_half(enum prism_dtype dtype)
{
    return dtype == PRISM_F16 || dtype == PRISM_BF16;
}

int case_index(const char *text, int i, const char *const *names, int n)
{
    char w[CASE_TEXT];

    case_word(text, i, w);
    for (int k = 0; k < n; k++)
        if (names[k] && !strcmp(names[k], w))
            return k;
    return -1;
}
