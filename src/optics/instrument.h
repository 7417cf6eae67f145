/* Linear operators, and instruments: linear operators with frames.
 *
 * A propagator is an operator, an instrument is an operator with more entries,
 * and one adjoint test runs over all of them. A new instrument is one file
 * (docs/instruments.md). */
#ifndef PRISMI_INSTRUMENT_H
#define PRISMI_INSTRUMENT_H

#include "core/internal.h"
#include "prismrec/optics.h"

/* ---- linear operators ---- */

struct prism_linop_ops {
    /* Compute y = A x. x stays as it is. */
    int (*forward)(struct prism_linop *op, prism_mem y, prism_mem x);
    /* Compute x = A^H y. May use y as scratch. */
    int (*adjoint)(struct prism_linop *op, prism_mem x, prism_mem y);
    /* Free everything, op itself included. */
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
 * of A_k over the selected frames. An optional entry is NULL if the instrument
 * cannot do it. All entries except select, set_aperture and set_mask only
 * enqueue work and may be recorded. */
struct prismi_instrument;
struct prismi_instrument_ops {
    /* Select the frames of the next calls: index [batch], each below n_frames.
     * At first frames 0, 1, ..., batch-1 are selected. */
    int (*select)(struct prismi_instrument *in, const int32_t *index);

    /* Optional. Set the aperture of frame k, centred at (cy, cx) of the
     * aperture plane. */
    int (*set_aperture)(struct prismi_instrument *in, int k, const struct prism_aperture *shape,
                        double cy, double cx);

    /* Optional; needs params.masks. Set the aperture of frame k to mask
     * [grid,grid], in centred order. Only `rows` rows from row0 on may differ
     * from the frame's previous mask. mask NULL: the frame is dark. */
    int (*set_mask)(struct prismi_instrument *in, int k, const uint8_t *mask, int row0, int rows);

    /* Compute y = A^H A x / normal_scale, without the fields where that is
     * possible. u is scratch, as large as the fields. */
    int (*normal)(struct prismi_instrument *in, prism_mem y, prism_mem x, prism_mem u);

    /* hold() takes an object; fields() then computes what forward() would of
     * that object, for any frames selected or set in between, so that work that
     * depends only on the object is done once. x must not change meanwhile. Any
     * other call of the operator ends the hold. */
    int (*hold)(struct prismi_instrument *in, prism_mem x);
    int (*fields)(struct prismi_instrument *in, prism_mem u);

    /* Optional; both or neither. misfit() does forward, the misfit of the
     * fields and the first part of the adjoint at once; the caller fills loss,
     * target, weight, u and tmp of args. misfit_gradient() must be the next
     * call and does the rest of the adjoint. */
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
    prism_mem held;      /* the object given to prismi_instrument_hold() */
    double norm2;        /* upper bound of the eigenvalues of A_k A_k^H, for every k */
    double normal_scale; /* see normal() */
};

struct prismi_instrument_params {
    enum prism_instrument kind;
    enum prism_dtype dtype; /* PRISM_F32 or PRISM_F64 */
    bool complex_object;
    /* sides in pixels of the aperture plane, the object and the detector */
    int grid, obj, field;
    int n_frames, batch;                      /* frames in total, and in one call */
    bool masks;                               /* frames are set by set_mask, else by set_aperture */
    struct prism_aperture aperture;           /* the largest one that set_aperture will get */
    enum prism_measure_method method;         /* read by sub-apertures only */
    enum prism_propagator propagator;         /* read by propagated only, as are the lengths */
    double distance_m, pitch_m, wavelength_m; /* pitch_m: of an object's pixel */
};

/* A kind of instrument, one row of prismi_instrument_kinds. */
struct prismi_instrument_kind {
    const char *name;
    bool masks;   /* the instrument has set_mask */
    bool lengths; /* the instrument reads propagator, distance_m, pitch_m and wavelength_m */
    /* Refuse a geometry that create would refuse, and log warnings about a
     * doubtful one. */
    int (*check)(struct prism_ctx *ctx, const struct prismi_instrument_params *params);
    int (*create)(struct prism_dev *dev, const struct prismi_instrument_params *params,
                  struct prismi_instrument **out);
};
extern const struct prismi_instrument_kind prismi_instrument_kinds[PRISM_INSTRUMENT_COUNT];
/* Create an instrument of params->kind. Returns 0, PRISM_EINVAL, PRISM_ENOMEM,
 * PRISM_ENOTSUP or PRISM_EDEVICE. */
int prismi_instrument_create(struct prism_dev *dev, const struct prismi_instrument_params *params,
                             struct prismi_instrument **out);
void prismi_instrument_destroy(struct prismi_instrument **in); /* NULL ok */

/* Default entries: select writes the index; normal is forward and adjoint, for
 * a normal_scale of 1; hold keeps the address, and fields is forward of the
 * held object. */
int prismi_instrument_select(struct prismi_instrument *in, const int32_t *index);
int prismi_instrument_normal(struct prismi_instrument *in, prism_mem y, prism_mem x, prism_mem u);
int prismi_instrument_hold(struct prismi_instrument *in, prism_mem x);
int prismi_instrument_fields(struct prismi_instrument *in, prism_mem u);

/* Select the first frames. A create function calls this when index is
 * allocated. */
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
