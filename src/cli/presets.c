/* prism presets: lists the presets. */
#include "cli/command.h"
#include "core/json.h"
#include "prismrec/config.h"

#include <string.h>

static const struct cli_opt opts[] = {{.name = "json", .letter = 'j', .doc = "print JSON"}};

static void preset_json(struct prismi_json_out *j, const struct prism_preset *p)
{
    prismi_json_open(j, NULL, '{');
    prismi_json_string(j, "name", p->name);
    prismi_json_string(j, "doc", p->doc);
    prismi_json_open(j, "settings", '[');
    for (const char *const *a = p->assignments; *a; a++)
        prismi_json_string(j, NULL, *a);
    prismi_json_close(j, ']');
    prismi_json_close(j, '}');
}

static void print_json(const struct prism_preset *presets, size_t n)
{
    struct prismi_json_out j;
    prismi_json_init(&j, true);
    if (n > 1)
        prismi_json_open(&j, NULL, '[');
    for (size_t i = 0; i < n; i++)
        preset_json(&j, &presets[i]);
    if (n > 1)
        prismi_json_close(&j, ']');
    cli_print_json(&j);
    prismi_json_release(&j);
}

static const struct prism_preset *find(const char *name)
{
    size_t n;
    const struct prism_preset *presets = prism_config_presets(&n);
    const char *names[64];
    size_t listed = n < 64 ? n : 64;
    for (size_t i = 0; i < listed; i++) {
        names[i] = presets[i].name;
        if (!strcmp(name, presets[i].name))
            return &presets[i];
    }
    cli_error("there is no preset %s%s ('prism presets' lists them)", name,
              cli_suggest(name, "", names, (int)listed));
    return NULL;
}

static int run(struct cli *cli)
{
    size_t n;
    const struct prism_preset *presets = prism_config_presets(&n);
    bool show = cli->n_args && !strcmp(cli->args[0], "show");
    if (cli->n_args && !show && strcmp(cli->args[0], "list") != 0) {
        cli_error("'prism presets' has no '%s'; it has list and show NAME", cli->args[0]);
        return EXIT_USAGE;
    }
    if (cli->n_args != (show ? 2 : cli->n_args > 0)) {
        cli_error(
            show ? "'prism presets show' needs the NAME of a preset; 'prism presets' lists them"
                 : "'prism presets list' takes no further argument");
        return EXIT_USAGE;
    }
    if (show) {
        presets = find(cli->args[1]);
        n = 1;
        if (!presets)
            return EXIT_USAGE;
    }
    if (cli_has(cli, "json"))
        print_json(presets, n);
    else
        for (size_t i = 0; i < n; i++)
            printf("%-14s %s\n", presets[i].name, presets[i].doc);
    for (const char *const *a = presets->assignments; show && !cli_has(cli, "json") && *a; a++)
        printf("    %s\n", *a);
    return EXIT_DONE;
}

const struct cli_command cli_presets = {
    .name = "presets",
    .args = "[list | show NAME]",
    .doc = "list the presets, or the settings of one",
    .text = "List the presets, or show the settings of one. A preset is a named set of settings "
            "that a run starts from: prism run --preset NAME.",
    .opts = opts,
    .n_opts = CLI_COUNT(opts),
    .max_args = 2,
    .words = "list show @preset",
    .run = run,
};
