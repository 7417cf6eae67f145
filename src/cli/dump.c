/* The man page of prism. */
#include "cli/command.h"
#include "prismrec/config.h"

static void man_keys(void)
{
    size_t n;
    const struct prism_config_key *keys = prism_config_keys(&n);
    fputs(
        ".SH SETTINGS\nFor \\fB\\-\\-set\\fR \\fIKEY\\fR=\\fIVALUE\\fR and configuration files.\n",
        stdout);
    for (size_t i = 0; i < n; i++) {
        fputs(".TP\n\\fB", stdout);
        cli_roff(keys[i].key);
        fputs("\\fR (default: ", stdout);
        cli_roff(*keys[i].def ? keys[i].def : "empty");
        printf("%s%s)\n", *keys[i].unit ? " " : "", keys[i].unit);
        cli_roff(keys[i].doc);
        putchar('\n');
    }
}

int cli_dump_man(void)
{
    static const char *const files[][2] = {
        {"config.yaml", "every setting with its source; 'prism run config.yaml' repeats the run, "
                        "bit for bit on the same backend"},
        {"run.json", "version, device, hashes of settings and object, pattern statistics, the "
                     "final metrics, all settings"},
        {"metrics.jsonl",
         "one JSON object a line: step, losses, learning rate, image quality, seconds"},
        {"checkpoint.npz, checkpoint.npz.1", "the whole state, and the one before it"},
        {"reconstruction.npy, reconstruction.png",
         "the object's amplitude; single precision, and clipped to [0,1]"},
        {"reconstruction_complex.npy", "a complex object with its phase"},
        {"comparison.png, curves.svg", "truth, reconstruction and error, what one aperture sees, "
                                       "k-space; loss and quality over steps"},
        {"profile.json, profile.html, trace.json, stacks.folded",
         "from 'prism profile run': numbers, a page, a timeline for Perfetto, stacks for flame "
         "graphs"},
    };
    static const char *const codes[][2] = {
        {"0", "done"},
        {"1", "failed: a file, the device, memory, or a loss that is not finite"},
        {"2", "wrong usage or configuration; nothing was done"},
        {"3", "all files are written, but samples of a progressive run did not reach "
              "training.loss_threshold"},
        {"130", "interrupted; a checkpoint was written"},
    };
    static const char *const environment[][2] = {
        {"PRISMREC_BACKEND_PATH", "folder of backend plugins, instead of the installed one"},
        {"XDG_CACHE_HOME", "plans of transforms are kept in its folder prism; default ~/.cache"},
    };
    cli_man_head("Reconstruct an object from amplitudes measured through many small apertures in "
                 "k-space, by fitting the weights of a network, or by projections. In names of "
                 "options '-' and '_' are the same; a value follows as --option=value or as the "
                 "next word. A program built without libpng writes pictures as .pgm and .ppm.");
    fputs(".SH COMMANDS\n", stdout);
    for (const struct cli_command *const *c = cli_program.commands; *c; c++)
        cli_man_command(*c);
    fputs(".SS prism help [COMMAND]\nShow help.\n.SS prism version\nShow the version.\n.SH OPTIONS "
          "OF EVERY COMMAND\n",
          stdout);
    cli_man_options();
    cli_man_items("FILES OF A RUN", files, CLI_COUNT(files));
    man_keys();
    cli_man_items("ENVIRONMENT", environment, CLI_COUNT(environment));
    cli_man_items("EXIT STATUS", codes, CLI_COUNT(codes));
    fputs(".SH EXAMPLES\n.nf\nprism run \\-\\-preset quick \\-\\-output runs/first\nprism run "
          "\\-\\-input moon.png \\-\\-set "
          "pattern.n_apertures=100\n"
          "prism inspect runs/first\nprism compare runs/first runs/second\n.fi\n",
          stdout);
    return EXIT_DONE;
}
