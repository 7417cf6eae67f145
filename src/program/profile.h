/* A profile as prism shows it: profile.json, read into a struct, and the forms
 * made from that. */
#ifndef PRISM_PROGRAM_PROFILE_H
#define PRISM_PROGRAM_PROFILE_H

#include "core/json.h"
#include "prismrec/profile.h"
#include "program/cli.h"

/* Times in seconds, memory in bytes. */
struct profile_node {
    const char *label;
    int parent, depth; /* -1, 0: everything */
    bool op;
    double count, total_s, self_s, min_s, p50_s, p95_s, max_s, flops,
        bytes;     /* flops, bytes: of a call, 0 = not known */
    double tree_s; /* own and all below */
};

/* Operations of one kind, whatever their shape; and, as "host", what regions
 * take for themselves. */
struct profile_kind {
    char name[40];
    double count, self_s, flops, bytes; /* flops, bytes: of all calls */
};

struct profile_memory {
    const char *owner;
    double bytes, peak_bytes;
};

struct profile_finding {
    enum { PROFILE_LOW, PROFILE_MEDIUM, PROFILE_HIGH } severity;
    double seconds; /* what is at stake; 0 = not a matter of time */
    char text[320];
};

enum { PROFILE_OWNERS_MAX = 16, PROFILE_KINDS_MAX = 64, PROFILE_FINDINGS_MAX = 16 };

struct profile {
    struct prismi_json *json; /* owns the texts */
    const char *backend, *device;
    bool asynchronous, regions_only, sync, replay_off;
    double wall_s, steps, events, dropped_events;
    double device_bytes, device_peak_bytes, step_growth_bytes, peak_rss_bytes;
    int n_nodes, n_memory, n_kinds, n_findings;
    struct profile_node *nodes;
    struct profile_memory memory[PROFILE_OWNERS_MAX];
    struct profile_kind kinds[PROFILE_KINDS_MAX]; /* by time, the longest first */
    struct profile_finding findings[PROFILE_FINDINGS_MAX];
};

/* From the text of profile.json; file is for messages. Free with
 * profile_release(). */
int profile_parse(struct prism_ctx *ctx, const char *file, const char *text, size_t n,
                  struct profile *out);
void profile_release(struct profile *p);
/* Nodes by self time, the longest first: the first `top` of them into index.
 * Returns how many. */
int profile_top(const struct profile *p, int top, int *index);
/* "fit > backward > conv 3 > conv_bwd_w ..." */
void profile_path(const struct profile *p, int node, const char *separator, char *out, size_t n);
const char *profile_severity(const struct profile_finding *f);
/* Sentences about what the numbers mean, NULL-terminated in out[4]. */
void profile_notes(const struct profile *p, const char *out[4]);

void profile_judge(struct profile *p); /* fills findings */
void profile_print(FILE *f, const struct profile *p, int top);

/* Files. All from what a device holds, or from the struct; 0 or PRISM_E*. */
int profile_write_json(struct prism_dev *dev, const struct prism_profile_info *info,
                       const char *path);
int profile_write_trace(struct prism_dev *dev, const struct prism_profile_info *info,
                        const char *path);
int profile_write_folded(struct prism_ctx *ctx, const struct profile *p, const char *path);
int profile_write_html(struct prism_ctx *ctx, const struct profile *p, int top, const char *path);

#endif
