/* prism inspect: shows what a checkpoint holds. The format is in
 * docs/formats.md and recon/checkpoint.c. */
#include "cli/command.h"
#include "cli/rundir.h"
#include "core/archive.h"
#include "core/json.h"
#include "prismrec/image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct cli_opt opts[] = {
    {.name = "history", .doc = "print step, loss, learning rate, SSIM, PSNR and RMSE over the run"},
    {.name = "config", .doc = "print the settings of the run, as a configuration file"},
    {.name = "export",
     .letter = 'x',
     .arg = "PATH",
     .words = "@file",
     .doc = "write the reconstruction: an array if PATH ends in .npy, else a picture of the "
            "amplitude clipped to [0,1]"},
    {.name = "json", .letter = 'j', .doc = "print one JSON object"},
};

enum { ROW = 6 };
static const char *const columns[ROW] = {"step", "loss", "lr", "ssim", "psnr_db", "rmse_percent"};

struct checkpoint {
    struct prism_ctx *ctx;
    char path[4096];
    struct prismi_archive *archive;
};

/* Calls on_pair for every line key=value of a text. */
static void each_pair(const struct checkpoint *c, const char *name,
                      void (*on_pair)(void *user, const char *key, const char *value), void *user)
{
    size_t n = 0;
    const char *p = prismi_archive_get(c->archive, name, PRISMI_TYPE_TEXT, &n),
               *end = p ? p + n : NULL;
    while (p && p < end) {
        char line[256];
        size_t length = 0;
        while (p + length < end && p[length] != '\n')
            length++;
        snprintf(line, sizeof line, "%.*s", (int)length, p);
        char *equals = strchr(line, '=');
        if (equals) {
            *equals = '\0';
            on_pair(user, line, equals + 1);
        }
        p += length + (p + length < end);
    }
}

static void print_pair(void *user, const char *key, const char *value)
{
    (void)user;
    printf("  %-34s %s\n", key, value);
}

static void json_pair(void *user, const char *key, const char *value)
{
    char *end;
    double x = strtod(value, &end);
    if (*value && !*end)
        prismi_json_number(user, key, x);
    else
        prismi_json_string(user, key, value);
}

/* Rows of six numbers. */
static const double *history(const struct checkpoint *c, size_t *n)
{
    size_t bytes = 0;
    const void *p = prismi_archive_get(c->archive, "history", PRISMI_TYPE_F64, &bytes);
    double *rows = bytes ? malloc(bytes) : NULL; /* arrays of a file are not aligned */
    if (p && rows)
        memcpy(rows, p, bytes);
    *n = rows ? bytes / (ROW * sizeof *rows) : 0;
    return rows;
}

static void print_history(const struct checkpoint *c, struct prismi_json_out *j)
{
    size_t n;
    const double *rows = history(c, &n);
    if (j)
        prismi_json_open(j, "history", '[');
    else
        printf("%10s %12s %12s %10s %10s %12s\n", columns[0], columns[1], columns[2], columns[3],
               columns[4], columns[5]);
    for (size_t i = 0; i < n; i++) {
        const double *r = rows + i * ROW;
        if (!j) {
            printf("%10.0f %12.6g %12.6g %10.6f %10.4f %12.5f\n", r[0], r[1], r[2], r[3], r[4],
                   r[5]);
            continue;
        }
        prismi_json_open(j, NULL, '{');
        for (int k = 0; k < ROW; k++)
            prismi_json_number(j, columns[k], r[k]);
        prismi_json_close(j, '}');
    }
    if (j)
        prismi_json_close(j, ']');
    free((void *)rows);
}

static void print_json(const struct checkpoint *c, bool with_history)
{
    struct prismi_json_out j;
    prismi_json_init(&j, true);
    prismi_json_open(&j, NULL, '{');
    prismi_json_string(&j, "file", c->path);
    prismi_json_open(&j, "progress", '{');
    each_pair(c, "progress", json_pair, &j);
    prismi_json_close(&j, '}');
    prismi_json_open(&j, "about", '{');
    each_pair(c, "about", json_pair, &j);
    prismi_json_close(&j, '}');
    prismi_json_open(&j, "arrays", '{');
    for (int i = 0; i < prismi_archive_count(c->archive); i++) {
        size_t bytes;
        const char *name = prismi_archive_at(c->archive, i, NULL, NULL, &bytes);
        prismi_json_number(&j, name, (double)bytes);
    }
    prismi_json_close(&j, '}');
    if (with_history)
        print_history(c, &j);
    prismi_json_close(&j, '}');
    cli_print_json(&j);
    prismi_json_release(&j);
}

static void print_text(const struct checkpoint *c)
{
    printf("%s\n\nprogress\n", c->path);
    each_pair(c, "progress", print_pair, NULL);
    puts("\nparameters");
    each_pair(c, "about", print_pair, NULL);
    puts("\narrays, bytes");
    for (int i = 0; i < prismi_archive_count(c->archive); i++) {
        size_t bytes;
        const char *name = prismi_archive_at(c->archive, i, NULL, NULL, &bytes);
        printf("  %-34s %zu\n", name, bytes);
    }
}

static int print_config(const struct checkpoint *c)
{
    size_t n = 0;
    const char *text = prismi_archive_get(c->archive, "extra", PRISMI_TYPE_TEXT, &n);
    if (!text) {
        cli_error("%s holds no configuration; only checkpoints of 'prism run' do", c->path);
        return EXIT_FAILED;
    }
    fwrite(text, 1, n, stdout);
    return EXIT_DONE;
}

static int write_picture(struct prism_ctx *ctx, const char *path, const float *data, size_t side)
{
    char stem[4096], written[4096 + 16];
    size_t n = strlen(path);
    bool suffix = n > 4 && !strcmp(path + n - 4, ".png");
    snprintf(stem, sizeof stem, "%.*s", (int)(suffix ? n - 4 : n),
             path); /* prism_image_write() adds the suffix */
    uint8_t *grey = malloc(side * side);
    if (!grey)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "not enough memory for a picture of %zu x %zu", side,
                          side);
    for (size_t i = 0; i < side * side; i++)
        grey[i] = (uint8_t)lround(255.0 * (double)(data[i] > 1 ? 1 : data[i] > 0 ? data[i] : 0));
    int status =
        prism_image_write(ctx, stem, (int)side, (int)side, 1, grey, written, sizeof written);
    free(grey);
    if (!status)
        puts(written);
    return status;
}

static int export(const struct checkpoint *c, const char *path)
{
    size_t bytes = 0, n = strlen(path);
    const void *result = prismi_archive_get(c->archive, "result", PRISMI_TYPE_F64, &bytes);
    size_t side = (size_t)lround(sqrt((double)(bytes / sizeof(double)))), shape[2] = {side, side};
    if (!result || !side || side * side * sizeof(double) != bytes) {
        cli_error("%s holds no reconstruction", c->path);
        return EXIT_FAILED;
    }
    float *data = malloc(side * side * sizeof *data);
    if (!data) {
        cli_error("not enough memory for a picture of %zu x %zu", side, side);
        return EXIT_FAILED;
    }
    for (size_t i = 0; i < side * side; i++) {
        double x;
        memcpy(&x, (const char *)result + i * sizeof x, sizeof x);
        data[i] = (float)x;
    }
    int status;
    if (n > 4 && !strcmp(path + n - 4, ".npy")) {
        status = prism_npy_write(c->ctx, path, PRISM_F32, 2, shape, data);
        if (!status)
            puts(path);
    } else
        status = write_picture(c->ctx, path, data, side);
    free(data);
    return status ? cli_fail(c->ctx, EXIT_FAILED) : EXIT_DONE;
}

static int run(struct cli *cli)
{
    struct checkpoint c = {.ctx = cli_ctx(false)};
    struct stat st;
    bool dir = stat(cli->args[0], &st) == 0 && S_ISDIR(st.st_mode);
    if (!c.ctx)
        return EXIT_FAILED;
    if (dir)
        rundir_find_checkpoint(cli->args[0], c.path, sizeof c.path);
    else
        snprintf(c.path, sizeof c.path, "%s", cli->args[0]);
    int code = EXIT_DONE;
    const char *to = cli_get(cli, "export");
    if (to && !*to) {
        cli_error("option '--export' needs the name of a file to write");
        code = EXIT_USAGE;
    } else if (prismi_archive_load(c.ctx, c.path, "PRISMCKP", &c.archive))
        code = cli_fail(c.ctx, EXIT_FAILED);
    else if (to)
        code = export(&c, to);
    else if (cli_has(cli, "json"))
        print_json(&c, cli_has(cli, "history"));
    else if (cli_has(cli, "config"))
        code = print_config(&c);
    else if (cli_has(cli, "history"))
        print_history(&c, NULL);
    else
        print_text(&c);
    prismi_archive_destroy(&c.archive);
    prism_ctx_destroy(&c.ctx);
    return code;
}

const struct cli_command cli_inspect = {
    .name = "inspect",
    .args = "CHECKPOINT",
    .doc = "show what a checkpoint holds, or export its picture",
    .text = "Show progress, metrics, parameters and arrays of a checkpoint. CHECKPOINT is a "
            "file, or the folder of a run. With an option, print the history or the settings of "
            "the run instead, or write the reconstruction to a file.",
    .opts = opts,
    .n_opts = CLI_COUNT(opts),
    .min_args = 1,
    .max_args = 1,
    .words = "@file",
    .run = run,
};
