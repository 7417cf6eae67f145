/* Reading of profile.json, with sums over kinds of operation. */
#include "core/internal.h"
#include "program/profile.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double number(const struct prismi_json *v, const char *key)
{
    double x = prismi_json_member_number(v, key);
    return isfinite(x) ? x : 0;
}

static bool flag(const struct prismi_json *v, const char *key)
{
    const struct prismi_json *m = prismi_json_member(v, key);
    return m && m->type == PRISMI_JSON_BOOL && m->number != 0;
}

/* Returns false if the nodes are no tree. */
static bool read_nodes(struct profile *p)
{
    const struct prismi_json *list = prismi_json_member(p->json, "nodes");
    int n = 0;
    for (const struct prismi_json *v = list ? list->child : NULL; v; v = v->next)
        n++;
    p->nodes = n ? calloc((size_t)n, sizeof *p->nodes) : NULL;
    if (!p->nodes)
        return false;
    for (const struct prismi_json *v = list->child; v; v = v->next) {
        struct profile_node *node = &p->nodes[p->n_nodes];
        double parent = p->n_nodes ? prismi_json_member_number(v, "parent") : -1;
        node->label = prismi_json_member_string(v, "label");
        if (!node->label || (p->n_nodes && !(parent >= 0 && parent < p->n_nodes)))
            return false;
        node->parent = (int)parent;
        node->depth = p->n_nodes ? p->nodes[node->parent].depth + 1 : 0;
        node->op = flag(v, "op");
        node->count = number(v, "count");
        node->total_s = number(v, "total_s");
        node->self_s = node->tree_s = number(v, "self_s");
        node->min_s = number(v, "min_s");
        node->p50_s = number(v, "p50_s");
        node->p95_s = number(v, "p95_s");
        node->max_s = number(v, "max_s");
        node->flops = number(v, "flops");
        node->bytes = number(v, "bytes");
        p->n_nodes++;
    }
    for (int i = p->n_nodes - 1; i > 0; i--)
        p->nodes[p->nodes[i].parent].tree_s += p->nodes[i].tree_s;
    return true;
}

static void read_memory(struct profile *p)
{
    const struct prismi_json *list = prismi_json_member(p->json, "memory");
    for (const struct prismi_json *v = list ? list->child : NULL;
         v && p->n_memory < PROFILE_OWNERS_MAX; v = v->next) {
        const char *owner = prismi_json_member_string(v, "owner");
        if (owner)
            p->memory[p->n_memory++] =
                (struct profile_memory){owner, number(v, "bytes"), number(v, "peak_bytes")};
    }
}

/* ---- kinds ---- */

/* Kind of an operation: the first word of its label, for maps and reductions
 * the second too; "host" for a region. */
static void kind_name(const struct profile_node *n, char *out, size_t size)
{
    size_t length = strcspn(n->label, " ");
    if ((!strncmp(n->label, "map ", 4) || !strncmp(n->label, "reduce ", 7)) && n->label[length])
        length += 1 + strcspn(n->label + length + 1, " ");
    snprintf(out, size, "%.*s", n->op ? (int)length : 4, n->op ? n->label : "host");
}

static int longer(const void *a, const void *b)
{
    double x = ((const struct profile_kind *)a)->self_s,
           y = ((const struct profile_kind *)b)->self_s;
    return x < y ? 1 : x > y ? -1 : 0;
}

static void add_kinds(struct profile *p)
{
    for (int i = 0; i < p->n_nodes; i++) {
        const struct profile_node *n = &p->nodes[i];
        char name[sizeof p->kinds->name];
        int k = 0;
        kind_name(n, name, sizeof name);
        while (k < p->n_kinds && strcmp(p->kinds[k].name, name) != 0)
            k++;
        if (k == PROFILE_KINDS_MAX)
            k--; /* too many kinds: the file is not ours */
        if (k == p->n_kinds)
            snprintf(p->kinds[p->n_kinds++].name, sizeof p->kinds->name, "%s", name);
        p->kinds[k].count += n->count;
        p->kinds[k].self_s += n->self_s;
        p->kinds[k].flops += n->flops * n->count;
        p->kinds[k].bytes += n->bytes * n->count;
    }
    qsort(p->kinds, (size_t)p->n_kinds, sizeof *p->kinds, longer);
}

/* ---- the whole ---- */

int profile_parse(struct prism_ctx *ctx, const char *file, const char *text, size_t n,
                  struct profile *out)
{
    struct profile *p = out;
    *p = (struct profile){.json = prismi_json_parse(text, n)};
    const char *format = prismi_json_member_string(p->json, "format");
    bool good = format && !strcmp(format, "prism-profile") && number(p->json, "version") == 1 &&
                read_nodes(p);
    p->wall_s = number(p->json, "wall_s");
    if (!good || p->wall_s <= 0) {
        profile_release(p);
        return PRISM_FAIL(ctx, PRISM_EPARSE,
                          "%s is not a profile of version 1; 'prism profile run' writes one", file);
    }
    p->backend = prismi_json_member_string(p->json, "backend");
    p->device = prismi_json_member_string(p->json, "device");
    p->backend = p->backend ? p->backend : "";
    p->device = p->device ? p->device : "";
    p->asynchronous = flag(p->json, "asynchronous");
    p->regions_only = flag(p->json, "regions_only");
    p->sync = flag(p->json, "sync");
    p->replay_off = flag(p->json, "replay_off");
    p->steps = number(p->json, "steps");
    p->events = number(p->json, "events");
    p->dropped_events = number(p->json, "dropped_events");
    p->device_bytes = number(p->json, "device_bytes");
    p->device_peak_bytes = number(p->json, "device_peak_bytes");
    p->step_growth_bytes = number(p->json, "step_growth_bytes");
    p->peak_rss_bytes = number(p->json, "peak_rss_bytes");
    read_memory(p);
    add_kinds(p);
    profile_judge(p);
    return 0;
}

void profile_release(struct profile *p)
{
    free(p->nodes);
    prismi_json_free(p->json);
    *p = (struct profile){.json = NULL};
}

int profile_top(const struct profile *p, int top, int *index)
{
    int n = 0;
    for (int i = 0; i < p->n_nodes; i++) {
        int at = n < top ? n++ : top;
        for (; at > 0 && p->nodes[index[at - 1]].self_s < p->nodes[i].self_s; at--)
            if (at < top)
                index[at] = index[at - 1];
        if (at < top)
            index[at] = i;
    }
    return n;
}

void profile_path(const struct profile *p, int node, const char *separator, char *out, size_t n)
{
    int chain[64], depth = 0;
    size_t used = 0;
    for (int i = node; i > 0 && depth < CLI_COUNT(chain); i = p->nodes[i].parent)
        chain[depth++] = i;
    snprintf(out, n, "%s", p->nodes[0].label);
    while (depth-- > 0 && used < n)
        used += (size_t)snprintf(out + used, n - used, "%s%s", used ? separator : "",
                                 p->nodes[chain[depth]].label);
}
