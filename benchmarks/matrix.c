/* A measurement and its adjoint with the object's spectrum by FFT, by matrix
 * products, and by the method chosen automatically; the three take turns. */
#include "bench.h"
#include "optics/subaperture.h"

#include <string.h>

enum { WAYS = PRISM_MEASURE_METHOD_COUNT, ROUNDS = 200 };

static const char *const ways[WAYS] = {"auto", "fft", "matrix"};

struct operators {
    struct bench *b;
    struct prism_measure *m[WAYS];
    prism_mem mem[3]; /* object, gradient and field */
    double ms[WAYS][ROUNDS];
};

static int there_and_back(struct operators *o, int way, double *ms)
{
    double start = bench_now_ms();
    PRISM_TRY(prism_measure_forward(o->m[way], o->mem[2], o->mem[0]));
    PRISM_TRY(prism_measure_adjoint(o->m[way], o->mem[1], o->mem[2]));
    PRISM_TRY(o->b->dev->ops->sync(o->b->dev));
    *ms = bench_now_ms() - start;
    return 0;
}

static int create(struct operators *o, const struct prism_measure_params *p)
{
    const struct prism_aperture a = {.radius_px = (p->box_h - 3) / 2};
    struct prism_measure_params q = *p;
    size_t object = (size_t)p->obj_h * (size_t)p->obj_w;
    for (int way = 0; way < WAYS; way++) {
        q.method = (enum prism_measure_method)way;
        PRISM_TRY(prism_measure_create(o->b->dev, &q, &o->m[way]));
        PRISM_TRY(
            prism_measure_set_aperture(o->m[way], 0, &a, p->grid_h / 8, -p->grid_w / 6, NULL));
    }
    PRISM_TRY(bench_random(o->b->dev, object, &o->mem[0]));
    PRISM_TRY(bench_random(o->b->dev, object, &o->mem[1]));
    return bench_random(o->b->dev, 2 * (size_t)p->field_h * (size_t)p->field_w, &o->mem[2]);
}

static int run_case(struct bench *b, int grid, int obj, int box, int field)
{
    const struct prism_measure_params p = {PRISM_F32, grid, grid, obj, obj, false, field,
                                           field,     box,  box,  1,   1,   0};
    struct operators *o;
    char name[BENCH_NAME], label[BENCH_NAME + 16];
    int status = 0, n = 0;
    double ignored, median[WAYS];
    snprintf(name, sizeof name, "measurement/%d-%d-%d-%d", grid, obj, box, field);
    if (!bench_wanted(b, name))
        return 0;
    o = prismi_alloc(1, sizeof *o);
    if (!o)
        return PRISM_FAIL(b->ctx, PRISM_ENOMEM, "no memory for %zu bytes", sizeof *o);
    o->b = b;
    PRISM_TRY_OUT(create(o, &p));
    for (int way = 0; way < WAYS; way++)
        PRISM_TRY_OUT(there_and_back(o, way, &ignored));
    for (double start = bench_now_ms();
         n < ROUNDS && (n < 5 || bench_now_ms() - start < WAYS * 1e3 * b->seconds); n++)
        for (int way = 0; way < WAYS; way++)
            PRISM_TRY_OUT(there_and_back(o, way, &o->ms[way][n]));
    for (int way = 0; way < WAYS; way++) {
        snprintf(label, sizeof label, "%s/%s", name, ways[way]);
        PRISM_TRY_OUT(bench_add_times(b, label, o->ms[way], n));
        median[way] = bench_time_of(b, label)->median_ms;
    }
    snprintf(label, sizeof label, "%s/gain", name);
    bench_add_fact(b, label, median[PRISM_MEASURE_FFT] / median[PRISM_MEASURE_MATRIX],
                   o->m[PRISM_MEASURE_AUTO]->matrix.used
                       ? "times as fast by matrices; matrices are chosen"
                       : "times as fast by matrices; FFT is chosen");
out:
    for (int way = 0; way < WAYS; way++)
        prism_measure_destroy(&o->m[way]);
    for (int i = 0; i < 3; i++)
        if (o->mem[i])
            b->dev->ops->release(b->dev, o->mem[i]);
    prismi_free(o);
    return status;
}

int bench_matrix(struct bench *b)
{
    static const int cases[][4] = {{1024, 73, 41, 1024}, {1024, 512, 173, 1024},
                                   {1024, 128, 41, 64},  {512, 128, 41, 512},
                                   {256, 128, 40, 256},  {2048, 128, 33, 64}};
    bench_heading(b, "measurement and adjoint: grid, object, pupil box, field");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        PRISM_TRY(run_case(b, cases[i][0], cases[i][1], cases[i][2], cases[i][3]));
    return 0;
}
