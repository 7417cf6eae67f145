/* Tests of the host model itself, in TAP. Some kernels here do what the
 * plugin's kernels do; others do what no kernel may. */
#include "cublas_v2.h"
#include "cuda_bf16.h"
#include "cuda_fp16.h"
#include "cufft.h"

#include <complex>
#include <cstdio>
#include <cstdlib>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace
{
int tests, failures;
const char *const orders[] = {"forward", "reverse", "shuffle"};

void report(bool ok, const char *what)
{
    printf("%sok %d - %s\n", ok ? "" : "not ", ++tests, what);
    failures += !ok;
}

bool check(bool ok, const char *text, int line)
{
    if (!ok)
        printf("# line %d: %s\n", line, text);
    return ok;
}
#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!check(x, #x, __LINE__))                                                               \
            return false;                                                                          \
    } while (0)

void order(const char *name)
{
    setenv("PRISMREC_CUDA_MODEL_ORDER", name, 1);
}

/* Device memory that its scope frees. */
template <class T> struct array {
    T *p = nullptr;
    explicit array(const std::vector<T> &v)
    {
        if (!cudaMalloc(&p, v.size() * sizeof(T)))
            memcpy(p, v.data(), v.size() * sizeof(T));
    }
    ~array()
    {
        cudaFree(p);
    }
    array(const array &) = delete;
};

/* Runs f in a child process, because a lost device and memory limits last.
 * Returns true if f does and the child ends normally. */
bool in_child(bool (*f)())
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        fclose(stderr); /* hides the messages about provoked faults */
        bool ok = f();
        fflush(stdout);
        _exit(ok ? 0 : 1);
    }
    int status;
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ---- threads ---- */

__global__ void reverse_block(int *y, const int *x, bool barrier)
{
    __shared__ int tile[96];
    int n = (int)(blockDim.x * blockDim.y), t = (int)(threadIdx.y * blockDim.x + threadIdx.x),
        b = (int)blockIdx.x * n;
    tile[t] = x[b + t];
    if (barrier)
        __syncthreads();
    y[b + t] = tile[n - 1 - t];
}

bool reversed(const char *how, bool barrier)
{
    std::vector<int> x(5 * 96);
    for (size_t i = 0; i < x.size(); i++)
        x[i] = (int)i;
    array<int> dx(x), dy(x);
    order(how);
    cuda_model_launch(nullptr, reverse_block, dim3(5), dim3(8, 12), dy.p, dx.p, barrier);
    for (int i = 0; i < 5 * 96; i++)
        if (dy.p[i] != i / 96 * 96 + 95 - i % 96)
            return false;
    return cudaPeekAtLastError() == cudaSuccess;
}

bool barriers()
{
    for (const char *how : orders) {
        CHECK(reversed(how, true));
        CHECK(!reversed(how, false)); /* a missing barrier must be noticed */
    }
    return true;
}

__global__ void tree(double *y, const double *x)
{
    __shared__ double part[32];
    unsigned t = threadIdx.x, lane = t % warpSize;
    double v = x[blockIdx.x * blockDim.x + t];
    for (int o = warpSize / 2; o; o /= 2)
        v += __shfl_down_sync(0xffffffffu, v, o);
    if (lane == 0)
        part[t / warpSize] = v;
    __syncthreads();
    if (t >= (unsigned)warpSize)
        return; /* the other threads must not be waited for */
    v = t < blockDim.x / warpSize ? part[t] : 0;
    for (int o = warpSize / 2; o; o /= 2)
        v += __shfl_xor_sync(0xffffffffu, v, o);
    __syncwarp();
    __syncthreads();
    if (lane == 7)
        y[blockIdx.x] = v;
}

__global__ void broadcast(int *y)
{
    int t = (int)threadIdx.x;
    int a = __shfl_sync(0xffffffffu, t, 5), b = __shfl_sync(0xffffffffu, 100 + t, t + 1),
        c = __shfl_down_sync(0xffffffffu, t, 3, 8);
    y[t] = a + 1000 * b + 1000000 * c;
}

bool shuffles()
{
    std::vector<double> x(3 * 1024);
    for (size_t i = 0; i < x.size(); i++)
        x[i] = (double)(i * i % 1009);
    array<double> dx(x), dy(std::vector<double>(3));
    array<int> db(std::vector<int>(64));
    for (const char *how : orders) {
        order(how);
        cuda_model_launch(nullptr, tree, dim3(3), dim3(1024), dy.p, dx.p);
        CHECK(cudaGetLastError() == cudaSuccess);
        for (int b = 0; b < 3; b++) {
            double sum = 0;
            for (int i = 0; i < 1024; i++)
                sum += x[b * 1024 + i];
            CHECK(dy.p[b] == sum);
        }
        cuda_model_launch(nullptr, broadcast, dim3(1), dim3(64), db.p);
        for (int t = 0; t < 64; t++) {
            int w = t / 32 * 32, lane = t % 32, down = lane % 8 + 3 < 8 ? lane + 3 : lane;
            CHECK(db.p[t] == w + 5 + 1000 * (100 + w + (lane + 1) % 32) + 1000000 * (w + down));
        }
    }
    return true;
}

/* The last block adds the blocks' partial sums in order of the index, and
 * resets the ticket. */
__global__ void ticket_sum(float *y, float *partial, unsigned *ticket, const float *x)
{
    __shared__ bool last;
    if (threadIdx.x == 0) {
        partial[blockIdx.x] = x[blockIdx.x] * 3;
        __threadfence();
        last = atomicInc(ticket, gridDim.x - 1) == gridDim.x - 1;
    }
    __syncthreads();
    if (!last || threadIdx.x)
        return;
    float sum = 0;
    for (unsigned b = 0; b < gridDim.x; b++)
        sum += partial[b];
    *y = sum;
}

bool tickets()
{
    std::vector<float> x(77);
    float sum = 0;
    for (size_t i = 0; i < x.size(); i++) {
        x[i] = 1 / (float)(i + 1);
        sum += x[i] * 3;
    }
    array<float> dx(x), partial(x), y(std::vector<float>(1));
    array<unsigned> ticket(std::vector<unsigned>(1));
    for (const char *how : orders) {
        order(how);
        cuda_model_launch(nullptr, ticket_sum, dim3(77), dim3(64), y.p, partial.p, ticket.p, dx.p);
        CHECK(*y.p == sum && *ticket.p == 0);
    }
    return true;
}

__global__ void first_comes(unsigned *y, unsigned *count)
{
    y[atomicAdd(count, 1u)] = blockIdx.z * 100 + blockIdx.y * 10 + threadIdx.y;
}

bool orders_differ()
{
    std::vector<unsigned> seen[3];
    for (int o = 0; o < 3; o++) {
        array<unsigned> y(std::vector<unsigned>(24)), count(std::vector<unsigned>(1));
        order(orders[o]);
        cuda_model_launch(nullptr, first_comes, dim3(1, 2, 3), dim3(1, 4), y.p, count.p);
        seen[o].assign(y.p, y.p + 24);
    }
    CHECK(seen[0] == std::vector<unsigned>(seen[1].rbegin(), seen[1].rend()));
    CHECK(seen[0][0] == 0 && seen[0][1] == 1 && seen[0][4] == 10 && seen[0][8] == 100 &&
          seen[0][23] == 213);
    CHECK(seen[2] != seen[0] && seen[2] != seen[1]);
    return true;
}

__global__ void stuck()
{
    if (threadIdx.x < 3)
        __syncthreads();
    else
        __syncwarp();
}

__global__ void half_a_shuffle(int *y)
{
    *y = threadIdx.x == 0 ? __shfl_xor_sync(0xffffffffu, 1, 1) : 0;
    __syncthreads();
}

template <void (*kernel)()> bool faults()
{
    cuda_model_launch(nullptr, kernel, dim3(1), dim3(8));
    int *p;
    CHECK(cudaGetLastError() == cudaErrorLaunchFailure &&
          cudaMalloc(&p, 4) == cudaErrorLaunchFailure);
    return true;
}

bool half_a_shuffle_faults()
{
    array<int> y({0});
    cuda_model_launch(nullptr, half_a_shuffle, dim3(1), dim3(8), y.p);
    CHECK(cudaGetLastError() == cudaErrorLaunchFailure);
    return true;
}

bool limits_of_launches()
{
    array<int> y({0});
    for (dim3 block : {dim3(2048), dim3(0), dim3(1, 1, 65)}) {
        cuda_model_launch(nullptr, broadcast, dim3(1), block, y.p);
        CHECK(cudaGetLastError() == cudaErrorInvalidConfiguration &&
              cudaGetLastError() == cudaSuccess);
    }
    cuda_model_launch(nullptr, broadcast, dim3(1, 65536), dim3(32), y.p);
    CHECK(cudaGetLastError() == cudaErrorInvalidConfiguration);
    return true;
}

/* ---- half ---- */

/* Checks all values: conversion to float and back is the identity, and a value
 * between two neighbours goes to the nearest, a tie to the even one. */
template <class H> bool halves(float (*widen)(H), H (*narrow)(float), unsigned infinity)
{
    auto bits_of = [](H h) {
        uint16_t b;
        memcpy(&b, &h, 2);
        return b;
    };
    auto half_of = [](unsigned b) {
        H h;
        uint16_t b16 = (uint16_t)b;
        memcpy(&h, &b16, 2);
        return h;
    };
    for (unsigned b = 0; b < 65536; b++) {
        float v = widen(half_of(b));
        unsigned magnitude = b & 0x7fff, sign = b & 0x8000;
        CHECK(isnan(v) == (magnitude > infinity));
        CHECK(isinf(v) == (magnitude == infinity));
        CHECK(bits_of(narrow(v)) == (isnan(v) ? 0x7fff : b));
        if (magnitude >= infinity)
            continue;
        double next = widen(half_of(b + 1));
        /* overflow begins half way to where the next value would be */
        if (magnitude + 1 == infinity)
            next = v + ((double)v - widen(half_of(b - 1)));
        double middle = (v + next) / 2;
        unsigned even = b & 1 ? b + 1 : b;
        float m = (float)middle;
        if ((double)m == middle) { /* true for all but the smallest bfloat16 */
            CHECK(bits_of(narrow(m)) == even);
            CHECK(bits_of(narrow(nextafterf(m, 0))) == b);
            CHECK(bits_of(narrow(nextafterf(m, sign ? -INFINITY : INFINITY))) == b + 1);
        }
    }
    CHECK(bits_of(narrow(INFINITY)) == infinity && bits_of(narrow(-0.0f)) == 0x8000);
    CHECK(bits_of(narrow(3e38f)) == (infinity == 0x7c00 ? 0x7c00 : 0x7f62) &&
          bits_of(narrow(1e-45f)) == 0);
    return true;
}

bool float16()
{
    CHECK(__half2float(__half_raw{0x3555}) == 0x1.554p-2f &&
          __half2float(__half_raw{0xfbff}) == -65504);
    CHECK(__half2float(__half_raw{1}) == 0x1p-24f &&
          __half2float(__half_raw{0x03ff}) == 0x1.ff8p-15f);
    return halves(__half2float, __float2half_rn, 0x7c00);
}

bool bfloat16()
{
    CHECK(__bfloat162float(__nv_bfloat16_raw{0xc049}) == -3.140625f &&
          __bfloat162float(__nv_bfloat16_raw{1}) == 0x1p-133f);
    return halves(__bfloat162float, __float2bfloat16_rn, 0x7f80);
}

/* ---- memory, streams, replay ---- */

bool memory()
{
    setenv("PRISMREC_CUDA_MODEL_MEM_BYTES", "100000", 1);
    size_t left, total;
    float *a, *b;
    CHECK(!cudaMemGetInfo(&left, &total) && total == 100000 && left == 100000);
    CHECK(!cudaMalloc(&a, 60000) && (uintptr_t)a % 256 == 0 && isnan(a[0]) && isnan(a[14999]));
    CHECK(!cudaMemGetInfo(&left, &total) && left == 40000);
    CHECK(cudaMalloc(&b, 40001) == cudaErrorMemoryAllocation &&
          cudaGetLastError() == cudaErrorMemoryAllocation);
    CHECK(!cudaMalloc(&b, 40000) && !cudaMemsetAsync(b, 0, 40000) && b[9999] == 0);
    float host[2] = {1, 2};
    CHECK(!cudaMemcpyAsync(a, host, 8, cudaMemcpyHostToDevice) && a[1] == 2);
    /* past the end */
    CHECK(cudaMemcpyAsync(a + 14999, host, 8, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
    CHECK(cudaMemcpyAsync(a, host, 8, cudaMemcpyDeviceToDevice) == cudaErrorInvalidValue);
    CHECK(cudaMemsetAsync(b, 0, 40001) == cudaErrorInvalidValue);
    CHECK(!cudaFree(a) && !cudaFree(b) && !cudaFree(nullptr) &&
          cudaFree(host) == cudaErrorInvalidValue);
    CHECK(!cudaMemGetInfo(&left, &total) && left == 100000);
    cudaGetLastError();
    unsetenv("PRISMREC_CUDA_MODEL_MEM_BYTES");
    return true;
}

__global__ void axpy(float *y, const float *x, float a)
{
    y[threadIdx.x] += a * x[threadIdx.x];
}

bool replay()
{
    array<float> x({1, 2, 3, 4}), y({0, 0, 0, 0}), z({9, 9, 9, 9});
    cudaStream_t s;
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    CHECK(!cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking) &&
          !cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal));
    float a = 2;
    cuda_model_launch(s, axpy, dim3(1), dim3(4), y.p, x.p, a);
    CHECK(!cudaMemcpyAsync(z.p, y.p, 16, cudaMemcpyDeviceToDevice, s) &&
          !cudaMemsetAsync(x.p, 0, 4, s));
    a = 100; /* arguments keep the values they had at the call */
    CHECK(y.p[3] == 0 && z.p[3] == 9 && x.p[0] == 1);
    CHECK(!cudaStreamEndCapture(s, &graph) && !cudaGraphInstantiate(&exec, graph) &&
          !cudaGraphDestroy(graph));
    CHECK(!cudaGraphLaunch(exec, s) && y.p[3] == 8 && z.p[0] == 2 && x.p[0] == 0);
    CHECK(!cudaGraphLaunch(exec, s) && y.p[3] == 16 && z.p[0] == 2);
    CHECK(!cudaGraphExecDestroy(exec) && !cudaStreamDestroy(s) &&
          cudaGetLastError() == cudaSuccess);
    return true;
}

cudaStream_t captured;
cudaEvent_t event;
float *device;

cudaError_t bad_malloc()
{
    void *p;
    return cudaMalloc(&p, 4);
}
cudaError_t bad_free()
{
    return cudaFree(device);
}
cudaError_t bad_sync()
{
    return cudaStreamSynchronize(captured);
}
cudaError_t bad_event()
{
    return cudaEventSynchronize(event);
}
cudaError_t bad_copy()
{
    float v = 0;
    return cudaMemcpyAsync(device, &v, 4, cudaMemcpyHostToDevice, captured);
}
cudaError_t bad_plan()
{
    cufftHandle plan;
    size_t bytes;
    int n = 4;
    cufftCreate(&plan);
    cufftResult e =
        cufftMakePlanMany(plan, 1, &n, nullptr, 1, 4, nullptr, 1, 4, CUFFT_C2C, 1, &bytes);
    cufftDestroy(plan);
    return e == CUFFT_INTERNAL_ERROR ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

bool illegal_in_capture()
{
    CHECK(!cudaStreamCreateWithFlags(&captured, cudaStreamNonBlocking) &&
          !cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    CHECK(!cudaMalloc(&device, 4) && !cudaEventRecord(event, captured));
    for (auto *bad : {bad_malloc, bad_free, bad_sync, bad_event, bad_copy, bad_plan}) {
        cudaGraph_t graph;
        CHECK(!cudaStreamBeginCapture(captured, cudaStreamCaptureModeThreadLocal));
        CHECK(bad() == cudaErrorStreamCaptureUnsupported);
        CHECK(cudaMemsetAsync(device, 0, 4, captured) == cudaErrorStreamCaptureInvalidated);
        CHECK(cudaStreamEndCapture(captured, &graph) == cudaErrorStreamCaptureInvalidated &&
              !graph);
        cudaGetLastError();
    }
    float *pinned;
    cudaGraph_t graph;
    CHECK(!cudaMallocHost(&pinned, 4) &&
          !cudaStreamBeginCapture(captured, cudaStreamCaptureModeThreadLocal));
    CHECK(!cudaMemcpyAsync(device, pinned, 4, cudaMemcpyHostToDevice, captured) &&
          !cudaEventRecord(event, captured));
    CHECK(!cudaStreamEndCapture(captured, &graph) &&
          cudaEventQuery(event) == cudaErrorCapturedEvent);
    CHECK(!cudaGraphDestroy(graph) && !cudaFreeHost(pinned) && !cudaFree(device) &&
          !cudaEventDestroy(event) && !cudaStreamDestroy(captured));
    cudaGetLastError();
    return true;
}

bool lost_device()
{
    setenv("PRISMREC_CUDA_MODEL_LOSE_AFTER", "2", 1);
    array<float> x({1, 2, 3, 4}), y({0, 0, 0, 0});
    cuda_model_launch(nullptr, axpy, dim3(1), dim3(4), y.p, x.p, 1.0f);
    CHECK(cudaGetLastError() == cudaSuccess && y.p[0] == 1);
    cuda_model_launch(nullptr, axpy, dim3(1), dim3(4), y.p, x.p, 1.0f);
    CHECK(cudaGetLastError() == cudaErrorIllegalAddress &&
          cudaPeekAtLastError() == cudaErrorIllegalAddress && isnan(y.p[0]));
    CHECK(cudaMemcpyAsync(y.p, x.p, 4, cudaMemcpyDeviceToDevice) == cudaErrorIllegalAddress);
    CHECK(cudaStreamSynchronize(nullptr) == cudaErrorIllegalAddress &&
          !strcmp(cudaGetErrorName(cudaErrorIllegalAddress), "cudaErrorIllegalAddress"));
    return true;
}

bool machines()
{
    int n, version;
    struct cudaDeviceProp prop;
    CHECK(!cudaGetDeviceCount(&n) && n == 1 && !cudaSetDevice(0) &&
          cudaSetDevice(1) == cudaErrorInvalidDevice);
    CHECK(!cudaGetDeviceProperties(&prop, 0) && prop.name[0] && prop.major == 8 &&
          prop.totalGlobalMem == (size_t)6 << 30);
    CHECK(!cudaDeviceGetAttribute(&n, cudaDevAttrMultiProcessorCount, 0) &&
          n == prop.multiProcessorCount);
    setenv("PRISMREC_CUDA_MODEL_DEVICES", "0", 1);
    CHECK(cudaGetDeviceCount(&n) == cudaErrorNoDevice && n == 0);
    setenv("PRISMREC_CUDA_MODEL_DRIVER", "0", 1);
    CHECK(!cudaDriverGetVersion(&version) && version == 0 &&
          cudaGetDeviceCount(&n) == cudaErrorInsufficientDriver);
    unsetenv("PRISMREC_CUDA_MODEL_DEVICES");
    unsetenv("PRISMREC_CUDA_MODEL_DRIVER");
    cudaGetLastError();
    return true;
}

/* ---- libraries ---- */

bool products()
{
    enum { M = 5, N = 4, K = 7, LD = 9 };
    std::vector<float> v(LD * LD), c0(LD * N, NAN), h(LD * N);
    /* exact in half precision */
    for (size_t i = 0; i < v.size(); i++)
        v[i] = (float)((int)(i * 37 % 23) - 11) / 8;
    std::vector<__half> v16(v.size());
    for (size_t i = 0; i < v.size(); i++)
        v16[i] = __float2half_rn(v[i]);
    array<float> a(v), b(v), c(c0);
    array<__half> a16(v16), c16(v16);
    cublasHandle_t blas;
    CHECK(!cublasCreate(&blas));
    float alpha = 2, beta = 0;
    for (int t = 0; t < 4; t++) {
        cublasOperation_t ta = t & 1 ? CUBLAS_OP_T : CUBLAS_OP_N,
                          tb = t & 2 ? CUBLAS_OP_T : CUBLAS_OP_N;
        auto want = [&](int i, int j) {
            float sum = 0;
            for (int l = 0; l < K; l++)
                sum += (t & 1 ? v[l + i * LD] : v[i + l * LD]) *
                       (t & 2 ? v[j + l * LD] : v[l + j * LD]);
            return 2 * sum;
        };
        beta = 0; /* C is NaN here */
        memcpy(c.p, c0.data(), c0.size() * 4);
        CHECK(!cublasSgemm(blas, ta, tb, M, N, K, &alpha, a.p, LD, b.p, LD, &beta, c.p, LD));
        for (int i = 0; i < LD * N; i++)
            CHECK(i % LD < M ? c.p[i] == want(i % LD, i / LD) : isnan(c.p[i]));
        beta = -1;
        CHECK(!cublasSgemm(blas, ta, tb, M, N, K, &alpha, a.p, LD, b.p, LD, &beta, c.p, LD) &&
              c.p[LD + 2] == 0);
        beta = 0;
        CHECK(!cublasGemmEx(blas, ta, tb, M, N, K, &alpha, a16.p, CUDA_R_16F, LD, a16.p, CUDA_R_16F,
                            LD, &beta, c16.p, CUDA_R_16F, LD, CUBLAS_COMPUTE_32F,
                            CUBLAS_GEMM_DEFAULT));
        CHECK(__half2float(c16.p[3 * LD + 4]) == __half2float(__float2half_rn(want(4, 3))));
        CHECK(!cublasSgemv(blas, ta, K, M, &alpha, a.p, LD, b.p, 2, &beta, c.p, 3));
        float sum = 0;
        for (int l = 0; l < (t & 1 ? K : M); l++)
            sum += (t & 1 ? v[l + LD] : v[1 + l * LD]) * v[2 * l];
        CHECK(c.p[3] == 2 * sum);
    }
    CHECK(cublasSgemm(blas, CUBLAS_OP_N, CUBLAS_OP_N, M, N, K, &alpha, a.p, M - 1, b.p, LD, &beta,
                      c.p, LD) == CUBLAS_STATUS_INVALID_VALUE);
    a.p[0] = b.p[0] = 1 + 0x1p-11f; /* half way between two TF32 numbers */
    alpha = 1;
    CHECK(!cublasSgemm(blas, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &alpha, a.p, 1, b.p, 1, &beta, c.p,
                       1) &&
          c.p[0] == 1 + 0x1p-10f + 0x1p-22f);
    CHECK(!cublasSetMathMode(blas, CUBLAS_TF32_TENSOR_OP_MATH));
    CHECK(!cublasSgemm(blas, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &alpha, a.p, 1, b.p, 1, &beta, c.p,
                       1) &&
          c.p[0] == 1);
    return !cublasDestroy(blas);
}

bool transforms()
{
    for (int w : {1, 2, 8, 12, 15, 49}) {
        const int n[2] = {6, w}, batch = 2, count = 6 * w;
        std::vector<double2> x(count * batch);
        for (size_t i = 0; i < x.size(); i++)
            x[i] = make_double2((double)(i * 7 % 11) - 5, (double)(i * i % 13) / 4);
        std::vector<float2> x32(x.size());
        for (size_t i = 0; i < x.size(); i++)
            x32[i] = make_float2((float)x[i].x, (float)x[i].y);
        array<double2> a(x), b(x);
        array<float2> a32(x32);
        cufftHandle plan, plan32;
        size_t bytes = 0;
        CHECK(!cufftCreate(&plan) && !cufftCreate(&plan32) && !cufftSetAutoAllocation(plan, 0));
        CHECK(!cufftMakePlanMany(plan, 2, (int *)n, nullptr, 1, count, nullptr, 1, count, CUFFT_Z2Z,
                                 batch, &bytes) &&
              bytes > 0);
        CHECK(!cufftMakePlanMany(plan32, 2, (int *)n, nullptr, 1, count, nullptr, 1, count,
                                 CUFFT_C2C, batch, &bytes));
        CHECK(cufftExecZ2Z(plan, a.p, b.p, CUFFT_FORWARD) == CUFFT_NO_WORKSPACE &&
              !cufftGetSize(plan, &bytes));
        array<char> work((std::vector<char>(bytes)));
        CHECK(!cufftSetWorkArea(plan, work.p) && !cufftExecZ2Z(plan, a.p, b.p, CUFFT_FORWARD));
        for (int at = 0; at < count * batch; at++) {
            std::complex<double> sum = 0;
            for (int i = 0; i < count; i++) {
                double turns =
                    (double)(i / w * (at % count / w)) / 6 + (double)(i % w * (at % w)) / w;
                sum +=
                    std::complex<double>(x[at / count * count + i].x, x[at / count * count + i].y) *
                    std::polar(1.0, -2 * M_PI * turns);
            }
            CHECK(std::abs(sum - std::complex<double>(b.p[at].x, b.p[at].y)) < 1e-11 * count);
        }
        CHECK(!cufftExecZ2Z(plan, b.p, b.p, CUFFT_INVERSE) &&
              fabs(b.p[w].y / count - x[w].y) < 1e-13);
        CHECK(!cufftExecC2C(plan32, a32.p, a32.p, -1) && !cufftExecC2C(plan32, a32.p, a32.p, 1) &&
              fabsf(a32.p[1].x / count - x32[1].x) < 1e-5f);
        CHECK(cufftExecC2C(plan, a32.p, a32.p, -1) == CUFFT_INVALID_PLAN && !cufftDestroy(plan) &&
              !cufftDestroy(plan32));
    }
    return true;
}

bool libraries_in_capture()
{
    array<float2> x({{1, 0}, {2, 0}}), y({{0, 0}, {0, 0}});
    array<float> c({7});
    cudaStream_t s;
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    cublasHandle_t blas;
    cufftHandle plan;
    int n = 2;
    size_t bytes;
    CHECK(!cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking) && !cublasCreate(&blas) &&
          !cublasSetStream(blas, s) && !cufftCreate(&plan));
    CHECK(!cufftMakePlanMany(plan, 1, &n, nullptr, 1, 2, nullptr, 1, 2, CUFFT_C2C, 1, &bytes) &&
          !cufftSetStream(plan, s));
    CHECK(!cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal) &&
          !cufftExecC2C(plan, x.p, y.p, CUFFT_FORWARD));
    {
        float alpha = 1, beta = 1;
        CHECK(!cublasSgemm(blas, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &alpha, &y.p->x, 1, &y.p->x, 1,
                           &beta, c.p, 1));
    }
    CHECK(!cudaStreamEndCapture(s, &graph) && !cudaGraphInstantiate(&exec, graph) && y.p->x == 0 &&
          *c.p == 7);
    CHECK(!cudaGraphLaunch(exec, s) && y.p[0].x == 3 && y.p[1].x == -1 && *c.p == 16);
    CHECK(!cudaGraphDestroy(graph) && !cudaGraphExecDestroy(exec) && !cublasDestroy(blas) &&
          !cufftDestroy(plan) && !cudaStreamDestroy(s));
    return true;
}
} // namespace

int main()
{
    setvbuf(stdout, nullptr, _IOLBF, 0);
    report(barriers(), "barriers are kept, and a missing one shows, in every order");
    report(shuffles(), "shuffles read what the source lane passed to the same shuffle");
    report(tickets(), "the last block by ticket sees all others");
    report(orders_differ(), "orders are what they are called");
    report(in_child(faults<stuck>), "threads that wait for each other are an error");
    report(in_child(half_a_shuffle_faults), "so is a shuffle that not all lanes reach");
    report(limits_of_launches(), "launches keep to the limits of a grid");
    report(float16(), "binary16: all values, ties, overflow");
    report(bfloat16(), "bfloat16: all values, ties, overflow");
    report(in_child(memory), "memory: limits, contents, ranges");
    report(replay(), "capture runs nothing, replay runs what was recorded");
    report(illegal_in_capture(), "what allocates or waits ends a capture");
    report(in_child(lost_device), "a lost device stays lost");
    report(machines(), "devices and drivers");
    report(products(), "products: transposes, strides, beta 0, half, TF32");
    report(transforms(), "transforms against their definition, work areas");
    report(libraries_in_capture(), "transforms and products are recorded");
    printf("1..%d\n", tests);
    return failures != 0;
}
