/* Runs a grid: one block after the other, and the threads of a block as fibers.
 *
 * A fiber runs one thread after the other. Only a thread that must wait is
 * parked, together with its fiber, and another fiber continues. So a kernel
 * without barriers costs no switch per thread. A barrier opens when every
 * thread that has not returned waits at it. */
#include "model.h"

#include <algorithm>
#include <cstdio>
#include <deque>
#include <numeric>
#include <random>
#include <sys/mman.h>
#include <vector>

#if !defined(__x86_64__) && !defined(CUDA_MODEL_UCONTEXT)
#define CUDA_MODEL_UCONTEXT
#endif
#ifdef CUDA_MODEL_UCONTEXT
#include <ucontext.h>
#endif
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define CUDA_MODEL_ASAN
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define CUDA_MODEL_ASAN
#endif
#ifdef CUDA_MODEL_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

#ifndef CUDA_MODEL_UCONTEXT
extern "C" void cuda_model_switch(void **save, void *sp);
__asm__(".text\n"
        ".globl cuda_model_switch\n"
        ".hidden cuda_model_switch\n"
        ".type cuda_model_switch,@function\n"
        "cuda_model_switch:\n"
        "    pushq %rbp\n    pushq %rbx\n    pushq %r12\n    pushq %r13\n    pushq %r14\n    pushq "
        "%r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n    popq %r14\n    popq %r13\n    popq %r12\n    popq %rbx\n    popq %rbp\n"
        "    ret\n"
        ".size cuda_model_switch, .-cuda_model_switch\n");
#endif

namespace
{
enum { STACK_BYTES = 256 << 10, GUARD_BYTES = 4096, WARP = 32 };

struct fiber {
#ifdef CUDA_MODEL_UCONTEXT
    ucontext_t context;
#else
    void *sp = nullptr;
#endif
    const void *stack = nullptr; /* address and size, for the sanitizer */
    size_t stack_bytes = 0;
    void *fake_stack = nullptr;
};

enum wait { RUNS, AT_BARRIER, AT_WARP, AT_SHUFFLE, RETURNED };
struct thread {
    enum wait wait;
    struct fiber *fiber;
    uint64_t value, result; /* what the lane passes to a shuffle, and what it gets */
    int source;             /* lane from which the value comes */
};
struct warp {
    int live, waiting;
    bool shuffles; /* true if the waiting lanes are at a shuffle, false if at __syncwarp */
};

struct fiber main_fiber, *running = &main_fiber;
std::deque<struct fiber> fibers; /* every fiber made so far */
std::vector<struct fiber *> idle;

/* State of the block that runs. */
const std::function<void()> *body;
std::vector<struct thread> threads;
std::vector<struct warp> warps;
std::vector<uint3> index_of; /* threadIdx by linear thread number, which counts everything here */
std::vector<int> order;      /* order in which threads start */
std::vector<int> by_warp;    /* the same order, warp by warp */
std::vector<int> ready;      /* parked threads that may continue */
size_t started, resumed;     /* positions in order and ready */
/* running thread; threads that have not returned; number of them at
 * __syncthreads */
int current, live, at_barrier;

/* ---- switching ---- */

void arrived(struct fiber *self)
{
#ifdef CUDA_MODEL_ASAN
    const void *stack;
    size_t bytes;
    __sanitizer_finish_switch_fiber(self->fake_stack, &stack, &bytes);
    /* the main fiber's stack, seen on the first switch away from it */
    if (running == &main_fiber) {
        main_fiber.stack = stack;
        main_fiber.stack_bytes = bytes;
    }
#endif
    running = self;
}

void switch_to(struct fiber *next)
{
    struct fiber *self = running;
    if (next == self)
        return;
#ifdef CUDA_MODEL_ASAN
    __sanitizer_start_switch_fiber(&self->fake_stack, next->stack, next->stack_bytes);
#endif
#ifdef CUDA_MODEL_UCONTEXT
    swapcontext(&self->context, &next->context);
#else
    cuda_model_switch(&self->sp, next->sp);
#endif
    arrived(self);
}

void fiber_main();
struct fiber *starting; /* fiber that is about to enter fiber_main() */

struct fiber *new_fiber()
{
    fibers.emplace_back();
    struct fiber *f = &fibers.back();
    char *p = (char *)mmap(nullptr, STACK_BYTES, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED || mprotect(p, GUARD_BYTES, PROT_NONE)) {
        perror("cuda_model: stack of a fiber");
        abort();
    }
    f->stack = p + GUARD_BYTES;
    f->stack_bytes = STACK_BYTES - GUARD_BYTES;
#ifdef CUDA_MODEL_UCONTEXT
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = p + GUARD_BYTES;
    f->context.uc_stack.ss_size = STACK_BYTES - GUARD_BYTES;
    f->context.uc_link = nullptr;
    makecontext(&f->context, fiber_main, 0);
#else
    void **top = (void **)(p + STACK_BYTES);
    /* the first switch returns to fiber_main; above it lies no return
     * address */
    top[-2] = (void *)fiber_main;
    f->sp = top - 8; /* below it lie six saved registers */
    top[-1] = nullptr;
#endif
    return f;
}

/* Chooses the next fiber: that of a thread that may continue, else one for
 * threads that have not started, else the main fiber, which ends the block. */
struct fiber *next_fiber()
{
    if (resumed < ready.size())
        return threads[ready[resumed++]].fiber;
    if (started == order.size())
        return &main_fiber;
    struct fiber *f;
    if (idle.empty())
        starting = f = new_fiber();
    else {
        f = idle.back();
        idle.pop_back();
    }
    return f;
}

/* ---- waiting ---- */

void let_go(enum wait kind, const std::vector<int> &in_order, size_t first, size_t end)
{
    if (resumed == ready.size()) {
        ready.clear();
        resumed = 0;
    }
    for (size_t i = first; i < end; i++)
        if (threads[in_order[i]].wait == kind) {
            threads[in_order[i]].wait = RUNS;
            ready.push_back(in_order[i]);
        }
}

void open_barrier()
{
    if (at_barrier && at_barrier == live) {
        at_barrier = 0;
        let_go(AT_BARRIER, order, 0, order.size());
    }
}

void open_warp(int w)
{
    struct warp *p = &warps[w];
    if (!p->waiting || p->waiting != p->live)
        return;
    int first = w * WARP, end = std::min<int>(first + WARP, (int)threads.size());
    for (int t = first; p->shuffles && t < end; t++) {
        int s = first + threads[t].source;
        /* the source lane has returned */
        threads[t].result =
            s < end && threads[s].wait == AT_SHUFFLE ? threads[s].value : ~(uint64_t)0;
    }
    p->waiting = 0;
    let_go(p->shuffles ? AT_SHUFFLE : AT_WARP, by_warp, first, end);
}

void park(enum wait kind)
{
    int self = current;
    threads[self].wait = kind;
    threads[self].fiber = running;
    if (kind == AT_BARRIER) {
        at_barrier++;
        open_barrier();
    } else {
        struct warp *p = &warps[self / WARP];
        if (p->waiting && p->shuffles != (kind == AT_SHUFFLE))
            cuda_model_fault(cudaErrorLaunchFailure,
                             "lanes of one warp wait at a shuffle and at __syncwarp");
        p->shuffles = kind == AT_SHUFFLE;
        p->waiting++;
        open_warp(self / WARP);
    }
    switch_to(next_fiber());
    current = self;
    threadIdx = index_of[self];
}

/* Body of a fiber. Fibers never end: an idle one continues here, after its
 * switch. */
void fiber_main()
{
    arrived(starting);
    for (;;) {
        while (started < order.size()) {
            int t = current = order[started++];
            threadIdx = index_of[t];
            (*body)();
            t = current;
            threads[t].wait = RETURNED;
            live--;
            open_barrier();
            warps[t / WARP].live--;
            open_warp(t / WARP);
            /* parked threads continue first, so that fewer stacks are in use */
            if (resumed < ready.size())
                break;
        }
        idle.push_back(running);
        switch_to(next_fiber());
    }
}

/* Runs one block. Returns true if every thread returned. */
bool run_block()
{
    int n = (int)threads.size(), n_warps = (int)warps.size();
    for (struct thread &t : threads)
        t.wait = RUNS;
    for (int w = 0; w < n_warps; w++)
        warps[w] = {std::min<int>(WARP, n - w * WARP), 0, false};
    ready.clear();
    started = resumed = 0;
    at_barrier = 0;
    live = n;
    switch_to(next_fiber());
    if (!live)
        return true;
    int at[5] = {0}; /* the parked fibers are left alone and keep their stacks */
    for (const struct thread &t : threads)
        at[t.wait]++;
    char why[160];
    snprintf(why, sizeof why,
             "deadlock in block (%u, %u, %u): %d threads at __syncthreads, %d at __syncwarp, %d at "
             "a shuffle, %d returned",
             blockIdx.x, blockIdx.y, blockIdx.z, at[AT_BARRIER], at[AT_WARP], at[AT_SHUFFLE],
             at[RETURNED]);
    cuda_model_fault(cudaErrorLaunchFailure, why);
    return false;
}

template <class T> void arrange(std::vector<T> &v, enum cuda_model_order how)
{
    static std::minstd_rand random(1);
    std::iota(v.begin(), v.end(), T(0));
    if (how == CUDA_MODEL_REVERSE)
        std::reverse(v.begin(), v.end());
    if (how == CUDA_MODEL_SHUFFLE)
        std::shuffle(v.begin(), v.end(), random);
}
} // namespace

void cuda_model_run_grid(dim3 grid, dim3 block, enum cuda_model_order how,
                         const std::function<void()> &thread)
{
    size_t n = (size_t)block.x * block.y * block.z;
    body = &thread;
    gridDim = grid;
    blockDim = block;
    threads.resize(n);
    warps.resize((n + WARP - 1) / WARP);
    order.resize(n);
    arrange(order, how);
    by_warp = order;
    std::stable_sort(by_warp.begin(), by_warp.end(),
                     [](int a, int b) { return a / WARP < b / WARP; });
    index_of.resize(n);
    for (unsigned t = 0; t < n; t++)
        index_of[t] = {t % block.x, t / block.x % block.y, t / block.x / block.y};
    std::vector<size_t> blocks((size_t)grid.x * grid.y * grid.z);
    arrange(blocks, how);
    for (size_t b : blocks) {
        blockIdx = {(unsigned)(b % grid.x), (unsigned)(b / grid.x % grid.y),
                    (unsigned)(b / grid.x / grid.y)};
        if (!run_block())
            return;
    }
}

void __syncthreads()
{
    park(AT_BARRIER);
}

void __syncwarp(unsigned mask)
{
    if (mask != ~0u)
        cuda_model_fault(cudaErrorLaunchFailure, "__syncwarp: only the full mask is modelled");
    park(AT_WARP);
}

uint64_t cuda_model_shuffle(unsigned mask, enum cuda_model_shuffle kind, uint64_t bits, int arg,
                            int width)
{
    if (mask != ~0u)
        cuda_model_fault(cudaErrorLaunchFailure, "shuffle: only the full mask is modelled");
    int self = current, lane = self % WARP, first = lane & ~(width - 1), source;
    if (kind == CUDA_MODEL_SHFL_IDX)
        source = first | (arg & (width - 1));
    else
        source = kind == CUDA_MODEL_SHFL_DOWN ? lane + arg : lane ^ arg;
    /* a source outside the group gives the lane's own value */
    threads[self].source = source < first + width ? source : lane;
    threads[self].value = bits;
    park(AT_SHUFFLE);
    return threads[self].result;
}
