/* Thread pool of the CPU backend, whose workers park quickly.
 *
 * The calling thread takes items like any worker, then waits only for workers
 * that hold an item; it does not wait for a worker that the system has not
 * scheduled yet. A barrier over a team (OpenMP's parallel region) would wait
 * for that worker, and on a busy machine every region then costs a time slice
 * (docs/decisions/005-threads.md). A forked child has no workers and runs
 * everything itself. */
#include "backend_cpu/cpu.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    /* element operations below which handing out work costs more than it
     * saves */
    SERIAL_BELOW = 32768,
    /* pauses before a worker sleeps: longer than the gap between two operations
     * of a step */
    SPIN = 4000,
};

struct prismi_cpu_pool {
    atomic_uint epoch; /* number of the job */
    atomic_bool open;  /* the job still has items to hand out */
    atomic_int inside; /* workers looking at the job */
    prismi_cpu_item *run;
    const void *arg;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    atomic_int sleepers;
    atomic_bool quit;
    pid_t owner;              /* the process the workers live in */
    int n_threads, n_workers; /* the caller is thread 0 */
    struct member {
        _Alignas(64) atomic_size_t next; /* next item of this thread's own share */
        size_t end;
        struct prismi_cpu_pool *pool;
        pthread_t id;
        int thread;
    } members[];
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void take_items(struct prismi_cpu_pool *p, int thread)
{
    /* A thread takes its own share first, because the same core had that share
     * in the last operation; then it takes what others have not begun. */
    for (int k = 0; k < p->n_threads; k++) {
        struct member *m = &p->members[(thread + k) % p->n_threads];
        for (size_t i; (i = atomic_fetch_add(&m->next, 1)) < m->end;)
            p->run(p->arg, i, thread);
    }
}

static void await_job(struct prismi_cpu_pool *p, unsigned seen)
{
    for (int spin = 0; spin < SPIN; spin++) {
        if (atomic_load(&p->epoch) != seen)
            return;
        relax();
    }
    pthread_mutex_lock(&p->mutex);
    /* raised before epoch is read, because prismi_cpu_for() reads sleepers
     * after raising epoch */
    atomic_fetch_add(&p->sleepers, 1);
    while (atomic_load(&p->epoch) == seen && !atomic_load(&p->quit))
        pthread_cond_wait(&p->wake, &p->mutex);
    atomic_fetch_sub(&p->sleepers, 1);
    pthread_mutex_unlock(&p->mutex);
}

static void *work(void *arg)
{
    const struct member *w = arg;
    struct prismi_cpu_pool *p = w->pool;
    for (unsigned seen = 0; !atomic_load(&p->quit);) {
        await_job(p, seen);
        seen = atomic_load(&p->epoch);
        atomic_fetch_add(&p->inside, 1);
        if (atomic_load(&p->open))
            take_items(p, w->thread);
        atomic_fetch_sub(&p->inside, 1);
    }
    return NULL;
}

static void wake_sleepers(struct prismi_cpu_pool *p)
{
    if (atomic_load(&p->sleepers) == 0)
        return;
    pthread_mutex_lock(&p->mutex);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->mutex);
}

void prismi_cpu_for(const struct prism_dev *dev, size_t n, double cost, prismi_cpu_item *run,
                    const void *arg)
{
    struct prismi_cpu_pool *p = prismi_cpu(dev)->pool;
    if (!p || n < 2 || cost < SERIAL_BELOW || p->owner != getpid()) {
        for (size_t i = 0; i < n; i++)
            run(arg, i, 0);
        return;
    }
    p->run = run; /* no worker is inside: the last job waited for all of them */
    p->arg = arg;
    for (int t = 0; t < p->n_threads; t++) {
        atomic_store(&p->members[t].next, n * (size_t)t / (size_t)p->n_threads);
        p->members[t].end = n * (size_t)(t + 1) / (size_t)p->n_threads;
    }
    atomic_store(&p->open, true);
    atomic_fetch_add(&p->epoch, 1);
    wake_sleepers(p);
    take_items(p, 0);
    atomic_store(&p->open, false);
    for (int spin = 0; atomic_load(&p->inside) > 0; spin++) {
        if (spin < SPIN)
            relax();
        else
            sched_yield(); /* a worker lost its core in the middle of an item: give it this one */
    }
}

void prismi_cpu_pool_destroy(struct prismi_cpu_pool *p)
{
    if (!p)
        return;
    if (p->owner != getpid()) {
        free(p);
        return;
    }
    atomic_store(&p->quit, true);
    atomic_fetch_add(&p->epoch, 1);
    wake_sleepers(p);
    for (int i = 1; i <= p->n_workers; i++)
        pthread_join(p->members[i].id, NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->mutex);
    free(p);
}

int prismi_cpu_pool_create(struct prism_dev *dev, int threads)
{
    struct cpu *cpu = prismi_cpu(dev);
    if (threads < 2)
        return 0;
    struct prismi_cpu_pool *p =
        prismi_cpu_alloc(1, sizeof *p + (size_t)threads * sizeof *p->members);
    if (!p)
        return CPU_FAIL(dev, PRISM_ENOMEM, "no memory for %d threads; use fewer", threads);
    cpu->pool = p;
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->wake, NULL);
    p->owner = getpid();
    p->n_threads = threads;
    for (int t = 1; t < threads; t++) {
        struct member *w = &p->members[t];
        w->pool = p;
        w->thread = t;
        if (pthread_create(&w->id, NULL, work, w))
            return CPU_FAIL(dev, PRISM_ENOMEM,
                            "the system refused thread %d of %d; set fewer threads", t + 1,
                            threads);
        p->n_workers++;
    }
    return 0;
}

int prismi_cpu_count(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
    return n > 0 ? n : 1;
}
