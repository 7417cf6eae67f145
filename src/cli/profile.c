/* prism profile: shows where the time and the memory of a run go. */
#include "program/profile.h"
#include "cli/command.h"
#include "cli/run.h"
#include "core/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TOP_DEFAULT = 20, TOP_MAX = 10000, FILE_MAX = 64 << 20 };

static const struct cli_opt opts[] = {
    {.name = "top", .arg = "N", .doc = "rows of the tables; default: 20"},
    {.name = "steps",
     .arg = "A:B",
     .doc = "steps to keep in the timeline; default: from the start until it is full"},
    {.name = "sync",
     .doc = "wait for the device after every operation: true times of a slower run"},
    {.name = "regions-only",
     .doc = "time named regions only; a device that records steps keeps doing so"},
};

/* Reads "A:B", "A:" or ":B". */
static bool parse_steps(const char *text, int64_t *first, int64_t *last)
{
    char *end;
    errno = 0;
    *first = *last = 0;
    if (*text != ':') {
        if (*text < '0' || *text > '9')
            return false;
        *first = strtoll(text, &end, 10);
        text = end;
    }
    if (*text++ != ':')
        return false;
    if (*text) {
        if (*text < '0' || *text > '9')
            return false;
        *last = strtoll(text, &end, 10);
        if (*end || *last < *first || *last == 0)
            return false;
    }
    return !errno && (*first || *last);
}

static int parse_top(const struct cli *cli, int *top)
{
    const char *text = cli_get(cli, "top");
    char *end;
    long n = text ? strtol(text, &end, 10) : TOP_DEFAULT;
    if (text && (!*text || *end || n < 1 || n > TOP_MAX)) {
        cli_error("option '--top': '%s' is not a number from 1 to %d", text, TOP_MAX);
        return EXIT_USAGE;
    }
    *top = (int)n;
    return EXIT_DONE;
}

/* ---- run ---- */

static int read_back(struct prism_ctx *ctx, const char *path, struct profile *out)
{
    uint8_t *text;
    size_t n;
    PRISM_TRY(prismi_file_read(ctx, path, FILE_MAX, &text, &n));
    int status = profile_parse(ctx, path, (const char *)text, n, out);
    prismi_free(text);
    return status;
}

static int report(const struct run_profile *self, struct setup *s, const struct rundir *dir,
                  const struct cli *cli, FILE *f)
{
    struct prism_profile_info info;
    struct profile p;
    PRISM_TRY(prism_profile_read(s->dev, &info));
    PRISM_TRY(profile_write_json(s->dev, &info, rundir_file(dir, "profile.json")));
    PRISM_TRY(profile_write_trace(s->dev, &info, rundir_file(dir, "trace.json")));
    PRISM_TRY(read_back(s->ctx, rundir_file(dir, "profile.json"), &p));
    int status = profile_write_folded(s->ctx, &p, rundir_file(dir, "stacks.folded"));
    if (!status)
        status = profile_write_html(s->ctx, &p, self->top, rundir_file(dir, "profile.html"));
    if (!status && !cli_has(cli, "quiet")) {
        fputc('\n', f);
        profile_print(f, &p, self->top);
        fprintf(f, "%s: profile.html, profile.json, trace.json, stacks.folded\n", dir->path);
    }
    profile_release(&p);
    return status;
}

static int profile_run(struct cli *cli, const char *config)
{
    struct run_profile how = {.report = report};
    const char *steps = cli_get(cli, "steps");
    int code = parse_top(cli, &how.top);
    if (code)
        return code;
    if (steps && !parse_steps(steps, &how.params.first_step, &how.params.last_step)) {
        cli_error("option '--steps': '%s' is not a range of steps such as 100:110", steps);
        return EXIT_USAGE;
    }
    how.params.sync = cli_has(cli, "sync");
    how.params.regions_only = cli_has(cli, "regions-only");
    return run_reconstruction(cli, config, &how);
}

/* ---- report ---- */

static int profile_report(struct cli *cli, const char *dir)
{
    struct profile p;
    char path[PRISM_PATH_MAX + 16];
    int top, code = parse_top(cli, &top);
    for (int i = 0; i < cli->n_set && !code; i++)
        if (strcmp(cli->set[i].opt->name, "top") != 0) {
            cli_error("'prism profile report' has no option '--%s'; --top is the only one",
                      cli->set[i].opt->name);
            code = EXIT_USAGE;
        }
    if (code)
        return code;
    struct prism_ctx *ctx = cli_ctx(false);
    if (!ctx)
        return EXIT_FAILED;
    snprintf(path, sizeof path, "%s/profile.json", dir);
    int status = read_back(ctx, path, &p);
    if (status)
        cli_fail(ctx, EXIT_FAILED);
    else {
        profile_print(stdout, &p, top);
        profile_release(&p);
    }
    prism_ctx_destroy(&ctx);
    return status ? EXIT_FAILED : EXIT_DONE;
}

static int run(struct cli *cli)
{
    static const char *const whats[] = {"run", "report"};
    const char *what = cli->args[0], *argument = cli->n_args > 1 ? cli->args[1] : NULL;
    if (!strcmp(what, "run"))
        return profile_run(cli, argument);
    if (strcmp(what, "report") != 0) {
        cli_error("'prism profile' has no '%s'; it has run and report%s", what,
                  cli_suggest(what, "", whats, CLI_COUNT(whats)));
        return EXIT_USAGE;
    }
    if (!argument) {
        cli_error("'prism profile report' needs the folder of a run that was profiled");
        return EXIT_USAGE;
    }
    return profile_report(cli, argument);
}

const struct cli_command cli_profile = {
    .name = "profile",
    .args = "run [CONFIG.yaml] | report DIR",
    .doc = "show where the time and the memory of a run go",
    .text = "'prism profile run' is 'prism run' with every region and operation timed; "
            "arguments, options and results are the same. It also writes, into the run's folder, "
            "profile.json, profile.html (a self-contained page), trace.json (a timeline for "
            "ui.perfetto.dev or chrome://tracing) and stacks.folded (for flame graphs), and "
            "prints a summary: to standard output, or to standard error if standard output "
            "carries JSON lines.\n\n"
            "'prism profile report' prints the summary of a folder again.\n\n"
            "A device that works asynchronously, such as a GPU, is timed while work is handed to "
            "it, and the summary says so; with --sync every operation is waited for.",
    .opts = opts,
    .n_opts = CLI_COUNT(opts),
    .like = &cli_run,
    .min_args = 1,
    .max_args = 2,
    .words = "run report",
    .run = run,
};
