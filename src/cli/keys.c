/* prism keys: lists the settings. */
#include "cli/command.h"
#include "config/internal.h"
#include "core/json.h"

#include <stdlib.h>
#include <string.h>

static const struct cli_opt opts[] = {
    {.name = "markdown", .letter = 'm', .doc = "print the whole reference as Markdown"},
    {.name = "json", .letter = 'j', .doc = "print a JSON array"},
};

/* The old name of a key, or NULL. */
static const char *old_name(const struct prism_config_key *key)
{
    size_t n;
    const struct prismi_old_key *old = prismi_config_old_keys(&n);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(old[i].key, key->key))
            return old[i].old;
    return NULL;
}

static void print_json(const struct prism_config_key *const *keys, size_t n)
{
    struct prismi_json_out j;
    prismi_json_init(&j, true);
    prismi_json_open(&j, NULL, '[');
    for (size_t i = 0; i < n; i++) {
        char expected[256];
        prismi_value_expected(keys[i], expected, sizeof expected);
        prismi_json_open(&j, NULL, '{');
        prismi_json_string(&j, "key", keys[i]->key);
        prismi_json_string(&j, "old_name", old_name(keys[i]));
        prismi_json_string(&j, "default", keys[i]->def);
        prismi_json_string(&j, "expects", expected);
        prismi_json_string(&j, "unit", keys[i]->unit);
        prismi_json_string(&j, "doc", keys[i]->doc);
        prismi_json_close(&j, '}');
    }
    prismi_json_close(&j, ']');
    cli_print_json(&j);
    prismi_json_release(&j);
}

static void print_text(const struct prism_config_key *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char expected[256];
        const char *old = old_name(keys[i]);
        prismi_value_expected(keys[i], expected, sizeof expected);
        printf("%s = %s%s%s\n    %s\n    (%s%s%s)\n", keys[i]->key,
               *keys[i]->def ? keys[i]->def : "\"\"", *keys[i]->unit ? " " : "", keys[i]->unit,
               keys[i]->doc, expected, old ? "; old name: " : "", old ? old : "");
    }
}

static int print_markdown(void)
{
    char *text = prismi_config_markdown();
    if (!text) {
        cli_error("not enough memory for the reference of settings");
        return EXIT_FAILED;
    }
    fputs(text, stdout);
    free(text);
    return EXIT_DONE;
}

static int no_such_key(const char *pattern)
{
    char hint[128] = "";
    prismi_config_suggest(pattern, hint, sizeof hint);
    cli_error("no setting has '%s' in its name%s ('prism keys' lists them)", pattern, hint);
    return EXIT_USAGE;
}

/* Finds the keys whose name contains the pattern or, if there are none, those
 * whose old name does. */
static size_t find(const char *pattern, const struct prism_config_key **match)
{
    size_t n, found = 0;
    const struct prism_config_key *keys = prism_config_keys(&n);
    for (size_t i = 0; i < n; i++)
        if (strstr(keys[i].key, pattern))
            match[found++] = &keys[i];
    if (found)
        return found;
    for (size_t i = 0; i < n; i++) {
        const char *old = old_name(&keys[i]);
        if (!old || !strstr(old, pattern))
            continue;
        cli_warn("%s is now called %s; the old name still works", old, keys[i].key);
        match[found++] = &keys[i];
    }
    return found;
}

static int run(struct cli *cli)
{
    const struct prism_config_key *match[PRISMI_MAX_KEYS];
    const char *pattern = cli->n_args ? cli->args[0] : "";
    if (cli_has(cli, "markdown"))
        return print_markdown();
    size_t found = find(pattern, match);
    if (!found)
        return no_such_key(pattern);
    if (cli_has(cli, "json"))
        print_json(match, found);
    else
        print_text(match, found);
    return EXIT_DONE;
}

const struct cli_command cli_keys = {
    .name = "keys",
    .args = "[PATTERN]",
    .doc = "list the settings: names, defaults, meaning",
    .text = "List all settings, or those whose name contains PATTERN: default, unit, meaning, "
            "accepted values and, if there is one, the old name. Change a setting with --set "
            "KEY=VALUE or in a configuration file.",
    .opts = opts,
    .n_opts = CLI_COUNT(opts),
    .max_args = 1,
    .words = "@key",
    .run = run,
};
