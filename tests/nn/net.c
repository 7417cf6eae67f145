/* The decoder: architecture, counts, names, errors. */
#include "nn_test.h"
#include "support/suite.h"

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

START_TEST(parameters_are_counted)
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
                .grid_size = table[i].n, .obj_size = table[i].o, .frame = frame, ORIGINAL};
            int out[3];
            ck_assert_uint_eq(list_params(p, out), table[i].params);
            ck_assert_int_eq(out[0], 1);
            ck_assert_int_eq(out[1], table[i].o);
            ck_assert_int_eq(out[2], table[i].o);
        }
    struct prism_net *net =
        nn_decoder(dev, (struct prism_decoder_params){.grid_size = 64, .obj_size = 32, ORIGINAL});
    ck_assert_uint_eq(prism_net_param_total(net), 43799);
    ck_assert_int_eq(prism_net_params(net)->n_upsample, 3);
    ck_assert_int_eq(prism_net_params(net)->n_channels, 6);
    ck_assert_int_eq(prism_net_params(net)->latent_channels, 64);
    prism_net_destroy(&net);
}
END_TEST

START_TEST(every_object_size_works)
{
    for (int n = 2; n <= 64; n *= 2)
        for (int o = 1; o <= n; o++)
            for (int frame = 0; frame < 2; frame++) {
                int out[3];
                list_params(
                    (struct prism_decoder_params){
                        .grid_size = n, .obj_size = o, .frame = frame, ORIGINAL},
                    out);
                ck_assert_int_eq(out[0], 1);
                ck_assert_int_eq(out[1], o);
                ck_assert_int_eq(out[2], o);
            }
}
END_TEST

START_TEST(a_users_channels_are_taken)
{
    struct prism_decoder_params p = {.grid_size = 32,
                                     .obj_size = 32,
                                     .latent_channels = 6,
                                     .n_upsample = 2, /* side 16: padded to 32 */
                                     .n_channels = 5,
                                     .channels = {5, 5, 3, 4, 1},
                                     .no_norm = true,
                                     .output_activation = PRISM_OUTPUT_NONE};
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
START_TEST(a_single_channel_ends_the_list)
{
    struct prism_net *net =
        nn_decoder(dev, (struct prism_decoder_params){
                            .grid_size = 16, .obj_size = 16, .latent_channels = 8, ORIGINAL});
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

START_TEST(objects_are_padded_or_framed)
{
    for (int frame = 0; frame < 2; frame++) {
        struct prism_net *net =
            nn_decoder(dev, (struct prism_decoder_params){
                                .grid_size = 16, .obj_size = 16, .frame = frame, ORIGINAL});
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

START_TEST(parameters_have_names_and_slabs)
{
    static const char *const name[] = {"input_vec",       "decoder.0.weight",  "decoder.1.gamma",
                                       "decoder.1.beta",  "decoder.3.weight",  "decoder.4.gamma",
                                       "decoder.4.beta",  "decoder.6.weight",  "decoder.7.gamma",
                                       "decoder.7.beta",  "decoder.9.weight",  "decoder.10.gamma",
                                       "decoder.10.beta", "decoder.12.weight", "decoder.13.gamma",
                                       "decoder.13.beta", "decoder.15.weight", "decoder.15.bias"};
    static const int weight0[4] = {64, 32, 4, 4}, weight15[4] = {1, 2, 3, 3};
    struct prism_net *net =
        nn_decoder(dev, (struct prism_decoder_params){.grid_size = 64, .obj_size = 32, ORIGINAL});
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

    net = nn_decoder(dev, (struct prism_decoder_params){
                              .grid_size = 16, .obj_size = 16, .no_norm = true, ORIGINAL});
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
        nn_decoder(dev, (struct prism_decoder_params){.grid_size = 16, .obj_size = 11, ORIGINAL});
    size_t count[2] = {0, net->grad_count};
    prism_mem slab[2] = {NULL, net->grads};
    MUST(ctx, prism_net_init(net, 4));
    double *out = nn_forward(net);
    MUST(ctx, prism_net_backward(
                  net, net->layer[net->nlayers - 1].y)); /* the gradient's values do not matter */
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

START_TEST(wrong_decoders_are_refused)
{
    check_refused((struct prism_decoder_params){.grid_size = 48, .obj_size = 16}, PRISM_EINVAL,
                  "grid_size 48 is not a power of two");
    check_refused((struct prism_decoder_params){.grid_size = -64, .obj_size = 1}, PRISM_EINVAL,
                  "grid_size -64");
    check_refused((struct prism_decoder_params){.grid_size = 64, .obj_size = 65}, PRISM_EINVAL,
                  "obj_size 65");
    check_refused((struct prism_decoder_params){.grid_size = 64, .obj_size = -1}, PRISM_EINVAL,
                  "obj_size -1");
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
                                                .output_activation = PRISM_OUTPUT_COUNT},
                  PRISM_EINVAL, "output_activation");
    check_refused(
        (struct prism_decoder_params){.grid_size = 8, .obj_size = 8, .init = (enum prism_init)7},
        PRISM_EINVAL, "init 7");
    check_refused((struct prism_decoder_params){.grid_size = 8, .obj_size = 8, .dtype = PRISM_I32},
                  PRISM_ENOTSUP, "element type");
}
END_TEST

START_TEST(backward_needs_a_forward)
{
    struct prism_net *fold = NULL,
                     *net = nn_decoder(dev, (struct prism_decoder_params){
                                                .grid_size = 8, .obj_size = 8, ORIGINAL});
    MUST(ctx, prism_net_init(net, 1));
    prism_mem out;
    ck_assert_int_eq(prism_net_backward(net, net->values), PRISM_EINVAL);
    ck_assert_ptr_nonnull(strstr(prism_ctx_error(ctx)->text, "forward before it"));
    MUST(ctx, prism_net_forward(net, &out));
    MUST(ctx, prism_net_backward(net, out));
    ck_assert_int_eq(prism_net_backward(net, out),
                     PRISM_EINVAL); /* the first backward used up the saved tensors */
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

SUITE("nn net", fixture_open, fixture_close, parameters_are_counted, every_object_size_works,
      a_users_channels_are_taken, a_single_channel_ends_the_list, objects_are_padded_or_framed,
      parameters_have_names_and_slabs, padding_stays_zero, wrong_decoders_are_refused,
      backward_needs_a_forward)
