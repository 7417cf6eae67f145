/* Man page and bash completion, written from the tables of options and
 * commands. */
#include "prismrec/config.h"
#include "program/cli.h"

#include <ctype.h>
#include <string.h>

/* ---- man page ---- */

void cli_roff(const char *text)
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

/* Prints text as roff: a blank line starts a paragraph, a line that starts with
 * a space keeps its own line. */
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
        cli_roff(line);
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
    cli_roff(o->name);
    fputs("\\fR", stdout);
    if (o->arg) {
        fputs(" \\fI", stdout);
        cli_roff(o->arg);
        fputs("\\fR", stdout);
    }
    putchar('\n');
    cli_roff(o->doc);
    putchar('\n');
}

void cli_man_command(const struct cli_command *c)
{
    if (*c->name) {
        printf(".SS %s %s ", cli_program.name, c->name);
        cli_roff(c->args);
        putchar('\n');
        paragraphs(c->text);
    } else
        fputs(".SH OPTIONS\n", stdout);
    for (int i = 0; i < c->n_opts; i++)
        man_option(&c->opts[i]);
    if (c->like)
        printf(".PP\nThe options of %s %s, too.\n", cli_program.name, c->like->name);
}

void cli_man_items(const char *title, const char *const (*items)[2], int n)
{
    printf(".SH %s\n", title);
    for (int i = 0; i < n; i++) {
        fputs(".TP\n", stdout);
        cli_roff(items[i][0]);
        putchar('\n');
        cli_roff(items[i][1]);
        putchar('\n');
    }
}

void cli_man_head(const char *text)
{
    const char *name = cli_program.name;
    fputs(".TH ", stdout);
    for (const char *p = name; *p; p++)
        putchar(toupper((unsigned char)*p));
    printf(" 1 \"\" \"prism %s\" \"User Commands\"\n.SH NAME\n", prism_version());
    cli_roff(name);
    fputs(" \\- ", stdout);
    cli_roff(cli_program.doc);
    fputs("\n.SH SYNOPSIS\n.B ", stdout);
    cli_roff(name);
    putchar('\n');
    if (*cli_program.commands[0]->name)
        fputs(".I command\n[\\fIargument\\fR]... [\\fIoption\\fR]...", stdout);
    else {
        cli_roff(cli_program.commands[0]->args);
        fputs(" [\\fIoption\\fR]...", stdout);
    }
    fputs("\n.SH DESCRIPTION\n", stdout);
    paragraphs(text);
}

void cli_man_options(void)
{
    for (int i = 0; i < cli_n_common_opts; i++)
        man_option(&cli_common_opts[i]);
}

/* ---- bash completion ---- */

/* Name of the shell function that completes a program. */
static void bash_function(const char *program, char *out, size_t n)
{
    snprintf(out, n, "_%s", program);
    for (char *p = out; *p; p++)
        *p = *p == '-' ? '_' : *p;
}

/* Prints the shell words for cli_opt.words; @preset becomes the names of the
 * presets. */
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

/* after_key is "=" if a value follows a key, else "". */
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

/* Hands over to the completion of the program that the command starts, as if
 * that program's name had been typed. */
static void bash_program(const struct cli_command *c)
{
    char function[64];
    bash_function(c->program, function, sizeof function);
    printf(
        "        if ! declare -F %s >/dev/null && declare -F _completion_loader >/dev/null; then\n"
        "            _completion_loader %s\n        fi\n"
        "        if declare -F %s >/dev/null; then\n"
        "            COMP_WORDS=(%s \"${COMP_WORDS[@]:2}\")\n            COMP_CWORD=$((COMP_CWORD "
        "- 1))\n            %s\n"
        "        fi\n",
        function, c->program, function, c->program, function);
}

static void bash_command(const struct cli_command *c)
{
    fputs("        case \"$prev\" in\n", stdout);
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
    fputs("        esac\n        if [[ $cur == -* ]]; then\n            COMPREPLY=($(compgen -W '",
          stdout);
    for (int i = 0; cli_opt_at(c, i); i++)
        printf("%s--%s", i ? " " : "", cli_opt_at(c, i)->name);
    fputs("' -- \"$cur\"))\n", stdout);
    if (c->words) {
        fputs("        else\n            ", stdout);
        bash_complete(c->words, "");
        putchar('\n');
    }
    fputs("        fi\n", stdout);
}

static void bash_commands(void)
{
    fputs("    if [[ $COMP_CWORD -eq 1 || ${COMP_WORDS[1]} == help ]]; then\n"
          "        COMPREPLY=($(compgen -W '",
          stdout);
    for (const struct cli_command *const *c = cli_program.commands; *c; c++)
        printf("%s ", (*c)->name);
    fputs("help version' -- \"$cur\"))\n        return\n    fi\n    case ${COMP_WORDS[1]} in\n",
          stdout);
    for (const struct cli_command *const *c = cli_program.commands; *c; c++) {
        printf("    %s)\n", (*c)->name);
        if ((*c)->program)
            bash_program(*c);
        else
            bash_command(*c);
        fputs("        ;;\n", stdout);
    }
    fputs("    esac\n", stdout);
}

void cli_bash(void)
{
    char function[64];
    bash_function(cli_program.name, function, sizeof function);
    printf("# bash completion for %s\n%s()\n{\n"
           "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
           "    COMPREPLY=()\n",
           cli_program.name, function);
    if (*cli_program.commands[0]->name)
        bash_commands();
    else
        bash_command(cli_program.commands[0]);
    printf("}\ncomplete -o filenames -F %s %s\n", function, cli_program.name);
}
