/* Recording of a part of a step, and its replay. The first time under a key the
 * work is enqueued normally, so that everything that a backend makes on first
 * use exists. The second time it is recorded; from then on a step replays it in
 * one call. */
#include "fit/fit.h"

void prismi_recorded_release(struct prism_dev *dev, struct prismi_recorded *r)
{
    if (r->replay)
        dev->ops->replay_destroy(r->replay);
    *r = (struct prismi_recorded){.replay = NULL};
}

static int record(struct prism_dev *dev, struct prismi_recorded *r, int (*enqueue)(void *),
                  void *arg)
{
    const struct prism_ops *ops = dev->ops;
    PRISM_TRY(ops->capture_begin(dev));
    int status = enqueue(arg), end = ops->capture_end(dev, status ? NULL : &r->replay);
    return status ? status : end;
}

int prismi_run_recorded(struct prism_dev *dev, struct prismi_recorded *r, uint64_t key,
                        int (*enqueue)(void *), void *arg)
{
    if (!(dev->caps.flags & PRISM_CAPS_REPLAY))
        return enqueue(arg);
    if (r->key != key || !r->seen) {
        prismi_recorded_release(dev, r);
        *r = (struct prismi_recorded){.key = key, .seen = true};
        return enqueue(arg);
    }
    if (!r->replay)
        PRISM_TRY(record(dev, r, enqueue, arg));
    return dev->ops->replay(r->replay);
}
