/* Profiles as the programs show them: profile.json read into a struct, and the
 * texts, pages and stacks written from the struct. */
#ifndef PRISM_PROGRAM_PROFILE_H
#define PRISM_PROGRAM_PROFILE_H

#include "core/json.h"
#include "prismrec/profile.h"
#include "program/cli.h"

/* A region or an operation of the tree. Times are in seconds, memory in
 * bytes. */
struct profile_node {
    const char *label;
    int parent, depth; /* parent is -1 and depth 0 for the root */
    bool op;
    double count, total_s, self_s, min_s, p50_s, p95_s, max_s, flops,
        bytes;     /* flops and bytes of one call; 0: not known */
    double tree_s; /* this node and all below */
};

/* All operations of one kind, whatever their shape. The kind "host" holds the
 * own time of regions. */
struct profile_kind {
    char name[40];
    double count, self_s, flops, bytes; /* flops and bytes of all calls */
};

struct profile_memory {
    const char *owner;
    double bytes, peak_bytes;
};

struct profile_finding {
    enum { PROFILE_LOW, PROFILE_MEDIUM, PROFILE_HIGH } severity;
    double seconds; /* time concerned; 0: the finding is not about time */
    char text[320];
};

enum { PROFILE_OWNERS_MAX = 16, PROFILE_KINDS_MAX = 64, PROFILE_FINDINGS_MAX = 16 };

struct profile {
    struct prismi_json *json; /* owns the labels and names */
    const char *backend, *device;
    bool asynchronous, regions_only, sync, replay_off;
    double wall_s, steps, events, dropped_events;
    double device_bytes, device_peak_bytes, step_growth_bytes, peak_rss_bytes;
    int n_nodes, n_memory, n_kinds, n_findings;
    struct profile_node *nodes;
    struct profile_memory memory[PROFILE_OWNERS_MAX];
    struct profile_kind kinds[PROFILE_KINDS_MAX]; /* longest time first */
    struct profile_finding findings[PROFILE_FINDINGS_MAX];
};

/* Reads the text of a profile.json; file names it in messages. Returns 0,
 * PRISM_EPARSE or PRISM_ENOMEM; free *out with profile_release(). */
int profile_parse(struct prism_ctx *ctx, const char *file, const char *text, size_t n,
                  struct profile *out);
void profile_release(struct profile *p);
/* Fills index with the `top` nodes of the longest self time, longest first.
 * Returns their number. */
int profile_top(const struct profile *p, int top, int *index);
/* Labels from the root to a node: "fit > backward > conv 3 > conv_bwd_w". */
void profile_path(const struct profile *p, int node, const char *separator, char *out, size_t n);
const char *profile_severity(const struct profile_finding *f);
/* Sentences that say how to read the times, NULL-terminated in out[4]. */
void profile_notes(const struct profile *p, const char *out[4]);

void profile_judge(struct profile *p); /* fills p->findings */
void profile_print(FILE *f, const struct profile *p, int top);

/* Writers of files, from the profile that a device holds or from the struct.
 * They return 0, PRISM_EIO or PRISM_ENOMEM. */
int profile_write_json(struct prism_dev *dev, const struct prism_profile_info *info,
                       const char *path);
int profile_write_trace(struct prism_dev *dev, const struct prism_profile_info *info,
                        const char *path);
int profile_write_folded(struct prism_ctx *ctx, const struct profile *p, const char *path);
int profile_write_html(struct prism_ctx *ctx, const struct profile *p, int top, const char *path);

#endif
