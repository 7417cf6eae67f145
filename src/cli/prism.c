/* prism: the command line of the library. */
#include "cli/cli.h"

#include "git_version.h"

#include <errno.h>
#include <string.h>

const struct cli_command *const cli_commands[] = {&cli_run,      &cli_info,    &cli_keys,    &cli_presets,
                                                  &cli_patterns, &cli_inspect, &cli_compare, &cli_bench,   &cli_profile, NULL};

const char *cli_version_line(void)
{
    static char text[64];
    snprintf(text, sizeof text, "prism %s (%s)", prism_version(), PRISMI_GIT);
    return text;
}

static const struct cli_command *find(const char *name)
{
    for (const struct cli_command *const *c = cli_commands; *c; c++)
        if (!strcmp((*c)->name, name))
            return *c;
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *names[16] = {"help", "version"};
    int n = 2;
    for (const struct cli_command *const *c = cli_commands; *c && n < CLI_COUNT(names); c++)
        names[n++] = (*c)->name;
    if (name[0] == '-')
        cli_error("unknown option %s: options follow a command, 'prism help' lists those", name);
    else
        cli_error("unknown command %s%s ('prism help' lists them)", name, cli_suggest(name, "", names, n));
    return EXIT_USAGE;
}

static int help(int argc, char **argv)
{
    const struct cli_command *cmd = argc > 1 ? find(argv[1]) : NULL;
    if (argc > 1 && !cmd && argv[1][0] != '-')
        return unknown_command(argv[1]);
    cli_help(stdout, cmd);
    return EXIT_DONE;
}

static int dump(const char *what)
{
    if (what && !strcmp(what, "man"))
        return cli_dump_man();
    if (what && !strcmp(what, "bash"))
        return cli_dump_bash();
    cli_error("--dump needs 'man' or 'bash'");
    return EXIT_USAGE;
}

static int dispatch(int argc, char **argv)
{
    const char *name = argv[1];
    if (!strcmp(name, "help") || !strcmp(name, "--help") || !strcmp(name, "-h"))
        return help(argc - 1, argv + 1);
    if (!strcmp(name, "version") || !strcmp(name, "--version") || !strcmp(name, "-V")) {
        printf("%s\n", cli_version_line());
        return EXIT_DONE;
    }
    if (!strcmp(name, "--dump")) /* for the build: man page and completion */
        return dump(argv[2]);
    const struct cli_command *cmd = find(name);
    if (!cmd)
        return unknown_command(name);
    struct cli cli;
    int code = cli_parse(cmd, argc - 1, argv + 1, &cli);
    if (!code && cli_has(&cli, "help"))
        cli_help(stdout, cmd);
    else if (!code)
        code = cmd->run(&cli);
    cli_release(&cli);
    return code;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        cli_help(stderr, NULL);
        return EXIT_USAGE;
    }
    int code = dispatch(argc, argv);
    /* a full disk shows here at the latest; a reader that went away has had enough */
    if ((fflush(stdout) || ferror(stdout)) && (code == EXIT_DONE || code == EXIT_SAMPLES) && errno != EPIPE) {
        cli_error("cannot write to standard output: %s", strerror(errno));
        code = EXIT_FAILED;
    }
    return code;
}
