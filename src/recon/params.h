/* The table of parameters made from params.def: what is checked at creation,
 * what a checkpoint compares, and the defaults. */
#ifndef PRISMI_RECON_PARAMS_H
#define PRISMI_RECON_PARAMS_H

#include "fit/fit.h"
#include "prismrec/recon.h"

enum prismi_param_type {
    PRISMI_PARAM_BOOL,
    PRISMI_PARAM_BOOL_NOT, /* a bool whose key says the opposite */
    PRISMI_PARAM_INT,
    PRISMI_PARAM_UINT64,
    PRISMI_PARAM_NUMBER,  /* double, finite */
    PRISMI_PARAM_CHOICE,  /* enum, an index of names */
    PRISMI_PARAM_LIST,    /* int[], zeros after the last */
    PRISMI_PARAM_WEIGHTS, /* double[], one per name, from 0 to 1, summing to 1 within 0.01 */
};

/* What a run must be for a parameter to matter; a row may name several. */
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
    PRISMI_WHEN_FREE = 1 << 10,             /* no condition: a resumed run may have another value */
};
unsigned prismi_params_when(const struct prism_recon_params *p);

/* One parameter. Static data. */
struct prismi_param_row {
    const char *name, *key; /* in the library, in a configuration */
    enum prismi_param_type type;
    bool data;           /* of struct prism_dataset_params, else of struct prism_recon_params */
    size_t offset, size; /* of the field, bytes */
    double low, high; /* numbers and entries of a list: inclusive range; INT_MAX and DBL_MAX mean no
                         limit */
    bool positive;    /* low itself is out */
    double def;       /* of a list: no entries; of weights: the index of the one that is 1 */
    const char *const
        *names; /* of choices and weights, in the order of the enum; NULL-terminated */
    unsigned when;
};
const struct prismi_param_row *prismi_param_rows(size_t *n);

/* Names of the enums, NULL-terminated. */
#define PRISMI_NAMES(list) prismi_names_##list
extern const char *const PRISMI_NAMES(algorithm)[], *const PRISMI_NAMES(aperture)[],
                                                        *const
    PRISMI_NAMES(transform)[],
        *const PRISMI_NAMES(instrument)[], *const PRISMI_NAMES(propagator)[],
                                               *const
    PRISMI_NAMES(activation)[],
        *const PRISMI_NAMES(init)[], *const PRISMI_NAMES(objective)[], *const PRISMI_NAMES(loss)[],
                                                                           *const
    PRISMI_NAMES(schedule)[],
        *const PRISMI_NAMES(target)[], *const PRISMI_NAMES(precision)[];

/* Every parameter that matters is in its range: 0, or PRISM_EINVAL naming the
 * parameter, its value and the range. */
int prismi_params_check(struct prism_ctx *ctx, const struct prism_recon_params *p, unsigned when);
int prismi_data_params_check(struct prism_ctx *ctx, const struct prism_dataset_params *p);
/* Does the instrument read lengths, and its propagator as well? */
bool prismi_data_params_lengths(const struct prism_dataset_params *p);

/* What the user calls a parameter of struct prism_recon_params or struct
 * prism_dataset_params, for a message. */
#define PRISMI_RECON_NAME(ctx, field)                                                              \
    ((void)sizeof((struct prism_recon_params *)0)->field, prismi_spell(ctx, #field))
#define PRISMI_DATA_NAME(ctx, field)                                                               \
    ((void)sizeof((struct prism_dataset_params *)0)->field, prismi_spell(ctx, #field))

/* ---- lines of a checkpoint (fit/fit.h) ---- */

/* A line for every parameter that matters and is not free; those of a data set
 * are headed with "data.". */
void prismi_data_params_lines(struct prismi_lines *t, const struct prism_dataset_params *d);
void prismi_params_lines(struct prismi_lines *t, const struct prism_recon_params *p, unsigned when,
                         const struct prism_dataset_params *d);
/* PRISM_EINVAL with the sentence that refuses the file of theirs, a parameter
 * in it being spelled as the user does. */
int prismi_lines_refuse(struct prism_ctx *ctx, const char *path, const struct prismi_difference *d);

#endif
