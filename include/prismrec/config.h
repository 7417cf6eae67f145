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
        /* A file of measured frames, used instead of input. "" = none. */
        char data[PRISM_PATH_MAX];
        int obj_size; /* 0 = from physics */
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
        /* Steps between lines of metrics.jsonl, as in recon.metrics_every. */
        int metrics_every;
    } output;
};

/* The type of a setting's field in struct prism_config. */
enum prism_key_type {
    PRISM_KEY_BOOL,
    PRISM_KEY_INT,
    PRISM_KEY_UINT64,
    PRISM_KEY_DOUBLE,
    /* char[size]. If there are choices, one of them. */
    PRISM_KEY_STRING,
    /* An enum, the index into choices. */
    PRISM_KEY_ENUM,
    /* A bool that means the opposite of the key: model.normalise is stored as
     * no_norm. */
    PRISM_KEY_BOOL_NOT,
    /* int[] with zeros after the last, written "64,32,16,1" or as a YAML
     * list. */
    PRISM_KEY_INT_LIST,
    /* double[], a weight per choice that sum to 1 within 0.01, written "l1" or
     * "0.7*l1+0.3*ssim". */
    PRISM_KEY_WEIGHTS
};

/* One setting. Static data. */
struct prism_config_key {
    const char *key; /* "section.name" or "name" */
    enum prism_key_type type;
    size_t offset, size; /* place of the field in struct prism_config, bytes */
    /* Inclusive range of numbers and list entries. INT_MAX and DBL_MAX mean no
     * limit. */
    double min, max;
    bool exclusive_min;         /* min itself is not allowed */
    bool zero_is_negative;      /* 0 is stored as -1, because a 0 in the field is the default */
    const char *def;            /* default, as one would write it */
    const char *const *choices; /* names, NULL-terminated (enums: in enum order), or NULL */
    const char *unit, *doc;     /* unit may be "" */
};

/* The table of all settings, *n rows. Static data. Thread-safety: safe. */
PRISM_API const struct prism_config_key *prism_config_keys(size_t *n);

/* The key of a parameter of the library, e.g. "training.loss" of
 * "training.loss_weights"; NULL if it has none. A derived parameter gives a
 * text with the key to change. For prism_ctx_params.spell. */
PRISM_API const char *prism_config_spell(const char *name);

/* A configuration with the source of every value. Thread-safety: one thread at
 * a time. */
struct prism_config_set;

/* Create a configuration of defaults. Returns 0, PRISM_ENOMEM. */
PRISM_API int prism_config_set_create(struct prism_ctx *ctx, struct prism_config_set **out);

/* Destroy a configuration and set *set to NULL. NULL is allowed. */
PRISM_API void prism_config_set_destroy(struct prism_config_set **set);

/* The next three functions override what was set before; a failure changes
 * nothing. The sentence of PRISM_EINVAL and PRISM_EPARSE has file:line:column
 * or the option's text, the value and what is allowed, and for an unknown key
 * the nearest one.
 *
 * Load a YAML file. Returns 0, PRISM_EINVAL, PRISM_EPARSE, PRISM_EIO (the file
 * cannot be read), PRISM_ENOTSUP (a build without libyaml), PRISM_ENOMEM. */
PRISM_API int prism_config_load_yaml(struct prism_config_set *set, const char *path);

/* Load a preset by name. Returns 0, PRISM_EINVAL (lists the names). */
PRISM_API int prism_config_load_preset(struct prism_config_set *set, const char *name);

/* Assign "section.key=value". The section may be left out where the key is
 * unique, and '-' may stand for '_'. source: how the user said it, e.g.
 * "--set"; errors begin with it and the assignment, and a dump shows it.
 * Returns 0, PRISM_EINVAL. */
PRISM_API int prism_config_assign(struct prism_config_set *set, const char *assignment,
                                  const char *source);
/* Derive values (physics, automatic sizes) and check keys together. Call it
 * last, and again after a change. *out is owned by set. Returns 0,
 * PRISM_EINVAL. */
PRISM_API int prism_config_finish(struct prism_config_set *set, const struct prism_config **out);

/* Write the configuration as YAML, each line with "# source" and, after
 * prism_config_finish(), with the derived values. Loading it gives the same
 * values. *out: malloc'ed text, owned by the caller (free()). Returns 0,
 * PRISM_ENOMEM. */
PRISM_API int prism_config_dump(const struct prism_config_set *set, char **out);

/* A named list of settings. Static data. */
struct prism_preset {
    const char *name, *doc;
    const char *const *assignments; /* NULL-terminated "section.key=value" */
};

/* All presets, *n rows. Thread-safety: safe. */
PRISM_API const struct prism_preset *prism_config_presets(size_t *n);

#ifdef __cplusplus
}
#endif
#endif
