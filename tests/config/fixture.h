/* What both suites of this folder start from: a context, a set, a scratch
 * folder. */
#ifndef TESTS_CONFIG_FIXTURE_H
#define TESTS_CONFIG_FIXTURE_H

#include "config/internal.h"
#include "core/internal.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct prism_ctx *ctx;
static struct prism_config_set *set;
static char folder[512], complaint[512];

static inline void keep_errors(void *user, enum prism_log_level level, const char *text)
{
    (void)user;
    if (level == PRISM_LOG_ERROR)
        snprintf(complaint, sizeof(complaint), "%s", text);
}

static inline void setup(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof(folder), "%s/prism-config-XXXXXX", tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0); /* so that errors name short paths */
    ck_assert_int_eq(prism_ctx_create(&(struct prism_ctx_params){.log = keep_errors}, &ctx), 0);
    ck_assert_int_eq(prism_config_set_create(ctx, &set), 0);
}

static inline void teardown(void)
{
    char command[600];
    prism_config_set_destroy(&set);
    complaint[0] = '\0';
    prism_ctx_destroy(&ctx);
    ck_assert_str_eq(complaint, ""); /* no leaks */
    ck_assert_int_eq(chdir("/"), 0);
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

#define assert_ok(call) ck_assert_msg((call) == 0, "%s", prism_ctx_error(ctx)->text)
#define assert_fails(call, code, message)                                                          \
    do {                                                                                           \
        ck_assert_int_eq(call, code);                                                              \
        ck_assert_int_eq(prism_ctx_error(ctx)->status, code);                                      \
        ck_assert_str_eq(prism_ctx_error(ctx)->text, message);                                     \
    } while (0)

static inline const struct prism_config *finish(void)
{
    const struct prism_config *config = NULL;
    assert_ok(prism_config_finish(set, &config));
    return config;
}

static inline void write_bytes(const char *name, const void *data, size_t n)
{
    FILE *f = fopen(name, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
}

static inline void write_text(const char *name, const char *text)
{
    write_bytes(name, text, strlen(text));
}

static inline int run_suite(TCase *tc)
{
    Suite *suite = suite_create("config");
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

#endif
