/* PRISM: a byte-bounded cache of immutable blocks, least recently used out first. */
#ifndef PRISMREC_CACHE_H
#define PRISMREC_CACHE_H

#include "prismrec/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Thread-safety: one thread at a time. NULL is a valid cache that holds nothing: every get is a miss, put stores nothing. */
struct prism_cache;

struct prism_cache_stats {
    uint64_t hits, misses, insertions, evictions;
    size_t entries, bytes, byte_budget;
};

/* 128-bit key: hash everything the value depends on (identity, version, parameters) with prism_key_*(). */
struct prism_key {
    uint64_t hi, lo;
};
PRISM_API struct prism_key prism_key_init(const char *kind);
PRISM_API void prism_key_add(struct prism_key *key, const void *data, size_t bytes);

/* Returns 0 or PRISM_ENOMEM. byte_budget counts values; 0 holds nothing. */
PRISM_API int prism_cache_create(size_t byte_budget, struct prism_cache **out);
PRISM_API void prism_cache_destroy(struct prism_cache **cache);

/* The stored block, or NULL. Counts one hit or one miss. Valid until the next put or clear. */
PRISM_API const void *prism_cache_get(struct prism_cache *cache, const struct prism_key *key, size_t *bytes);

/* Store a copy, evicting as needed, replacing an equal key. Returns the stored block, or NULL where it does not fit the budget,
 * memory is short, or cache is NULL. */
PRISM_API const void *prism_cache_put(struct prism_cache *cache, const struct prism_key *key, const void *data, size_t bytes);

PRISM_API void prism_cache_clear(struct prism_cache *cache); /* drops entries and zeroes the counters */
PRISM_API struct prism_cache_stats prism_cache_get_stats(const struct prism_cache *cache);

#ifdef __cplusplus
}
#endif
#endif
