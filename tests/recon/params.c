/* The list of parameters: each is checked, compared on resume, spelled as the
 * user spells it, and has its default. */
#include "recon/params.h"
#include "support/session_suite.h"

#include <float.h>
#include <limits.h>
#include <unistd.h>

/* A user's spelling of a parameter: its name in capitals. */
static const char *capitals(const char *name)
{
    static char text[64];
    size_t n = 0;
    for (; name[n] && n < sizeof text - 1; n++)
        text[n] = (char)(name[n] >= 'a' && name[n] <= 'z' ? name[n] - 'a' + 'A' : name[n]);
    text[n] = '\0';
    return text;
}

static void *field_of(void *params, const struct prismi_param_row *row)
{
    return (char *)params + row->offset;
}

/* The small experiment's parameters, changed so that the row matters. */
static struct prism_recon_params base_for(const struct prismi_param_row *row)
{
    struct prism_recon_params par;
    prismi_params_resolve(&p.par, &par);
    par.training.init_target = row->when & PRISMI_WHEN_FIRST_PROJECTIONS
                                   ? PRISM_INIT_TARGET_PROJECTION
                                   : PRISM_INIT_TARGET_CIRCLE;
    if (row->when & (PRISMI_WHEN_PROGRESSIVE | PRISMI_WHEN_ADAPTIVE)) {
        par.training.objective = PRISM_OBJ_PROGRESSIVE;
        par.training.adaptive = true;
    }
    if (row->when == PRISMI_WHEN_PROJECTIONS || row->when == PRISMI_WHEN_OBJECT)
        par.algorithm = PRISM_ALG_MOPIE;
    ck_assert_msg(row->data || prismi_params_when(&par) & row->when, "%s", row->name);
    return par;
}

/* ---- ranges ---- */

static void expect(const struct prismi_param_row *row, void *params, bool accepted)
{
    int status = row->data ? prismi_data_params_check(ctx, params)
                           : prismi_params_check(ctx, params, prismi_params_when(params));
    ck_assert_msg(status == (accepted ? 0 : PRISM_EINVAL), "%s: status %d", row->name, status);
    if (!accepted)
        ck_assert_msg(strstr(prism_ctx_error(ctx)->text, capitals(row->name)),
                      "\"%s\" does not name %s", prism_ctx_error(ctx)->text, row->name);
}

static void try_int(const struct prismi_param_row *row, void *params, int64_t v, bool accepted)
{
    int *field = field_of(params, row), old = *field;
    if (v < INT_MIN || v > INT_MAX)
        return; /* a value that the field cannot have */
    *field = (int)v;
    expect(row, params, accepted);
    *field = old;
}

static void try_number(const struct prismi_param_row *row, void *params, double v, bool accepted)
{
    double *field = field_of(params, row), old = *field;
    *field = v;
    expect(row, params, accepted);
    *field = old;
}

static void try_weights(const struct prismi_param_row *row, void *params)
{
    size_t n = row->size / sizeof(double);
    double *w = field_of(params, row);
    for (size_t i = 0; i < n; i++) {
        memset(w, 0, row->size);
        expect(row, params, false); /* nothing at all */
        try_number(
            &(struct prismi_param_row){.name = row->name, .offset = row->offset + i * sizeof *w},
            params, 1, true);
        w[i] = 1.5;
        w[(i + 1) % n] = -0.5;
        expect(row, params, false);
        w[i] = w[(i + 1) % n] = 0.5;
        expect(row, params, true);
        w[i] = NAN;
        expect(row, params, false);
    }
}

START_TEST(both_ends_of_every_range_hold)
{
    size_t n;
    const struct prismi_param_row *rows = prismi_param_rows(&n);
    for (const struct prismi_param_row *row = rows; row < rows + n; row++) {
        struct prism_recon_params par = base_for(row);
        struct prism_dataset_params data = *prism_dataset_params(p.ds);
        if (row->when & PRISMI_WHEN_LENGTHS)
            data.instrument = PRISM_INSTRUMENT_PROPAGATED;
        void *params = row->data ? (void *)&data : &par;
        switch (row->type) {
        case PRISMI_PARAM_CHOICE:
        case PRISMI_PARAM_INT:
            try_int(row, params, (int64_t)row->low, true);
            try_int(row, params, (int64_t)row->low - 1, false);
            try_int(row, params, (int64_t)row->high, true);
            try_int(row, params, (int64_t)row->high + 1, false);
            break;
        case PRISMI_PARAM_LIST:
            try_int(row, params, (int64_t)row->low, true);
            try_int(row, params, -1, false);
            try_int(row, params, (int64_t)row->high, true);
            try_int(row, params, (int64_t)row->high + 1, false);
            break;
        case PRISMI_PARAM_NUMBER:
            try_number(row, params, row->low, !row->positive);
            try_number(row, params, row->positive ? DBL_MIN : -DBL_MIN, row->positive);
            try_number(row, params, row->high, true);
            try_number(row, params, row->high * 1.0000001, false);
            try_number(row, params, NAN, false);
            break;
        case PRISMI_PARAM_WEIGHTS:
            try_weights(row, params);
            break;
        default:
            expect(row, params, true);
        }
    }
}
END_TEST

START_TEST(parameters_without_effect_are_not_checked)
{
    struct prism_recon_params par;
    prismi_params_resolve(&p.par, &par);
    par.mopie = (struct prism_mopie_params){.loops = -1};
    par.training.n_epochs = par.training.patience = 0;
    ck_assert_int_eq(prismi_params_check(ctx, &par, prismi_params_when(&par)), 0);
    par.training.objective = PRISM_OBJ_PROGRESSIVE;
    ck_assert_int_eq(prismi_params_check(ctx, &par, prismi_params_when(&par)), PRISM_EINVAL);
    par.training.n_epochs = 1;
    ck_assert_int_eq(prismi_params_check(ctx, &par, prismi_params_when(&par)), 0);
    par.training.adaptive = true;
    ck_assert_int_eq(prismi_params_check(ctx, &par, prismi_params_when(&par)), PRISM_EINVAL);
    par = (struct prism_recon_params){.algorithm = PRISM_ALG_MOPIE,
                                      .mopie = {.loops = 1, .lr_obj = 1}};
    ck_assert_int_eq(prismi_params_check(ctx, &par, prismi_params_when(&par)), 0);
}
END_TEST

/* ---- resume ---- */

/* Values for the fields where the small experiment's value plus one is not
 * valid. */
static int other_int(const struct prismi_param_row *row, int v)
{
    static const struct {
        const char *name;
        int value;
    } special[] = {{"grid_size", 64},
                   {"field_size", 30},
                   {"decoder.latent_channels", 64},
                   {"decoder.n_upsample", 3}};
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (!strcmp(special[i].name, row->name))
            return special[i].value;
    return row->type == PRISMI_PARAM_CHOICE ? (v + 1) % ((int)row->high + 1) : v + 1;
}

static void change(const struct prismi_param_row *row, void *params)
{
    void *field = field_of(params, row);
    double *number = field;
    switch (row->type) {
    case PRISMI_PARAM_BOOL:
    case PRISMI_PARAM_BOOL_NOT:
        *(bool *)field = !*(bool *)field;
        break;
    case PRISMI_PARAM_INT:
    case PRISMI_PARAM_CHOICE:
        *(int *)field = other_int(row, *(int *)field);
        break;
    case PRISMI_PARAM_UINT64:
        ++*(uint64_t *)field;
        break;
    case PRISMI_PARAM_NUMBER:
        *number = *number == 0 ? 0.5 : *number / 2;
        break;
    case PRISMI_PARAM_WEIGHTS:
        number[1] = number[0] / 2;
        number[0] = number[1];
        break;
    case PRISMI_PARAM_LIST:
        break; /* with its count: see channels_are_compared */
    }
}

static void save(const struct prism_recon_params *par)
{
    struct prism_session *s;
    p.par = *par;
    s = new_session(&p);
    run_steps(s, 1);
    MUST(ctx, prism_session_save(s, path, NULL));
    prism_session_destroy(&s);
}

/* A session of p refuses the file, with a sentence that holds this word. */
static void refused(const char *word)
{
    struct prism_session *s = new_session(&p);
    ck_assert_msg(prism_session_load(s, path) == PRISM_EINVAL, "another %s is accepted", word);
    ck_assert_msg(strstr(prism_ctx_error(ctx)->text, word), "\"%s\" does not say \"%s\"",
                  prism_ctx_error(ctx)->text, word);
    prism_session_destroy(&s);
}

static void accepted(void)
{
    struct prism_session *s = new_session(&p);
    MUST(ctx, prism_session_load(s, path));
    prism_session_destroy(&s);
}

START_TEST(every_other_parameter_is_refused_by_name)
{
    const struct prism_recon_params good = p.par;
    size_t n;
    const struct prismi_param_row *rows = prismi_param_rows(&n);
    for (const struct prismi_param_row *row = rows; row < rows + n; row++) {
        char spelled[80];
        if (row->data || row->type == PRISMI_PARAM_LIST ||
            row->offset == offsetof(struct prism_recon_params, decoder.n_channels))
            continue;
        struct prism_recon_params par = base_for(row);
        save(&par);
        change(row, &p.par);
        snprintf(spelled, sizeof spelled, "with %s", capitals(row->name));
        if (row->when & PRISMI_WHEN_FREE)
            accepted();
        else
            refused(spelled);
        p.par = good;
    }
}
END_TEST

START_TEST(every_weight_is_compared)
{
    const struct prism_recon_params good = p.par;
    for (int i = 0; i < PRISM_LOSS_COUNT; i++) {
        struct prism_recon_params par = good;
        memset(par.training.loss_weights, 0, sizeof par.training.loss_weights);
        par.training.loss_weights[i] = 1;
        save(&par);
        p.par.training.loss_weights[i] = 0.996; /* one weight, and nothing else */
        refused("with TRAINING.LOSS_WEIGHTS");
    }
    p.par = good;
}
END_TEST

START_TEST(channels_are_compared)
{
    struct prism_recon_params par = p.par;
    save(&par);
    p.par.decoder.n_channels = 4;
    memcpy(p.par.decoder.channels, (int[]){12, 8, 4, 1}, 4 * sizeof(int));
    refused("with DECODER.CHANNELS[0]");
    par = p.par;
    save(&par);
    p.par.decoder.n_channels = 5;
    memcpy(p.par.decoder.channels, (int[]){12, 8, 4, 1, 1}, 5 * sizeof(int));
    refused("DECODER.CHANNELS[4] absent");
    p.par = par;
    p.par.decoder.channels[7] = 9; /* past the last channel: not compared */
    accepted();
}
END_TEST

START_TEST(other_data_are_refused_by_name)
{
    struct prism_dataset *ours = p.ds;
    double *truth = p.truth;
    size_t n;
    const struct prismi_param_row *rows = prismi_param_rows(&n);
    save(&(struct prism_recon_params){.algorithm = PRISM_ALG_MOPIE,
                                      .mopie = {.loops = 4, .lr_obj = 1}});
    for (const struct prismi_param_row *row = rows; row < rows + n; row++) {
        struct prism_dataset_params data = *prism_dataset_params(ours);
        char spelled[80];
        if (!row->data || row->when & PRISMI_WHEN_LENGTHS)
            continue;
        change(row, &data);
        p.truth = small_object(data.obj_size);
        MUST(ctx,
             prism_dataset_simulate(dev, &data, p.truth, prism_dataset_centres(ours), p.n, &p.ds));
        snprintf(spelled, sizeof spelled, "with %s", capitals(row->name));
        if (row->when & PRISMI_WHEN_FREE)
            accepted();
        else
            refused(spelled);
        prism_dataset_destroy(&p.ds);
        free(p.truth);
    }
    p.truth = truth;
    MUST(ctx, prism_dataset_simulate(dev, prism_dataset_params(ours), p.truth,
                                     prism_dataset_centres(ours), p.n - 1, &p.ds));
    refused("with SAMPLES 7, this session has 6");
    prism_dataset_destroy(&p.ds);
    p.ds = ours;
}
END_TEST

START_TEST(lengths_are_compared_where_they_matter)
{
    const struct prism_recon_params projections = {.algorithm = PRISM_ALG_MOPIE,
                                                   .mopie = {.loops = 4, .lr_obj = 1}};
    const double *centres = prism_dataset_centres(p.ds);
    struct prism_dataset *ours = p.ds;
    size_t n, compared = 0;
    const struct prismi_param_row *rows = prismi_param_rows(&n);
    struct prism_dataset_params data = *prism_dataset_params(ours);
    save(&projections);
    data.distance_m = 7;
    MUST(ctx, prism_dataset_simulate(dev, &data, p.truth, centres, p.n, &p.ds));
    accepted(); /* sub-apertures have no lengths */
    prism_dataset_destroy(&p.ds);
    data.instrument = PRISM_INSTRUMENT_PROPAGATED;
    data.propagator = PRISM_FRESNEL;
    data.distance_m = 0.02;
    data.pitch_m = 1e-5;
    data.wavelength_m = 5e-7;
    MUST(ctx, prism_dataset_simulate(dev, &data, p.truth, centres, p.n, &p.ds));
    save(&projections);
    for (const struct prismi_param_row *row = rows; row < rows + n; row++) {
        struct prism_dataset_params other = data;
        char spelled[80];
        if (!(row->when & PRISMI_WHEN_LENGTHS))
            continue;
        prism_dataset_destroy(&p.ds);
        change(row, &other);
        MUST(ctx, prism_dataset_simulate(dev, &other, p.truth, centres, p.n, &p.ds));
        snprintf(spelled, sizeof spelled, "with %s", capitals(row->name));
        refused(spelled);
        compared++;
    }
    ck_assert_uint_eq(compared, 4);
    prism_dataset_destroy(&p.ds);
    p.ds = ours;
}
END_TEST

/* ---- the lines themselves ---- */

START_TEST(lines_that_differ_are_found)
{
    static const struct {
        const char *mine, *theirs, *name;
    } cases[] = {
        {"a=1\nb=2\n", "a=1\nb=2\n", NULL},
        {"a=1\nb=2\n", "b=2\na=1\n", NULL},
        {"a=1\nb=2\n", "a=1\nb=3\n", "b"},
        {"a=1\n", "a=1\nb=3\n", "b"},
        {"a=1\nb=2\n", "a=1\n", "b"},
        {"a=1\n", "aa=1\na=11\n", "a"},
        {"a=1\nab=2\n", "ab=2\na=1", NULL},
        {"a=1\n", "", "a"},
        {"", "rubbish", "rubbish"},
        {"a=1\n", "a=1\n=\n", ""},
        {"a=\n", "a=\n", NULL},
        {"a=\n", "a=1\n", "a"},
        {"a=1\n", "a=1\n\n\n", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct prismi_lines mine = {.n = strlen(cases[i].mine)};
        struct prismi_difference d;
        strcpy(mine.s, cases[i].mine);
        bool differ = prismi_lines_differ(&mine, cases[i].theirs, strlen(cases[i].theirs), &d);
        ck_assert_msg(differ == (cases[i].name != NULL), "case %zu", i);
        ck_assert_msg(!differ || !strcmp(d.name, cases[i].name), "case %zu: %s", i, d.name);
    }
}
END_TEST

/* ---- the list is whole ---- */

/* Fields that are no parameters: a session derives them. */
static void mark_derived(bool *bytes)
{
#define MARK(f)                                                                                    \
    memset(bytes + offsetof(struct prism_recon_params, f), 1,                                      \
           sizeof((struct prism_recon_params *)0)->f)
    MARK(decoder.dtype);
    MARK(decoder.store);
    MARK(decoder.tf32);
    MARK(decoder.grid_size);
    MARK(decoder.obj_size);
#undef MARK
}

/* Every byte belongs to one row, but for the padding before a field of eight
 * bytes. */
static void check_covered(const bool *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t end = i;
        while (end < n && !bytes[end])
            end++;
        ck_assert_msg(end == i || (end % 4 == 0 && end - i < (end % 8 ? 4 : 8)),
                      "bytes %zu to %zu are in no row of params.def", i, end);
        i = end;
    }
}

START_TEST(every_field_has_its_row)
{
    bool recon[sizeof(struct prism_recon_params)] = {false},
                             data[sizeof(struct prism_dataset_params)] = {false};
    size_t n;
    const struct prismi_param_row *rows = prismi_param_rows(&n);
    mark_derived(recon);
    for (size_t i = 0; i < n; i++)
        for (size_t b = rows[i].offset; b < rows[i].offset + rows[i].size; b++) {
            bool *byte = rows[i].data ? &data[b] : &recon[b];
            ck_assert_msg(!*byte, "%s overlaps another row", rows[i].name);
            *byte = true;
        }
    check_covered(recon, sizeof recon);
    check_covered(data, sizeof data);
}
END_TEST

/* All fields with a value. A new field that lies in padding makes the compiler
 * warn here of a missing initialiser. */
static const struct prism_training_params all_training = {0, {0}, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                                          0, 0,   0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
static const struct prism_mopie_params all_mopie = {0, 0, 0, 0, 0, 0};
static const struct prism_decoder_params all_decoder = {0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, 0, 0, 0, 0};
static const struct prism_aperture all_aperture = {0, 0, 0, 0, 0};

START_TEST(every_field_is_counted)
{
    static const struct {
        const char *head;
        int fields;
    } parts[] = {{"training.", 26},
                 {"mopie.", 6},
                 {"decoder.", 14 - 5 /* derived */},
                 {"aperture.", 5},
                 {"", 4 + 11}};
    const struct prism_recon_params recon = {0, 0, all_decoder, all_training, all_mopie, 0, 0};
    const struct prism_dataset_params data = {0, 0, 0, all_aperture, 0, 0, 0, 0, 0,
                                              0, 0, 0, false /* follows recon.precision */};
    size_t n;
    const struct prismi_param_row *rows = prismi_param_rows(&n);
    ck_assert_uint_eq(recon.seed, data.seed);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        int found = 0;
        for (size_t k = 0; k < n; k++)
            found += *parts[i].head ? !strncmp(rows[k].name, parts[i].head, strlen(parts[i].head))
                                    : !strchr(rows[k].name, '.');
        ck_assert_msg(found == parts[i].fields, "%d rows of %d fields %s*", found, parts[i].fields,
                      parts[i].head);
    }
}
END_TEST

START_TEST(defaults_are_the_table)
{
    struct prism_recon_params d;
    prismi_params_resolve(NULL, &d);
    ck_assert_int_eq(prismi_params_check(ctx, &d, prismi_params_when(&d)), 0);
    ck_assert_int_eq(d.algorithm, PRISM_ALG_DECODER);
    ck_assert_double_eq(d.training.lr, 0.004);
    ck_assert_double_eq(d.training.loss_weights[PRISM_LOSS_L1], 1);
    ck_assert_double_eq(d.training.loss_weights[PRISM_LOSS_L2], 0);
    ck_assert_int_eq(d.training.schedule, PRISM_SCHEDULE_COSINE);
    ck_assert_int_eq(d.training.max_steps, 4000);
    ck_assert(!d.training.retry_same_loss);
    ck_assert(!d.decoder.no_norm);
    ck_assert_int_eq(d.decoder.output_activation, PRISM_OUTPUT_SIGMOID);
    ck_assert_int_eq(d.decoder.n_channels, 0);
    ck_assert_uint_eq(d.seed, 1);
    ck_assert_int_eq(d.metrics_every, 50);
}
END_TEST

START_TEST(names_are_the_librarys_without_a_callback)
{
    struct prism_ctx *plain = open_ctx();
    struct prism_recon_params par = p.par;
    par.training.adaptive = true;
    par.training.objective = PRISM_OBJ_PROGRESSIVE;
    par.training.patience = 0;
    ck_assert_int_eq(prismi_params_check(plain, &par, prismi_params_when(&par)), PRISM_EINVAL);
    ck_assert_str_eq(prism_ctx_error(plain)->text,
                     "training.patience is 0; it must lie in 1..2147483647");
    prism_ctx_destroy(&plain);
}
END_TEST

int main(void)
{
    fixture_params.spell = capitals;
    return suite_run("recon params",
                     SUITE_CASE(session_open, session_close, both_ends_of_every_range_hold,
                                parameters_without_effect_are_not_checked,
                                every_other_parameter_is_refused_by_name, every_weight_is_compared,
                                channels_are_compared, other_data_are_refused_by_name,
                                lengths_are_compared_where_they_matter, lines_that_differ_are_found,
                                every_field_has_its_row, every_field_is_counted,
                                defaults_are_the_table, names_are_the_librarys_without_a_callback));
}
