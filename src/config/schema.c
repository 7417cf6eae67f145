/* The table of every setting. The rows of reconstruction and data come from
 * recon/params.def, the program's own are here and come first within a section
 * of the dump and the documentation. */
#include "config/internal.h"
#include "core/internal.h"
#include "recon/params.h"

#include <float.h>
#include <limits.h>
#include <string.h>

static const char *const patterns[] = {"fermat", "random", "star", "raster", "csv", NULL};
static const char *const objects[] = {"none", "europa", "titan", "betelgeuse", "neptune", NULL};
static const char *const planners[] = {"estimate", "measure", "patient", NULL};

#define FIELD(m) offsetof(struct prism_config, m), sizeof(((struct prism_config *)NULL)->m)
#define KEY_BOOL(k, m, d, doc) k, PRISM_KEY_BOOL, FIELD(m), 0, 1, false, false, d, NULL, "", doc
#define KEY_INT(k, m, lo, hi, d, unit, doc)                                                        \
    k, PRISM_KEY_INT, FIELD(m), lo, hi, false, false, d, NULL, unit, doc
#define KEY_NUMBER(k, m, lo, hi, d, unit, doc)                                                     \
    k, PRISM_KEY_DOUBLE, FIELD(m), lo, hi, false, false, d, NULL, unit, doc
#define KEY_POSITIVE(k, m, d, unit, doc)                                                           \
    k, PRISM_KEY_DOUBLE, FIELD(m), 0, DBL_MAX, true, false, d, NULL, unit, doc
#define KEY_TEXT(k, m, d, doc) k, PRISM_KEY_STRING, FIELD(m), 0, 0, false, false, d, NULL, "", doc
#define KEY_NAME(k, m, c, d, doc) k, PRISM_KEY_STRING, FIELD(m), 0, 0, false, false, d, c, "", doc
#define KEY_ENUM(k, m, c, d, doc) k, PRISM_KEY_ENUM, FIELD(m), 0, 0, false, false, d, c, "", doc

/* Rows of params.def become keys. */
#define BOOL(s, f, k, def, when, doc)                                                              \
    {k, PRISM_KEY_BOOL, FIELD(s.f), 0, 1, false, false, #def, NULL, "", doc},
#define BOOL_NOT(s, f, k, def, key_def, when, doc)                                                 \
    {k, PRISM_KEY_BOOL_NOT, FIELD(s.f), 0, 1, false, false, key_def, NULL, "", doc},
#define INT(s, f, k, lo, hi, def, unit, when, doc)                                                 \
    {k,    PRISM_KEY_INT, FIELD(s.f), lo, hi, false, PRISMI_ZERO_IS_NEGATIVE(lo, def),             \
     #def, NULL,          unit,       doc},
#define UINT64(s, f, k, def, when, doc)                                                            \
    {k, PRISM_KEY_UINT64, FIELD(s.f), 0, DBL_MAX, false, true, #def, NULL, "", doc},
#define NUMBER(s, f, k, lo, hi, def, unit, when, doc)                                              \
    {k,                                                                                            \
     PRISM_KEY_DOUBLE,                                                                             \
     FIELD(s.f),                                                                                   \
     lo,                                                                                           \
     hi,                                                                                           \
     false,                                                                                        \
     PRISMI_ZERO_IS_NEGATIVE(lo, def),                                                             \
     #def,                                                                                         \
     NULL,                                                                                         \
     unit,                                                                                         \
     doc},
#define POSITIVE(s, f, k, def, unit, when, doc)                                                    \
    {k, PRISM_KEY_DOUBLE, FIELD(s.f), 0, DBL_MAX, true, false, #def, NULL, unit, doc},
#define CHOICE(s, f, k, names, def, name, when, doc)                                               \
    {k, PRISM_KEY_ENUM, FIELD(s.f), 0, 0, false, false, name, PRISMI_NAMES(names), "", doc},
#define LIST(s, f, k, lo, hi, when, doc)                                                           \
    {k, PRISM_KEY_INT_LIST, FIELD(s.f), lo, hi, false, false, "", NULL, "", doc},
#define WEIGHTS(s, f, k, names, def, name, when, doc)                                              \
    {k, PRISM_KEY_WEIGHTS, FIELD(s.f), 0, 1, true, false, name, PRISMI_NAMES(names), "", doc},

static const struct prism_config_key keys[] = {
    {KEY_TEXT("name", name, "", "name of the run")},
    {KEY_TEXT("comment", comment, "", "free text, kept with the results")},

    {KEY_TEXT("image.input", image.input, "usaf",
              "picture of the object: a file, or a built-in one (usaf, siemens, points, moon); its "
              "grey values are stretched to [0,1]")},
    {KEY_TEXT("image.data", image.data, "",
              "file of measured amplitudes or intensities with the centres of their apertures "
              "(docs/formats.md), instead of a simulation from image.input; sizes in the file "
              "override those given here")},
    {KEY_INT("image.obj_size", image.obj_size, 0, PRISMI_SIDE_MAX, "64", "px",
             "side O of the object, at most image.grid_size N; 0: from physics, obj_diameter_m/dx "
             "with dx = wavelength_m obj_distance_m/(pupil_pitch_m N)")},
    {KEY_BOOL("image.invert", image.invert, "false", "invert the picture's grey values")},

    {KEY_ENUM("pattern.kind", pattern.kind, patterns, "fermat",
              "positions of the apertures in k-space: on a Fermat spiral, at random, on diameters "
              "of a star, on a square raster, or from a CSV file")},
    {KEY_TEXT("pattern.csv", pattern_csv, "",
              "kind csv: file of aperture centres, rows y,x in k-space pixels")},
    {KEY_INT("pattern.n_apertures", pattern.n_samples, 1, 1000000, "64", "",
             "number of aperture positions; a CSV file has its own")},
    {KEY_NUMBER("pattern.diameter_px", pattern.roi_diameter_px, 0, DBL_MAX, "0", "px",
                "diameter of the disc in k-space that the pattern fills; 0: image.grid_size")},
    {KEY_NUMBER("pattern.cutoff_px", pattern.cutoff_px, 0, DBL_MAX, "0", "px",
                "fermat: largest radius of a centre; 0: half of pattern.diameter_px")},
    {KEY_INT("pattern.n_angles", pattern.n_angles, 1, 10000, "4", "", "star: number of diameters")},
    {KEY_NUMBER(
        "aperture.diameter_px", aperture.diameter_px, 0, DBL_MAX, "20", "px",
        "diameter of an aperture in k-space pixels, at most image.grid_size; 0: from physics, 4 "
        "wavelength_m obj_distance_m/(pi obj_diameter_m pupil_pitch_m), rounded down")},
    {KEY_NUMBER("aperture.inner_diameter_px", aperture.inner_diameter_px, 0, DBL_MAX, "0", "px",
                "annulus, obscured: diameter of the blocked centre")},

    {KEY_NAME("physics.obj_name", physics.obj_name, objects, "europa",
              "object whose lengths are used for those given as 0; none: no object")},
    {KEY_NUMBER("physics.wavelength_m", physics.wavelength_m, 0, DBL_MAX, "0", "m",
                "wavelength of the light; 0: the named object's")},
    {KEY_NUMBER("physics.obj_diameter_m", physics.obj_diameter_m, 0, DBL_MAX, "0", "m",
                "diameter of the object; 0: the named object's")},
    {KEY_NUMBER("physics.obj_distance_m", physics.obj_distance_m, 0, DBL_MAX, "0", "m",
                "distance of the object; 0: the named object's")},
    {KEY_POSITIVE("physics.pupil_pitch_m", physics.pupil_pitch_m, "0.01", "m",
                  "side of a k-space pixel in the plane of the apertures")},

    {KEY_TEXT("compute.backend", compute.backend, "auto",
              "backend: auto, or a name that 'prism info' lists; NAME:1 is its second device")},
    {KEY_INT("compute.threads", compute.threads, 0, 4096, "0", "",
             "number of threads; 0: all cores that the process may use")},
    {KEY_ENUM("compute.fft_planner", compute.plan_effort, planners, "measure",
              "effort to find fast transforms: estimate them, or time some or many candidates")},
    {KEY_TEXT("compute.plugin_path", compute.plugin_path, "",
              "folder of backend plugins; empty: PRISMREC_BACKEND_PATH, else the installed one")},

    {KEY_INT("cache.grids_mb", cache.grids_mb, 0, 1048576, "64", "MiB",
             "memory for transfer functions of propagators, which instrument.kind propagated "
             "needs; 0: none are kept")},
    {KEY_BOOL("cache.plans", cache.plans, "true",
              "keep the plans of transforms in the user's cache folder; false: every process times "
              "candidates anew")},
    {KEY_INT("cache.apertures_mb", cache.apertures_mb, 0, 1048576, "16", "MiB",
             "memory for masks of apertures; 0: none are kept, each is made when it is needed")},
    {KEY_INT("cache.constants_mb", cache.constants_mb, 0, 1048576, "256", "MiB",
             "device memory for what ssim and ms-ssim compute from the targets alone; 0, or too "
             "little: computed in every step")},
    {KEY_INT(
        "cache.measurements_mb", cache.measurements_mb, 0, 1048576, "256", "MiB",
        "memory for simulated measurements; 0: none are kept, each is computed when it is needed")},

    {KEY_NUMBER("output.checkpoint_seconds", output.checkpoint_seconds, 0, 1e9, "30", "s",
                "time between checkpoints, shorter at the start of a run; 0: none by the clock. "
                "There is always one at the end")},
    {KEY_INT("output.checkpoint_every", output.checkpoint_every, 0, INT_MAX, "0", "steps",
             "steps between additional checkpoints; 0: none by steps")},

#define PARAMS_WITH_KEYS_ONLY
#include "recon/params.def"
};
_Static_assert(sizeof(keys) / sizeof(*keys) <= PRISMI_MAX_KEYS, "raise PRISMI_MAX_KEYS");

#define NAMES_EVERY(list, count)                                                                   \
    _Static_assert(sizeof(list) / sizeof(*(list)) == (count) + 1, "a name per " #count)
NAMES_EVERY(patterns, PRISM_PATTERN_COUNT);
NAMES_EVERY(planners, PRISM_PLAN_PATIENT + 1);

const struct prismi_section prismi_config_sections[] = {
    {"", "The run"},
    {"image", "The object, its measurements and the grid"},
    {"pattern", "Positions of the apertures"},
    {"aperture", "Shape of an aperture"},
    {"detector", "The detector"},
    {"instrument", "From the object to the detector"},
    {"model", "The decoder network"},
    {"training", "The fit"},
    {"physics", "Lengths, used for sizes given as 0 and for propagated fields"},
    {"mopie", "Iterative projections (algorithm mopie)"},
    {"compute", "Device, threads and transforms"},
    {"cache", "Memory for results that are used again"},
    {"output", "Files of a run"},
    {NULL, NULL},
};

bool prismi_config_in_section(const struct prism_config_key *key, const char *section)
{
    size_t n = strlen(section);
    return n ? !strncmp(key->key, section, n) && key->key[n] == '.' : !strchr(key->key, '.');
}

const char *prism_config_spell(const char *name)
{
    size_t n;
    const struct prismi_param_row *params = prismi_param_rows(&n);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(params[i].name, name))
            return params[i].key;
    return NULL;
}

const struct prism_config_key *prism_config_keys(size_t *n)
{
    *n = sizeof(keys) / sizeof(*keys);
    return keys;
}
