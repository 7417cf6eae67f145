/* A profile changes no result, its times add up, and it counts the events that
 * it has no room for. Arguments: a backend, and the folder of its plugin. */
#include "support/session.h"
#include "support/tap.h"

#include <time.h>

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void pause_ns(uint64_t ns)
{
    for (uint64_t end = now_ns() + ns; now_ns() < end;)
        ;
}

static const char *backend, *plugin_path;

static struct prism_dev *open_profiled(struct prism_ctx *ctx,
                                       const struct prism_profile_params *profile, bool plain)
{
    struct prism_dev *dev = NULL;
    const struct prism_dev_params p = {.backend = backend,
                                       .plugin_path = plugin_path,
                                       .threads = 2,
                                       .plain = plain,
                                       .profile = profile};
    MUST(ctx, prism_dev_open(ctx, &p, &dev));
    return dev;
}

static struct prism_profile_info info_of(const struct prism_dev *dev)
{
    struct prism_profile_info info;
    MUST(prismi_dev_ctx(dev), prism_profile_read(dev, &info));
    return info;
}

static struct prism_profile_node node_of(const struct prism_dev *dev, int i)
{
    struct prism_profile_node n;
    MUST(prismi_dev_ctx(dev), prism_profile_node(dev, i, &n));
    return n;
}

/* -1: none */
static int find_node(const struct prism_dev *dev, const char *label)
{
    int n = info_of(dev).n_nodes;
    for (int i = 0; i < n; i++)
        if (!strcmp(node_of(dev, i).label, label))
            return i;
    return -1;
}

static size_t owned(const struct prism_dev *dev, const char *owner, bool peak)
{
    size_t sum = 0;
    for (int i = 0; i < info_of(dev).n_owners; i++) {
        struct prism_profile_memory m;
        MUST(prismi_dev_ctx(dev), prism_profile_memory(dev, i, &m));
        if (!owner || !strcmp(m.owner, owner))
            sum += peak ? m.peak_bytes : m.bytes;
    }
    return sum;
}

/* ---- the same bits ---- */

static uint64_t trained(struct prism_ctx *ctx, const struct prism_profile_params *profile,
                        bool plain, bool progressive)
{
    struct prism_dev *dev = open_profiled(ctx, profile, plain);
    struct experiment p = small_experiment(ctx, dev, PRISM_PRECISION_FP32);
    p.par.training.init_steps = 8;
    p.par.metrics_every = 5;
    if (progressive)
        p.par.training.objective = PRISM_OBJ_PROGRESSIVE;
    struct prism_session *s = new_session(&p);
    run_steps(s, 20);
    uint64_t hash = session_hash(s);
    prism_session_destroy(&s);
    release_experiment(&p);
    prism_dev_close(&dev);
    return hash;
}

static void test_bits(struct prism_ctx *ctx)
{
    static const struct {
        const char *name;
        struct prism_profile_params params;
    } modes[] = {
        {"operations", {0}}, {"sync", {.sync = true}}, {"regions only", {.regions_only = true}}};
    for (int k = 0; k < 4; k++) {
        bool plain = k & 1, progressive = k & 2;
        uint64_t bare = trained(ctx, NULL, plain, progressive);
        for (int m = 0; m < 3; m++)
            tap(trained(ctx, &modes[m].params, plain, progressive) == bare,
                "20 steps have the same bits: %s%s%s", modes[m].name, plain ? ", plain" : "",
                progressive ? ", progressive" : "");
    }
}

/* ---- sums ---- */

/* True if the self times add up to the whole, and no node is shorter than its
 * children. */
static bool adds_up(const struct prism_dev *dev, uint64_t *sum)
{
    struct prism_profile_info info = info_of(dev);
    uint64_t *inside = new_array((size_t)info.n_nodes, sizeof *inside);
    bool good = true;
    *sum = 0;
    for (int i = 0; i < info.n_nodes; i++) {
        struct prism_profile_node n = node_of(dev, i);
        *sum += n.self_ns;
        good = good && n.count && n.self_ns <= n.total_ns && n.min_ns <= n.p50_ns &&
               n.p50_ns <= n.p95_ns && n.p95_ns <= n.max_ns;
        good = good && n.min_ns * n.count <= n.total_ns && n.max_ns <= n.total_ns &&
               (i ? n.parent >= 0 && n.parent < i : n.parent < 0);
        if (i)
            inside[n.parent] += n.total_ns;
    }
    for (int i = 0; i < info.n_nodes; i++)
        good = good && inside[i] == node_of(dev, i).total_ns - node_of(dev, i).self_ns;
    free(inside);
    return good;
}

static void test_totals(struct prism_ctx *ctx)
{
    static const char *const regions[] = {
        "init", "fit",    "forward",  "conv 1",   "measure and loss", "measure adjoint",
        "adam", "norm 2", "backward", "evaluate", "read the losses"};
    const struct prism_profile_params params = {0};
    uint64_t before = now_ns(), sum;
    struct prism_dev *dev = open_profiled(ctx, &params, false);
    struct experiment p = small_experiment(ctx, dev, PRISM_PRECISION_FP32);
    p.par.metrics_every = 10;
    struct prism_session *s = new_session(&p);
    run_steps(s, 60);
    bool good =
        adds_up(dev, &sum); /* the last call reads nothing anew: node 0 is still the first call's */
    uint64_t wall = now_ns() - before;
    tap(good, "a node's total is its own time and what is inside; percentiles lie in order");
    tap(sum == node_of(dev, 0).total_ns, "own times add up to the whole: %llu ns",
        (unsigned long long)sum);
    tap(sum <= wall, "and are no more than passed on the clock: %.3f of %.3f ms",
        1e-6 * (double)sum, 1e-6 * (double)wall);
    for (int i = 0; i < (int)(sizeof regions / sizeof *regions); i++)
        tap(find_node(dev, regions[i]) > 0, "there is a region %s", regions[i]);
    int fit = find_node(dev, "fit"), init = find_node(dev, "init");
    tap(node_of(dev, fit).count == 40 && node_of(dev, init).count == 20 &&
            info_of(dev).n_steps == 60,
        "20 + 40 steps were seen");
    tap(node_of(dev, 0).self_ns < node_of(dev, 0).total_ns, "and are inside the whole");
    bool flops = false;
    for (int i = 0; i < info_of(dev).n_nodes; i++) {
        struct prism_profile_node n = node_of(dev, i);
        if (n.op && !strcmp(n.label, "fft b1 h32 w32 f32"))
            flops = n.flops == 5.0 * 32 * 32 * 10 && n.bytes == 2.0 * 32 * 32 * 8;
        if (n.op && !strcmp(n.label, "spectrum_fwd h32 w32 oh16 ow16 f32") &&
            n.flops > 0) /* else composed, with the former */
            flops = n.flops == 5.0 * 32 * 32 * 10 && n.bytes == 16 * 16 * 4 + 32.0 * 32 * 8;
    }
    tap(flops, "a transform's arithmetic and bytes are known");
    prism_session_destroy(&s);
    release_experiment(&p);
    prism_dev_close(&dev);
}

/* ---- regions by hand ---- */

static void test_regions(struct prism_ctx *ctx)
{
    const struct prism_profile_params params = {0};
    struct prism_dev *dev = open_profiled(ctx, &params, false);
    char other[] = "inner"; /* another address, the same name */
    prism_region_end(dev);  /* there is no region to end */
    for (int k = 0; k < 3; k++) {
        prism_region_begin(dev, "outer", 0);
        pause_ns(1000000);
        prism_region_begin(dev, k ? "inner" : other, 0);
        pause_ns(2000000);
        prism_region_end(dev);
        prism_region_begin(dev, "inner", 7);
        prism_region_end(dev);
        prism_region_end(dev);
    }
    for (int k = 0; k < 100; k++)
        prism_region_begin(dev, "deep", 0);
    for (int k = 0; k < 100; k++)
        prism_region_end(dev);
    prism_region_begin(dev, "after", 0);
    prism_region_end(dev);
    int outer = find_node(dev, "outer"), inner = find_node(dev, "inner"),
        seventh = find_node(dev, "inner 7");
    if (!tap(outer > 0 && inner > 0 && seventh > 0 && info_of(dev).n_nodes == 4 + 63 + 1,
             "nodes by name and number, whatever the address"))
        return;
    struct prism_profile_node o = node_of(dev, outer), i = node_of(dev, inner),
                              n7 = node_of(dev, seventh);
    tap(i.parent == outer && n7.parent == outer && o.parent == 0 && !o.op, "regions nest");
    tap(o.count == 3 && i.count == 3 && n7.count == 3, "and are counted");
    tap(i.min_ns >= 2000000 && o.min_ns >= 3000000, "a region lasts as long as it lasted");
    tap(o.total_ns == o.self_ns + i.total_ns + n7.total_ns && o.self_ns >= 3000000,
        "and its own time is what is left");
    tap(node_of(dev, find_node(dev, "after")).parent == 0,
        "what is too deep ends as often as it begins");
    prism_dev_close(&dev);
}

static void test_percentiles(struct prism_ctx *ctx)
{
    enum { SHORT = 40, LONG = 6 }; /* the 95th of a hundred is a long one, the 50th a short one */
    const uint64_t short_ns = 20000, long_ns = 4000000;
    const struct prism_profile_params params = {0};
    struct prism_dev *dev = open_profiled(ctx, &params, false);
    for (int i = 0; i < SHORT + LONG; i++) {
        prism_region_begin(dev, "now and then", 0);
        pause_ns(i % 7 == 6 ? long_ns : short_ns);
        prism_region_end(dev);
    }
    struct prism_profile_node n = node_of(dev, find_node(dev, "now and then"));
    tap(n.count == SHORT + LONG && n.p50_ns >= short_ns && n.p50_ns < long_ns / 2 &&
            (double)n.p95_ns >= 0.94 * (double)long_ns,
        "percentiles of %d short and %d long: %.3f and %.3f ms", SHORT, LONG,
        1e-6 * (double)n.p50_ns, 1e-6 * (double)n.p95_ns);
    prism_dev_close(&dev);
}

static int failing(struct prism_dev *dev)
{
    return PRISM_FAIL(prismi_dev_ctx(dev), PRISM_EINVAL, "as asked");
}

static int fails_inside(struct prism_dev *dev)
{
    PRISM_TRY(PRISMI_REGION(dev, "failing", 0, failing(dev)));
    return 0;
}

static void test_failure(struct prism_ctx *ctx)
{
    const struct prism_profile_params params = {0};
    struct prism_dev *dev = open_profiled(ctx, &params, false);
    int status = PRISMI_REGION(dev, "around", 0, fails_inside(dev));
    PRISMI_REGION(dev, "next", 0, 0);
    tap(status == PRISM_EINVAL && node_of(dev, find_node(dev, "next")).parent == 0 &&
            node_of(dev, find_node(dev, "failing")).parent == find_node(dev, "around"),
        "a failure ends the regions it leaves");
    prism_dev_close(&dev);
}

/* ---- bounds ---- */

static void copies(struct prism_dev *dev, prism_mem mem, int n)
{
    for (int i = 0; i < n; i++)
        MUST(prismi_dev_ctx(dev), dev->ops->copy(dev, mem, mem + 64, 64));
}

static void test_events(struct prism_ctx *ctx)
{
    const struct prism_profile_params params = {.max_events = 10, .first_step = 2, .last_step = 3};
    struct prism_dev *dev = open_profiled(ctx, &params, false);
    struct prism_profile_event first, e;
    prism_mem mem;
    MUST(ctx, dev->ops->alloc(dev, 128, &mem));
    for (int step = 1; step <= 4; step++) {
        prismi_profile_step(dev, step);
        copies(dev, mem, 8);
    }
    struct prism_profile_info info = info_of(dev);
    tap(info.n_events == 10 && info.n_dropped == 6,
        "of 16 events in the steps asked for 10 are kept, 6 counted: %zu, %zu", info.n_events,
        info.n_dropped);
    int copy = find_node(dev, "copy n64");
    tap(copy > 0 && node_of(dev, copy).count == 32 && node_of(dev, copy).op,
        "all 32 are in the tree");
    MUST(ctx, prism_profile_event(dev, 0, &first));
    MUST(ctx, prism_profile_event(dev, 9, &e));
    tap(first.node == copy && e.start_ns >= first.start_ns + first.duration_ns &&
            e.start_ns + e.duration_ns <= info.wall_ns,
        "events lie one after the other");
    tap(prism_profile_event(dev, 10, &e) == PRISM_EINVAL, "an event that is not there");
    dev->ops->release(dev, mem);
    prism_dev_close(&dev);
}

static void test_many_kinds(struct prism_ctx *ctx)
{
    enum { KINDS = 5000 };
    const struct prism_profile_params params = {0};
    struct prism_dev *dev = open_profiled(ctx, &params, false);
    prism_mem mem;
    uint64_t sum, count = 0;
    MUST(ctx, dev->ops->alloc(dev, 2 * KINDS + 128, &mem));
    prism_region_begin(dev, "around", 0);
    for (size_t n = 1; n <= KINDS; n++)
        MUST(ctx, dev->ops->copy(dev, mem, mem + KINDS + 64, n));
    prism_region_end(dev);
    adds_up(dev, &sum);
    int n_nodes = info_of(dev).n_nodes;
    for (int i = 0; i < n_nodes; i++)
        count += node_of(dev, i).op ? node_of(dev, i).count : 0;
    adds_up(dev, &sum);
    tap(n_nodes == 4096 && !strncmp(node_of(dev, n_nodes - 1).label, "(more than", 10) &&
            count == KINDS + 1,
        "kinds without room share a node: %d nodes, %llu operations", n_nodes,
        (unsigned long long)count);
    tap(sum == node_of(dev, 0).total_ns, "and own times still add up");
    dev->ops->release(dev, mem);
    prism_dev_close(&dev);
}

static void test_no_profile(struct prism_ctx *ctx)
{
    struct prism_profile_info info;
    struct prism_dev *dev = open_profiled(ctx, NULL, false);
    prism_region_begin(dev, "nothing", 0);
    prism_region_end(dev);
    tap(prism_profile_read(dev, &info) == PRISM_EINVAL &&
            strstr(prism_ctx_error(ctx)->text, "profile"),
        "a device without a profile says so");
    prism_dev_close(&dev);
}

static void test_replay(struct prism_ctx *ctx)
{
    struct prism_dev *dev = open_profiled(ctx, NULL, false);
    bool can = dev->caps.flags & PRISM_CAPS_REPLAY,
         host = dev->caps.flags & PRISM_CAPS_HOST_VISIBLE;
    prism_dev_close(&dev);
    for (int k = 0; k < 3; k++) {
        const struct prism_profile_params params = {.regions_only = k > 0, .sync = k > 1};
        dev = open_profiled(ctx, &params, false);
        struct prism_profile_info info = info_of(dev);
        bool off = can && k != 1;
        tap(info.replay_off == off && !!(dev->caps.flags & PRISM_CAPS_REPLAY) == (can && !off) &&
                info.asynchronous == (!host && k < 2),
            "%s: recorded steps %s, times of %s",
            k == 0   ? "operations"
            : k == 1 ? "regions"
                     : "regions, sync",
            off ? "off" : "as before", info.asynchronous ? "enqueueing" : "work");
        prism_dev_close(&dev);
    }
}

/* ---- memory ---- */

static void test_memory(struct prism_ctx *ctx)
{
    const struct prism_profile_params params = {.regions_only = true};
    struct prism_dev *dev = open_profiled(ctx, &params, false);
    struct experiment p = small_experiment(ctx, dev, PRISM_PRECISION_FP32);
    p.par.training.init_steps = -1;
    struct prism_session *s = new_session(&p);
    run_steps(s, 5);
    struct prism_profile_info info = info_of(dev);
    tap(owned(dev, NULL, false) == info.device_bytes && info.device_bytes > 0,
        "every byte has an owner: %zu of %zu", owned(dev, NULL, false), info.device_bytes);
    tap(owned(dev, "other", false) < info.device_bytes / 4, "which is seldom 'other'");
    tap(owned(dev, "moments", false) == 2 * s->trainer.slabs[0].bytes,
        "two moments for each parameter");
    tap(owned(dev, "targets", false) == (size_t)SMALL_SAMPLES * SMALL_GRID * SMALL_GRID * 4,
        "a target for each sample");
    tap(info.step_growth_bytes == 0, "steps allocate nothing on the device");
    prism_mem leak;
    MUST(ctx, dev->ops->alloc(dev, 1000, &leak));
    run_steps(s, 1);
    tap(info_of(dev).step_growth_bytes == 1000, "what a step leaves behind is seen");
    dev->ops->release(dev, leak);
    size_t peak = info_of(dev).device_peak_bytes;
    prism_session_destroy(&s);
    release_experiment(&p);
    info = info_of(dev);
    tap(info.device_bytes == 0 && owned(dev, NULL, false) == 0 && info.device_peak_bytes == peak &&
            owned(dev, "moments", true) > 0,
        "all is given back, and the peaks stay");
    prism_dev_close(&dev);
}

/* ---- names ---- */

static void test_names(struct prism_ctx *ctx)
{
    const struct prism_profile_params params = {0};
    struct prism_dev *dev = open_profiled(ctx, &params, false);
    prism_mem mem[10], host_visible;
    MUST(ctx, dev->ops->alloc(dev, 10 * 64, &host_visible));
    const unsigned char zeros[640] = {0};
    MUST(ctx, dev->ops->write(dev, host_visible, zeros, sizeof zeros));
    for (int i = 0; i < 10; i++)
        mem[i] = host_visible + 64 * i;
    for (int op = 0; op < PRISM_MAP_COUNT; op++) {
        const struct prism_map_args a = {.y = {mem[0], mem[1], mem[2], mem[3]},
                                         .x = {mem[4], mem[5], mem[6], mem[7], mem[8], mem[9]},
                                         .s = {1, 1, 1}};
        bool half = op == PRISM_MAP_NARROW || op == PRISM_MAP_WIDEN;
        if (half && !(dev->caps.dtypes & 1u << PRISM_F16))
            continue;
        MUST(ctx, dev->ops->map(dev, (enum prism_map)op, half ? PRISM_F16 : PRISM_F32, 1, 1, &a));
    }
    bool named = true;
    for (int i = 0; i < info_of(dev).n_nodes; i++) {
        struct prism_profile_node n = node_of(dev, i);
        named =
            named && !strstr(n.label, "unnamed") && (strncmp(n.label, "map ", 4) || n.bytes > 0);
    }
    tap(named, "every elementwise operation has a name and a number of bytes");
    dev->ops->release(dev, host_visible);
    prism_dev_close(&dev);
}

int main(int argc, char **argv)
{
    struct prism_ctx *ctx = open_ctx();
    backend = argc > 1 ? argv[1] : "ref";
    plugin_path = argc > 2 ? argv[2] : NULL;
    test_bits(ctx);
    test_totals(ctx);
    test_regions(ctx);
    test_percentiles(ctx);
    test_failure(ctx);
    test_events(ctx);
    test_many_kinds(ctx);
    test_no_profile(ctx);
    test_replay(ctx);
    test_memory(ctx);
    test_names(ctx);
    prism_ctx_destroy(&ctx);
    return tap_end();
}
