/* The library's own profile of document B's workload with 20 samples. The
 * device is waited for after every call; the files have the document's
 * names. */
#include "program/profile.h"
#include "bench.h"

#include <stdlib.h>
#include <unistd.h>

enum { SAMPLES = 20 };

/* Writes the kinds of operations by time to a file and to the screen. */
static int print_kinds(struct bench *b, const struct profile *p)
{
    struct bench_mark mark = bench_mark(b);
    double total = 0;
    for (int i = 0; i < p->n_kinds; i++)
        total += p->kinds[i].self_s;
    bench_print(b, "%-36s %10s %10s %10s %7s\n", "by kind, of all samples", "calls", "ms",
                "us a call", "share");
    for (int i = 0; i < p->n_kinds; i++) {
        const struct profile_kind *k = &p->kinds[i];
        bench_print(b, "%-36s %10.0f %10.3f %10.2f %6.1f%%\n", k->name, k->count, 1e3 * k->self_s,
                    k->count > 0 ? 1e6 * k->self_s / k->count : 0, 100 * k->self_s / total);
    }
    return bench_write_text(b, "profiling/cpu_time_summary.txt",
                            b->text.failed ? "" : b->text.text + mark.text);
}

static int print_memory(struct bench *b, const struct profile *p)
{
    struct bench_mark mark = bench_mark(b);
    bench_print(b, "%-36s %14s %14s\n", "memory of the device", "bytes", "at most");
    for (int i = 0; i < p->n_memory; i++)
        bench_print(b, "%-36s %14.0f %14.0f\n", p->memory[i].owner, p->memory[i].bytes,
                    p->memory[i].peak_bytes);
    bench_print(b, "%-36s %14.0f %14.0f\n", "all", p->device_bytes, p->device_peak_bytes);
    PRISM_TRY(bench_write_text(b, "profiling/cuda_memory_summary.txt",
                               b->text.failed ? "" : b->text.text + mark.text));
    bench_judge(b, "profile/growth", p->step_growth_bytes == 0,
                "%.0f bytes of device memory more after %d samples", p->step_growth_bytes, SAMPLES);
    return 0;
}

static int write_breakdown(struct bench *b, const struct profile *p)
{
    char path[1024], *text = NULL;
    size_t bytes;
    FILE *f = open_memstream(&text, &bytes);
    if (!f)
        return PRISM_FAIL(b->ctx, PRISM_ENOMEM, "no memory for the text of a profile");
    profile_print(f, p, 40);
    fclose(f);
    int status = bench_write_text(b, "profiling/detailed_breakdown.txt", text);
    free(text);
    PRISM_TRY(status);
    PRISM_TRY(bench_place(b, "profiling/stacks", ".folded", path, sizeof path));
    return profile_write_folded(b->ctx, p, path);
}

/* Writes profile.json and reads it back, as the reports are made from such a
 * file: <output>/profiling/profile.json, or a temporary file. */
static int read_back(struct bench *b, struct prism_dev *dev, const struct prism_profile_info *info,
                     struct profile *out)
{
    char dir[512], path[1024];
    uint8_t *text;
    size_t n;
    if (b->output) {
        PRISM_TRY(bench_place(b, "profiling/trace", ".json", path, sizeof path));
        PRISM_TRY(profile_write_trace(dev, info, path));
        PRISM_TRY(bench_place(b, "profiling/profile", ".json", path, sizeof path));
    } else {
        PRISM_TRY(bench_scratch(b, dir, sizeof dir));
        snprintf(path, sizeof path, "%s/profile.json", dir);
    }
    int status = profile_write_json(dev, info, path);
    if (!status && !(status = prismi_file_read(b->ctx, path, (size_t)64 << 20, &text, &n))) {
        status = profile_parse(b->ctx, path, (const char *)text, n, out);
        prismi_free(text);
    }
    if (!b->output) {
        unlink(path);
        rmdir(dir);
    }
    return status;
}

static int report(struct bench *b, struct prism_dev *dev)
{
    struct bench_mark mark = bench_mark(b);
    struct prism_profile_info info;
    struct profile p;
    PRISM_TRY(prism_profile_read(dev, &info));
    PRISM_TRY(read_back(b, dev, &info, &p));
    profile_judge(&p);
    bench_print(b, "\nprofile of %d samples of one step, waiting after every call\n", SAMPLES);
    int status = print_kinds(b, &p);
    status = status ? status : print_memory(b, &p);
    if (!status && b->output)
        status = write_breakdown(b, &p);
    profile_release(&p);
    return status ? status
                  : bench_report(b, "profiling/profiling_summary", "profiling/profiling_summary",
                                 mark);
}

int bench_profile(struct bench *b)
{
    const struct prism_profile_params whole = {.sync = true};
    struct prism_dev_params params = b->dev_params;
    struct bench_workload w;
    struct prism_dev *dev = NULL;
    struct prism_dataset *ds = NULL;
    struct prism_session *session = NULL;
    int grid = 512, obj = 128, status;
    if (b->sizes && sscanf(b->sizes, "%d/%d", &grid, &obj) != 2)
        return PRISM_FAIL(b->ctx, PRISM_EINVAL, "--sizes: '%s' is not GRID/OBJECT such as 512/128",
                          b->sizes);
    params.profile = &whole;
    PRISM_TRY_OUT(
        bench_workload_create(b, grid, obj, grid == 512 ? 20 : grid / 12, SAMPLES, 1, &w));
    struct prism_recon_params p = bench_workload_params(&w, PRISM_PRECISION_FP32);
    PRISM_TRY_OUT(prism_dev_open(b->ctx, &params, &dev));
    PRISM_TRY_OUT(bench_workload_dataset(dev, &w, &ds));
    PRISM_TRY_OUT(prism_session_create(dev, ds, &p, &session));
    for (int i = 0; i < SAMPLES; i++)
        PRISM_TRY_OUT(prism_session_step(session));
    status = report(b, dev);
out:
    prism_session_destroy(&session);
    prism_dataset_destroy(&ds);
    prism_dev_close(&dev);
    bench_workload_release(&w);
    return status;
}
