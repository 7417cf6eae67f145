/* The front of a device's table: entries that check a call and pass it on to
 * the backend. Only src/core includes this file. */
#ifndef PRISMI_FRONT_H
#define PRISMI_FRONT_H

#include "core/ctx.h"

#include <limits.h>

/* A plan as callers hold it: every handle that the front returns points to one
 * of these. The backend sees only its own handle, inner. */
struct prismi_plan {
    struct prism_dev *dev;
    union {
        struct prism_fft *fft;
        struct prism_conv *conv;
        struct prism_gather *gather;
    } inner; /* the backend's handle */
    union {
        struct prism_fft_desc fft;
        struct prism_conv_desc conv;
        struct prism_gather_desc gather;
    } desc;
    size_t heap; /* host bytes that creation took; only set if there is a profile */
};

/* Replace the entries of d->ops by ones that check their arguments and then
 * call the entry of d->inner. A violation returns PRISM_EINVAL with one
 * sentence, and the backend is not called. Addresses are only checked for NULL
 * and for equality. */
void prismi_front(struct prismi_device *d);
/* The same for the optional entries; in front_fused.c. */
void prismi_front_fused(struct prism_ops *ops);

/* ---- checks, used by front.c and front_fused.c ---- */

struct prismi_call {
    struct prism_dev *dev;
    const char *entry, *op; /* op: the operation of map or reduce, else NULL */
};

enum {
    PRISMI_REAL = 1 << PRISM_F32 | 1 << PRISM_F64,
    PRISMI_CPLX = 1 << PRISM_CF32 | 1 << PRISM_CF64,
    PRISMI_HALF = 1 << PRISM_F16 | 1 << PRISM_BF16
};

/* Record an error whose sentence begins with the entry and its operation. */
#define PRISMI_REFUSE(c, fmt, ...)                                                                 \
    PRISM_FAIL(prismi_dev_ctx((c)->dev), PRISM_EINVAL, "%s%s%s: " fmt, (c)->entry,                 \
               (c)->op ? " " : "", (c)->op ? (c)->op : "", __VA_ARGS__)

int prismi_wrong_dtype(const struct prismi_call *c, enum prism_dtype t, unsigned allowed);
int prismi_wrong_field(const struct prismi_call *c, const char *field, double value, double least,
                       double most);
int prismi_wrong_operand(const struct prismi_call *c, const char *operand, const char *is);
int prismi_wrong_count(const struct prismi_call *c, double elements);
int prismi_check_subaperture(const struct prismi_call *c, const struct prism_subaperture_desc *d);

static inline const struct prism_ops *prismi_inner(const struct prism_dev *dev)
{
    return &((const struct prismi_device *)dev)->inner;
}

static inline int prismi_check_dtype(const struct prismi_call *c, enum prism_dtype t,
                                     unsigned allowed)
{
    const bool known = (unsigned)t < PRISM_DTYPE_COUNT;
    return known && (c->dev->caps.dtypes & allowed) >> t & 1 ? 0
                                                             : prismi_wrong_dtype(c, t, allowed);
}

/* Refuse a count of elements whose bytes might not fit size_t. */
static inline int prismi_check_count(const struct prismi_call *c, double elements)
{
    return elements <= 0x1p58 ? 0 : prismi_wrong_count(c, elements);
}

/* Checks that make the calling function return on a violation. */
#define PRISMI_WITHIN(c, d, field, least, most)                                                    \
    do {                                                                                           \
        const double value_ = (double)(d)->field;                                                  \
        if (!(value_ >= (least) && value_ <= (most)))                                              \
            return prismi_wrong_field(c, #field, value_, least, most);                             \
    } while (0)
#define PRISMI_SIDE(c, d, field) PRISMI_WITHIN(c, d, field, 1, PRISMI_SIDE_MAX)
#define PRISMI_INT(c, d, field) PRISMI_WITHIN(c, d, field, 1, INT_MAX)
#define PRISMI_SIZE(c, d, field) PRISMI_WITHIN(c, d, field, 1, 0x1p58)
#define PRISMI_GIVEN(c, operand)                                                                   \
    do {                                                                                           \
        if (!(operand))                                                                            \
            return prismi_wrong_operand(c, #operand, "NULL; it is required");                      \
    } while (0)
#define PRISMI_ARG(c, a, operand)                                                                  \
    do {                                                                                           \
        if (!(a)->operand)                                                                         \
            return prismi_wrong_operand(c, #operand, "NULL; it is required");                      \
    } while (0)
#define PRISMI_APART(c, y, x)                                                                      \
    do {                                                                                           \
        if ((y) == (x))                                                                            \
            return prismi_wrong_operand(c, #y, "the same memory as " #x "; they must lie apart");  \
    } while (0)
#define PRISMI_ARGS_APART(c, args, y, x)                                                           \
    do {                                                                                           \
        if ((args)->y == (args)->x)                                                                \
            return prismi_wrong_operand(c, #y, "the same memory as " #x "; they must lie apart");  \
    } while (0)

#endif
