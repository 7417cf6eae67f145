/* The text of docs/configuration.md, written from the tables of keys and
 * presets. */
#include "config/internal.h"

#include <string.h>

static const char intro[] =
    "# Configuration\n"
    "\n"
    "<!-- Generated: prism keys --markdown > docs/configuration.md. Change the texts\n"
    "in src/recon/params.def, src/config/schema.c, old_keys.c, presets.c and doc.c.\n"
    "-->\n"
    "\n"
    "Every setting has one name, one type and one default, however it is given. Later\n"
    "sources override earlier ones:\n"
    "\n"
    "1. the defaults below;\n"
    "2. a preset, `--preset NAME`;\n"
    "3. a YAML file, `prism run FILE`;\n"
    "4. `--set section.key=value`, in the order given, and the options that stand for\n"
    "   a key.\n"
    "\n"
    "A run keeps its effective configuration as YAML, with the source of every value;\n"
    "that file alone repeats the run.\n"
    "\n"
    "## Files\n"
    "\n"
    "```yaml\n"
    "extends: europa-64        # a preset, or a file beside this one (a name with '.' or '/')\n"
    "name: first light\n"
    "image:\n"
    "  input: europa.jpg\n"
    "training:\n"
    "  lr: 1e-3\n"
    "  loss: 0.7*l1+0.3*ssim\n"
    "model:\n"
    "  channels: [64, 32, 16, 8, 1]\n"
    "```\n"
    "\n"
    "A file has two levels, section and key. It holds one document of at most 1 MiB,\n"
    "without anchors, aliases or tags. A chain of `extends` has at most 8 files; what\n"
    "a file says overrides what it extends. An unknown key, a key given twice and a\n"
    "value out of range are errors that name file, line and column.\n"
    "\n"
    "`extends` is relative to the file it stands in. Pictures, CSV files and output\n"
    "folders are relative to the folder in which `prism` is started.\n"
    "\n"
    "`--set` accepts `-` for `_`, and a key without its section where only one\n"
    "section has it: `--set lr=1e-3`. A list is `16,8,1` or `[16, 8, 1]`.\n"
    "\n"
    "Truth values are `true`, `yes`, `on` and `false`, `no`, `off`. Numbers have a\n"
    "decimal point in every locale. Lengths in k-space are in pixels of the discrete\n"
    "spectrum (docs/conventions.md).\n";

static void write_key(struct prismi_text *t, const struct prism_config_key *key)
{
    char expected[256];
    const char *dot = strchr(key->key, '.');
    prismi_value_expected(key, expected, sizeof(expected));
    prismi_text_add(t, "| `%s` | ", dot ? dot + 1 : key->key);
    for (const char *p = expected; *p; p++)
        prismi_text_add(t, *p == '*' ? "\\%c" : "%c", *p);
    prismi_text_add(t, "%s%s | %s%s%s | %s |\n", *key->unit ? ", " : "", key->unit,
                    *key->def ? "`" : "", *key->def ? key->def : "empty", *key->def ? "`" : "",
                    key->doc);
}

static void write_sections(struct prismi_text *t)
{
    size_t n;
    const struct prism_config_key *keys = prism_config_keys(&n);
    for (const struct prismi_section *s = prismi_config_sections; s->name; s++) {
        prismi_text_add(t,
                        "\n## %s%s%s\n\n| key | accepts | default | meaning |\n|---|---|---|---|\n",
                        s->name, *s->name ? ": " : "", s->title);
        for (size_t i = 0; i < n; i++)
            if (prismi_config_in_section(&keys[i], s->name))
                write_key(t, &keys[i]);
    }
}

static void write_presets(struct prismi_text *t)
{
    size_t n;
    const struct prism_preset *presets = prism_config_presets(&n);
    prismi_text_add(t, "\n## Presets\n\n| name | what for | sets |\n|---|---|---|\n");
    for (size_t i = 0; i < n; i++) {
        prismi_text_add(t, "| `%s` | %s | ", presets[i].name, presets[i].doc);
        for (const char *const *a = presets[i].assignments; *a; a++)
            prismi_text_add(t, "%s`%s`", a == presets[i].assignments ? "" : ", ", *a);
        prismi_text_add(t, " |\n");
    }
}

static void write_old_keys(struct prismi_text *t)
{
    size_t n;
    const struct prismi_old_key *old = prismi_config_old_keys(&n);
    prismi_text_add(t, "\n"
                       "## Old names\n\n"
                       "Files, `--set` and the folders of earlier runs may still use a key's old "
                       "name:\n"
                       "the program takes the value and logs the new name. To give a key by both "
                       "names\n"
                       "at once is an error.\n\n"
                       "| old name | key |\n|---|---|\n");
    for (size_t i = 0; i < n; i++)
        prismi_text_add(t, "| `%s` | `%s` |\n", old[i].old, old[i].key);
}

char *prismi_config_markdown(void)
{
    struct prismi_text t = {0};
    prismi_text_add(&t, "%s", intro);
    write_sections(&t);
    write_presets(&t);
    write_old_keys(&t);
    return prismi_text_take(&t);
}
