/* Recording a part of a step and playing it back. The first time under a key it is enqueued as it is, so that what a backend makes
 * late exists; the second time it is recorded; from then on a step is one call. */
#include "recon/internal.h"

void prismi_recorded_release(struct prism_session *s, struct prismi_recorded *r)
{
    if (r->replay)
        s->dev->ops->replay_destroy(r->replay);
    *r = (struct prismi_recorded){.replay = NULL};
}

static int record(struct prism_session *s, struct prismi_recorded *r, int (*enqueue)(struct prism_session *))
{
    const struct prism_ops *ops = s->dev->ops;
    PRISM_TRY(ops->capture_begin(s->dev));
    int status = enqueue(s), end = ops->capture_end(s->dev, status ? NULL : &r->replay);
    return status ? status : end;
}

int prismi_run_recorded(struct prism_session *s, struct prismi_recorded *r, uint64_t key, int (*enqueue)(struct prism_session *))
{
    if (!(s->dev->caps.flags & PRISM_CAPS_REPLAY))
        return enqueue(s);
    if (r->key != key || !r->seen) {
        prismi_recorded_release(s, r);
        *r = (struct prismi_recorded){.key = key, .seen = true};
        return enqueue(s);
    }
    if (!r->replay)
        PRISM_TRY(record(s, r, enqueue));
    return s->dev->ops->replay(r->replay);
}
