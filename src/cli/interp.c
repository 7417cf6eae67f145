/* prism interp: train the dense network on the example function. */
#include "interp/interp.h"
#include "cli/command.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const struct cli_opt opts[] = {
    {.name = "rows",
     .arg = "N",
     .doc = "rows of the table; 15 % of them are for testing; default: 5000"},
    {.name = "hidden", .arg = "N,...", .doc = "widths of the hidden layers; default: 64,32,16"},
    {.name = "epochs", .arg = "N", .doc = "passes over the training rows; default: 300"},
    {.name = "seed", .arg = "N", .doc = "seed of table, weights and batches; default: 1"},
    {.name = "backend",
     .letter = 'b',
     .arg = "NAME",
     .words = "auto ref cpu cuda",
     .doc = "where to compute; default: auto"},
};

/* Reads at most `most` comma-separated integers. Returns false after an error
 * line for anything else. */
static bool integers(const struct cli *cli, const char *name, int low, int high, int *out, int *n,
                     int most)
{
    const char *text = cli_get(cli, name), *at = text;
    for (int i = 0; text && i < most; i++) {
        char *end;
        const long v = strtol(at, &end, 10);
        if (end == at || v < low || v > high)
            break;
        out[i] = (int)v;
        *n = i + 1;
        if (!*end)
            return true;
        at = *end == ',' ? end + 1 : "";
    }
    if (text)
        cli_error("--%s is '%s'; give %s from %d to %d", name, text,
                  most > 1 ? "integers" : "an integer", low, high);
    return !text;
}

static int fit(struct prism_ctx *ctx, const char *backend, const struct prismi_interp_params *p,
               int rows)
{
    struct prism_dev *dev = NULL;
    struct prismi_interp *in = NULL;
    struct prismi_table all = {0};
    double *y = NULL;
    int status;
    PRISM_TRY_OUT(prism_dev_open(ctx, &(struct prism_dev_params){.backend = backend}, &dev));
    PRISM_TRY_OUT(prismi_table_example(ctx, rows, p->seed, &all));
    const int n = rows - rows * 15 / 100; /* the other rows are for testing */
    const struct prismi_table train = {n, 5, 1, all.x, all.y},
                              test = {rows - n, 5, 1, all.x + 5 * (size_t)n, all.y + n};
    PRISM_TRY_OUT(prismi_interp_create(dev, p, &train, &in));
    PRISM_TRY_OUT(prismi_interp_train(in));
    if (!(y = prismi_alloc((size_t)rows, sizeof *y)))
        PRISM_TRY_OUT(PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory for %d predictions", rows));
    PRISM_TRY_OUT(prismi_interp_predict(in, all.x, rows, y));
    printf("R2 %.5f on %d training rows, %.5f on %d test rows\n", prismi_table_r2(&train, y), n,
           prismi_table_r2(&test, y + n), rows - n);
out:
    prismi_free(y);
    prismi_free(all.x);
    prismi_interp_destroy(&in);
    prism_dev_close(&dev);
    return status;
}

static int run(struct cli *cli)
{
    struct prismi_interp_params p = {PRISM_F32, 3, {64, 32, 16}, 32, 300, 1e-3, 1};
    int rows = 5000, seed = 1, one;
    if (strcmp(cli->args[0], "train")) {
        cli_error("'prism interp' has no '%s'; it has train", cli->args[0]);
        return EXIT_USAGE;
    }
    if (!integers(cli, "rows", 250, 1000000, &rows, &one, 1) ||
        !integers(cli, "epochs", 1, 1000000, &p.epochs, &one, 1) ||
        !integers(cli, "seed", 0, INT_MAX, &seed, &one, 1) ||
        !integers(cli, "hidden", 1, 1024, p.hidden, &p.n_hidden, PRISMI_MLP_MAX_HIDDEN))
        return EXIT_USAGE;
    p.seed = (uint64_t)seed;
    struct prism_ctx *ctx = cli_ctx(false);
    int code = !ctx                                          ? EXIT_FAILED
               : fit(ctx, cli_get(cli, "backend"), &p, rows) ? cli_fail(ctx, EXIT_FAILED)
                                                             : EXIT_DONE;
    prism_ctx_destroy(&ctx);
    return code;
}

const struct cli_command cli_interp = {
    .name = "interp",
    .args = "train",
    .doc = "fit a dense network to a table of numbers (an example)",
    .text = "Make a table of an example function of five variables, train a small dense network on "
            "85 % of its rows, and print the coefficient of determination R2 on these rows and on "
            "the others.",
    .opts = opts,
    .n_opts = CLI_COUNT(opts),
    .min_args = 1,
    .max_args = 1,
    .words = "train",
    .run = run,
};
