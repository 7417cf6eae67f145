#include "cli/setup.h"
#include "config/internal.h"
#include "core/internal.h"
#include "prismrec/image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Exit code of a status: EXIT_USAGE if the user can change the configuration,
 * else EXIT_FAILED. */
static int code_of(int status)
{
    return status == PRISM_EINVAL || status == PRISM_ENOTSUP || status == PRISM_EPARSE ||
                   status == PRISM_EIO
               ? EXIT_USAGE
               : EXIT_FAILED;
}

static int check(struct setup *s, int status)
{
    return status ? cli_fail(s->ctx, code_of(status)) : EXIT_DONE;
}

static int assign_options(struct setup *s, const struct cli *cli)
{
    for (int i = 0; i < cli->n_set; i++)
        if (!strcmp(cli->set[i].opt->name, "set"))
            PRISM_TRY(prism_config_assign(s->set, cli->set[i].value, "--set"));
    for (int i = 0; i < cli->n_set; i++) {
        const struct cli_opt *o = cli->set[i].opt;
        char assignment[PRISM_PATH_MAX + 64], source[32];
        if (!o->key)
            continue;
        if (snprintf(assignment, sizeof assignment, "%s=%s", o->key, cli->set[i].value) >=
            (int)sizeof assignment)
            return PRISM_FAIL(s->ctx, PRISM_EINVAL,
                              "the value of --%s is longer than %d bytes; give a shorter one",
                              o->name, PRISM_PATH_MAX);
        snprintf(source, sizeof source, "--%s", o->name);
        PRISM_TRY(prism_config_assign(s->set, assignment, source));
    }
    return 0;
}

static int assign_number(struct setup *s, const char *key, double value, const char *source)
{
    char assignment[96];
    snprintf(assignment, sizeof assignment, "%s=%.17g", key, value);
    return prism_config_assign(s->set, assignment, source);
}

/* The key for each number of a file of measurements, and the factor from the
 * number to the key's value. */
static const struct {
    const char *key;
    double factor;
} number_keys[PRISMI_DATA_NUMBERS] = {
    [PRISMI_DATA_GRID_SIZE] = {"image.grid_size", 1},
    [PRISMI_DATA_OBJ_SIZE] = {"image.obj_size", 1},
    [PRISMI_DATA_RADIUS_PX] = {"aperture.diameter_px", 2},
    [PRISMI_DATA_INNER_RADIUS_PX] = {"aperture.inner_diameter_px", 2}};

/* Loads the file of measurements, if there is one. Its numbers become settings,
 * so that the run's config.yaml has them. */
static int load_measurements(struct setup *s)
{
    const char *path = s->set->given.config.image.data;
    const struct prismi_frames *f = &s->stack.frames;
    if (!*path)
        return 0;
    PRISM_TRY(prismi_stack_load(s->ctx, path, &s->stack));
    if (f->h != f->w)
        return PRISM_FAIL(
            s->ctx, PRISM_EINVAL,
            "%s: frames have %d rows and %d columns; only square frames can be reconstructed", path,
            f->h, f->w);
    PRISM_TRY(assign_number(s, "detector.field_size_px", f->h, path));
    PRISM_TRY(assign_number(s, "pattern.n_apertures", f->n, path));
    PRISM_TRY(assign_number(s, "detector.snr_db", 0,
                            path)); /* measured frames have their noise already */
    for (int i = 0; i < PRISMI_DATA_NUMBERS; i++)
        if (f->known[i])
            PRISM_TRY(
                assign_number(s, number_keys[i].key, number_keys[i].factor * f->number[i], path));
    return 0;
}

double setup_assumed(const struct setup *s, int number)
{
    const struct prism_config *c = s->cfg;
    enum prism_aperture_shape shape = c->data.aperture.shape;
    bool holed = shape == PRISM_APERTURE_ANNULUS || shape == PRISM_APERTURE_OBSCURED;
    if (number == PRISMI_DATA_INNER_RADIUS_PX && !holed)
        return NAN; /* the aperture has no blocked centre */
    const double values[PRISMI_DATA_NUMBERS] = {
        [PRISMI_DATA_GRID_SIZE] = c->data.grid_size,
        [PRISMI_DATA_OBJ_SIZE] = c->data.obj_size,
        [PRISMI_DATA_RADIUS_PX] = c->data.aperture.radius_px,
        [PRISMI_DATA_INNER_RADIUS_PX] = c->data.aperture.inner_radius_px};
    return s->stack.source && !s->stack.frames.known[number] ? values[number] : NAN;
}

/* Warns of the numbers that the file lacks, which are taken from the
 * configuration. */
static void tell_assumed(struct setup *s)
{
    for (int i = 0; i < PRISMI_DATA_NUMBERS; i++)
        if (!isnan(setup_assumed(s, i)))
            prismi_log(s->ctx, PRISM_LOG_WARN, "%s has no %s; assuming %g, from %s",
                       s->cfg->image.data, prismi_data_number_name((enum prismi_data_number)i),
                       setup_assumed(s, i), number_keys[i].key);
}

static int load_config(struct setup *s, const struct cli *cli, const char *file)
{
    PRISM_TRY(prism_config_set_create(s->ctx, &s->set));
    const char *preset = cli_get(cli, "preset");
    if (preset)
        PRISM_TRY(prism_config_load_preset(s->set, preset));
    if (file)
        PRISM_TRY(prism_config_load_yaml(s->set, file));
    PRISM_TRY(assign_options(s, cli));
    PRISM_TRY(load_measurements(s));
    PRISM_TRY(prism_config_finish(s->set, &s->cfg));
    tell_assumed(s);
    return 0;
}

int setup_config(struct setup *s, const struct cli *cli, const char *file)
{
    *s = (struct setup){.ctx = cli_ctx(cli_has(cli, "quiet"))};
    return s->ctx ? check(s, load_config(s, cli, file)) : EXIT_FAILED;
}

static int copy_centres(struct setup *s)
{
    s->n = s->stack.frames.n;
    s->centres = malloc(2 * (size_t)s->n * sizeof *s->centres);
    if (!s->centres)
        return PRISM_FAIL(s->ctx, PRISM_ENOMEM, "not enough memory for %d centres", s->n);
    memcpy(s->centres, s->stack.frames.centres, 2 * (size_t)s->n * sizeof *s->centres);
    return 0;
}

int setup_pattern(struct setup *s)
{
    const struct prism_config *c = s->cfg;
    int status = s->stack.source ? copy_centres(s)
                                 : prism_pattern_create(s->ctx, &c->pattern, &s->centres, &s->n);
    if (!status)
        status = prism_pattern_statistics(s->ctx, s->centres, s->n, &c->data.aperture,
                                          c->data.grid_size, c->pattern.roi_diameter_px, &s->stats);
    return check(s, status);
}

/* Folder of transform plans that are kept between runs, or NULL. */
static const char *cache_dir(struct prism_ctx *ctx, char *out, size_t n)
{
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int length = xdg && xdg[0] == '/'     ? snprintf(out, n, "%s/prism", xdg)
                 : home && home[0] == '/' ? snprintf(out, n, "%s/.cache/prism", home)
                                          : -1;
    return length > 0 && (size_t)length < n && !prismi_make_dirs(ctx, out) ? out : NULL;
}

static size_t budget(int mb)
{
    return mb ? (size_t)mb << 20 : PRISM_CACHE_NONE;
}

static int open_device(struct setup *s, bool plain)
{
    const struct prism_config *c = s->cfg;
    char dir[PRISM_PATH_MAX];
    struct prism_dev_params params = {
        .backend = c->compute.backend,
        .plugin_path = *c->compute.plugin_path ? c->compute.plugin_path : NULL,
        .threads = c->compute.threads,
        .plan_effort = (enum prism_plan_effort)c->compute.plan_effort,
        .cache_dir = c->cache.plans ? cache_dir(s->ctx, dir, sizeof dir) : NULL,
        .plain = plain,
        .profile = s->profile,
    };
    const struct prism_cache_params cache = {
        .budget = {[PRISM_CACHE_GRIDS] = budget(c->cache.grids_mb),
                   [PRISM_CACHE_APERTURES] = budget(c->cache.apertures_mb),
                   [PRISM_CACHE_CONSTANTS] = budget(c->cache.constants_mb),
                   [PRISM_CACHE_MEASUREMENTS] = budget(c->cache.measurements_mb)}};
    PRISM_TRY(prism_dev_open(s->ctx, &params, &s->dev));
    PRISM_TRY(prism_cache_create(&cache, &s->cache));
    prism_dev_set_cache(s->dev, s->cache);
    return 0;
}

/* Puts the origin of a failure in front of its sentence. */
static int blame(struct setup *s, int status, const char *whose)
{
    char text[sizeof prism_ctx_error(s->ctx)->text];
    snprintf(text, sizeof text, "%s", prism_ctx_error(s->ctx)->text);
    return status ? PRISM_FAIL(s->ctx, status, "%s: %s", whose, text) : 0;
}

static int load_object(struct setup *s)
{
    const char *input = s->cfg->image.input;
    int size = s->cfg->image.obj_size;
    if (!*input)
        return PRISM_FAIL(
            s->ctx, PRISM_EINVAL,
            "image.input is empty; give the file of a picture, or the name of a built-in object");
    s->truth = malloc((size_t)size * (size_t)size * sizeof *s->truth);
    if (!s->truth)
        return PRISM_FAIL(s->ctx, PRISM_ENOMEM, "not enough memory for an object of %d x %d", size,
                          size);
    for (const char *const *name = prism_object_builtin_names(); *name; name++)
        if (!strcmp(
                *name,
                input)) /* the object does not depend on the seed, so that seeds can be compared */
            return blame(s, prism_object_builtin(s->ctx, input, size, 0, s->truth),
                         "image.obj_size");
    struct prism_image picture = {0};
    PRISM_TRY(prism_image_load(s->ctx, input, &picture));
    int status = prism_image_to_object(s->ctx, &picture, size, s->cfg->image.invert, s->truth);
    free(picture.data);
    return blame(s, status, input);
}

static int make_data(struct setup *s)
{
    const struct prism_config *c = s->cfg;
    PRISM_TRY(PRISMI_REGION(
        s->dev, "data", 0,
        s->stack.source
            ? prism_dataset_measured(s->ctx, &c->data, s->stack.amplitudes, s->centres, s->n,
                                     &s->ds)
            : prism_dataset_simulate(s->dev, &c->data, s->truth, s->centres, s->n, &s->ds)));
    return PRISMI_REGION(s->dev, "session", 0,
                         prism_session_create(s->dev, s->ds, &c->recon, &s->session));
}

int setup_session(struct setup *s, bool plain)
{
    int code = s->stack.source ? EXIT_DONE : check(s, load_object(s));
    if (!code)
        code = check(s, open_device(s, plain));
    return code ? code : check(s, make_data(s));
}

void setup_release(struct setup *s)
{
    prism_session_destroy(&s->session);
    prism_dataset_destroy(&s->ds);
    prism_dev_close(&s->dev);
    prism_cache_destroy(&s->cache);
    prism_config_set_destroy(&s->set);
    prismi_stack_release(&s->stack);
    free(s->truth);
    free(s->centres);
    prism_ctx_destroy(&s->ctx);
}
