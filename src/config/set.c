/* Sets of values with their sources: creation, look-up of keys, assignments,
 * presets. */
#include "config/internal.h"
#include "core/internal.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

struct prismi_name {
    struct prismi_name *next;
    char text[];
};

void *prismi_config_field(struct prism_config *config, const struct prism_config_key *key)
{
    return (char *)config + key->offset;
}

int prismi_config_find(const char *name)
{
    size_t n;
    const struct prism_config_key *keys = prism_config_keys(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(keys[i].key, name) == 0)
            return (int)i;
    return -1;
}

int prismi_config_find_any(const char *name, const struct prismi_old_key **old)
{
    int key = prismi_config_find(name);
    *old = key < 0 ? prismi_config_old(name) : NULL;
    return *old ? prismi_config_find((*old)->key) : key;
}

static const char *bare(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

static bool same_section(const char *a, const char *b)
{
    size_t n = (size_t)(bare(a) - a);
    return n == (size_t)(bare(b) - b) && strncmp(a, b, n) == 0;
}

/* The nearest name found so far, among new and old ones. */
struct nearest {
    const char *name, *key; /* the near name, and its key */
    int distance;
};

static void compare(struct nearest *nearest, const char *wanted, const char *name, const char *key)
{
    int d = prismi_word_distance(bare(wanted), bare(name));
    if (d == INT_MAX)
        return;
    d = 2 * d + !same_section(wanted, name); /* a match in the same section wins a tie */
    if (d < nearest->distance)
        *nearest = (struct nearest){name, key, d};
}

void prismi_config_suggest(const char *name, char *out, size_t size)
{
    size_t n, n_old;
    const struct prism_config_key *keys = prism_config_keys(&n);
    const struct prismi_old_key *old = prismi_config_old_keys(&n_old);
    struct nearest nearest = {NULL, NULL, INT_MAX};
    for (size_t i = 0; i < n; i++)
        compare(&nearest, name, keys[i].key, keys[i].key);
    for (size_t i = 0; i < n_old; i++)
        compare(&nearest, name, old[i].old, old[i].key);
    out[0] = '\0';
    if (nearest.key)
        snprintf(out, size, "; did you mean %s?",
                 same_section(name, nearest.key) ? bare(nearest.key) : nearest.key);
}

void prismi_config_defaults(struct prism_config *config)
{
    size_t n;
    const struct prism_config_key *keys = prism_config_keys(&n);
    char why[8];
    memset(config, 0, sizeof(*config));
    for (size_t i = 0; i < n; i++) /* every default parses: config_keys tests it */
        prismi_value_parse(&keys[i], keys[i].def, prismi_config_field(config, &keys[i]), why,
                           sizeof(why));
}

int prism_config_set_create(struct prism_ctx *ctx, struct prism_config_set **out)
{
    *out = NULL;
    struct prism_config_set *set = prismi_alloc(1, sizeof(*set));
    if (!set)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory for a configuration (%zu bytes)",
                          sizeof(*set));
    set->ctx = ctx;
    prismi_config_defaults(&set->given.config);
    for (int i = 0; i < PRISMI_MAX_KEYS; i++)
        set->given.source[i].name = "default";
    prismi_ctx_retain(ctx, "config_set");
    *out = set;
    return 0;
}

void prism_config_set_destroy(struct prism_config_set **set)
{
    if (!set || !*set)
        return;
    while ((*set)->names) {
        struct prismi_name *next = (*set)->names->next;
        prismi_free((*set)->names);
        (*set)->names = next;
    }
    prismi_ctx_drop((*set)->ctx, "config_set");
    prismi_free(*set);
    *set = NULL;
}

const char *prismi_config_intern(struct prism_config_set *set, const char *text)
{
    for (const struct prismi_name *p = set->names; p; p = p->next)
        if (strcmp(p->text, text) == 0)
            return p->text;
    struct prismi_name *name = prismi_alloc(1, sizeof(*name) + strlen(text) + 1);
    if (!name) {
        PRISM_FAIL(set->ctx, PRISM_ENOMEM, "no memory for the name of a source, '%.100s'", text);
        return NULL;
    }
    strcpy(name->text, text);
    name->next = set->names;
    set->names = name;
    return name->text;
}

int prismi_config_begin(struct prism_config_set *set, struct prismi_config_state **saved)
{
    *saved = prismi_alloc(1, sizeof(**saved));
    if (!*saved)
        return PRISM_FAIL(set->ctx, PRISM_ENOMEM,
                          "no memory for a copy of the configuration (%zu bytes)", sizeof(**saved));
    **saved = set->given;
    return 0;
}

int prismi_config_end(struct prism_config_set *set, struct prismi_config_state *saved, int status)
{
    if (status)
        set->given = *saved;
    else
        set->finished = false;
    prismi_free(saved);
    return status;
}

int prismi_config_put(struct prism_config_set *set, int key, const char *text, const char *where,
                      struct prismi_origin source)
{
    size_t n;
    const struct prism_config_key *k = &prism_config_keys(&n)[key];
    char why[420];
    if (source.old && !set->noted[key])
        prismi_log(set->ctx, PRISM_LOG_WARN, "%s: %s is now called %s; the old name still works",
                   where, source.old->old, k->key);
    set->noted[key] = set->noted[key] || source.old;
    if (!prismi_value_parse(k, text, prismi_config_field(&set->given.config, k), why, sizeof(why)))
        return PRISM_FAIL(set->ctx, PRISM_EINVAL, "%s: %s: %s", where, k->key, why);
    set->given.source[key] = source;
    return 0;
}

/* ---- assignments ---- */

/* Index of the key with that name in any section, old names included. Returns
 * -1 with the reason in why if the name is unknown or keys of several sections
 * share it. */
static int find_bare(const char *name, const struct prismi_old_key **old, char *why, size_t size)
{
    size_t n, n_old;
    const struct prism_config_key *keys = prism_config_keys(&n);
    const struct prismi_old_key *olds = prismi_config_old_keys(&n_old);
    int key = -1;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(bare(keys[i].key), name) != 0)
            continue;
        if (key >= 0) {
            snprintf(why, size, "is short for both %s and %s; write the section too", keys[key].key,
                     keys[i].key);
            return -1;
        }
        key = (int)i;
    }
    for (size_t i = 0; key < 0 && i < n_old;
         i++) /* old names are unique: config_old_keys tests it */
        if (strcmp(bare(olds[i].old), name) == 0)
            key = prismi_config_find_any(olds[i].old, old);
    if (key < 0) {
        char suggestion[96];
        prismi_config_suggest(name, suggestion, sizeof(suggestion));
        snprintf(why, size, "unknown key%s",
                 *suggestion ? suggestion : "; 'prism keys' lists them");
    }
    return key;
}

/* Carries out "key=value"; `where` begins the errors. Returns 0 or
 * PRISM_EINVAL. */
static int assign(struct prism_config_set *set, const char *assignment, const char *where,
                  struct prismi_origin source)
{
    const char *equals = strchr(assignment, '=');
    char name[64], why[192];
    if (!equals || equals == assignment)
        return PRISM_FAIL(set->ctx, PRISM_EINVAL, "%s: expected section.key=value", where);
    size_t len = (size_t)(equals - assignment);
    snprintf(name, sizeof(name), "%.*s", len < sizeof(name) ? (int)len : (int)sizeof(name) - 1,
             assignment);
    for (char *p = name; *p; p++)
        if (*p == '-')
            *p = '_';
    int key = prismi_config_find_any(name, &source.old);
    if (key < 0)
        key = find_bare(name, &source.old, why, sizeof(why));
    if (key < 0)
        return PRISM_FAIL(set->ctx, PRISM_EINVAL, "%s: %s: %s", where, name, why);
    const struct prismi_origin *before = &set->given.source[key];
    const struct prismi_old_key *old = source.old ? source.old : before->old;
    if (before->name == source.name && before->old != source.old)
        return PRISM_FAIL(set->ctx, PRISM_EINVAL,
                          "%s: %s and its old name %s are both given; leave out %s", where,
                          old->key, old->old, old->old);
    return prismi_config_put(set, key, equals + 1, where, source);
}

int prism_config_assign(struct prism_config_set *set, const char *assignment, const char *source)
{
    char where[160];
    struct prismi_origin from = {.name = prismi_config_intern(set, source)};
    if (!from.name)
        return PRISM_ENOMEM;
    snprintf(where, sizeof(where), "%.40s %.100s", source, assignment);
    PRISM_TRY(assign(set, assignment, where, from));
    set->finished = false;
    return 0;
}

int prismi_config_apply_preset(struct prism_config_set *set, const char *name, const char *where)
{
    size_t n;
    const struct prism_preset *presets = prism_config_presets(&n), *nearest = NULL;
    char source[64], place[192];
    int best = INT_MAX;
    for (size_t i = 0; i < n; i++) {
        int d = prismi_word_distance(name, presets[i].name);
        if (strcmp(name, presets[i].name) == 0) {
            snprintf(source, sizeof(source), "preset:%s", name);
            struct prismi_origin from = {.name = prismi_config_intern(set, source)};
            if (!from.name)
                return PRISM_ENOMEM;
            for (const char *const *a = presets[i].assignments; *a; a++) {
                snprintf(place, sizeof(place), "%s %s", source, *a);
                PRISM_TRY(assign(set, *a, place, from));
            }
            return 0;
        }
        if (d < best) {
            best = d;
            nearest = &presets[i];
        }
    }
    char list[256] = "";
    for (size_t i = 0; i < n; i++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", presets[i].name);
    }
    return PRISM_FAIL(set->ctx, PRISM_EINVAL, "%s: '%.60s' is no preset; expected one of %s%s%s%s",
                      where, name, list, nearest ? "; did you mean " : "",
                      nearest ? nearest->name : "", nearest ? "?" : "");
}

int prism_config_load_preset(struct prism_config_set *set, const char *name)
{
    struct prismi_config_state *saved;
    PRISM_TRY(prismi_config_begin(set, &saved));
    return prismi_config_end(set, saved, prismi_config_apply_preset(set, name, "preset"));
}
