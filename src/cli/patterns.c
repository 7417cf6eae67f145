/* prism patterns: lists and examines sampling patterns. */
#include "cli/command.h"
#include "cli/figure.h"
#include "core/internal.h"
#include "core/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct cli_opt opts[] = {
    {.name = "preset",
     .letter = 'p',
     .arg = "NAME",
     .words = "@preset",
     .doc = "start from a preset ('prism presets' lists them)"},
    {.name = "set",
     .letter = 's',
     .arg = "KEY=VALUE",
     .many = true,
     .words = "@key",
     .doc = "change a setting; may be repeated ('prism keys' lists the settings)"},
    {.name = "seed", .arg = "N", .key = "training.seed", .doc = "seed of a random pattern"},
    {.name = "output",
     .letter = 'o',
     .arg = "PATH",
     .words = "@file",
     .doc = "csv: file to write; default: standard output. preview: name of the picture, without "
            "suffix; default: pattern-KIND"},
    {.name = "json", .letter = 'j', .doc = "stats: print one JSON object"},
};

static const struct {
    const char *name, *doc;
} kinds[PRISM_PATTERN_COUNT] = {
    [PRISM_PATTERN_FERMAT] =
        {"fermat", "spiral at the golden angle, even density out to the edge of the disc"},
    [PRISM_PATTERN_RANDOM] = {"random",
                              "uniform in the disc, drawn from the seed; one centre at the origin"},
    [PRISM_PATTERN_STAR] = {"star", "the origin and pattern.n_angles diameters"},
    [PRISM_PATTERN_RASTER] = {"raster", "square lattice, the points nearest to the origin"},
    [PRISM_PATTERN_CSV] = {"csv",
                           "your own: rows y,x in k-space pixels, from the file pattern.csv"},
};

static int print_stats(const struct setup *s, bool json)
{
    const struct prism_pattern_stats *p = &s->stats;
    const struct {
        const char *name, *key, *unit;
        double value;
    } rows[] = {
        {"samples", "n", "", p->n},
        {"mean radius", "radius_mean_px", "px", p->radius_mean_px},
        {"deviation of radii", "radius_std_px", "px", p->radius_std_px},
        {"least radius", "radius_min_px", "px", p->radius_min_px},
        {"greatest radius", "radius_max_px", "px", p->radius_max_px},
        {"mean distance to neighbour", "neighbour_mean_px", "px", p->neighbour_mean_px},
        {"deviation of distances", "neighbour_std_px", "px", p->neighbour_std_px},
        {"coverage of the disc", "coverage", "%", p->coverage},
        {"overlap with neighbour", "overlap", "%", p->overlap},
        {"redundancy", "redundancy", "", p->redundancy},
        {"pixels beyond the grid", "pixels_outside", "", p->pixels_outside},
    };
    struct prismi_json_out j;
    prismi_json_init(&j, true);
    prismi_json_open(&j, NULL, '{');
    for (int i = 0; i < CLI_COUNT(rows); i++) {
        prismi_json_number(&j, rows[i].key, rows[i].value);
        if (!json)
            printf("%-28s %10.5g %s\n", rows[i].name,
                   rows[i].value * (*rows[i].unit == '%' ? 100 : 1), rows[i].unit);
    }
    prismi_json_close(&j, '}');
    if (json)
        cli_print_json(&j);
    prismi_json_release(&j);
    return EXIT_DONE;
}

static int write_csv(const struct setup *s, const char *path)
{
    struct prismi_file *file = NULL;
    if (path && prismi_file_create(s->ctx, path, &file))
        return cli_fail(s->ctx, EXIT_FAILED);
    int status = 0;
    for (int k = -1; k < s->n && !status; k++) {
        char line[80];
        if (k < 0)
            snprintf(line, sizeof line, "y,x\n");
        else
            snprintf(line, sizeof line, "%.17g,%.17g\n", s->centres[2 * k], s->centres[2 * k + 1]);
        if (file)
            status = prismi_file_write(file, line, strlen(line));
        else
            fputs(line, stdout);
    }
    if (file && status)
        prismi_file_abort(file);
    else if (file)
        status = prismi_file_commit(file, false);
    return status ? cli_fail(s->ctx, EXIT_FAILED) : EXIT_DONE;
}

static int write_preview(struct setup *s, const char *path, const char *kind)
{
    char name[PRISM_PATH_MAX], written[PRISM_PATH_MAX + 16];
    snprintf(name, sizeof name, path ? "%s" : "pattern-%s", path ? path : kind);
    if (figure_pattern(s, name, written, sizeof written))
        return cli_fail(s->ctx, EXIT_FAILED);
    puts(written);
    return EXIT_DONE;
}

static int one_pattern(struct cli *cli, const char *what, const char *kind)
{
    char assignment[256];
    snprintf(assignment, sizeof assignment, "pattern.kind=%s", kind);
    struct setup s;
    /* the kind is one more setting, the last, so it wins */
    struct cli_value *set = calloc((size_t)cli->n_set + 1, sizeof *set);
    static const struct cli_opt as_set = {.name = "set", .arg = "KEY=VALUE"};
    if (!set) {
        cli_error("not enough memory for %d options", cli->n_set + 1);
        return EXIT_FAILED;
    }
    memcpy(set, cli->set, (size_t)cli->n_set * sizeof *set);
    set[cli->n_set] = (struct cli_value){&as_set, assignment};
    free(cli->set);
    cli->set = set;
    cli->n_set++;
    int code = setup_config(&s, cli, NULL);
    if (!code)
        code = setup_pattern(&s);
    if (!code && !strcmp(what, "stats"))
        code = print_stats(&s, cli_has(cli, "json"));
    else if (!code && !strcmp(what, "csv"))
        code = write_csv(&s, cli_get(cli, "output"));
    else if (!code)
        code = write_preview(&s, cli_get(cli, "output"), kind);
    setup_release(&s);
    return code;
}

static int run(struct cli *cli)
{
    static const char *const whats[] = {"list", "stats", "csv", "preview"};
    const char *names[PRISM_PATTERN_COUNT], *what = cli->n_args ? cli->args[0] : "list";
    bool known = false, kind_known = false;
    for (int i = 0; i < CLI_COUNT(whats); i++)
        known = known || !strcmp(what, whats[i]);
    if (!known) {
        cli_error("'prism patterns' has no '%s'; it has list, stats, csv and preview%s", what,
                  cli_suggest(what, "", whats, CLI_COUNT(whats)));
        return EXIT_USAGE;
    }
    for (int i = 0; i < PRISM_PATTERN_COUNT; i++) {
        names[i] = kinds[i].name;
        kind_known = kind_known || (cli->n_args > 1 && !strcmp(cli->args[1], kinds[i].name));
        if (!strcmp(what, "list"))
            printf("%-8s %s\n", kinds[i].name, kinds[i].doc);
    }
    if (!strcmp(what, "list"))
        return EXIT_DONE;
    if (cli->n_args < 2) {
        cli_error(
            "'prism patterns %s' needs the KIND of a pattern ('prism patterns list' lists them)",
            what);
        return EXIT_USAGE;
    }
    if (!kind_known) {
        cli_error("there is no pattern %s%s ('prism patterns list' lists them)", cli->args[1],
                  cli_suggest(cli->args[1], "", names, PRISM_PATTERN_COUNT));
        return EXIT_USAGE;
    }
    return one_pattern(cli, what, cli->args[1]);
}

const struct cli_command cli_patterns = {
    .name = "patterns",
    .args = "[list | stats KIND | csv KIND | preview KIND]",
    .doc = "list, measure and draw patterns of apertures",
    .text = "A pattern is the set of places in k-space where apertures measure.\n\n"
            "  list     show the kinds of pattern\n"
            "  stats    print how well a pattern covers k-space with the configured apertures\n"
            "  csv      write its centres, rows y,x in k-space pixels\n"
            "  preview  draw it",
    .opts = opts,
    .n_opts = CLI_COUNT(opts),
    .max_args = 2,
    .words = "list stats csv preview fermat random star raster",
    .run = run,
};
