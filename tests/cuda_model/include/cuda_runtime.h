/* Host model of the CUDA subset that the plugin uses. g++ and clang++ compile
 * the .cu files with these headers in CUDA's place, and one host thread runs
 * the kernels: one block after the other, and the threads of a block as fibers.
 * Anything that is not declared here is not in the subset.
 *
 * Environment:
 *   PRISMREC_CUDA_MODEL_ORDER       forward (default), reverse or shuffle: the
 *                                   order of blocks and of the threads of a
 *                                   block
 *   PRISMREC_CUDA_MODEL_MEM_BYTES   device memory, default 6 GiB
 *   PRISMREC_CUDA_MODEL_DEVICES     number of devices, default 1
 *   PRISMREC_CUDA_MODEL_DRIVER      version that cudaDriverGetVersion()
 *                                   returns, default CUDART_VERSION; 0: no
 *                                   driver
 *   PRISMREC_CUDA_MODEL_LOSE_AFTER  n: the device is lost after n pieces of
 *                                   work (kernels, transforms, products),
 *                                   counted from when this is set */
#ifndef CUDA_MODEL_RUNTIME_H
#define CUDA_MODEL_RUNTIME_H

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <math.h>
#include <tuple>
#include <type_traits>

#define CUDART_VERSION 13000

/* ---- the language ---- */

#define __global__
#define __device__
#define __host__
#define __shared__ static /* one host thread runs one block at a time */
#define __launch_bounds__(...)
#define __forceinline__ inline __attribute__((always_inline))
#define __align__(n) __attribute__((aligned(n)))

#define CUDA_MODEL_VECTOR(T, name, align2, align4)                                                 \
    struct alignas(align2) name##2                                                                 \
    {                                                                                              \
        T x, y;                                                                                    \
    };                                                                                             \
    struct alignas(align4) name##4                                                                 \
    {                                                                                              \
        T x, y, z, w;                                                                              \
    };                                                                                             \
    static inline name##2 make_##name##2(T x, T y)                                                 \
    {                                                                                              \
        return {x, y};                                                                             \
    }                                                                                              \
    static inline name##4 make_##name##4(T x, T y, T z, T w)                                       \
    {                                                                                              \
        return {x, y, z, w};                                                                       \
    }
CUDA_MODEL_VECTOR(float, float, 8, 16)
CUDA_MODEL_VECTOR(int, int, 8, 16)
CUDA_MODEL_VECTOR(unsigned, uint, 8, 16)
struct alignas(16) double2 {
    double x, y;
};
static inline double2 make_double2(double x, double y)
{
    return {x, y};
}

struct uint3 {
    unsigned x, y, z;
};
struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_)
    {
    }
};

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
constexpr int warpSize = 32;

void __syncthreads();
void __syncwarp(unsigned mask = 0xffffffffu);
static inline void __threadfence()
{
}

enum cuda_model_shuffle { CUDA_MODEL_SHFL_IDX, CUDA_MODEL_SHFL_DOWN, CUDA_MODEL_SHFL_XOR };
uint64_t cuda_model_shuffle(unsigned mask, enum cuda_model_shuffle kind, uint64_t bits, int arg,
                            int width);

template <class T>
T cuda_model_shuffle_value(unsigned mask, enum cuda_model_shuffle kind, T v, int arg, int width)
{
    static_assert(std::is_arithmetic<T>::value && (sizeof(T) == 4 || sizeof(T) == 8),
                  "shuffles move 4 or 8 bytes");
    uint64_t bits = 0;
    memcpy(&bits, &v, sizeof v);
    bits = cuda_model_shuffle(mask, kind, bits, arg, width);
    memcpy(&v, &bits, sizeof v);
    return v;
}
template <class T> T __shfl_sync(unsigned mask, T v, int lane, int width = warpSize)
{
    return cuda_model_shuffle_value(mask, CUDA_MODEL_SHFL_IDX, v, lane, width);
}
template <class T> T __shfl_down_sync(unsigned mask, T v, unsigned delta, int width = warpSize)
{
    return cuda_model_shuffle_value(mask, CUDA_MODEL_SHFL_DOWN, v, (int)delta, width);
}
template <class T> T __shfl_xor_sync(unsigned mask, T v, int lanes, int width = warpSize)
{
    return cuda_model_shuffle_value(mask, CUDA_MODEL_SHFL_XOR, v, lanes, width);
}

template <class T> T __ldg(const T *p)
{
    return *p;
}
static inline unsigned atomicAdd(unsigned *p, unsigned v)
{
    unsigned old = *p;
    *p += v;
    return old;
}
static inline unsigned atomicInc(unsigned *p, unsigned last)
{
    unsigned old = *p;
    *p = old >= last ? 0 : old + 1;
    return old;
}

#define CUDA_MODEL_MINMAX(T)                                                                       \
    static inline constexpr T min(T a, T b)                                                        \
    {                                                                                              \
        return b < a ? b : a;                                                                      \
    }                                                                                              \
    static inline constexpr T max(T a, T b)                                                        \
    {                                                                                              \
        return a < b ? b : a;                                                                      \
    }
CUDA_MODEL_MINMAX(int)
CUDA_MODEL_MINMAX(unsigned)
CUDA_MODEL_MINMAX(long)
CUDA_MODEL_MINMAX(unsigned long)
CUDA_MODEL_MINMAX(long long)
CUDA_MODEL_MINMAX(unsigned long long)
static inline float min(float a, float b)
{
    return fminf(a, b);
}
static inline float max(float a, float b)
{
    return fmaxf(a, b);
}
static inline double min(double a, double b)
{
    return fmin(a, b);
}
static inline double max(double a, double b)
{
    return fmax(a, b);
}
static inline float rsqrtf(float x)
{
    return (float)(1 / sqrt((double)x));
}
static inline double rsqrt(double x)
{
    return 1 / sqrt(x);
}

/* ---- the runtime ---- */

typedef enum cudaError {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInvalidConfiguration = 9,
    cudaErrorInsufficientDriver = 35,
    cudaErrorDevicesUnavailable = 46,
    cudaErrorNoDevice = 100,
    cudaErrorInvalidDevice = 101,
    cudaErrorECCUncorrectable = 214,
    cudaErrorInvalidResourceHandle = 400,
    cudaErrorIllegalState = 401,
    cudaErrorNotReady = 600,
    cudaErrorIllegalAddress = 700,
    cudaErrorLaunchTimeout = 702,
    cudaErrorAssert = 710,
    cudaErrorHardwareStackError = 714,
    cudaErrorIllegalInstruction = 715,
    cudaErrorMisalignedAddress = 716,
    cudaErrorInvalidAddressSpace = 717,
    cudaErrorInvalidPc = 718,
    cudaErrorLaunchFailure = 719,
    cudaErrorNotSupported = 801,
    cudaErrorStreamCaptureUnsupported = 900,
    cudaErrorStreamCaptureInvalidated = 901,
    cudaErrorStreamCaptureImplicit = 906,
    cudaErrorCapturedEvent = 907,
    cudaErrorStreamCaptureWrongThread = 908,
    cudaErrorUnknown = 999
} cudaError_t;

typedef struct CUstream_st *cudaStream_t;
typedef struct CUevent_st *cudaEvent_t;
typedef struct CUgraph_st *cudaGraph_t;
typedef struct CUgraphExec_st *cudaGraphExec_t;

enum cudaMemcpyKind {
    cudaMemcpyHostToHost,
    cudaMemcpyHostToDevice,
    cudaMemcpyDeviceToHost,
    cudaMemcpyDeviceToDevice,
    cudaMemcpyDefault
};
enum cudaStreamCaptureMode {
    cudaStreamCaptureModeGlobal,
    cudaStreamCaptureModeThreadLocal,
    cudaStreamCaptureModeRelaxed
};
enum { cudaStreamDefault = 0, cudaStreamNonBlocking = 1 };
enum { cudaEventDefault = 0, cudaEventBlockingSync = 1, cudaEventDisableTiming = 2 };
enum cudaDeviceAttr {
    cudaDevAttrMaxThreadsPerBlock = 1,
    cudaDevAttrMaxSharedMemoryPerBlock = 8,
    cudaDevAttrWarpSize = 10,
    cudaDevAttrClockRate = 13,
    cudaDevAttrMultiProcessorCount = 16,
    cudaDevAttrMemoryClockRate = 36,
    cudaDevAttrGlobalMemoryBusWidth = 37,
    cudaDevAttrL2CacheSize = 38,
    cudaDevAttrComputeCapabilityMajor = 75,
    cudaDevAttrComputeCapabilityMinor = 76
};
struct cudaDeviceProp {
    char name[256];
    size_t totalGlobalMem, sharedMemPerBlock;
    int warpSize, maxThreadsPerBlock, major, minor, multiProcessorCount, memoryBusWidth,
        l2CacheSize;
};

cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaDriverGetVersion(int *version);
cudaError_t cudaRuntimeGetVersion(int *version);
cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *prop, int device);
cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attr, int device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total);

cudaError_t cudaMalloc(void **p, size_t bytes);
cudaError_t cudaFree(void *p);
cudaError_t cudaMallocHost(void **p, size_t bytes);
cudaError_t cudaFreeHost(void *p);
template <class T> cudaError_t cudaMalloc(T **p, size_t bytes)
{
    return cudaMalloc((void **)p, bytes);
}
template <class T> cudaError_t cudaMallocHost(T **p, size_t bytes)
{
    return cudaMallocHost((void **)p, bytes);
}
cudaError_t cudaMemcpyAsync(void *dst, const void *src, size_t bytes, enum cudaMemcpyKind kind,
                            cudaStream_t stream = nullptr);
cudaError_t cudaMemsetAsync(void *dst, int value, size_t bytes, cudaStream_t stream = nullptr);

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream = nullptr);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventQuery(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t start, cudaEvent_t end);
cudaError_t cudaEventDestroy(cudaEvent_t event);

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph,
                                 unsigned long long flags = 0);
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec);

cudaError_t cudaGetLastError();
cudaError_t cudaPeekAtLastError();
const char *cudaGetErrorString(cudaError_t e);
const char *cudaGetErrorName(cudaError_t e);

/* ---- launching: what kernel<<<grid, block, 0, stream>>>(args...) is ---- */

void cuda_model_enqueue_kernel(cudaStream_t stream, dim3 grid, dim3 block,
                               std::function<void()> thread);

template <class... P, class... A>
void cuda_model_launch(cudaStream_t stream, void (*kernel)(P...), dim3 grid, dim3 block, A... args)
{
    std::tuple<P...> copy(args...);
    cuda_model_enqueue_kernel(stream, grid, block, [kernel, copy] { std::apply(kernel, copy); });
}

#endif
