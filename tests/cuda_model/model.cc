/* Host side of the runtime: devices, memory, streams that run their work at
 * once, capture and replay, and errors. */
#include "model.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <thread>
#include <vector>

std::recursive_mutex cuda_model_mutex;

struct work {
    bool counted;
    std::function<void()> run;
};
struct CUstream_st {
    bool captures, invalid;
    std::thread::id owner; /* host thread that captures */
    std::vector<struct work> record;
};
struct CUevent_st {
    bool timing, recorded, captured;
    std::chrono::steady_clock::time_point at;
};
struct CUgraph_st {
    std::vector<struct work> record;
};
struct CUgraphExec_st {
    std::vector<struct work> record;
};

namespace
{
constexpr size_t DEFAULT_BYTES = (size_t)6 << 30;

std::map<unsigned char *, size_t> device_memory, pinned_memory;
std::set<cudaStream_t> streams;
size_t used_bytes;
unsigned long long done_work; /* counted work since PRISMREC_CUDA_MODEL_LOSE_AFTER was set */
cudaError_t lost;             /* sticky error of a lost device */
thread_local cudaError_t last_error;

cudaError_t result(cudaError_t e)
{
    if (e)
        last_error = e;
    return e;
}

unsigned long long setting(const char *name, unsigned long long otherwise)
{
    const char *v = getenv(name);
    return v ? strtoull(v, nullptr, 10) : otherwise;
}

enum cuda_model_order order()
{
    const char *v = getenv("PRISMREC_CUDA_MODEL_ORDER");
    if (v && !strcmp(v, "reverse"))
        return CUDA_MODEL_REVERSE;
    if (v && !strcmp(v, "shuffle"))
        return CUDA_MODEL_SHUFFLE;
    return CUDA_MODEL_FORWARD;
}

/* Ends every capture of this host thread as invalid; returns true if there was
 * one. */
bool invalidate()
{
    bool any = false;
    for (cudaStream_t s : streams)
        if (s->captures && s->owner == std::this_thread::get_id())
            s->invalid = any = true;
    return any;
}

bool lies_in(const std::map<unsigned char *, size_t> &memory, const void *p, size_t bytes)
{
    const unsigned char *b = (const unsigned char *)p;
    auto i = memory.upper_bound((unsigned char *)p);
    if (i == memory.begin())
        return false;
    --i;
    return b + bytes <= i->first + i->second;
}

void perform(const struct work &w)
{
    if (lost)
        return;
    w.run();
    unsigned long long last = setting("PRISMREC_CUDA_MODEL_LOSE_AFTER", 0);
    if (!last)
        done_work = 0;
    else if (w.counted && ++done_work >= last) {
        lost = cudaErrorIllegalAddress;
        for (auto &m : device_memory)
            memset(m.first, 0xff, m.second);
    }
}

/* Allocates memory whose contents are NaN in every floating type. */
cudaError_t allocate(std::map<unsigned char *, size_t> &memory, size_t align, size_t bytes,
                     void **out)
{
    *out = nullptr;
    void *p;
    if (bytes == 0)
        return cudaSuccess;
    if (posix_memalign(&p, align, bytes))
        return cudaErrorMemoryAllocation;
    memset(p, 0xff, bytes);
    memory[(unsigned char *)p] = bytes;
    *out = p;
    return cudaSuccess;
}

size_t release(std::map<unsigned char *, size_t> &memory, void *p)
{
    auto i = memory.find((unsigned char *)p);
    if (i == memory.end())
        return 0;
    size_t bytes = i->second;
    memory.erase(i);
    free(p);
    return bytes;
}
} // namespace

cudaError_t cuda_model_enter(enum cuda_model_kind kind)
{
    if (lost)
        return result(lost);
    if (kind == CUDA_MODEL_WAITS && invalidate())
        return result(cudaErrorStreamCaptureUnsupported);
    return cudaSuccess;
}

#define ENTER(kind) CUDA_MODEL_ENTER(kind, entered_)

void cuda_model_fault(cudaError_t e, const char *why)
{
    fprintf(stderr, "cuda_model: %s\n", why);
    lost = e;
    last_error = e;
}

cudaError_t cuda_model_enqueue(cudaStream_t stream, bool counted, std::function<void()> run)
{
    ENTER(CUDA_MODEL_ENQUEUES);
    if (stream && stream->captures) {
        if (stream->invalid)
            return result(cudaErrorStreamCaptureInvalidated);
        stream->record.push_back({counted, std::move(run)});
        return cudaSuccess;
    }
    if (!stream && invalidate()) /* the default stream waits for all other streams */
        return result(cudaErrorStreamCaptureImplicit);
    perform({counted, std::move(run)});
    return cudaSuccess;
}

void cuda_model_enqueue_kernel(cudaStream_t stream, dim3 grid, dim3 block,
                               std::function<void()> thread)
{
    size_t n = (size_t)block.x * block.y * block.z;
    if (n == 0 || n > 1024 || block.z > 64 || grid.x == 0 || grid.x > 0x7fffffff || grid.y == 0 ||
        grid.y > 65535 || grid.z == 0 || grid.z > 65535) {
        result(cudaErrorInvalidConfiguration);
        return;
    }
    cuda_model_enqueue(
        stream, true, [grid, block, thread] { cuda_model_run_grid(grid, block, order(), thread); });
}

/* ---- devices ---- */

cudaError_t cudaDriverGetVersion(int *version)
{
    *version = (int)setting("PRISMREC_CUDA_MODEL_DRIVER", CUDART_VERSION);
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
    *version = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int *count)
{
    int driver;
    *count = 0;
    cudaDriverGetVersion(&driver);
    if (driver < CUDART_VERSION / 1000 * 1000)
        return result(cudaErrorInsufficientDriver);
    *count = (int)setting("PRISMREC_CUDA_MODEL_DEVICES", 1);
    return *count ? cudaSuccess : result(cudaErrorNoDevice);
}

static cudaError_t check_device(int device)
{
    int count;
    cudaError_t e = cudaGetDeviceCount(&count);
    return e ? e : device < 0 || device >= count ? result(cudaErrorInvalidDevice) : cudaSuccess;
}

cudaError_t cudaSetDevice(int device)
{
    ENTER(CUDA_MODEL_ENQUEUES);
    return check_device(device);
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *prop, int device)
{
    ENTER(CUDA_MODEL_ENQUEUES);
    *prop = {};
    if (cudaError_t e = check_device(device))
        return e;
    snprintf(prop->name, sizeof prop->name, "host model of CUDA");
    prop->totalGlobalMem = setting("PRISMREC_CUDA_MODEL_MEM_BYTES", DEFAULT_BYTES);
    prop->sharedMemPerBlock = 48 << 10;
    prop->warpSize = warpSize;
    prop->maxThreadsPerBlock = 1024;
    prop->major = 8;
    prop->minor = 9;
    prop->multiProcessorCount = 20;
    prop->memoryBusWidth = 96;
    prop->l2CacheSize = 12 << 20;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attr, int device)
{
    struct cudaDeviceProp p;
    if (cudaError_t e = cudaGetDeviceProperties(&p, device))
        return e;
    const std::map<int, int> values = {
        {cudaDevAttrMaxThreadsPerBlock, p.maxThreadsPerBlock},
        {cudaDevAttrMaxSharedMemoryPerBlock, (int)p.sharedMemPerBlock},
        {cudaDevAttrWarpSize, p.warpSize},
        {cudaDevAttrClockRate, 2000000},
        {cudaDevAttrMultiProcessorCount, p.multiProcessorCount},
        {cudaDevAttrMemoryClockRate, 8000000},
        {cudaDevAttrGlobalMemoryBusWidth, p.memoryBusWidth},
        {cudaDevAttrL2CacheSize, p.l2CacheSize},
        {cudaDevAttrComputeCapabilityMajor, p.major},
        {cudaDevAttrComputeCapabilityMinor, p.minor}};
    auto i = values.find(attr);
    if (i == values.end())
        return result(cudaErrorInvalidValue);
    *value = i->second;
    return cudaSuccess;
}

/* ---- memory ---- */

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total)
{
    ENTER(CUDA_MODEL_ENQUEUES);
    *total = setting("PRISMREC_CUDA_MODEL_MEM_BYTES", DEFAULT_BYTES);
    *free_bytes = *total > used_bytes ? *total - used_bytes : 0;
    return cudaSuccess;
}

cudaError_t cudaMalloc(void **p, size_t bytes)
{
    ENTER(CUDA_MODEL_WAITS);
    size_t left, total;
    cudaMemGetInfo(&left, &total);
    if (bytes > left)
        return result(cudaErrorMemoryAllocation);
    cudaError_t e = allocate(device_memory, 256, bytes, p);
    used_bytes += e ? 0 : bytes;
    return result(e);
}

cudaError_t cudaMallocHost(void **p, size_t bytes)
{
    ENTER(CUDA_MODEL_WAITS);
    return result(allocate(pinned_memory, 4096, bytes, p));
}

/* Frees memory, even of a lost device: a real process would end, but a test
 * goes on and counts leaks. */
static cudaError_t give_back(std::map<unsigned char *, size_t> &memory, void *p)
{
    std::lock_guard<std::recursive_mutex> lock(cuda_model_mutex);
    if (!lost && cuda_model_enter(CUDA_MODEL_WAITS))
        return cudaErrorStreamCaptureUnsupported;
    size_t bytes = release(memory, p);
    if (&memory == &device_memory)
        used_bytes -= bytes;
    return result(lost ? lost : p && !bytes ? cudaErrorInvalidValue : cudaSuccess);
}

cudaError_t cudaFree(void *p)
{
    return give_back(device_memory, p);
}

cudaError_t cudaFreeHost(void *p)
{
    return give_back(pinned_memory, p);
}

cudaError_t cudaMemcpyAsync(void *dst, const void *src, size_t bytes, enum cudaMemcpyKind kind,
                            cudaStream_t stream)
{
    ENTER(CUDA_MODEL_ENQUEUES);
    bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
    bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
    if (bytes == 0)
        return cudaSuccess;
    if (kind == cudaMemcpyDefault || to_device != lies_in(device_memory, dst, bytes) ||
        from_device != lies_in(device_memory, src, bytes))
        return result(cudaErrorInvalidValue);
    bool pageable = (!to_device && !lies_in(pinned_memory, dst, bytes)) ||
                    (!from_device && !lies_in(pinned_memory, src, bytes));
    if (stream && stream->captures && pageable) {
        invalidate();
        return result(cudaErrorStreamCaptureUnsupported);
    }
    return cuda_model_enqueue(stream, false, [dst, src, bytes] { memmove(dst, src, bytes); });
}

cudaError_t cudaMemsetAsync(void *dst, int value, size_t bytes, cudaStream_t stream)
{
    ENTER(CUDA_MODEL_ENQUEUES);
    if (bytes && !lies_in(device_memory, dst, bytes))
        return result(cudaErrorInvalidValue);
    return cuda_model_enqueue(stream, false, [dst, value, bytes] { memset(dst, value, bytes); });
}

/* ---- streams and events ---- */

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned)
{
    ENTER(CUDA_MODEL_ENQUEUES);
    *stream = new struct CUstream_st();
    streams.insert(*stream);
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    std::lock_guard<std::recursive_mutex> lock(cuda_model_mutex);
    streams.erase(stream);
    delete stream;
    return result(lost);
}

cudaError_t cudaStreamSynchronize(cudaStream_t)
{
    ENTER(CUDA_MODEL_WAITS);
    return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags)
{
    ENTER(CUDA_MODEL_ENQUEUES);
    *event = new struct CUevent_st();
    (*event)->timing = !(flags & cudaEventDisableTiming);
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    std::lock_guard<std::recursive_mutex> lock(cuda_model_mutex);
    delete event;
    return result(lost);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    ENTER(CUDA_MODEL_ENQUEUES);
    event->recorded = true;
    event->captured = stream && stream->captures;
    event->at = std::chrono::steady_clock::now();
    /* an event recorded during a capture is of no use after it */
    return cuda_model_enqueue(stream, false, [] {});
}

cudaError_t cudaEventQuery(cudaEvent_t event)
{
    ENTER(CUDA_MODEL_WAITS);
    return result(event->captured ? cudaErrorCapturedEvent : cudaSuccess);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    return cudaEventQuery(event);
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t start, cudaEvent_t end)
{
    ENTER(CUDA_MODEL_WAITS);
    if (!start->timing || !end->timing || !start->recorded || !end->recorded || start->captured ||
        end->captured)
        return result(cudaErrorInvalidResourceHandle);
    *ms = std::chrono::duration<float, std::milli>(end->at - start->at).count();
    return cudaSuccess;
}

/* ---- capture and replay ---- */

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode)
{
    ENTER(CUDA_MODEL_ENQUEUES);
    if (!stream)
        return result(cudaErrorStreamCaptureUnsupported);
    if (stream->captures)
        return result(cudaErrorIllegalState);
    stream->captures = true;
    stream->invalid = false;
    stream->owner = std::this_thread::get_id();
    stream->record.clear();
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
    ENTER(CUDA_MODEL_ENQUEUES);
    *graph = nullptr;
    if (!stream || !stream->captures)
        return result(cudaErrorIllegalState);
    if (stream->owner != std::this_thread::get_id())
        return result(cudaErrorStreamCaptureWrongThread);
    stream->captures = false;
    if (stream->invalid)
        return result(cudaErrorStreamCaptureInvalidated);
    *graph = new CUgraph_st{std::move(stream->record)};
    return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long)
{
    ENTER(CUDA_MODEL_WAITS);
    *exec = new CUgraphExec_st{graph->record};
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream)
{
    ENTER(CUDA_MODEL_ENQUEUES);
    if (stream && stream->captures) {
        invalidate();
        return result(cudaErrorStreamCaptureUnsupported);
    }
    for (const struct work &w : exec->record)
        perform(w);
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    std::lock_guard<std::recursive_mutex> lock(cuda_model_mutex);
    delete graph;
    return result(lost);
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    std::lock_guard<std::recursive_mutex> lock(cuda_model_mutex);
    delete exec;
    return result(lost);
}

/* ---- errors ---- */

cudaError_t cudaPeekAtLastError()
{
    return lost ? lost : last_error;
}

cudaError_t cudaGetLastError()
{
    cudaError_t e = cudaPeekAtLastError();
    last_error = cudaSuccess;
    return e;
}

static const struct {
    cudaError_t e;
    const char *name, *text;
} sentences[] = {
#define E(name, text)                                                                              \
    {                                                                                              \
        name, #name, text                                                                          \
    }
    E(cudaSuccess, "no error"),
    E(cudaErrorInvalidValue, "invalid argument"),
    E(cudaErrorMemoryAllocation, "out of memory"),
    E(cudaErrorInvalidConfiguration, "invalid configuration argument"),
    E(cudaErrorInsufficientDriver, "CUDA driver version is insufficient for CUDA runtime version"),
    E(cudaErrorNoDevice, "no CUDA-capable device is detected"),
    E(cudaErrorInvalidDevice, "invalid device ordinal"),
    E(cudaErrorInvalidResourceHandle, "invalid resource handle"),
    E(cudaErrorIllegalState, "the operation cannot be performed in the present state"),
    E(cudaErrorNotReady, "device not ready"),
    E(cudaErrorIllegalAddress, "an illegal memory access was encountered"),
    E(cudaErrorLaunchFailure, "unspecified launch failure"),
    E(cudaErrorNotSupported, "operation not supported"),
    E(cudaErrorStreamCaptureUnsupported, "operation not permitted when stream is capturing"),
    E(cudaErrorStreamCaptureInvalidated, "operation failed due to a previous error during capture"),
    E(cudaErrorStreamCaptureImplicit,
      "operation would make the legacy stream depend on a capturing blocking stream"),
    E(cudaErrorCapturedEvent,
      "operation not permitted on an event last recorded in a capturing stream"),
    E(cudaErrorStreamCaptureWrongThread,
      "attempt to terminate a thread-local capture sequence from another thread"),
    E(cudaErrorUnknown, "unknown error"),
#undef E
};

const char *cudaGetErrorString(cudaError_t e)
{
    for (const auto &s : sentences)
        if (s.e == e)
            return s.text;
    return "unrecognized error code";
}

const char *cudaGetErrorName(cudaError_t e)
{
    for (const auto &s : sentences)
        if (s.e == e)
            return s.name;
    return "unrecognized error code";
}
