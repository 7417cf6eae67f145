/* Host memory, the device arena, and copies between host and device. */
#include "core/internal.h"

#include <stdlib.h>
#include <string.h>

void *prismi_alloc(size_t n, size_t size)
{
    return calloc(n ? n : 1, size ? size : 1); /* calloc checks the product */
}

void prismi_free(void *p)
{
    free(p);
}

char *prismi_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = prismi_alloc(n, 1);
    return copy ? memcpy(copy, s, n) : NULL;
}

void prismi_arena_add(struct prismi_arena *a, size_t bytes, prism_mem *out)
{
    *out = NULL;
    if (a->status || !bytes)
        return;
    if (a->n == a->cap) {
        int cap = a->cap ? 2 * a->cap : 16;
        struct prismi_slot *slots = prismi_alloc((size_t)cap, sizeof *slots);
        if (!slots) {
            a->status = PRISM_ENOMEM;
            return;
        }
        if (a->n)
            memcpy(slots, a->slots, (size_t)a->n * sizeof *slots);
        prismi_free(a->slots);
        a->slots = slots;
        a->cap = cap;
    }
    /* so that offsets are multiples of every caps.align up to 64 */
    size_t padded = (bytes + 63) & ~(size_t)63;
    a->slots[a->n++] = (struct prismi_slot){out, a->bytes, padded, a->owner};
    if (padded < bytes || a->bytes > SIZE_MAX - padded)
        a->status = PRISM_ENOMEM;
    else
        a->bytes += padded;
}

int prismi_arena_bind(struct prismi_arena *a, struct prism_dev *dev)
{
    struct prism_ctx *ctx = prismi_dev_ctx(dev);
    if (a->status)
        return PRISM_FAIL(ctx, a->status, "no host memory to plan device memory");
    if (!a->bytes)
        return 0;
    a->dev = dev;
    PRISM_TRY(dev->ops->alloc(dev, a->bytes, &a->base));
    for (int i = 0; i < a->n; i++) {
        *a->slots[i].out = a->base + a->slots[i].offset;
        prismi_profile_memory(dev, a->slots[i].owner, a->slots[i].bytes, true);
    }
    if (dev->caps.flags & PRISM_CAPS_ZEROED)
        return 0;
    /* filling as F32 suits every element type: zero is all bits 0, and slots
     * are multiples of 4 bytes */
    int status = prismi_map(dev, PRISM_MAP_FILL, PRISM_F32, 1, a->bytes / sizeof(float), a->base, 0,
                            0, 0, 0, 0);
    if (status)
        prismi_arena_release(a);
    return status;
}

void prismi_arena_release(struct prismi_arena *a)
{
    for (int i = 0; a->base && i < a->n; i++)
        prismi_profile_memory(a->dev, a->slots[i].owner, a->slots[i].bytes, false);
    if (a->base)
        a->dev->ops->release(a->dev, a->base);
    prismi_free(a->slots);
    memset(a, 0, sizeof *a);
}

int prism_dev_alloc(struct prism_dev *dev, size_t bytes, prism_mem *out)
{
    return dev->ops->alloc(dev, bytes, out);
}

void prism_dev_free(struct prism_dev *dev, prism_mem mem)
{
    if (mem)
        dev->ops->release(dev, mem);
}

int prism_dev_read(struct prism_dev *dev, void *dst, prism_mem src, size_t bytes)
{
    return dev->ops->read(dev, dst, src, bytes);
}

int prism_dev_write(struct prism_dev *dev, prism_mem dst, const void *src, size_t bytes)
{
    return dev->ops->write(dev, dst, src, bytes);
}

/* Elements converted at a time, in a buffer on the stack: nothing is
 * allocated. */
enum { STAGE = 4096 };

int prismi_dev_put(struct prism_dev *dev, prism_mem dst, enum prism_dtype dtype, const double *src,
                   size_t n)
{
    if (dtype == PRISM_F64)
        return dev->ops->write(dev, dst, src, n * sizeof(double));
    float stage[STAGE];
    for (size_t i = 0; i < n; i += STAGE) {
        size_t k = n - i < STAGE ? n - i : STAGE;
        for (size_t j = 0; j < k; j++)
            stage[j] = (float)src[i + j];
        PRISM_TRY(dev->ops->write(dev, dst + i * sizeof(float), stage, k * sizeof(float)));
    }
    return 0;
}

int prismi_dev_get(struct prism_dev *dev, double *dst, prism_mem src, enum prism_dtype dtype,
                   size_t n)
{
    if (dtype == PRISM_F64)
        return dev->ops->read(dev, dst, src, n * sizeof(double));
    float stage[STAGE];
    for (size_t i = 0; i < n; i += STAGE) {
        size_t k = n - i < STAGE ? n - i : STAGE;
        PRISM_TRY(dev->ops->read(dev, stage, src + i * sizeof(float), k * sizeof(float)));
        for (size_t j = 0; j < k; j++)
            dst[i + j] = stage[j];
    }
    return 0;
}
