/* Configuration files: the dump reads back as the same values. */
#include "config/internal.h"
#include "fuzz.h"

static void check_same(const struct prism_config *a, const struct prism_config *b)
{
    size_t n;
    const struct prism_config_key *keys = prism_config_keys(&n);
    for (size_t i = 0; i < n; i++)
        FUZZ_CHECK(!memcmp((const char *)a + keys[i].offset, (const char *)b + keys[i].offset,
                           keys[i].size));
}

static void check_dump(const struct prism_config_set *set)
{
    char *text;
    const struct prism_config *finished;
    struct prism_config_set *again;
    FUZZ_CHECK(!fuzz_status(prism_config_dump(set, &text)));
    FUZZ_CHECK(!prism_config_set_create(fuzz_ctx(), &again));
    FUZZ_CHECK(!fuzz_status(
        prism_config_load_yaml(again, fuzz_file((const uint8_t *)text, strlen(text)))));
    check_same(set->finished ? &set->effective : &set->given.config, &again->given.config);
    if (set->finished) {
        FUZZ_CHECK(!fuzz_status(prism_config_finish(again, &finished)));
        check_same(&set->effective, finished);
    }
    prism_config_set_destroy(&again);
    free(text);
}

int fuzz_one(const uint8_t *data, size_t bytes)
{
    const struct prism_config *config;
    struct prism_config_set *set;
    FUZZ_CHECK(!prism_config_set_create(fuzz_ctx(), &set));
    int status = fuzz_status(prism_config_load_yaml(set, fuzz_file(data, bytes)));
    if (!status) {
        status = fuzz_status(prism_config_finish(set, &config));
        check_dump(set);
    }
    prism_config_set_destroy(&set);
    return status;
}
