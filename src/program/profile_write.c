/* Files written from a profiled device: profile.json, a timeline for Perfetto
 * and chrome://tracing, stacks for flame graphs. */
#include "core/internal.h"
#include "program/profile.h"

#include <sys/resource.h>

/* ---- profile.json ---- */

static void seconds(struct prismi_json_out *j, const char *key, uint64_t ns)
{
    prismi_json_number(j, key, 1e-9 * (double)ns);
}

static int node_members(struct prismi_json_out *j, struct prism_dev *dev, int n)
{
    prismi_json_open(j, "nodes", '[');
    for (int i = 0; i < n; i++) {
        struct prism_profile_node node;
        PRISM_TRY(prism_profile_node(dev, i, &node));
        prismi_json_open(j, NULL, '{');
        prismi_json_string(j, "label", node.label);
        prismi_json_number(j, "parent", node.parent);
        prismi_json_bool(j, "op", node.op);
        prismi_json_uint(j, "count", node.count);
        seconds(j, "total_s", node.total_ns);
        seconds(j, "self_s", node.self_ns);
        seconds(j, "min_s", node.min_ns);
        seconds(j, "p50_s", node.p50_ns);
        seconds(j, "p95_s", node.p95_ns);
        seconds(j, "max_s", node.max_ns);
        prismi_json_number(j, "flops", node.flops);
        prismi_json_number(j, "bytes", node.bytes);
        prismi_json_close(j, '}');
    }
    prismi_json_close(j, ']');
    return 0;
}

static void owner(struct prismi_json_out *j, const char *name, double bytes, double peak_bytes)
{
    prismi_json_open(j, NULL, '{');
    prismi_json_string(j, "owner", name);
    prismi_json_number(j, "bytes", bytes);
    prismi_json_number(j, "peak_bytes", peak_bytes);
    prismi_json_close(j, '}');
}

static int memory_members(struct prismi_json_out *j, struct prism_dev *dev, int n)
{
    prismi_json_open(j, "memory", '[');
    for (int i = 0; i < n; i++) {
        struct prism_profile_memory m;
        PRISM_TRY(prism_profile_memory(dev, i, &m));
        owner(j, m.owner, (double)m.bytes, (double)m.peak_bytes);
    }
    for (int i = 0; i < PRISM_CACHE_KINDS; i++) { /* a kind of cache grows up to its budget */
        double bytes = (double)prism_cache_get_stats(prismi_dev_cache(dev), i).bytes;
        char name[32];
        snprintf(name, sizeof name, "cache, %s (host)", prism_cache_kind_name(i));
        if (i != PRISM_CACHE_PLANS &&
            i != PRISM_CACHE_CONSTANTS) /* plans belong to the backend, constants to the loss */
            owner(j, name, bytes, bytes);
    }
    prismi_json_close(j, ']');
    return 0;
}

static int all_members(struct prismi_json_out *j, struct prism_dev *dev,
                       const struct prism_profile_info *info)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    prismi_json_open(j, NULL, '{');
    prismi_json_string(j, "format", "prism-profile");
    prismi_json_number(j, "version", 1);
    prismi_json_string(j, "backend", prism_dev_backend(dev));
    prismi_json_string(j, "device", dev->caps.device);
    prismi_json_bool(j, "asynchronous", info->asynchronous);
    prismi_json_bool(j, "regions_only", info->regions_only);
    prismi_json_bool(j, "sync", info->sync);
    prismi_json_bool(j, "replay_off", info->replay_off);
    seconds(j, "wall_s", info->wall_ns);
    prismi_json_number(j, "steps", (double)info->n_steps);
    prismi_json_number(j, "events", (double)info->n_events);
    prismi_json_number(j, "dropped_events", (double)info->n_dropped);
    prismi_json_number(j, "device_bytes", (double)info->device_bytes);
    prismi_json_number(j, "device_peak_bytes", (double)info->device_peak_bytes);
    prismi_json_number(j, "step_growth_bytes", (double)info->step_growth_bytes);
    prismi_json_number(j, "peak_rss_bytes", 1024.0 * (double)usage.ru_maxrss);
    PRISM_TRY(memory_members(j, dev, info->n_owners));
    PRISM_TRY(node_members(j, dev, info->n_nodes));
    prismi_json_close(j, '}');
    prismi_json_newline(j);
    return 0;
}

int profile_write_json(struct prism_dev *dev, const struct prism_profile_info *info,
                       const char *path)
{
    struct prismi_json_out j;
    prismi_json_init(&j, true);
    int status = all_members(&j, dev, info);
    if (!status)
        status = prismi_file_text(prismi_dev_ctx(dev), path, prismi_json_text(&j));
    prismi_json_release(&j);
    return status;
}

/* ---- the timeline ---- */

/* Commits the file, or aborts it if status is not 0; f is closed in both
 * cases. */
static int commit(struct prismi_file *f, int status)
{
    if (!status)
        return prismi_file_commit(f, false);
    prismi_file_abort(f);
    return status;
}

/* Writes a label as a JSON string, quotes included. */
static int quoted(struct prismi_file *f, const char *label)
{
    struct prismi_json_out j;
    prismi_json_init(&j, false);
    prismi_json_string(&j, NULL, label);
    int status =
        prismi_json_text(&j) ? prismi_file_printf(f, "%s", prismi_json_text(&j)) : PRISM_ENOMEM;
    prismi_json_release(&j);
    return status;
}

static int trace_events(struct prism_dev *dev, struct prismi_file *f,
                        const struct prism_profile_info *info)
{
    for (size_t i = 0; i < info->n_events; i++) {
        struct prism_profile_event e;
        struct prism_profile_node n;
        PRISM_TRY(prism_profile_event(dev, i, &e));
        PRISM_TRY(prism_profile_node(dev, e.node, &n));
        PRISM_TRY(prismi_file_printf(f, ",\n{\"name\":"));
        PRISM_TRY(quoted(f, n.label));
        /* integers, so that neither a locale nor rounding moves a child out of
         * its parent */
        PRISM_TRY(prismi_file_printf(
            f,
            ",\"cat\":\"%s\",\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":%llu.%03u,\"dur\":%llu.%03u}",
            n.op ? "operation" : "region", (unsigned long long)(e.start_ns / 1000),
            (unsigned)(e.start_ns % 1000), (unsigned long long)(e.duration_ns / 1000),
            (unsigned)(e.duration_ns % 1000)));
    }
    return 0;
}

int profile_write_trace(struct prism_dev *dev, const struct prism_profile_info *info,
                        const char *path)
{
    struct prismi_file *f;
    PRISM_TRY(prismi_file_create(prismi_dev_ctx(dev), path, &f));
    int status = prismi_file_printf(
        f,
        "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"wall_ns\":\"%llu\",\"dropped_events\":\"%"
        "zu\",\"clock\":\"%s\"},\n"
        "\"traceEvents\":[\n{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":1,\"args\":{\"name\":"
        "\"prism\"}},\n"
        "{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":1,\"tid\":1,\"args\":{\"name\":\"%s\"}}",
        (unsigned long long)info->wall_ns, info->n_dropped,
        info->asynchronous ? "host, enqueueing" : "host",
        info->asynchronous ? "enqueueing" : "regions and operations");
    if (!status)
        status = trace_events(dev, f, info);
    if (!status)
        status = prismi_file_printf(f, "\n]}\n");
    return commit(f, status);
}

/* ---- stacks ---- */

int profile_write_folded(struct prism_ctx *ctx, const struct profile *p, const char *path)
{
    struct prismi_file *f;
    int status = 0;
    PRISM_TRY(prismi_file_create(ctx, path, &f));
    for (int i = 0; i < p->n_nodes && !status; i++) {
        char stack[2048];
        double us = 1e6 * p->nodes[i].self_s;
        profile_path(p, i, ";", stack, sizeof stack);
        if (us >= 1)
            status = prismi_file_printf(f, "%s %.0f\n", stack, us);
    }
    return commit(f, status);
}
