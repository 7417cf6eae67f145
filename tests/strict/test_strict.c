/* The strict backend does what it is for: host dereferences fault, fresh memory is NaN, released memory is gone. Its kernels are
 * checked by checkops. argv[1]: the folder of the plugin. */
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

enum access { TOUCH, STORE, READ_BACK };

/* Whether this access kills a child by SIGSEGV. */
static bool faults(struct prism_dev *dev, enum access access, prism_mem mem)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        struct rlimit none = {0, 0};
        unsigned char byte;
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGSEGV, SIG_DFL); /* also where a sanitizer has its own handler */
        if (access == TOUCH)
            (void)*(volatile unsigned char *)mem;
        else if (access == STORE)
            *(volatile unsigned char *)mem = 1;
        else
            dev->ops->read(dev, &byte, mem, 1);
        _exit(0);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
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
    report(faults(dev, READ_BACK, a + sizeof host + dev->caps.align), "an overrun of a kernel faults");
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

/* Leaves what test_memory left: one block. */
static void test_close(struct prism_dev **dev)
{
    int before = errors_logged;

    prism_dev_close(dev);
    report(errors_logged == before + 1, "memory left behind is logged");
}

static void test_exports(const char *folder)
{
    char file[1024];
    void *so;

    snprintf(file, sizeof file, "%s/prismrec_backend_strict.so", folder);
    so = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    report(so && dlsym(so, PRISM_BACKEND_ENTRY) && !dlsym(so, "prismi_backend_ref"), "the plugin exports its entry only");
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
    test_close(&dev);
    test_exports(open.plugin_path);
    printf("1..%d\n", tests);
    prism_ctx_destroy(&ctx);
    return failures > 0;
}
