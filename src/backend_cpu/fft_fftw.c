/* Transforms on FFTW.
 *
 * FFTW's own threads would tie the result to their number, so plans are single-threaded and one-dimensional: an item is a chunk of
 * rows or of columns of a size that the shape fixes. Row plans are made for aligned rows, three times as fast as others; rows that
 * are not aligned take a detour through scratch that is. Planning measures on scratch of its own, under a process-wide lock (FFTW's
 * planner is global), and what was measured is kept as wisdom, in the process and in <cache_dir>/fftw-wisdom-f32. */
#include "backend_cpu/cpu.h"

#include <errno.h>
#include <fcntl.h>
#include <fftw3.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t planner = PTHREAD_MUTEX_INITIALIZER;

enum { CHUNK = 16 }; /* rows or columns of an item: 128 bytes of a row are two cache lines */

/* Full chunks and the rest. */
struct lines {
    fftwf_plan full, rest;
};

struct prism_fft {
    struct prism_dev *dev;
    size_t batch, h, w;
    struct lines rows[2][2], cols[2]; /* [inverse][in place], [inverse] */
    fftwf_complex *scratch;           /* a chunk of rows per thread */
};

static size_t wisdom_path(const struct prism_dev *dev, char *path, size_t n)
{
    const char *dir = prismi_cpu(dev)->cache_dir;
    int len = dir ? snprintf(path, n, "%s/fftw-wisdom-f32", dir) : 0;
    return len > 0 && (size_t)len < n ? (size_t)len : 0;
}

/* With the lock held. */
static void load_wisdom(const struct prism_dev *dev)
{
    char path[PATH_MAX];

    if (!wisdom_path(dev, path, sizeof path) || access(path, R_OK))
        return;
    if (fftwf_import_wisdom_from_filename(path))
        prismi_cpu_log(dev, PRISM_LOG_DEBUG, "fft: wisdom loaded from %s", path);
    else
        prismi_cpu_log(dev, PRISM_LOG_WARN, "fft: %s is not FFTW wisdom; it will be replaced when something new is planned", path);
}

/* Whole or not at all: a temporary, flushed, takes the old file's place. */
static int write_whole(const char *path, const char *text)
{
    char temporary[PATH_MAX + 8];
    size_t n = strlen(text), done = 0;

    snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    int fd = mkstemp(temporary);
    if (fd < 0)
        return -1;
    while (done < n) {
        ssize_t wrote = write(fd, text + done, n - done);
        if (wrote < 0 && errno != EINTR)
            break;
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    int bad = done < n || fchmod(fd, 0644) || fsync(fd);
    bad |= close(fd);
    if (!bad && !rename(temporary, path))
        return 0;
    int why = errno;
    unlink(temporary);
    errno = why;
    return -1;
}

/* With the lock held. Another process may have saved since: its wisdom is merged first. */
static void save_wisdom(const struct prism_dev *dev)
{
    char path[PATH_MAX];

    if (!wisdom_path(dev, path, sizeof path))
        return;
    (void)mkdir(prismi_cpu(dev)->cache_dir, 0777);
    (void)fftwf_import_wisdom_from_filename(path);
    char *text = fftwf_export_wisdom_to_string();
    if (!text || write_whole(path, text))
        prismi_cpu_log(dev, PRISM_LOG_WARN, "fft: cannot save wisdom to %s (%s); plans will be measured again", path,
                       strerror(errno));
    free(text);
}

void prismi_cpu_fft_open(struct prism_dev *dev)
{
    pthread_mutex_lock(&planner);
    load_wisdom(dev);
    pthread_mutex_unlock(&planner);
}

void prismi_cpu_fft_version(char *version, size_t n)
{
    int number = 0;

    sscanf(fftwf_version, "fftw-%n%*[0-9.]%n", &number, &number); /* "fftw-3.3.10-sse2-avx" */
    snprintf(version, n, "FFTW %.*s", number > 5 ? number - 5 : 0, fftwf_version + 5);
}

/* ---- plans ---- */

struct planning {
    const struct prism_fft *plan;
    fftwf_complex *a, *b; /* scratch of the size of the transform */
    unsigned effort;
    bool fresh; /* something had to be measured */
    bool failed;
};

static fftwf_plan plan_chunk(struct planning *p, size_t count, bool columns, bool inverse, bool in_place)
{
    const int n = (int)(columns ? p->plan->h : p->plan->w), stride = columns ? (int)p->plan->w : 1;
    const int dist = columns ? 1 : (int)p->plan->w, sign = inverse ? FFTW_BACKWARD : FFTW_FORWARD;
    const unsigned flags = p->effort | (columns ? FFTW_UNALIGNED : 0);
    fftwf_complex *to = in_place ? p->a : p->b;
    fftwf_plan plan = NULL;

    if (p->effort != FFTW_ESTIMATE)
        plan = fftwf_plan_many_dft(1, &n, (int)count, p->a, NULL, stride, dist, to, NULL, stride, dist, sign,
                                   flags | FFTW_WISDOM_ONLY);
    if (!plan) {
        plan = fftwf_plan_many_dft(1, &n, (int)count, p->a, NULL, stride, dist, to, NULL, stride, dist, sign, flags);
        p->fresh |= p->effort != FFTW_ESTIMATE;
    }
    p->failed |= !plan;
    return plan;
}

static struct lines plan_lines(struct planning *p, size_t count, bool columns, bool inverse, bool in_place)
{
    struct lines l = {0};

    if (count >= CHUNK)
        l.full = plan_chunk(p, CHUNK, columns, inverse, in_place);
    if (count % CHUNK)
        l.rest = plan_chunk(p, count % CHUNK, columns, inverse, in_place);
    return l;
}

int prismi_cpu_fft_create(struct prism_dev *dev, const struct prism_fft_desc *d, struct prism_fft **out)
{
    static const unsigned efforts[] = {FFTW_ESTIMATE, FFTW_MEASURE, FFTW_PATIENT};
    struct prism_fft *f = calloc(1, sizeof *f);
    size_t size = (size_t)d->h * (size_t)d->w;
    struct planning p = {.plan = f, .effort = efforts[prismi_cpu(dev)->plan_effort]};

    *out = NULL;
    p.a = prismi_cpu_alloc(size, sizeof *p.a);
    p.b = prismi_cpu_alloc(size, sizeof *p.b);
    fftwf_complex *scratch = prismi_cpu_alloc((size_t)dev->caps.threads * CHUNK * (size_t)d->w, sizeof *scratch);
    bool good = f && p.a && p.b && scratch;
    if (good) {
        *f = (struct prism_fft){.dev = dev, .batch = (size_t)d->batch, .h = (size_t)d->h, .w = (size_t)d->w, .scratch = scratch};
        pthread_mutex_lock(&planner);
        for (int inverse = 0; inverse < 2; inverse++) {
            for (int in_place = 0; in_place < 2; in_place++)
                f->rows[inverse][in_place] = plan_lines(&p, f->h, false, inverse, in_place);
            f->cols[inverse] = plan_lines(&p, f->w, true, inverse, true);
        }
        if (p.fresh && !p.failed)
            save_wisdom(dev);
        pthread_mutex_unlock(&planner);
    }
    free(p.a);
    free(p.b);
    if (!good || p.failed) {
        if (!good)
            free(scratch);
        prismi_cpu_fft_destroy(f);
        return CPU_FAIL(dev, PRISM_ENOMEM, "no memory to plan a transform of %d x %d", d->h, d->w);
    }
    prismi_cpu_log(dev, PRISM_LOG_DEBUG, "fft %dx%dx%d: rows and columns in chunks of %d, %s", d->batch, d->h, d->w, CHUNK,
                   p.fresh                     ? "measured"
                   : p.effort == FFTW_ESTIMATE ? "estimated"
                                               : "from wisdom");
    *out = f;
    return 0;
}

static void destroy_lines(struct lines *l)
{
    if (l->full)
        fftwf_destroy_plan(l->full);
    if (l->rest)
        fftwf_destroy_plan(l->rest);
}

void prismi_cpu_fft_destroy(struct prism_fft *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&planner);
    for (int inverse = 0; inverse < 2; inverse++) {
        destroy_lines(&f->rows[inverse][0]);
        destroy_lines(&f->rows[inverse][1]);
        destroy_lines(&f->cols[inverse]);
    }
    pthread_mutex_unlock(&planner);
    free(f->scratch);
    free(f);
}

/* ---- execution ---- */

struct fft_run {
    const struct prism_fft *f;
    const struct lines *rows, *cols; /* rows: [in place] */
    fftwf_complex *dst, *src;
};

static size_t chunks(size_t count)
{
    return (count + CHUNK - 1) / CHUNK;
}

static fftwf_plan plan_of(const struct lines *l, size_t count, size_t chunk)
{
    return (chunk + 1) * CHUNK <= count ? l->full : l->rest;
}

static bool aligned(fftwf_complex *p)
{
    return fftwf_alignment_of((float *)p) == 0;
}

static void rows_item(const void *arg, size_t item, int thread)
{
    const struct fft_run *r = arg;
    size_t h = r->f->h, w = r->f->w, n = chunks(h), chunk = item % n, at = (item / n * h + chunk * CHUNK) * w;
    size_t count = h - chunk * CHUNK < CHUNK ? h - chunk * CHUNK : CHUNK;

    if (aligned(r->src + at) && aligned(r->dst + at)) {
        fftwf_execute_dft(plan_of(&r->rows[r->src == r->dst], h, chunk), r->src + at, r->dst + at);
        return;
    }
    fftwf_complex *scratch = r->f->scratch + (size_t)thread * CHUNK * w;
    memcpy(scratch, r->src + at, count * w * sizeof *scratch);
    fftwf_execute_dft(plan_of(&r->rows[1], h, chunk), scratch, scratch);
    memcpy(r->dst + at, scratch, count * w * sizeof *scratch);
}

static void cols_item(const void *arg, size_t item, int thread)
{
    const struct fft_run *r = arg;
    size_t n = chunks(r->f->w), at = item / n * r->f->h * r->f->w + item % n * CHUNK;

    (void)thread;
    fftwf_execute_dft(plan_of(r->cols, r->f->w, item % n), r->dst + at, r->dst + at);
}

/* A whole transform, while it is in the cache. */
static void image_item(const void *arg, size_t item, int thread)
{
    const struct fft_run *r = arg;

    for (size_t i = 0; i < chunks(r->f->h); i++)
        rows_item(arg, item * chunks(r->f->h) + i, thread);
    for (size_t i = 0; i < chunks(r->f->w); i++)
        cols_item(arg, item * chunks(r->f->w) + i, thread);
}

int prismi_cpu_fft_run(struct prism_fft *f, int sign, prism_mem dst, prism_mem src)
{
    const struct fft_run r = {f, f->rows[sign > 0], &f->cols[sign > 0], (fftwf_complex *)dst, (fftwf_complex *)src};
    double work = 16.0 * (double)f->batch * (double)f->h * (double)f->w;

    if (f->batch >= 2 * (size_t)f->dev->caps.threads && f->h * f->w <= 1 << 16) {
        prismi_cpu_for(f->dev, f->batch, work, image_item, &r);
        return 0;
    }
    prismi_cpu_for(f->dev, f->batch * chunks(f->h), work, rows_item, &r);
    prismi_cpu_for(f->dev, f->batch * chunks(f->w), work, cols_item, &r);
    return 0;
}
