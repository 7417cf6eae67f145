/* prism run: a reconstruction, from a configuration to a folder of results. */
#include "cli/run.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "core/internal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct cli_opt opts[] = {
    {.name = "preset",
     .letter = 'p',
     .arg = "NAME",
     .words = "@preset",
     .doc = "start from a preset ('prism presets' lists them)"},
    {.name = "input",
     .letter = 'i',
     .arg = "PICTURE",
     .key = "image.input",
     .words = "@file",
     .doc = "picture of the object: a file, or a built-in one (usaf, siemens, points, moon)"},
    {.name = "data",
     .letter = 'd',
     .arg = "FILE",
     .key = "image.data",
     .words = "@file",
     .doc =
         "measurements of an unknown object, instead of a picture: an NPZ file (docs/formats.md)"},
    {.name = "set",
     .letter = 's',
     .arg = "KEY=VALUE",
     .many = true,
     .words = "@key",
     .doc = "change a setting; may be repeated ('prism keys' lists the settings)"},
    {.name = "output",
     .letter = 'o',
     .arg = "DIR",
     .words = "@dir",
     .doc = "folder for the results; default: runs/NAME, NAME being the setting 'name', else date "
            "and time"},
    {.name = "max-steps",
     .arg = "N",
     .key = "training.max_steps",
     .doc = "number of optimiser steps (joint objective)"},
    {.name = "backend",
     .letter = 'b',
     .arg = "NAME",
     .key = "compute.backend",
     .words = "auto ref cpu cuda",
     .doc = "where to compute: auto (as 'prism info' says), ref, cpu, cuda, cuda:1, or a plugin's "
            "name"},
    {.name = "threads",
     .letter = 't',
     .arg = "N",
     .key = "compute.threads",
     .doc = "number of threads; 0: all cores. Results do not depend on it"},
    {.name = "seed",
     .arg = "N",
     .key = "training.seed",
     .doc = "seed of all random numbers: weights, batches, noise, random patterns"},
    {.name = "plain",
     .doc = "use general methods only: no fused operations, no kernels for particular shapes; "
            "slower, helps to find a faulty kernel"},
    {.name = "resume",
     .letter = 'r',
     .doc = "continue the run in the output folder from its last checkpoint"},
    {.name = "quiet", .letter = 'q', .doc = "print errors only"},
    {.name = "json",
     .letter = 'j',
     .doc = "print metrics as JSON lines, then an object with the result"},
};

enum voice { VOICE_QUIET, VOICE_LINE, VOICE_JSON };

struct run {
    const struct cli *cli;
    struct setup setup;
    struct rundir dir;
    struct progress progress;
    enum voice voice;
    double saved_s; /* time of the last checkpoint, or the start of this process */
    int64_t saved_step;
    int64_t saving_step; /* step of a checkpoint in the background; 0: none */
    int status;          /* status of a failure inside the callback */
};

static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
    interrupted = signal;
}

/* The first signal asks for an orderly end; a second one of the same kind kills
 * the process. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND | SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static double wall_s(const struct run *r)
{
    return r->dir.before_s + cli_seconds() - r->progress.start_s;
}

/* True if a checkpoint is due. By the clock, the wait is the age of the run, so
 * that a short run leaves a checkpoint too, and at most
 * output.checkpoint_seconds. */
static bool checkpoint_due(const struct run *r, int64_t step)
{
    const struct prism_config *cfg = r->setup.cfg;
    double now = cli_seconds(), age = r->saved_s - r->progress.start_s,
           limit = cfg->output.checkpoint_seconds;
    double wait = age < 1 ? 1 : age;
    if (limit > 0 && now - r->saved_s >= (wait < limit ? wait : limit))
        return true;
    return cfg->output.checkpoint_every && step % cfg->output.checkpoint_every == 0;
}

/* Waits for a checkpoint in the background. */
static int settle(struct run *r)
{
    int status = rundir_checkpoint_wait(&r->dir, &r->setup);
    if (!status && r->saving_step)
        r->saved_step = r->saving_step;
    r->saving_step = 0;
    return status;
}

static int begin_checkpoint(struct run *r, int64_t step)
{
    PRISM_TRY(settle(r));
    PRISM_TRY(rundir_checkpoint_begin(&r->dir, &r->setup));
    r->saved_s = cli_seconds();
    r->saving_step = step;
    return 0;
}

static bool on_progress(void *user, const struct prism_progress *at)
{
    struct run *r = user;
    if (r->voice == VOICE_LINE)
        progress_show(&r->progress, at);
    if (at->evaluated)
        r->status =
            PRISMI_REGION(r->setup.dev, "log", 0,
                          rundir_log(&r->dir, &r->setup, at, wall_s(r), r->voice == VOICE_JSON));
    if (!r->status && checkpoint_due(r, at->step))
        r->status = PRISMI_REGION(r->setup.dev, "checkpoint", 0, begin_checkpoint(r, at->step));
    if (r->status) /* print the error now: the library replaces it by PRISM_ECANCELED when the run
                      stops */
        cli_fail(r->setup.ctx, EXIT_FAILED);
    return !r->status && !interrupted;
}

/* ---- the ways a run ends ---- */

/* Prints the command as it was typed, with --resume and, unless backend is
 * NULL, with that backend. */
static void print_resume_command(const struct run *r, const char *backend)
{
    fprintf(stderr, "prism %s", r->cli->cmd->name);
    for (int i = 1; i < r->cli->argc; i++) {
        fputc(' ', stderr);
        cli_print_quoted(stderr, r->cli->argv[i]);
    }
    if (!cli_has(r->cli, "output")) {
        fputs(" --output ", stderr);
        cli_print_quoted(stderr, r->dir.path);
    }
    if (backend)
        fprintf(stderr, " --backend %s", backend);
    fputs(cli_has(r->cli, "resume") ? "\n" : " --resume\n", stderr);
}

/* Ends a run whose device was lost with its memory. Only the last checkpoint is
 * left; any backend can continue from it. */
static int end_lost(struct run *r)
{
    struct prism_progress at;
    prism_session_progress(r->setup.session, &at);
    cli_status_clear();
    rundir_record(&r->dir, &r->setup, "failed", &at, wall_s(r));
    cli_error("the device was lost at step %lld", (long long)at.step);
    if (settle(r))
        cli_fail(r->setup.ctx, EXIT_FAILED);
    if (!r->saved_step) {
        cli_error("no checkpoint had been written yet; start again, with --backend cpu if the "
                  "device does not come back");
        return EXIT_FAILED;
    }
    cli_error("the checkpoint of step %lld is in %s; continue on the CPU with:",
              (long long)r->saved_step, rundir_file(&r->dir, "checkpoint.npz"));
    fputs("prism: ", stderr);
    print_resume_command(r, "cpu");
    return EXIT_FAILED;
}

/* Ends a run early and saves its state. The error that led here, if any, has
 * been printed. */
static int end_early(struct run *r, const char *status, int code)
{
    struct prism_progress at;
    prism_session_progress(r->setup.session, &at);
    if (rundir_checkpoint(&r->dir, &r->setup)) {
        cli_fail(r->setup.ctx, EXIT_FAILED);
        cli_error("step %lld is lost; an earlier checkpoint, if one was written, is still in %s",
                  (long long)at.step, r->dir.path);
        return EXIT_FAILED;
    }
    cli_status_clear();
    if (rundir_record(&r->dir, &r->setup, status, &at, wall_s(r)))
        return cli_fail(r->setup.ctx, EXIT_FAILED);
    if (r->voice != VOICE_QUIET)
        fprintf(stderr, "prism: stopped after step %lld of %lld; the state is in %s\n",
                (long long)at.step, (long long)at.total_steps,
                rundir_file(&r->dir, "checkpoint.npz"));
    if (r->voice != VOICE_QUIET && code == EXIT_INTERRUPTED) {
        fputs("prism: continue with: ", stderr);
        print_resume_command(r, NULL);
    }
    return code;
}

static void print_summary(const struct run *r, const struct prism_progress *final,
                          const char *written)
{
    struct prismi_json_out j;
    if (r->voice == VOICE_LINE && r->setup.truth)
        printf("SSIM %.4f, PSNR %.2f dB, RMSE %.2f %%, ", final->ssim, final->psnr_db,
               final->rmse_percent);
    if (r->voice == VOICE_LINE)
        printf("loss %.4g after %lld steps in %.1f s\n%s: %s, curves.svg, reconstruction.npy\n",
               final->loss, (long long) final->step, wall_s(r), r->dir.path, written);
    if (r->voice == VOICE_JSON) {
        prismi_json_init(&j, false);
        prismi_json_open(&j, NULL, '{');
        prismi_json_string(&j, "output", r->dir.path);
        rundir_final(&j, "final", final, wall_s(r));
        prismi_json_close(&j, '}');
        cli_print_json(&j);
        prismi_json_release(&j);
    }
    if (final->n_failed)
        cli_warn("%d of %d samples did not reach training.loss_threshold", final->n_failed,
                 r->setup.n);
}

static int write_everything(struct run *r, double *result, int *n_failed)
{
    struct setup *s = &r->setup;
    struct prism_progress final;
    char written[256];
    PRISM_TRY(prism_session_evaluate(s->session));
    PRISM_TRY(prism_session_result(s->session, result));
    prism_session_progress(s->session, &final);
    PRISM_TRY(rundir_checkpoint(&r->dir, s));
    PRISM_TRY(rundir_results(&r->dir, s, result, &final, written, sizeof written));
    PRISM_TRY(rundir_record(&r->dir, s, "done", &final, wall_s(r)));
    cli_status_clear();
    print_summary(r, &final, written);
    *n_failed = final.n_failed;
    return 0;
}

static int finish(struct run *r)
{
    size_t side = (size_t)r->setup.cfg->image.obj_size;
    double *result = malloc(side * side * sizeof *result);
    if (!result) {
        cli_error("not enough memory for a picture of %zu x %zu", side, side);
        return EXIT_FAILED;
    }
    int n_failed = 0,
        status = PRISMI_REGION(r->setup.dev, "results", 0, write_everything(r, result, &n_failed));
    free(result);
    if (!status)
        return n_failed ? EXIT_SAMPLES : EXIT_DONE;
    cli_fail(r->setup.ctx, EXIT_FAILED);
    return status == PRISM_EDEVICE ? end_lost(r) : EXIT_FAILED;
}

/* ---- from start to end ---- */

static int load_checkpoint(struct run *r, struct prism_progress *at)
{
    char path[PRISM_PATH_MAX + 64];
    if (!rundir_find_checkpoint(r->dir.path, path, sizeof path)) {
        cli_warn("%s has no checkpoint yet; starting from the beginning", r->dir.path);
        return EXIT_DONE;
    }
    int status = prism_session_load(r->setup.session, path);
    prism_session_progress(r->setup.session, at);
    return status ? cli_fail(r->setup.ctx, status == PRISM_EINVAL ? EXIT_USAGE : EXIT_FAILED)
                  : EXIT_DONE;
}

/* Opens the folder. A resumed run keeps its run.json until there is a newer
 * one. */
static int open_folder(struct run *r, int64_t step)
{
    PRISM_TRY(rundir_open(&r->dir, &r->setup, step));
    return step ? 0 : rundir_record(&r->dir, &r->setup, "running", NULL, 0);
}

static int reconstruct(struct run *r)
{
    struct setup *s = &r->setup;
    struct prism_progress at = {.step = 0};
    int code = cli_has(r->cli, "resume") ? load_checkpoint(r, &at) : EXIT_DONE;
    if (code)
        return code;
    if (PRISMI_REGION(s->dev, "folder", 0, open_folder(r, at.step)))
        return cli_fail(s->ctx, EXIT_FAILED);
    catch_signals();
    signal(SIGPIPE, SIG_IGN); /* a reader that closes its pipe must not end a long run */
    signal(SIGXFSZ, SIG_IGN); /* a size limit is an error to report, not a reason to die */
    progress_start(&r->progress, at.step);
    r->saved_s = r->progress.start_s;
    r->saved_step = at.step;
    int status = prism_session_run(s->session, on_progress, r);
    prism_session_progress(s->session, &at);
    if (!status || (status == PRISM_ECANCELED && !r->status && at.phase == PRISM_PHASE_DONE))
        return finish(r);
    if (status == PRISM_ECANCELED && !r->status)
        return end_early(r, "interrupted", EXIT_INTERRUPTED);
    int cause = r->status ? r->status : status;
    if (!r->status)
        cli_fail(s->ctx, EXIT_FAILED);
    if (cause == PRISM_EDEVICE)
        return end_lost(r);
    return status == PRISM_ECANCELED
               ? EXIT_FAILED
               : end_early(r, status == PRISM_EDIVERGED ? "diverged" : "failed", EXIT_FAILED);
}

int run_reconstruction(struct cli *cli, const char *config, const struct run_profile *profile)
{
    struct run r = {.cli = cli, .dir.metrics_fd = -1};
    struct setup *s = &r.setup;
    r.voice = cli_has(cli, "quiet")                            ? VOICE_QUIET
              : cli_has(cli, "json") || !isatty(STDERR_FILENO) ? VOICE_JSON
                                                               : VOICE_LINE;
    int code = setup_config(s, cli, config);
    s->profile = profile ? &profile->params : NULL;
    if (!code)
        code = rundir_choose(&r.dir, s->cfg, cli_get(cli, "output"), cli_has(cli, "resume"));
    if (!code)
        code = setup_pattern(s);
    if (!code)
        code = setup_session(s, cli_has(cli, "plain"));
    if (!code)
        code = reconstruct(&r);
    if (profile && r.dir.metrics_fd >= 0 &&
        profile->report(profile, s, &r.dir, cli, r.voice == VOICE_LINE ? stdout : stderr)) {
        cli_fail(s->ctx, EXIT_FAILED);
        code = code ? code : EXIT_FAILED;
    }
    if (s->session && settle(&r)) { /* before its metrics.jsonl is closed */
        cli_fail(s->ctx, EXIT_FAILED);
        code = code ? code : EXIT_FAILED;
    }
    rundir_close(&r.dir);
    setup_release(s);
    return code;
}

static int run(struct cli *cli)
{
    return run_reconstruction(cli, cli->n_args ? cli->args[0] : NULL, NULL);
}

const struct cli_command cli_run = {
    .name = "run",
    .args = "[CONFIG.yaml]",
    .doc = "reconstruct an object from simulated or measured data",
    .text = "Reconstruct an object and write pictures, numbers and a checkpoint into one folder. "
            "With a picture (--input), the measurements through small apertures in k-space are "
            "simulated first, so that the result can be compared with the truth. With "
            "measurements (--data), the object is unknown.\n\n"
            "Settings come from the defaults, then --preset, then CONFIG.yaml, then --set, then "
            "the other options; later ones win.\n\n"
            "On a terminal, one line shows the progress. Otherwise, and with --json, standard "
            "output gets the lines of metrics.jsonl as they are written, then an object with the "
            "result.\n\n"
            "Ctrl-C finishes the step, writes a checkpoint and prints the command that "
            "continues; a second Ctrl-C ends at once.\n\n"
            "Exit status 3: all files are written, but samples of a progressive run did not "
            "reach training.loss_threshold.",
    .opts = opts,
    .n_opts = CLI_COUNT(opts),
    .max_args = 1,
    .words = "@file",
    .run = run,
};
