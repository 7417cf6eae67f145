/* Shared by the library's own folders; not installed. */
#ifndef PRISMI_INTERNAL_H
#define PRISMI_INTERNAL_H

#include "prismrec/backend.h"
#include "prismrec/cache.h"
#include "prismrec/ctx.h"
#include "prismrec/profile.h"

#include <stdarg.h>

#define PRISMI_SIDE_MAX                                                                            \
    32768 /* pixels along an axis, and channels: products of two stay far inside size_t and int */

/* ---- errors and log ---- */

int prismi_fail(struct prism_ctx *ctx, int status, const char *file, int line, const char *fmt, ...)
    PRISM_PRINTF(5, 6);
void prismi_log(struct prism_ctx *ctx, enum prism_log_level level, const char *fmt, ...)
    PRISM_PRINTF(3, 4);
struct prism_ctx *prismi_dev_ctx(const struct prism_dev *dev);
const char *prismi_spell(const struct prism_ctx *ctx,
                         const char *name); /* what the user calls a parameter */

/* Record an error and evaluate to its status. */
#define PRISM_FAIL(ctx, status, ...) prismi_fail(ctx, status, __FILE__, __LINE__, __VA_ARGS__)
/* Propagate. */
#define PRISM_TRY(call)                                                                            \
    do {                                                                                           \
        int prismi_status_ = (call);                                                               \
        if (prismi_status_)                                                                        \
            return prismi_status_;                                                                 \
    } while (0)
/* Propagate through a cleanup label `out` and a variable `status`. */
#define PRISM_TRY_OUT(call)                                                                        \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status)                                                                                \
            goto out;                                                                              \
    } while (0)

/* Live objects by type, so that a context can name what leaked. kind: a string
 * literal. */
void prismi_ctx_retain(struct prism_ctx *ctx, const char *kind);
void prismi_ctx_drop(struct prism_ctx *ctx, const char *kind);

/* ---- host memory: calloc, NULL on overflow; tests make the n-th call fail */

void *prismi_alloc(size_t n, size_t size);
void prismi_free(void *p);
char *prismi_strdup(const char *s);

/* ---- device memory: every tensor of an owner in one allocation ---- */

/* What device memory is for, in a profile. */
enum prismi_owner {
    PRISMI_OWNER_OTHER,
    PRISMI_OWNER_PARAMETERS,
    PRISMI_OWNER_GRADIENTS,
    PRISMI_OWNER_MOMENTS,
    PRISMI_OWNER_ACTIVATIONS,
    PRISMI_OWNER_SNAPSHOT,
    PRISMI_OWNER_APERTURES,
    PRISMI_OWNER_TARGETS,
    PRISMI_OWNER_LOSS,
    PRISMI_OWNER_FFT,
    PRISMI_OWNER_CONV,
    PRISMI_OWNER_COUNT
};

struct prismi_arena {
    struct prism_dev *dev;
    prism_mem base;
    size_t bytes;
    enum prismi_owner owner; /* of what is declared from now on */
    struct prismi_slot {
        prism_mem *out;
        size_t offset, bytes;
        enum prismi_owner owner;
    } * slots;
    int n, cap, status;
};
/* Declare a tensor; *out is filled by bind. A failure is kept and reported by
 * bind. bytes 0 gives NULL. */
void prismi_arena_add(struct prismi_arena *a, size_t bytes, prism_mem *out);
int prismi_arena_bind(struct prismi_arena *a, struct prism_dev *dev); /* zero-filled */
void prismi_arena_release(struct prismi_arena *a);

/* ---- random numbers: Philox-4x32-10 (Salmon et al. 2011), counter-based -- */

void prismi_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);
/* The i-th value of (seed, stream): uniform in (0,1) with 53 bits, standard
 * normal (Box-Muller), integer below n > 0. */
double prismi_rng_uniform(uint64_t seed, uint64_t stream, uint64_t i);
double prismi_rng_normal(uint64_t seed, uint64_t stream, uint64_t i);
uint32_t prismi_rng_below(uint64_t seed, uint64_t stream, uint64_t i, uint32_t n);
/* n values at once, evenly over (-bound, bound): out[j] = bound (2 uniform -
 * 1), uniform the (first + j)-th. */
void prismi_rng_uniforms(uint64_t seed, uint64_t stream, uint64_t first, size_t n, double bound,
                         double *out);
/* Streams, so that no two uses share numbers. */
enum {
    PRISMI_STREAM_WEIGHTS = 1000,
    PRISMI_STREAM_NOISE = 2000000,
    PRISMI_STREAM_BATCH = 1,
    PRISMI_STREAM_PATTERN = 2,
    PRISMI_STREAM_PERMUTE = 3,
    PRISMI_STREAM_OBJECT = 4
};

/* ---- hashes ---- */

uint64_t prismi_hash64(const void *data, size_t bytes, uint64_t seed); /* XXH64 */
uint32_t prismi_crc32c(uint32_t crc, const void *data, size_t bytes); /* Castagnoli; start with 0 */
/* Of two runs of bytes one after the other, from each one's own; bytes: of the
 * second. */
uint32_t prismi_crc32c_join(uint32_t first, uint32_t second, size_t bytes);

/* ---- files that appear whole or not at all ---- */

struct prismi_file; /* a temporary in the target's folder; create removes those that killed writers
                       of the target left */
int prismi_file_create(struct prism_ctx *ctx, const char *path, struct prismi_file **out);
int prismi_file_write(struct prismi_file *f, const void *data,
                      size_t bytes); /* small pieces are gathered; errors are kept */
int prismi_file_printf(struct prismi_file *f, const char *fmt, ...) PRISM_PRINTF(2, 3);
/* flush, fsync, rename (keep_previous: the old file becomes <path>.1), fsync
 * the folder. Frees f. */
int prismi_file_commit(struct prismi_file *f, bool keep_previous);
void prismi_file_abort(struct prismi_file *f); /* NULL ok */
/* A text as a whole file; text NULL: memory ran out while it was made. */
int prismi_file_text(struct prism_ctx *ctx, const char *path, const char *text);
int prismi_file_read(struct prism_ctx *ctx, const char *path, size_t max_bytes, uint8_t **data,
                     size_t *bytes);
int prismi_make_dirs(struct prism_ctx *ctx, const char *path);

/* ---- sectioned container with checksums (docs/formats.md): checkpoints and weights */

struct prismi_box; /* a set of named sections in memory */
int prismi_box_create(struct prism_ctx *ctx, const char kind[8], struct prismi_box **out);
void prismi_box_destroy(struct prismi_box **box);
int prismi_box_add(struct prismi_box *box, const char *name, const void *data,
                   size_t bytes); /* copies */
/* Device memory, read by save: it must be there until then. */
int prismi_box_add_mem(struct prismi_box *box, const char *name, struct prism_dev *dev,
                       prism_mem mem, size_t bytes);
int prismi_box_save(struct prismi_box *box, const char *path, bool keep_previous);
int prismi_box_load(struct prism_ctx *ctx, const char *path, const char kind[8],
                    struct prismi_box **out);
/* NULL where absent or of another size (bytes != NULL and *bytes != 0: the
 * expected size). */
const void *prismi_box_get(const struct prismi_box *box, const char *name, size_t *bytes);
int prismi_box_count(const struct prismi_box *box);
const char *prismi_box_name(const struct prismi_box *box, int i, size_t *bytes);

/* ---- cache ---- */

struct prism_cache *prismi_dev_cache(const struct prism_dev *dev); /* NULL: none */
/* A hit or a miss of what the cache does not hold itself. */
void prismi_cache_count(struct prism_cache *cache, enum prism_cache_kind kind, bool hit);
/* prism_cache_put of a block that the caller fills, at once; NULL where that
 * would be. */
void *prismi_cache_room(struct prism_cache *cache, enum prism_cache_kind kind,
                        const struct prism_key *key, size_t bytes);

/* ---- devices ---- */

/* A device that does nothing but add up what is allocated on it: run the
 * creation of something there to know its size beforehand. Plans count their
 * likely workspace; reads give zeros. Closed by prism_dev_close. */
int prismi_planning_dev_open(struct prism_dev *like, struct prism_dev **out);
size_t prismi_planning_dev_bytes(const struct prism_dev *dev);
bool prismi_planning(const struct prism_dev *dev); /* is it one: what costs time and leaves memory
                                                      alone may be left out */

/* ---- profile: nothing happens on a device without one ---- */

/* A call that gives a status, in a region. number: 0 = none. */
#define PRISMI_REGION(dev, name, number, call)                                                     \
    (prism_region_begin(dev, name, number), prismi_region_end(dev, call))
int prismi_region_end(struct prism_dev *dev, int status);
void prismi_profile_step(struct prism_dev *dev, int64_t step); /* a step begins */
void prismi_profile_memory(struct prism_dev *dev, enum prismi_owner owner, size_t bytes,
                           bool taken);

/* Host array of doubles to and from device memory of a real dtype, converting;
 * waits. */
int prismi_dev_put(struct prism_dev *dev, prism_mem dst, enum prism_dtype dtype, const double *src,
                   size_t n);
int prismi_dev_get(struct prism_dev *dev, double *dst, prism_mem src, enum prism_dtype dtype,
                   size_t n);

/* map() with positional operands, for brevity: prismi_map(dev, op, dtype, rows,
 * cols, y0, x0, x1, x2, s0, s1) */
static inline int prismi_map(struct prism_dev *dev, enum prism_map op, enum prism_dtype t,
                             size_t rows, size_t cols, prism_mem y0, prism_mem x0, prism_mem x1,
                             prism_mem x2, double s0, double s1)
{
    struct prism_map_args a = {.y = {y0}, .x = {x0, x1, x2}, .s = {s0, s1}};
    return dev->ops->map(dev, op, t, rows, cols, &a);
}

#endif
