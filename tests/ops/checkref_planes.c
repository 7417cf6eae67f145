#include "checkref.h"

#include <math.h>
#include <string.h>

/* ---- pool ---- */

static bool inside(const struct prism_pool_desc *d, int o, int i)
{
    return i >= o * d->stride - d->pad && i < o * d->stride - d->pad + d->k;
}

/* Every output against every pixel of its plane. */
static void check_pool(struct prism_pool_desc d)
{
    int oh = prism_pool_out(&d, d.h), ow = prism_pool_out(&d, d.w), plane = d.h * d.w;
    size_t nx = (size_t)(d.planes * plane), ny = (size_t)(d.planes * oh * ow);
    double *x = random_reals(nx), *gy = random_reals(ny), *y = reals(ny), *gx = reals(nx), *y0 = reals(ny), *gx0 = reals(nx);
    double *place = reals(ny), *place0 = reals(ny);
    int32_t *index = (void *)reals(ny);
    const char *name = d.kind == PRISM_POOL_MAX ? "max" : "mean";

    for (size_t i = 0; i < nx; i++)
        x[i] = floor(3 * x[i]); /* many equal ones */
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
            if (d.kind == PRISM_POOL_MAX ? i == place0[o] : inside(&d, oy, i / d.w) && inside(&d, ox, i % d.w))
                gx0[p * plane + i] += d.kind == PRISM_POOL_MAX ? gy[o] : gy[o] / count;
    }
    ref->ops->pool_fwd(ref, &d, MEM(y), MEM(index), MEM(x));
    ref->ops->pool_bwd(ref, &d, MEM(gx), MEM(gy), MEM(index));
    for (size_t o = 0; o < ny && d.kind == PRISM_POOL_MAX; o++)
        place[o] = index[o];
    expect(worst_difference(y, y0, ny), 1e-15, "pool %s %dx%d k%d s%d p%d by definition", name, d.h, d.w, d.k, d.stride, d.pad);
    expect(worst_difference(gx, gx0, nx), 1e-14, "pool %s %dx%d k%d s%d p%d backward", name, d.h, d.w, d.k, d.stride, d.pad);
    if (d.kind == PRISM_POOL_MAX)
        expect(worst_difference(place, place0, ny), 0, "pool max %dx%d k%d s%d p%d places", d.h, d.w, d.k, d.stride, d.pad);
    else
        expect(fabs(dot(y, gy, ny) - dot(x, gx, nx)), 1e-12, "pool mean %dx%d k%d s%d p%d adjoint", d.h, d.w, d.k, d.stride, d.pad);
}

static void check_pool_nan(void)
{
    struct prism_pool_desc d = {PRISM_F64, PRISM_POOL_MAX, 1, 2, 2, 2, 1, 0};
    double x[6] = {1, NAN, INFINITY, NAN, -INFINITY, -INFINITY}, y[1];
    int32_t index[1];

    ref->ops->pool_fwd(ref, &d, MEM(y), MEM(index), MEM(x));
    expect(!(isnan(y[0]) && index[0] == 1), 0, "pool max: NaN is the largest, the first one counts");
    ref->ops->pool_fwd(ref, &d, MEM(y), MEM(index), MEM(x + 2));
    expect(!(isnan(y[0]) && index[0] == 1), 0, "pool max: NaN is larger than infinity");
    double low[4] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY};
    ref->ops->pool_fwd(ref, &d, MEM(y), MEM(index), MEM(low));
    expect(!(y[0] == -INFINITY && index[0] == 0), 0, "pool max: a window of -infinity has a place");
}

/* ---- copy2d: two pictures side by side, and taken apart ---- */

static void check_copy2d(void)
{
    enum { N = 3, A = 4, B = 5 };
    const struct prism_copy2d_desc put_a = {PRISM_F64, N, A, A + B, A}, put_b = {PRISM_F64, N, B, A + B, B};
    const struct prism_copy2d_desc get_b = {PRISM_F64, N, B, B, A + B};
    double *a = random_reals(N * A), *b = random_reals(N * B), *y = reals(N * (A + B)), *expected = reals(N * (A + B));
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

/* ---- dense_fit ---- */

struct fit {
    struct prism_dense_fit_desc d;
    size_t slab;
    double *p, *m, *v, *x, *t, *weight, step[3], loss;
    int32_t index[8];
};

/* One step from zero moments; with b1 = b2 = 0 and rate 0, m is the gradient and p stays. */
static void fit_once(struct fit *f)
{
    const struct prism_dense_fit_args a = {MEM(f->p),     MEM(f->m),      MEM(f->v),    MEM(f->x),    MEM(f->t),
                                           MEM(f->index), MEM(f->weight), MEM(f->step), MEM(&f->loss), MEM(reals(prism_dense_fit_tmp(&f->d) / 8))};

    memset(f->m, 0, f->slab * sizeof *f->m);
    memset(f->v, 0, f->slab * sizeof *f->v);
    ref->ops->dense_fit(ref, &f->d, &a);
}

static struct fit fit_of(enum prism_act act, const int *width, int layers)
{
    struct fit f = {.d = {.dtype = PRISM_F64, .layers = layers, .batch = 8, .eps = 1e-8, .steps = 1}, .step = {0, 1, 1}};

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
    expect(worst / largest, 1e-8, "dense_fit activations from %d on: gradient of the loss by differences", (int)act);
}

/* y = w x + b, one row of weight 1 and one of weight 0. */
static void check_dense_by_hand(void)
{
    static const int width[] = {1, 1};
    struct fit f = fit_of(PRISM_ACT_NONE, width, 1);
    const double w = 0.5, b = -0.25, x = 3, t = 0.75, e = w * x + b - t, u = 0.5, rate = 0.1, root = 2;

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
    expect(fabs(f.p[0] - (w - rate * m / (sqrt(v) * root + 1e-8))), 1e-15, "dense_fit: step by hand");
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
    for (int act = 0; act < PRISM_ACT_COUNT; act++)
        check_dense_slope((enum prism_act)act);
    check_dense_by_hand();
}
