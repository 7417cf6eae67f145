/* Byte-bounded LRU cache: chained hash table plus a recency list. */
#include "prismrec/cache.h"

#include "core/internal.h"

#include <string.h>

struct entry {
    struct prism_key key;
    size_t bytes;
    struct entry *chain;         /* same bucket */
    struct entry *newer, *older; /* recency */
    _Alignas(max_align_t) unsigned char data[];
};

struct prism_cache {
    struct prism_cache_stats stats;
    struct entry *newest, *oldest;
    struct entry *buckets[256];
};

int prism_cache_create(size_t byte_budget, struct prism_cache **out)
{
    *out = prismi_alloc(1, sizeof **out);
    if (!*out)
        return PRISM_ENOMEM;
    (*out)->stats.byte_budget = byte_budget;
    return 0;
}

static struct entry **bucket(struct prism_cache *c, const struct prism_key *key)
{
    return &c->buckets[key->lo & 255];
}

static struct entry *find(struct prism_cache *c, const struct prism_key *key)
{
    struct entry *e = *bucket(c, key);
    while (e && (e->key.hi != key->hi || e->key.lo != key->lo))
        e = e->chain;
    return e;
}

static void unlink_recency(struct prism_cache *c, struct entry *e)
{
    *(e->newer ? &e->newer->older : &c->newest) = e->older;
    *(e->older ? &e->older->newer : &c->oldest) = e->newer;
}

static void push_newest(struct prism_cache *c, struct entry *e)
{
    e->newer = NULL;
    e->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = e;
    c->newest = e;
}

static void drop(struct prism_cache *c, struct entry *e)
{
    struct entry **link = bucket(c, &e->key);
    while (*link != e)
        link = &(*link)->chain;
    *link = e->chain;
    unlink_recency(c, e);
    c->stats.entries--;
    c->stats.bytes -= e->bytes;
    prismi_free(e);
}

const void *prism_cache_get(struct prism_cache *c, const struct prism_key *key, size_t *bytes)
{
    if (!c)
        return NULL;
    struct entry *e = find(c, key);
    if (!e) {
        c->stats.misses++;
        return NULL;
    }
    c->stats.hits++;
    unlink_recency(c, e);
    push_newest(c, e);
    if (bytes)
        *bytes = e->bytes;
    return e->data;
}

const void *prism_cache_put(struct prism_cache *c, const struct prism_key *key, const void *data, size_t bytes)
{
    if (!c || bytes > c->stats.byte_budget)
        return NULL;
    /* allocate first: on failure everything stored stays; data may be the very block that is replaced */
    struct entry *e = prismi_alloc(1, sizeof *e + bytes);
    if (!e)
        return NULL;
    e->key = *key;
    e->bytes = bytes;
    memcpy(e->data, data, bytes);
    struct entry *old = find(c, key);
    if (old)
        drop(c, old);
    while (c->stats.bytes + bytes > c->stats.byte_budget) {
        drop(c, c->oldest);
        c->stats.evictions++;
    }
    e->chain = *bucket(c, key);
    *bucket(c, key) = e;
    push_newest(c, e);
    c->stats.entries++;
    c->stats.insertions++;
    c->stats.bytes += bytes;
    return e->data;
}

void prism_cache_clear(struct prism_cache *c)
{
    if (!c)
        return;
    while (c->oldest)
        drop(c, c->oldest);
    size_t budget = c->stats.byte_budget;
    memset(&c->stats, 0, sizeof c->stats);
    c->stats.byte_budget = budget;
}

void prism_cache_destroy(struct prism_cache **pc)
{
    if (!*pc)
        return;
    prism_cache_clear(*pc);
    prismi_free(*pc);
    *pc = NULL;
}

struct prism_cache_stats prism_cache_get_stats(const struct prism_cache *c)
{
    static const struct prism_cache_stats none;
    return c ? c->stats : none;
}
