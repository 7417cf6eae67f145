/* Progressive workloads: a built-in object seen through a Fermat spiral of
 * apertures. */
#include "bench.h"
#include "prismrec/image.h"

#include <stdlib.h>
#include <string.h>

int bench_workload_create(struct bench *b, int grid, int obj, int radius, int n_samples,
                          int n_epochs, struct bench_workload *out)
{
    /* the largest radius at which no aperture is cut off */
    const struct prism_pattern_params pattern = {
        .kind = PRISM_PATTERN_FERMAT, .n_samples = n_samples, .roi_diameter_px = grid - 2 * radius};
    size_t pixels = (size_t)obj * (size_t)obj;
    *out = (struct bench_workload){
        .grid = grid, .obj = obj, .radius = radius, .n_epochs = n_epochs, .lr = 1e-3, .seed = 1};
    out->truth = malloc(pixels * sizeof *out->truth);
    if (!out->truth)
        return PRISM_FAIL(b->ctx, PRISM_ENOMEM, "no memory for an object of %d pixels", obj);
    PRISM_TRY(prism_object_builtin(b->ctx, "moon", obj, 0, out->truth));
    return prism_pattern_create(b->ctx, &pattern, &out->centres, &out->n_samples);
}

void bench_workload_release(struct bench_workload *w)
{
    free(w->truth);
    free(w->centres);
    *w = (struct bench_workload){.grid = 0};
}

int bench_workload_dataset(struct prism_dev *dev, const struct bench_workload *w,
                           struct prism_dataset **out)
{
    const struct prism_dataset_params p = {
        .grid_size = w->grid, .obj_size = w->obj, .aperture = {.radius_px = w->radius}};
    return prism_dataset_simulate(dev, &p, w->truth, w->centres, w->n_samples, out);
}

/* Exactly n_epochs steps per sample: no sample converges, stops early or is
 * tried again. */
struct prism_recon_params bench_workload_params(const struct bench_workload *w,
                                                enum prism_precision precision)
{
    struct prism_recon_params p = {
        .precision = precision,
        .decoder = {.min_channels = 1, .output_activation = PRISM_OUTPUT_NONE},
        .seed = w->seed,
        .metrics_every = -1};
    p.training.objective = PRISM_OBJ_PROGRESSIVE;
    p.training.loss_weights[PRISM_LOSS_L1] = 1;
    p.training.lr = w->lr;
    p.training.schedule = PRISM_SCHEDULE_CONSTANT;
    p.training.init_steps = -1;
    p.training.n_epochs = w->n_epochs;
    p.training.max_epochs = 1;
    p.training.loss_threshold = -1;
    p.training.max_retries = -1;
    p.training.retry_lr_multiplier = 1;
    return p;
}

int bench_each_size(struct bench *b, const char *sizes,
                    int (*each)(struct bench *b, int grid, int obj))
{
    int grid, obj, used;
    for (const char *p = sizes; *p; p += used + (p[used] == ',')) {
        if (sscanf(p, "%d/%d%n", &grid, &obj, &used) != 2 || (p[used] && p[used] != ',') ||
            obj < 1 || grid < obj)
            return PRISM_FAIL(b->ctx, PRISM_EINVAL,
                              "--sizes: '%s' is not a list of GRID/OBJECT such as 1024/512,256/128",
                              sizes);
        PRISM_TRY(each(b, grid, obj));
    }
    return 0;
}
