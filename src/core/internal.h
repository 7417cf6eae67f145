/* Internal services of src/core for the library's other folders: errors,
 * memory, random numbers, hashes, files, cache, devices, profile. Not
 * installed. */
#ifndef PRISMI_INTERNAL_H
#define PRISMI_INTERNAL_H

#include "prismrec/backend.h"
#include "prismrec/cache.h"
#include "prismrec/ctx.h"
#include "prismrec/profile.h"

#include <stdarg.h>

/* Largest number of pixels along an axis and of channels: the product of two
 * fits int, and the bytes of such a product fit size_t. */
#define PRISMI_SIDE_MAX 32768

/* The default side of the grid: the smallest power of two that is at least
 * twice the object's side. */
static inline int prismi_grid_for(int obj)
{
    int n = 1;
    while (n < PRISMI_SIDE_MAX && n / 2 < obj)
        n *= 2;
    return n;
}

/* The seed that the value of a parameter stands for. */
#define PRISMI_DEFAULT_SEED 1
static inline uint64_t prismi_seed(uint64_t given)
{
    return given == 0 ? PRISMI_DEFAULT_SEED : given == UINT64_MAX ? 0 : given;
}

/* ---- errors and log ---- */

int prismi_fail(struct prism_ctx *ctx, int status, const char *file, int line, const char *fmt, ...)
    PRISM_PRINTF(5, 6);
void prismi_log(struct prism_ctx *ctx, enum prism_log_level level, const char *fmt, ...)
    PRISM_PRINTF(3, 4);
struct prism_ctx *prismi_dev_ctx(const struct prism_dev *dev);
/* The name under which the user knows the parameter `name`. */
const char *prismi_spell(const struct prism_ctx *ctx, const char *name);

/* Record an error and evaluate to its status. */
#define PRISM_FAIL(ctx, status, ...) prismi_fail(ctx, status, __FILE__, __LINE__, __VA_ARGS__)
/* Return from the calling function if call fails. */
#define PRISM_TRY(call)                                                                            \
    do {                                                                                           \
        int prismi_status_ = (call);                                                               \
        if (prismi_status_)                                                                        \
            return prismi_status_;                                                                 \
    } while (0)
/* The same through a cleanup label `out` and a variable `status`. */
#define PRISM_TRY_OUT(call)                                                                        \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status)                                                                                \
            goto out;                                                                              \
    } while (0)

/* Count live objects by kind, so that a context can name what leaked. kind is a
 * string literal. */
void prismi_ctx_retain(struct prism_ctx *ctx, const char *kind);
void prismi_ctx_drop(struct prism_ctx *ctx, const char *kind);

/* ---- host memory: zeroed, NULL on overflow ---- */

/* n elements of size bytes, all 0. Tests make the n-th call fail. */
void *prismi_alloc(size_t n, size_t size);
void prismi_free(void *p);
char *prismi_strdup(const char *s);

/* ---- device memory: all tensors of an arena in one allocation ---- */

/* The uses of device memory that a profile tells apart. */
enum prismi_owner {
    PRISMI_OWNER_OTHER,
    PRISMI_OWNER_PARAMETERS,
    PRISMI_OWNER_GRADIENTS,
    PRISMI_OWNER_MOMENTS,
    PRISMI_OWNER_ACTIVATIONS,
    PRISMI_OWNER_SNAPSHOT,
    PRISMI_OWNER_CHECKPOINT, /* the copy in host memory that a save in the background writes */
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
    enum prismi_owner owner; /* the owner of the tensors that are added next */
    struct prismi_slot {
        prism_mem *out;
        size_t offset, bytes;
        enum prismi_owner owner;
    } * slots;
    int n, cap, status;
};
/* Declare a tensor of `bytes` bytes; bind sets *out. With 0 bytes *out stays
 * NULL. Errors are kept until bind reports them. */
void prismi_arena_add(struct prismi_arena *a, size_t bytes, prism_mem *out);
/* Allocate all declared tensors, filled with zeros, and set their *out. */
int prismi_arena_bind(struct prismi_arena *a, struct prism_dev *dev);
void prismi_arena_release(struct prismi_arena *a);

/* ---- random numbers: Philox-4x32-10 (Salmon et al. 2011), counter-based -- */

void prismi_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);
/* The i-th value of the sequence (seed, stream): uniform in (0,1) with 53 bits,
 * standard normal (Box-Muller), or an integer below n (n > 0). */
double prismi_rng_uniform(uint64_t seed, uint64_t stream, uint64_t i);
double prismi_rng_normal(uint64_t seed, uint64_t stream, uint64_t i);
uint32_t prismi_rng_below(uint64_t seed, uint64_t stream, uint64_t i, uint32_t n);
/* n values at once, uniform in (-bound, bound): out[j] = bound (2 u - 1), where
 * u is the (first + j)-th uniform value. */
void prismi_rng_uniforms(uint64_t seed, uint64_t stream, uint64_t first, size_t n, double bound,
                         double *out);
/* The streams in use. No two uses share one, so no two share numbers. */
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
/* CRC-32 (IEEE 802.3), as ZIP and zlib have it. Start with crc = 0; pass the
 * result on to continue. Thread-safe. */
uint32_t prismi_crc32(uint32_t crc, const void *data, size_t bytes);
/* The CRC of two concatenated byte ranges from their CRCs; bytes: the length of
 * the second. */
uint32_t prismi_crc32_join(uint32_t first, uint32_t second, size_t bytes);

/* ---- files that appear whole or not at all ---- */

/* A file being written: a temporary file in the target's folder. Creating one
 * removes temporary files that killed writers of the same target left. */
struct prismi_file;
int prismi_file_create(struct prism_ctx *ctx, const char *path, struct prismi_file **out);
/* Buffered. The first error is kept: later writes return it and commit reports
 * it. */
int prismi_file_write(struct prismi_file *f, const void *data, size_t bytes);
int prismi_file_printf(struct prismi_file *f, const char *fmt, ...) PRISM_PRINTF(2, 3);
/* Flush, fsync, rename to the target, fsync the folder, free f. keep_previous:
 * the old file becomes <path>.1. */
int prismi_file_commit(struct prismi_file *f, bool keep_previous);
void prismi_file_abort(struct prismi_file *f); /* NULL ok */
/* Write text as a whole file. A NULL text gives PRISM_ENOMEM, so that the
 * result of prismi_text_take() can be passed on. */
int prismi_file_text(struct prism_ctx *ctx, const char *path, const char *text);
int prismi_file_read(struct prism_ctx *ctx, const char *path, size_t max_bytes, uint8_t **data,
                     size_t *bytes);
int prismi_make_dirs(struct prism_ctx *ctx, const char *path);

/* ---- cache ---- */

struct prism_cache *prismi_dev_cache(const struct prism_dev *dev); /* NULL if the device has none */
/* Count a hit or a miss of something that is stored elsewhere. */
void prismi_cache_count(struct prism_cache *cache, enum prism_cache_kind kind, bool hit);
/* Like prism_cache_put(), but returns the stored block, zeroed, for the caller
 * to fill at once. NULL where prism_cache_put() returns NULL. */
void *prismi_cache_room(struct prism_cache *cache, enum prism_cache_kind kind,
                        const struct prism_key *key, size_t bytes);

/* ---- devices ---- */

/* Open a device that computes nothing and adds up what is allocated on it.
 * Creating an object there tells its size in advance. Plans count their likely
 * workspace; reads give zeros. Close it with prism_dev_close(). */
int prismi_planning_dev_open(struct prism_dev *like, struct prism_dev **out);
size_t prismi_planning_dev_bytes(const struct prism_dev *dev);
/* True for a planning device. Work that costs time and allocates nothing may be
 * skipped there. */
bool prismi_planning(const struct prism_dev *dev);

/* ---- profile: these do nothing on a device without one ---- */

/* Evaluate call, which returns a status, inside a region. number 0 means no
 * number. */
#define PRISMI_REGION(dev, name, number, call)                                                     \
    (prism_region_begin(dev, name, number), prismi_region_end(dev, call))
int prismi_region_end(struct prism_dev *dev, int status);
void prismi_profile_step(struct prism_dev *dev, int64_t step); /* marks the beginning of a step */
void prismi_profile_memory(struct prism_dev *dev, enum prismi_owner owner, size_t bytes,
                           bool taken);

/* Copy doubles from host to device memory of a real dtype, or back, with
 * conversion. Waits for the device. */
int prismi_dev_put(struct prism_dev *dev, prism_mem dst, enum prism_dtype dtype, const double *src,
                   size_t n);
int prismi_dev_get(struct prism_dev *dev, double *dst, prism_mem src, enum prism_dtype dtype,
                   size_t n);

/* Call map() with positional operands: outputs y0, inputs x0 to x2, scalars s0
 * and s1. An unused operand is NULL or 0. */
static inline int prismi_map(struct prism_dev *dev, enum prism_map op, enum prism_dtype t,
                             size_t rows, size_t cols, prism_mem y0, prism_mem x0, prism_mem x1,
                             prism_mem x2, double s0, double s1)
{
    struct prism_map_args a = {.y = {y0}, .x = {x0, x1, x2}, .s = {s0, s1}};
    return dev->ops->map(dev, op, t, rows, cols, &a);
}

#endif
