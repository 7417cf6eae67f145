/* The files of the original program's numbers: the copies in recorded.h equal
 * them, and on ref the object, the decoder's forward pass, its running
 * statistics and the metrics of pictures reproduce the rest. Exit status 77
 * without the files. */
#include "recorded.h"
#include "core/json.h"
#include "prismrec/metrics.h"
#include "support/tap.h"

static double at(const struct prismi_json *v, const char *a, const char *b)
{
    return prismi_json_member_number(b ? prismi_json_member(v, a) : v, b ? b : a);
}

static const struct prismi_json *item(const struct prismi_json *list, int i)
{
    const struct prismi_json *v = list ? list->child : NULL;
    while (v && i--)
        v = v->next;
    return v;
}

static double number(const struct prismi_json *v)
{
    return v && v->type == PRISMI_JSON_NUMBER ? v->number : NAN;
}

static bool near(double got, double want, double tolerance)
{
    return fabs(got - want) <= tolerance * fmax(1, fabs(want));
}

/* Losses of the first steps of two samples and the norms of the first
 * gradients, digit for digit. */
static void copies(const struct prismi_json *root)
{
    static const char *const names[] = {"train_l1", "train_l2", "train_ssim", "train_l1_amsgrad"};
    for (int k = 0; k < 4; k++) {
        const struct golden *g = &recorded[k];
        const struct prismi_json
            *run = prismi_json_member(root, names[k]),
            *first = prismi_json_member(run, "sample0"), *loss = prismi_json_member(first, "loss"),
            *grad = prismi_json_member(first, "grad_l2"),
            *second =
                item(item(prismi_json_member(prismi_json_member(run, "sample1"), "loss"), 0), 2);
        bool same = number(second) == g->second;
        for (int i = 0; i < STEPS; i++)
            same = same && number(item(item(loss, i), 0)) == steps[i] &&
                   number(item(item(loss, i), 1)) == g->loss[i];
        for (int i = 0; g->grad[0] > 0 && i < 18; i++)
            same = same && near(number(item(grad, i)), g->grad[i], 1e-14);
        tap(same, "%s: the copy in recorded.h", names[k]);
    }
}

static void object(const struct prismi_json *root, double tolerance)
{
    double *g = ground_truth(O, 0), sum = 0, squares = 0, most = 0;
    for (int i = 0; i < O * O; i++) {
        sum += g[i];
        squares += g[i] * g[i];
        most = fmax(most, g[i]);
    }
    tap(near(sum, at(root, "gt", "sum"), tolerance) &&
            near(squares, at(root, "gt", "sumsq"), tolerance) &&
            near(most, at(root, "gt", "max"), tolerance),
        "the object: sum %.9f", sum);
    free(g);
}

/* Sums, extremes and pixels of the image, whose pixel [y,x] of the grid is
 * [y,x] - (N - O)/2 here. */
static void image(const struct prismi_json *want, const double *v, double tolerance,
                  const char *name)
{
    double sum = 0, squares = 0, least = 0, most = 0; /* zeros around it on the grid */
    bool same = true;
    for (int i = 0; i < O * O; i++) {
        sum += v[i];
        squares += v[i] * v[i];
        least = fmin(least, v[i]);
        most = fmax(most, v[i]);
    }
    const struct prismi_json *pixels = prismi_json_member(want, "px");
    int n = 0, y, x;
    for (const struct prismi_json *p = pixels ? pixels->child : NULL; p; p = p->next, n++)
        same = same && sscanf(p->key, "%d,%d", &y, &x) == 2 &&
               near(v[(y - (N - O) / 2) * O + x - (N - O) / 2], p->number, tolerance);
    tap(same && n == 5 && near(sum, at(want, "sum", NULL), tolerance) &&
            near(squares, at(want, "sumsq", NULL), tolerance) &&
            near(least, at(want, "min", NULL), tolerance) &&
            near(most, at(want, "max", NULL), tolerance),
        "%s: sum %.9f, %d pixels", name, sum, n);
}

static void forward(struct prism_dev *dev, const struct prismi_json *root, enum prism_dtype dtype,
                    enum prism_output act, const char *name, double tolerance)
{
    struct prism_ctx *ctx = prismi_dev_ctx(dev);
    const struct prism_decoder_params p = {.dtype = dtype,
                                           .grid_size = N,
                                           .obj_size = O,
                                           .frame = true,
                                           .output_activation = act,
                                           .min_channels = 1};
    struct prism_net *net;
    prism_mem x, stats;
    size_t count;
    double v[O * O], all[2 * (32 + 16 + 8 + 4 + 2)], *s = all;
    MUST(ctx, prism_decoder_create(dev, &p, &net));
    MUST(ctx, prism_net_init(net, 0)); /* for the running statistics */
    lcg_weights(ctx, dev, net);
    MUST(ctx, prism_net_forward(net, &x));
    MUST(ctx, prismi_dev_get(dev, v, x, dtype, O * O));
    image(prismi_json_member(root, name), v, tolerance, name);
    prism_net_running(net, &stats, &count);
    bool same = count == sizeof all / sizeof *all;
    if (same)
        MUST(ctx, prismi_dev_get(dev, all, stats, dtype, count));
    for (int k = 0; same && k < 5; s += 64 >> k, k++) {
        const struct prismi_json *want = item(prismi_json_member(root, "bn_running"), k);
        double mean = 0, variance = 0;
        for (int c = 0; c < 32 >> k; c++) {
            mean += s[c];
            variance += s[(32 >> k) + c];
        }
        same = near(mean, at(want, "mean_sum", NULL), tolerance) &&
               near(variance, at(want, "var_sum", NULL), tolerance);
    }
    tap(same, "%s: running statistics", name);
    prism_net_destroy(&net);
}

static void metrics(const struct prismi_json *root)
{
    const size_t n = 256 * 256;
    double *a = new_array(n, sizeof *a), *b = new_array(n, sizeof *b), l1 = 0, l2 = 0;
    lcg_fill(a, n, 101);
    lcg_fill(b, n, 202);
    for (size_t i = 0; i < n; i++) {
        a[i] = 0.5 + 0.5 * a[i];
        b[i] = 0.8 * a[i] + 0.2 * (0.5 + 0.5 * b[i]);
        l1 += fabs(a[i] - b[i]) / (double)n;
        l2 += (a[i] - b[i]) * (a[i] - b[i]) / (double)n;
    }
    const double ssim = prism_ssim(a, b, 256, 256);
    const struct {
        const char *name;
        double got, tolerance; /* some were recorded in single precision */
    } rows[] = {{"ssim_256", ssim, 1e-6},
                {"ssim_sk_256", prism_ssim_skimage(a, b, 256, 256), 1e-12},
                {"msssim_256", prism_ms_ssim(a, b, 256, 256), 1e-6},
                {"l1_256", l1, 1e-6},
                {"l2_256", l2, 1e-6},
                {"rmse_256", prism_rmse_percent(a, b, n), 1e-10},
                {"psnr_256", prism_psnr_db(b, a, n), 1e-10},
                {"dssim_256", (1 - ssim) / 2, 1e-6}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        tap(near(rows[i].got, at(root, rows[i].name, NULL), rows[i].tolerance), "%s %.12f",
            rows[i].name, rows[i].got);
    free(a);
    free(b);
}

static struct prismi_json *read_numbers(struct prism_ctx *ctx, const char *path)
{
    uint8_t *text;
    size_t n;
    MUST(ctx, prismi_file_read(ctx, path, 1 << 20, &text, &n));
    struct prismi_json *root = prismi_json_parse((const char *)text, n);
    prismi_free(text);
    return root;
}

int main(void)
{
    char path[2][1024];
    if (!support_shared("golden/prism_learning_f64.json", path[0], sizeof path[0]) ||
        !support_shared("golden/prism_learning_f32.json", path[1], sizeof path[1]))
        return 77;
    struct prism_ctx *ctx = open_ctx();
    struct prism_dev *dev = open_dev(ctx, "ref", NULL, 1);
    for (int single = 0; single < 2; single++) {
        struct prismi_json *root = read_numbers(ctx, path[single]);
        enum prism_dtype dtype = single ? PRISM_F32 : PRISM_F64;
        double tolerance = single ? 1e-5 : 1e-9;
        tap(root != NULL, "%s is JSON", strrchr(path[single], '/') + 1);
        if (!single)
            copies(root);
        object(root, single ? 1e-6 : 1e-12);
        forward(dev, root, dtype, PRISM_OUTPUT_NONE, "fwd_none", tolerance);
        forward(dev, root, dtype, PRISM_OUTPUT_SIGMOID, "fwd_sigmoid", tolerance);
        if (!single) /* the other numbers are of pictures in single precision */
            metrics(root);
        prismi_json_free(root);
    }
    prism_dev_close(&dev);
    prism_ctx_destroy(&ctx);
    return tap_end();
}
