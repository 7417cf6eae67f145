/* The fixture of the suites in this folder: that of suite.h, a set of
 * parameters, and the fixture's folder as the current one. */
#ifndef TESTS_CONFIG_FIXTURE_H
#define TESTS_CONFIG_FIXTURE_H

#include "config/internal.h"
#include "core/internal.h"
#include "support/suite.h"

static struct prism_config_set *set;

static inline void setup(void)
{
    fixture_open();
    ck_assert_int_eq(chdir(folder), 0); /* errors then name short paths */
    ck_assert_int_eq(prism_config_set_create(ctx, &set), 0);
}

static inline void teardown(void)
{
    prism_config_set_destroy(&set);
    ck_assert_int_eq(chdir("/"), 0);
    fixture_close();
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

#endif
