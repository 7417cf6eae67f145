/* Options: parsing, help, suggestions, messages. */
#include "core/json.h"
#include "prismrec/config.h"
#include "program/cli.h"

#include "git_version.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

const struct cli_opt cli_common_opts[] = {
    {.name = "help", .letter = 'h', .doc = "show this help and exit"},
};
const int cli_n_common_opts = CLI_COUNT(cli_common_opts);

/* ---- messages ---- */

static bool shown;

static int width(void)
{
    struct winsize w;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col : 80;
}

void cli_status(const char *text)
{
    fprintf(stderr, "\r%.*s\033[K", width() - 1, text);
    fflush(stderr);
    shown = true;
}

void cli_status_clear(void)
{
    if (shown)
        fputs("\r\033[K", stderr);
    shown = false;
}

static void message(const char *kind, const char *fmt, va_list ap)
{
    cli_status_clear();
    fprintf(stderr, "%s: %s: ", cli_program.name, kind);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
}

void cli_error(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    message("error", fmt, ap);
    va_end(ap);
}

void cli_warn(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    message("warning", fmt, ap);
    va_end(ap);
}

int cli_fail(const struct prism_ctx *ctx, int code)
{
    cli_error("%s", prism_ctx_error(ctx)->text);
    return code;
}

static void on_log(void *user, enum prism_log_level level, const char *text)
{
    (void)user;
    /* errors come back as a status and are printed once, by the caller */
    if (level == PRISM_LOG_WARN)
        cli_warn("%s", text);
}

struct prism_ctx *cli_ctx(bool quiet)
{
    struct prism_ctx_params params = {
        .log = quiet ? NULL : on_log, .level = PRISM_LOG_WARN, .spell = prism_config_spell};
    struct prism_ctx *ctx;
    if (prism_ctx_create(&params, &ctx))
        cli_error("not enough memory to start");
    return ctx;
}

const char *cli_version_line(void)
{
    static char text[64];
    snprintf(text, sizeof text, "%s %s (%s)", cli_program.name, prism_version(), PRISMI_GIT);
    return text;
}

int cli_end(int code)
{
    /* a full disk shows here at the latest; EPIPE means that the reader has
     * read enough */
    bool done = code == EXIT_DONE || code == EXIT_SAMPLES;
    if ((fflush(stdout) || ferror(stdout)) && done && errno != EPIPE) {
        cli_error("cannot write to standard output: %s", strerror(errno));
        code = EXIT_FAILED;
    }
    return code;
}

/* ---- suggestions ---- */

const char *cli_suggest(const char *word, const char *prefix, const char *const *candidates, int n)
{
    static char text[96];
    int best = INT_MAX;
    text[0] = '\0';
    for (int i = 0; n < 0 ? candidates[i] != NULL : i < n; i++) {
        int d = prismi_word_distance(word, candidates[i]);
        if (d < best) {
            best = d;
            snprintf(text, sizeof text, "; did you mean %s%s?", prefix, candidates[i]);
        }
    }
    return text;
}

/* ---- parsing ---- */

static bool same_name(const char *typed, size_t n, const char *name)
{
    if (strlen(name) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((typed[i] == '_' ? '-' : typed[i]) != name[i])
            return false;
    return true;
}

const struct cli_opt *cli_opt_at(const struct cli_command *cmd, int i)
{
    int own = cmd->n_opts, like = cmd->like ? cmd->like->n_opts : 0;
    if (i < own)
        return &cmd->opts[i];
    if (i < own + like)
        return &cmd->like->opts[i - own];
    return i < own + like + cli_n_common_opts ? &cli_common_opts[i - own - like] : NULL;
}

static const struct cli_opt *find(const struct cli_command *cmd, const char *typed, size_t n,
                                  char letter)
{
    const struct cli_opt *o;
    for (int i = 0; (o = cli_opt_at(cmd, i)); i++)
        if (letter ? o->letter == letter : same_name(typed, n, o->name))
            return o;
    return NULL;
}

/* The command as a user types it: "prism run", or "prism-bench" for a program
 * that is one command. */
static const char *typed_name(const struct cli_command *cmd)
{
    static char text[64];
    snprintf(text, sizeof text, "%s%s%s", cli_program.name, *cmd->name ? " " : "", cmd->name);
    return text;
}

static int unknown_option(const struct cli_command *cmd, const char *typed)
{
    const char *names[64];
    char word[64];
    int n = 0;
    for (; n < CLI_COUNT(names) && cli_opt_at(cmd, n); n++)
        names[n] = cli_opt_at(cmd, n)->name;
    snprintf(word, sizeof word, "%.*s", (int)strcspn(typed, "="), typed);
    const char *hint = strncmp(word, "--", 2) ? "" : cli_suggest(word + 2, "--", names, n);
    cli_error("unknown option %s%s ('%s --help' lists the options)", word, hint, typed_name(cmd));
    return EXIT_USAGE;
}

/* Parses argv[*i] and advances *i over a separate value. */
static int parse_option(struct cli *cli, int argc, char **argv, int *i)
{
    const char *typed = argv[*i], *value = NULL;
    const struct cli_opt *opt;
    if (typed[1] == '-') {
        size_t n = strcspn(typed + 2, "=");
        opt = find(cli->cmd, typed + 2, n, 0);
        value = typed[2 + n] ? typed + 3 + n : NULL;
    } else {
        opt = find(cli->cmd, NULL, 0, typed[1]);
        value = typed[2] ? typed + 2 + (typed[2] == '=') : NULL;
    }
    if (!opt)
        return unknown_option(cli->cmd, typed);
    if (!opt->arg && value) {
        cli_error("option '--%s' takes no value, '%s' was given", opt->name, value);
        return EXIT_USAGE;
    }
    if (opt->arg && !value) {
        if (*i + 1 >= argc) {
            cli_error("option '--%s' needs a value: --%s %s", opt->name, opt->name, opt->arg);
            return EXIT_USAGE;
        }
        value = argv[++*i];
    }
    cli->set[cli->n_set].opt = opt;
    cli->set[cli->n_set++].value = value ? value : "";
    return 0;
}

int cli_parse(const struct cli_command *cmd, int argc, char **argv, struct cli *out)
{
    *out = (struct cli){.cmd = cmd, .argc = argc, .argv = argv};
    out->args = calloc((size_t)argc, sizeof *out->args);
    out->set = calloc((size_t)argc, sizeof *out->set);
    if (!out->args || !out->set) {
        cli_error("not enough memory for %d arguments", argc);
        return EXIT_USAGE;
    }
    bool only_args = false;
    for (int i = 1; i < argc; i++) {
        if (!only_args && !strcmp(argv[i], "--"))
            only_args = true;
        else if (!only_args && argv[i][0] == '-' && argv[i][1]) {
            int status = parse_option(out, argc, argv, &i);
            if (status)
                return status;
        } else
            out->args[out->n_args++] = argv[i];
    }
    if (cli_has(out, "help"))
        return 0;
    if (out->n_args < cmd->min_args) {
        cli_error("'%s' needs %s; '%s --help' shows how", typed_name(cmd), cmd->args,
                  typed_name(cmd));
        return EXIT_USAGE;
    }
    if (cmd->max_args >= 0 && out->n_args > cmd->max_args) {
        cli_error("'%s' takes no argument '%s'; '%s --help' shows how", typed_name(cmd),
                  out->args[cmd->max_args], typed_name(cmd));
        return EXIT_USAGE;
    }
    return 0;
}

void cli_release(struct cli *cli)
{
    free(cli->args);
    free(cli->set);
}

const char *cli_get(const struct cli *cli, const char *name)
{
    for (int i = cli->n_set - 1; i >= 0; i--)
        if (!strcmp(cli->set[i].opt->name, name))
            return cli->set[i].value;
    return NULL;
}

bool cli_has(const struct cli *cli, const char *name)
{
    return cli_get(cli, name) != NULL;
}

/* ---- help ---- */

/* Prints text wrapped at 80 columns. Each line of text is a paragraph; a line
 * that starts with a space is printed as it is. Printing starts in column
 * `column`; further lines are indented. */
static void wrapped(FILE *f, const char *text, int indent, int column)
{
    fprintf(f, "%*s", indent - column, "");
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (line != text)
            fprintf(f, "\n%*s", *line == '\n' ? 0 : indent, "");
        int at = indent;
        for (const char *p = line; *p && *p != '\n';) {
            size_t n = strcspn(p, *line == ' ' ? "\n" : " \n");
            bool wrap = at > indent && at + 1 + (int)n > 80;
            fprintf(f, wrap ? "\n%*s%.*s" : "%*s%.*s", wrap ? indent : at > indent, "", (int)n, p);
            at = wrap ? indent + (int)n : at + (at > indent) + (int)n;
            p += n + (p[n] == ' ');
        }
    }
    fputc('\n', f);
}

static void help_option(FILE *f, const struct cli_opt *o)
{
    int column = o->letter ? fprintf(f, "  -%c, --%s", o->letter, o->name)
                           : fprintf(f, "      --%s", o->name);
    if (o->arg)
        column += fprintf(f, " %s", o->arg);
    if (column > 26) {
        fputc('\n', f);
        column = 0;
    }
    wrapped(f, o->doc, 28, column);
}

void cli_synopsis(FILE *f, const struct cli_command *cmd)
{
    fprintf(f, "%s%s%s%s", typed_name(cmd), *cmd->args ? " " : "", cmd->args,
            cmd->n_opts ? " [OPTION]..." : "");
}

void cli_help(FILE *f, const struct cli_command *cmd)
{
    fputs("Usage: ", f);
    cli_synopsis(f, cmd);
    fputs("\n\n", f);
    wrapped(f, cmd->text, 0, 0);
    fputs("\nOptions:\n", f);
    for (int i = 0; cli_opt_at(cmd, i); i++)
        help_option(f, cli_opt_at(cmd, i));
}

void cli_print_json(const struct prismi_json_out *j)
{
    const char *text = prismi_json_text(j);
    printf("%s\n", text ? text : "null");
    fflush(stdout);
}

void cli_print_quoted(FILE *f, const char *word)
{
    bool plain = *word != '\0';
    for (const char *p = word; *p; p++)
        plain = plain && (isalnum((unsigned char)*p) || strchr("_-./=:,+@%", *p));
    if (plain) {
        fputs(word, f);
        return;
    }
    fputc('\'', f);
    for (const char *p = word; *p; p++)
        if (*p == '\'')
            fputs("'\\''", f);
        else
            fputc(*p, f);
    fputc('\'', f);
}
