#include "cli/rundir.h"
#include "cli/figure.h"
#include "cli/metrics.h"
#include "config/internal.h"
#include "core/internal.h"
#include "prismrec/image.h"

#include "git_version.h"
#include "prismi_config.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const char *rundir_file(const struct rundir *d, const char *name)
{
    static char path[4][PRISM_PATH_MAX + 64];
    static int next;
    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], "%s/%s", d->path, name);
    return path[next];
}

static bool exists(const struct rundir *d, const char *name)
{
    struct stat st;
    return stat(rundir_file(d, name), &st) == 0;
}

static void utc_now(char *out, size_t n, const char *format)
{
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(out, n, format, &tm);
}

/* A file in the folder that a new run would replace, or NULL: a run must not
 * write over another. */
static const char *obstacle(const struct rundir *d)
{
    static const char *const files[] = {"run.json",
                                        "config.yaml",
                                        "checkpoint.npz",
                                        "checkpoint.prism",
                                        "metrics.jsonl",
                                        "reconstruction.npy",
                                        "reconstruction_complex.npy",
                                        "reconstruction.png",
                                        "comparison.png",
                                        "curves.svg",
                                        "reconstruction.pgm",
                                        "comparison.ppm"};
    for (int i = 0; i < CLI_COUNT(files); i++)
        if (exists(d, files[i]))
            return files[i];
    return NULL;
}

int rundir_choose(struct rundir *d, const struct prism_config *cfg, const char *output, bool resume)
{
    int n;
    char stamp[32];
    utc_now(d->started, sizeof d->started, "%Y-%m-%dT%H:%M:%SZ");
    utc_now(stamp, sizeof stamp, "%Y%m%d-%H%M%S");
    if (!output &&
        (strchr(cfg->name, '/') || !strcmp(cfg->name, ".") || !strcmp(cfg->name, ".."))) {
        cli_error(
            "the setting name, '%s', cannot name a folder in runs; choose the folder with --output",
            cfg->name);
        return EXIT_USAGE;
    }
    if (output)
        n = snprintf(d->path, sizeof d->path, "%s", output);
    else
        n = snprintf(d->path, sizeof d->path, "runs/%s", *cfg->name ? cfg->name : stamp);
    if (n == 0 || n >= (int)sizeof d->path) {
        cli_error("the output folder's name must have 1 to %d bytes; choose another with --output",
                  PRISM_PATH_MAX - 1);
        return EXIT_USAGE;
    }
    while (n > 1 && d->path[n - 1] == '/')
        d->path[--n] = '\0';
    const char *file = resume ? NULL : obstacle(d);
    if (file) {
        cli_error("%s already holds a run (%s); continue it with --resume or choose another folder "
                  "with --output",
                  d->path, file);
        return EXIT_USAGE;
    }
    if (!exists(d, "") && resume) {
        cli_error("there is no run to resume in %s; leave --resume out to start one", d->path);
        return EXIT_USAGE;
    }
    return EXIT_DONE;
}

/* Opens metrics.jsonl, keeps the lines up to last_step and drops the rest. */
static int open_metrics(struct rundir *d, struct prism_ctx *ctx, int64_t last_step)
{
    const char *path = rundir_file(d, "metrics.jsonl");
    struct metrics m = {0};
    if (last_step)
        PRISM_TRY(metrics_read(ctx, path, last_step, &m));
    if (m.n)
        d->before_s = m.value[METRIC_SECONDS][m.n - 1];
    long bytes = m.bytes;
    metrics_release(&m);
    d->metrics_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (d->metrics_fd < 0 || ftruncate(d->metrics_fd, bytes))
        return PRISM_FAIL(ctx, PRISM_EIO, "cannot write %s: %s", path, strerror(errno));
    return 0;
}

/* Reads the time when a resumed run first began. */
static void recall_start(struct rundir *d, struct prism_ctx *ctx)
{
    uint8_t *text;
    size_t n;
    if (prismi_file_read(ctx, rundir_file(d, "run.json"), 1 << 20, &text, &n))
        return;
    struct prismi_json *old = prismi_json_parse((const char *)text, n);
    const char *started = prismi_json_member_string(old, "started");
    if (started)
        snprintf(d->started, sizeof d->started, "%s", started);
    prismi_json_free(old);
    prismi_free(text);
}

int rundir_open(struct rundir *d, struct setup *s, int64_t last_step)
{
    char *yaml = NULL;
    PRISM_TRY(prismi_make_dirs(s->ctx, d->path));
    if (last_step)
        recall_start(d, s->ctx);
    PRISM_TRY(prism_config_dump(s->set, &yaml));
    int status = prismi_file_text(s->ctx, rundir_file(d, "config.yaml"), yaml);
    free(yaml);
    return status ? status : open_metrics(d, s->ctx, last_step);
}

void rundir_close(struct rundir *d)
{
    if (d->metrics_fd >= 0)
        close(d->metrics_fd);
    d->metrics_fd = -1;
}

int rundir_log(struct rundir *d, struct setup *s, const struct prism_progress *at, double wall_s,
               bool echo)
{
    struct prismi_json_out j;
    prismi_json_init(&j, false);
    metrics_line(&j, at, wall_s, s->cache);
    prismi_json_newline(&j);
    const char *line = prismi_json_text(&j);
    ssize_t n = line ? (ssize_t)strlen(line) : 0;
    int status =
        line ? 0
             : PRISM_FAIL(s->ctx, PRISM_ENOMEM, "not enough memory for a line of metrics.jsonl");
    errno = ENOSPC; /* the cause of a short write */
    if (!status && write(d->metrics_fd, line, (size_t)n) != n)
        status = PRISM_FAIL(s->ctx, PRISM_EIO, "cannot write %s: %s",
                            rundir_file(d, "metrics.jsonl"), strerror(errno));
    if (!status && echo) {
        fputs(line, stdout);
        fflush(stdout);
    }
    prismi_json_release(&j);
    return status;
}

bool rundir_find_checkpoint(const char *dir, char *path, size_t n)
{
    static const char *const names[] = {"checkpoint.npz", "checkpoint.prism"};
    for (int i = 0; i < CLI_COUNT(names); i++) {
        for (int previous = 1; previous >= 0; previous--) {
            struct stat st;
            snprintf(path, n, "%s/%s%s", dir, names[i], previous ? ".1" : "");
            if (stat(path, &st) == 0) {
                snprintf(path, n, "%s/%s", dir, names[i]);
                return true;
            }
        }
    }
    snprintf(path, n, "%s/%s", dir, names[0]);
    return false;
}

/* Called by the thread that writes a checkpoint, before the checkpoint. */
static bool sync_metrics(void *user)
{
    struct rundir *d = user;
    d->sync_error = fdatasync(d->metrics_fd) ? errno : 0;
    return !d->sync_error;
}

static int metrics_error(struct rundir *d, struct setup *s)
{
    return PRISM_FAIL(s->ctx, PRISM_EIO, "cannot write %s: %s", rundir_file(d, "metrics.jsonl"),
                      strerror(d->sync_error));
}

int rundir_checkpoint_begin(struct rundir *d, struct setup *s)
{
    char *yaml = NULL;
    PRISM_TRY(prism_config_dump(s->set, &yaml));
    int status = prism_session_save_begin(s->session, rundir_file(d, "checkpoint.npz"), yaml,
                                          sync_metrics, d);
    free(yaml);
    return status == PRISM_ECANCELED ? metrics_error(d, s) : status;
}

int rundir_checkpoint_wait(struct rundir *d, struct setup *s)
{
    int status = prism_session_save_wait(s->session);
    return status == PRISM_ECANCELED ? metrics_error(d, s) : status;
}

int rundir_checkpoint(struct rundir *d, struct setup *s)
{
    char *yaml = NULL;
    if (!sync_metrics(d))
        return metrics_error(d, s);
    PRISM_TRY(prism_config_dump(s->set, &yaml));
    int status = prism_session_save(s->session, rundir_file(d, "checkpoint.npz"), yaml);
    free(yaml);
    return status;
}

/* ---- run.json ---- */

/* Writes a value in its JSON type; a value without one becomes the text that
 * YAML has. */
static void config_value(struct prismi_json_out *j, const struct prism_config *cfg,
                         const struct prism_config_key *key)
{
    const char *field = (const char *)cfg + key->offset;
    struct prismi_text text = {0};
    switch (key->type) {
    case PRISM_KEY_STRING:
        prismi_json_string(j, key->key, field);
        return;
    case PRISM_KEY_BOOL:
        prismi_json_bool(j, key->key, *(const bool *)field);
        return;
    case PRISM_KEY_INT:
        prismi_json_number(j, key->key, *(const int *)field);
        return;
    case PRISM_KEY_UINT64:
        prismi_json_uint(j, key->key, *(const uint64_t *)field);
        return;
    case PRISM_KEY_DOUBLE:
        prismi_json_number(j, key->key, *(const double *)field);
        return;
    default:
        prismi_value_write(&text, key, field);
        prismi_json_string(j, key->key, text.text);
        free(text.text);
    }
}

static void config_members(struct prismi_json_out *j, const struct prism_config *cfg)
{
    size_t n;
    const struct prism_config_key *keys = prism_config_keys(&n);
    prismi_json_open(j, "config", '{');
    for (size_t i = 0; i < n; i++)
        config_value(j, cfg, &keys[i]);
    prismi_json_close(j, '}');
}

static void hash_member(struct prismi_json_out *j, const char *key, const void *data, size_t bytes)
{
    char text[24];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)prismi_hash64(data, bytes, 0));
    prismi_json_string(j, key, text);
}

static void pattern_members(struct prismi_json_out *j, const struct prism_pattern_stats *p)
{
    prismi_json_open(j, "pattern", '{');
    prismi_json_number(j, "n", p->n);
    prismi_json_number(j, "radius_mean_px", p->radius_mean_px);
    prismi_json_number(j, "radius_std_px", p->radius_std_px);
    prismi_json_number(j, "radius_min_px", p->radius_min_px);
    prismi_json_number(j, "radius_max_px", p->radius_max_px);
    prismi_json_number(j, "neighbour_mean_px", p->neighbour_mean_px);
    prismi_json_number(j, "neighbour_std_px", p->neighbour_std_px);
    prismi_json_number(j, "coverage", p->coverage);
    prismi_json_number(j, "overlap", p->overlap);
    prismi_json_number(j, "redundancy", p->redundancy);
    prismi_json_number(j, "pixels_outside", p->pixels_outside);
    prismi_json_close(j, '}');
}

static void cache_members(struct prismi_json_out *j, const struct prism_cache *cache)
{
    prismi_json_open(j, "cache", '{');
    for (int i = 0; i < PRISM_CACHE_KINDS; i++) {
        struct prism_cache_stats kind = prism_cache_get_stats(cache, i);
        prismi_json_open(j, prism_cache_kind_name(i), '{');
        prismi_json_uint(j, "hits", kind.hits);
        prismi_json_uint(j, "misses", kind.misses);
        prismi_json_number(j, "hit_rate", prism_cache_hit_rate(&kind));
        prismi_json_uint(j, "insertions", kind.insertions);
        prismi_json_uint(j, "evictions", kind.evictions);
        prismi_json_uint(j, "entries", kind.entries);
        prismi_json_uint(j, "bytes", kind.bytes);
        prismi_json_uint(j, "budget_bytes", kind.budget);
        prismi_json_close(j, '}');
    }
    prismi_json_close(j, '}');
}

static void measurement_members(struct prismi_json_out *j, const struct setup *s)
{
    const struct prismi_frames *f = &s->stack.frames;
    prismi_json_open(j, "measurements", '{');
    prismi_json_string(j, "file", s->cfg->image.data);
    prismi_json_string(j, "format", s->stack.source->name);
    prismi_json_number(j, "frames", f->n);
    prismi_json_number(j, "side", f->h);
    hash_member(j, "hash", s->stack.amplitudes,
                (size_t)f->n * (size_t)f->h * (size_t)f->w * sizeof *s->stack.amplitudes);
    prismi_json_open(j, "assumed", '{'); /* numbers that the file lacks */
    for (int i = 0; i < PRISMI_DATA_NUMBERS; i++)
        if (!isnan(setup_assumed(s, i)))
            prismi_json_number(j, prismi_data_number_name((enum prismi_data_number)i),
                               setup_assumed(s, i));
    prismi_json_close(j, '}');
    prismi_json_close(j, '}');
}

static void provenance(struct prismi_json_out *j, struct rundir *d, struct setup *s)
{
    const struct prism_config *cfg = s->cfg;
    size_t pixels = (size_t)cfg->image.obj_size * (size_t)cfg->image.obj_size;
    struct prismi_json_out settings;
    prismi_json_string(j, "version", prism_version());
    prismi_json_string(j, "git", PRISMI_GIT);
    prismi_json_string(j, "build", PRISMI_BUILD_OPTIONS);
    prismi_json_string(j, "name", cfg->name);
    prismi_json_string(j, "started", d->started);
    prismi_json_uint(j, "seed", prismi_seed(cfg->recon.seed));
    prismi_json_init(&settings, false);
    prismi_json_open(&settings, NULL, '{');
    config_members(&settings, cfg);
    prismi_json_close(&settings, '}');
    hash_member(j, "config_hash", settings.out.text, settings.out.bytes);
    prismi_json_release(&settings);
    if (s->stack.source) {
        measurement_members(j, s);
    } else {
        prismi_json_string(j, "input", cfg->image.input);
        hash_member(j, "input_hash", s->truth, pixels * sizeof *s->truth);
    }
    prismi_json_string(j, "backend", prism_dev_backend(s->dev));
    prismi_json_string(j, "device", s->dev->caps.device);
    prismi_json_number(j, "threads", s->dev->caps.threads);
    cache_members(j, s->cache);
}

void rundir_final(struct prismi_json_out *j, const char *key, const struct prism_progress *final,
                  double wall_s)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    prismi_json_open(j, key, '{');
    prismi_json_number(j, "ssim", final->ssim);
    prismi_json_number(j, "psnr_db", final->psnr_db);
    prismi_json_number(j, "rmse_percent", final->rmse_percent);
    prismi_json_number(j, "loss", final->loss);
    prismi_json_number(j, "steps", (double) final->step);
    prismi_json_number(j, "failed_samples", final->n_failed);
    prismi_json_number(j, "skipped_steps", (double) final->skipped);
    prismi_json_number(j, "loss_scale", final->loss_scale);
    prismi_json_number(j, "wall_s", wall_s);
    prismi_json_number(j, "peak_rss_bytes", 1024.0 * (double)usage.ru_maxrss);
    prismi_json_close(j, '}');
}

int rundir_record(struct rundir *d, struct setup *s, const char *status,
                  const struct prism_progress *final, double wall_s)
{
    struct prismi_json_out j;
    prismi_json_init(&j, true);
    prismi_json_open(&j, NULL, '{');
    prismi_json_string(&j, "status", status);
    provenance(&j, d, s);
    pattern_members(&j, &s->stats);
    if (final)
        rundir_final(&j, "final", final, wall_s);
    config_members(&j, s->cfg);
    prismi_json_close(&j, '}');
    prismi_json_newline(&j);
    int code = prismi_file_text(s->ctx, rundir_file(d, "run.json"), prismi_json_text(&j));
    prismi_json_release(&j);
    return code;
}

/* reconstruction_complex.npy, where the object has a phase. */
static int complex_result(struct rundir *d, struct setup *s, size_t side)
{
    const size_t n = 2 * side * side, shape[2] = {side, side};
    if (!prism_session_is_complex(s->session))
        return 0;
    double *values = malloc(n * sizeof *values);
    float *single = malloc(n * sizeof *single);
    int status = values && single ? prism_session_result_complex(s->session, values)
                                  : PRISM_FAIL(s->ctx, PRISM_ENOMEM,
                                               "not enough memory for a complex picture of %zu x "
                                               "%zu pixels",
                                               side, side);
    for (size_t i = 0; !status && i < n; i++)
        single[i] = (float)values[i];
    if (!status)
        status = prism_npy_write(s->ctx, rundir_file(d, "reconstruction_complex.npy"), PRISM_CF32,
                                 2, shape, single);
    free(values);
    free(single);
    return status;
}

int rundir_results(struct rundir *d, struct setup *s, const double *result,
                   const struct prism_progress *final, char *written, size_t n)
{
    size_t o = (size_t)s->cfg->image.obj_size, shape[2] = {o, o};
    float *amplitude = malloc(o * o * sizeof *amplitude);
    if (!amplitude)
        return PRISM_FAIL(s->ctx, PRISM_ENOMEM, "not enough memory for a picture of %zu x %zu", o,
                          o);
    for (size_t i = 0; i < o * o; i++)
        amplitude[i] = (float)result[i];
    int status = prism_npy_write(s->ctx, rundir_file(d, "reconstruction.npy"), PRISM_F32, 2, shape,
                                 amplitude);
    free(amplitude);
    if (!status)
        status = complex_result(d, s, o);
    if (!status)
        status = figure_write(s, d->path, result, final, written, n);
    return status ? status : figure_curves(s, d->path);
}
