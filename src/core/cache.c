/* A cache bounded by bytes that drops the least recently used entry. Each kind
 * has a shelf of its own: a chained hash table and a list by recency of use. */
#include "prismrec/cache.h"

#include "core/internal.h"

#include <math.h>
#include <string.h>

struct entry {
    struct prism_key key;
    size_t bytes;
    struct entry *chain;         /* next entry of the same bucket */
    struct entry *newer, *older; /* neighbours in the list by recency */
    _Alignas(max_align_t) unsigned char data[];
};

struct shelf {
    struct prism_cache_stats stats;
    struct entry *newest, *oldest;
    struct entry *buckets[256];
};

struct prism_cache {
    struct shelf shelves[PRISM_CACHE_KINDS];
};

const char *prism_cache_kind_name(enum prism_cache_kind kind)
{
    static const char *const names[] = {"grids", "plans", "apertures", "constants", "measurements"};
    _Static_assert(sizeof names / sizeof *names == PRISM_CACHE_KINDS, "a name per kind");
    return names[kind];
}

int prism_cache_create(const struct prism_cache_params *params, struct prism_cache **out)
{
    static const size_t defaults[PRISM_CACHE_KINDS] = {[PRISM_CACHE_GRIDS] = (size_t)64 << 20,
                                                       [PRISM_CACHE_APERTURES] = (size_t)16 << 20,
                                                       [PRISM_CACHE_CONSTANTS] = (size_t)256 << 20,
                                                       [PRISM_CACHE_MEASUREMENTS] = (size_t)256
                                                                                    << 20};
    *out = prismi_alloc(1, sizeof **out);
    if (!*out)
        return PRISM_ENOMEM;
    for (int i = 0; i < PRISM_CACHE_KINDS; i++) {
        size_t given = params ? params->budget[i] : 0;
        (*out)->shelves[i].stats.budget = given == PRISM_CACHE_NONE ? 0
                                          : given                   ? given
                                                                    : defaults[i];
    }
    (*out)->shelves[PRISM_CACHE_PLANS].stats.budget = 0;
    return 0;
}

static struct entry **bucket(struct shelf *s, const struct prism_key *key)
{
    return &s->buckets[key->lo & 255];
}

static struct entry *find(struct shelf *s, const struct prism_key *key)
{
    struct entry *e = *bucket(s, key);
    while (e && (e->key.hi != key->hi || e->key.lo != key->lo))
        e = e->chain;
    return e;
}

static void unlink_recency(struct shelf *s, struct entry *e)
{
    *(e->newer ? &e->newer->older : &s->newest) = e->older;
    *(e->older ? &e->older->newer : &s->oldest) = e->newer;
}

static void push_newest(struct shelf *s, struct entry *e)
{
    e->newer = NULL;
    e->older = s->newest;
    *(s->newest ? &s->newest->newer : &s->oldest) = e;
    s->newest = e;
}

static void drop(struct shelf *s, struct entry *e)
{
    struct entry **link = bucket(s, &e->key);
    while (*link != e)
        link = &(*link)->chain;
    *link = e->chain;
    unlink_recency(s, e);
    s->stats.entries--;
    s->stats.bytes -= e->bytes;
    prismi_free(e);
}

void prismi_cache_count(struct prism_cache *c, enum prism_cache_kind kind, bool hit)
{
    if (c)
        (*(hit ? &c->shelves[kind].stats.hits : &c->shelves[kind].stats.misses))++;
}

const void *prism_cache_get(struct prism_cache *c, enum prism_cache_kind kind,
                            const struct prism_key *key, size_t *bytes)
{
    if (!c)
        return NULL;
    struct shelf *s = &c->shelves[kind];
    struct entry *e = find(s, key);
    prismi_cache_count(c, kind, e);
    if (!e)
        return NULL;
    unlink_recency(s, e);
    push_newest(s, e);
    if (bytes)
        *bytes = e->bytes;
    return e->data;
}

/* Store a copy of data; data NULL stores zeros. */
static void *store(struct prism_cache *c, enum prism_cache_kind kind, const struct prism_key *key,
                   const void *data, size_t bytes)
{
    if (!c || bytes > c->shelves[kind].stats.budget)
        return NULL;
    struct shelf *s = &c->shelves[kind];
    /* allocate first: if that fails nothing stored is lost, and data may be the
     * very block that is replaced */
    struct entry *e = prismi_alloc(1, sizeof *e + bytes);
    if (!e)
        return NULL;
    e->key = *key;
    e->bytes = bytes;
    if (data)
        memcpy(e->data, data, bytes);
    struct entry *old = find(s, key);
    if (old)
        drop(s, old);
    while (s->stats.bytes + bytes > s->stats.budget) {
        drop(s, s->oldest);
        s->stats.evictions++;
    }
    e->chain = *bucket(s, key);
    *bucket(s, key) = e;
    push_newest(s, e);
    s->stats.entries++;
    s->stats.insertions++;
    s->stats.bytes += bytes;
    return e->data;
}

const void *prism_cache_put(struct prism_cache *c, enum prism_cache_kind kind,
                            const struct prism_key *key, const void *data, size_t bytes)
{
    return store(c, kind, key, data, bytes);
}

void *prismi_cache_room(struct prism_cache *c, enum prism_cache_kind kind,
                        const struct prism_key *key, size_t bytes)
{
    return store(c, kind, key, NULL, bytes);
}

void prism_cache_clear(struct prism_cache *c, enum prism_cache_kind kind)
{
    for (int i = 0; c && i < PRISM_CACHE_KINDS; i++) {
        struct shelf *s = &c->shelves[i];
        if (kind != PRISM_CACHE_ALL && i != (int)kind)
            continue;
        while (s->oldest)
            drop(s, s->oldest);
        s->stats = (struct prism_cache_stats){.budget = s->stats.budget};
    }
}

void prism_cache_destroy(struct prism_cache **pc)
{
    prism_cache_clear(*pc, PRISM_CACHE_ALL);
    prismi_free(*pc);
    *pc = NULL;
}

struct prism_cache_stats prism_cache_get_stats(const struct prism_cache *c,
                                               enum prism_cache_kind kind)
{
    struct prism_cache_stats sum = {0};
    for (int i = 0; c && i < PRISM_CACHE_KINDS; i++) {
        const struct prism_cache_stats *s = &c->shelves[i].stats;
        if (kind != PRISM_CACHE_ALL && i != (int)kind)
            continue;
        sum.hits += s->hits;
        sum.misses += s->misses;
        sum.insertions += s->insertions;
        sum.evictions += s->evictions;
        sum.entries += s->entries;
        sum.bytes += s->bytes;
        sum.budget += s->budget;
    }
    return sum;
}

double prism_cache_hit_rate(const struct prism_cache_stats *s)
{
    uint64_t asked = s->hits + s->misses;
    return asked ? (double)s->hits / (double)asked : NAN;
}
