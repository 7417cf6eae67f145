/* Output of results: text, JSON in Google Benchmark's layout, plots. */
#include "bench.h"
#include "draw/svg.h"

#include "git_version.h"
#include "prismi_config.h"

#include <math.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- text ---- */

void bench_print(struct bench *b, const char *fmt, ...)
{
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    fputs(line, stdout);
    fflush(stdout);
    prismi_text_add(&b->text, "%s", line);
}

void bench_heading(struct bench *b, const char *title)
{
    bench_print(b, "\n%-36s %6s %10s %10s %10s %10s %8s\n", title, "n", "first ms", "min ms",
                "median ms", "p95 ms", "roof");
}

/* ---- facts and verdicts ---- */

void bench_add_fact(struct bench *b, const char *name, double value, const char *unit)
{
    if (b->n_facts == b->cap_facts) {
        int cap = b->cap_facts ? 2 * b->cap_facts : 64;
        struct bench_fact *grown = realloc(b->facts, (size_t)cap * sizeof *grown);
        if (!grown)
            return;
        b->facts = grown;
        b->cap_facts = cap;
    }
    struct bench_fact *f = &b->facts[b->n_facts++];
    *f = (struct bench_fact){.value = value, .unit = unit};
    snprintf(f->name, sizeof f->name, "%s", name);
    bench_print(b, "%-36s %.6g %s\n", name, value, unit);
}

double bench_fact_of(const struct bench *b, const char *name)
{
    for (int i = b->n_facts - 1; i >= 0; i--)
        if (!strcmp(b->facts[i].name, name))
            return b->facts[i].value;
    return NAN;
}

void bench_judge(struct bench *b, const char *name, bool ok, const char *fmt, ...)
{
    va_list ap;
    if (b->n_verdicts == b->cap_verdicts) {
        int cap = b->cap_verdicts ? 2 * b->cap_verdicts : 64;
        struct bench_verdict *grown = realloc(b->verdicts, (size_t)cap * sizeof *grown);
        if (!grown)
            return;
        b->verdicts = grown;
        b->cap_verdicts = cap;
    }
    struct bench_verdict *v = &b->verdicts[b->n_verdicts++];
    v->ok = ok;
    snprintf(v->name, sizeof v->name, "%s", name);
    va_start(ap, fmt);
    vsnprintf(v->text, sizeof v->text, fmt, ap);
    va_end(ap);
    bench_print(b, "%-6s %s: %s\n", ok ? "ok" : "FAILED", name, v->text);
}

/* ---- JSON ---- */

static void cpu_model(char *out, size_t n)
{
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "r");
    snprintf(out, n, "unknown");
    while (f && fgets(line, sizeof line, f)) {
        char *value = strncmp(line, "model name", 10) ? NULL : strstr(line, ": ");
        if (!value)
            continue;
        value[strcspn(value, "\n")] = '\0';
        snprintf(out, n, "%s", value + 2);
        break;
    }
    if (f)
        fclose(f);
}

static void context(const struct bench *b, struct prismi_json_out *j)
{
    char date[40], cpu[128], git[64];
    time_t now = time(NULL);
    struct tm utc;
    cpu_set_t set;
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S+00:00", gmtime_r(&now, &utc));
    cpu_model(cpu, sizeof cpu);
    snprintf(git, sizeof git, "%s", PRISMI_GIT);
    prismi_json_open(j, "context", '{');
    prismi_json_string(j, "date", date);
    prismi_json_string(j, "executable", "prism bench");
    prismi_json_number(j, "num_cpus", sched_getaffinity(0, sizeof set, &set) ? 0 : CPU_COUNT(&set));
    prismi_json_string(j, "cpu_model", cpu);
    prismi_json_string(j, "library_version", prism_version());
    prismi_json_string(j, "git_version", git);
    prismi_json_string(j, "library_build_type",
                       strstr(PRISMI_BUILD_OPTIONS, "buildtype=debug") ? "debug" : "release");
    prismi_json_string(j, "build", PRISMI_BUILD_OPTIONS);
    prismi_json_string(j, "backend", prism_dev_backend(b->dev));
    prismi_json_string(j, "device", b->dev->caps.device);
    prismi_json_number(j, "threads", b->dev->caps.threads);
    prismi_json_number(j, "triad_bytes_per_s", b->triad);
    prismi_json_number(j, "gemm_flop_per_s", b->gemm);
    prismi_json_close(j, '}');
}

static void time_entry(const struct bench *b, const struct bench_time *t, struct prismi_json_out *j)
{
    prismi_json_open(j, NULL, '{');
    prismi_json_string(j, "name", t->name);
    prismi_json_string(j, "run_name", t->name);
    prismi_json_string(j, "run_type", "iteration");
    prismi_json_number(j, "repetitions", 1);
    prismi_json_number(j, "repetition_index", 0);
    prismi_json_number(j, "threads", b->dev->caps.threads);
    prismi_json_number(j, "iterations", t->n);
    prismi_json_number(j, "real_time", t->median_ms);
    prismi_json_number(j, "cpu_time", isnan(t->cpu_ms) ? t->mean_ms : t->cpu_ms);
    prismi_json_string(j, "time_unit", "ms");
    prismi_json_number(j, "median", t->median_ms);
    prismi_json_number(j, "min", t->min_ms);
    prismi_json_number(j, "p95", t->p95_ms);
    prismi_json_number(j, "max", t->max_ms);
    prismi_json_number(j, "mean", t->mean_ms);
    prismi_json_number(j, "total", t->total_ms);
    prismi_json_number(j, "first", t->first_ms);
    prismi_json_number(j, "floor_bytes", t->cost.bytes);
    prismi_json_number(j, "floor_flops", t->cost.flops);
    prismi_json_number(j, "floor_ms", bench_floor_ms(b, t->cost));
    prismi_json_number(j, "roof_percent", t->roof_percent);
    prismi_json_close(j, '}');
}

int bench_write_json(struct bench *b, const char *path, struct bench_mark since)
{
    struct prismi_json_out j;
    prismi_json_init(&j, true);
    prismi_json_open(&j, NULL, '{');
    context(b, &j);
    prismi_json_open(&j, "benchmarks", '[');
    for (int i = since.times; i < b->n_times; i++)
        time_entry(b, &b->times[i], &j);
    prismi_json_close(&j, ']');
    prismi_json_open(&j, "facts", '[');
    for (int i = since.facts; i < b->n_facts; i++) {
        prismi_json_open(&j, NULL, '{');
        prismi_json_string(&j, "name", b->facts[i].name);
        prismi_json_number(&j, "value", b->facts[i].value);
        prismi_json_string(&j, "unit", b->facts[i].unit);
        prismi_json_close(&j, '}');
    }
    prismi_json_close(&j, ']');
    prismi_json_open(&j, "verdicts", '[');
    for (int i = since.verdicts; i < b->n_verdicts; i++) {
        prismi_json_open(&j, NULL, '{');
        prismi_json_string(&j, "name", b->verdicts[i].name);
        prismi_json_bool(&j, "ok", b->verdicts[i].ok);
        prismi_json_string(&j, "text", b->verdicts[i].text);
        prismi_json_close(&j, '}');
    }
    prismi_json_close(&j, ']');
    prismi_json_close(&j, '}');
    prismi_json_newline(&j);
    int status = prismi_file_text(b->ctx, path, prismi_json_text(&j));
    prismi_json_release(&j);
    return status;
}

/* ---- files of a report ---- */

struct bench_mark bench_mark(const struct bench *b)
{
    return (struct bench_mark){b->n_times, b->n_facts, b->n_verdicts, b->text.bytes};
}

int bench_place(struct bench *b, const char *name, const char *suffix, char *out, size_t n)
{
    if (snprintf(out, n, "%s/%s", b->output, name) >= (int)n)
        return PRISM_FAIL(b->ctx, PRISM_EINVAL, "the path of --output is longer than %zu bytes", n);
    char *slash = strrchr(out, '/');
    *slash = '\0';
    PRISM_TRY(prismi_make_dirs(b->ctx, out));
    *slash = '/';
    size_t length = strlen(out);
    if (snprintf(out + length, n - length, "%s", suffix) >= (int)(n - length))
        return PRISM_FAIL(b->ctx, PRISM_EINVAL, "the path of --output is longer than %zu bytes", n);
    return 0;
}

int bench_scratch(struct bench *b, char *dir, size_t n)
{
    const char *top = getenv("TMPDIR");
    if (snprintf(dir, n, "%s/prism-bench-XXXXXX", top && *top ? top : "/tmp") >= (int)n ||
        !mkdtemp(dir))
        return PRISM_FAIL(b->ctx, PRISM_EIO,
                          "cannot make a folder in %s; TMPDIR can name another one",
                          top && *top ? top : "/tmp");
    return 0;
}

int bench_report(struct bench *b, const char *json, const char *text, struct bench_mark since)
{
    char path[1024];
    if (!b->output)
        return 0;
    PRISM_TRY(bench_place(b, json, ".json", path, sizeof path));
    PRISM_TRY(bench_write_json(b, path, since));
    PRISM_TRY(bench_place(b, text, ".txt", path, sizeof path));
    return prismi_file_text(b->ctx, path,
                            b->text.failed || !b->text.text ? NULL : b->text.text + since.text);
}

int bench_write_text(struct bench *b, const char *name, const char *text)
{
    char path[1024];
    if (!b->output)
        return 0;
    PRISM_TRY(bench_place(b, name, "", path, sizeof path));
    return prismi_file_text(b->ctx, path, text);
}

int bench_plot(struct bench *b, const char *name, const char *title,
               const struct prismi_svg_panel *panels, int n)
{
    char path[1024];
    if (!b->output)
        return 0;
    PRISM_TRY(bench_place(b, name, ".svg", path, sizeof path));
    return prismi_svg_write(b->ctx, path, title, panels, n, n);
}

void bench_release(struct bench *b)
{
    free(b->times);
    free(b->facts);
    free(b->verdicts);
    free(b->text.text);
}
