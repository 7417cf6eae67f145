/* A network's weights: initial values, files, folding. */
#include "nn_test.h"
#include "support/box.h"
#include "support/suite.h"

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
    struct prism_net *net = nn_decoder(
        dev, (struct prism_decoder_params){
                 .dtype = dtype, .grid_size = 64, .obj_size = 32, .init = init, ORIGINAL});
    MUST(ctx, prism_net_init(net, seed));
    return net;
}

START_TEST(torch_weights_have_their_bounds)
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

START_TEST(seeds_give_their_own_weights)
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

START_TEST(xavier_weights_have_their_deviation)
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

START_TEST(orthogonal_weights_are_orthogonal)
{
    /* T0 [40, 2 16] is tall, T1 [2, 4 16] and C3 [1, 4 9] are wide */
    struct prism_net *net =
        nn_decoder(dev, (struct prism_decoder_params){.dtype = PRISM_F64,
                                                      .grid_size = 8,
                                                      .obj_size = 8,
                                                      .latent_channels = 40,
                                                      .n_channels = 3,
                                                      .channels = {2, 4, 1},
                                                      .init = PRISM_INIT_ORTHOGONAL,
                                                      .output_activation = PRISM_OUTPUT_NONE});
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

START_TEST(saved_weights_load_again)
{
    const char *path = in_folder("weights");
    for (int from = 0; from < 2; from++)
        for (int to = 0; to < 2; to++) {
            struct prism_decoder_params p = {
                .dtype = from ? PRISM_F64 : PRISM_F32, .grid_size = 16, .obj_size = 12, ORIGINAL};
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

/* Files in the older container format, whose tensors have no type. */
START_TEST(older_containers_load)
{
    const struct prism_decoder_params p = {.grid_size = 16, .obj_size = 12, ORIGINAL};
    const char *path = in_folder("weights");
    struct prism_net *a = nn_decoder(dev, p), *b = nn_decoder(dev, p);
    struct prismi_archive *file;
    MUST(ctx, prism_net_init(a, 9));
    MUST(ctx, prism_net_save(a, path));
    MUST(ctx, prismi_archive_load(ctx, path, "PRISMWTS", &file));
    ck_assert(box_write(file, "PRISMWTS", path));
    prismi_archive_destroy(&file);
    MUST(ctx, prism_net_load(b, path));
    check_same_values(a, b, false);
    prism_net_destroy(&b);
    prism_net_destroy(&a);
}
END_TEST

START_TEST(other_networks_files_are_refused)
{
    const char *path = in_folder("weights");
    static const struct {
        struct prism_decoder_params p;
        const char *word;
    } other[] = {
        {{.grid_size = 16, .obj_size = 11, ORIGINAL}, "obj_size is 12, this network's is 11"},
        {{.grid_size = 16, .obj_size = 12, .latent_channels = 32, ORIGINAL},
         "latent_channels is 16"},
        {{.grid_size = 16, .obj_size = 12, .no_norm = true, ORIGINAL}, "no_norm is 0"},
        {{.grid_size = 16, .obj_size = 12, .frame = true, ORIGINAL}, "frame is 0"},
        {{.grid_size = 16,
          .obj_size = 12,
          .output_activation = PRISM_OUTPUT_TANH,
          .min_channels = 1},
         "output_activation is 0"},
        {{.grid_size = 16,
          .obj_size = 12,
          .n_channels = 4,
          .channels = {8, 5, 2, 1},
          .output_activation = PRISM_OUTPUT_NONE},
         "channels[1] is 4"}};
    struct prism_net *a =
        nn_decoder(dev, (struct prism_decoder_params){.grid_size = 16, .obj_size = 12, ORIGINAL});
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
    struct prism_net *b =
        nn_decoder(dev, (struct prism_decoder_params){
                            .grid_size = 32, .obj_size = 12, .latent_channels = 16, ORIGINAL});
    MUST(ctx, prism_net_load(b, path));
    check_same_values(a, b, false);
    prism_net_destroy(&b);

    /* a file without one of the tensors changes nothing */
    struct prismi_archive *whole = NULL, *part = NULL;
    MUST(ctx, prismi_archive_load(ctx, path, "PRISMWTS", &whole));
    MUST(ctx, prismi_archive_create(ctx, "PRISMWTS", &part));
    for (int i = 0; i < prismi_archive_count(whole) - 1; i++) {
        size_t bytes;
        struct prismi_array type;
        const void *data;
        const char *name = prismi_archive_at(whole, i, &type, &data, &bytes);
        MUST(ctx, prismi_archive_add(part, name, &type, data));
    }
    MUST(ctx, prismi_archive_save(part, ctx, path, false));
    prismi_archive_destroy(&part);
    prismi_archive_destroy(&whole);
    b = nn_decoder(dev, (struct prism_decoder_params){.grid_size = 16, .obj_size = 12, ORIGINAL});
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

START_TEST(folding_equals_evaluation_mode)
{
    static const struct prism_decoder_params table[] = {
        {.grid_size = 32, .obj_size = 8, ORIGINAL}, /* three refinement convolutions */
        {.grid_size = 16,
         .obj_size = 13,
         .frame = true,
         .output_activation = PRISM_OUTPUT_SIGMOID,
         .min_channels = 1},
        {.grid_size = 16, .obj_size = 16, .latent_channels = 8, ORIGINAL},
        {.grid_size = 16,
         .obj_size = 16,
         .no_norm = true,
         .output_activation = PRISM_OUTPUT_TANH,
         .min_channels = 1}};
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

SUITE("nn weights", fixture_open, fixture_close, torch_weights_have_their_bounds,
      seeds_give_their_own_weights, xavier_weights_have_their_deviation,
      orthogonal_weights_are_orthogonal, saved_weights_load_again, older_containers_load,
      other_networks_files_are_refused, folding_equals_evaluation_mode)
