/* Device of the CUDA backend: memory, order of work, errors, and the cuBLAS
 * handle.
 *
 * Host memory is copied to and from the device through a ring of pinned pieces.
 * Each piece has an event that says when the last copy that used it is done. A
 * write returns as soon as its last piece is enqueued; it waits only if the
 * ring comes round to a piece still in flight. 64 KiB take about 5 us of PCIe,
 * as long as the calls that enqueue them. */
#include "backend_cuda/cu.h"

#include <stdlib.h>
#include <string.h>

/* ---- errors ---- */

/* True for errors after which every later call on the device fails and the
 * device's memory is lost. */
static bool is_sticky(cudaError_t e)
{
    switch (e) {
    case cudaErrorDevicesUnavailable:
    case cudaErrorECCUncorrectable:
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
    case cudaErrorUnknown:
        return true;
    default:
        return false;
    }
}

int cu_check(struct prism_dev *dev, cudaError_t e, const char *what, const char *file, int line)
{
    const struct prism_host *host = dev->host;

    if (e == cudaSuccess)
        return 0;
    (void)cudaGetLastError(); /* otherwise the next launch would report this error */
    if (e == cudaErrorMemoryAllocation)
        return host->fail(host->user, PRISM_ENOMEM, file, line,
                          "%s: no memory left on %s (%s); use a smaller grid, field or batch, or "
                          "close other programs that use it",
                          what, dev->caps.device, cudaGetErrorName(e));
    if (!is_sticky(e))
        return host->fail(host->user, PRISM_EDEVICE, file, line, "%s failed on %s: %s, %s", what,
                          dev->caps.device, cudaGetErrorName(e), cudaGetErrorString(e));
    return host->fail(host->user, PRISM_EDEVICE, file, line,
                      "%s, or work enqueued before it, failed on %s: %s, %s; the contents of "
                      "its memory are lost: close the device and resume from a checkpoint",
                      what, dev->caps.device, cudaGetErrorName(e), cudaGetErrorString(e));
}

int cu_check_blas(struct prism_dev *dev, cublasStatus_t e, const char *what, const char *file,
                  int line)
{
    const struct prism_host *host = dev->host;

    if (e == CUBLAS_STATUS_SUCCESS)
        return 0;
    cu_use(dev);
    /* CUDA's error is nearer to the cause */
    CU_TRY(cu_check(dev, cudaPeekAtLastError(), what, file, line));
    return host->fail(host->user, e == CUBLAS_STATUS_ALLOC_FAILED ? PRISM_ENOMEM : PRISM_EDEVICE,
                      file, line, "%s failed on %s: cuBLAS says %s", what, dev->caps.device,
                      cublasGetStatusString(e));
}

/* ---- memory ---- */

int cu_alloc(struct prism_dev *dev, size_t bytes, const char *what, void **out)
{
    size_t available = 0, total = 0;
    cudaError_t e;

    cu_use(dev);
    *out = NULL;
    e = cudaMalloc(out, bytes ? bytes : 1);
    if (e != cudaErrorMemoryAllocation)
        return CU_CHECK(dev, e, what);
    *out = NULL;
    (void)cudaGetLastError();
    CU_TRY(CU_CHECK(dev, cudaMemGetInfo(&available, &total), what));
    double unit = bytes < 1000000000 ? 1e6 : 1e9;
    const char *name = bytes < 1000000000 ? "MB" : "GB";
    return CU_FAIL(dev, PRISM_ENOMEM,
                   "%s needs %.1f %s, %.1f %s are free on %s; use a smaller grid, field or batch",
                   what, (double)bytes / unit, name, (double)available / unit, name,
                   dev->caps.device);
}

void cu_free(struct prism_dev *dev, void *p)
{
    if (!p)
        return;
    cu_use(dev);
    if (cudaFree(p) != cudaSuccess) /* fails on a lost device, where nothing is left to free */
        (void)cudaGetLastError();
}

int cu_device_alloc(struct prism_dev *dev, size_t bytes, prism_mem *out)
{
    void *p = NULL;
    int status = cu_alloc(dev, bytes, "memory on the device", &p);

    *out = (prism_mem)p;
    return status;
}

void cu_device_release(struct prism_dev *dev, prism_mem mem)
{
    cu_free(dev, mem);
}

/* ---- order ---- */

/* Takes the next piece, once the last copy that used it is done. */
static int stage_take(struct prism_dev *dev, int *piece)
{
    struct cu_stage *s = &cu(dev)->stage;
    int k = s->next;

    if (s->used[k])
        CU_TRY(CU_CHECK(dev, cudaEventSynchronize(s->done[k]), "waiting for a copy"));
    s->used[k] = false;
    s->next = (k + 1) % cu_stage::PIECES;
    *piece = k;
    return 0;
}

static int stage_copy(struct prism_dev *dev, int piece, void *dst, const void *src, size_t bytes,
                      cudaMemcpyKind kind)
{
    struct cu_stage *s = &cu(dev)->stage;
    const char *what =
        kind == cudaMemcpyHostToDevice ? "a copy to the device" : "a copy from the device";

    CU_TRY(CU_CHECK(dev, cudaMemcpyAsync(dst, src, bytes, kind, cu(dev)->stream), what));
    CU_TRY(CU_CHECK(dev, cudaEventRecord(s->done[piece], cu(dev)->stream), what));
    s->used[piece] = true;
    return 0;
}

static size_t piece_bytes(size_t left)
{
    return left < cu_stage::BYTES ? left : (size_t)cu_stage::BYTES;
}

static unsigned char *piece_at(struct prism_dev *dev, int piece)
{
    return cu(dev)->stage.base + (size_t)piece * cu_stage::BYTES;
}

int cu_device_write(struct prism_dev *dev, prism_mem dst, const void *src, size_t bytes)
{
    const unsigned char *from = (const unsigned char *)src;
    int piece;

    cu_use(dev);
    for (size_t at = 0, n; at < bytes; at += n) {
        n = piece_bytes(bytes - at);
        CU_TRY(stage_take(dev, &piece));
        memcpy(piece_at(dev, piece), from + at, n);
        CU_TRY(stage_copy(dev, piece, dst + at, piece_at(dev, piece), n, cudaMemcpyHostToDevice));
    }
    return 0;
}

/* Reads with half of the ring enqueued ahead of the piece that is being copied
 * out. */
int cu_device_read(struct prism_dev *dev, void *dst, prism_mem src, size_t bytes)
{
    enum { AHEAD = cu_stage::PIECES / 2 };
    struct cu_stage *s = &cu(dev)->stage;
    unsigned char *to = (unsigned char *)dst;
    int pieces[AHEAD], first = 0, in_flight = 0;
    size_t asked = 0, got = 0;

    cu_use(dev);
    while (got < bytes) {
        for (; asked < bytes && in_flight < AHEAD; in_flight++) {
            int *piece = &pieces[(first + in_flight) % AHEAD];
            size_t n = piece_bytes(bytes - asked);
            CU_TRY(stage_take(dev, piece));
            CU_TRY(stage_copy(dev, *piece, piece_at(dev, *piece), src + asked, n,
                              cudaMemcpyDeviceToHost));
            asked += n;
        }
        size_t n = piece_bytes(bytes - got);
        CU_TRY(
            CU_CHECK(dev, cudaEventSynchronize(s->done[pieces[first]]), "reading from the device"));
        memcpy(to + got, piece_at(dev, pieces[first]), n);
        got += n;
        first = (first + 1) % AHEAD;
        in_flight--;
    }
    return bytes ? 0 : cu_device_sync(dev);
}

int cu_device_copy(struct prism_dev *dev, prism_mem dst, prism_mem src, size_t bytes)
{
    if (!bytes)
        return 0;
    cu_use(dev);
    return CU_CHECK(dev,
                    cudaMemcpyAsync(dst, src, bytes, cudaMemcpyDeviceToDevice, cu(dev)->stream),
                    "a copy on the device");
}

int cu_device_sync(struct prism_dev *dev)
{
    cu_use(dev);
    return CU_CHECK(dev, cudaStreamSynchronize(cu(dev)->stream), "waiting for the device");
}
