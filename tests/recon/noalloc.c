/* No step from 10 to 200 allocates anything. */
#include "support/alloc_wrap.h"
#include "support/session.h"
#include "support/tap.h"

enum { FROM = 10, TO = 200 };

static void count(struct experiment *p, const char *name)
{
    struct prism_session *s = new_session(p);
    run_steps(s, FROM);
    heap.calls = 0;
    run_steps(s, TO - FROM);
    tap(heap.calls == 0 && s->trainer.st.step == TO && s->trainer.st.phase != PRISM_PHASE_DONE,
        "%s on %s: %d allocations in %d steps, snapshots and metrics included", name,
        prism_dev_backend(p->dev), heap.calls, TO - FROM);
    prism_session_destroy(&s);
}

int main(void)
{
    static const char *const backends[] = {"ref", "cpu"};
    struct prism_ctx *ctx = open_ctx();
    for (int i = 0; i < 2; i++) {
        struct prism_dev *dev = open_dev(ctx, backends[i], NULL, 2);
        if (!dev) {
            tap_skip(backends[i], "not in this build");
            continue;
        }
        struct experiment p = small_experiment(ctx, dev, PRISM_PRECISION_FP32);
        struct prism_training_params *t = &p.par.training;
        p.par.metrics_every = 50;
        t->init_steps = 2 * TO;
        count(&p, "initialisation");
        t->init_steps = -1;
        t->max_steps = 2 * TO;
        t->average = 0.9;
        count(&p, "joint");
        p.par.precision = PRISM_PRECISION_FP16;
        count(&p, "joint fp16");
        p.par.precision = PRISM_PRECISION_FP32;
        propagate_experiment(&p);
        count(&p, "joint behind a Fresnel step");
        t->objective = PRISM_OBJ_PROGRESSIVE;
        t->n_epochs = 2 * TO;
        t->adaptive = true;
        t->loss_threshold = -1;
        t->escalation_epochs = 20; /* the run escalates within the counted steps */
        t->plateau_threshold = 1;
        count(&p, "progressive");
        p.par.algorithm = PRISM_ALG_MOPIE;
        p.par.mopie.loops = TO;
        p.par.mopie.permute = true;
        count(&p, "mopie");
        release_experiment(&p);
        prism_dev_close(&dev);
    }
    prism_ctx_destroy(&ctx);
    return tap_end();
}
