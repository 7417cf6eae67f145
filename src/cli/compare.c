/* prism compare: runs side by side. */
#include "cli/command.h"
#include "config/internal.h"
#include "core/internal.h"
#include "core/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct cli_opt opts[] = {
    {.name = "json", .letter = 'j', .doc = "print one JSON object"}};

static const struct {
    const char *name;
    enum { HIGHER, LOWER, NEITHER } better;
} metrics[] = {{"ssim", HIGHER},   {"psnr_db", HIGHER}, {"rmse_percent", LOWER},  {"loss", LOWER},
               {"steps", NEITHER}, {"wall_s", LOWER},   {"peak_rss_bytes", LOWER}};
enum { SETTING_MAX = PRISM_PATH_MAX + 64 };

struct entry {
    const char *path;
    struct prismi_json *run;
};

/* Gives the settings of an older run their new names. */
static void rename_old_keys(const struct prismi_json *config)
{
    for (struct prismi_json *v = config->child; v; v = v->next) {
        const struct prismi_old_key *old = prismi_config_old(v->key);
        char *key = old ? strdup(old->key) : NULL;
        if (!key)
            continue;
        free(v->key);
        v->key = key;
    }
}

static struct prismi_json *read_run(struct prism_ctx *ctx, const char *path)
{
    char file[4096];
    struct stat st;
    uint8_t *text;
    size_t n;
    bool dir = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    snprintf(file, sizeof file, dir ? "%s/run.json" : "%s", path);
    if (prismi_file_read(ctx, file, 1 << 20, &text, &n)) {
        cli_fail(ctx, EXIT_FAILED);
        return NULL;
    }
    struct prismi_json *run = prismi_json_parse((const char *)text, n);
    prismi_free(text);
    if (!prismi_json_member(run, "config")) {
        cli_error("%s is not the run.json of a run; give the folder of a run, or its run.json",
                  file);
        prismi_json_free(run);
        return NULL;
    }
    rename_old_keys(prismi_json_member(run, "config"));
    const char *status = prismi_json_member_string(run, "status");
    if (!prismi_json_member(run, "final"))
        cli_warn("%s has no results yet", path);
    else if (status && strcmp(status, "done") != 0)
        cli_warn("%s did not finish (%s): its numbers are those of the step it reached", path,
                 status);
    return run;
}

static double value(const struct entry *e, int metric)
{
    return prismi_json_member_number(prismi_json_member(e->run, "final"), metrics[metric].name);
}

/* Index of the best run, or -1 if no run has a value, all have the same, or
 * neither more nor less is better. */
static int best(const struct entry *entries, int n, int metric)
{
    int at = -1;
    bool differ = false;
    for (int i = 0; i < n; i++) {
        double x = value(&entries[i], metric), y = at < 0 ? NAN : value(&entries[at], metric);
        differ = differ || (at >= 0 && !isnan(x) && x != y);
        if (!isnan(x) && (at < 0 || (metrics[metric].better == HIGHER ? x > y : x < y)))
            at = i;
    }
    return differ && metrics[metric].better != NEITHER ? at : -1;
}

/* A configuration value as text. */
static const char *setting(const struct prismi_json *v, char *out, size_t n)
{
    if (!v)
        snprintf(out, n, "-");
    else if (v->type == PRISMI_JSON_STRING)
        snprintf(out, n, "%s", *v->string ? v->string : "\"\"");
    else if (v->type == PRISMI_JSON_BOOL)
        snprintf(out, n, "%s", v->number != 0 ? "true" : "false");
    else
        snprintf(out, n, "%.12g", v->number);
    return out;
}

static bool differs(const struct entry *entries, int n, const char *key)
{
    char a[SETTING_MAX], b[SETTING_MAX];
    setting(prismi_json_member(prismi_json_member(entries[0].run, "config"), key), a, sizeof a);
    for (int i = 1; i < n; i++)
        if (strcmp(a, setting(prismi_json_member(prismi_json_member(entries[i].run, "config"), key),
                              b, sizeof b)) != 0)
            return true;
    return false;
}

static void print_text(const struct entry *entries, int n)
{
    char text[SETTING_MAX];
    int width = 14, shown = 0;
    for (int i = 0; i < n; i++) {
        int length = (int)strlen(entries[i].path) + 2;
        width = length > width ? length : width;
    }
    printf("%-32s", "");
    for (int i = 0; i < n; i++)
        printf("%*s ", width, entries[i].path);
    putchar('\n');
    for (int m = 0; m < CLI_COUNT(metrics); m++) {
        int winner = best(entries, n, m);
        printf("%-32s", metrics[m].name);
        for (int i = 0; i < n; i++) {
            double x = value(&entries[i], m);
            snprintf(text, sizeof text, isnan(x) ? "-" : x == floor(x) ? "%.0f" : "%.6g", x);
            printf("%*s%c", width, text, i == winner ? '*' : ' ');
        }
        putchar('\n');
    }
    puts("\nsettings that differ (* above: best)");
    const struct prismi_json *first = prismi_json_member(entries[0].run, "config");
    for (const struct prismi_json *v = first->child; v; v = v->next) {
        if (!differs(entries, n, v->key))
            continue;
        shown++;
        printf("%-32s", v->key);
        for (int i = 0; i < n; i++)
            printf("%*s ", width,
                   setting(prismi_json_member(prismi_json_member(entries[i].run, "config"), v->key),
                           text, sizeof text));
        putchar('\n');
    }
    if (!shown)
        puts("none");
}

static void print_json(const struct entry *entries, int n)
{
    struct prismi_json_out j;
    char text[SETTING_MAX];
    prismi_json_init(&j, true);
    prismi_json_open(&j, NULL, '{');
    prismi_json_open(&j, "runs", '[');
    for (int i = 0; i < n; i++)
        prismi_json_string(&j, NULL, entries[i].path);
    prismi_json_close(&j, ']');
    prismi_json_open(&j, "metrics", '{');
    for (int m = 0; m < CLI_COUNT(metrics); m++) {
        int winner = best(entries, n, m);
        prismi_json_open(&j, metrics[m].name, '{');
        prismi_json_open(&j, "values", '[');
        for (int i = 0; i < n; i++)
            prismi_json_number(&j, NULL, value(&entries[i], m));
        prismi_json_close(&j, ']');
        prismi_json_string(&j, "best", winner < 0 ? NULL : entries[winner].path);
        prismi_json_close(&j, '}');
    }
    prismi_json_close(&j, '}');
    prismi_json_open(&j, "differences", '{');
    for (const struct prismi_json *v = prismi_json_member(entries[0].run, "config")->child; v;
         v = v->next) {
        if (!differs(entries, n, v->key))
            continue;
        prismi_json_open(&j, v->key, '[');
        for (int i = 0; i < n; i++)
            prismi_json_string(
                &j, NULL,
                setting(prismi_json_member(prismi_json_member(entries[i].run, "config"), v->key),
                        text, sizeof text));
        prismi_json_close(&j, ']');
    }
    prismi_json_close(&j, '}');
    prismi_json_close(&j, '}');
    cli_print_json(&j);
    prismi_json_release(&j);
}

static int run(struct cli *cli)
{
    struct prism_ctx *ctx = cli_ctx(false);
    struct entry *entries = calloc((size_t)cli->n_args, sizeof *entries);
    bool ok = ctx && entries;
    for (int i = 0; ok && i < cli->n_args; i++) {
        entries[i].path = cli->args[i];
        entries[i].run = read_run(ctx, cli->args[i]);
        ok = entries[i].run != NULL;
    }
    if (ok && cli_has(cli, "json"))
        print_json(entries, cli->n_args);
    else if (ok)
        print_text(entries, cli->n_args);
    for (int i = 0; entries && i < cli->n_args; i++)
        prismi_json_free(entries[i].run);
    free(entries);
    prism_ctx_destroy(&ctx);
    return ok ? EXIT_DONE : EXIT_FAILED;
}

const struct cli_command cli_compare = {
    .name = "compare",
    .args = "RUN RUN...",
    .doc = "compare runs: metrics, and settings that differ",
    .text = "Show the metrics of several runs side by side, the best of each metric marked with *, "
            "then the settings that differ. RUN is the folder of a run, or its run.json.",
    .opts = opts,
    .n_opts = CLI_COUNT(opts),
    .min_args = 2,
    .max_args = -1,
    .words = "@dir",
    .run = run,
};
