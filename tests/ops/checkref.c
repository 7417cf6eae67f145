/* checkref compares the reference backend with mathematics, not with itself. */
#include "checkref.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct prism_dev *ref;

static int tests, failures;
static uint64_t state = 1;
static void *kept[100000];
static size_t nkept;

double *reals(size_t n)
{
    double *p = calloc(n ? n : 1, sizeof *p);

    if (!p || nkept == sizeof kept / sizeof *kept)
        abort();
    return kept[nkept++] = p;
}

double *random_reals(size_t n)
{
    double *p = reals(n);

    for (size_t i = 0; i < n; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        p[i] = (double)(state >> 11) * 0x1p-52 - 1;
    }
    return p;
}

double complex *random_cplx(size_t n)
{
    return (void *)random_reals(2 * n);
}

double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

double worst_difference(const double *a, const double *b, size_t n)
{
    double worst = 0;

    for (size_t i = 0; i < n; i++) {
        double d = fabs(a[i] - b[i]);
        worst = d <= worst ? worst : isnan(d) ? INFINITY : d;
    }
    return worst;
}

void expect(double error, double limit, const char *fmt, ...)
{
    bool good = error <= limit;
    va_list args;

    failures += !good;
    printf("%sok %d - ", good ? "" : "not ", ++tests);
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    printf(" (error %.2e, limit %.2e)\n", error, limit);
    fflush(stdout);
}

int main(void)
{
    struct prism_dev_params params = {.backend = "ref"};
    struct prism_ctx *ctx = NULL;

    if (prism_ctx_create(NULL, &ctx) || prism_dev_open(ctx, &params, &ref)) {
        printf("Bail out! %s\n", ctx ? prism_ctx_error(ctx)->text : "no context");
        return EXIT_FAILURE;
    }
    check_linear();
    check_elementwise();
    check_planes();
    printf("1..%d\n", tests);
    prism_dev_close(&ref);
    prism_ctx_destroy(&ctx);
    while (nkept)
        free(kept[--nkept]);
    return failures > 0;
}
