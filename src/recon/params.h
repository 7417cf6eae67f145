/* The table of parameters, made from params.def. It serves the checks at
 * creation, the comparison with a checkpoint, and the defaults. */
#ifndef PRISMI_RECON_PARAMS_H
#define PRISMI_RECON_PARAMS_H

#include "fit/fit.h"
#include "prismrec/recon.h"

enum prismi_param_type {
    PRISMI_PARAM_BOOL,
    PRISMI_PARAM_BOOL_NOT, /* a bool whose key means the opposite */
    PRISMI_PARAM_INT,
    PRISMI_PARAM_UINT64,
    PRISMI_PARAM_NUMBER,  /* double, finite */
    PRISMI_PARAM_CHOICE,  /* an enum, the index of a name */
    PRISMI_PARAM_LIST,    /* int[], zeros after the last */
    PRISMI_PARAM_WEIGHTS, /* double[], one per name, from 0 to 1, summing to 1 within 0.01 */
};

/* Conditions under which a parameter matters. A row may name several; one is
 * enough. */
enum {
    PRISMI_WHEN_ALWAYS = 1 << 0,
    PRISMI_WHEN_DECODER = 1 << 1, /* the model is a network */
    PRISMI_WHEN_JOINT = 1 << 2,
    PRISMI_WHEN_PROGRESSIVE = 1 << 3,
    PRISMI_WHEN_ADAPTIVE = 1 << 4, /* progressive with training.adaptive */
    PRISMI_WHEN_PROJECTIONS = 1 << 5,
    PRISMI_WHEN_FIRST_PROJECTIONS = 1 << 6, /* a decoder whose first fit is to projections */
    PRISMI_WHEN_TRAINED = 1 << 7,           /* an optimiser fits the model */
    PRISMI_WHEN_OBJECT = 1 << 8,            /* the model is the object itself */
    PRISMI_WHEN_LENGTHS = 1 << 9,           /* an instrument that reads lengths */
    /* not a condition: a resumed run may use another value */
    PRISMI_WHEN_FREE = 1 << 10,
};
unsigned prismi_params_when(const struct prism_recon_params *p);

/* One parameter. */
struct prismi_param_row {
    const char *name, *key; /* its name in the library, and in a configuration */
    enum prismi_param_type type;
    bool data;           /* in struct prism_dataset_params, else in struct prism_recon_params */
    size_t offset, size; /* place of the field in its struct, bytes */
    /* inclusive range of a number, or of the entries of a list; INT_MAX and
     * DBL_MAX mean no limit */
    double low, high;
    bool positive; /* low itself is not allowed */
    /* default; unused for a list; for weights the index of the one that is 1 */
    double def;
    /* names of choices and weights, in the order of the enum;
     * NULL-terminated */
    const char *const *names;
    unsigned when;
};
const struct prismi_param_row *prismi_param_rows(size_t *n);

/* In a struct, 0 stands for the default of a parameter. If 0 is also a value of
 * its own, a negative number stands for that value (for a seed UINT64_MAX). */
#define PRISMI_ZERO_IS_NEGATIVE(low, def) ((low) == 0 && (def) != 0)
/* Replace zeros by the values that they stand for; NULL stands for all
 * defaults. Checks, lines and sessions take resolved parameters. */
void prismi_params_resolve(const struct prism_recon_params *given, struct prism_recon_params *out);
void prismi_data_params_resolve(struct prism_dataset_params *p);

/* Names of the enums, NULL-terminated. */
#define PRISMI_NAMES(list) prismi_names_##list
extern const char *const PRISMI_NAMES(algorithm)[];
extern const char *const PRISMI_NAMES(aperture)[];
extern const char *const PRISMI_NAMES(transform)[];
extern const char *const PRISMI_NAMES(instrument)[];
extern const char *const PRISMI_NAMES(propagator)[];
extern const char *const PRISMI_NAMES(activation)[];
extern const char *const PRISMI_NAMES(init)[];
extern const char *const PRISMI_NAMES(objective)[];
extern const char *const PRISMI_NAMES(loss)[];
extern const char *const PRISMI_NAMES(schedule)[];
extern const char *const PRISMI_NAMES(target)[];
extern const char *const PRISMI_NAMES(precision)[];

/* Check that every parameter that matters is in its range. Returns 0, or
 * PRISM_EINVAL with a sentence that gives the parameter, its value and the
 * range. */
int prismi_params_check(struct prism_ctx *ctx, const struct prism_recon_params *p, unsigned when);
int prismi_data_params_check(struct prism_ctx *ctx, const struct prism_dataset_params *p);
/* True if the instrument and its propagator both read lengths. */
bool prismi_data_params_lengths(const struct prism_dataset_params *p);

/* The user's name of a field of struct prism_recon_params or struct
 * prism_dataset_params, for messages. */
#define PRISMI_RECON_NAME(ctx, field)                                                              \
    ((void)sizeof((struct prism_recon_params *)0)->field, prismi_spell(ctx, #field))
#define PRISMI_DATA_NAME(ctx, field)                                                               \
    ((void)sizeof((struct prism_dataset_params *)0)->field, prismi_spell(ctx, #field))

/* ---- lines of a checkpoint (fit/fit.h) ---- */

/* Write a line for every parameter that matters and is not free. Lines of a
 * data set begin with "data.". */
void prismi_data_params_lines(struct prismi_lines *t, const struct prism_dataset_params *d);
void prismi_params_lines(struct prismi_lines *t, const struct prism_recon_params *p, unsigned when,
                         const struct prism_dataset_params *d);
/* Refuse the file at path because of a difference in a line. Returns
 * PRISM_EINVAL; the sentence uses the user's name of the parameter. */
int prismi_lines_refuse(struct prism_ctx *ctx, const char *path, const struct prismi_difference *d);

#endif
