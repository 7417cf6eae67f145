/* A step allocates nothing: the allocator is wrapped by the linker and counts,
 * from step 10 to step 200. */
#include "recon_test.h"

static int calls;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
int __real_posix_memalign(void **p, size_t align, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);
int __wrap_posix_memalign(void **p, size_t align, size_t n);

void *__wrap_malloc(size_t n)
{
    calls++;
    return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    calls++;
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    calls++;
    return __real_realloc(p, n);
}

void *__wrap_aligned_alloc(size_t align, size_t n)
{
    calls++;
    return __real_aligned_alloc(align, n);
}

int __wrap_posix_memalign(void **p, size_t align, size_t n)
{
    calls++;
    return __real_posix_memalign(p, align, n);
}

enum { FROM = 10, TO = 200 };

static void count(struct problem *p, const char *name)
{
    struct prism_session *s = new_session(p);
    run_steps(s, FROM);
    calls = 0;
    run_steps(s, TO - FROM);
    tap(calls == 0 && s->trainer.st.step == TO && s->trainer.st.phase != PRISM_PHASE_DONE,
        "%s on %s: %d allocations in %d steps, snapshots and metrics included", name,
        prism_dev_backend(p->dev), calls, TO - FROM);
    prism_session_destroy(&s);
}

int main(void)
{
    static const char *const backends[] = {"ref", "cpu"};
    struct prism_ctx *ctx = open_ctx();
    for (int i = 0; i < 2; i++) {
        struct prism_dev *dev = open_dev(ctx, backends[i], NULL, 2);
        if (!dev) {
            printf("ok %d - %s # SKIP not in this build\n", ++tap_n, backends[i]);
            continue;
        }
        struct problem p = small_problem(ctx, dev, PRISM_PRECISION_FP32);
        struct prism_training_params *t = &p.par.training;
        p.par.metrics_every = 50;
        t->init_steps = 2 * TO;
        count(&p, "initialisation");
        t->init_steps = 0;
        t->max_steps = 2 * TO;
        t->average = 0.9;
        count(&p, "joint");
        p.par.precision = PRISM_PRECISION_FP16;
        count(&p, "joint fp16");
        p.par.precision = PRISM_PRECISION_FP32;
        propagate_problem(&p);
        count(&p, "joint behind a Fresnel step");
        t->objective = PRISM_OBJ_PROGRESSIVE;
        t->n_epochs = 2 * TO;
        t->adaptive = true;
        t->loss_threshold = 0;
        t->escalation_epochs = 20; /* escalates on the way */
        t->plateau_threshold = 1;
        count(&p, "progressive");
        p.par.algorithm = PRISM_ALG_MOPIE;
        p.par.mopie.loops = TO;
        p.par.mopie.permute = true;
        count(&p, "mopie");
        release_problem(&p);
        prism_dev_close(&dev);
    }
    prism_ctx_destroy(&ctx);
    return tap_end();
}
