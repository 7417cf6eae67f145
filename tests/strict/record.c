/* Queue of the strict backend: calls run at once, or are recorded between
 * capture_begin and capture_end. */
#include "strict.h"

#include <stdlib.h>

struct prism_replay {
    struct prism_dev *dev;
    struct call *calls;
    size_t n, room;
    bool spoilt; /* a forbidden entry was called, or one failed */
};

void strict_forbid(struct prism_dev *dev, const char *entry)
{
    struct state *s = dev->impl;

    if (!s->recording)
        return;
    s->recording->spoilt = true;
    FAIL(dev, PRISM_EDEVICE,
         "strict: %s during a capture, where only calls that enqueue work may be made", entry);
}

static int check_alive(struct prism_dev *dev)
{
    const struct state *s = dev->impl;

    return s->calls_left ? 0 : FAIL(dev, PRISM_EDEVICE, "strict: the device was lost");
}

int strict_ready(struct prism_dev *dev, const char *entry)
{
    const struct state *s = dev->impl;
    int status = check_alive(dev);

    if (status)
        return status;
    strict_forbid(dev, entry);
    return s->recording ? PRISM_EDEVICE : 0;
}

static int dispatch(struct prism_dev *dev, const struct call *c)
{
    const prism_mem *m = c->mem;

    switch (c->entry) {
    case COPY:
        return REF->copy(dev, m[0], m[1], c->cols);
    case FFT_RUN:
        return strict_run_fft(dev, c);
    case CONV_FWD:
        return REF->conv_fwd(c->plan->inner, m[0], m[1], m[2]);
    case CONV_BWD_X:
        return REF->conv_bwd_x(c->plan->inner, m[0], m[1], m[2]);
    case CONV_BWD_W:
        return REF->conv_bwd_w(c->plan->inner, m[0], m[1], m[2]);
    case GEMM:
        return REF->gemm(dev, &c->desc.gemm, m[0], m[1], m[2]);
    case MAP:
        return REF->map(dev, (enum prism_map)c->op, c->dtype, c->rows, c->cols, &c->args.map);
    case REDUCE:
        return REF->reduce(dev, (enum prism_reduce)c->op, c->dtype, c->rows, c->cols, m[0], m[1],
                           m[2]);
    case WINDOW:
        return REF->window(dev, &c->desc.window, m[0], m[1]);
    case SUBAPERTURE_FWD:
        return REF->subaperture_fwd(dev, &c->desc.subaperture, &c->args.subaperture);
    case SUBAPERTURE_ADJ:
        return REF->subaperture_adj(dev, &c->desc.subaperture, &c->args.subaperture);
    case BLUR:
        return REF->blur(dev, &c->desc.blur, m[0], m[1], m[2], m[3]);
    case POOL_FWD:
        return REF->pool_fwd(dev, &c->desc.pool, m[0], m[1], m[2]);
    case POOL_BWD:
        return REF->pool_bwd(dev, &c->desc.pool, m[0], m[1], m[2]);
    case COPY2D:
        return REF->copy2d(dev, &c->desc.copy2d, m[0], m[1]);
    case SCATTER_ADD:
        return REF->scatter_add(dev, &c->desc.window, m[0], m[1], m[2]);
    case SOFTMAX_FWD:
        return REF->softmax_fwd(dev, &c->desc.softmax, m[0], m[1]);
    case SOFTMAX_BWD:
        return REF->softmax_bwd(dev, &c->desc.softmax, m[0], m[1], m[2]);
    case ARGMAX:
        return REF->argmax(dev, &c->desc.softmax, m[0], m[1]);
    case GATHER_FWD:
        return REF->gather_fwd(c->plan->inner, m[0], m[1]);
    case GATHER_ADJ:
        return REF->gather_adj(c->plan->inner, m[0], m[1]);
    case DENSE_FIT:
        return REF->dense_fit(dev, &c->desc.dense, &c->args.dense);
    case NORM_FWD:
        return REF->norm_act_fwd(dev, &c->desc.norm, &c->args.norm);
    default:
        return REF->norm_act_bwd(dev, &c->desc.norm, &c->args.norm);
    }
}

static int run(struct prism_dev *dev, const struct call *c)
{
    struct state *s = dev->impl;
    int status = check_alive(dev);

    if (status)
        return status;
    if (c->plan && !c->plan->inner)
        return FAIL(dev, PRISM_EDEVICE, "strict: replay of a call whose plan was destroyed");
    if (s->calls_left != SIZE_MAX)
        s->calls_left--;
    status = strict_check_open(dev, c);
    return status ? status : dispatch(dev, c);
}

static int append(struct prism_dev *dev, struct prism_replay *r, const struct call *c)
{
    if (r->n == r->room) {
        size_t room = 2 * r->room + 64;
        struct call *calls = realloc(r->calls, room * sizeof *calls);
        if (!calls) {
            r->spoilt = true;
            return FAIL(dev, PRISM_ENOMEM, "no memory for a record of %zu calls", room);
        }
        r->calls = calls;
        r->room = room;
    }
    r->calls[r->n++] = *c;
    return 0;
}

int strict_enqueue(struct prism_dev *dev, const struct call *call)
{
    struct state *s = dev->impl;
    int status = check_alive(dev);

    if (status)
        return status;
    return s->recording ? append(dev, s->recording, call) : run(dev, call);
}

/* ---- entries ---- */

int strict_capture_begin(struct prism_dev *dev)
{
    struct state *s = dev->impl;
    int status = strict_ready(dev, "capture_begin");
    struct prism_replay *r;

    if (status)
        return status;
    r = calloc(1, sizeof *r);
    if (!r)
        return FAIL(dev, PRISM_ENOMEM, "no memory for a record");
    r->dev = dev;
    s->recording = r;
    s->records++;
    return 0;
}

int strict_capture_end(struct prism_dev *dev, struct prism_replay **out)
{
    struct state *s = dev->impl;
    struct prism_replay *r = s->recording;
    int status = 0;

    if (out)
        *out = NULL;
    if (!r)
        return FAIL(dev, PRISM_EDEVICE, "strict: capture_end without a capture");
    s->recording = NULL;
    if (out)
        status = check_alive(dev);
    if (out && !status && r->spoilt)
        status = FAIL(dev, PRISM_EDEVICE,
                      "strict: the capture was spoilt by a call that may not be made during one");
    if (out && !status)
        *out = r;
    else
        strict_replay_destroy(r);
    return status;
}

int strict_replay(struct prism_replay *r)
{
    int status = strict_ready(r->dev, "replay");

    for (size_t i = 0; i < r->n && !status; i++)
        status = run(r->dev, &r->calls[i]);
    return status;
}

void strict_replay_destroy(struct prism_replay *r)
{
    struct state *s;

    if (!r)
        return;
    strict_forbid(r->dev, "replay_destroy");
    s = r->dev->impl;
    if (--s->records == 0)
        strict_sweep(r->dev);
    free(r->calls);
    free(r);
}
