/* The table of parameters, and what it serves: checks, lines of a checkpoint,
 * defaults. */
#include "recon/params.h"
#include "optics/instrument.h"
#include "recon/internal.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
const char *const PRISMI_NAMES(algorithm)[] = {"decoder", "mopie", "object", NULL};
const char *const PRISMI_NAMES(aperture)[] = {"circle", "annulus", "hexagon", "obscured", NULL};
const char *const PRISMI_NAMES(transform)[] = {"auto", "fft", "matrix", NULL};
const char *const PRISMI_NAMES(instrument)[] = {"subaperture", "propagated", "identity", NULL};
const char *const PRISMI_NAMES(propagator)[] = {
    "fraunhofer", "fresnel", "angular_spectrum", "auto", NULL};
const char *const PRISMI_NAMES(activation)[] = {
    "sigmoid", "none", "relu", "leaky", "hardsigmoid", "scalesigmoid", "tanh", NULL};
const char *const PRISMI_NAMES(init)[] = {"torch", "xavier", "orthogonal", NULL};
const char *const PRISMI_NAMES(objective)[] = {"joint", "progressive", NULL};
const char *const PRISMI_NAMES(loss)[] = {
#define PRISM_LOSS_ROW(NAME, name, misfit, power, scales) name,
#include "prismrec/loss.def"
#undef PRISM_LOSS_ROW
    NULL};
const char *const PRISMI_NAMES(schedule)[] = {
    "cosine", "constant", "plateau", "cosine_restarts", NULL};
const char *const PRISMI_NAMES(target)[] = {
    "circle", "measurement", "synthetic_aperture", "projection", NULL};
const char *const PRISMI_NAMES(precision)[] = {"fp32", "fp64", "tf32", "bf16", "fp16", NULL};
/* clang-format on */

#define NAMES_EVERY(list, count)                                                                   \
    _Static_assert(sizeof(PRISMI_NAMES(list)) / sizeof(char *) == (count) + 1,                     \
                   "one name for every value")
NAMES_EVERY(algorithm, PRISM_ALG_COUNT);
NAMES_EVERY(aperture, PRISM_APERTURE_COUNT);
NAMES_EVERY(transform, PRISM_MEASURE_METHOD_COUNT);
NAMES_EVERY(instrument, PRISM_INSTRUMENT_COUNT);
NAMES_EVERY(propagator, PRISM_PROPAGATOR_AUTO + 1);
NAMES_EVERY(activation, PRISM_OUTPUT_COUNT);
NAMES_EVERY(init, PRISM_INIT_ORTHOGONAL + 1);
NAMES_EVERY(objective, PRISM_OBJ_COUNT);
NAMES_EVERY(loss, PRISM_LOSS_COUNT);
NAMES_EVERY(schedule, PRISM_SCHEDULE_COUNT);
NAMES_EVERY(target, PRISM_INIT_TARGET_COUNT);
NAMES_EVERY(precision, PRISM_PRECISION_COUNT);
_Static_assert(sizeof(enum prism_algorithm) == sizeof(int), "enums are stored as int");

/* ---- the table ---- */

#define ALWAYS PRISMI_WHEN_ALWAYS
#define DECODER PRISMI_WHEN_DECODER
#define JOINT PRISMI_WHEN_JOINT
#define PROGRESSIVE PRISMI_WHEN_PROGRESSIVE
#define ADAPTIVE PRISMI_WHEN_ADAPTIVE
#define PROJECTIONS PRISMI_WHEN_PROJECTIONS
#define FIRST_PROJECTIONS PRISMI_WHEN_FIRST_PROJECTIONS
#define LENGTHS PRISMI_WHEN_LENGTHS
#define TRAINED PRISMI_WHEN_TRAINED
#define OBJECT PRISMI_WHEN_OBJECT
#define FREE PRISMI_WHEN_FREE

#define OF_recon false, struct prism_recon_params
#define OF_data true, struct prism_dataset_params
#define PLACE(of, f) PLACE_(of, f)
#define PLACE_(is_data, type, f) is_data, offsetof(type, f), sizeof(((type *)NULL)->f)
#define COUNT_OF(names) (sizeof(PRISMI_NAMES(names)) / sizeof(char *) - 1)
#define ROW(s, f, key, type, low, high, positive, def, names, when)                                \
    {#f, key, PRISMI_PARAM_##type, PLACE(OF_##s, f), low, high, positive, def, names, when},

#define BOOL(s, f, key, def, when, doc) ROW(s, f, key, BOOL, 0, 1, false, def, NULL, when)
#define BOOL_NOT(s, f, key, def, key_def, when, doc)                                               \
    ROW(s, f, key, BOOL_NOT, 0, 1, false, def, NULL, when)
#define INT(s, f, key, low, high, def, unit, when, doc)                                            \
    ROW(s, f, key, INT, low, high, false, def, NULL, when)
#define UINT64(s, f, key, def, when, doc) ROW(s, f, key, UINT64, 0, DBL_MAX, false, def, NULL, when)
#define NUMBER(s, f, key, low, high, def, unit, when, doc)                                         \
    ROW(s, f, key, NUMBER, low, high, false, def, NULL, when)
#define POSITIVE(s, f, key, def, unit, when, doc)                                                  \
    ROW(s, f, key, NUMBER, 0, DBL_MAX, true, def, NULL, when)
#define CHOICE(s, f, key, names, def, name, when, doc)                                             \
    ROW(s, f, key, CHOICE, 0, COUNT_OF(names) - 1, false, def, PRISMI_NAMES(names), when)
#define LIST(s, f, key, low, high, when, doc) ROW(s, f, key, LIST, low, high, false, 0, NULL, when)
#define WEIGHTS(s, f, key, names, def, name, when, doc)                                            \
    ROW(s, f, key, WEIGHTS, 0, 1, false, def, PRISMI_NAMES(names), when)

static const struct prismi_param_row table[] = {
#include "recon/params.def"
};

const struct prismi_param_row *prismi_param_rows(size_t *n)
{
    *n = sizeof table / sizeof *table;
    return table;
}

static unsigned data_when(const struct prism_dataset_params *p)
{
    return ALWAYS | (prismi_instrument_kinds[p->instrument].lengths ? LENGTHS : 0);
}

bool prismi_data_params_lengths(const struct prism_dataset_params *p)
{
    return prismi_instrument_kinds[p->instrument].lengths && p->propagator != PRISM_FRAUNHOFER;
}

/* ---- zeros in structs stand for defaults ---- */

/* Switches and choices need no resolving, because their default is 0. */
#define BOOL(s, f, key, def, when, doc) _Static_assert(!(def), #f);
#define BOOL_NOT(s, f, key, def, key_def, when, doc) _Static_assert(!(def), #f);
#define CHOICE(s, f, key, names, def, name, when, doc) _Static_assert((def) == 0, #f);
#define INT(s, f, key, low, high, def, unit, when, doc)
#define UINT64(s, f, key, def, when, doc) _Static_assert((def) == PRISMI_DEFAULT_SEED, #f);
#define NUMBER(s, f, key, low, high, def, unit, when, doc)
#define POSITIVE(s, f, key, def, unit, when, doc)
#define LIST(s, f, key, low, high, when, doc)
#define WEIGHTS(s, f, key, names, def, name, when, doc)
#include "recon/params.def"

/* The value that a field v stands for: 0 stands for the default, and a negative
 * number for 0 if the range begins there. */
static double meant(const struct prismi_param_row *p, double v)
{
    bool stands_for_0 = v < 0 && !p->positive && PRISMI_ZERO_IS_NEGATIVE(p->low, p->def);
    return v == 0 ? p->def : stands_for_0 ? 0 : v;
}

static void resolve_weights(const struct prismi_param_row *p, double *w)
{
    for (size_t i = 0; i < p->size / sizeof *w; i++)
        if (w[i] != 0)
            return;
    w[(int)p->def] = 1;
}

static void resolve(void *params, bool data)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct prismi_param_row *p = &table[i];
        void *field = (char *)params + p->offset;
        if (p->data != data)
            continue;
        if (p->type == PRISMI_PARAM_INT)
            *(int *)field = (int)meant(p, *(int *)field);
        else if (p->type == PRISMI_PARAM_NUMBER)
            *(double *)field = meant(p, *(double *)field);
        else if (p->type == PRISMI_PARAM_UINT64)
            *(uint64_t *)field = prismi_seed(*(uint64_t *)field);
        else if (p->type == PRISMI_PARAM_WEIGHTS)
            resolve_weights(p, field);
    }
}

void prismi_params_resolve(const struct prism_recon_params *given, struct prism_recon_params *out)
{
    *out = given ? *given : (struct prism_recon_params){0};
    resolve(out, false);
}

void prismi_data_params_resolve(struct prism_dataset_params *p)
{
    bool given = p->grid_size != 0;
    resolve(p, true);
    int frame = (p->field_size + 1) / 2; /* the frame must fit into the grid, too */
    if (!given)
        p->grid_size = prismi_grid_for(p->obj_size > frame ? p->obj_size : frame);
}

/* ---- checks ---- */

static bool within(const struct prismi_param_row *p, double v)
{
    return isfinite(v) && v <= p->high && (p->positive ? v > p->low : v >= p->low);
}

static int check_number(struct prism_ctx *ctx, const struct prismi_param_row *p, double v)
{
    const char *name = prismi_spell(ctx, p->name);
    if (within(p, v))
        return 0;
    if (p->type != PRISMI_PARAM_NUMBER)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "%s is %.0f; it must lie in %.0f..%.0f", name, v,
                          p->low, p->high);
    if (p->high < DBL_MAX)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "%s is %g; it must lie in %g..%g", name, v, p->low,
                          p->high);
    return PRISM_FAIL(ctx, PRISM_EINVAL, "%s is %g; it must be positive%s", name, v,
                      p->positive ? "" : ", or 0");
}

static int check_weights(struct prism_ctx *ctx, const struct prismi_param_row *p, const double *w)
{
    double sum = 0;
    for (size_t i = 0; i < p->size / sizeof *w; i++) {
        if (!within(p, w[i]))
            return PRISM_FAIL(ctx, PRISM_EINVAL, "%s: the weight of %s is %g; it must lie in 0..1",
                              prismi_spell(ctx, p->name), p->names[i], w[i]);
        sum += w[i];
    }
    return fabs(sum - 1) < 0.01
               ? 0
               : PRISM_FAIL(ctx, PRISM_EINVAL, "%s: the weights sum to %g; they must sum to 1",
                            prismi_spell(ctx, p->name), sum);
}

static int check_field(struct prism_ctx *ctx, const struct prismi_param_row *p, const void *field)
{
    const int *list = field;
    switch (p->type) {
    case PRISMI_PARAM_INT:
    case PRISMI_PARAM_CHOICE:
        return check_number(ctx, p, *(const int *)field);
    case PRISMI_PARAM_NUMBER:
        return check_number(ctx, p, *(const double *)field);
    case PRISMI_PARAM_LIST:
        for (size_t i = 0; i < p->size / sizeof *list && list[i]; i++)
            PRISM_TRY(check_number(ctx, p, list[i]));
        return 0;
    case PRISMI_PARAM_WEIGHTS:
        return check_weights(ctx, p, field);
    default:
        return 0; /* any value is allowed */
    }
}

static int check_fields(struct prism_ctx *ctx, const void *params, bool data, unsigned when)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].data == data && table[i].when & when)
            PRISM_TRY(check_field(ctx, &table[i], (const char *)params + table[i].offset));
    return 0;
}

int prismi_params_check(struct prism_ctx *ctx, const struct prism_recon_params *p, unsigned when)
{
    return check_fields(ctx, p, false, when);
}

int prismi_data_params_check(struct prism_ctx *ctx, const struct prism_dataset_params *p)
{
    PRISM_TRY(check_fields(ctx, p, true, ALWAYS));
    return check_fields(ctx, p, true, data_when(p));
}

/* ---- lines ---- */

/* Parameters with another name in the lines, the one that files had first. Some
 * lines have the opposite value. */
static const struct {
    const char *name, *line;
    bool opposite;
} lines[] = {
#define LINE(name, line, opposite)                                                                 \
    {                                                                                              \
#name, #line, opposite                                                                     \
    }
    LINE(training.unnormalised, training.no_normalize, false),
    LINE(training.retry_same_loss, training.retry_switch_loss, true)};

static void write_switch(struct prismi_lines *t, const struct prismi_param_row *p, bool value)
{
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!strcmp(p->name, lines[i].name)) {
            prismi_line(t, "%s=%d", lines[i].line, value != lines[i].opposite);
            return;
        }
    prismi_line(t, "%s%s=%d", p->data ? "data." : "", p->name, value);
}

static void write_line(struct prismi_lines *t, const struct prismi_param_row *p, const void *field)
{
    const char *head = p->data ? "data." : "";
    const int *list = field;
    switch (p->type) {
    case PRISMI_PARAM_BOOL:
    case PRISMI_PARAM_BOOL_NOT:
        write_switch(t, p, *(const bool *)field);
        break;
    case PRISMI_PARAM_INT:
        prismi_line(t, "%s%s=%d", head, p->name, *(const int *)field);
        break;
    case PRISMI_PARAM_CHOICE:
        prismi_line(t, "%s%s=%s", head, p->name, p->names[*(const int *)field]);
        break;
    case PRISMI_PARAM_UINT64:
        prismi_line(t, "%s%s=%llu", head, p->name, (unsigned long long)*(const uint64_t *)field);
        break;
    case PRISMI_PARAM_NUMBER:
        prismi_line(t, "%s%s=%.17g", head, p->name, *(const double *)field);
        break;
    case PRISMI_PARAM_LIST:
        for (size_t i = 0; i < p->size / sizeof *list && list[i]; i++)
            prismi_line(t, "%s%s[%zu]=%d", head, p->name, i, list[i]);
        break;
    case PRISMI_PARAM_WEIGHTS:
        for (size_t i = 0; i < p->size / sizeof(double); i++)
            prismi_line(t, "%s%s[%s]=%.17g", head, p->name, p->names[i],
                        ((const double *)field)[i]);
        break;
    }
}

static void write_lines(struct prismi_lines *t, const void *params, bool data, unsigned when)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].data == data && table[i].when & when && !(table[i].when & FREE))
            write_line(t, &table[i], (const char *)params + table[i].offset);
}

void prismi_data_params_lines(struct prismi_lines *t, const struct prism_dataset_params *d)
{
    write_lines(t, d, true, data_when(d));
}

void prismi_params_lines(struct prismi_lines *t, const struct prism_recon_params *p, unsigned when,
                         const struct prism_dataset_params *d)
{
    write_lines(t, p, false, when);
    prismi_data_params_lines(t, d);
}

/* A value of a line as the user would write it. opposite: the user's name means
 * the opposite of the line. */
static const char *spelled_value(const struct prismi_param_row *p, const char *value, bool opposite,
                                 const char *absent)
{
    bool is_switch = p && (p->type == PRISMI_PARAM_BOOL || p->type == PRISMI_PARAM_BOOL_NOT);
    if (!*value)
        return absent;
    return !is_switch ? value : (strcmp(value, "0") != 0) != opposite ? "true" : "false";
}

int prismi_lines_refuse(struct prism_ctx *ctx, const char *path, const struct prismi_difference *d)
{
    static const char head[] = "data.";
    const struct prismi_param_row *row = NULL;
    bool data = !strncmp(d->name, head, strlen(head)), opposite = false;
    char name[sizeof d->name];
    size_t length = strcspn(d->name, "["); /* an entry of a list has the name of the list */
    snprintf(name, sizeof name, "%.*s", (int)length, d->name);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!strcmp(name, lines[i].line)) {
            snprintf(name, sizeof name, "%s", lines[i].name);
            opposite = lines[i].opposite;
        }
    const char *field = data ? name + strlen(head) : name, *spelled = prismi_spell(ctx, field);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].data == data && !strcmp(table[i].name, field))
            row = &table[i];
    if (row && row->type == PRISMI_PARAM_BOOL_NOT && strcmp(spelled, field) != 0)
        opposite = !opposite;
    return PRISM_FAIL(ctx, PRISM_EINVAL,
                      "%s was written with %s%s %s, this session has %s: resume with the same %s",
                      path, spelled, d->name + length,
                      spelled_value(row, d->theirs, opposite, "absent"),
                      spelled_value(row, d->mine, opposite, "none"),
                      data || !strcmp(name, "data") ? "data" : "data and parameters");
}
