/* The profile of a device: a tree of times, a timeline of events, and memory by
 * owner. */
#include "core/profile.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define OTHER (PROFILE_NODES - 1)

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- histogram of durations: 8 buckets per octave ---- */

static int bucket_of(uint64_t ns)
{
    int octave = 0;
    if (ns < 8)
        return (int)ns;
    for (int width = 32; width; width /= 2)
        if (ns >> octave >> width)
            octave += width;
    int i = (octave - 2) * 8 + (int)(ns >> (octave - 3) & 7);
    return i < PROFILE_BUCKETS ? i : PROFILE_BUCKETS - 1;
}

static uint64_t bucket_middle(int i)
{
    if (i < 8)
        return (uint64_t)i;
    uint64_t width = (uint64_t)1 << (i / 8 - 1);
    return (8 + (uint64_t)(i % 8)) * width + width / 2;
}

static uint64_t percentile(const struct prismi_profile_node *n, double share)
{
    uint64_t seen = 0, value = 0;
    for (int i = 0; i < PROFILE_BUCKETS && (double)seen < share * (double)n->count; i++) {
        seen += n->histogram[i];
        value = bucket_middle(i);
    }
    return value < n->min_ns ? n->min_ns : value > n->max_ns ? n->max_ns : value;
}

/* ---- the tree ---- */

static bool same_key(const struct prismi_profile_key *a, const struct prismi_profile_key *b)
{
    return a->a == b->a && a->b == b->b && a->c == b->c &&
           (a->name == b->name || !strcmp(a->name, b->name));
}

static struct prismi_profile_node *add_node(struct prismi_profile *p, int parent,
                                            const struct prismi_profile_key *key)
{
    struct prismi_profile_node *n = &p->nodes[p->n_nodes], *up = &p->nodes[parent];
    if (p->n_nodes == OTHER)
        return n;
    n->key = *key;
    n->parent = parent;
    if (up->last)
        p->nodes[up->last].next = p->n_nodes;
    else
        up->child = p->n_nodes;
    up->last = up->cursor = p->n_nodes++;
    return n;
}

struct prismi_profile_node *prismi_profile_find(struct prismi_profile *p,
                                                const struct prismi_profile_key *key)
{
    int parent = p->stack[p->depth].node;
    struct prismi_profile_node *up = &p->nodes[parent];
    int from = up->cursor, i = from;
    if (p->depth + 1 == PROFILE_DEPTH)
        return &p->nodes[OTHER]; /* too deep: prismi_profile_enter() will only count it */
    while (i) {
        i = p->nodes[i].next ? p->nodes[i].next : up->child;
        if (same_key(&p->nodes[i].key, key)) {
            up->cursor = i;
            return &p->nodes[i];
        }
        if (i == from)
            break;
    }
    return add_node(p, parent, key);
}

void prismi_profile_enter(struct prismi_profile *p, struct prismi_profile_node *node)
{
    if (p->depth + 1 == PROFILE_DEPTH) {
        p->too_deep++;
        return;
    }
    p->stack[++p->depth].node = (int)(node - p->nodes);
    p->stack[p->depth].start_ns = now_ns();
}

static bool wanted(const struct prismi_profile *p)
{
    return p->step >= p->par.first_step && (!p->par.last_step || p->step <= p->par.last_step);
}

void prismi_profile_leave(struct prismi_profile *p)
{
    if (p->too_deep || !p->depth) {
        p->too_deep -= p->too_deep > 0;
        return;
    }
    int i = p->stack[p->depth].node;
    uint64_t start = p->stack[p->depth].start_ns, ns = now_ns() - start;
    struct prismi_profile_node *n = &p->nodes[i];
    p->depth--;
    p->nodes[p->stack[p->depth].node].inside_ns += ns;
    n->min_ns = n->count && n->min_ns < ns ? n->min_ns : ns;
    n->max_ns = n->max_ns > ns ? n->max_ns : ns;
    n->count++;
    n->total_ns += ns;
    n->histogram[bucket_of(ns)]++;
    if (!wanted(p))
        return;
    if (p->n_events < p->par.max_events)
        p->events[p->n_events++] = (struct prism_profile_event){i, start - p->start_ns, ns};
    else
        p->n_dropped++;
}

/* ---- regions and steps ---- */

static void settle(struct prismi_profile *p, struct prism_dev *dev)
{
    if (p->par.sync)
        p->inner.sync(dev); /* the next call that returns a status reports an error */
}

void prism_region_begin(struct prism_dev *dev, const char *name, int number)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    if (!p)
        return;
    const struct prismi_profile_key key = {name, UINT64_MAX, (uint64_t)number, 0};
    struct prismi_profile_node *n = prismi_profile_find(p, &key);
    if (!*n->label)
        snprintf(n->label, sizeof n->label, number ? "%s %d" : "%s", name, number);
    settle(p, dev);
    prismi_profile_enter(p, n);
}

void prism_region_end(struct prism_dev *dev)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    if (!p)
        return;
    settle(p, dev);
    prismi_profile_leave(p);
}

int prismi_region_end(struct prism_dev *dev, int status)
{
    prism_region_end(dev);
    return status;
}

void prismi_profile_step(struct prism_dev *dev, int64_t step)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    if (!p)
        return;
    if (!p->n_steps++)
        p->first_step_bytes = p->bytes;
    p->step = step;
    p->last_step_bytes = p->bytes;
}

/* ---- memory ---- */

void prismi_profile_memory(struct prism_dev *dev, enum prismi_owner owner, size_t bytes, bool taken)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    if (!p)
        return;
    size_t *now = &p->owner[owner].bytes, *peak = &p->owner[owner].peak_bytes;
    *now = taken ? *now + bytes : *now - bytes;
    *peak = *peak > *now ? *peak : *now;
}

int prismi_profile_block_add(struct prismi_profile *p, prism_mem mem, size_t bytes)
{
    if (p->n_blocks == p->cap_blocks) {
        int cap = p->cap_blocks ? 2 * p->cap_blocks : 64;
        struct prismi_profile_block *blocks = prismi_alloc((size_t)cap, sizeof *blocks);
        if (!blocks)
            return PRISM_ENOMEM;
        if (p->n_blocks)
            memcpy(blocks, p->blocks, (size_t)p->n_blocks * sizeof *blocks);
        prismi_free(p->blocks);
        p->blocks = blocks;
        p->cap_blocks = cap;
    }
    p->blocks[p->n_blocks++] = (struct prismi_profile_block){mem, bytes};
    p->bytes += bytes;
    p->peak_bytes = p->peak_bytes > p->bytes ? p->peak_bytes : p->bytes;
    return 0;
}

void prismi_profile_block_remove(struct prismi_profile *p, prism_mem mem)
{
    for (int i = p->n_blocks - 1; i >= 0; i--)
        if (p->blocks[i].mem == mem) {
            p->bytes -= p->blocks[i].bytes;
            p->blocks[i] = p->blocks[--p->n_blocks];
            return;
        }
}

/* ---- creating and reading ---- */

int prismi_profile_create(struct prismi_device *d, const struct prism_profile_params *params)
{
    struct prismi_profile *p = prismi_alloc(1, sizeof *p);
    if (!p)
        return PRISM_FAIL(d->ctx, PRISM_ENOMEM, "no memory for a profile");
    p->par = *params;
    p->par.max_events = params->max_events ? params->max_events : PRISM_PROFILE_EVENTS;
    p->events = prismi_alloc(p->par.max_events, sizeof *p->events);
    if (!p->events) {
        prismi_free(p);
        return PRISM_FAIL(d->ctx, PRISM_ENOMEM,
                          "no memory for the %zu events of a profile; give a smaller max_events",
                          params->max_events);
    }
    p->inner = d->ops;
    prismi_profile_wrap(p, &d->ops);
    if (!params->regions_only || params->sync) {
        p->replay_off = d->dev.caps.flags & PRISM_CAPS_REPLAY;
        d->dev.caps.flags &= ~(uint32_t)PRISM_CAPS_REPLAY;
    }
    snprintf(p->nodes[0].label, PROFILE_LABEL, "all");
    snprintf(p->nodes[OTHER].label, PROFILE_LABEL, "(more than %d kinds)", OTHER);
    p->n_nodes = 1;
    d->profile = p;
    p->start_ns = now_ns();
    return 0;
}

void prismi_profile_destroy(struct prismi_device *d)
{
    if (!d->profile)
        return;
    prismi_free(d->profile->events);
    prismi_free(d->profile->blocks);
    prismi_free(d->profile);
    d->profile = NULL;
}

static int profile_of(const struct prism_dev *dev, int64_t i, int64_t n,
                      struct prismi_profile **out)
{
    struct prismi_profile *p = *out = prismi_profile_of(dev);
    if (!p)
        return PRISM_FAIL(prismi_dev_ctx(dev), PRISM_EINVAL,
                          "this device is not profiled; open it with prism_dev_params.profile set");
    if (i < 0 || i >= n)
        return PRISM_FAIL(prismi_dev_ctx(dev), PRISM_EINVAL,
                          "profile entry %lld does not exist; the list has %lld, counted from 0",
                          (long long)i, (long long)n);
    return 0;
}

static int node_count(const struct prismi_profile *p)
{
    return p ? p->n_nodes + (p->nodes[OTHER].count > 0) : 0;
}

int prism_profile_read(const struct prism_dev *dev, struct prism_profile_info *out)
{
    struct prismi_profile *p;
    PRISM_TRY(profile_of(dev, 0, 1, &p));
    p->wall_ns = now_ns() - p->start_ns;
    *out = (struct prism_profile_info){
        .wall_ns = p->wall_ns,
        .asynchronous = !(dev->caps.flags & PRISM_CAPS_HOST_VISIBLE) && !p->par.sync,
        .regions_only = p->par.regions_only,
        .sync = p->par.sync,
        .replay_off = p->replay_off,
        .n_nodes = node_count(p),
        .n_owners = PRISMI_OWNER_COUNT,
        .n_events = p->n_events,
        .n_dropped = p->n_dropped,
        .n_steps = p->n_steps,
        .device_bytes = p->bytes,
        .device_peak_bytes = p->peak_bytes,
        .step_growth_bytes =
            p->last_step_bytes > p->first_step_bytes ? p->last_step_bytes - p->first_step_bytes : 0,
    };
    return 0;
}

int prism_profile_node(const struct prism_dev *dev, int i, struct prism_profile_node *out)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    PRISM_TRY(profile_of(dev, i, node_count(p), &p));
    const struct prismi_profile_node *n = &p->nodes[i < p->n_nodes ? i : OTHER];
    *out = (struct prism_profile_node){n->label,  i ? n->parent : -1, n->op,
                                       n->count,  n->total_ns,        n->total_ns - n->inside_ns,
                                       n->min_ns, percentile(n, 0.5), percentile(n, 0.95),
                                       n->max_ns, n->flops,           n->bytes};
    if (i > 0)
        return 0;
    out->count = 1;
    out->total_ns = out->min_ns = out->p50_ns = out->p95_ns = out->max_ns = p->wall_ns;
    out->self_ns = p->wall_ns > n->inside_ns ? p->wall_ns - n->inside_ns : 0;
    return 0;
}

int prism_profile_event(const struct prism_dev *dev, size_t i, struct prism_profile_event *out)
{
    struct prismi_profile *p = prismi_profile_of(dev);
    PRISM_TRY(profile_of(dev, (int64_t)i, p ? (int64_t)p->n_events : 0, &p));
    *out = p->events[i];
    if (out->node == OTHER)
        out->node = p->n_nodes;
    return 0;
}

int prism_profile_memory(const struct prism_dev *dev, int i, struct prism_profile_memory *out)
{
    static const char *const names[PRISMI_OWNER_COUNT] = {
        [PRISMI_OWNER_OTHER] = "other",
        [PRISMI_OWNER_PARAMETERS] = "parameters",
        [PRISMI_OWNER_GRADIENTS] = "gradients",
        [PRISMI_OWNER_MOMENTS] = "moments",
        [PRISMI_OWNER_ACTIVATIONS] = "activations",
        [PRISMI_OWNER_SNAPSHOT] = "snapshot",
        [PRISMI_OWNER_CHECKPOINT] = "checkpoint",
        [PRISMI_OWNER_APERTURES] = "apertures",
        [PRISMI_OWNER_TARGETS] = "targets",
        [PRISMI_OWNER_LOSS] = "loss workspace",
        [PRISMI_OWNER_FFT] = "FFT workspace",
        [PRISMI_OWNER_CONV] = "convolution workspace",
    };
    struct prismi_profile *p;
    PRISM_TRY(profile_of(dev, i, PRISMI_OWNER_COUNT, &p));
    *out = (struct prism_profile_memory){names[i], p->owner[i].bytes, p->owner[i].peak_bytes};
    return 0;
}
