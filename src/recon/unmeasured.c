/* A term for the frequencies that no aperture measured. The data say nothing
 * about them, and a network with enough channels fills them with noise, which
 * costs more than the network gains where the apertures measured. Their energy
 * is therefore a term of the loss: w sum |F^-1((1 - M) F x)|^2, where M is the
 * union of the apertures, and w is relative to the energy of the brightest
 * measurement. The gradient is 2 w A^H A x, where A is the same kind of
 * instrument with a single frame: a mask of everything unmeasured. */
#include "optics/optics_internal.h"
#include "recon/internal.h"

static int set_mask(struct prismi_unmeasured *q, struct prism_dataset *ds, bool *any)
{
    const struct prism_dataset_params *dp = prism_dataset_params(ds);
    const double *c = prism_dataset_centres(ds);
    int n = dp->grid_size, status;
    uint8_t *mask = prismi_alloc(q->grid, 1);
    int32_t *count = prismi_alloc(q->grid, sizeof *count);
    *any = false;
    if (!mask || !count) {
        status = PRISM_FAIL(prismi_dev_ctx(q->dev), PRISM_ENOMEM,
                            "no memory for masks of %d x %d pixels", n, n);
        goto out;
    }
    for (int k = 0; k < prism_dataset_count(ds); k++)
        prismi_aperture_cover(&dp->aperture, n, c[2 * k], c[2 * k + 1], count);
    for (size_t i = 0; i < q->grid; i++)
        *any |= mask[i] = !count[i];
    status = q->instrument->ops->set_mask(q->instrument, 0, mask, 0, n);
out:
    prismi_free(mask);
    prismi_free(count);
    return status;
}

int prismi_unmeasured_create(struct prism_dev *dev, struct prism_dataset *ds,
                             enum prism_dtype dtype, bool complex_object, double weight,
                             struct prismi_unmeasured *out)
{
    const struct prism_dataset_params *dp = prism_dataset_params(ds);
    struct prismi_instrument_params ip = prismi_dataset_instrument(ds);
    size_t grid = (size_t)dp->grid_size * dp->grid_size, real = prism_dtype_size(dtype);
    struct prismi_unmeasured *q = out;
    bool any = false;
    int status = 0;
    *q = (struct prismi_unmeasured){.dev = dev, .dtype = dtype, .weight = weight, .grid = grid};
    q->pixels = (size_t)dp->obj_size * dp->obj_size * (complex_object ? 2 : 1);
    if (weight == 0 || !prismi_instrument_kinds[ip.kind].masks)
        return 0;
    ip.dtype = dtype;
    ip.complex_object = complex_object;
    ip.field = ip.grid;
    ip.n_frames = ip.batch = 1;
    ip.masks = true;
    ip.method = PRISM_MEASURE_AUTO;
    PRISM_TRY(prismi_instrument_create(dev, &ip, &q->instrument));
    q->arena.owner = PRISMI_OWNER_FFT;
    prismi_arena_add(&q->arena, 2 * grid * real, &q->field);
    prismi_arena_add(&q->arena, q->pixels * real, &q->gx);
    PRISM_TRY_OUT(prismi_arena_bind(&q->arena, dev));
    PRISM_TRY_OUT(set_mask(q, ds, &any));
out:
    if (status || !any)
        prismi_unmeasured_release(q);
    return status;
}

void prismi_unmeasured_release(struct prismi_unmeasured *q)
{
    prismi_arena_release(&q->arena);
    prismi_instrument_destroy(&q->instrument);
}

int prismi_unmeasured_gradient(struct prismi_unmeasured *q, prism_mem x, prism_mem gx)
{
    if (!q->instrument)
        return 0;
    PRISM_TRY(q->instrument->ops->normal(q->instrument, q->gx, x, q->field));
    return prismi_map(q->dev, PRISM_MAP_AXPBY, q->dtype, 1, q->pixels, gx, gx, q->gx, 0, 1,
                      2 * q->weight * q->instrument->normal_scale);
}
