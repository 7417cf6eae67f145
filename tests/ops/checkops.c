/* Runs every problem of the case table on a backend and compares the results
 * with the reference backend in double.
 *
 *   checkops --backend NAME [--plugins FOLDER] ["problem string"]
 *
 * Each problem is solved with operands at the alignment of alloc(), and again
 * with operands one element further. Guard bytes around the operands and the
 * inputs must not change. A DETERMINISTIC backend must give the same bits with
 * one and with two threads; a REPLAY backend, from a replay. Every problem but
 * those in half precision is solved once more by general methods: fused entries
 * must agree with their composition on the same device, problems with plans
 * with the reference, and every convolution must then use the same method.
 * Exits 77 if the backend is missing, unless the comma-separated list
 * PRISMREC_TEST_REQUIRE names it. */
#include "problem.h"

#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bench {
    struct prism_ctx *ctx;
    struct prism_dev *oracle; /* the reference backend */
    struct prism_dev *dev, *one,
        /* under test: with two threads, with one thread, with two threads and
         * general methods only */
        *plain;
    /* method of the convolution planned last; empty: the backend has only one
     * and names none */
    char method[CASE_TEXT];
    char general[CASE_TEXT]; /* method of the first convolution on `plain` */
    int tests, failures;
};

/* Log callback: keeps the method from "conv <shape>: <method>, ...". */
static void on_log(void *user, enum prism_log_level level, const char *text)
{
    struct bench *b = user;
    const char *method = strncmp(text, "conv ", 5) ? NULL : strstr(text, ": ");

    (void)level;
    if (method)
        snprintf(b->method, sizeof b->method, "%.*s", (int)strcspn(method + 2, ","), method + 2);
}

/* Prints one TAP line. */
static void report(struct bench *b, bool good, const char *text, const char *detail)
{
    b->tests++;
    b->failures += !good;
    printf("%sok %d - %s (%s)\n", good ? "" : "not ", b->tests, text, detail);
    fflush(stdout);
}

static int open_devices(struct bench *b, const char *name, const char *plugins)
{
    struct prism_dev_params p = {.backend = name, .plugin_path = plugins, .threads = 2};
    struct prism_dev_params ref = {.backend = "ref"};
    int status = prism_dev_open(b->ctx, &p, &b->dev);

    if (status == PRISM_ENOTSUP)
        return support_missing(b->ctx, name);
    p.plain = true;
    if (!status)
        status = prism_dev_open(b->ctx, &p, &b->plain);
    p.plain = false;
    p.threads = 1;
    if (!status)
        status = prism_dev_open(b->ctx, &p, &b->one);
    if (!status)
        status = prism_dev_open(b->ctx, &ref, &b->oracle);
    if (status)
        printf("Bail out! %s\n", prism_ctx_error(b->ctx)->text);
    return status ? 1 : 0;
}

/* True if the table in this precision should have problems of this operation
 * and value. */
static bool wanted(enum prism_dtype dtype, const char *op, int value)
{
    bool conversion = !strcmp(op, "map") && (value == PRISM_MAP_NARROW || value == PRISM_MAP_WIDEN);

    return case_half(dtype) ? conversion || !strncmp(op, "norm", 4) : !conversion;
}

/* Checks that every value of the enums has a name and, by this name, a problem
 * in the table. */
static void check_coverage(struct bench *b, enum prism_dtype dtype, char (*cases)[CASE_TEXT], int n)
{
    static const struct {
        const char *op;
        const char *const *names;
        int count;
    } enums[] = {{"map", case_map_names, PRISM_MAP_COUNT},
                 {"reduce", case_reduce_names, PRISM_REDUCE_COUNT},
                 {"map act", case_act_names, PRISM_ACT_COUNT},
                 {"map act_bwd", case_act_names, PRISM_ACT_COUNT},
                 {"misfit", case_misfit_names, PRISM_MISFIT_COUNT},
                 {"field_misfit", case_misfit_names, PRISM_MISFIT_COUNT},
                 {"norm_fwd", case_act_names, PRISM_ACT_COUNT},
                 {"norm_bwd", case_act_names, PRISM_ACT_COUNT}};
    char text[CASE_TEXT], missing[2 * CASE_TEXT] = "all";

    for (size_t e = 0; e < sizeof enums / sizeof *enums; e++)
        for (int v = 0; v < enums[e].count; v++) {
            bool found = !wanted(dtype, enums[e].op, v);
            int length = snprintf(text, sizeof text, "%s %s ", enums[e].op,
                                  enums[e].names[v] ? enums[e].names[v] : "?");
            for (int i = 0; i < n && !found; i++)
                found = !strncmp(cases[i], text, (size_t)length);
            if (!found)
                snprintf(missing, sizeof missing, "%s: value %d has no case", enums[e].op, v);
        }
    report(b, !strcmp(missing, "all"), "coverage of the enums", missing);
}

/* Checks that an impossible amount of memory is refused with a sentence, and
 * that the device still works. */
static void check_refusal(struct bench *b)
{
    prism_mem mem = (prism_mem)&b->tests;
    int status = b->dev->ops->alloc(b->dev, SIZE_MAX / 2, &mem);

    report(b, status == PRISM_ENOMEM && !mem && prism_ctx_error(b->ctx)->status == PRISM_ENOMEM,
           "alloc of half the address space", prism_ctx_error(b->ctx)->text);
}

/* Checks that a ZEROED device returns zeros, even from memory that was used
 * before. */
static void check_zeroed(struct bench *b)
{
    const struct prism_ops *ops = b->dev->ops;
    bool good = b->dev->caps.flags & PRISM_CAPS_ZEROED, zero = true;
    for (size_t bytes = 1000; good && zero && bytes < 10000000; bytes *= 3) {
        prism_mem mem;
        char *host = malloc(bytes);
        for (int i = 0; host && i < 3 && good; i++) {
            memset(host, 1, bytes);
            good = !ops->alloc(b->dev, bytes, &mem) && !ops->read(b->dev, host, mem, bytes);
            for (size_t k = 0; k < bytes; k++)
                zero &= !host[k];
            memset(host, 1, bytes);
            good = good && !ops->write(b->dev, mem, host, bytes);
            ops->release(b->dev, mem);
        }
        free(host);
    }
    if (b->dev->caps.flags & PRISM_CAPS_ZEROED)
        report(b, good && zero, "alloc", "zeros, whatever was there");
}

/* True if all outputs are equal bit by bit. */
static bool same_bits(const struct problem *p, const struct outputs *x, const struct outputs *y)
{
    for (int i = 0; i < p->count; i++)
        if (x->value[i] && memcmp(x->value[i], y->value[i], p->operand[i].n * sizeof(double)))
            return false;
    return true;
}

/* Solves p on dev and judges the result by expected, or by residuals if
 * expected is NULL. Fills detail. The caller frees got. */
static bool solve_and_judge(struct bench *b, struct prism_dev *dev, const struct problem *p,
                            size_t shift, const struct outputs *expected, double slack,
                            struct outputs *got, char *detail, size_t n)
{
    double error = 0, limit = 0;
    bool good;

    if (problem_solve(b->ctx, dev, p, (struct manner){.shift = shift}, got, detail, n))
        return false;
    good = expected ? problem_compare(p, got, expected, slack, &error, &limit)
                    : problem_residual(p, got, &error, &limit);
    snprintf(detail, n, "error %.2e, limit %.2e%s", error, limit, expected ? "" : ", by residuals");
    return good;
}

/* Solves p in another way that must give the same bits: by a replay if the
 * device can, else with one thread. */
static bool check_again(struct bench *b, const struct problem *p, const struct outputs *first,
                        char *detail, size_t n)
{
    struct outputs again = {{0}};
    bool replay = b->dev->caps.flags & PRISM_CAPS_REPLAY;
    char text[400] = "bits differ";
    bool good = !problem_solve(b->ctx, replay ? b->dev : b->one, p,
                               (struct manner){.replay = replay}, &again, text, sizeof text) &&
                same_bits(p, first, &again);

    if (!good)
        snprintf(detail, n, "%s: %s", replay ? "replayed" : "with one thread", text);
    outputs_free(&again);
    return good;
}

static bool check_composition(struct bench *b, const struct problem *p, char *detail, size_t n)
{
    struct outputs composed = {{0}}, fused = {{0}};
    char text[400];
    /* slack 2, because both sides round */
    bool good =
        !problem_solve(b->ctx, b->plain, p, (struct manner){0}, &composed, text, sizeof text) &&
        solve_and_judge(b, b->dev, p, 0, &composed, 2, &fused, text, sizeof text);

    if (!good)
        snprintf(detail, n, "against the composition on the same device: %s", text);
    outputs_free(&composed);
    outputs_free(&fused);
    return good;
}

static bool check_plan(struct bench *b, const struct problem *p, const struct outputs *expected,
                       char *detail, size_t n)
{
    struct outputs got = {{0}};
    char text[400];

    b->method[0] = 0;
    bool good = solve_and_judge(b, b->plain, p, 0, expected, 1, &got, text, sizeof text);
    outputs_free(&got);
    if (!b->general[0])
        snprintf(b->general, sizeof b->general, "%s", b->method);
    if (good && b->method[0] && strcmp(b->method, b->general)) {
        snprintf(text, sizeof text, "%s, and another one by %s", b->method, b->general);
        good = false;
    }
    if (!good)
        snprintf(detail, n, "by the general method: %s", text);
    return good;
}

static bool check_problem(struct bench *b, const struct problem *p, char *detail, size_t n)
{
    struct problem exact = *p; /* a copy that shares the operands */
    struct outputs expected = {{0}}, got = {{0}}, shifted = {{0}};
    bool large = problem_is_large(p), good;
    char text[400];

    exact.dtype = p->oracle;
    if (!large && problem_solve(b->ctx, b->oracle, &exact, (struct manner){0}, &expected, text,
                                sizeof text)) {
        snprintf(detail, n, "reference: %s", text);
        return false;
    }
    good = solve_and_judge(b, b->dev, p, 0, large ? NULL : &expected, 1, &got, detail, n);
    if (good && !large &&
        !solve_and_judge(b, b->dev, p, 1, &expected, 1, &shifted, text, sizeof text)) {
        snprintf(detail, n, "one element into the buffer: %s", text);
        good = false;
    }
    if (good && b->dev->caps.flags & (PRISM_CAPS_DETERMINISTIC | PRISM_CAPS_REPLAY))
        good = check_again(b, p, &got, detail, n);
    if (good && p->fused && !case_half(p->dtype))
        good = check_composition(b, p, detail, n);
    else if (good && p->create && !case_half(p->dtype) &&
             (b->method[0] || strncmp(p->text, "conv ", 5)))
        good = check_plan(b, p, large ? NULL : &expected, detail, n);
    outputs_free(&expected);
    outputs_free(&got);
    outputs_free(&shifted);
    return good;
}

static void check_case(struct bench *b, const char *text)
{
    struct problem p;
    char detail[512] = "";

    if (problem_build(text, &p)) {
        report(b, false, text, "not a problem string");
        return;
    }
    if (b->dev->caps.dtypes >> p.dtype & 1)
        report(b, check_problem(b, &p, detail, sizeof detail), text, detail);
    else
        report(b, false, text, "a precision that the backend lacks");
    problem_free(&p);
}

static void check_table(struct bench *b, enum prism_dtype dtype)
{
    int n;
    char(*cases)[CASE_TEXT] = cases_all(dtype, &n);

    if (!cases)
        abort();
    check_coverage(b, dtype, cases, n);
    for (int i = 0; i < n; i++)
        check_case(b, cases[i]);
    free(cases);
}

static void check_everything(struct bench *b)
{
    static const enum prism_dtype dtypes[] = {PRISM_F32, PRISM_F64, PRISM_F16, PRISM_BF16};

    check_refusal(b);
    check_zeroed(b);
    for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++)
        if (b->dev->caps.dtypes >> dtypes[d] & 1)
            check_table(b, dtypes[d]);
}

static int usage(void)
{
    fprintf(stderr, "usage: checkops --backend NAME [--plugins FOLDER] [\"problem string\"]\n");
    return 2;
}

int main(int argc, char **argv)
{
    struct bench b = {0};
    const char *name = getenv("PRISMREC_TEST_BACKEND"), *plugins = NULL, *text = NULL;
    int status;

    for (int i = 1; i < argc; i++) {
        bool value = i + 1 < argc;
        if (!strcmp(argv[i], "--backend") && value)
            name = argv[++i];
        else if (!strcmp(argv[i], "--plugins") && value)
            plugins = argv[++i];
        else if (argv[i][0] != '-' && !text)
            text = argv[i];
        else
            return usage();
    }
    if (!name ||
        prism_ctx_create(
            &(struct prism_ctx_params){.log = on_log, .user = &b, .level = PRISM_LOG_DEBUG},
            &b.ctx))
        return usage();
    status = open_devices(&b, name, plugins);
    if (!status) {
        if (text)
            check_case(&b, text);
        else
            check_everything(&b);
        printf("1..%d\n", b.tests);
        printf("# backend %s: %s\n", prism_dev_backend(b.dev), b.dev->caps.device);
        status = b.failures > 0;
    }
    prism_dev_close(&b.dev);
    prism_dev_close(&b.one);
    prism_dev_close(&b.plain);
    prism_dev_close(&b.oracle);
    prism_ctx_destroy(&b.ctx);
    return status;
}
