/* cuFFT in double precision: mixed radix by the smallest prime factor, one axis
 * after the other. */
#include "cufft.h"
#include "model.h"

#include <complex>
#include <map>
#include <memory>
#include <vector>

namespace
{
typedef std::complex<double> cplx;

struct plan {
    cudaStream_t stream = nullptr;
    bool automatic = true, made = false;
    cufftType type = CUFFT_C2C;
    /* axes are stored at the end of n; leading ones are 1 */
    int rank = 0, n[3] = {1, 1, 1}, batch = 0;
    int in_embed[3], in_stride, in_dist, out_embed[3], out_stride, out_dist;
    std::vector<cplx> roots[3]; /* exp(-2 pi i k/n) */
    size_t work_bytes = 0;
    void *work = nullptr, *own_work = nullptr;
};

std::map<cufftHandle, std::shared_ptr<struct plan>> plans;
cufftHandle next_handle = 1;

/* Product without the library's treatment of infinities, which is slow. */
cplx mul(cplx a, cplx b)
{
    return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

/* Transforms in[0], in[step], ... into out[0..n). roots are those of the whole
 * length, `total`; sign -1 uses them as they are, +1 their conjugates. */
void transform(cplx *out, const cplx *in, int n, int step, const cplx *roots, int total, int sign)
{
    if (n == 1) {
        *out = *in;
        return;
    }
    int p = 2;
    while (n % p)
        p = p * p > n ? n : p + 1;
    int m = n / p, stride = total / n;
    for (int r = 0; r < p; r++)
        transform(out + (size_t)r * m, in + (size_t)r * step, m, step * p, roots, total, sign);
    std::vector<cplx> part(p > 2 ? p : 0);
    for (int k = 0; k < m; k++) {
        auto root = [=](int j) {
            return sign < 0 ? roots[(size_t)j * stride] : std::conj(roots[(size_t)j * stride]);
        };
        if (p == 2) {
            cplx a = out[k], b = mul(out[k + m], root(k));
            out[k] = a + b;
            out[k + m] = a - b;
            continue;
        }
        for (int r = 0; r < p; r++)
            part[r] = out[k + (size_t)r * m];
        for (int q = 0; q < p; q++) {
            cplx sum = 0;
            for (int r = 0; r < p; r++)
                sum += mul(part[r], root((int)((long)r * (k + (long)q * m) % n)));
            out[k + (size_t)q * m] = sum;
        }
    }
}

/* Transforms along one axis of a contiguous [n0,n1,n2] array. */
void transform_axis(const struct plan &p, std::vector<cplx> &x, int axis, int sign)
{
    int n = p.n[axis];
    size_t inner = 1, outer = 1;
    for (int a = 0; a < 3; a++)
        (a < axis ? outer : inner) *= a == axis ? 1 : (size_t)p.n[a];
    std::vector<cplx> in(n), out(n);
    for (size_t line = 0; n > 1 && line < outer * inner; line++) {
        cplx *first = &x[line / inner * n * inner + line % inner];
        for (int i = 0; i < n; i++)
            in[i] = first[i * inner];
        transform(out.data(), in.data(), n, 1, p.roots[axis].data(), n, sign);
        for (int i = 0; i < n; i++)
            first[i * inner] = out[i];
    }
}

template <class T> void execute(const struct plan &p, void *work, const T *in, T *out, int sign)
{
    memset(work, 0xff, p.work_bytes); /* a plan may overwrite its work area */
    size_t total = (size_t)p.n[0] * p.n[1] * p.n[2];
    std::vector<cplx> x(total);
    auto at = [&](size_t i, const int *embed, int stride) {
        size_t i2 = i % p.n[2], i1 = i / p.n[2] % p.n[1], i0 = i / p.n[2] / p.n[1];
        return ((i0 * embed[1] + i1) * embed[2] + i2) * stride;
    };
    for (int b = 0; b < p.batch; b++) {
        const T *from = in + (size_t)b * p.in_dist;
        T *to = out + (size_t)b * p.out_dist;
        for (size_t i = 0; i < total; i++) {
            const T &v = from[at(i, p.in_embed, p.in_stride)];
            x[i] = cplx(v.x, v.y);
        }
        for (int axis = 0; axis < 3; axis++)
            transform_axis(p, x, axis, sign);
        for (size_t i = 0; i < total; i++) {
            T &v = to[at(i, p.out_embed, p.out_stride)];
            v.x = (decltype(v.x))x[i].real();
            v.y = (decltype(v.y))x[i].imag();
        }
    }
}

std::shared_ptr<struct plan> find(cufftHandle h)
{
    auto i = plans.find(h);
    return i == plans.end() ? nullptr : i->second;
}

template <class T>
cufftResult run(cufftHandle h, cufftType type, const T *in, T *out, int direction)
{
    CUDA_MODEL_ENTER(CUDA_MODEL_ENQUEUES, CUFFT_EXEC_FAILED);
    std::shared_ptr<struct plan> p = find(h);
    if (!p || !p->made || p->type != type)
        return CUFFT_INVALID_PLAN;
    if (direction != CUFFT_FORWARD && direction != CUFFT_INVERSE)
        return CUFFT_INVALID_VALUE;
    if (!p->work)
        return CUFFT_NO_WORKSPACE;
    void *work = p->work;
    cudaError_t e =
        cuda_model_enqueue(p->stream, true, [=] { execute(*p, work, in, out, direction); });
    return e ? CUFFT_EXEC_FAILED : CUFFT_SUCCESS;
}

/* Fills a plan's layout. Without `embed` the data lie without gaps, whatever
 * stride and dist say. */
void lay_out(const struct plan &p, const int *embed, int stride, int dist, int *out_embed,
             int *out_stride, int *out_dist)
{
    for (int a = 0; a < 3; a++)
        out_embed[a] = embed && a >= 3 - p.rank ? embed[a - (3 - p.rank)] : p.n[a];
    *out_stride = embed ? stride : 1;
    *out_dist = embed ? dist : p.n[0] * p.n[1] * p.n[2];
}
} // namespace

cufftResult cufftCreate(cufftHandle *handle)
{
    CUDA_MODEL_ENTER(CUDA_MODEL_ENQUEUES, CUFFT_SETUP_FAILED);
    *handle = next_handle++;
    plans[*handle] = std::make_shared<struct plan>();
    return CUFFT_SUCCESS;
}

cufftResult cufftDestroy(cufftHandle handle)
{
    std::lock_guard<std::recursive_mutex> lock(cuda_model_mutex);
    std::shared_ptr<struct plan> p = find(handle);
    if (!p)
        return CUFFT_INVALID_PLAN;
    cudaFree(p->own_work);
    plans.erase(handle);
    return CUFFT_SUCCESS;
}

cufftResult cufftSetAutoAllocation(cufftHandle handle, int automatic)
{
    CUDA_MODEL_ENTER(CUDA_MODEL_ENQUEUES, CUFFT_SETUP_FAILED);
    std::shared_ptr<struct plan> p = find(handle);
    if (!p || p->made)
        return CUFFT_INVALID_PLAN;
    p->automatic = automatic;
    return CUFFT_SUCCESS;
}

cufftResult cufftMakePlanMany(cufftHandle handle, int rank, int *n, int *inembed, int istride,
                              int idist, int *onembed, int ostride, int odist, cufftType type,
                              int batch, size_t *work_bytes)
{
    CUDA_MODEL_ENTER(CUDA_MODEL_WAITS, CUFFT_INTERNAL_ERROR);
    std::shared_ptr<struct plan> p = find(handle);
    if (!p || p->made)
        return CUFFT_INVALID_PLAN;
    if (rank < 1 || rank > 3 || batch < 1)
        return CUFFT_INVALID_SIZE;
    p->rank = rank;
    for (int a = 3 - rank; a < 3; a++) {
        if ((p->n[a] = n[a - (3 - rank)]) < 1)
            return CUFFT_INVALID_SIZE;
        for (int k = 0; k < p->n[a]; k++)
            p->roots[a].push_back(std::polar(1.0, -2 * M_PI * k / p->n[a]));
    }
    p->type = type;
    p->batch = batch;
    lay_out(*p, inembed, istride, idist, p->in_embed, &p->in_stride, &p->in_dist);
    lay_out(*p, onembed, ostride, odist, p->out_embed, &p->out_stride, &p->out_dist);
    p->work_bytes = (size_t)p->n[0] * p->n[1] * p->n[2] * batch *
                    (type == CUFFT_C2C ? sizeof(cufftComplex) : sizeof(cufftDoubleComplex));
    if (p->automatic) {
        if (cudaMalloc(&p->own_work, p->work_bytes))
            return CUFFT_ALLOC_FAILED;
        p->work = p->own_work;
    }
    p->made = true;
    *work_bytes = p->work_bytes;
    return CUFFT_SUCCESS;
}

cufftResult cufftGetSize(cufftHandle handle, size_t *work_bytes)
{
    CUDA_MODEL_ENTER(CUDA_MODEL_ENQUEUES, CUFFT_INTERNAL_ERROR);
    std::shared_ptr<struct plan> p = find(handle);
    if (!p || !p->made)
        return CUFFT_INVALID_PLAN;
    *work_bytes = p->work_bytes;
    return CUFFT_SUCCESS;
}

cufftResult cufftSetWorkArea(cufftHandle handle, void *area)
{
    CUDA_MODEL_ENTER(CUDA_MODEL_ENQUEUES, CUFFT_INTERNAL_ERROR);
    std::shared_ptr<struct plan> p = find(handle);
    if (!p)
        return CUFFT_INVALID_PLAN;
    p->work = area;
    return CUFFT_SUCCESS;
}

cufftResult cufftSetStream(cufftHandle handle, cudaStream_t stream)
{
    CUDA_MODEL_ENTER(CUDA_MODEL_ENQUEUES, CUFFT_INTERNAL_ERROR);
    std::shared_ptr<struct plan> p = find(handle);
    if (!p)
        return CUFFT_INVALID_PLAN;
    p->stream = stream;
    return CUFFT_SUCCESS;
}

cufftResult cufftExecC2C(cufftHandle plan, cufftComplex *in, cufftComplex *out, int direction)
{
    return run(plan, CUFFT_C2C, in, out, direction);
}

cufftResult cufftExecZ2Z(cufftHandle plan, cufftDoubleComplex *in, cufftDoubleComplex *out,
                         int direction)
{
    return run(plan, CUFFT_Z2Z, in, out, direction);
}
