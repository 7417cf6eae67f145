/* Linear operators, and instruments, which are linear operators with frames.
 *
 * One family: a propagator is an operator, an instrument is an operator with
 * more entries, and the generic adjoint test runs over both. A new instrument
 * is one file (docs/instruments.md). */
#ifndef PRISMI_INSTRUMENT_H
#define PRISMI_INSTRUMENT_H

#include "core/internal.h"
#include "prismrec/optics.h"

/* ---- linear operators ---- */

struct prism_linop_ops {
    /* Leaves x as it was. */
    int (*forward)(struct prism_linop *op, prism_mem y, prism_mem x);
    /* May use y as scratch. */
    int (*adjoint)(struct prism_linop *op, prism_mem x, prism_mem y);
    /* Frees op itself. */
    void (*destroy)(struct prism_linop *op);
};
/* First member of every operator. */
struct prism_linop {
    const struct prism_linop_ops *ops;
    struct prism_dev *dev;
    struct prism_linop_shape x, y;
};

/* ---- instruments ---- */

/* A_k maps an object to the complex field of frame k. The operator is the stack
 * of A_k over the selected frames. An optional entry is NULL where the
 * instrument cannot do it. All entries but select, set_aperture and set_mask
 * only enqueue work and may be recorded. */
struct prismi_instrument;
struct prismi_instrument_ops {
    /* Selects the frames of the next calls: index [batch], each below n_frames.
     * At first 0, 1, ..., batch-1 are selected. */
    int (*select)(struct prismi_instrument *in, const int32_t *index);

    /* Optional. Frame k looks through this aperture, centred at (cy, cx) of the
     * aperture plane. */
    int (*set_aperture)(struct prismi_instrument *in, int k, const struct prism_aperture *shape,
                        double cy, double cx);

    /* Optional. Frame k looks through mask [grid,grid], in centred order, which
     * differs from the frame's last mask in `rows` rows from row0 on only.
     * NULL: the frame is dark. Needs params.masks. */
    int (*set_mask)(struct prismi_instrument *in, int k, const uint8_t *mask, int row0, int rows);

    /* y = A^H A x / normal_scale, by a shorter way than the fields if there is
     * one. u is scratch, as large as the fields. */
    int (*normal)(struct prismi_instrument *in, prism_mem y, prism_mem x, prism_mem u);

    /* fields() makes what forward() would make of the object given to
     * hold(), for any frames selected or set since: what depends on the
     * object alone is computed once. x must stay as it is. Other calls of
     * the operator end it. */
    int (*hold)(struct prismi_instrument *in, prism_mem x);
    int (*fields)(struct prismi_instrument *in, prism_mem u);

    /* Optional, both or none. misfit() does forward, the misfit of the fields
     * and a first part of the adjoint in one; the caller fills loss, target,
     * weight, u and tmp of args. misfit_gradient() does the rest of the adjoint
     * and must be the next call. */
    int (*misfit)(struct prismi_instrument *in, prism_mem x, enum prism_misfit kind,
                  const struct prism_field_misfit_args *args);
    int (*misfit_gradient)(struct prismi_instrument *in, prism_mem gx);
};
/* First member of every instrument. */
struct prismi_instrument {
    struct prism_linop op; /* x: [obj,obj] real or complex, y: [batch,field,field] complex */
    const struct prismi_instrument_ops *ops;
    int n_frames, batch;
    prism_mem index;     /* device [batch] I32: the selected frames */
    prism_mem held;      /* by prismi_instrument_hold */
    double norm2;        /* bound of the eigenvalues of A_k A_k^H, for every k */
    double normal_scale; /* see normal() */
};

struct prismi_instrument_params {
    enum prism_instrument kind;
    enum prism_dtype dtype; /* PRISM_F32 or PRISM_F64 */
    bool complex_object;
    int grid, obj, field;             /* sides of the aperture plane, the object and the detector */
    int n_frames, batch;              /* frames in all, and in a call */
    bool masks;                       /* frames are given by set_mask, else by set_aperture */
    struct prism_aperture aperture;   /* largest one that set_aperture will be given */
    enum prism_measure_method method; /* sub-apertures */
    enum prism_propagator propagator; /* propagated, as are the lengths: */
    double distance_m, pitch_m, wavelength_m; /* pitch_m: of the object's pixels */
};

/* A kind of instrument: a row of prismi_instrument_kinds. */
struct prismi_instrument_kind {
    const char *name;
    bool masks;   /* it has set_mask */
    bool lengths; /* it reads propagator, distance_m, pitch_m and wavelength_m */
    /* Refuses what create would refuse for its geometry, and logs warnings. */
    int (*check)(struct prism_ctx *ctx, const struct prismi_instrument_params *params);
    int (*create)(struct prism_dev *dev, const struct prismi_instrument_params *params,
                  struct prismi_instrument **out);
};
extern const struct prismi_instrument_kind prismi_instrument_kinds[PRISM_INSTRUMENT_COUNT];
/* Returns 0, PRISM_EINVAL, PRISM_ENOMEM, PRISM_ENOTSUP, PRISM_EDEVICE. */
int prismi_instrument_create(struct prism_dev *dev, const struct prismi_instrument_params *params,
                             struct prismi_instrument **out);
void prismi_instrument_destroy(struct prismi_instrument **in); /* NULL ok */

/* Entries for instruments that have nothing better: an index written as it is,
 * forward and adjoint with normal_scale 1, and forward of the object that was
 * held. */
int prismi_instrument_select(struct prismi_instrument *in, const int32_t *index);
int prismi_instrument_normal(struct prismi_instrument *in, prism_mem y, prism_mem x, prism_mem u);
int prismi_instrument_hold(struct prismi_instrument *in, prism_mem x);
int prismi_instrument_fields(struct prismi_instrument *in, prism_mem u);

/* Selects the first frames: for a create function, once index is there. */
int prismi_instrument_start(struct prismi_instrument *in);
int prismi_instrument_check_frame(const struct prismi_instrument *in, int k);

/* ---- the instruments, one file each ---- */

int prismi_subaperture_create(struct prism_dev *dev, const struct prismi_instrument_params *params,
                              struct prismi_instrument **out);
int prismi_propagated_check(struct prism_ctx *ctx, const struct prismi_instrument_params *params);
int prismi_propagated_create(struct prism_dev *dev, const struct prismi_instrument_params *params,
                             struct prismi_instrument **out);
int prismi_identity_check(struct prism_ctx *ctx, const struct prismi_instrument_params *params);
int prismi_identity_create(struct prism_dev *dev, const struct prismi_instrument_params *params,
                           struct prismi_instrument **out);

#endif
