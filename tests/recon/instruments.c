/* A fit behind every instrument and every propagator, and of photon counts
 * behind sub-apertures: the loss falls, the result resembles the truth, and a
 * run that is stopped and resumed ends in the same bits. On ref. */
#include "prismrec/metrics.h"
#include "support/session.h"
#include "support/setup.h"
#include "support/tap.h"

#include <unistd.h>

enum { GRID = 32, OBJ = 16, ACROSS = 5, FRAMES = ACROSS * ACROSS };
enum fit { JOINT, PROGRESSIVE, SERIAL, PARALLEL, JOINT_COUNTS, PIXELS_COUNTS, FITS };

static char path[300];

static const struct instrument_case {
    const char *name;
    enum prism_instrument instrument;
    enum prism_propagator propagator;
    double distance_m;
    double rmse_percent[FITS]; /* the limit, relative to the truth's norm; 0: this instrument has no
                                  such fit */
} cases[] = {
    {"sub-apertures", PRISM_INSTRUMENT_SUBAPERTURE, PRISM_FRAUNHOFER, 0, {25, 25, 5, 5, 25, 25}},
    {"fraunhofer", PRISM_INSTRUMENT_PROPAGATED, PRISM_FRAUNHOFER, 0, {25, 25, 5, 5}},
    {"fresnel", PRISM_INSTRUMENT_PROPAGATED, PRISM_FRESNEL, 0.02, {25, 25, 5, 5}},
    {"angular spectrum",
     PRISM_INSTRUMENT_PROPAGATED,
     PRISM_ANGULAR_SPECTRUM,
     0.005,
     {25, 25, 5, 5}},
    {"identity", PRISM_INSTRUMENT_IDENTITY, PRISM_FRAUNHOFER, 0, {25, 0, 1, 1}},
};

static struct experiment problem_of(const struct instrument_case *c, enum fit fit)
{
    struct experiment p = small_experiment(ctx, dev, PRISM_PRECISION_FP32);
    struct prism_dataset_params dp = *prism_dataset_params(p.ds);
    double centres[FRAMES][2];
    for (int k = 0; k < FRAMES; k++) { /* from the middle outwards, as in a pattern */
        const int at = (k + FRAMES / 2) % FRAMES;
        centres[k][0] = 5.3 * (at / ACROSS - ACROSS / 2);
        centres[k][1] = 5.3 * (at % ACROSS - ACROSS / 2);
    }
    dp.instrument = c->instrument;
    dp.propagator = c->propagator;
    dp.distance_m = c->distance_m;
    dp.pitch_m = 1e-5;
    dp.wavelength_m = 5e-7;
    dp.aperture.radius_px = 5;
    p.n = FRAMES;
    prism_dataset_destroy(&p.ds);
    MUST(ctx, prism_dataset_simulate(dev, &dp, p.truth, &centres[0][0], p.n, &p.ds));
    static const enum prism_algorithm algorithms[FITS] = {[SERIAL] = PRISM_ALG_MOPIE,
                                                          [PARALLEL] = PRISM_ALG_MOPIE,
                                                          [PIXELS_COUNTS] = PRISM_ALG_OBJECT};
    p.par.algorithm = algorithms[fit];
    if (fit == JOINT_COUNTS || fit == PIXELS_COUNTS) {
        p.par.training.loss_weights[PRISM_LOSS_L1] = 0;
        p.par.training.loss_weights[PRISM_LOSS_POISSON] = 1;
    }
    p.par.mopie.parallel = fit == PARALLEL;
    p.par.mopie.loops = fit == PARALLEL ? 60 : 8;
    p.par.training.objective = fit == PROGRESSIVE ? PRISM_OBJ_PROGRESSIVE : PRISM_OBJ_JOINT;
    p.par.training.max_steps = fit == JOINT_COUNTS || fit == PIXELS_COUNTS ? 800 : 200;
    p.par.training.lr = fit == PIXELS_COUNTS ? 2e-2 : 4e-3;
    p.par.training.batch = 5;
    p.par.training.n_epochs = 20;
    return p;
}

/* The first and the last loss that the fit reads; most steps read none. */
static void run(struct prism_session *s, double *first, double *last)
{
    *first = *last = NAN;
    while (s->trainer.st.phase != PRISM_PHASE_DONE) {
        const bool init = s->trainer.st.phase == PRISM_PHASE_INIT;
        MUST(ctx, prism_session_step(s));
        if (init || s->trainer.st.pending > 0)
            continue;
        *first = isnan(*first) ? s->trainer.st.loss : *first;
        *last = s->trainer.st.loss;
    }
}

static void check(const struct instrument_case *c, enum fit fit)
{
    static const char *const names[] = {
        "joint",         "progressive",   "projections, one by one", "projections, all at once",
        "joint poisson", "pixels poisson"};
    struct experiment p = problem_of(c, fit);
    double first, last, *x = new_array(OBJ * OBJ, sizeof *x);
    struct prism_session *s = new_session(&p);
    run(s, &first, &last);
    MUST(ctx, prism_session_result(s, x));
    const uint64_t whole = session_hash(s);
    const int steps = (int)s->trainer.st.step;
    const double rmse = prism_rmse_percent(x, p.truth, OBJ * OBJ);
    prism_session_destroy(&s);
    tap((fit == PROGRESSIVE || last < first) && rmse < c->rmse_percent[fit],
        "%s, %s: loss from %.3g to %.3g, RMSE %.2f %%", c->name, names[fit], first, last, rmse);

    s = new_session(&p);
    run_steps(s, steps / 2);
    MUST(ctx, prism_session_save(s, path, NULL));
    prism_session_destroy(&s);
    s = new_session(&p);
    MUST(ctx, prism_session_load(s, path));
    run_steps(s, steps - steps / 2);
    tap(session_hash(s) == whole, "%s, %s: resumed to the same bits", c->name, names[fit]);
    prism_session_destroy(&s);
    release_experiment(&p);
    free(x);
}

int main(void)
{
    fixture_open();
    snprintf(path, sizeof path, "%s/state", folder);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int fit = 0; fit < FITS; fit++)
            if (cases[i].rmse_percent[fit] > 0)
                check(&cases[i], (enum fit)fit);
    fixture_close();
    return tap_end();
}
