/* Order in which data are visited: one permutation per epoch. */
#include "fit/fit.h"

void prismi_permutation(uint64_t seed, uint64_t stream, uint64_t epoch, int n, int32_t *out)
{
    for (int i = 0; i < n; i++)
        out[i] = i;
    for (int i = n - 1; i > 0; i--) {
        uint32_t j =
            prismi_rng_below(seed, stream, epoch * (uint64_t)n + (uint64_t)i, (uint32_t)i + 1);
        int32_t t = out[i];
        out[i] = out[j];
        out[j] = t;
    }
}

int prismi_order_create(struct prism_ctx *ctx, uint64_t seed, uint64_t stream, int n,
                        struct prismi_order *out)
{
    *out = (struct prismi_order){.seed = seed, .stream = stream, .n = n, .epoch = -1};
    out->at = prismi_alloc((size_t)n, sizeof *out->at);
    return out->at ? 0
                   : PRISM_FAIL(ctx, PRISM_ENOMEM, "no host memory for the order of %d visits", n);
}

void prismi_order_release(struct prismi_order *order)
{
    prismi_free(order->at);
    order->at = NULL;
}

const int32_t *prismi_order_epoch(struct prismi_order *order, int64_t epoch)
{
    if (order->epoch != epoch)
        prismi_permutation(order->seed, order->stream, (uint64_t)epoch, order->n, order->at);
    order->epoch = epoch;
    return order->at;
}

void prismi_order_batch(struct prismi_order *order, int64_t step, int batch, int32_t *index)
{
    for (int b = 0; b < batch; b++) {
        int64_t visit = step * batch + b;
        index[b] = prismi_order_epoch(order, visit / order->n)[visit % order->n];
    }
}
