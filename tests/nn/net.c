/* The decoder: architecture, counts, names, errors, initial weights, files,
 * folding. */
#include "nn_test.h"
#include "support/suite.h"

#include <unistd.h>

static void check_refused(struct prism_decoder_params p, int status, const char *word)
{
    struct prism_net *net = (struct prism_net *)&p; /* anything but NULL */
    ck_assert_int_eq(prism_decoder_create(dev, &p, &net), status);
    ck_assert_ptr_null(net);
    ck_assert_msg(strstr(prism_ctx_error(ctx)->text, word) != NULL, "\"%s\" lacks \"%s\"",
                  prism_ctx_error(ctx)->text, word);
}

/* ---- architecture ---- */

static size_t list_params(struct prism_decoder_params p, int out[3])
{
    struct prismi_layer l[PRISMI_MAX_LAYERS];
    size_t total = 0;
    int n;
    MUST(ctx, prismi_decoder_layers(ctx, &p, l, &n));
    for (int i = 0; i < n; i++) {
        if (i > 0)
            memcpy(l[i].in, l[i - 1].out, sizeof l[i].in);
        l[i].ops->infer(&l[i]);
        for (int k = 0; k < l[i].nparam; k++)
            total += l[i].param[k].info.count;
    }
    memcpy(out, l[n - 1].out, sizeof l->out);
    return total;
}

START_TEST(parameter_counts)
{
    static const struct {
        int n, o, up, nchannels;
        size_t params;
    } table[] = {
        {64, 32, 3, 6, 43799},         {64, 64, 4, 6, 43855},         {128, 64, 4, 7, 175063},
        {128, 128, 5, 7, 175119},      {256, 128, 5, 8, 699735},      {256, 256, 6, 8, 699791},
        {512, 256, 6, 9, 2797655},     {512, 512, 7, 9, 2797711},     {1024, 512, 7, 10, 11187799},
        {1024, 1024, 8, 10, 11187855}, {2048, 1024, 8, 11, 44745303}, {2048, 2048, 9, 11, 44745359},
        {512, 128, 5, 9, 2797431},     {1024, 73, 5, 10, 11186679},   {1024, 235, 6, 10, 11187575}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int frame = 0; frame < 2; frame++) {
            struct prism_decoder_params p = {
                .grid_size = table[i].n, .obj_size = table[i].o, .frame = frame};
            int out[3];
            ck_assert_uint_eq(list_params(p, out), table[i].params);
            ck_assert_int_eq(out[0], 1);
            ck_assert_int_eq(out[1], table[i].o);
            ck_assert_int_eq(out[2], table[i].o);
        }
    struct prism_net *net =
        nn_decoder(dev, (struct prism_decoder_params){.grid_size = 64, .obj_size = 32});
    ck_assert_uint_eq(prism_net_param_total(net), 43799);
    ck_assert_int_eq(prism_net_params(net)->n_upsample, 3);
    ck_assert_int_eq(prism_net_params(net)->n_channels, 6);
    ck_assert_int_eq(prism_net_params(net)->latent_channels, 64);
    prism_net_destroy(&net);
}
END_TEST

START_TEST(every_object_size)
{
    for (int n = 2; n <= 64; n *= 2)
        for (int o = 1; o <= n; o++)
            for (int frame = 0; frame < 2; frame++) {
                int out[3];
                list_params(
                    (struct prism_decoder_params){.grid_size = n, .obj_size = o, .frame = frame},
                    out);
                ck_assert_int_eq(out[0], 1);
                ck_assert_int_eq(out[1], o);
                ck_assert_int_eq(out[2], o);
            }
}
END_TEST

START_TEST(user_progression)
{
    struct prism_decoder_params p = {.grid_size = 32,
                                     .obj_size = 32,
                                     .latent_channels = 6,
                                     .n_upsample = 2, /* side 16: padded to 32 */
                                     .n_channels = 5,
                                     .channels = {5, 5, 3, 4, 1},
                                     .no_norm = true};
    struct prism_net *net = nn_decoder(dev, p);
    /* T0 6->5, T1 5->5, T2 5->3 (4x4), C3 3->4, C4 4->1 (3x3), each with a
     * bias */
    ck_assert_uint_eq(prism_net_param_total(net),
                      6 + (6 * 5 + 5 * 5 + 5 * 3) * 16 + (3 * 4 + 4 * 1) * 9 + 5 + 5 + 3 + 4 + 1);
    MUST(ctx, prism_net_init(net, 3));
    double *v = nn_forward(net), inside = 0;
    for (int y = 0; y < 32; y++)
        for (int x = 0; x < 32; x++)
            if (y < 8 || y >= 24 || x < 8 || x >= 24)
                ck_assert_double_eq(v[y * 32 + x], 0);
            else
                inside += fabs(v[y * 32 + x]);
    ck_assert_double_gt(inside, 0);
    free(v);
    prism_net_destroy(&net);
}
END_TEST

/* Where up-sampling already ends in one channel, that transposed convolution is
 * the last layer: a bias, neither norm nor ReLU. */
START_TEST(single_channel_tail)
{
    struct prism_net *net = nn_decoder(
        dev, (struct prism_decoder_params){.grid_size = 16, .obj_size = 16, .latent_channels = 8});
    struct prism_param_info info;
    ck_assert_int_eq(prism_net_params(net)->n_channels, 3); /* 4 2 1 */
    MUST(ctx, prism_net_param(net, prism_net_param_count(net) - 1, &info));
    ck_assert_str_eq(info.name, "decoder.6.bias");
    MUST(ctx, prism_net_init(net, 1));
    double *v = nn_forward(net), low = 0;
    for (int i = 0; i < 256; i++)
        low = fmin(low, v[i]);
    ck_assert_double_lt(low, 0);
    free(v);
    prism_net_destroy(&net);
}
END_TEST

START_TEST(padded_and_frame)
{
    for (int frame = 0; frame < 2; frame++) {
        struct prism_net *net = nn_decoder(
            dev, (struct prism_decoder_params){.grid_size = 16, .obj_size = 16, .frame = frame});
        MUST(ctx, prism_net_init(net, 2));
        double *v = nn_forward(net), edge = 0;
        for (int i = 0; i < 16; i++)
            edge += fabs(v[i]) + fabs(v[15 * 16 + i]) + fabs(v[16 * i]) + fabs(v[16 * i + 15]);
        ck_assert(frame ? edge == 0 : edge > 0);
        free(v);
        prism_net_destroy(&net);
    }
}
END_TEST

START_TEST(names_and_slabs)
{
    static const char *const name[] = {"input_vec",       "decoder.0.weight",  "decoder.1.gamma",
                                       "decoder.1.beta",  "decoder.3.weight",  "decoder.4.gamma",
                                       "decoder.4.beta",  "decoder.6.weight",  "decoder.7.gamma",
                                       "decoder.7.beta",  "decoder.9.weight",  "decoder.10.gamma",
                                       "decoder.10.beta", "decoder.12.weight", "decoder.13.gamma",
                                       "decoder.13.beta", "decoder.15.weight", "decoder.15.bias"};
    static const int weight0[4] = {64, 32, 4, 4}, weight15[4] = {1, 2, 3, 3};
    struct prism_net *net =
        nn_decoder(dev, (struct prism_decoder_params){.grid_size = 64, .obj_size = 32});
    struct prism_param_info info;
    prism_mem values;
    size_t count, at = 0;
    prism_net_values(net, &values, &count);
    ck_assert_int_eq(prism_net_param_count(net), 18);
    for (int i = 0; i < 18; i++) {
        MUST(ctx, prism_net_param(net, i, &info));
        ck_assert_str_eq(info.name, name[i]);
        ck_assert_uint_eq((size_t)(info.value - values), at);
        ck_assert(i == 1 ? !info.grad : info.grad != NULL);
        at += (info.count * sizeof(float) + 63) / 64 * 64;
        if (i == 1)
            ck_assert_mem_eq(info.dim, weight0, sizeof weight0);
        if (i == 16)
            ck_assert_mem_eq(info.dim, weight15, sizeof weight15);
    }
    ck_assert_uint_eq(count * sizeof(float), at);
    ck_assert_int_eq(prism_net_param(net, 18, &info), PRISM_EINVAL);
    ck_assert_int_eq(prism_net_param(net, -1, &info), PRISM_EINVAL);
    ck_assert_ptr_nonnull(strstr(prism_ctx_error(ctx)->text, "0 to 17"));
    prism_net_destroy(&net);
    prism_net_destroy(&net); /* NULL ok */

    net = nn_decoder(
        dev, (struct prism_decoder_params){.grid_size = 16, .obj_size = 16, .no_norm = true});
    static const char *const bare[] = {"input_vec",        "decoder.0.weight", "decoder.0.bias",
                                       "decoder.2.weight", "decoder.2.bias",   "decoder.4.weight",
                                       "decoder.4.bias",   "decoder.6.weight", "decoder.6.bias"};
    ck_assert_int_eq(prism_net_param_count(net), 9);
    for (int i = 0; i < 9; i++) {
        MUST(ctx, prism_net_param(net, i, &info));
        ck_assert_str_eq(info.name, bare[i]);
    }
    prism_net_running(net, &values, &count);
    ck_assert_uint_eq(count, 0);
    prism_net_destroy(&net);
}
END_TEST

START_TEST(padding_stays_zero)
{
    struct prism_net *net =
        nn_decoder(dev, (struct prism_decoder_params){.grid_size = 16, .obj_size = 11});
    size_t count[2] = {0, net->grad_count};
    prism_mem slab[2] = {NULL, net->grads};
    MUST(ctx, prism_net_init(net, 4));
    double *out = nn_forward(net);
    MUST(ctx, prism_net_backward(net, net->layer[net->nlayers - 1].y)); /* any gradient will do */
    prism_net_values(net, &slab[0], &count[0]);
    for (int s = 0; s < 2; s++) {
        double *v = nn_get(net, slab[s], count[s]), used = 0;
        for (int i = 0; i < net->nparam; i++) {
            const struct prism_param_info *p = &prismi_net_param(net, i)->info;
            prism_mem mem = s ? p->grad : p->value;
            size_t at = mem ? (size_t)(mem - slab[s]) / sizeof(float) : 0;
            for (size_t k = at; mem && k < at + p->count; k++) {
                used += fabs(v[k]);
                v[k] = 0;
            }
        }
        ck_assert_double_gt(used, 0);
        for (size_t k = 0; k < count[s]; k++)
            ck_assert_double_eq(v[k], 0);
        free(v);
    }
    free(out);
    prism_net_destroy(&net);
}
END_TEST

/* ---- refusals ---- */

START_TEST(refusals)
{
    check_refused((struct prism_decoder_params){.grid_size = 48, .obj_size = 16}, PRISM_EINVAL,
                  "grid_size 48 is not a power of two");
    check_refused((struct prism_decoder_params){.grid_size = 0, .obj_size = 1}, PRISM_EINVAL,
                  "grid_size 0");
    check_refused((struct prism_decoder_params){.grid_size = 64, .obj_size = 65}, PRISM_EINVAL,
                  "obj_size 65");
    check_refused((struct prism_decoder_params){.grid_size = 64, .obj_size = 0}, PRISM_EINVAL,
                  "obj_size 0");
    check_refused(
        (struct prism_decoder_params){.grid_size = 256, .obj_size = 256, .latent_channels = 64},
        PRISM_EINVAL, "reaches 0 channels");
    ck_assert_ptr_nonnull(strstr(prism_ctx_error(ctx)->text, "at least 128"));
    check_refused(
        (struct prism_decoder_params){.grid_size = 2048, .obj_size = 2048, .latent_channels = 512},
        PRISM_EINVAL, "reaches 0 channels");
    check_refused((struct prism_decoder_params){.grid_size = 1, .obj_size = 1}, PRISM_EINVAL,
                  "reaches 0 channels");
    check_refused(
        (struct prism_decoder_params){.grid_size = 64, .obj_size = 32, .latent_channels = -1},
        PRISM_EINVAL, "latent_channels -1");
    check_refused((struct prism_decoder_params){.grid_size = 64, .obj_size = 32, .n_upsample = 15},
                  PRISM_EINVAL, "n_upsample 15");
    check_refused(
        (struct prism_decoder_params){
            .grid_size = 64, .obj_size = 32, .n_channels = 1, .channels = {1}},
        PRISM_EINVAL, "1 entries");
    check_refused((struct prism_decoder_params){.grid_size = 64, .obj_size = 32, .n_channels = 33},
                  PRISM_EINVAL, "33 entries");
    check_refused(
        (struct prism_decoder_params){
            .grid_size = 64, .obj_size = 32, .n_channels = 3, .channels = {4, 2, 1}},
        PRISM_EINVAL, "at least 4");
    check_refused(
        (struct prism_decoder_params){
            .grid_size = 8, .obj_size = 8, .n_channels = 3, .channels = {4, 0, 1}},
        PRISM_EINVAL, "channels[1] is 0");
    check_refused(
        (struct prism_decoder_params){
            .grid_size = 8, .obj_size = 8, .n_channels = 3, .channels = {4, 2, 2}},
        PRISM_EINVAL, "ends in 2");
    check_refused((struct prism_decoder_params){.grid_size = 8,
                                                .obj_size = 8,
                                                .output_activation = PRISM_ACT_COUNT},
                  PRISM_EINVAL, "output_activation");
    check_refused(
        (struct prism_decoder_params){.grid_size = 8, .obj_size = 8, .init = (enum prism_init)7},
        PRISM_EINVAL, "init 7");
    check_refused((struct prism_decoder_params){.grid_size = 8, .obj_size = 8, .dtype = PRISM_I32},
                  PRISM_ENOTSUP, "element type");
}
END_TEST

START_TEST(backward_order)
{
    struct prism_net *fold = NULL, *net = nn_decoder(dev, (struct prism_decoder_params){
                                                              .grid_size = 8, .obj_size = 8});
    MUST(ctx, prism_net_init(net, 1));
    prism_mem out;
    ck_assert_int_eq(prism_net_backward(net, net->values), PRISM_EINVAL);
    ck_assert_ptr_nonnull(strstr(prism_ctx_error(ctx)->text, "forward before it"));
    MUST(ctx, prism_net_forward(net, &out));
    MUST(ctx, prism_net_backward(net, out));
    ck_assert_int_eq(prism_net_backward(net, out),
                     PRISM_EINVAL); /* what the forward saved is spent */
    MUST(ctx, prism_net_fold(net, &fold));
    MUST(ctx, prism_net_forward(fold, &out));
    ck_assert_int_eq(prism_net_backward(fold, out), PRISM_EINVAL);
    ck_assert_ptr_nonnull(strstr(prism_ctx_error(ctx)->text, "folded"));
    struct prism_param_info info;
    MUST(ctx, prism_net_param(fold, 0, &info));
    ck_assert_ptr_null(info.grad);
    ck_assert_int_eq(prism_net_gradient(fold, 0, out), PRISM_EINVAL);
    ck_assert_ptr_nonnull(strstr(prism_ctx_error(ctx)->text, "no gradient of input_vec"));
    ck_assert_int_eq(prism_net_segments(fold, NULL, 0), 0);
    prism_net_destroy(&fold);
    prism_net_destroy(&net);
}
END_TEST

/* ---- initial weights ---- */

static void check_moments(const double *v, size_t n, double mean, double std)
{
    double m = 0, s = 0;
    for (size_t i = 0; i < n; i++)
        m += v[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        s += (v[i] - m) * (v[i] - m) / (double)n;
    ck_assert_double_le(fabs(m - mean), 5 * std / sqrt((double)n));
    ck_assert_double_le(fabs(sqrt(s) / std - 1), 5 / sqrt((double)n));
}

static struct prism_net *initialised(enum prism_init init, uint64_t seed, enum prism_dtype dtype)
{
    struct prism_net *net =
        nn_decoder(dev, (struct prism_decoder_params){
                            .dtype = dtype, .grid_size = 64, .obj_size = 32, .init = init});
    MUST(ctx, prism_net_init(net, seed));
    return net;
}

START_TEST(init_torch)
{
    struct prism_net *net = initialised(PRISM_INIT_TORCH, 11, PRISM_F64),
                     *single = initialised(PRISM_INIT_TORCH, 11, PRISM_F32);
    for (int i = 0; i < net->nparam; i++) {
        const struct prismi_param *p = prismi_net_param(net, i);
        size_t n = p->info.count;
        double *v = nn_get(net, p->info.value, n),
               *f = nn_get(single, prismi_net_param(single, i)->info.value, n);
        uint64_t stream = PRISMI_STREAM_WEIGHTS + (uint64_t)i;
        for (size_t k = 0; k < n; k++)
            ck_assert_double_eq(f[k], (float)v[k]);
        if (p->fill == PRISMI_FILL_NORMAL) {
            check_moments(v, n, 0, 1);
            ck_assert_double_eq(v[5], prismi_rng_normal(11, stream, 5));
        } else if (p->fill == PRISMI_FILL_WEIGHT) {
            double b = 1 / sqrt((double)p->info.dim[1] * p->info.dim[2] * p->info.dim[3]), top = 0;
            for (size_t k = 0; k < n; k++)
                top = fmax(top, fabs(v[k]));
            ck_assert_double_lt(top, b);
            ck_assert_double_gt(top, b * (1 - 20 / (double)n));
            check_moments(v, n, 0, b / sqrt(3));
            ck_assert_double_eq_tol(v[n - 1], b * (2 * prismi_rng_uniform(11, stream, n - 1) - 1),
                                    1e-15);
        } else if (p->fill == PRISMI_FILL_BIAS) {
            ck_assert_double_le(fabs(v[0]), 1 / sqrt(2. * 9));
            ck_assert_double_ne(v[0], 0);
        } else {
            for (size_t k = 0; k < n; k++)
                ck_assert_double_eq(v[k], p->fill == PRISMI_FILL_ONE);
        }
        free(v);
        free(f);
    }
    prism_mem mem;
    size_t count;
    prism_net_running(net, &mem, &count);
    double *r = nn_get(net, mem, count);
    for (size_t k = 0; k < 64; k++) /* the first norm: 32 means, 32 variances */
        ck_assert_double_eq(r[k], k >= 32);
    free(r);
    prism_net_destroy(&net);
    prism_net_destroy(&single);
}
END_TEST

START_TEST(init_seeds)
{
    struct prism_net *net[3] = {initialised(PRISM_INIT_TORCH, 1, PRISM_F32),
                                initialised(PRISM_INIT_TORCH, 1, PRISM_F32),
                                initialised(PRISM_INIT_TORCH, 2, PRISM_F32)};
    double *v[3];
    for (int i = 0; i < 3; i++)
        v[i] = nn_get(net[i], net[i]->values, net[i]->slab_count);
    ck_assert_mem_eq(v[0], v[1], net[0]->slab_count * sizeof(double));
    ck_assert_mem_ne(v[0], v[2], net[0]->slab_count * sizeof(double));
    for (int i = 0; i < 3; i++) {
        free(v[i]);
        prism_net_destroy(&net[i]);
    }
}
END_TEST

START_TEST(init_xavier)
{
    struct prism_net *net = initialised(PRISM_INIT_XAVIER, 5, PRISM_F64);
    for (int i = 1; i < net->nparam; i++) {
        const struct prismi_param *p = prismi_net_param(net, i);
        double *v = nn_get(net, p->info.value, p->info.count);
        if (p->fill == PRISMI_FILL_WEIGHT)
            check_moments(
                v, p->info.count, 0,
                sqrt(2. / ((p->info.dim[0] + p->info.dim[1]) * p->info.dim[2] * p->info.dim[3])));
        if (p->fill == PRISMI_FILL_BIAS)
            ck_assert_double_eq(v[0], 0);
        free(v);
    }
    prism_net_destroy(&net);
}
END_TEST

START_TEST(init_orthogonal)
{
    /* T0 [40, 2 16] is tall, T1 [2, 4 16] and C3 [1, 4 9] are wide */
    struct prism_net *net =
        nn_decoder(dev, (struct prism_decoder_params){.dtype = PRISM_F64,
                                                      .grid_size = 8,
                                                      .obj_size = 8,
                                                      .latent_channels = 40,
                                                      .n_channels = 3,
                                                      .channels = {2, 4, 1},
                                                      .init = PRISM_INIT_ORTHOGONAL});
    int seen = 0;
    MUST(ctx, prism_net_init(net, 6));
    for (int i = 0; i < net->nparam; i++) {
        const struct prismi_param *p = prismi_net_param(net, i);
        if (p->fill != PRISMI_FILL_WEIGHT)
            continue;
        size_t rows = (size_t)p->info.dim[0], cols = p->info.count / rows,
               n = rows < cols ? rows : cols;
        size_t step = rows <= cols ? cols : 1, along = rows <= cols ? 1 : cols,
               len = rows <= cols ? cols : rows;
        double *v = nn_get(net, p->info.value, p->info.count);
        for (size_t a = 0; a < n; a++)
            for (size_t b = 0; b <= a; b++) {
                double dot = 0;
                for (size_t t = 0; t < len; t++)
                    dot += v[a * step + t * along] * v[b * step + t * along];
                ck_assert_double_eq_tol(dot, a == b, 1e-12);
            }
        free(v);
        seen++;
    }
    ck_assert_int_eq(seen, 3);
    prism_net_destroy(&net);
}
END_TEST

/* ---- files ---- */

static void check_same_values(const struct prism_net *a, const struct prism_net *b, bool rounded)
{
    for (int i = 0; i < a->nparam; i++) {
        const struct prismi_param *p = prismi_net_param(a, i), *q = prismi_net_param(b, i);
        double *v = nn_get(a, p->info.value, p->info.count),
               *w = nn_get(b, q->info.value, q->info.count);
        for (size_t k = 0; k < p->info.count; k++)
            ck_assert_double_eq(rounded ? (float)v[k] : v[k], w[k]);
        free(v);
        free(w);
    }
}

START_TEST(save_and_load)
{
    const char *path = in_folder("weights");
    for (int from = 0; from < 2; from++)
        for (int to = 0; to < 2; to++) {
            struct prism_decoder_params p = {
                .dtype = from ? PRISM_F64 : PRISM_F32, .grid_size = 16, .obj_size = 12};
            struct prism_net *a = nn_decoder(dev, p);
            p.dtype = to ? PRISM_F64 : PRISM_F32;
            struct prism_net *b = nn_decoder(dev, p);
            MUST(ctx, prism_net_init(a, 9));
            free(nn_forward(a)); /* running statistics that are not the initial ones */
            MUST(ctx, prism_net_save(a, path));
            MUST(ctx, prism_net_load(b, path));
            check_same_values(a, b, from && !to);
            double *r = nn_get(a, a->running, a->running_count),
                   *s = nn_get(b, b->running, b->running_count);
            for (size_t k = 0; k < a->running_count; k++)
                ck_assert_double_eq(from && !to ? (float)r[k] : r[k], s[k]);
            free(r);
            free(s);
            prism_net_destroy(&a);
            prism_net_destroy(&b);
        }
}
END_TEST

START_TEST(load_refusals)
{
    const char *path = in_folder("weights");
    static const struct {
        struct prism_decoder_params p;
        const char *word;
    } other[] = {
        {{.grid_size = 16, .obj_size = 11}, "obj_size is 12, this network's is 11"},
        {{.grid_size = 16, .obj_size = 12, .latent_channels = 32}, "latent_channels is 16"},
        {{.grid_size = 16, .obj_size = 12, .no_norm = true}, "no_norm is 0"},
        {{.grid_size = 16, .obj_size = 12, .frame = true}, "frame is 0"},
        {{.grid_size = 16, .obj_size = 12, .output_activation = PRISM_ACT_TANH},
         "output_activation is 0"},
        {{.grid_size = 16, .obj_size = 12, .n_channels = 4, .channels = {8, 5, 2, 1}},
         "channels[1] is 4"}};
    struct prism_net *a =
        nn_decoder(dev, (struct prism_decoder_params){.grid_size = 16, .obj_size = 12});
    ck_assert_int_eq(prism_net_load(a, path), PRISM_EIO); /* absent */
    MUST(ctx, prism_net_init(a, 9));
    MUST(ctx, prism_net_save(a, path));
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        struct prism_net *b = nn_decoder(dev, other[i].p);
        ck_assert_int_eq(prism_net_load(b, path), PRISM_EINVAL);
        ck_assert_msg(strstr(prism_ctx_error(ctx)->text, other[i].word) != NULL, "%s",
                      prism_ctx_error(ctx)->text);
        prism_net_destroy(&b);
    }
    /* a larger grid with the same latent has the same weights */
    struct prism_net *b = nn_decoder(
        dev, (struct prism_decoder_params){.grid_size = 32, .obj_size = 12, .latent_channels = 16});
    MUST(ctx, prism_net_load(b, path));
    check_same_values(a, b, false);
    prism_net_destroy(&b);

    /* a container without one of the tensors changes nothing */
    struct prismi_box *box = NULL, *part = NULL;
    MUST(ctx, prismi_box_load(ctx, path, "PRISMWTS", &box));
    MUST(ctx, prismi_box_create(ctx, "PRISMWTS", &part));
    for (int i = 0; i < prismi_box_count(box) - 1; i++) {
        size_t bytes;
        const char *name = prismi_box_name(box, i, &bytes);
        MUST(ctx, prismi_box_add(part, name, prismi_box_get(box, name, NULL), bytes));
    }
    MUST(ctx, prismi_box_save(part, path, false));
    prismi_box_destroy(&box);
    prismi_box_destroy(&part);
    b = nn_decoder(dev, (struct prism_decoder_params){.grid_size = 16, .obj_size = 12});
    ck_assert_int_eq(prism_net_load(b, path), PRISM_EPARSE);
    ck_assert_ptr_nonnull(strstr(prism_ctx_error(ctx)->text, "running"));
    double *v = nn_get(b, b->values, b->slab_count);
    for (size_t k = 0; k < b->slab_count; k++)
        ck_assert_double_eq(v[k], 0);
    free(v);
    prism_net_destroy(&b);
    prism_net_destroy(&a);
}
END_TEST

/* ---- folding ---- */

/* Evaluation mode computed by hand: each norm replaced by (x - rm)/sqrt(rv +
 * eps) gamma + beta with the running statistics. */
static double *forward_eval(struct prism_net *net)
{
    for (int i = 0; i < net->nlayers; i++) {
        struct prismi_layer *l = &net->layer[i];
        if (!l->nrunning) {
            MUST(ctx, l->ops->forward(l));
            continue;
        }
        size_t c = (size_t)l->in[0], n = prismi_layer_count(l->in);
        double *x = nn_get(net, l->x[0], n), *r = nn_get(net, l->running, 2 * c);
        double *g = nn_get(net, l->param[0].info.value, c),
               *b = nn_get(net, l->param[1].info.value, c);
        for (size_t k = 0; k < n; k++) {
            size_t o = k / (n / c);
            x[k] = fmax(0, (x[k] - r[o]) / sqrt(r[c + o] + 1e-5) * g[o] + b[o]);
        }
        MUST(ctx, prismi_dev_put(dev, l->y, net->dtype, x, n));
        free(x);
        free(r);
        free(g);
        free(b);
    }
    return nn_get(net, net->layer[net->nlayers - 1].y, nn_out_count(net));
}

START_TEST(fold_is_evaluation_mode)
{
    static const struct prism_decoder_params table[] = {
        {.grid_size = 32, .obj_size = 8}, /* three refinement convolutions */
        {.grid_size = 16, .obj_size = 13, .frame = true, .output_activation = PRISM_ACT_SIGMOID},
        {.grid_size = 16, .obj_size = 16, .latent_channels = 8},
        {.grid_size = 16, .obj_size = 16, .no_norm = true, .output_activation = PRISM_ACT_TANH}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int t = 0; t < 2; t++) {
            struct prism_decoder_params p = table[i];
            p.dtype = t ? PRISM_F64 : PRISM_F32;
            struct prism_net *fold = NULL, *net = nn_decoder(dev, p);
            MUST(ctx, prism_net_init(net, i));
            nn_fill(net, 1);
            free(nn_forward(net));
            free(nn_forward(net));
            MUST(ctx, prism_net_fold(net, &fold));
            double *want = forward_eval(net), *got = nn_forward(fold);
            ck_assert_double_lt(nn_error(got, want, nn_out_count(net)), t ? 1e-13 : 1e-5);
            ck_assert(prism_net_params(fold)->no_norm);
            free(want);
            free(got);
            prism_net_destroy(&fold);
            prism_net_destroy(&net);
        }
}
END_TEST

SUITE("nn net", fixture_open, fixture_close, parameter_counts, every_object_size, user_progression,
      single_channel_tail, padded_and_frame, names_and_slabs, padding_stays_zero, refusals,
      backward_order, init_torch, init_seeds, init_xavier, init_orthogonal, save_and_load,
      load_refusals, fold_is_evaluation_mode)
