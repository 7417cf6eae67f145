/* Keys by their old names: taken, noted once, never mixed with the new ones. */
#include "fixture.h"
#include "prismi_config.h"

static char notes[16384];
static int n_notes;
static struct prism_ctx *noting;
static struct prism_config_set *noted;

static void keep_notes(void *user, enum prism_log_level level, const char *text)
{
    (void)user;
    size_t used = strlen(notes);
    if (level == PRISM_LOG_WARN)
        snprintf(notes + used, sizeof(notes) - used, "%d: %s\n", ++n_notes, text);
}

static void open_noted(void)
{
    const struct prism_ctx_params params = {.log = keep_notes, .level = PRISM_LOG_WARN};
    setup();
    notes[0] = '\0';
    n_notes = 0;
    assert_ok(prism_ctx_create(&params, &noting));
    assert_ok(prism_config_set_create(noting, &noted));
}

static void close_noted(void)
{
    prism_config_set_destroy(&noted);
    prism_ctx_destroy(&noting);
    teardown();
}

#define assert_noted_ok(call) ck_assert_msg((call) == 0, "%s", prism_ctx_error(noting)->text)
#define assert_noted_fails(call, message)                                                          \
    do {                                                                                           \
        ck_assert_int_eq(call, PRISM_EINVAL);                                                      \
        ck_assert_str_eq(prism_ctx_error(noting)->text, message);                                  \
    } while (0)

static const char *bare(const char *name)
{
    return strchr(name, '.') + 1;
}

/* A value that is not the default, as --set and a file take it. */
static const char *other_value(const struct prism_config_key *key)
{
    switch (key->type) {
    case PRISM_KEY_BOOL:
    case PRISM_KEY_BOOL_NOT:
        return strcmp(key->def, "true") ? "true" : "false";
    case PRISM_KEY_ENUM:
        return key->choices[1];
    case PRISM_KEY_WEIGHTS:
        return "0.75*l1+0.25*ssim";
    case PRISM_KEY_STRING:
        return "some.csv";
    default:
        return "7";
    }
}

START_TEST(every_row_renames_a_key)
{
    size_t n, n_keys;
    const struct prismi_old_key *old = prismi_config_old_keys(&n);
    const struct prism_config_key *keys = prism_config_keys(&n_keys);
    ck_assert_uint_gt(n, 30);
    for (size_t i = 0; i < n; i++) {
        ck_assert_msg(prismi_config_find(old[i].key) >= 0, "%s is no key", old[i].key);
        ck_assert_msg(prismi_config_find(old[i].old) < 0, "%s is a key", old[i].old);
        for (size_t j = 0; j < i; j++) { /* unique with and without their sections */
            ck_assert_str_ne(bare(old[i].old), bare(old[j].old));
            ck_assert_str_ne(old[i].key, old[j].key);
        }
        for (size_t j = 0; j < n_keys; j++) /* --set NAME means what it did */
            if (strchr(keys[j].key, '.') && !strcmp(bare(keys[j].key), bare(old[i].old)))
                ck_assert_str_eq(keys[j].key, old[i].key);
    }
}
END_TEST

/* The row of the loop test: its key, and a value that is not the default. */
struct row {
    const struct prismi_old_key *old;
    const struct prism_config_key *key;
    const char *value;
};

static struct row row_of(int i)
{
    size_t n;
    struct row row = {.old = &prismi_config_old_keys(&n)[i]};
    row.key = &prism_config_keys(&n)[prismi_config_find(row.old->key)];
    row.value = other_value(row.key);
    return row;
}

static void expect_same_values(void)
{
    ck_assert_int_eq(memcmp(&noted->given.config, &set->given.config, sizeof(set->given.config)),
                     0);
}

START_TEST(an_old_name_sets_the_same_and_is_noted_once)
{
    const struct row row = row_of(_i);
    char assignment[128], expected[256];
    snprintf(assignment, sizeof(assignment), "%s=%s", row.key->key, row.value);
    assert_ok(prism_config_assign(set, assignment, "--set"));
    snprintf(assignment, sizeof(assignment), "%s=%s", row.old->old, row.value);
    assert_noted_ok(prism_config_assign(noted, assignment, "--set"));
    expect_same_values();
    assert_noted_ok(prism_config_assign(noted, assignment, "--set"));
    snprintf(expected, sizeof(expected),
             "1: --set %s: %s is now called %s; the old name still works\n", assignment,
             row.old->old, row.key->key);
    ck_assert_str_eq(notes, expected);
    struct prism_config_set *again; /* without the section: new or old, the same key */
    assert_noted_ok(prism_config_set_create(noting, &again));
    snprintf(assignment, sizeof(assignment), "%s=%s", bare(row.old->old), row.value);
    assert_noted_ok(prism_config_assign(again, assignment, "--set"));
    ck_assert_int_eq(memcmp(&again->given.config, &set->given.config, sizeof(set->given.config)),
                     0);
    prism_config_set_destroy(&again);
}
END_TEST

START_TEST(both_names_in_options_are_refused)
{
    const struct row row = row_of(_i);
    const char *const names[2] = {row.old->old, row.key->key};
    char message[256], assignment[128];
    for (int first = 0; first < 2; first++) {
        struct prism_config_set *mixed;
        assert_noted_ok(prism_config_set_create(noting, &mixed));
        snprintf(assignment, sizeof(assignment), "%s=%s", names[first], row.value);
        assert_noted_ok(prism_config_assign(mixed, assignment, "--set"));
        snprintf(assignment, sizeof(assignment), "%s=%s", names[!first], row.value);
        snprintf(message, sizeof(message),
                 "--set %s: %s and its old name %s are both given; leave out %s", assignment,
                 row.key->key, row.old->old, row.old->old);
        assert_noted_fails(prism_config_assign(mixed, assignment, "--set"), message);
        assert_noted_ok(prism_config_assign(mixed, assignment, "--other")); /* a later source */
        prism_config_set_destroy(&mixed);
    }
}
END_TEST

#if PRISMI_HAVE_YAML

static void write_section(char *out, size_t n, const char *key, const char *value)
{
    snprintf(out, n, "%.*s:\n  %s: %s\n", (int)(bare(key) - 1 - key), key, bare(key), value);
}

START_TEST(an_old_name_in_a_file_is_taken)
{
    const struct row row = row_of(_i);
    char text[256], expected[256];
    write_section(text, sizeof(text), row.key->key, row.value);
    write_text("new.yaml", text);
    assert_ok(prism_config_load_yaml(set, "new.yaml"));
    write_section(text, sizeof(text), row.old->old, row.value);
    write_text("old.yaml", text);
    write_text("child.yaml", "extends: old.yaml\n");
    assert_noted_ok(prism_config_load_yaml(noted, "child.yaml"));
    assert_noted_ok(prism_config_load_yaml(noted, "old.yaml"));
    expect_same_values();
    snprintf(expected, sizeof(expected),
             "1: old.yaml:2:%zu: %s is now called %s; the old name still works\n",
             strlen(bare(row.old->old)) + 5, row.old->old, row.key->key);
    ck_assert_str_eq(notes, expected);
}
END_TEST

START_TEST(both_names_in_a_file_are_refused)
{
    write_text("run.yaml", "telescope:\n  n_samples: 3\npattern:\n  n_apertures: 4\n");
    assert_noted_fails(prism_config_load_yaml(noted, "run.yaml"),
                       "run.yaml:4:3: pattern.n_apertures and its old name telescope.n_samples are "
                       "both given, first on line 2; leave out telescope.n_samples");
    write_text("run.yaml", "pattern:\n  n_apertures: 4\ntelescope:\n  n_samples: 3\n");
    assert_noted_fails(prism_config_load_yaml(noted, "run.yaml"),
                       "run.yaml:4:3: pattern.n_apertures and its old name telescope.n_samples are "
                       "both given, first on line 2; leave out telescope.n_samples");
    write_text("run.yaml", "telescope:\n  n_samples: 3\ntelescope:\n  csv: a\n");
    assert_noted_fails(prism_config_load_yaml(noted, "run.yaml"),
                       "run.yaml:3:1: telescope: given twice; first on line 1");
    write_text("run.yaml", "telescope.n_samples: 3\n");
    assert_noted_fails(prism_config_load_yaml(noted, "run.yaml"),
                       "run.yaml:1:1: telescope.n_samples: write it as 'n_apertures' under the "
                       "section 'pattern:'");
    ck_assert_str_eq(notes, "");
}
END_TEST

#endif

int main(void)
{
    size_t n;
    prismi_config_old_keys(&n);
    TCase *tc = suite_case(open_noted, close_noted, NULL, 0);
    tcase_add_test(tc, every_row_renames_a_key);
    tcase_add_loop_test(tc, an_old_name_sets_the_same_and_is_noted_once, 0, (int)n);
    tcase_add_loop_test(tc, both_names_in_options_are_refused, 0, (int)n);
#if PRISMI_HAVE_YAML
    tcase_add_loop_test(tc, an_old_name_in_a_file_is_taken, 0, (int)n);
    tcase_add_test(tc, both_names_in_a_file_are_refused);
#endif
    return suite_run("config old keys", tc);
}
