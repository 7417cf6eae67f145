/* Man page and bash completion, written from the tables that also parse and help. */
#include "cli/cli.h"
#include "prismrec/config.h"

#include <string.h>

/* ---- man page ---- */

static void roff(const char *text)
{
    for (const char *p = text, *line = text; *p; p++) {
        if (p == line && (*p == '.' || *p == '\''))
            fputs("\\&", stdout);
        if (*p == '\\')
            fputs("\\e", stdout);
        else if (*p == '-')
            fputs("\\-", stdout);
        else
            putchar(*p);
        if (*p == '\n')
            line = p + 1;
    }
}

/* Blank lines become paragraphs, lines that start with a space stay as they are. */
static void paragraphs(const char *text)
{
    char line[1024];
    while (*text) {
        size_t n = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)n, text);
        if (!n)
            fputs(".PP", stdout);
        else if (*line == ' ')
            fputs(".br\n", stdout);
        roff(line);
        putchar('\n');
        text += n + (text[n] == '\n');
    }
}

static void man_option(const struct cli_opt *o)
{
    fputs(".TP\n", stdout);
    if (o->letter)
        printf("\\fB\\-%c\\fR, ", o->letter);
    fputs("\\fB\\-\\-", stdout);
    roff(o->name);
    fputs("\\fR", stdout);
    if (o->arg) {
        fputs(" \\fI", stdout);
        roff(o->arg);
        fputs("\\fR", stdout);
    }
    putchar('\n');
    roff(o->doc);
    putchar('\n');
}

static void man_command(const struct cli_command *c)
{
    printf(".SS prism %s ", c->name);
    roff(c->args);
    putchar('\n');
    paragraphs(c->text);
    for (int i = 0; i < c->n_opts; i++)
        man_option(&c->opts[i]);
    if (c->like)
        printf(".PP\nThe options of prism %s, too.\n", c->like->name);
}

static void man_keys(void)
{
    size_t n;
    const struct prism_config_key *keys = prism_config_keys(&n);
    fputs(".SH SETTINGS\nFor \\fB\\-\\-set\\fR \\fIKEY\\fR=\\fIVALUE\\fR and configuration files.\n", stdout);
    for (size_t i = 0; i < n; i++) {
        fputs(".TP\n\\fB", stdout);
        roff(keys[i].key);
        fputs("\\fR (default: ", stdout);
        roff(*keys[i].def ? keys[i].def : "empty");
        printf("%s%s)\n", *keys[i].unit ? " " : "", keys[i].unit);
        roff(keys[i].doc);
        putchar('\n');
    }
}

static void man_items(const char *title, const char *const (*items)[2], int n)
{
    printf(".SH %s\n", title);
    for (int i = 0; i < n; i++) {
        fputs(".TP\n", stdout);
        roff(items[i][0]);
        putchar('\n');
        roff(items[i][1]);
        putchar('\n');
    }
}

int cli_dump_man(void)
{
    static const char *const files[][2] = {
        {"config.yaml",
         "every setting and where it came from; 'prism run config.yaml' repeats the run, bit for bit on the same backend"},
        {"run.json", "version, device, hashes of settings and object, pattern statistics, the final metrics, all settings"},
        {"metrics.jsonl", "one JSON object a line: step, losses, learning rate, image quality, seconds"},
        {"checkpoint.prism, checkpoint.prism.1", "the whole state, and the one before it"},
        {"reconstruction.npy, reconstruction.png", "the object's amplitude; single precision, and clipped to [0,1]"},
        {"comparison.png, curves.svg",
         "truth, reconstruction and error, what one aperture sees, k-space; loss and quality over steps"},
        {"profile.json, profile.html, trace.json, stacks.folded",
         "of 'prism profile run': the numbers, a page, a timeline for Perfetto, stacks for flame graphs"},
    };
    static const char *const codes[][2] = {
        {"0", "done"},
        {"1", "failed: a file, the device, memory, or a loss that is not finite"},
        {"2", "bad usage or configuration; nothing was done"},
        {"3", "everything is written, but samples of a progressive run did not reach training.loss_threshold"},
        {"130", "interrupted; a checkpoint was written"},
    };
    static const char *const environment[][2] = {
        {"PRISMREC_BACKEND_PATH", "folder of backend plugins, instead of the installed one"},
        {"XDG_CACHE_HOME", "plans of transforms are kept in its folder prism; default ~/.cache"},
    };
    printf(".TH PRISM 1 \"\" \"prism %s\" \"User Commands\"\n.SH NAME\nprism \\- synthetic\\-aperture reconstruction with a "
           "generative decoder\n"
           ".SH SYNOPSIS\n.B prism\n.I command\n[\\fIargument\\fR]... [\\fIoption\\fR]...\n.SH DESCRIPTION\n",
           prism_version());
    paragraphs(
        "Reconstruct an object from amplitudes measured through many small apertures in k-space, by fitting the weights of a "
        "network, or by projections. In names of options '-' and '_' are the same; a value follows as --option=value or as the "
        "next word. Where the program was built without libpng, pictures are .pgm and .ppm.");
    fputs(".SH COMMANDS\n", stdout);
    for (const struct cli_command *const *c = cli_commands; *c; c++)
        man_command(*c);
    fputs(".SS prism help [COMMAND]\nShow help.\n.SS prism version\nShow the version.\n.SH OPTIONS OF EVERY COMMAND\n", stdout);
    for (int i = 0; i < cli_n_common_opts; i++)
        man_option(&cli_common_opts[i]);
    man_items("FILES OF A RUN", files, CLI_COUNT(files));
    man_keys();
    man_items("ENVIRONMENT", environment, CLI_COUNT(environment));
    man_items("EXIT STATUS", codes, CLI_COUNT(codes));
    fputs(".SH EXAMPLES\n.nf\nprism run \\-\\-preset quick \\-\\-output runs/first\nprism run \\-\\-input moon.png \\-\\-set "
          "telescope.n_samples=100\n"
          "prism inspect runs/first\nprism compare runs/first runs/second\n.fi\n",
          stdout);
    return EXIT_DONE;
}

/* ---- bash completion ---- */

/* The shell words that complete a table's `words`. */
static void bash_words(const char *words)
{
    size_t n;
    const struct prism_preset *presets = prism_config_presets(&n);
    const char *at = strstr(words, "@preset");
    if (!at) {
        fputs(words, stdout);
        return;
    }
    printf("%.*s", (int)(at - words), words);
    for (size_t i = 0; i < n; i++)
        printf("%s%s", i ? " " : "", presets[i].name);
}

/* after_key: "=" where a value follows a key, else "". */
static void bash_complete(const char *words, const char *after_key)
{
    size_t n;
    const struct prism_config_key *keys = prism_config_keys(&n);
    if (!strcmp(words, "@file"))
        fputs("COMPREPLY=($(compgen -f -- \"$cur\"))", stdout);
    else if (!strcmp(words, "@dir"))
        fputs("COMPREPLY=($(compgen -d -- \"$cur\"))", stdout);
    else if (!strcmp(words, "@key")) {
        printf("%sCOMPREPLY=($(compgen -W '", *after_key ? "compopt -o nospace; " : "");
        for (size_t i = 0; i < n; i++)
            printf("%s%s%s", i ? " " : "", keys[i].key, after_key);
        fputs("' -- \"$cur\"))", stdout);
    } else {
        fputs("COMPREPLY=($(compgen -W '", stdout);
        bash_words(words);
        fputs("' -- \"$cur\"))", stdout);
    }
}

static void bash_command(const struct cli_command *c)
{
    printf("    %s)\n        case \"$prev\" in\n", c->name);
    for (int i = 0; cli_opt_at(c, i); i++) {
        const struct cli_opt *o = cli_opt_at(c, i);
        if (!o->arg)
            continue;
        printf("        --%s", o->name);
        if (o->letter)
            printf("|-%c", o->letter);
        fputs(") ", stdout);
        if (o->words)
            bash_complete(o->words, "=");
        fputs(o->words ? "; return ;;\n" : "return ;;\n", stdout);
    }
    fputs("        esac\n        if [[ $cur == -* ]]; then\n            COMPREPLY=($(compgen -W '", stdout);
    for (int i = 0; cli_opt_at(c, i); i++)
        printf("%s--%s", i ? " " : "", cli_opt_at(c, i)->name);
    fputs("' -- \"$cur\"))\n", stdout);
    if (c->words) {
        fputs("        else\n            ", stdout);
        bash_complete(c->words, "");
        putchar('\n');
    }
    fputs("        fi ;;\n", stdout);
}

int cli_dump_bash(void)
{
    fputs("# bash completion for prism\n_prism()\n{\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    COMPREPLY=()\n"
          "    if [[ $COMP_CWORD -eq 1 || ${COMP_WORDS[1]} == help ]]; then\n"
          "        COMPREPLY=($(compgen -W '",
          stdout);
    for (const struct cli_command *const *c = cli_commands; *c; c++)
        printf("%s ", (*c)->name);
    fputs("help version' -- \"$cur\"))\n        return\n    fi\n    case ${COMP_WORDS[1]} in\n", stdout);
    for (const struct cli_command *const *c = cli_commands; *c; c++)
        bash_command(*c);
    fputs("    esac\n}\ncomplete -o filenames -F _prism prism\n", stdout);
    return EXIT_DONE;
}
