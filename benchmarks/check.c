/* Comparison with an earlier run, by name. */
#include "bench.h"

#include <math.h>
#include <string.h>

/* True if `have`, from an earlier file, names the case; the suite may have its
 * old name there. */
static bool same_case(const char *have, const char *name)
{
    size_t n = strcspn(have, "/");
    const char *suite = bench_suite_renamed(have, n);
    size_t m = suite ? strlen(suite) : 0;
    return !strcmp(have, name) ||
           (suite && !strncmp(name, suite, m) && !strcmp(name + m, have + n));
}

static const struct prismi_json *entry_of(const struct prismi_json *list, const char *name)
{
    for (const struct prismi_json *v = list ? list->child : NULL; v; v = v->next) {
        const char *have = prismi_json_member_string(v, "name");
        if (have && same_case(have, name))
            return v;
    }
    return NULL;
}

/* An entry's real_time in ms; NaN if it has none. */
static double old_ms(const struct prismi_json *entry)
{
    const char *unit = prismi_json_member_string(entry, "time_unit");
    double factor = !unit                 ? NAN
                    : !strcmp(unit, "ms") ? 1
                    : !strcmp(unit, "us") ? 1e-3
                    : !strcmp(unit, "ns") ? 1e-6
                                          : NAN;
    if (unit && !strcmp(unit, "s"))
        factor = 1e3;
    return prismi_json_member_number(entry, "real_time") * factor;
}

static int compare(struct bench *b, const struct prismi_json *list, double tolerance, int *worse)
{
    int compared = 0;
    bench_print(b, "\n%-36s %10s %10s %8s\n", "compared with the earlier run", "then ms", "now ms",
                "change");
    for (int i = 0; i < b->n_times; i++) {
        const struct bench_time *t = &b->times[i];
        double then = old_ms(entry_of(list, t->name)), change = t->median_ms / then - 1;
        if (!(then > 0))
            continue;
        bool slower = change > tolerance;
        compared++;
        *worse += slower;
        bench_print(b, "%-36s %10.4g %10.4g %+7.1f %%%s\n", t->name, then, t->median_ms,
                    100 * change, slower ? "  SLOWER" : "");
    }
    if (!compared)
        return PRISM_FAIL(b->ctx, PRISM_EINVAL,
                          "--check: none of the %d times of this run is in the file; give a file "
                          "that the same suite wrote",
                          b->n_times);
    bench_print(b, "%d compared, %d slower by more than %g %%\n", compared, *worse,
                100 * tolerance);
    return 0;
}

int bench_check(struct bench *b, const char *path, double tolerance, int *worse)
{
    uint8_t *data;
    size_t bytes;
    *worse = 0;
    PRISM_TRY(prismi_file_read(b->ctx, path, (size_t)64 << 20, &data, &bytes));
    struct prismi_json *root = prismi_json_parse((const char *)data, bytes);
    const struct prismi_json *list = prismi_json_member(root, "benchmarks");
    int status =
        list && list->type == PRISMI_JSON_ARRAY
            ? compare(b, list, tolerance, worse)
            : PRISM_FAIL(b->ctx, PRISM_EPARSE,
                         "%s is not a file of 'prism bench --json'; write one with --json", path);
    prismi_json_free(root);
    prismi_free(data);
    return status;
}
