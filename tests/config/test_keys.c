/* The table of keys, assignments, presets, derived values, the dump's text and
 * the documentation. */
#include "fixture.h"
#include "recon/params.h"

#include <locale.h>

static int assign(const char *text)
{
    return prism_config_assign(set, text, "--set");
}

static struct prism_config *given(void)
{
    return &set->given.config;
}

static char *dump(void)
{
    char *text;
    assert_ok(prism_config_dump(set, &text));
    return text;
}

static void value_text(const struct prism_config_key *key, char *out, size_t n)
{
    struct prismi_text t = {0};
    prismi_value_write(&t, key, prismi_config_field(given(), key));
    char *text = prismi_text_take(&t);
    snprintf(out, n, "%s", text);
    free(text);
}

/* A value that is not the default, as --set takes it. */
static void other_value(const struct prism_config_key *key, char *out, size_t n)
{
    switch (key->type) {
    case PRISM_KEY_BOOL:
    case PRISM_KEY_BOOL_NOT:
        snprintf(out, n, "%s", strcmp(key->def, "true") ? "true" : "false");
        break;
    case PRISM_KEY_INT:
        snprintf(out, n, "%d", atoi(key->def) < key->max ? atoi(key->def) + 1 : (int)key->min);
        break;
    case PRISM_KEY_UINT64:
        snprintf(out, n, "18446744073709551614");
        break;
    case PRISM_KEY_DOUBLE:
        snprintf(out, n, "0.12345678901234568");
        break;
    case PRISM_KEY_STRING:
        snprintf(out, n, "%s",
                 key->choices ? key->choices[2] : "some \"text\" \\ of: #anything, \xc3\xa9");
        break;
    case PRISM_KEY_ENUM:
        snprintf(out, n, "%s",
                 strcmp(key->def, key->choices[0]) ? key->choices[0] : key->choices[1]);
        break;
    case PRISM_KEY_INT_LIST:
        snprintf(out, n, "64,8, 1");
        break;
    case PRISM_KEY_WEIGHTS:
        snprintf(out, n, "0.7*l1 + 0.3*ms-ssim");
        break;
    }
}

START_TEST(keys_are_sound)
{
    size_t n;
    const struct prism_config_key *keys = prism_config_keys(&n);
    char expected[256], why[256];
    for (size_t i = 0; i < n; i++) {
        const struct prism_config_key *k = &keys[i];
        struct prism_config config = {0};
        ck_assert_msg(
            prismi_value_parse(k, k->def, prismi_config_field(&config, k), why, sizeof(why)),
            "%s: %s", k->key, why);
        ck_assert_msg(k->doc[0] && k->unit && !strchr(k->doc, '|'), "%s", k->key);
        ck_assert_msg(k->offset + k->size <= sizeof(config) && k->size > 0, "%s", k->key);
        prismi_value_expected(k, expected, sizeof(expected));
        ck_assert_msg(strlen(expected) > 3 && strlen(expected) < sizeof(expected) - 1, "%s",
                      k->key);
        ck_assert_msg(k->type != PRISM_KEY_INT || (k->min >= 0 && k->size == sizeof(int)), "%s",
                      k->key);
        ck_assert_msg(k->type != PRISM_KEY_DOUBLE || k->size == sizeof(double), "%s", k->key);
        ck_assert_msg((k->type != PRISM_KEY_BOOL && k->type != PRISM_KEY_BOOL_NOT) ||
                          k->size == sizeof(bool),
                      "%s", k->key);
        ck_assert_msg(k->type != PRISM_KEY_UINT64 || k->size == sizeof(uint64_t), "%s", k->key);
        ck_assert_msg(k->type != PRISM_KEY_ENUM || k->size == sizeof(int), "%s", k->key);
        for (size_t j = 0; j < i; j++) { /* names are unique, fields do not overlap */
            ck_assert_str_ne(k->key, keys[j].key);
            ck_assert(k->offset + k->size <= keys[j].offset ||
                      keys[j].offset + keys[j].size <= k->offset);
        }
    }
}
END_TEST

START_TEST(every_key_can_be_set_and_is_dumped)
{
    size_t n;
    const struct prism_config_key *keys = prism_config_keys(&n);
    for (size_t i = 0; i < n; i++) {
        char value[128], assignment[256], before[256], after[256], line[512];
        const char *dot = strchr(keys[i].key, '.');
        other_value(&keys[i], value, sizeof(value));
        value_text(&keys[i], before, sizeof(before));
        snprintf(assignment, sizeof(assignment), "%s=%s", keys[i].key, value);
        assert_ok(prism_config_assign(set, assignment, "--option"));
        value_text(&keys[i], after, sizeof(after));
        ck_assert_str_ne(before, after);
        snprintf(line, sizeof(line), "\n%s%s: %s  # --option\n", dot ? "  " : "",
                 dot ? dot + 1 : keys[i].key, after);
        char *text = dump();
        ck_assert_msg(strstr(text, line) != NULL, "no line %s in %s", line, text);
        free(text);
    }
}
END_TEST

START_TEST(defaults_are_the_documented_ones)
{
    const struct prism_config *c = finish();
    struct prism_recon_params recon;
    prismi_params_resolve(NULL, &recon);
    ck_assert_int_eq(memcmp(&recon, &c->recon, sizeof(recon)), 0);
    ck_assert_str_eq(c->image.input, "usaf");
    ck_assert_int_eq(c->data.grid_size, 128);
    ck_assert_int_eq(c->image.obj_size, 64);
    ck_assert_double_eq(c->data.aperture.radius_px, 10);
    ck_assert_double_eq(c->pattern.roi_diameter_px, 128);
    ck_assert_ptr_null(c->pattern.csv_path);
    ck_assert_uint_eq(c->pattern.seed, 1);
    ck_assert_double_eq(c->recon.training.lr, 4e-3);
    ck_assert_double_eq(c->recon.training.loss_weights[PRISM_LOSS_L1], 1);
    ck_assert_double_eq(c->recon.training.loss_weights[PRISM_LOSS_SSIM], 0);
    ck_assert(!c->recon.decoder.no_norm && !c->recon.training.unnormalised);
    ck_assert_int_eq(c->recon.decoder.n_channels, 0);
    ck_assert_int_eq(c->output.metrics_every, 50);
    ck_assert_int_eq(c->compute.plan_effort, PRISM_PLAN_MEASURE);
}
END_TEST

/* The library and the table of keys take their defaults from one list. */
START_TEST(defaults_are_the_librarys)
{
    struct prism_recon_params library;
    struct prism_config ours = *given();
    char text[256];
    size_t n;
    const struct prism_config_key *keys = prism_config_keys(&n);
    prismi_params_resolve(NULL, &library);
    ours.recon = library;
    for (size_t i = 0; i < n; i++) {
        struct prismi_text t = {0};
        value_text(&keys[i], text, sizeof(text));
        prismi_value_write(&t, &keys[i], prismi_config_field(&ours, &keys[i]));
        char *library_text = prismi_text_take(&t);
        ck_assert_msg(strcmp(library_text, text) == 0, "%s: %s here, %s in the library",
                      keys[i].key, text, library_text);
        free(library_text);
    }
}
END_TEST

/* A derived parameter is spelled by a text that names its key. */
START_TEST(every_parameter_is_spelled_by_a_key)
{
    size_t n;
    const struct prismi_param_row *rows = prismi_param_rows(&n);
    for (size_t i = 0; i < n; i++) {
        ck_assert_str_eq(prism_config_spell(rows[i].name), rows[i].key);
        const char *dot = strchr(rows[i].key, '.'), *at = dot ? dot : rows[i].key;
        while (at > rows[i].key && at[-1] != ' ')
            at--;
        char key[64];
        snprintf(key, sizeof(key), "%.*s", (int)strcspn(at, " ,/"), at);
        ck_assert_msg(prismi_config_find(key) >= 0, "%s names no key", rows[i].key);
    }
    ck_assert_ptr_null(prism_config_spell("n_apertures"));
}
END_TEST

START_TEST(assignments_set_values)
{
    assert_ok(assign("lr=1e-3"));
    ck_assert_double_eq(given()->recon.training.lr, 1e-3);
    assert_ok(assign("training.use-amsgrad=ON"));
    ck_assert(given()->recon.training.amsgrad);
    assert_ok(assign("use-bn=no"));
    ck_assert(given()->recon.decoder.no_norm);
    assert_ok(assign("pattern.kind=builtin:star"));
    ck_assert_int_eq(given()->pattern.kind, PRISM_PATTERN_STAR);
    static const char *const precisions[PRISM_PRECISION_COUNT] = {"fp32", "fp64", "tf32", "bf16",
                                                                  "fp16"};
    for (int i = 0; i < PRISM_PRECISION_COUNT; i++) {
        char text[32];
        snprintf(text, sizeof text, "precision=%s", precisions[i]);
        assert_ok(assign(text));
        ck_assert_int_eq(given()->recon.precision, i);
    }
    assert_ok(assign("precision=fp32"));
    assert_ok(assign("comment=a=b"));
    ck_assert_str_eq(given()->comment, "a=b");
    assert_ok(assign("channels=16,4,1"));
    ck_assert_int_eq(given()->recon.decoder.channels[2], 1);
    ck_assert_int_eq(finish()->recon.decoder.n_channels, 3);
    assert_ok(assign("channels="));
    ck_assert_int_eq(finish()->recon.decoder.n_channels, 0);
    assert_ok(assign("channels=[16, 4, 1]")); /* as the user wrote it */
    ck_assert_int_eq(finish()->recon.decoder.n_channels, 3);
    assert_ok(assign("channels=[]"));
    ck_assert_int_eq(finish()->recon.decoder.n_channels, 0);
    assert_ok(assign("loss=0.25*l2+0.75*ms-ssim"));
    ck_assert_double_eq(given()->recon.training.loss_weights[PRISM_LOSS_L1], 0);
    ck_assert_double_eq(given()->recon.training.loss_weights[PRISM_LOSS_L2], 0.25);
    ck_assert_double_eq(given()->recon.training.loss_weights[PRISM_LOSS_MS_SSIM], 0.75);
}
END_TEST

static const struct {
    const char *assignment, *message;
} refused[] = {
    {"training.lr=-1", "training.lr: -1 is out of range; expected a number > 0"},
    {"training.lr=0", "training.lr: 0 is out of range; expected a number > 0"},
    {"lr=fast", "training.lr: 'fast' is not a finite decimal number; expected a number > 0"},
    {"lr=0x1p3", "training.lr: '0x1p3' is not a finite decimal number; expected a number > 0"},
    {"lr=inf", "training.lr: 'inf' is not a finite decimal number; expected a number > 0"},
    {"lr=1e999", "training.lr: '1e999' is not a finite decimal number; expected a number > 0"},
    {"lr=1,5", "training.lr: '1,5' is not a finite decimal number; expected a number > 0"},
    {"lr=", "training.lr: empty; expected a number > 0"},
    {"lr", "expected section.key=value"},
    {"=1", "expected section.key=value"},
    {"training.average=1.5",
     "training.average: 1.5 is out of range; expected a number from 0 to 1"},
    {"grid_size=0", "image.grid_size: 0 is out of range; expected an integer from 1 to 32768"},
    {"grid_size=64.5",
     "image.grid_size: '64.5' is not an integer; expected an integer from 1 to 32768"},
    {"cycle_steps=99999999999999999999",
     "training.cycle_steps: 99999999999999999999 is out of range; expected an integer >= 1"},
    {"seed=-1",
     "training.seed: -1 is out of range; expected an integer from 0 to 18446744073709551614"},
    {"seed=18446744073709551616", "training.seed: 18446744073709551616 is out of range; expected "
                                  "an integer from 0 to 18446744073709551614"},
    {"seed=one",
     "training.seed: 'one' is not an integer; expected an integer from 0 to 18446744073709551614"},
    {"invert=maybe", "image.invert: 'maybe' is not a truth value; expected true or false"},
    {"objective=jiont", "training.objective: 'jiont' is unknown; expected one of joint, "
                        "progressive; did you mean joint?"},
    {"objective=nothing like it",
     "training.objective: 'nothing like it' is unknown; expected one of joint, progressive"},
    {"pattern.kind=builtin:spiral", "pattern.kind: 'builtin:spiral' is unknown; expected one "
                                    "of fermat, random, star, raster, csv"},
    {"algorithm=builtin:mopie",
     "algorithm: 'builtin:mopie' is unknown; expected one of decoder, mopie, object"},
    {"obj_name=Europe", "physics.obj_name: 'Europe' is unknown; expected one of none, europa, "
                        "titan, betelgeuse, neptune; did you mean europa?"},
    {"loss=l3", "training.loss: 'l3' is unknown; expected one of l1, l2, ssim, ms-ssim, "
                "poisson, or a weighted sum like "
                "0.7*l1+0.3*ssim; did you "
                "mean l1?"},
    {"loss=l1+ssim", "training.loss: 'l1+ssim' has weights that do not sum to 1; "
                     "expected one of l1, l2, ssim, ms-ssim, poisson, "
                     "or a weighted sum like "
                     "0.7*l1+0.3*ssim"},
    {"loss=0.5*l1+0.5*l1", "training.loss: '0.5*l1+0.5*l1' names one term twice; "
                           "expected one of l1, l2, ssim, ms-ssim, "
                           "poisson, or a weighted sum like "
                           "0.7*l1+0.3*ssim"},
    {"loss=1.5*l1+-0.5*l2", "training.loss: '1.5*l1+-0.5*l2' has a weight that is not "
                            "positive; expected one of l1, l2, "
                            "ssim, ms-ssim, poisson, or a weighted "
                            "sum like 0.7*l1+0.3*ssim"},
    {"loss=0.5 l1", "training.loss: '0.5 l1' lacks a '*' between weight and name; "
                    "expected one of l1, l2, ssim, ms-ssim, "
                    "poisson, or a weighted sum "
                    "like 0.7*l1+0.3*ssim"},
    {"loss=0.5*l1 0.5*l2",
     "training.loss: '0.5*l1 0.5*l2' lacks a '+' between terms; expected one of l1, l2, ssim, "
     "ms-ssim, poisson, or a weighted sum like "
     "0.7*l1+0.3*ssim"},
    {"channels=8,x", "model.channels: '8,x' is not a list of integers; expected a list of at most "
                     "32 integers, each from 1 to 32768"},
    {"channels=8,0", "model.channels: '8,0' has an entry out of range; expected a list of at most "
                     "32 integers, each from 1 to 32768"},
    {"channels=8,", "model.channels: '8,' ends with a comma; expected a list of at most 32 "
                    "integers, each from 1 to 32768"},
    {"channels=1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
     "model.channels: '1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,...' has too "
     "many entries; expected a list of "
     "at "
     "most 32 integers, each from 1 to 32768"},
    {"name=\xff", "name: '?' is not valid UTF-8; expected text of at most 127 bytes"},
    {"name=\xc0\xaf", "name: '?"
                      "?' is not valid UTF-8; expected text of at most 127 bytes"},
    {"name=\xed\xa0\x80", "name: '?"
                          "?"
                          "?' is not valid UTF-8; expected text of at most 127 bytes"},
    {"telescope.n_sample=3", "telescope.n_sample: unknown key; did you mean pattern.n_apertures?"},
    {"training.n_samples=3", "training.n_samples: unknown key; did you mean pattern.n_apertures?"},
    {"n_sample=3", "n_sample: unknown key; did you mean pattern.n_apertures?"},
    {"training.LR=3", "training.LR: unknown key; did you mean lr?"},
    {"precision=half",
     "training.precision: 'half' is unknown; expected one of fp32, fp64, tf32, bf16, fp16"},
    {"kind=csv", "kind: is short for both pattern.kind and instrument.kind; write the section too"},
    {"quux=3", "quux: unknown key; 'prism keys' lists them"},
};

START_TEST(wrong_assignments_are_refused)
{
    char message[640];
    const char *assignment = refused[_i].assignment;
    struct prismi_config_state before = set->given;
    snprintf(message, sizeof(message), "--set %s: %s", assignment, refused[_i].message);
    assert_fails(assign(assignment), PRISM_EINVAL, message);
    ck_assert_int_eq(memcmp(&before, &set->given, sizeof(before)), 0);
}
END_TEST

START_TEST(too_long_texts_are_refused)
{
    char text[256] = "name=";
    memset(text + 5, 'x', 127);
    assert_ok(assign(text));
    ck_assert_uint_eq(strlen(given()->name), 127);
    text[132] = 'x';
    ck_assert_int_eq(assign(text), PRISM_EINVAL);
    ck_assert_ptr_nonnull(
        strstr(prism_ctx_error(ctx)->text, "...' is too long; expected text of at most 127 bytes"));
}
END_TEST

START_TEST(presets_set_their_values)
{
    size_t n;
    const struct prism_preset *all = prism_config_presets(&n);
    for (size_t i = 0; i < n; i++) {
        struct prism_config_set *fresh;
        const struct prism_config *config;
        assert_ok(prism_config_set_create(ctx, &fresh));
        struct prism_config before = fresh->given.config;
        assert_ok(prism_config_load_preset(fresh, all[i].name));
        ck_assert_int_ne(memcmp(&before, &fresh->given.config, sizeof(before)), 0);
        assert_ok(prism_config_finish(fresh, &config));
        prism_config_set_destroy(&fresh);
    }
    assert_ok(prism_config_load_preset(set, "original"));
    ck_assert_int_eq(finish()->recon.training.objective, PRISM_OBJ_PROGRESSIVE);
    ck_assert(finish()->recon.decoder.frame);
    char *text = dump();
    ck_assert_ptr_nonnull(strstr(text, "\n  objective: progressive  # preset:original\n"));
    free(text);
    assert_fails(prism_config_load_preset(set, "mopei"), PRISM_EINVAL,
                 "preset: 'mopei' is no preset; expected one of quick, demo, europa-64, "
                 "europa-128, original, mopie, high-quality, "
                 "noisy; did you mean mopie?");
}
END_TEST

START_TEST(physics_gives_sizes)
{
    static const struct {
        const char *object;
        int diameter;
    } known[] = {{"europa", 17}, {"titan", 59}, {"neptune", 5}, {"betelgeuse", 341}};
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        char text[64];
        snprintf(text, sizeof(text), "obj_name=%s", known[i].object);
        assert_ok(assign(text));
        assert_ok(assign("aperture.diameter_px=0"));
        assert_ok(assign("grid_size=1024"));
        ck_assert_double_eq(finish()->aperture.diameter_px, known[i].diameter);
        ck_assert_double_eq(finish()->data.aperture.radius_px, known[i].diameter / 2.0);
    }
    assert_ok(assign("obj_name=europa"));
    assert_ok(assign("obj_size=0"));
    ck_assert_int_eq(finish()->image.obj_size,
                     73); /* 3138 km / (698.9 nm * 628.3e6 km / 10.24 m) = 73.2 */
    char *text = dump();
    ck_assert_ptr_nonnull(strstr(text, "\n  obj_size: 73  # derived\n"));
    ck_assert_ptr_nonnull(strstr(text, "\n  wavelength_m: 6.989e-07  # derived\n"));
    free(text);
    assert_ok(assign("wavelength_m=1.3978e-6")); /* values that are given stay */
    ck_assert_int_eq(finish()->image.obj_size, 36);
    ck_assert_double_eq(finish()->physics.obj_distance_m, 628.3e9);
    assert_ok(assign("obj_name=none"));
    const struct prism_config *config;
    assert_fails(prism_config_finish(set, &config), PRISM_EINVAL,
                 "--set: image.obj_size: 0 takes it from physics, which lacks obj_diameter_m "
                 "obj_distance_m; give them, physics.obj_name, or a size in pixels");
    ck_assert_ptr_null(config);
    assert_ok(assign("obj_diameter_m=10"));
    assert_ok(assign("obj_distance_m=1e9"));
    assert_fails(
        prism_config_finish(set, &config), PRISM_EINVAL,
        "--set: image.obj_size: 0 takes it from physics: obj_diameter_m 10 / (wavelength_m "
        "1.3978e-06 * obj_distance_m 1e+09 / (pupil_pitch_m 0.01 * image.grid_size 1024)) "
        "= 0.073258 px; expected 1 to 1024 px; change image.grid_size or "
        "physics.pupil_pitch_m, or give a size in pixels");
}
END_TEST

/* Finishes a set with these keys in a second context; last_log then holds the
 * last warning. */
static void finish_logged(const char *const *given_keys)
{
    const struct prism_ctx_params params = {.log = keep_log, .level = PRISM_LOG_WARN};
    struct prism_ctx *other;
    struct prism_config_set *fresh;
    const struct prism_config *config;
    last_log[0] = '\0';
    assert_ok(prism_ctx_create(&params, &other));
    assert_ok(prism_config_set_create(other, &fresh));
    for (; *given_keys; given_keys++)
        assert_ok(prism_config_assign(fresh, *given_keys, "--set"));
    assert_ok(prism_config_finish(fresh, &config));
    prism_config_set_destroy(&fresh);
    prism_ctx_destroy(&other);
}

START_TEST(physics_without_effect_is_logged)
{
    finish_logged((const char *[]){"wavelength_m=1e-6", NULL});
    ck_assert_str_eq(last_log, "--set: physics.wavelength_m has no effect, as image.obj_size and "
                               "aperture.diameter_px are given in "
                               "pixels; set one of them to 0 to take it from physics");
    finish_logged((const char *[]){"obj_name=titan", NULL});
    ck_assert_ptr_nonnull(strstr(last_log, "physics.obj_name has no effect"));
    finish_logged((const char *[]){"obj_name=europa", NULL}); /* the default */
    ck_assert_str_eq(last_log, "");
    finish_logged((const char *[]){"obj_name=titan", "aperture.diameter_px=0", NULL});
    ck_assert_str_eq(last_log, "");
    finish_logged((const char *[]){"obj_name=titan", "instrument.kind=propagated",
                                   "propagator=fresnel", NULL});
    ck_assert_str_eq(last_log, "");
    finish_logged((const char *[]){"obj_name=titan", "instrument.kind=propagated",
                                   NULL}); /* fraunhofer has no lengths */
    ck_assert_ptr_nonnull(strstr(last_log, "physics.obj_name has no effect"));
    finish_logged((const char *[]){"grid_size=1024", "obj_name=europa", "wavelength_m=6.989e-7",
                                   "obj_size=73", "aperture.diameter_px=17",
                                   NULL}); /* as a run writes a derived value */
    ck_assert_str_eq(last_log, "");
}
END_TEST

static const struct {
    const char *assignments[4], *message;
} crossed[] = {
    {{"obj_size=200"}, "--set: image.obj_size: 200 px is larger than image.grid_size, 128 px"},
    {{"grid_size=100"},
     "--set: image.grid_size: 100 is not a power of two, which algorithm decoder needs; nearest: "
     "64 or 128"},
    {{"grid_size=100", "algorithm=mopie"}, NULL},
    {{"aperture.diameter_px=129"},
     "--set: aperture.diameter_px: 129 px is larger than image.grid_size, 128 px"},
    {{"pattern.diameter_px=128.5"},
     "--set: pattern.diameter_px: 128.5 px is larger than image.grid_size, 128 px"},
    {{"field_size_px=19"},
     "--set: detector.field_size_px: 19 px; expected 0 (image.grid_size), or from the aperture's "
     "20 px to "
     "image.grid_size, 128 px"},
    {{"field_size_px=64"}, NULL},
    {{"inner_diameter_px=5"},
     "--set: aperture.inner_diameter_px: 5 px has no meaning here; expected aperture.shape "
     "annulus or obscured, or 0"},
    {{"shape=annulus"},
     "--set: aperture.shape: annulus needs aperture.inner_diameter_px, > 0 and below "
     "aperture.diameter_px, 20 px"},
    {{"shape=annulus", "inner_diameter_px=5"}, NULL},
    {{"shape=annulus", "inner_diameter_px=20"},
     "--set: aperture.inner_diameter_px: 20 px; expected less than aperture.diameter_px, 20 px"},
    {{"shape=annulus", "inner_diameter_px=5", "spider_width_px=1"},
     "--set: aperture.spider_width_px: 1 px has no meaning here; expected aperture.shape "
     "obscured, or 0"},
    {{"shape=obscured", "inner_diameter_px=5", "spider_width_px=1"}, NULL},
    {{"pattern.kind=csv"}, "--set: pattern.kind: csv needs a file of centres in pattern.csv"},
    {{"csv=a.csv"}, "--set: pattern.csv: 'a.csv' would not be read; expected pattern.kind csv"},
    {{"csv=a.csv", "pattern.kind=csv"}, NULL},
    {{"channels=8"}, "--set: model.channels: 1 entry, the last 8; expected at least 2, the last 1"},
    {{"channels=8,4"},
     "--set: model.channels: 2 entries, the last 4; expected at least 2, the last 1"},
    {{"channels=8,1"}, NULL},
    {{"n_upsample=3"},
     "--set: model.n_upsample: 3 doublings of 4 px make 32 px, less than image.obj_size, 64 px; "
     "give more, or 0"},
    {{"n_upsample=4"}, NULL},
    {{"precision=fp16", "normalise=false"},
     "--set: training.precision: fp16 needs normalisation to keep activations in range; use "
     "model.normalise true, or fp32"},
    {{"precision=bf16"}, NULL},
    {{"precision=bf16", "normalise=false", "algorithm=mopie"}, NULL},
    {{"precision=tf32", "normalise=false"}, NULL},
};

START_TEST(keys_are_checked_together)
{
    const struct prism_config *config;
    for (int i = 0; i < 4 && crossed[_i].assignments[i]; i++)
        assert_ok(assign(crossed[_i].assignments[i]));
    if (crossed[_i].message)
        assert_fails(prism_config_finish(set, &config), PRISM_EINVAL, crossed[_i].message);
    else
        finish();
}
END_TEST

START_TEST(derived_values_are_filled_in)
{
    assert_ok(assign("seed=42"));
    assert_ok(assign("metrics_every=7"));
    ck_assert_uint_eq(finish()->pattern.seed, 42);
    ck_assert_int_eq(finish()->output.metrics_every, 7);
    assert_ok(assign(
        "grid_size=256")); /* after a finish: values derived from the old one are derived anew */
    ck_assert_double_eq(finish()->pattern.roi_diameter_px, 256);
    assert_ok(assign("pattern.kind=csv"));
    assert_ok(assign("csv=centres.csv"));
    ck_assert_str_eq(finish()->pattern.csv_path, "centres.csv");
}
END_TEST

START_TEST(dump_keeps_odd_sources_and_texts_on_their_line)
{
    assert_ok(
        prism_config_assign(set, "name=a\nb\t\x7f\xe2\x80\xa8\xf0\x9f\x9a\x80", "--x\ny\xff"));
    char *text = dump();
    ck_assert_ptr_nonnull(
        strstr(text, "\nname: \"a\\u000ab\\u0009\\u007f\\u2028\xf0\x9f\x9a\x80\"  # --x?y?\n"));
    free(text);
}
END_TEST

/* The test makes the locale de_DE where the system lacks it. */
START_TEST(a_decimal_comma_changes_nothing)
{
    char command[700];
    snprintf(command, sizeof(command), "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >/dev/null 2>&1",
             folder);
    if (!setlocale(LC_ALL, "de_DE.UTF-8")) {
        if (system(command) == 0)
            setenv("LOCPATH", folder, 1);
        if (!setlocale(LC_ALL, "de_DE.UTF-8")) {
            printf("# skipped: no locale with a decimal comma here\n");
            return;
        }
    }
    char number[16];
    snprintf(number, sizeof(number), "%.1f", 0.5);
    assert_ok(assign("lr=0.00125"));
    assert_ok(assign("loss=0.75*l1+0.25*ssim"));
    char *text = dump();
    setlocale(LC_ALL, "C");
    unsetenv("LOCPATH");
    ck_assert_str_eq(number, "0,5");
    ck_assert_double_eq(given()->recon.training.lr, 0.00125);
    ck_assert_ptr_nonnull(strstr(text, "\n  lr: 0.00125  # --set\n"));
    ck_assert_ptr_nonnull(strstr(text, "\n  loss: 0.75*l1+0.25*ssim  # --set\n"));
    free(text);
}
END_TEST

START_TEST(documentation_is_current)
{
    const char *source = getenv("PRISM_SOURCE");
    char path[1024];
    uint8_t *file;
    size_t bytes;
    ck_assert_ptr_nonnull(source);
    snprintf(path, sizeof(path), "%s/docs/configuration.md", source);
    char *text = prismi_config_markdown();
    ck_assert_ptr_nonnull(text);
    assert_ok(prismi_file_read(ctx, path, 1 << 20, &file, &bytes));
    bool same = bytes == strlen(text) && memcmp(file, text, bytes) == 0;
    prismi_free(file);
    free(text);
    ck_assert_msg(same, "docs/configuration.md is stale; regenerate it: prism keys --markdown > "
                        "docs/configuration.md");
}
END_TEST

int main(void)
{
    TCase *tc = SUITE_CASE(
        setup, teardown, keys_are_sound, every_key_can_be_set_and_is_dumped,
        defaults_are_the_documented_ones, defaults_are_the_librarys,
        every_parameter_is_spelled_by_a_key, assignments_set_values, too_long_texts_are_refused,
        presets_set_their_values, physics_gives_sizes, physics_without_effect_is_logged,
        derived_values_are_filled_in, dump_keeps_odd_sources_and_texts_on_their_line,
        a_decimal_comma_changes_nothing, documentation_is_current);
    tcase_add_loop_test(tc, wrong_assignments_are_refused, 0, sizeof(refused) / sizeof(*refused));
    tcase_add_loop_test(tc, keys_are_checked_together, 0, sizeof(crossed) / sizeof(*crossed));
    return suite_run("config keys", tc);
}
