/* prism: the command line program. */
#include "cli/command.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

static const struct cli_command *const commands[] = {
    &cli_run,     &cli_info,   &cli_keys,  &cli_presets, &cli_patterns, &cli_inspect,
    &cli_compare, &cli_interp, &cli_bench, &cli_profile, NULL};
const struct cli_program cli_program = {
    .name = "prism",
    .doc = "reconstruct images from amplitudes measured through small apertures in k-space",
    .commands = commands};

static const struct cli_command *find(const char *name)
{
    for (const struct cli_command *const *c = commands; *c; c++)
        if (!strcmp((*c)->name, name))
            return *c;
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *names[16] = {"help", "version"};
    int n = 2;
    for (const struct cli_command *const *c = commands; *c && n < CLI_COUNT(names); c++)
        names[n++] = (*c)->name;
    if (name[0] == '-')
        cli_error("unknown option %s: options follow a command; 'prism help' lists the commands",
                  name);
    else
        cli_error("unknown command %s%s ('prism help' lists them)", name,
                  cli_suggest(name, "", names, n));
    return EXIT_USAGE;
}

static void help_program(FILE *f)
{
    fprintf(f, "%s\n%s\n\nUsage: prism COMMAND [ARGUMENT]... [OPTION]...\n\n", cli_version_line(),
            cli_program.doc);
    for (const struct cli_command *const *c = commands; *c; c++)
        fprintf(f, "  %-10s %s\n", (*c)->name, (*c)->doc);
    fprintf(f, "  %-10s %s\n  %-10s %s\n\n", "version", "show the version", "help",
            "show this help, or that of a command: 'prism help COMMAND'");
    fputs("First steps:\n"
          "  prism run --preset quick --input usaf --output runs/first\n"
          "  prism inspect runs/first\n\n"
          "'prism COMMAND --help' explains a command and its options.\n"
          "Exit status: 0 done, 1 failed, 2 wrong usage or configuration,\n"
          "3 done, but some samples failed, 130 interrupted.\n",
          f);
}

static int help(int argc, char **argv)
{
    const struct cli_command *cmd = argc > 1 ? find(argv[1]) : NULL;
    if (argc > 1 && !cmd && argv[1][0] != '-')
        return unknown_command(argv[1]);
    if (cmd)
        cli_help(stdout, cmd);
    else
        help_program(stdout);
    return EXIT_DONE;
}

static int dump(const char *what)
{
    if (what && !strcmp(what, "man"))
        return cli_dump_man();
    if (what && !strcmp(what, "bash")) {
        cli_bash();
        return EXIT_DONE;
    }
    cli_error("--dump needs 'man' or 'bash'");
    return EXIT_USAGE;
}

/* Replaces this process by another program: the one beside prism, else the
 * first in PATH. Returns only if there is none. */
static int become(const struct cli_command *cmd, char **argv)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    argv[0] = (char *)(uintptr_t)cmd->program;
    path[n > 0 ? n : 0] = '\0';
    char *name = strrchr(path, '/');
    if (name && (size_t)(path + sizeof path - name) > strlen(cmd->program) + 1) {
        strcpy(name + 1, cmd->program);
        execv(path, argv);
    }
    execvp(cmd->program, argv);
    cli_error("'prism %s' runs %s, which is neither beside prism nor in PATH (%s); 'meson setup "
              "-Dbenchmarks=enabled' builds it",
              cmd->name, cmd->program, strerror(errno));
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
    if (cmd->program)
        return become(cmd, argv + 1);
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
        help_program(stderr);
        return EXIT_USAGE;
    }
    return cli_end(dispatch(argc, argv));
}
