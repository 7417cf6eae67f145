/* A profile as one self-contained HTML page: tables, an icicle plot of the
 * tree, bars of memory. */
#include "core/internal.h"
#include "program/profile.h"

#include <stdlib.h>
#include <string.h>

enum { WIDTH = 1200, ROW = 22 };

/* The page as a growing text, so that a lack of memory is checked once. */
struct page {
    struct prismi_text out;
    const struct profile *p;
    int deepest;
};

#define PUT(page, ...) prismi_text_add(&(page)->out, __VA_ARGS__)

static void put_escaped(struct page *h, const char *s)
{
    for (; *s; s++)
        switch (*s) {
        case '<':
            PUT(h, "&lt;");
            break;
        case '>':
            PUT(h, "&gt;");
            break;
        case '&':
            PUT(h, "&amp;");
            break;
        case '"':
            PUT(h, "&quot;");
            break;
        default:
            PUT(h, "%c", *s);
        }
}

static const char style[] =
    ":root{color-scheme:light "
    "dark;--bg:#fff;--fg:#1c2127;--dim:#5d6670;--line:#d6dbe0;--bar:#3b78b8;"
    "--region:#c9d4df;--conv:#f2b36b;--fft:#8fc7a8;--map:#a9b8ec;--fused:#e3a3b8;--copy:#d8cf7c;--"
    "high:#b3261e;--medium:#8a5a00}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#14181c;--fg:#e4e8ec;--dim:#9aa4ae;--line:#"
    "38414a;--bar:#6aa5e0;"
    "--region:#3c4854;--conv:#8a5a1c;--fft:#2f6b4a;--map:#44539a;--fused:#853d58;--copy:#6d651f;--"
    "high:#ff8a80;--medium:#f0c060}}\n"
    "body{margin:2rem auto;max-width:76rem;padding:0 1rem;background:var(--bg);color:var(--fg);"
    "font:15px/1.45 system-ui,sans-serif}\n"
    "h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}p{margin:.4rem "
    "0}.dim{color:var(--dim)}\n"
    "table{border-collapse:collapse;width:100%;font-size:13px}th,td{padding:.2rem "
    ".6rem;text-align:right;"
    "border-bottom:1px solid "
    "var(--line);white-space:nowrap}th:first-child,td:first-child{text-align:left;white-space:"
    "normal}\n"
    "td.bar{width:30%}td.bar div{height:.8em;background:var(--bar);border-radius:2px}\n"
    ".scroll{overflow-x:auto}svg{display:block;width:100%;min-width:50rem;height:auto}svg "
    "text{fill:var(--fg);font:11px "
    "ui-monospace,monospace}\n"
    "rect{stroke:var(--bg);stroke-width:.6}.region{fill:var(--region)}.conv{fill:var(--conv)}.fft{"
    "fill:var(--fft)}"
    ".map{fill:var(--map)}.fused{fill:var(--fused)}.copy{fill:var(--copy)}\n"
    ".key span{display:inline-block;width:.8em;height:.8em;margin:0 .35em 0 "
    "1em;border-radius:2px}\n"
    ".high b{color:var(--high)}.medium b{color:var(--medium)}ul{margin:.4rem "
    "0;padding-left:1.2rem}\n";

/* ---- the tree, the root on top ---- */

static const char *class_of(const struct profile_node *n)
{
    static const char *const table[][2] = {
        {"conv", "conv"},    {"gemm", "conv"},        {"fft", "fft"},     {"ifft", "fft"},
        {"spectrum", "fft"}, {"field_misfit", "fft"}, {"norm", "fused"},  {"adam", "fused"},
        {"misfit", "fused"}, {"copy", "copy"},        {"read", "copy"},   {"write", "copy"},
        {"sync", "copy"},    {"alloc", "copy"},       {"release", "copy"}};
    for (int i = 0; n->op && i < CLI_COUNT(table); i++)
        if (!strncmp(n->label, table[i][0], strlen(table[i][0])))
            return table[i][1];
    return n->op ? "map" : "region";
}

static void icicle(struct page *h, int node, double x)
{
    const struct profile_node *n = &h->p->nodes[node];
    double width = n->tree_s / h->p->nodes[0].tree_s * WIDTH;
    if (width < 0.4)
        return;
    if (h->deepest < n->depth)
        h->deepest = n->depth;
    PUT(h, "<g><title>");
    put_escaped(h, n->label);
    PUT(h,
        "\n%.3f s, %.1f %%; %.3f s itself; %.0f calls</title><rect class=\"%s\" x=\"%.2f\" "
        "y=\"%d\" width=\"%.2f\" height=\"%d\"/>",
        n->tree_s, 100 * n->tree_s / h->p->wall_s, n->self_s, n->count, class_of(n), x,
        n->depth * ROW, width, ROW - 1);
    int letters = (int)((width - 6) / 6.7);
    if (letters > 2) {
        char label[128];
        snprintf(label, sizeof label, "%.*s", letters < 127 ? letters : 127, n->label);
        PUT(h, "<text x=\"%.2f\" y=\"%d\">", x + 3, n->depth * ROW + 15);
        put_escaped(h, label);
        PUT(h, "</text>");
    }
    PUT(h, "</g>\n");
    for (int i = node + 1; i < h->p->n_nodes && n->depth < 60; i++)
        if (h->p->nodes[i].parent == node) {
            icicle(h, i, x);
            x += h->p->nodes[i].tree_s / h->p->nodes[0].tree_s * WIDTH;
        }
}

static void put_tree(struct page *h)
{
    static const char *const keys[][2] = {{"region", "region"}, {"conv", "convolution, product"},
                                          {"fft", "transform"}, {"map", "elementwise"},
                                          {"fused", "fused"},   {"copy", "memory, waiting"}};
    struct page boxes = {.p = h->p};
    icicle(&boxes, 0, 0);
    PUT(h, "<h2>Where the time goes</h2>\n<p class=\"key dim\">Width is time; below a region are "
           "its parts. Point at a box for its numbers.");
    for (int i = 0; i < CLI_COUNT(keys); i++)
        PUT(h, "<span style=\"background:var(--%s)\"></span>%s", keys[i][0], keys[i][1]);
    PUT(h,
        "</p>\n<div class=\"scroll\"><svg role=\"img\" aria-label=\"tree of regions and operations "
        "by time\" viewBox=\"0 0 %d "
        "%d\">\n",
        WIDTH, (boxes.deepest + 1) * ROW);
    char *text = prismi_text_take(&boxes.out);
    if (text)
        PUT(h, "%s", text);
    else
        h->out.failed = true;
    free(text);
    PUT(h, "</svg></div>\n");
}

/* ---- tables ---- */

static void put_bar(struct page *h, double share)
{
    PUT(h, "<td class=\"bar\"><div style=\"width:%.2f%%\"></div></td></tr>\n",
        100 * (share < 1 ? share : 1));
}

static void put_rate(struct page *h, double amount, double s)
{
    if (amount > 0 && s > 0 && !h->p->asynchronous)
        PUT(h, "<td>%.2f</td>", 1e-9 * amount / s);
    else
        PUT(h, "<td>–</td>");
}

static void put_kinds(struct page *h)
{
    PUT(h, "<h2>Kinds of operation</h2>\n<div "
           "class=\"scroll\"><table><tr><th>kind</th><th>calls</th><th>self s</th><th>share</th>"
           "<th>GFLOP/s</th><th>GB/s</th><th></th></tr>\n");
    for (int i = 0; i < h->p->n_kinds; i++) {
        const struct profile_kind *k = &h->p->kinds[i];
        PUT(h, "<tr><td>");
        put_escaped(h, k->name);
        PUT(h, "</td><td>%.0f</td><td>%.3f</td><td>%.1f %%</td>", k->count, k->self_s,
            100 * k->self_s / h->p->wall_s);
        put_rate(h, k->flops, k->self_s);
        put_rate(h, k->bytes, k->self_s);
        put_bar(h, k->self_s / h->p->wall_s);
    }
    PUT(h, "</table></div>\n");
}

static void put_top(struct page *h, int top)
{
    int *index = malloc((size_t)(top + 1) * sizeof *index),
        n = index ? profile_top(h->p, top, index) : 0;
    h->out.failed |= !index;
    PUT(h, "<h2>The longest</h2>\n<div "
           "class=\"scroll\"><table><tr><th>where</th><th>calls</th><th>self s</th><th>share</th>"
           "<th>min ms</th><th>mean ms</th><th>p95 ms</th><th>max ms</th></tr>\n");
    for (int i = 0; i < n; i++) {
        const struct profile_node *node = &h->p->nodes[index[i]];
        char path[512];
        if (node->self_s <= 0)
            break;
        profile_path(h->p, index[i], " › ", path, sizeof path);
        PUT(h, "<tr><td>");
        put_escaped(h, path);
        PUT(h,
            "</td><td>%.0f</td><td>%.3f</td><td>%.1f "
            "%%</td><td>%.3f</td><td>%.3f</td><td>%.3f</td><td>%.3f</td></tr>\n",
            node->count, node->self_s, 100 * node->self_s / h->p->wall_s, 1e3 * node->min_s,
            1e3 * node->total_s / (node->count > 0 ? node->count : 1), 1e3 * node->p95_s,
            1e3 * node->max_s);
    }
    PUT(h, "</table></div>\n");
    free(index);
}

static void put_memory(struct page *h)
{
    const struct profile *p = h->p;
    double most = p->device_peak_bytes;
    for (int i = 0; i < p->n_memory; i++)
        most = most > p->memory[i].peak_bytes ? most : p->memory[i].peak_bytes;
    PUT(h, "<h2>Memory by owner</h2>\n<div class=\"scroll\"><table><tr><th>owner</th><th>now "
           "MB</th><th>peak MB</th><th></th></tr>\n");
    for (int i = 0; i < p->n_memory; i++) {
        if (p->memory[i].peak_bytes <= 0)
            continue;
        PUT(h, "<tr><td>");
        put_escaped(h, p->memory[i].owner);
        PUT(h, "</td><td>%.2f</td><td>%.2f</td>", 1e-6 * p->memory[i].bytes,
            1e-6 * p->memory[i].peak_bytes);
        put_bar(h, p->memory[i].peak_bytes / most);
    }
    PUT(h,
        "</table></div>\n<p>The device was asked for %.2f MB at most, and holds %.2f MB; the "
        "process had %.2f MB resident at "
        "most.</p>\n",
        1e-6 * p->device_peak_bytes, 1e-6 * p->device_bytes, 1e-6 * p->peak_rss_bytes);
}

static void put_findings(struct page *h)
{
    PUT(h, "<h2>What stands out</h2>\n<ul>\n");
    for (int i = 0; i < h->p->n_findings; i++) {
        const char *severity = profile_severity(&h->p->findings[i]);
        PUT(h, "<li class=\"%s\"><b>%s</b> ", severity, severity);
        put_escaped(h, h->p->findings[i].text);
        PUT(h, "</li>\n");
    }
    PUT(h, "%s</ul>\n", h->p->n_findings ? "" : "<li>nothing</li>\n");
}

static void put_head(struct page *h)
{
    const char *notes[4];
    PUT(h,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
        "content=\"width=device-width,initial-scale=1\"><title>PRISM "
        "profile</title>\n<style>\n%s</style></head><body>\n"
        "<h1>PRISM profile</h1>\n<p>%.2f s, %.0f steps, on %s: ",
        style, h->p->wall_s, h->p->steps, h->p->backend);
    put_escaped(h, h->p->device);
    PUT(h, "</p>\n");
    profile_notes(h->p, notes);
    for (int i = 0; notes[i]; i++)
        PUT(h, "<p class=\"dim\">%s</p>\n", notes[i]);
}

int profile_write_html(struct prism_ctx *ctx, const struct profile *p, int top, const char *path)
{
    struct page h = {.p = p};
    put_head(&h);
    put_findings(&h);
    put_tree(&h);
    put_kinds(&h);
    put_top(&h, top);
    put_memory(&h);
    PUT(&h, "</body></html>\n");
    char *text = prismi_text_take(&h.out);
    int status = prismi_file_text(ctx, path, text);
    free(text);
    return status;
}
