/* Checks that the strict backend catches what it exists for: host dereferences
 * fault, fresh memory is NaN, released memory is gone, a capture runs nothing
 * and takes only entries that enqueue, a replay uses the memory's contents of
 * its own time, wrong hints are found; and the device can run out of memory or
 * be lost. checkops checks its kernels. argv[1]: the folder of the plugin. */
#include "prismrec/backend.h"
#include "prismrec/ctx.h"

#include <dlfcn.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int tests, failures, errors_logged;

static void report(bool good, const char *what)
{
    failures += !good;
    printf("%sok %d - %s\n", good ? "" : "not ", ++tests, what);
    fflush(stdout);
}

static void count_errors(void *user, enum prism_log_level level, const char *text)
{
    (void)user;
    (void)text;
    errors_logged += level == PRISM_LOG_ERROR;
}

enum access { TOUCH, STORE, READ_BACK, REPLAY };

/* True if this access kills a child process by SIGSEGV. */
static bool faults(struct prism_dev *dev, enum access access, void *at)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        struct rlimit none = {0, 0};
        unsigned char byte;
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGSEGV, SIG_DFL); /* also if a sanitizer has its own handler */
        if (access == TOUCH)
            (void)*(volatile unsigned char *)at;
        else if (access == STORE)
            *(volatile unsigned char *)at = 1;
        else if (access == READ_BACK)
            dev->ops->read(dev, &byte, at, 1);
        else
            dev->ops->replay(at);
        _exit(0);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
           WTERMSIG(status) == SIGSEGV;
}

static void test_memory(struct prism_dev *dev)
{
    enum { N = 1003 };
    double host[N], back[N];
    prism_mem a = NULL, b = NULL;
    bool nan = true;
    int status = dev->ops->alloc(dev, sizeof host, &a);

    status |= dev->ops->alloc(dev, sizeof host, &b);
    report(!status && a && b && (uintptr_t)a % dev->caps.align == 0, "alloc");
    status = dev->ops->read(dev, back, a, sizeof back);
    for (int i = 0; i < N; i++) {
        nan &= isnan(back[i]);
        host[i] = i;
    }
    report(!status && nan, "fresh memory is NaN");
    report(faults(dev, TOUCH, a) && faults(dev, TOUCH, a + sizeof host - 1), "a host read faults");
    report(faults(dev, STORE, a), "a host write faults");
    report(faults(dev, READ_BACK, a + sizeof host + dev->caps.align),
           "an overrun of a kernel faults");
    report(!faults(dev, READ_BACK, a), "a kernel's own access does not");
    status = dev->ops->write(dev, a, host, sizeof host);
    status |= dev->ops->copy(dev, b, a, sizeof host);
    status |= dev->ops->read(dev, back, b, sizeof back);
    report(!status && !memcmp(host, back, sizeof host), "write, copy, read");
    dev->ops->release(dev, a);
    report(faults(dev, READ_BACK, a), "released memory is gone");
    report(errors_logged == 0, "nothing logged so far");
    dev->ops->release(dev, a);
    report(errors_logged == 1, "a double release is logged");
}

/* Closes the device with the one block that test_memory() did not release. */
static void test_close(struct prism_dev **dev)
{
    int before = errors_logged;

    prism_dev_close(dev);
    report(errors_logged == before + 1, "memory left behind is logged");
}

/* ---- replay ---- */

/* One number p under Adam with b1 = b2 = 0: p -= step[0] u g/|u g|. */
struct walk {
    prism_mem p, m, v, g, step;
};

static int walk_create(struct prism_dev *dev, struct walk *w)
{
    static const double ones[3] = {1, 1, 1};
    prism_mem *mem[] = {&w->p, &w->m, &w->v, &w->g, &w->step};
    int status = 0;

    for (int i = 0; i < 5 && !status; i++) {
        status = dev->ops->alloc(dev, sizeof ones, mem[i]);
        if (!status)
            status = dev->ops->write(dev, *mem[i], ones, sizeof ones);
    }
    return status;
}

static void walk_release(struct prism_dev *dev, struct walk *w)
{
    prism_mem mem[] = {w->p, w->m, w->v, w->g, w->step};

    for (int i = 0; i < 5; i++)
        dev->ops->release(dev, mem[i]);
}

static int walk_enqueue(struct prism_dev *dev, const struct walk *w)
{
    struct prism_map_args a = {.y = {w->p, w->m, w->v}, .x = {w->g, w->step}};
    int status = dev->ops->map(dev, PRISM_MAP_ADAM, PRISM_F64, 1, 1, &a);

    memset(&a, 0, sizeof a); /* the record has a copy */
    return status;
}

static double walk_at(struct prism_dev *dev, const struct walk *w)
{
    double p = NAN;

    dev->ops->read(dev, &p, w->p, sizeof p);
    return p;
}

/* Replays with another rate, gradient and u; returns the new p. */
static double walk_on(struct prism_dev *dev, const struct walk *w, struct prism_replay *r,
                      double rate, double g, double u)
{
    const double step[] = {rate, 1, u};

    if (dev->ops->write(dev, w->step, step, sizeof step) ||
        dev->ops->write(dev, w->g, &g, sizeof g) || dev->ops->replay(r))
        return NAN;
    return walk_at(dev, w);
}

static void test_replay(struct prism_dev *dev)
{
    struct walk w;
    struct prism_replay *r = NULL;
    prism_mem again[5];
    int status = walk_create(dev, &w);

    report(!status && dev->caps.flags & PRISM_CAPS_REPLAY, "the device replays");
    status = dev->ops->capture_begin(dev);
    status |= walk_enqueue(dev, &w);
    status |= dev->ops->capture_end(dev, &r);
    report(!status && r, "capture");
    report(walk_at(dev, &w) == 1, "a capture runs nothing");
    report(walk_on(dev, &w, r, 0.5, 3, 1) == 0.5, "a replay runs it");
    report(walk_on(dev, &w, r, 0.125, -3, 1) == 0.625, "with the contents of then");
    report(walk_on(dev, &w, r, 0.125, 3, NAN) == 0.625, "also those that skip a step");
    status = dev->ops->capture_begin(dev);
    status |= walk_enqueue(dev, &w);
    status |= dev->ops->capture_end(dev, NULL);
    report(!status && walk_at(dev, &w) == 0.625, "a capture can be dropped");
    status = dev->ops->capture_end(dev, NULL);
    report(status == PRISM_EDEVICE, "capture_end without a capture fails");
    walk_release(dev, &w);
    for (int i = 0; i < 5; i++)
        dev->ops->alloc(dev, 3 * sizeof(double), &again[i]);
    report(faults(dev, REPLAY, r),
           "a replay with released memory faults, also where as much was allocated again");
    for (int i = 0; i < 5; i++)
        dev->ops->release(dev, again[i]);
    dev->ops->replay_destroy(r);
    dev->ops->replay_destroy(NULL);
}

static void test_replayed_plan(struct prism_dev *dev)
{
    struct prism_fft_desc d = {PRISM_CF64, 1, 1, 1, NULL, NULL};
    struct prism_fft *fft = NULL;
    struct prism_replay *r = NULL;
    const double x[2] = {3, 4};
    double y[2] = {0};
    prism_mem mem = NULL;
    int status = dev->ops->alloc(dev, sizeof x, &mem);

    status |= dev->ops->fft_create(dev, &d, &fft);
    status |= dev->ops->capture_begin(dev);
    status |= dev->ops->fft_run(fft, -1, mem, mem);
    status |= dev->ops->capture_end(dev, &r);
    status |= dev->ops->write(dev, mem, x, sizeof x);
    status |= dev->ops->replay(r);
    status |= dev->ops->read(dev, y, mem, sizeof y);
    report(!status && y[0] == 3 && y[1] == 4, "a plan's calls are replayed");
    dev->ops->fft_destroy(fft);
    report(dev->ops->replay(r) == PRISM_EDEVICE, "not after the plan's end");
    dev->ops->replay_destroy(r);
    dev->ops->release(dev, mem);
}

/* Checks hints: 2 x 2 transforms whose row 1 holds zeros and whose column 0 is
 * needed, and a pupil that is open in its first pixel. */
static void test_hints(struct prism_ctx *ctx, struct prism_dev *dev)
{
    enum { X = 0, TABLE = 64, PUPIL = 128, ORIGIN = 192, INDEX = 256, BYTES = 320 };
    const int32_t support[8] = {0, 1, 0, 1, 0, 1, 0, 1}, open[4] = {0, 1, 0, 1}, zero[2] = {0, 0};
    const double x[8] = {3, 4, 5, 6}, spread[8] = {3, 4, 5, 6, 7}, pupil[4] = {1, 0},
                 wide[4] = {1, 0, 1};
    struct prism_fft_desc d = {PRISM_CF64, 1, 2, 2, NULL, NULL};
    struct prism_subaperture_desc sd = {PRISM_CF64, 1, 2, 2, 1, 2, 1, 2};
    struct prism_fft *fft = NULL;
    prism_mem m = NULL, field = NULL;
    double y[8] = {0};
    int status = dev->ops->alloc(dev, BYTES, &m) | dev->ops->alloc(dev, sizeof x, &field);

    d.support = m + TABLE;
    status |= dev->ops->write(dev, m + TABLE, support, sizeof support) |
              dev->ops->write(dev, m + X, x, sizeof x);
    status |= dev->ops->fft_create(dev, &d, &fft) | dev->ops->fft_run(fft, -1, m, m) |
              dev->ops->read(dev, y, m, sizeof y);
    report(!status && y[0] == 8 && y[1] == 10 && y[4] == 8 && y[5] == 10,
           "a transform with a support is right where it is wanted");
    report(y[2] > 1e29 && y[3] > 1e29 && y[6] > 1e29 && y[7] > 1e29, "and large elsewhere");
    status = dev->ops->write(dev, m + X, spread, sizeof spread);
    report(!status && dev->ops->fft_run(fft, -1, m, m) == PRISM_EDEVICE &&
               strstr(prism_ctx_error(ctx)->text, "row 1 of transform 0 holds 7"),
           "a number outside the support is found");
    dev->ops->fft_destroy(fft);

    const struct prism_subaperture_args a = {field, m + X,     m + PUPIL, m + ORIGIN, m + INDEX,
                                             0,     m + TABLE, NULL,      false};
    status = dev->ops->write(dev, m + TABLE, open, sizeof open) |
             dev->ops->write(dev, m + PUPIL, pupil, sizeof pupil);
    status |= dev->ops->write(dev, m + ORIGIN, zero, sizeof zero) |
              dev->ops->write(dev, m + INDEX, zero, sizeof zero);
    report(!status && !dev->ops->subaperture_fwd(dev, &sd, &a),
           "a pupil is open where it is said to be");
    status = dev->ops->write(dev, m + PUPIL, wide, sizeof wide);
    report(!status && dev->ops->subaperture_fwd(dev, &sd, &a) == PRISM_EDEVICE &&
               strstr(prism_ctx_error(ctx)->text, "pupil 0 is open at (0, 1)"),
           "an opening elsewhere is found");
    dev->ops->release(dev, field);
    dev->ops->release(dev, m);
}

enum forbidden {
    ALLOC,
    RELEASE,
    WRITE,
    READ,
    SYNC,
    FFT_CREATE,
    FFT_DESTROY,
    CONV_CREATE,
    BEGIN,
    AGAIN,
    FORBIDDEN
};

/* Objects that exist before the forbidden call, which may need them. */
struct held {
    prism_mem mem;
    struct prism_fft *fft;
    struct prism_replay *replay;
};

static int call_forbidden(struct prism_dev *dev, enum forbidden entry, struct held *h)
{
    struct prism_fft_desc fft = {PRISM_CF64, 1, 1, 1, NULL, NULL};
    struct prism_conv_desc conv = {
        .dtype = PRISM_F64, .n = 1, .cin = 1, .h = 1, .w = 1, .cout = 1, .k = 1, .stride = 1};
    struct prism_conv *plan;
    struct prism_fft *other;
    prism_mem mem;
    double x = 0;

    switch (entry) {
    case ALLOC:
        return dev->ops->alloc(dev, 8, &mem);
    case RELEASE:
        dev->ops->release(dev, h->mem);
        h->mem = NULL;
        return PRISM_EDEVICE;
    case WRITE:
        return dev->ops->write(dev, h->mem, &x, sizeof x);
    case READ:
        return dev->ops->read(dev, &x, h->mem, sizeof x);
    case SYNC:
        return dev->ops->sync(dev);
    case FFT_CREATE:
        return dev->ops->fft_create(dev, &fft, &other);
    case FFT_DESTROY:
        dev->ops->fft_destroy(h->fft);
        h->fft = NULL;
        return PRISM_EDEVICE;
    case CONV_CREATE:
        return dev->ops->conv_create(dev, &conv, &plan);
    case BEGIN:
        return dev->ops->capture_begin(dev);
    default:
        return dev->ops->replay(h->replay);
    }
}

/* Checks that each forbidden entry fails with its name in the sentence, and
 * that the capture gives no record. */
static void test_forbidden(struct prism_ctx *ctx, struct prism_dev *dev)
{
    static const char *const names[FORBIDDEN] = {
        "alloc",      "release",     "write",       "read",          "sync",
        "fft_create", "fft_destroy", "conv_create", "capture_begin", "replay"};
    struct prism_fft_desc fft = {PRISM_CF64, 1, 1, 1, NULL, NULL};
    char what[96];

    for (int entry = 0; entry < FORBIDDEN; entry++) {
        struct held h = {0};
        struct prism_replay *r = (void *)&h;
        int status = dev->ops->alloc(dev, sizeof(double), &h.mem);
        status |= dev->ops->fft_create(dev, &fft, &h.fft);
        status |= dev->ops->capture_begin(dev);
        status |= dev->ops->capture_end(dev, &h.replay);
        status |= dev->ops->capture_begin(dev);
        bool good = !status && call_forbidden(dev, (enum forbidden)entry, &h) == PRISM_EDEVICE;
        snprintf(what, sizeof what, "strict: %s during", names[entry]);
        good &= !!strstr(prism_ctx_error(ctx)->text, what);
        good &= dev->ops->capture_end(dev, &r) == PRISM_EDEVICE && !r;
        snprintf(what, sizeof what, "%s spoils a capture", names[entry]);
        report(good, what);
        dev->ops->replay_destroy(h.replay);
        dev->ops->fft_destroy(h.fft);
        dev->ops->release(dev, h.mem);
    }
}

/* ---- what goes wrong with devices ---- */

static struct prism_dev *open_with(struct prism_ctx *ctx, const struct prism_dev_params *params,
                                   const char *variable, const char *value)
{
    struct prism_dev *dev = NULL;

    setenv(variable, value, 1);
    prism_dev_open(ctx, params, &dev);
    unsetenv(variable);
    return dev;
}

static void test_lost(struct prism_ctx *ctx, const struct prism_dev_params *params)
{
    struct prism_dev *dev = open_with(ctx, params, "PRISMREC_STRICT_LOSE_AFTER", "3");
    struct prism_replay *r = NULL, *none;
    struct prism_fft_desc d = {PRISM_CF64, 1, 1, 1, NULL, NULL};
    struct prism_fft *fft = NULL;
    struct walk w;
    prism_mem more;
    int before = errors_logged, status;
    double x = 0;

    status = !dev || walk_create(dev, &w) || dev->ops->capture_begin(dev) ||
             walk_enqueue(dev, &w) || walk_enqueue(dev, &w) || dev->ops->capture_end(dev, &r) ||
             dev->ops->fft_create(dev, &d, &fft) || dev->ops->replay(r);
    if (status) {
        report(false, "two calls before the device is lost");
        return;
    }
    report(dev->ops->replay(r) == PRISM_EDEVICE,
           "the device is lost after three calls, within a replay");
    report(strstr(prism_ctx_error(ctx)->text, "the device was lost"), "and says so");
    report(dev->ops->write(dev, w.p, &x, sizeof x) == PRISM_EDEVICE &&
               dev->ops->read(dev, &x, w.p, sizeof x) == PRISM_EDEVICE &&
               dev->ops->copy(dev, w.p, w.m, sizeof x) == PRISM_EDEVICE &&
               dev->ops->sync(dev) == PRISM_EDEVICE &&
               dev->ops->alloc(dev, 8, &more) == PRISM_EDEVICE &&
               walk_enqueue(dev, &w) == PRISM_EDEVICE &&
               dev->ops->fft_run(fft, 1, w.p, w.p) == PRISM_EDEVICE &&
               dev->ops->capture_begin(dev) == PRISM_EDEVICE &&
               dev->ops->capture_end(dev, &none) == PRISM_EDEVICE,
           "every entry fails then");
    dev->ops->fft_destroy(fft);
    dev->ops->replay_destroy(r);
    walk_release(dev, &w);
    prism_dev_close(&dev);
    report(errors_logged == before, "what is left is releasing and closing");
}

static void test_full(struct prism_ctx *ctx, const struct prism_dev_params *params)
{
    struct prism_dev *dev = open_with(ctx, params, "PRISMREC_STRICT_MEM_BYTES", "1048576");
    prism_mem a = NULL, b = NULL;

    report(dev && dev->caps.mem_bytes == 1 << 20 && dev->caps.mem_free_bytes == 1 << 20,
           "a device of one MiB");
    if (!dev)
        return;
    report(!dev->ops->alloc(dev, 600000, &a) && dev->ops->alloc(dev, 500000, &b) == PRISM_ENOMEM &&
               !b,
           "is full at some point");
    report(strstr(prism_ctx_error(ctx)->text, "500000 bytes") &&
               strstr(prism_ctx_error(ctx)->text, "448576 are left"),
           "and says how much was asked for and is left");
    dev->ops->release(dev, a);
    report(!dev->ops->alloc(dev, 1 << 20, &b), "released memory can be had again");
    dev->ops->release(dev, b);
    prism_dev_close(&dev);
}

static void test_exports(const char *folder)
{
    char file[1024];
    void *so;

    snprintf(file, sizeof file, "%s/prismrec_backend_strict.so", folder);
    so = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    report(so && dlsym(so, PRISM_BACKEND_ENTRY) && !dlsym(so, "prismi_backend_ref"),
           "the plugin exports its entry only");
}

int main(int argc, char **argv)
{
    struct prism_ctx_params params = {.log = count_errors};
    struct prism_ctx *ctx = NULL;
    struct prism_dev *dev = NULL;
    struct prism_dev_params open = {.backend = "strict", .plugin_path = argc > 1 ? argv[1] : NULL};

    if (prism_ctx_create(&params, &ctx) || prism_dev_open(ctx, &open, &dev)) {
        printf("Bail out! %s\n", ctx ? prism_ctx_error(ctx)->text : "no context");
        return EXIT_FAILURE;
    }
    report(!(dev->caps.flags & PRISM_CAPS_HOST_VISIBLE), "memory is not host-visible");
    test_memory(dev);
    test_replay(dev);
    test_replayed_plan(dev);
    test_hints(ctx, dev);
    test_forbidden(ctx, dev);
    test_close(&dev);
    test_lost(ctx, &open);
    test_full(ctx, &open);
    test_exports(open.plugin_path);
    printf("1..%d\n", tests);
    prism_ctx_destroy(&ctx);
    return failures > 0;
}
