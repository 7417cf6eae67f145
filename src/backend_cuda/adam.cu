/* Adam over a matrix whose gradient is an outer product. The gradient is never
 * stored, so a step costs its floor: parameter and moments read and written
 * once, which is 24 bytes a parameter (F32; AMSGrad 32). Adam over a stored
 * gradient costs 28, and the product before it 4 more. One launch; a thread
 * takes 16 bytes of each array; a and b stay in the caches. */
#include "backend_cuda/block.h"
#include "backend_cuda/vmath.h"

namespace
{
template <class T> struct adam_run {
    size_t n, cols;
    T b1, c1, b2, c2, eps;
    T *p, *m, *v, *vmax;
    const T *a, *b, *step;
};

/* A thread updates N elements; N exceeds 1 only where the arrays are aligned
 * for it. */
template <class T, int N> __global__ void adam_kernel(struct adam_run<T> s)
{
    typedef struct cu_pack<T, N> pack;
    const size_t first = ((size_t)blockIdx.x * blockDim.x + threadIdx.x) * N;
    const T rate = __ldg(s.step), root = __ldg(s.step + 1), u = __ldg(s.step + 2);

    if (first >= s.n || u != u)
        return;
    pack p = *(const pack *)(s.p + first), m = {}, v = {}, second = {};
    if (s.m) {
        m = *(const pack *)(s.m + first);
        v = *(const pack *)(s.v + first);
    }
    if (s.vmax)
        second = *(const pack *)(s.vmax + first);
    size_t r = first / s.cols, c = first % s.cols;
#pragma unroll
    for (int k = 0; k < N; k++) {
        const T g = u * (__ldg(s.a + r) * __ldg(s.b + c));
        m.v[k] = s.b1 * m.v[k] + s.c1 * g;
        v.v[k] = s.b2 * v.v[k] + s.c2 * g * g;
        second.v[k] = s.vmax && second.v[k] > v.v[k] ? second.v[k] : v.v[k];
        p.v[k] -= rate * m.v[k] / (cu_sqrt(second.v[k]) * root + s.eps);
        if (++c == s.cols) {
            c = 0;
            r++;
        }
    }
    *(pack *)(s.p + first) = p;
    if (s.m) {
        *(pack *)(s.m + first) = m;
        *(pack *)(s.v + first) = v;
    }
    if (s.vmax)
        *(pack *)(s.vmax + first) = second;
}

template <class T>
int adam(struct prism_dev *dev, const struct prism_adam_outer_desc *d,
         const struct prism_adam_outer_args *args)
{
    enum { THREADS = 256, N = 16 / sizeof(T) };
    const adam_run<T> s = {d->rows * d->cols,  d->cols,
                           (T)d->b1,           (T)(1 - d->b1),
                           (T)d->b2,           (T)(1 - d->b2),
                           (T)d->eps,          (T *)args->p,
                           (T *)args->m,       (T *)args->v,
                           (T *)args->vmax,    (const T *)args->a,
                           (const T *)args->b, (const T *)args->step};

    if (s.n % N == 0 && cu_wide(s.p) && cu_wide(s.m) && cu_wide(s.v) && cu_wide(s.vmax))
        return cu_launch(dev, "Adam", adam_kernel<T, N>, cu_blocks(s.n, THREADS * N), THREADS, s);
    return cu_launch(dev, "Adam", adam_kernel<T, 1>, cu_blocks(s.n, THREADS), THREADS, s);
}

/* Updates the vector z, then computes the product of the new z and the new
 * p. */
int product(struct prism_dev *dev, const struct prism_adam_outer_desc *d, struct prism_conv *conv,
            const struct prism_adam_outer_args *args)
{
    const enum prism_map op = args->vmax ? PRISM_MAP_AMSGRAD
                              : args->m  ? PRISM_MAP_ADAM
                                         : PRISM_MAP_ADAM_ONCE;
    const struct prism_adam_outer_tail *t = args->tail;
    const struct prism_map_args vector = {{t->z, t->zm, t->zv, t->zvmax},
                                          {t->ga, args->step},
                                          {d->b1, d->b2, d->eps},
                                          PRISM_ACT_NONE,
                                          0};
    int status = cu_map(dev, op, d->dtype, 1, d->rows, &vector);

    return status ? status : cu_conv_bwd_x(conv, t->y, t->z, args->p);
}
} // namespace

int cu_adam_outer(struct prism_dev *dev, const struct prism_adam_outer_desc *d,
                  struct prism_conv *conv, const struct prism_adam_outer_args *args)
{
    const struct prism_gemm_desc back = {d->dtype, (int)d->rows, 1, (int)d->cols,
                                         false,    false,        1, 0};
    int status = args->tail ? cu_gemm(dev, &back, args->tail->ga, args->p, args->b) : 0;

    if (!status)
        status = d->dtype == PRISM_F64 ? adam<double>(dev, d, args) : adam<float>(dev, d, args);
    return status || !args->tail ? status : product(dev, d, conv, args);
}
