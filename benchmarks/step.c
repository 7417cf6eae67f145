/* One training step as the original defines it: network forward, measurement through the union mask and the new aperture,
 * normalised L1, backward, Adam, both losses read back. */
#include "bench.h"

#include "prismrec/recon.h"

#include <stdio.h>
#include <stdlib.h>

static int one_step(const void *session)
{
    return prism_session_step((struct prism_session *)(uintptr_t)session);
}

static int bench_size(const struct bench *b, int grid, int obj)
{
    static const double centres[][2] = {{0, 0}, {9, 4}};
    struct prism_dataset_params dp = {.grid_size = grid, .obj_size = obj, .aperture = {.radius_px = grid / 12}};
    struct prism_recon_params rp = {.dtype = PRISM_F32};
    struct prism_dataset *ds = NULL;
    struct prism_session *session = NULL;
    char name[64];
    double *truth = malloc((size_t)obj * obj * sizeof *truth);
    int status = truth ? 0 : PRISM_ENOMEM;
    for (int i = 0; truth && i < obj * obj; i++)
        truth[i] = (i * 7919 % 1000) * 1e-3;
    rp.training.objective = PRISM_OBJ_PROGRESSIVE;
    rp.training.loss_weights[PRISM_LOSS_L1] = 1;
    rp.training.lr = 1e-3;
    rp.training.n_epochs = 1000000; /* stays within one sample */
    rp.training.max_epochs = 1;
    rp.training.retry_lr_multiplier = 1;
    snprintf(name, sizeof name, "step/%d/%d", grid, obj);
    status = status ? status : prism_dataset_simulate(b->dev, &dp, truth, centres[0], 2, NULL, &ds);
    status = status ? status : prism_session_create(b->dev, ds, &rp, &session);
    status = status ? status : bench_measure(b, name, one_step, session, 0, NULL);
    prism_session_destroy(&session);
    prism_dataset_destroy(&ds);
    free(truth);
    return status;
}

int bench_step(const struct bench *b)
{
    int status = 0, grid, obj, used;
    for (const char *p = b->sizes; *p && !status; p += used + (p[used] == ',')) {
        if (sscanf(p, "%d/%d%n", &grid, &obj, &used) != 2)
            return PRISM_EINVAL;
        status = bench_size(b, grid, obj);
    }
    return status;
}
