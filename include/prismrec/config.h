/* PRISM: configuration: one table of keys drives the YAML reader, --set,
 * validation, `prism keys` and the documentation. */
#ifndef PRISMREC_CONFIG_H
#define PRISMREC_CONFIG_H

#include "prismrec/recon.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PRISM_PATH_MAX 1024

/* Every setting of a run. Plain data; filled by prism_config_default() and the
 * functions below. */
struct prism_config {
    char name[128], comment[512];
    struct {
        char input[PRISM_PATH_MAX]; /* a file, or a built-in object's name */
        char data[PRISM_PATH_MAX];  /* a file of measurements of an unknown object, in the place of
                                       input; empty: none */
        int obj_size;               /* 0 = from physics */
        bool invert;
    } image;
    struct prism_pattern_params pattern; /* csv_path points to pattern_csv; seed is recon.seed */
    char pattern_csv[PRISM_PATH_MAX];
    struct {
        double diameter_px;       /* 0 = from physics */
        double inner_diameter_px; /* annulus, obscured */
    } aperture;
    /* The keys image.grid_size, aperture.*, detector.* and instrument.*;
     * object, radii and seed follow from other settings. */
    struct prism_dataset_params data;
    struct {
        double wavelength_m, obj_diameter_m, obj_distance_m; /* 0 = the named object's */
        double pupil_pitch_m; /* side of a k-space pixel in the plane of the apertures */
        char obj_name[32];    /* "none" = only the numbers above */
    } physics;
    struct prism_recon_params recon; /* model.*, training.*, mopie.* */
    struct {
        char backend[64];
        int threads;
        int plan_effort;
        char plugin_path[PRISM_PATH_MAX];
    } compute;
    struct {
        int grids_mb, apertures_mb, constants_mb, measurements_mb; /* 0 = none are kept */
        bool plans;
    } cache;
    struct {
        double checkpoint_seconds; /* 0 = none by the clock */
        int checkpoint_every;      /* steps, 0 = none by steps */
        int metrics_every;         /* steps between lines of metrics.jsonl; the same number as
                                      recon.metrics_every */
    } output;
};

enum prism_key_type {
    PRISM_KEY_BOOL,     /* bool */
    PRISM_KEY_INT,      /* int */
    PRISM_KEY_UINT64,   /* uint64_t */
    PRISM_KEY_DOUBLE,   /* double */
    PRISM_KEY_STRING,   /* char[size]; one of choices where there are any */
    PRISM_KEY_ENUM,     /* enum, index into choices */
    PRISM_KEY_BOOL_NOT, /* bool that says the opposite of the key: model.normalise is stored as
                           no_norm */
    PRISM_KEY_INT_LIST, /* int[], zeros after the last: "64,32,16,1" or a YAML list */
    PRISM_KEY_WEIGHTS   /* double[], a weight per choice: "l1" or "0.7*l1+0.3*ssim", summing to 1
                           within 0.01 */
};

/* One setting. Static data. */
struct prism_config_key {
    const char *key; /* "section.name" or "name" */
    enum prism_key_type type;
    size_t offset, size; /* place of the field in struct prism_config, bytes */
    double min,
        max; /* numbers and list entries: inclusive range; INT_MAX and DBL_MAX mean no limit */
    bool exclusive_min;
    bool zero_is_negative;      /* 0 is stored as -1, for a 0 in the field is the default */
    const char *def;            /* default, as one would write it */
    const char *const *choices; /* names, NULL-terminated (enums: in enum order), or NULL */
    const char *unit, *doc;     /* unit may be "" */
};
PRISM_API const struct prism_config_key *prism_config_keys(size_t *n);
/* The key of a parameter of the library, e.g. "training.loss" of
 * "training.loss_weights", or NULL: for prism_ctx_params.spell. */
PRISM_API const char *prism_config_spell(const char *name);

/* A configuration with the source of every value. Thread-safety: one thread at
 * a time. */
struct prism_config_set;
PRISM_API int prism_config_set_create(struct prism_ctx *ctx,
                                      struct prism_config_set **out); /* defaults */
PRISM_API void prism_config_set_destroy(struct prism_config_set **set);

/* Each overrides what came before. Errors are PRISM_EINVAL or PRISM_EPARSE with
 * file:line:column (or the option's text), the value, what is allowed and, for
 * an unknown key, the nearest one. Unchanged on failure. */
/* PRISM_EIO for a file that cannot be read, PRISM_ENOTSUP in a build without
 * libyaml. */
PRISM_API int prism_config_load_yaml(struct prism_config_set *set, const char *path);
PRISM_API int prism_config_load_preset(struct prism_config_set *set, const char *name);
/* "section.key=value"; the section may be left out, '-' may stand for '_'.
 * source: how the user said it, e.g. "--set"; errors begin with it and the
 * assignment, the dump shows it. */
PRISM_API int prism_config_assign(struct prism_config_set *set, const char *assignment,
                                  const char *source);
/* Derived values (physics, auto sizes) and checks across keys; call last (again
 * after a later change). *out lives in set. */
PRISM_API int prism_config_finish(struct prism_config_set *set, const struct prism_config **out);

/* The effective configuration (after prism_config_finish: with what it derived)
 * as YAML, each line with "# source", to a malloc'ed text; loading it gives the
 * same values. */
PRISM_API int prism_config_dump(const struct prism_config_set *set, char **out);

struct prism_preset {
    const char *name, *doc;
    const char *const *assignments; /* NULL-terminated "section.key=value" */
};
PRISM_API const struct prism_preset *prism_config_presets(size_t *n);

#ifdef __cplusplus
}
#endif
#endif
