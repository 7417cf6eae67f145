/* A profile as text. */
#include "program/profile.h"

#include <stdlib.h>
#include <string.h>

enum { TREE_DEPTH = 3 };

static double percent(const struct profile *p, double s)
{
    return 100 * s / p->wall_s;
}

/* Prints a rate in units of 10^9 per second, or a dash if it is not known. */
static void print_rate(FILE *f, double amount, double s)
{
    if (amount > 0 && s > 0)
        fprintf(f, " %9.2f", 1e-9 * amount / s);
    else
        fprintf(f, " %9s", "-");
}

static void print_tree(FILE *f, const struct profile *p, int node)
{
    const struct profile_node *n = &p->nodes[node];
    if (n->op || n->depth > TREE_DEPTH || (n->depth && n->tree_s < 0.005 * p->wall_s))
        return;
    int width = 40 - 2 * n->depth;
    fprintf(f, "%*s%-*.*s %9.0f %9.3f %6.1f %%\n", 2 * n->depth, "", width, width, n->label,
            n->count, n->tree_s, percent(p, n->tree_s));
    for (int i = node + 1; i < p->n_nodes; i++)
        if (p->nodes[i].parent == node)
            print_tree(f, p, i);
}

static void print_kinds(FILE *f, const struct profile *p, int top)
{
    fprintf(f, "\n%-40s %9s %9s %8s %9s %9s\n", "operations by kind", "calls", "self s", "share",
            "GFLOP/s", "GB/s");
    for (int i = 0; i < p->n_kinds && i < top; i++) {
        const struct profile_kind *k = &p->kinds[i];
        fprintf(f, "%-40s %9.0f %9.3f %6.1f %%", k->name, k->count, k->self_s,
                percent(p, k->self_s));
        print_rate(f, p->asynchronous ? 0 : k->flops, k->self_s);
        print_rate(f, p->asynchronous ? 0 : k->bytes, k->self_s);
        fputc('\n', f);
    }
}

static void print_top(FILE *f, const struct profile *p, int top)
{
    int *index = malloc((size_t)(top + 1) * sizeof *index),
        n = index ? profile_top(p, top, index) : 0;
    fprintf(f, "\n%9s %9s %8s %9s %9s  %s\n", "calls", "self s", "share", "mean ms", "p95 ms",
            "where");
    for (int i = 0; i < n; i++) {
        const struct profile_node *node = &p->nodes[index[i]];
        char path[512];
        if (node->self_s <= 0)
            break;
        profile_path(p, index[i], " > ", path, sizeof path);
        fprintf(f, "%9.0f %9.3f %6.1f %% %9.3f %9.3f  %s\n", node->count, node->self_s,
                percent(p, node->self_s), 1e3 * node->total_s / (node->count > 0 ? node->count : 1),
                1e3 * node->p95_s, path);
    }
    free(index);
}

static void print_memory(FILE *f, const struct profile *p)
{
    fprintf(f, "\n%-40s %9s %9s\n", "memory", "now MB", "peak MB");
    for (int i = 0; i < p->n_memory; i++)
        if (p->memory[i].peak_bytes > 0)
            fprintf(f, "%-40s %9.2f %9.2f\n", p->memory[i].owner, 1e-6 * p->memory[i].bytes,
                    1e-6 * p->memory[i].peak_bytes);
    fprintf(f, "%-40s %9.2f %9.2f\n", "all that the device was asked for", 1e-6 * p->device_bytes,
            1e-6 * p->device_peak_bytes);
    fprintf(f, "%-40s %9s %9.2f\n", "the process (resident)", "", 1e-6 * p->peak_rss_bytes);
}

void profile_print(FILE *f, const struct profile *p, int top)
{
    const char *notes[4];
    fprintf(f, "profile of %.2f s, %.0f steps, on %s: %s\n", p->wall_s, p->steps, p->backend,
            p->device);
    profile_notes(p, notes);
    for (int i = 0; notes[i]; i++)
        fprintf(f, "%s\n", notes[i]);
    fprintf(f, "\n%-40s %9s %9s %8s\n", "regions", "calls", "total s", "share");
    print_tree(f, p, 0);
    print_kinds(f, p, top);
    print_top(f, p, top);
    print_memory(f, p);
    for (int i = 0; i < p->n_findings; i++)
        fprintf(f, "%s[%s] %s\n", i ? "" : "\n", profile_severity(&p->findings[i]),
                p->findings[i].text);
    if (p->dropped_events > 0)
        fprintf(f,
                "\nThe timeline has the first %.0f events; %.0f later ones are counted but not in "
                "it: --steps A:B chooses.\n",
                p->events, p->dropped_events);
}
