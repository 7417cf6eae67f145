/* The pictures that initialisation fits the image to. */
#include "nn/layer.h"
#include "recon/internal.h"

#include <math.h>

/* Add sample k, resampled to the object's pixels, to out. The field covers the
 * grid with field_size samples; values in between are bilinear. */
static int add_measurement(struct prism_dataset *ds, int k, double weight, double *out)
{
    const struct prism_dataset_params *p = prism_dataset_params(ds);
    int f = p->field_size, o = p->obj_size;
    double pitch = (double)f / p->grid_size;
    const float *a;
    PRISM_TRY(prism_dataset_amplitude(ds, k, &a));
    for (int i = 0; i < o; i++)
        for (int j = 0; j < o; j++) {
            /* the centre of an odd field lies half a pixel before the middle,
             * so its first pixels may lie outside */
            double y = fmin(fmax(f / 2 + (i - o / 2) * pitch, 0), f - 1),
                   x = fmin(fmax(f / 2 + (j - o / 2) * pitch, 0), f - 1);
            int y0 = (int)floor(y), x0 = (int)floor(x);
            int y1 = y0 + 1 < f ? y0 + 1 : f - 1, x1 = x0 + 1 < f ? x0 + 1 : f - 1;
            double ty = y - y0, tx = x - x0;
            double top = (1 - tx) * a[(size_t)y0 * f + x0] + tx * a[(size_t)y0 * f + x1];
            double bottom = (1 - tx) * a[(size_t)y1 * f + x0] + tx * a[(size_t)y1 * f + x1];
            out[(size_t)i * o + j] += weight * ((1 - ty) * top + ty * bottom);
        }
    return 0;
}

static int disc(struct prism_ctx *ctx, int size, double *out)
{
    const struct prism_aperture circle = {.shape = PRISM_APERTURE_CIRCLE, .radius_px = size / 2.0};
    size_t n = (size_t)size * size;
    uint8_t *mask = prismi_alloc(n, 1);
    if (!mask)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory for a disc of %d pixels", size);
    prism_aperture_render(&circle, 0, 0, -(size / 2), -(size / 2), size, size, mask);
    for (size_t i = 0; i < n; i++)
        out[i] = mask[i];
    prismi_free(mask);
    return 0;
}

static void stretch(double *x, size_t n)
{
    double low = x[0], high = x[0];
    for (size_t i = 1; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    for (size_t i = 0; high > low && i < n; i++)
        x[i] = (x[i] - low) / (high - low);
}

int prismi_init_target(struct prism_dev *dev, struct prism_dataset *ds,
                       const struct prism_recon_params *par, enum prism_dtype dtype, double *out)
{
    int o = prism_dataset_params(ds)->obj_size, n = prism_dataset_count(ds);
    enum prism_act act = prismi_decoder_output(&par->decoder);
    for (size_t i = 0; i < (size_t)o * o; i++)
        out[i] = 0;
    switch (par->training.init_target) {
    case PRISM_INIT_TARGET_CIRCLE:
        return disc(prismi_dev_ctx(dev), o, out);
    case PRISM_INIT_TARGET_PROJECTION:
        return prismi_projection_solve(dev, ds, dtype, &par->mopie, par->mopie.init_loops, out);
    case PRISM_INIT_TARGET_MEASUREMENT:
        PRISM_TRY(add_measurement(ds, 0, 1, out));
        break;
    default:
        for (int k = 0; k < n; k++)
            PRISM_TRY(add_measurement(ds, k, 1.0 / n, out));
    }
    /* the activations with an output range of [0,1] */
    if (act == PRISM_ACT_NONE || act == PRISM_ACT_SIGMOID || act == PRISM_ACT_HARDSIGMOID ||
        act == PRISM_ACT_SCALESIGMOID)
        stretch(out, (size_t)o * o);
    return 0;
}
