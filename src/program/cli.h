/* Command lines: what the programs share. Options, help, messages, man page and
 * completion from one table. */
#ifndef PRISM_PROGRAM_CLI_H
#define PRISM_PROGRAM_CLI_H

#include "prismrec/ctx.h"

#include <stdio.h>

/* What a shell learns from a program. */
enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_SAMPLES = 3, /* all is written, but samples stayed above training.loss_threshold */
    EXIT_INTERRUPTED = 130
};

/* One option. The tables of these are the parser, the help, the man page and
 * the completion. */
struct cli_opt {
    const char *name;  /* written --name; '-' and '_' are the same */
    char letter;       /* short form, 0 = none */
    const char *arg;   /* what its value is called; NULL = a flag */
    bool many;         /* may be repeated */
    const char *key;   /* the configuration key it sets, or NULL */
    const char *words; /* completion: "a b c", "@file", "@dir", "@key", "@preset"; NULL = nothing */
    const char *doc;
};

struct cli;

struct cli_command {
    const char *name,
        *args; /* name "": the program is this one command. args: as in the synopsis, "" = none */
    const char *doc;  /* one line */
    const char *text; /* paragraphs for help and man page; each line is one */
    const struct cli_opt *opts;
    int n_opts;
    const struct cli_command *like; /* whose options it has too, or NULL */
    int min_args, max_args;         /* max_args -1 = any number */
    const char *words;              /* completion of the arguments */
    int (*run)(struct cli *cli);
    const char *program; /* runs this program instead, which parses the arguments; no options here.
                            NULL: run */
};

/* Each program defines one. */
struct cli_program {
    const char *name;                          /* begins every message */
    const char *doc;                           /* one line */
    const struct cli_command *const *commands; /* NULL-terminated */
};
extern const struct cli_program cli_program;

/* A parsed command line. */
struct cli {
    const struct cli_command *cmd;
    int argc;
    char **argv; /* as typed, for the hint how to resume */
    int n_args, n_set;
    const char **args;
    struct cli_value {
        const struct cli_opt *opt;
        const char *value; /* "" for a flag */
    } * set;
};

#define CLI_COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

/* Options every command has. */
extern const struct cli_opt cli_common_opts[];
extern const int cli_n_common_opts;

/* The options of a command: its own, those of the one it is like, the common
 * ones; NULL behind the last. */
const struct cli_opt *cli_opt_at(const struct cli_command *cmd, int i);

/* argv[0] is the command's name. Returns 0 or EXIT_USAGE after printing one
 * line; free with cli_release(). */
int cli_parse(const struct cli_command *cmd, int argc, char **argv, struct cli *out);
void cli_release(struct cli *cli);
const char *cli_get(const struct cli *cli, const char *name); /* the last value, or NULL */
bool cli_has(const struct cli *cli, const char *name);

/* "<program>: error: <sentence>" on standard error, one line. */
void cli_error(const char *fmt, ...) PRISM_PRINTF(1, 2);
void cli_warn(const char *fmt, ...) PRISM_PRINTF(1, 2);
/* A line on standard error that the next one, or a message, replaces. */
void cli_status(const char *text);
void cli_status_clear(void);
/* The context's last error; returns code. */
int cli_fail(const struct prism_ctx *ctx, int code);
/* A context that prints warnings; NULL after an error line. quiet: errors only,
 * which the caller prints. */
struct prism_ctx *cli_ctx(bool quiet);

/* "; did you mean <prefix>x?" for the candidate nearest to word, or "". n
 * candidates, or NULL-terminated for n < 0. */
const char *cli_suggest(const char *word, const char *prefix, const char *const *candidates, int n);

void cli_help(FILE *f, const struct cli_command *cmd);
void cli_synopsis(FILE *f, const struct cli_command *cmd);
/* "prism 0.2.0 (abc123)" */
const char *cli_version_line(void);
/* The last thing a program does: its exit code, where standard output took
 * everything. */
int cli_end(int code);

/* man.c: pieces of a man page and a bash completion, to standard output. text:
 * as in cli_command. */
void cli_man_head(const char *text);
void cli_man_command(const struct cli_command *cmd); /* synopsis, text, options; of a program that
                                                        is one command: options */
void cli_man_options(void);                          /* those of every command */
void cli_man_items(const char *title, const char *const (*items)[2], int n);
void cli_roff(const char *text); /* escaped */
void cli_bash(void);             /* the whole completion of the program */

/* A finished text and a newline, to standard output. */
struct prismi_json_out;
void cli_print_json(const struct prismi_json_out *j);
/* Text of a word for a POSIX shell, quoted where needed. */
void cli_print_quoted(FILE *f, const char *word);

#endif
