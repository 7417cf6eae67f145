/* Declarations that the files of the host model share. */
#ifndef CUDA_MODEL_H
#define CUDA_MODEL_H

#include "cuda_runtime.h"

#include <mutex>

/* Every entry locks this mutex, so kernels of two devices never run at once. */
extern std::recursive_mutex cuda_model_mutex;

/* Begins a call: returns an error if the call may not go on. WAITS marks a call
 * that allocates or waits: while this host thread captures such a call is
 * illegal and ends the capture. */
enum cuda_model_kind { CUDA_MODEL_ENQUEUES, CUDA_MODEL_WAITS };
cudaError_t cuda_model_enter(enum cuda_model_kind kind);
#define CUDA_MODEL_ENTER(kind, failed)                                                             \
    std::lock_guard<std::recursive_mutex> lock_(cuda_model_mutex);                                 \
    if (cudaError_t entered_ = cuda_model_enter(kind); entered_ != cudaSuccess)                    \
    return failed

/* Runs work now, or records it if the stream captures. counted: the work counts
 * towards PRISMREC_CUDA_MODEL_LOSE_AFTER. */
cudaError_t cuda_model_enqueue(cudaStream_t stream, bool counted, std::function<void()> work);

/* Reports a fault of the program on the device: prints it to stderr; every
 * later call fails with e. */
void cuda_model_fault(cudaError_t e, const char *why);

enum cuda_model_order { CUDA_MODEL_FORWARD, CUDA_MODEL_REVERSE, CUDA_MODEL_SHUFFLE };
void cuda_model_run_grid(dim3 grid, dim3 block, enum cuda_model_order order,
                         const std::function<void()> &thread);

#endif
