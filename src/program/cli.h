/* Command lines of the programs: options, help, messages, man page and
 * completion come from one table. */
#ifndef PRISM_PROGRAM_CLI_H
#define PRISM_PROGRAM_CLI_H

#include "prismrec/ctx.h"

#include <stdio.h>

/* Exit codes. */
enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_SAMPLES = 3, /* all files are written, but samples stayed above training.loss_threshold */
    EXIT_INTERRUPTED = 130
};

/* One option. Parser, help, man page and completion read the tables of
 * options. */
struct cli_opt {
    const char *name;  /* typed as --name; '-' and '_' are the same */
    char letter;       /* short form; 0: none */
    const char *arg;   /* name of its value in the help; NULL: a flag */
    bool many;         /* the option may be repeated */
    const char *key;   /* the configuration key it sets, or NULL */
    const char *words; /* completion: "a b c", "@file", "@dir", "@key", "@preset"; NULL: none */
    const char *doc;
};

struct cli;

struct cli_command {
    const char *name; /* "": the program is this one command */
    const char *args; /* arguments in the synopsis; "": none */
    const char *doc;  /* one line */
    const char *text; /* paragraphs of help and man page, one per line */
    const struct cli_opt *opts;
    int n_opts;
    const struct cli_command *like; /* a command whose options this one has too, or NULL */
    int min_args, max_args;         /* max_args -1: any number */
    const char *words;              /* completion of the arguments */
    int (*run)(struct cli *cli);
    const char *program; /* program to start instead of run(), which parses the arguments itself;
                            NULL: call run() */
};

/* Name and commands of a program; each program defines one. */
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
    char **argv; /* as typed: the hint how to resume repeats them */
    int n_args, n_set;
    const char **args;
    struct cli_value {
        const struct cli_opt *opt;
        const char *value; /* "" for a flag */
    } * set;
};

#define CLI_COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

/* Options that every command has. */
extern const struct cli_opt cli_common_opts[];
extern const int cli_n_common_opts;

/* Option i of a command: its own come first, then those of the command it is
 * like, then the common ones; NULL after the last. */
const struct cli_opt *cli_opt_at(const struct cli_command *cmd, int i);

/* Parses a command line whose argv[0] is the command's name. Returns 0, or
 * EXIT_USAGE after an error line; the caller frees *out with cli_release() in
 * both cases. */
int cli_parse(const struct cli_command *cmd, int argc, char **argv, struct cli *out);
void cli_release(struct cli *cli);
const char *cli_get(const struct cli *cli, const char *name); /* the last value given, or NULL */
bool cli_has(const struct cli *cli, const char *name);

/* Prints "<program>: error: <sentence>" or "<program>: warning: <sentence>" on
 * standard error, one line. */
void cli_error(const char *fmt, ...) PRISM_PRINTF(1, 2);
void cli_warn(const char *fmt, ...) PRISM_PRINTF(1, 2);
/* Shows a line on standard error that the next status line or message
 * replaces. */
void cli_status(const char *text);
void cli_status_clear(void);
/* Prints the context's last error and returns code. */
int cli_fail(const struct prism_ctx *ctx, int code);
/* Creates a context that prints warnings, or none if quiet; errors are the
 * caller's to print. Returns NULL after an error line. */
struct prism_ctx *cli_ctx(bool quiet);

/* "; did you mean <prefix>x?" for the candidate nearest to word, or "". There
 * are n candidates; n < 0: the list ends with NULL. */
const char *cli_suggest(const char *word, const char *prefix, const char *const *candidates, int n);

void cli_help(FILE *f, const struct cli_command *cmd);
void cli_synopsis(FILE *f, const struct cli_command *cmd);
/* Program, version and commit: "prism 0.2.0 (abc123)". */
const char *cli_version_line(void);
/* Flushes standard output as the last thing that a program does. Returns code,
 * or EXIT_FAILED after an error line if the output could not be written. */
int cli_end(int code);

/* The functions of man.c print pieces of a man page and a bash completion to
 * standard output. `text` has the form of cli_command.text. */
void cli_man_head(const char *text);
void cli_man_command(const struct cli_command *cmd); /* synopsis, text and options; only options if
                                                        the program is one command */
void cli_man_options(void);                          /* options of every command */
void cli_man_items(const char *title, const char *const (*items)[2], int n);
void cli_roff(const char *text); /* escaped */
void cli_bash(void);             /* the program's whole completion */

/* Prints a finished JSON text and a newline to standard output. */
struct prismi_json_out;
void cli_print_json(const struct prismi_json_out *j);
/* Prints a word as a POSIX shell reads it, quoted if needed. */
void cli_print_quoted(FILE *f, const char *word);

#endif
