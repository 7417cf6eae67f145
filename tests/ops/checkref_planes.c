#include "checkref.h"

#include <math.h>
#include <string.h>

/* ---- pool ---- */

static bool inside(const struct prism_pool_desc *d, int o, int i)
{
    return i >= o * d->stride - d->pad && i < o * d->stride - d->pad + d->k;
}

/* Compares every output with every pixel of its plane. */
static void check_pool(struct prism_pool_desc d)
{
    int oh = prism_pool_out(&d, d.h), ow = prism_pool_out(&d, d.w), plane = d.h * d.w;
    size_t nx = (size_t)(d.planes * plane), ny = (size_t)(d.planes * oh * ow);
    double *x = random_reals(nx), *gy = random_reals(ny), *y = reals(ny), *gx = reals(nx),
           *y0 = reals(ny), *gx0 = reals(nx);
    double *place = reals(ny), *place0 = reals(ny);
    int32_t *index = (void *)reals(ny);
    const char *name = d.kind == PRISM_POOL_MAX ? "max" : "mean";

    for (size_t i = 0; i < nx; i++)
        x[i] = floor(3 * x[i]); /* few values, so that many are equal */
    for (size_t o = 0; o < ny; o++) {
        int p = (int)o / (oh * ow), oy = (int)o / ow % oh, ox = (int)o % ow, count = 0;
        double sum = 0, best = -INFINITY;
        for (int i = 0; i < plane; i++)
            if (inside(&d, oy, i / d.w) && inside(&d, ox, i % d.w)) {
                double v = x[p * plane + i];
                count++;
                sum += v;
                place0[o] = v > best ? i : place0[o];
                best = fmax(best, v);
            }
        y0[o] = d.kind == PRISM_POOL_MAX ? best : sum / count;
        for (int i = 0; i < plane; i++)
            if (d.kind == PRISM_POOL_MAX ? i == place0[o]
                                         : inside(&d, oy, i / d.w) && inside(&d, ox, i % d.w))
                gx0[p * plane + i] += d.kind == PRISM_POOL_MAX ? gy[o] : gy[o] / count;
    }
    ref->ops->pool_fwd(ref, &d, MEM(y), MEM(index), MEM(x));
    ref->ops->pool_bwd(ref, &d, MEM(gx), MEM(gy), MEM(index));
    for (size_t o = 0; o < ny && d.kind == PRISM_POOL_MAX; o++)
        place[o] = index[o];
    expect(worst_difference(y, y0, ny), 1e-15, "pool %s %dx%d k%d s%d p%d by definition", name, d.h,
           d.w, d.k, d.stride, d.pad);
    expect(worst_difference(gx, gx0, nx), 1e-14, "pool %s %dx%d k%d s%d p%d backward", name, d.h,
           d.w, d.k, d.stride, d.pad);
    if (d.kind == PRISM_POOL_MAX)
        expect(worst_difference(place, place0, ny), 0, "pool max %dx%d k%d s%d p%d places", d.h,
               d.w, d.k, d.stride, d.pad);
    else
        expect(fabs(dot(y, gy, ny) - dot(x, gx, nx)), 1e-12, "pool mean %dx%d k%d s%d p%d adjoint",
               d.h, d.w, d.k, d.stride, d.pad);
}

static void check_pool_nan(void)
{
    struct prism_pool_desc d = {PRISM_F64, PRISM_POOL_MAX, 1, 2, 2, 2, 1, 0};
    double x[6] = {1, NAN, INFINITY, NAN, -INFINITY, -INFINITY}, y[1];
    int32_t index[1];

    ref->ops->pool_fwd(ref, &d, MEM(y), MEM(index), MEM(x));
    expect(!(isnan(y[0]) && index[0] == 1), 0,
           "pool max: NaN is the largest, the first one counts");
    ref->ops->pool_fwd(ref, &d, MEM(y), MEM(index), MEM(x + 2));
    expect(!(isnan(y[0]) && index[0] == 1), 0, "pool max: NaN is larger than infinity");
    double low[4] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY};
    ref->ops->pool_fwd(ref, &d, MEM(y), MEM(index), MEM(low));
    expect(!(y[0] == -INFINITY && index[0] == 0), 0, "pool max: a window of -infinity has a place");
}

/* ---- copy2d: two images set side by side, and taken apart ---- */

static void check_copy2d(void)
{
    enum { N = 3, A = 4, B = 5 };
    const struct prism_copy2d_desc put_a = {PRISM_F64, N, A, A + B, A},
                                   put_b = {PRISM_F64, N, B, A + B, B};
    const struct prism_copy2d_desc get_b = {PRISM_F64, N, B, B, A + B};
    double *a = random_reals(N * A), *b = random_reals(N * B), *y = reals(N * (A + B)),
           *expected = reals(N * (A + B));
    double *back = reals(N * B);

    for (int r = 0; r < N; r++) {
        memcpy(expected + r * (A + B), a + r * A, A * sizeof *a);
        memcpy(expected + r * (A + B) + A, b + r * B, B * sizeof *b);
    }
    ref->ops->copy2d(ref, &put_a, MEM(y), MEM(a));
    ref->ops->copy2d(ref, &put_b, MEM(y + A), MEM(b));
    ref->ops->copy2d(ref, &get_b, MEM(back), MEM(y + A));
    expect(worst_difference(y, expected, N * (A + B)), 0, "copy2d concatenates");
    expect(worst_difference(back, b, N * B), 0, "copy2d slices");
}

/* ---- scatter_add and gather ---- */

static void check_scatter(int hy, int wy, int hx, int wx, int dy, int dx)
{
    enum { P = 2 };
    const size_t ny = (size_t)(P * hy * wy), window = (size_t)(hx * wx), nx = P * window;
    const struct prism_window_desc d = {PRISM_F64, P, hy, wy, hx, wx, dy, dx},
                                   back = {PRISM_F64, P, hx, wx, hy, wy, -dy, -dx};
    double *x = random_reals(nx), *y = random_reals(ny), *w = random_reals(window),
           *expected = reals(ny), *sum = reals(ny);
    double *gy = random_reals(ny), *gx = reals(nx);

    memcpy(expected, y, ny * sizeof *y);
    for (int p = 0; p < P; p++)
        for (int i = 0; i < hx; i++)
            for (int j = 0; j < wx; j++)
                if (i + dy >= 0 && i + dy < hy && j + dx >= 0 && j + dx < wy)
                    expected[(p * hy + i + dy) * wy + j + dx] +=
                        w[i * wx + j] * x[(p * hx + i) * wx + j];
    ref->ops->scatter_add(ref, &d, MEM(y), MEM(x), MEM(w));
    expect(worst_difference(y, expected, ny), 0,
           "scatter_add %dx%d to %dx%d at %d,%d by definition", hx, wx, hy, wy, dy, dx);
    ref->ops->scatter_add(ref, &d, MEM(sum), MEM(x), MEM(w));
    ref->ops->window(ref, &back, MEM(gx), MEM(gy));
    for (int p = 0; p < P; p++) {
        struct prism_map_args a = {
            .y = {MEM(gx + p * (int)window)}, .x = {MEM(gx + p * (int)window), MEM(w)}, .s = {1}};
        ref->ops->map(ref, PRISM_MAP_MUL, PRISM_F64, 1, window, &a);
    }
    expect(fabs(dot(sum, gy, ny) - dot(x, gx, nx)), 1e-13,
           "scatter_add %dx%d to %dx%d at %d,%d: its adjoint, composed", hx, wx, hy, wy, dy, dx);
}

static void check_gather(void)
{
    enum { P = 2, NX = 7, NY = 5, K = 3 };
    const struct prism_gather_desc d = {PRISM_F64, P, K, NX, NY};
    const int32_t index[NY * K] = {0, 1, 2, 6, 6, -1, 3, -1, 3, -1, -1, -1, 5, 4, 0};
    double *w = random_reals(NY * K), *x = random_reals(P * NX), *gy = random_reals(P * NY),
           *y = reals(P * NY), *gx = reals(P * NX);
    double *expected = reals(P * NY);
    struct prism_gather *plan;

    for (int p = 0; p < P; p++)
        for (int t = 0; t < NY * K; t++)
            expected[p * NY + t / K] += index[t] < 0 ? 0 : w[t] * x[p * NX + index[t]];
    ref->ops->gather_create(ref, &d, index, w, &plan);
    ref->ops->gather_fwd(plan, MEM(y), MEM(x));
    ref->ops->gather_adj(plan, MEM(gx), MEM(gy));
    ref->ops->gather_destroy(plan);
    ref->ops->gather_destroy(NULL);
    expect(worst_difference(y, expected, P * NY), 1e-15, "gather by definition");
    expect(fabs(dot(y, gy, P * NY) - dot(x, gx, P * NX)), 1e-14, "gather: the adjoint");
}

/* ---- softmax ---- */

static void check_softmax(void)
{
    enum { N = 2, C = 4, M = 3, ALL = N * C * M };
    const struct prism_softmax_desc d = {PRISM_F64, N, C, M};
    double *x = random_reals(ALL), *y = reals(ALL), *gy = random_reals(ALL), *gx = reals(ALL),
           *up = reals(ALL), *down = reals(ALL);
    double worst = 0, h = 1e-6;

    ref->ops->softmax_fwd(ref, &d, MEM(y), MEM(x));
    for (int at = 0; at < ALL; at++) {
        double sum = 0;
        for (int c = 0; c < C; c++)
            sum += exp(x[at / (C * M) * C * M + c * M + at % M]);
        worst = fmax(worst, fabs(y[at] - exp(x[at]) / sum));
    }
    expect(worst, 1e-15, "softmax by definition");
    ref->ops->softmax_bwd(ref, &d, MEM(gx), MEM(gy), MEM(y));
    worst = 0;
    for (int at = 0; at < ALL; at++) {
        double before = x[at];
        x[at] = before + h;
        ref->ops->softmax_fwd(ref, &d, MEM(up), MEM(x));
        x[at] = before - h;
        ref->ops->softmax_fwd(ref, &d, MEM(down), MEM(x));
        x[at] = before;
        worst = fmax(worst, fabs((dot(up, gy, ALL) - dot(down, gy, ALL)) / (2 * h) - gx[at]));
    }
    expect(worst, 1e-9, "softmax: gradient by differences");
    for (int at = 0; at < ALL; at++)
        x[at] += 2000;
    ref->ops->softmax_fwd(ref, &d, MEM(up), MEM(x));
    expect(worst_difference(up, y, ALL), 1e-12,
           "softmax: a number added to all classes changes nothing");
    const struct prism_softmax_desc one = {PRISM_F64, 1, 5, 1};
    const double equal[] = {1, 3, 2, 3, 3}, nan[] = {1, INFINITY, NAN, 3, NAN};
    int32_t place[2];
    ref->ops->argmax(ref, &one, MEM(&place[0]), MEM(equal));
    ref->ops->argmax(ref, &one, MEM(&place[1]), MEM(nan));
    expect(!(place[0] == 1 && place[1] == 2), 0,
           "argmax: the first of equal ones, NaN before infinity");
}

/* ---- dense_fit ---- */

struct fit {
    struct prism_dense_fit_desc d;
    size_t slab;
    double *p, *m, *v, *x, *t, *weight, step[3], loss;
    int32_t index[8];
};

/* Runs one step from zero moments; with b1 = b2 = 0 and rate 0, m is the
 * gradient and p does not change. */
static void fit_once(struct fit *f)
{
    const struct prism_dense_fit_args a = {
        MEM(f->p),      MEM(f->m),
        MEM(f->v),      MEM(f->x),
        MEM(f->t),      MEM(f->index),
        MEM(f->weight), MEM(f->step),
        MEM(&f->loss),  MEM(reals(prism_dense_fit_tmp(&f->d) / 8))};

    memset(f->m, 0, f->slab * sizeof *f->m);
    memset(f->v, 0, f->slab * sizeof *f->v);
    ref->ops->dense_fit(ref, &f->d, &a);
}

static struct fit fit_of(enum prism_act act, const int *width, int layers)
{
    struct fit f = {
        .d = {.dtype = PRISM_F64, .layers = layers, .batch = 8, .eps = 1e-8, .steps = 1},
        .step = {0, 1, 1}};

    for (int l = 0; l < layers; l++) {
        f.d.act[l] = (enum prism_act)(((int)act + l) % PRISM_ACT_COUNT);
        f.d.w[l] = f.slab;
        f.d.b[l] = f.slab + (size_t)(width[l] * width[l + 1]);
        f.slab = f.d.b[l] + (size_t)width[l + 1];
    }
    memcpy(f.d.width, width, (size_t)(layers + 1) * sizeof *width);
    f.p = random_reals(f.slab);
    f.m = reals(f.slab);
    f.v = reals(f.slab);
    f.x = random_reals((size_t)(8 * width[0]));
    f.t = random_reals((size_t)(8 * width[layers]));
    f.weight = random_reals(8);
    for (int r = 0; r < 8; r++) {
        f.index[r] = r * 3 % 8;
        f.weight[r] = fabs(f.weight[r]);
    }
    f.weight[5] = 0;
    return f;
}

static void check_dense_slope(enum prism_act act)
{
    static const int width[] = {3, 5, 4, 2};
    struct fit f = fit_of(act, width, 3);
    double h = 1e-6, worst = 0, largest = 0, *gradient = reals(f.slab);

    fit_once(&f);
    memcpy(gradient, f.m, f.slab * sizeof *gradient);
    for (size_t i = 0; i < f.slab; i++) {
        double p = f.p[i], up, down;
        f.p[i] = p + h;
        fit_once(&f);
        up = f.loss;
        f.p[i] = p - h;
        fit_once(&f);
        down = f.loss;
        f.p[i] = p;
        worst = fmax(worst, fabs((up - down) / (2 * h) - gradient[i]));
        largest = fmax(largest, fabs(gradient[i]));
    }
    expect(worst / largest, 1e-8,
           "dense_fit activations from %d on: gradient of the loss by differences", (int)act);
}

/* Checks a step of y = w x + b by hand, for one row of weight 1 and one of
 * weight 0. */
static void check_dense_by_hand(void)
{
    static const int width[] = {1, 1};
    struct fit f = fit_of(PRISM_ACT_NONE, width, 1);
    const double w = 0.5, b = -0.25, x = 3, t = 0.75, e = w * x + b - t, u = 0.5, rate = 0.1,
                 root = 2;

    f.d.batch = 2;
    f.d.b1 = 0.9;
    f.d.b2 = 0.99;
    f.p[0] = w;
    f.p[1] = b;
    f.index[0] = 1;
    f.index[1] = 0;
    f.x[1] = x;
    f.t[1] = t;
    f.weight[0] = 1;
    f.weight[1] = 0;
    memcpy(f.step, (double[]){rate, root, u}, sizeof f.step);
    fit_once(&f);
    double g = u * 2 * e * x, m = (1 - 0.9) * g, v = (1 - 0.99) * g * g;
    expect(fabs(f.loss - e * e), 1e-15, "dense_fit: loss by hand");
    expect(fabs(f.m[0] - m) + fabs(f.v[0] - v), 1e-14, "dense_fit: moments by hand");
    expect(fabs(f.p[0] - (w - rate * m / (sqrt(v) * root + 1e-8))), 1e-15,
           "dense_fit: step by hand");
    f.step[2] = NAN;
    double before = f.p[0];
    fit_once(&f);
    expect(fabs(f.p[0] - before) + fabs(f.m[0]), 0, "dense_fit: nothing changes where u is NaN");
}

void check_planes(void)
{
    for (int kind = 0; kind < PRISM_POOL_COUNT; kind++) {
        check_pool((struct prism_pool_desc){PRISM_F64, (enum prism_pool)kind, 2, 8, 6, 2, 2, 0});
        check_pool((struct prism_pool_desc){PRISM_F64, (enum prism_pool)kind, 2, 9, 7, 3, 2, 1});
        check_pool((struct prism_pool_desc){PRISM_F64, (enum prism_pool)kind, 1, 5, 6, 5, 1, 4});
        check_pool((struct prism_pool_desc){PRISM_F64, (enum prism_pool)kind, 2, 7, 9, 2, 3, 1});
    }
    check_pool_nan();
    check_copy2d();
    check_scatter(9, 8, 5, 6, 2, 1);
    check_scatter(5, 6, 9, 8, -2, -1);
    check_scatter(4, 4, 3, 3, 4, 0);
    check_gather();
    check_softmax();
    for (int act = 0; act < PRISM_ACT_COUNT; act++)
        check_dense_slope((enum prism_act)act);
    check_dense_by_hand();
}
