/* PRISM: one cache of immutable blocks, with a budget, an order of use and
 * counters for each kind of them. */
#ifndef PRISMREC_CACHE_H
#define PRISMREC_CACHE_H

#include "prismrec/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Thread-safety: one thread at a time, the devices that use it included. NULL
 * is a valid cache that holds and counts nothing. */
struct prism_cache;

enum prism_cache_kind {
    /* Transfer functions of propagators, made of a grid's coordinates. */
    PRISM_CACHE_GRIDS,
    /* Plans of transforms. They are only counted: the backend keeps them, see
     * prism_dev_params.cache_dir. */
    PRISM_CACHE_PLANS,
    /* Masks of apertures at their places. */
    PRISM_CACHE_APERTURES,
    /* Constants of the structural losses for every target, on the device, by
     * session. They are only counted, when computed. */
    PRISM_CACHE_CONSTANTS,
    /* Simulated amplitudes. */
    PRISM_CACHE_MEASUREMENTS,
    PRISM_CACHE_KINDS
};

/* Every kind, where a call says so. */
#define PRISM_CACHE_ALL PRISM_CACHE_KINDS

/* The name of a kind, "grids" ... */
PRISM_API const char *prism_cache_kind_name(enum prism_cache_kind kind);

/* A budget: nothing of this kind is kept. */
#define PRISM_CACHE_NONE SIZE_MAX

struct prism_cache_params {
    /* Bytes of values; 0 = 64 MiB of grids, 16 MiB of apertures, 256 MiB of
     * constants, 256 MiB of measurements. Not used for PLANS. */
    size_t budget[PRISM_CACHE_KINDS];
};

struct prism_cache_stats {
    /* A miss is counted whether or not anything may be kept. */
    uint64_t hits, misses, insertions, evictions;
    size_t entries, bytes, budget;
};

/* 128-bit key: hash all that the value depends on with prism_key_*(): contents
 * and numbers, never an address. */
struct prism_key {
    uint64_t hi, lo;
};

/* A key that begins with the text what. */
PRISM_API struct prism_key prism_key_init(const char *what);

/* Hash bytes of data into the key. */
PRISM_API void prism_key_add(struct prism_key *key, const void *data, size_t bytes);

/* Returns 0 or PRISM_ENOMEM. */
PRISM_API int prism_cache_create(const struct prism_cache_params *params, struct prism_cache **out);

/* Destroy a cache. NULL is allowed. No device may use the cache any more. */
PRISM_API void prism_cache_destroy(struct prism_cache **cache);

/* The stored block, or NULL. Counts one hit or one miss. Valid until the next
 * put or clear of this kind. */
PRISM_API const void *prism_cache_get(struct prism_cache *cache, enum prism_cache_kind kind,
                                      const struct prism_key *key, size_t *bytes);

/* Store a copy, replacing an equal key and dropping what was not used for
 * longest. Returns the stored block, or NULL where it does not fit the budget,
 * memory is short, or cache is NULL; then all that was stored stays. */
PRISM_API const void *prism_cache_put(struct prism_cache *cache, enum prism_cache_kind kind,
                                      const struct prism_key *key, const void *data, size_t bytes);

/* Drops the blocks of a kind, or of ALL, and zeroes its counters. */
PRISM_API void prism_cache_clear(struct prism_cache *cache, enum prism_cache_kind kind);

/* The counters of a kind; PRISM_CACHE_ALL gives the sums. */
PRISM_API struct prism_cache_stats prism_cache_get_stats(const struct prism_cache *cache,
                                                         enum prism_cache_kind kind);

/* hits/(hits + misses); NaN where there are neither. */
PRISM_API double prism_cache_hit_rate(const struct prism_cache_stats *stats);

#ifdef __cplusplus
}
#endif
#endif
