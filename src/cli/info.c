/* prism info: version, build and licence of the program, and the devices it can
 * use. */
#include "cli/command.h"
#include "core/json.h"

#include "git_version.h"
#include "prismi_config.h"

#include <sched.h>
#include <string.h>

static const struct cli_opt opts[] = {
    {.name = "plugin-path",
     .arg = "DIR",
     .words = "@dir",
     .doc = "folder of backend plugins; default: PRISMREC_BACKEND_PATH, else the installed one"},
    {.name = "json", .letter = 'j', .doc = "print one JSON object"},
};

static int usable_cores(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) ? 0 : CPU_COUNT(&set);
}

static void print_json(const struct prism_backend_info *backends, int n)
{
    struct prismi_json_out j;
    prismi_json_init(&j, true);
    prismi_json_open(&j, NULL, '{');
    prismi_json_string(&j, "version", prism_version());
    prismi_json_string(&j, "git", PRISMI_GIT);
    prismi_json_string(&j, "build", PRISMI_BUILD_OPTIONS);
    prismi_json_string(&j, "licence", PRISMI_LICENSE);
    prismi_json_string(&j, "backend_dir", PRISMI_BACKEND_DIR);
    prismi_json_number(&j, "threads", usable_cores());
    prismi_json_open(&j, "backends", '[');
    for (int i = 0; i < n; i++) {
        prismi_json_open(&j, NULL, '{');
        prismi_json_string(&j, "name", backends[i].name);
        prismi_json_bool(&j, "usable", backends[i].usable);
        prismi_json_string(&j, backends[i].usable ? "device" : "reason", backends[i].why);
        prismi_json_close(&j, '}');
    }
    prismi_json_close(&j, ']');
    prismi_json_close(&j, '}');
    cli_print_json(&j);
    prismi_json_release(&j);
}

static void print_text(const struct prism_backend_info *backends, int n)
{
    bool chosen = false;
    printf("%s\n"
           "build     %s\n"
           "licence   %s\n"
           "plugins   %s\n"
           "threads   %d\n\n"
           "backends, in the order 'auto' tries them:\n",
           cli_version_line(), PRISMI_BUILD_OPTIONS, PRISMI_LICENSE, PRISMI_BACKEND_DIR,
           usable_cores());
    for (int i = 0; i < n; i++) {
        const struct prism_backend_info *b = &backends[i];
        printf("  %c %-8s %s%s\n", b->usable && !chosen ? '*' : ' ', b->name,
               b->usable ? *b->why ? b->why : "usable" : "not usable: ", b->usable ? "" : b->why);
        chosen = chosen || b->usable;
    }
    puts("* is what 'auto' would use");
}

static int run(struct cli *cli)
{
    struct prism_backend_info backends[16];
    struct prism_ctx *ctx = cli_ctx(true);
    if (!ctx)
        return EXIT_FAILED;
    int n = prism_backend_list(ctx, cli_get(cli, "plugin-path"), backends, CLI_COUNT(backends));
    n = n < CLI_COUNT(backends) ? n : CLI_COUNT(backends);
    if (cli_has(cli, "json"))
        print_json(backends, n);
    else
        print_text(backends, n);
    prism_ctx_destroy(&ctx);
    return EXIT_DONE;
}

const struct cli_command cli_info = {
    .name = "info",
    .args = "",
    .doc = "show the version, the build and the usable devices",
    .text = "Show the version, how the program was built, the licence of this build, and every "
            "backend: the device it would use, or why it cannot be used here.",
    .opts = opts,
    .n_opts = CLI_COUNT(opts),
    .run = run,
};
