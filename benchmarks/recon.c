/* A small reconstruction, from nothing to a fixed loss. */
#include "bench.h"
#include "recon/internal.h"

enum { STEPS_MAX = 1500 };

struct goal {
    double loss;
};

static bool go_on(void *user, const struct prism_progress *at)
{
    const struct goal *goal = user;
    bool looked = at->phase == PRISM_PHASE_FIT &&
                  at->phase_step >
                      PRISMI_CHECK_EVERY; /* before this step, the loss is the initialisation's */
    return !(looked && at->loss < goal->loss);
}

static int reconstruct(struct bench *b, const struct bench_workload *w, double goal_loss,
                       struct prism_progress *at)
{
    struct goal goal = {goal_loss};
    struct prism_recon_params p = {0};
    struct prism_dataset *ds = NULL;
    struct prism_session *s = NULL;
    int status;
    p.training.objective = PRISM_OBJ_JOINT;
    p.training.max_steps = STEPS_MAX;
    p.metrics_every = -1;
    PRISM_TRY_OUT(bench_workload_dataset(b->dev, w, &ds));
    PRISM_TRY_OUT(prism_session_create(b->dev, ds, &p, &s));
    status = prism_session_run(s, go_on, &goal);
    status = status == PRISM_ECANCELED ? 0 : status;
    if (!status)
        status = prism_session_evaluate(s);
    prism_session_progress(s, at);
out:
    prism_session_destroy(&s);
    prism_dataset_destroy(&ds);
    return status;
}

static int run_size(struct bench *b, int grid, int obj)
{
    enum { RUNS = 3 };
    const double goal = 0.05;
    struct bench_workload w;
    struct prism_progress at;
    double ms[RUNS];
    char name[BENCH_NAME], fact[BENCH_NAME + 8];
    snprintf(name, sizeof name, "recon/%d/%d", grid, obj);
    if (!bench_wanted(b, name))
        return 0;
    int status =
        bench_workload_create(b, grid, obj, grid / 12, b->n_samples ? b->n_samples : 60, 1, &w);
    for (int i = 0; i < RUNS && !status; i++) {
        double start = bench_now_ms();
        status = reconstruct(b, &w, goal, &at);
        ms[i] = bench_now_ms() - start;
    }
    if (!status)
        status = bench_add_times(b, name, ms, RUNS);
    if (!status) {
        bench_judge(b, name, at.loss < goal, "loss %.4g after %lld steps; the goal is %g within %d",
                    at.loss, (long long)at.step, goal, STEPS_MAX);
        snprintf(fact, sizeof fact, "%s/ssim", name);
        bench_add_fact(b, fact, at.ssim, "");
    }
    bench_workload_release(&w);
    return status;
}

int bench_recon(struct bench *b)
{
    bench_heading(b, "reconstruction to a fixed loss");
    return bench_each_size(b, b->sizes ? b->sizes : "128/64", run_size);
}
