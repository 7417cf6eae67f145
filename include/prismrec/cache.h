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
    PRISM_CACHE_GRIDS,     /* transfer functions of propagators, made of a grid's coordinates */
    PRISM_CACHE_PLANS,     /* plans of transforms, only counted: the backend keeps them, see
                              prism_dev_params.cache_dir */
    PRISM_CACHE_APERTURES, /* masks of apertures at their places */
    PRISM_CACHE_CONSTANTS, /* constants of the structural losses for every target, on the device, by
                              session; only counted, when computed */
    PRISM_CACHE_MEASUREMENTS, /* simulated amplitudes */
    PRISM_CACHE_KINDS
};
#define PRISM_CACHE_ALL PRISM_CACHE_KINDS /* every kind, where a call says so */
PRISM_API const char *prism_cache_kind_name(enum prism_cache_kind kind); /* "grids" ... */

#define PRISM_CACHE_NONE SIZE_MAX /* a budget: nothing of this kind is kept */
struct prism_cache_params {
    /* Bytes of values; 0 = 64 MiB of grids, 16 MiB of apertures, 256 MiB of
     * constants, 256 MiB of measurements. Not used for PLANS. */
    size_t budget[PRISM_CACHE_KINDS];
};

struct prism_cache_stats {
    uint64_t hits, misses, insertions,
        evictions; /* a miss is counted whether or not anything may be kept */
    size_t entries, bytes, budget;
};

/* 128-bit key: hash all that the value depends on with prism_key_*(): contents
 * and numbers, never an address. */
struct prism_key {
    uint64_t hi, lo;
};
PRISM_API struct prism_key prism_key_init(const char *what);
PRISM_API void prism_key_add(struct prism_key *key, const void *data, size_t bytes);

/* Returns 0 or PRISM_ENOMEM. */
PRISM_API int prism_cache_create(const struct prism_cache_params *params, struct prism_cache **out);
PRISM_API void
prism_cache_destroy(struct prism_cache **cache); /* NULL ok. No device may use it any more */

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
PRISM_API struct prism_cache_stats
prism_cache_get_stats(const struct prism_cache *cache, enum prism_cache_kind kind); /* ALL: sums */
PRISM_API double prism_cache_hit_rate(
    const struct prism_cache_stats *stats); /* hits/(hits + misses); NaN: neither */

#ifdef __cplusplus
}
#endif
#endif
