/* One training step as the original defines it: network forward, measurement
 * through the union mask and the new aperture, normalised L1, backward, Adam,
 * both losses read back. The session's own step is timed, a recorded one if the
 * device records. */
#include "bench.h"

#include <math.h>

/* Checks that the naive way sees the same losses on the same weights and data,
 * before the first update and after it. */
static int verify(struct bench *b, const struct bench_workload *w, const double loss[2])
{
    struct naive *naive = NULL;
    double pair[2], error = 0;
    char name[BENCH_NAME];
    int status;
    PRISM_TRY_OUT(naive_create(b, w, true, &naive));
    PRISM_TRY_OUT(naive_sample(naive, 0));
    PRISM_TRY_OUT(naive_targets(naive));
    for (int i = 0; i < 2; i++) {
        PRISM_TRY_OUT(naive_step(naive, pair));
        error = fmax(error, fabs(loss[i] - pair[1]) / pair[1]);
    }
    snprintf(name, sizeof name, "step/%d/%d/losses", w->grid, w->obj);
    bench_judge(b, name, error < (b->precision == PRISM_PRECISION_FP32 ? 1e-3 : 5e-2),
                "losses %.6g, %.6g of two steps are the naive step's within %.1e", loss[0], loss[1],
                error);
out:
    naive_destroy(&naive);
    return status;
}

static int one_step(void *session)
{
    return prism_session_step(session);
}

static int run_size(struct bench *b, int grid, int obj)
{
    struct bench_workload w;
    struct prism_dataset *ds = NULL;
    struct prism_session *session = NULL;
    struct prism_progress at;
    char name[BENCH_NAME];
    double loss[2];
    bool plain = b->precision == PRISM_PRECISION_FP32;
    snprintf(name, sizeof name, "step/%d/%d%s%s", grid, obj, plain ? "" : "/",
             plain ? "" : cli_get(b->cli, "precision"));
    struct bench_case c = {.name = name, .call = one_step};
    if (!bench_wanted(b, name))
        return 0;
    int status = bench_workload_create(b, grid, obj, grid / 12, 2, 1000000,
                                       &w); /* all steps stay within one sample */
    if (status)
        goto out;
    struct prism_recon_params p = bench_workload_params(&w, b->precision);
    PRISM_TRY_OUT(bench_step_cost(b, grid, obj, &c.cost));
    PRISM_TRY_OUT(bench_workload_dataset(b->dev, &w, &ds));
    PRISM_TRY_OUT(prism_session_create(b->dev, ds, &p, &session));
    for (int i = 0; i < 2; i++) {
        PRISM_TRY_OUT(prism_session_step(session));
        prism_session_progress(session, &at);
        loss[i] = at.loss_new;
    }
    prism_session_destroy(&session);
    PRISM_TRY_OUT(prism_session_create(b->dev, ds, &p, &session));
    c.arg = session;
    PRISM_TRY_OUT(bench_measure(b, &c));
    status = verify(b, &w, loss);
out:
    prism_session_destroy(&session);
    prism_dataset_destroy(&ds);
    bench_workload_release(&w);
    return status;
}

int bench_step(struct bench *b)
{
    bench_heading(b, "training step");
    return bench_each_size(b, b->sizes ? b->sizes : "1024/512,1024/73,512/128,256/128", run_size);
}
