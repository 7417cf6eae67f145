/* The files of a profiled run, read with the library's own reader. argv[1]: the
 * run's folder. Prints TAP. */
#include "core/json.h"
#include "support/tap.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The file's text, which ends with a 0; NULL if there is no file. */
static char *read_all(const char *dir, const char *name, size_t *bytes)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    char *text = f ? malloc(32 << 20) : NULL;
    if (text) {
        *bytes = fread(text, 1, (32 << 20) - 1, f);
        text[*bytes] = 0;
    }
    if (f)
        fclose(f);
    return text;
}

struct span {
    double begin, end;
    bool region;
};

static int by_begin(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    return x->begin != y->begin ? (x->begin > y->begin) - (x->begin < y->begin)
                                : (x->end < y->end) - (x->end > y->end);
}

/* True if each span lies inside the span that is open when it begins, or behind
 * that one; *sum is the time of the outermost spans. */
static bool nested(struct span *s, int count, double *sum)
{
    double open[128];
    int depth = 0;
    qsort(s, (size_t)count, sizeof *s, by_begin);
    *sum = 0;
    for (int i = 0; i < count; i++) {
        while (depth && open[depth - 1] <= s[i].begin + 1e-6)
            depth--;
        if (depth == 128 || (depth && s[i].end > open[depth - 1] + 1e-6))
            return false;
        if (!depth)
            *sum += s[i].end - s[i].begin;
        open[depth++] = s[i].end;
    }
    return true;
}

static void check_trace(const char *dir)
{
    size_t bytes = 0;
    char *text = read_all(dir, "trace.json", &bytes);
    struct prismi_json *trace = text ? prismi_json_parse(text, bytes) : NULL;
    const struct prismi_json *events = prismi_json_member(trace, "traceEvents");
    int count = 0, regions = 0, strange = 0;
    tap(events != NULL, "trace.json is JSON");
    for (const struct prismi_json *e = events ? events->child : NULL; e; e = e->next)
        count++;
    struct span *spans = calloc((size_t)count + 1, sizeof *spans);
    count = 0;
    for (const struct prismi_json *e = events ? events->child : NULL; e; e = e->next) {
        const char *kind = prismi_json_member_string(e, "ph"),
                   *cat = prismi_json_member_string(e, "cat");
        double ts = prismi_json_member_number(e, "ts"), dur = prismi_json_member_number(e, "dur");
        bool complete = kind && !strcmp(kind, "X");
        if (complete && ts >= 0 && dur >= 0 && cat && prismi_json_member_string(e, "name") &&
            prismi_json_member_number(e, "tid") == 1)
            spans[count++] = (struct span){ts, ts + dur, !strcmp(cat, "region")};
        else
            strange += complete || !kind || strcmp(kind, "M") != 0;
    }
    for (int i = 0; i < count; i++)
        regions += spans[i].region;
    tap(count > 100 && regions > 10 && regions < count && !strange,
        "of complete events and names, of regions and operations");
    double sum = 0, wall = 0;
    const char *wall_ns =
        prismi_json_member_string(prismi_json_member(trace, "otherData"), "wall_ns");
    wall = wall_ns ? 1e-3 * atof(wall_ns) : 0;
    tap(nested(spans, count, &sum), "events nest");
    tap(sum > 0 && sum <= wall, "and the outermost take no longer than the run");
    free(spans);
    prismi_json_free(trace);
    free(text);
}

static void check_profile(const char *dir)
{
    size_t bytes = 0;
    char *text = read_all(dir, "profile.json", &bytes);
    struct prismi_json *p = text ? prismi_json_parse(text, bytes) : NULL;
    const struct prismi_json *nodes = prismi_json_member(p, "nodes"),
                             *memory = prismi_json_member(p, "memory");
    double sum = 0, wall = prismi_json_member_number(p, "wall_s"), owners = 0;
    for (const struct prismi_json *v = nodes ? nodes->child : NULL; v; v = v->next)
        sum += prismi_json_member_number(v, "self_s");
    for (const struct prismi_json *v = memory ? memory->child : NULL; v; v = v->next)
        owners += prismi_json_member_number(v, "peak_bytes") > 0;
    tap(nodes && wall > 0 && fabs(sum - wall) < 1e-6,
        "own times in profile.json add up to the wall time");
    tap(owners >= 8, "and memory has owners");
    const struct prismi_json *root = nodes ? nodes->child : NULL;
    tap(prismi_json_member_number(root, "self_s") < 0.25 * wall, "most of the time is in a region");
    prismi_json_free(p);
    free(text);
}

static void check_folded(const char *dir)
{
    size_t bytes = 0;
    char *text = read_all(dir, "stacks.folded", &bytes), *rest = text;
    int lines = 0, strange = 0, deep = 0;
    for (char *line; rest && (line = strsep(&rest, "\n")) && *line; lines++) {
        char *space = strrchr(line, ' '), *end;
        if (!space || strtol(space + 1, &end, 10) < 1 || *end)
            strange++;
        deep += !strncmp(line, "fit;backward;conv ", 18);
    }
    tap(lines > 10 && !strange && deep > 0, "stacks.folded has stacks and microseconds");
    free(text);
}

static void check_page(const char *dir)
{
    size_t bytes = 0;
    char *text = read_all(dir, "profile.html", &bytes);
    tap(text && !strncmp(text, "<!DOCTYPE html>", 15) && strstr(text, "</html>"),
        "profile.html is a page");
    tap(text && !strstr(text, "http") && !strstr(text, "src=") && !strstr(text, "@import") &&
            !strstr(text, "url("),
        "that refers to nothing outside it");
    tap(text && strstr(text, "<svg") && strstr(text, "prefers-color-scheme:dark") &&
            strstr(text, "Memory by owner"),
        "with the tree, the memory, and colours for the dark");
    free(text);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    check_trace(argv[1]);
    check_profile(argv[1]);
    check_folded(argv[1]);
    check_page(argv[1]);
    return tap_end();
}
