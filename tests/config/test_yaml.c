/* YAML files: reading, errors with their place, extends, hostile input, and the
 * dump read back. */
#include "fixture.h"
#include "prismi_config.h"

#include <sys/stat.h>

#if PRISMI_HAVE_YAML

static const struct prism_config *given(void)
{
    return &set->given.config;
}

static int load(const char *text)
{
    write_text("run.yaml", text);
    return prism_config_load_yaml(set, "run.yaml");
}

START_TEST(reads_sections_lists_and_texts)
{
    assert_ok(load("# comment\n"
                   "name: first light\n"
                   "algorithm: decoder\n"
                   "image: {input: 'it''s.png', invert: yes}\n"
                   "model:\n"
                   "  channels: [64, 32,\n    1]\n"
                   "training:\n"
                   "  lr: \"1e-3\"\n"
                   "  loss: 0.7*l1 + 0.3*ssim\n"
                   "pattern:\n"
                   "output:\n"
                   "  # checkpoint_every: 3\n"
                   "mopie: {}\n"));
    ck_assert_str_eq(given()->name, "first light");
    ck_assert_str_eq(given()->image.input, "it's.png");
    ck_assert(given()->image.invert);
    ck_assert_int_eq(given()->recon.decoder.channels[1], 32);
    ck_assert_int_eq(given()->recon.decoder.channels[3], 0);
    ck_assert_double_eq(given()->recon.training.lr, 1e-3);
    ck_assert_double_eq(given()->recon.training.loss_weights[PRISM_LOSS_SSIM], 0.3);
    assert_ok(load("model:\n  channels:\n  - 16\n  - 1\n"));
    ck_assert_int_eq(given()->recon.decoder.channels[0], 16);
    assert_ok(load("model:\n  channels: []\n"));
    ck_assert_int_eq(given()->recon.decoder.channels[0], 0);
    assert_ok(load(""));
    assert_ok(load("# nothing\n\n"));
    assert_ok(load("\xef\xbb\xbfname: with a mark\r\nimage:\r\n  obj_size: 32\r\n"));
    ck_assert_int_eq(given()->image.obj_size, 32);
}
END_TEST

static const struct {
    const char *text;
    int status;
    const char *message;
} refused[] = {
    {"telescope:\n    n_sample: 3\n", PRISM_EINVAL,
     "run.yaml:2:5: telescope.n_sample: unknown key; did you mean pattern.n_apertures?"},
    {"training:\n  lr: -1\n", PRISM_EINVAL,
     "run.yaml:2:7: training.lr: -1 is out of range; expected a number > 0"},
    {"training:\n  schedule: cosin\n", PRISM_EINVAL,
     "run.yaml:2:13: training.schedule: 'cosin' is unknown; expected one of cosine, constant, "
     "plateau, cosine_restarts; did you "
     "mean "
     "cosine?"},
    {"trainin:\n  lr: 1\n", PRISM_EINVAL,
     "run.yaml:1:1: trainin: unknown section; did you mean training?"},
    {"other:\n  lr: 1\n", PRISM_EINVAL, "run.yaml:1:1: other: unknown section"},
    {"lr: 1\n", PRISM_EINVAL, "run.yaml:1:1: lr: unknown key; did you mean training.lr?"},
    {"training.lr: 1\n", PRISM_EINVAL,
     "run.yaml:1:1: training.lr: write it as 'lr' under the section 'training:'"},
    {"training: 1\n", PRISM_EINVAL,
     "run.yaml:1:11: training: a section; expected its keys, indented, below"},
    {"training: [1]\n", PRISM_EINVAL,
     "run.yaml:1:11: training: a section; expected its keys, indented, below"},
    {"training:\n  lr: {a: 1}\n", PRISM_EINVAL,
     "run.yaml:2:7: training.lr: found a mapping; expected a number > 0"},
    {"training:\n  lr: [1]\n", PRISM_EINVAL,
     "run.yaml:2:7: training.lr: found a list; expected a number > 0"},
    {"model:\n  channels: [[1]]\n", PRISM_EINVAL,
     "run.yaml:2:14: model.channels: found a list; expected a list of at most 32 integers, each "
     "from 1 to 32768"},
    {"model:\n  channels: [4, x]\n", PRISM_EINVAL,
     "run.yaml:2:13: model.channels: '4,x' is not a list of integers; expected a list of at most "
     "32 integers, each from 1 to "
     "32768"},
    {"training:\n  lr:\n", PRISM_EINVAL, "run.yaml:2:6: training.lr: empty; expected a number > 0"},
    {"training:\n  lr: null\n", PRISM_EINVAL,
     "run.yaml:2:7: training.lr: null is no value; leave the line out for the default"},
    {"name: ~\n", PRISM_EINVAL,
     "run.yaml:1:7: name: null is no value; leave the line out for the default"},
    {"training:\n  lr: 1\n  lr: 1\n", PRISM_EINVAL,
     "run.yaml:3:3: training.lr: given twice; first on line 2"},
    {"training:\n  lr: 1\nimage:\ntraining:\n  lr: 2\n", PRISM_EINVAL,
     "run.yaml:4:1: training: given twice; first on line 1"},
    {"extends: quick\nextends: demo\n", PRISM_EINVAL,
     "run.yaml:2:1: extends: given twice; first on line 1"},
    {"extends: [quick]\n", PRISM_EINVAL,
     "run.yaml:1:10: extends: found a list; expected the path of a file or the name of a preset"},
    {"extends: quik\n", PRISM_EINVAL,
     "run.yaml:1:10: extends: 'quik' is no preset; expected one of quick, demo, europa-64, "
     "europa-128, original, mopie, "
     "high-quality, "
     "noisy; did you mean quick?"},
    {"extends: no/such.yaml\n", PRISM_EIO,
     "run.yaml:1:10: extends: cannot open no/such.yaml: No such file or directory"},
    {"extends: ./run.yaml\n", PRISM_EINVAL, "run.yaml:1:10: extends: ./run.yaml extends itself"},
    {"name: &a x\n", PRISM_EPARSE,
     "run.yaml:1:7: anchors and aliases are not supported; write the value out"},
    {"name: *a\n", PRISM_EPARSE,
     "run.yaml:1:7: anchors and aliases are not supported; write the value out"},
    {"image: &a {invert: true}\n", PRISM_EPARSE,
     "run.yaml:1:8: anchors and aliases are not supported; write the value out"},
    {"name: !!str x\n", PRISM_EPARSE,
     "run.yaml:1:7: tags are not supported; leave out 'tag:yaml.org,2002:str'"},
    {"name: x\n---\nname: y\n", PRISM_EPARSE, "run.yaml:2:1: a second document; expected one"},
    {"- 1\n", PRISM_EPARSE,
     "run.yaml:1:1: expected sections and keys, like 'training:' and below it '  lr: 0.002'"},
    {"just text\n", PRISM_EPARSE,
     "run.yaml:1:1: expected sections and keys, like 'training:' and below it '  lr: 0.002'"},
    {"? [a]\n: 1\n", PRISM_EPARSE, "run.yaml:1:3: a list where the name of a key is expected"},
    {"model:\n  channels: [1\n", PRISM_EPARSE,
     "run.yaml:3:1: not YAML: did not find expected ',' or ']' (while parsing a flow sequence)"},
    {"name: \"a\\0b\"\n", PRISM_EPARSE, "run.yaml:1:7: name: the text has a NUL character"},
    {"name: a\xff\n", PRISM_EPARSE, "run.yaml:1:8: not YAML: invalid leading UTF-8 octet"},
    {"name: x\ncomment: \xc3\xa9\x01\n", PRISM_EPARSE,
     "run.yaml:2:11: not YAML: control characters are not allowed"},
    {"\"\\e[31mred\": 1\n", PRISM_EINVAL,
     "run.yaml:1:1: ?[31mred: unknown key; 'prism keys' lists them"},
    {"training:\n\tlr: 1\n", PRISM_EPARSE,
     "run.yaml:2:1: not YAML: the line is indented with a tab; indent with spaces"},
};

START_TEST(wrong_files_are_refused_with_their_place)
{
    assert_ok(prism_config_load_preset(set, "mopie"));
    struct prismi_config_state before = set->given;
    assert_fails(load(refused[_i].text), refused[_i].status, refused[_i].message);
    ck_assert_int_eq(memcmp(&before, &set->given, sizeof(before)), 0);
}
END_TEST

START_TEST(a_late_error_undoes_the_whole_file)
{
    write_text("base.yaml", "name: base\n");
    struct prismi_config_state before = set->given;
    ck_assert_int_eq(
        load("extends: base.yaml\nimage:\n  obj_size: 32\noutput:\n  metrics_every: -1\n"),
        PRISM_EINVAL);
    ck_assert_int_eq(memcmp(&before, &set->given, sizeof(before)), 0);
}
END_TEST

static void expect_refusal(const char *data, size_t n, int status, const char *word)
{
    write_bytes("run.yaml", data, n);
    ck_assert_int_eq(prism_config_load_yaml(set, "run.yaml"), status);
    ck_assert_msg(strstr(prism_ctx_error(ctx)->text, word) != NULL, "%s",
                  prism_ctx_error(ctx)->text);
}

static char *filled(const char *head, char fill, size_t n)
{
    char *data = malloc(n);
    ck_assert_ptr_nonnull(data);
    memset(data, fill, n);
    memcpy(data, head, strlen(head));
    return data;
}

START_TEST(hostile_files_are_refused)
{
    const size_t limit = 1 << 20;
    char *data = filled("name: ", '[', limit);
    expect_refusal(data, limit, PRISM_EINVAL, "run.yaml:1:7: name: found a list");
    memset(data, '{', limit);
    expect_refusal(data, limit, PRISM_EPARSE, "a mapping where the name of a key is expected");
    memset(data, '-', limit);
    expect_refusal(data, limit, PRISM_EPARSE, "expected sections and keys");
    for (size_t i = 0; i + 1 < limit; i += 2)
        memcpy(data + i, "? ", 2);
    expect_refusal(data, limit, PRISM_EPARSE,
                   "run.yaml:1:3: a mapping where the name of a key is expected");
    free(data);

    data = filled("name: ", 'x', limit);
    expect_refusal(data, limit, PRISM_EINVAL, "name: 'xxxxxxxx");
    free(data);
    data = filled("training: {lr: ", '1', limit);
    data[limit - 1] = '}';
    expect_refusal(data, limit, PRISM_EINVAL, "1...' is not a finite decimal number");
    free(data);
    data = filled("model: {channels: [1", ' ', limit);
    for (size_t i = 20; i + 2 < limit; i += 2)
        memcpy(data + i, ",1", 2);
    memcpy(data + limit - 2, "]}", 2);
    expect_refusal(data, limit, PRISM_EINVAL, "has too many entries");
    free(data);
    data = filled("name: a", '\0', 64);
    expect_refusal(data, 64, PRISM_EPARSE,
                   "run.yaml:1:8: not YAML: control characters are not allowed");
    free(data);
    data = filled("#", '#', limit + 1);
    expect_refusal(data, limit, 0, "");
    expect_refusal(data, limit + 1, PRISM_EINVAL, "run.yaml has 1048577 bytes; the limit");
    free(data);
    expect_refusal("\xff\xfen\0a\0m\0", 8, PRISM_EPARSE,
                   "run.yaml:1:1: not YAML: invalid leading UTF-8 octet");
    const char bomb[] = "name: &a [x,x]\ncomment: &b [*a,*a,*a]\n";
    expect_refusal(bomb, strlen(bomb), PRISM_EPARSE, "anchors and aliases are not supported");
}
END_TEST

START_TEST(unreadable_files_are_refused)
{
    assert_fails(prism_config_load_yaml(set, "missing.yaml"), PRISM_EIO,
                 "cannot open missing.yaml: No such file or directory");
    ck_assert_int_eq(prism_config_load_yaml(set, "."), PRISM_EIO);
    ck_assert_ptr_nonnull(strstr(prism_ctx_error(ctx)->text, "not a regular file"));
}
END_TEST

START_TEST(extends_takes_files_and_presets)
{
    ck_assert_int_eq(mkdir("sub", 0700), 0);
    write_text("sub/base.yaml", "extends: quick\ntraining:\n  lr: 0.5\n  batch: 4\n");
    write_text("sub/middle.yaml", "training:\n  batch: 5\nextends: base.yaml\n");
    assert_ok(load("extends: sub/middle.yaml\nname: child\n"));
    ck_assert_int_eq(given()->data.grid_size, 64);
    ck_assert_double_eq(given()->recon.training.lr, 0.5);
    ck_assert_int_eq(given()->recon.training.batch, 5);
    char *text;
    assert_ok(prism_config_dump(set, &text));
    ck_assert_ptr_nonnull(strstr(text, "\n  grid_size: 64  # preset:quick\n"));
    ck_assert_ptr_nonnull(strstr(text, "\n  lr: 0.5  # sub/base.yaml:3\n"));
    ck_assert_ptr_nonnull(strstr(text, "\n  batch: 5  # sub/middle.yaml:2\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nname: \"child\"  # run.yaml:2\n"));
    free(text);

    char absolute[1024];
    snprintf(absolute, sizeof(absolute), "extends: %s/sub/base.yaml\n", folder);
    assert_ok(load(absolute));
    ck_assert_int_eq(given()->recon.training.batch, 4);
    const struct prism_config *config;
    assert_ok(load("extends: sub/base.yaml\nimage:\n  obj_size: 100\n"));
    assert_fails(prism_config_finish(set, &config), PRISM_EINVAL,
                 "run.yaml:3: image.obj_size: 100 px is larger than image.grid_size, 64 px");
}
END_TEST

START_TEST(circles_and_depth_of_extends_are_refused)
{
    ck_assert_int_eq(mkdir("sub", 0700), 0);
    write_text("sub/a.yaml", "extends: ../b.yaml\n");
    write_text("b.yaml", "extends: run.yaml\n");
    assert_fails(load("extends: sub/a.yaml\n"), PRISM_EINVAL,
                 "sub/../b.yaml:1:10: extends: sub/../run.yaml extends itself");
    char name[16], text[32];
    for (int i = 1; i <= 8; i++) {
        snprintf(name, sizeof(name), "%d.yaml", i);
        snprintf(text, sizeof(text), "extends: %d.yaml\n", i + 1);
        write_text(name, i < 8 ? text : "name: last\n");
    }
    assert_ok(prism_config_load_yaml(set, "1.yaml"));
    ck_assert_str_eq(given()->name, "last");
    assert_fails(load("extends: 1.yaml\n"), PRISM_EINVAL,
                 "7.yaml:1:10: extends: more than 8 files in a chain");
}
END_TEST

static void expect_same_after_reload(void)
{
    struct prism_config_set *again;
    const struct prism_config *a = finish(), *b;
    char *first, *second;
    assert_ok(prism_config_dump(set, &first));
    write_text("dump.yaml", first);
    assert_ok(prism_config_set_create(ctx, &again));
    assert_ok(prism_config_load_yaml(again, "dump.yaml"));
    assert_ok(prism_config_finish(again, &b));
    size_t n;
    const struct prism_config_key *keys = prism_config_keys(&n);
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(!memcmp((const char *)a + keys[i].offset, (const char *)b + keys[i].offset,
                              keys[i].size),
                      "%s", keys[i].key);
    assert_ok(prism_config_dump(again, &second));
    for (char *p = first, *q = second; *p || *q;
         p += strcspn(p, "\n") + 1, q += strcspn(q, "\n") + 1) {
        size_t value = (size_t)(strstr(p, "  # ") ? strstr(p, "  # ") - p : 0);
        ck_assert_int_eq(strncmp(p, q, value), 0);
    }
    free(first);
    free(second);
    prism_config_set_destroy(&again);
}

START_TEST(the_dump_reads_back)
{
    static const char *const odd[] = {("name=- #: 'odd' \"text\" \\n\n\t \xe2\x80\xa8 \xc3\xa9 "
                                       "\xf0\x9f\x9a\x80 \xef\xbb\xbf \xc2\x85 "),
                                      "comment=null",
                                      "input=  [x]: {y}  ",
                                      "lr=0.1234567890123456789",
                                      "loss_threshold=4.9406564584124654e-324",
                                      "init_lr=1.7976931348623157e308",
                                      "snr_db=33.333333333333336",
                                      "seed=18446744073709551614",
                                      "channels=32,16,8,1",
                                      "loss=0.333*l1+0.333*l2+0.334*ms-ssim",
                                      "aperture.diameter_px=0",
                                      "grid_size=1024",
                                      "normalise=false",
                                      "n_apertures=3",
                                      "precision=fp64"};
    expect_same_after_reload();
    for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
        assert_ok(prism_config_assign(set, odd[i], "--set"));
    expect_same_after_reload();
}
END_TEST

START_TEST(every_preset_reads_back)
{
    size_t n;
    const struct prism_preset *presets = prism_config_presets(&n);
    for (size_t i = 0; i < n; i++) {
        assert_ok(prism_config_load_preset(set, presets[i].name));
        expect_same_after_reload();
    }
}
END_TEST

static void add_tests(TCase *tc)
{
    tcase_add_test(tc, reads_sections_lists_and_texts);
    tcase_add_loop_test(tc, wrong_files_are_refused_with_their_place, 0,
                        sizeof(refused) / sizeof(*refused));
    tcase_add_test(tc, a_late_error_undoes_the_whole_file);
    tcase_add_test(tc, hostile_files_are_refused);
    tcase_add_test(tc, unreadable_files_are_refused);
    tcase_add_test(tc, extends_takes_files_and_presets);
    tcase_add_test(tc, circles_and_depth_of_extends_are_refused);
    tcase_add_test(tc, the_dump_reads_back);
    tcase_add_test(tc, every_preset_reads_back);
}

#else

START_TEST(says_that_it_reads_no_yaml)
{
    assert_fails(prism_config_load_yaml(set, "run.yaml"), PRISM_ENOTSUP,
                 "run.yaml: this build reads no YAML (libyaml was left out); use a preset and "
                 "--set section.key=value");
}
END_TEST

static void add_tests(TCase *tc)
{
    tcase_add_test(tc, says_that_it_reads_no_yaml);
}

#endif

int main(void)
{
    TCase *tc = suite_case(setup, teardown, NULL, 0);
    add_tests(tc);
    return suite_run("config yaml", tc);
}
