/* The structs behind prism_ctx and prism_dev. Only src/core includes this
 * file. */
#ifndef PRISMI_CTX_H
#define PRISMI_CTX_H

#include "core/internal.h"

#define PRISMI_MAX_KINDS 24

struct prism_ctx {
    struct prism_ctx_params params;
    struct prism_error error;
    struct {
        const char *kind;
        int count;
    } live[PRISMI_MAX_KINDS];
};

struct prismi_device {
    struct prism_dev dev; /* first member: a prism_dev pointer is a pointer to this struct */
    struct prism_ctx *ctx;
    struct prism_host host;
    /* the backend's entries, the optional ones filled in by prismi_compose() */
    struct prism_ops inner;
    /* the table that callers use: the front's checks, and timing if there is a
     * profile */
    struct prism_ops ops;
    const struct prism_backend *backend;
    struct prism_cache *cache;      /* NULL: none */
    size_t planned_bytes;           /* bytes counted by a planning device */
    struct prismi_profile *profile; /* NULL: none */
};

int prismi_vfail(struct prism_ctx *ctx, int status, const char *file, int line, const char *fmt,
                 va_list args) __attribute__((format(printf, 5, 0)));

/* Fill the optional entries of ops that are NULL with compositions of required
 * entries. */
void prismi_compose(struct prism_ops *ops);
int prismi_adam_outer(struct prism_dev *dev, const struct prism_adam_outer_desc *d,
                      struct prism_conv *conv, const struct prism_adam_outer_args *a);
int prismi_field_misfit(struct prism_dev *dev, const struct prism_field_misfit_desc *d,
                        struct prism_fft *fft, const struct prism_field_misfit_args *a);
int prismi_spectrum_fwd(struct prism_dev *dev, const struct prism_spectrum_desc *d,
                        struct prism_fft *fft, const struct prism_spectrum_args *a);
int prismi_spectrum_adj(struct prism_dev *dev, const struct prism_spectrum_desc *d,
                        struct prism_fft *fft, const struct prism_spectrum_args *a);
int prismi_dense_fit(struct prism_dev *dev, const struct prism_dense_fit_desc *d,
                     const struct prism_dense_fit_args *a);
int prismi_generate(struct prism_dev *dev, prism_mem dst, enum prism_dtype dtype, size_t n,
                    prism_make *make, const void *arg);

#endif
