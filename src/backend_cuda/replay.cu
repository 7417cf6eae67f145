/* Recording and replay of a step in the CUDA backend. A recorded step is a
 * graph of what was enqueued between begin and end. One launch replays it,
 * instead of some microseconds for each of its hundreds of kernels. */
#include "backend_cuda/cu.h"

#include <stdlib.h>

struct prism_replay {
    struct prism_dev *dev;
    cudaGraphExec_t exec;
};

int cu_capture_begin(struct prism_dev *dev)
{
    cu_use(dev);
    CU_TRY(CU_CHECK(dev, cudaStreamBeginCapture(cu(dev)->stream, cudaStreamCaptureModeThreadLocal),
                    "recording a step"));
    cu(dev)->capturing = true;
    return 0;
}

static int make_replay(struct prism_dev *dev, cudaGraph_t graph, struct prism_replay **out)
{
    struct prism_replay *r = (struct prism_replay *)calloc(1, sizeof *r);
    int status;

    if (!r)
        return CU_FAIL(dev, PRISM_ENOMEM, "no memory for a recorded step");
    r->dev = dev;
    status = CU_CHECK(dev, cudaGraphInstantiate(&r->exec, graph, 0), "preparing a recorded step");
    if (status)
        free(r);
    else
        *out = r;
    return status;
}

int cu_capture_end(struct prism_dev *dev, struct prism_replay **out)
{
    cudaGraph_t graph = NULL;
    int status;

    if (out)
        *out = NULL;
    cu_use(dev);
    cu(dev)->capturing = false;
    cudaError_t e = cudaStreamEndCapture(cu(dev)->stream, &graph);
    if (!out) /* the recording is dropped, so its errors do not matter */
        (void)cudaGetLastError();
    status = out ? CU_CHECK(dev, e, "recording a step") : 0;
    if (out && !status)
        status = make_replay(dev, graph, out);
    if (graph)
        (void)cudaGraphDestroy(graph);
    return status;
}

int cu_replay(struct prism_replay *replay)
{
    struct prism_dev *dev = replay->dev;

    cu_use(dev);
    return CU_CHECK(dev, cudaGraphLaunch(replay->exec, cu(dev)->stream), "a recorded step");
}

void cu_replay_destroy(struct prism_replay *replay)
{
    if (!replay)
        return;
    cu_use(replay->dev);
    (void)cudaGraphExecDestroy(replay->exec);
    free(replay);
}
