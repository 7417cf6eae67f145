/* Transforms by FFTW.
 *
 * FFTW's own threads would make the result depend on their number, and its
 * plans for many lines work in place or transpose by themselves, both slower
 * than this file. So there is one single-threaded plan per length and
 * direction, for one line, from one aligned address to another. An item is
 * either a chunk of rows or a chunk of columns. Rows are transformed into
 * scratch and copied back while they are in the first-level cache; columns are
 * transposed into scratch and back. Factors are multiplied during these copies.
 * A line's result depends on nothing but the line, and rows and columns outside
 * the support cost nothing.
 *
 * Planning measures on scratch of its own, under a process-wide lock because
 * FFTW's planner is global. What was measured is kept as wisdom, in the process
 * and in <cache_dir>/fftw-wisdom-f32 and -f64. */
#include "backend_cpu/fft.h"

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

#ifdef CPU_F64
#define FFTW(name) fftw_##name
#define WISDOM "fftw-wisdom-f64"
#else
#define FFTW(name) fftwf_##name
#define WISDOM "fftw-wisdom-f32"
#endif

static pthread_mutex_t planner = PTHREAD_MUTEX_INITIALIZER;

static size_t wisdom_path(const struct prism_dev *dev, char *path, size_t n)
{
    const char *dir = prismi_cpu(dev)->cache_dir;
    int len = dir ? snprintf(path, n, "%s/" WISDOM, dir) : 0;
    return len > 0 && (size_t)len < n ? (size_t)len : 0;
}

/* Loads the wisdom file, if there is one. The caller holds the lock. */
static void load_wisdom(const struct prism_dev *dev)
{
    char path[PATH_MAX];

    if (!wisdom_path(dev, path, sizeof path) || access(path, R_OK))
        return;
    if (FFTW(import_wisdom_from_filename)(path))
        prismi_cpu_log(dev, PRISM_LOG_DEBUG, "fft: wisdom loaded from %s", path);
    else
        prismi_cpu_log(
            dev, PRISM_LOG_WARN,
            "fft: %s is not FFTW wisdom; it will be replaced when something new is planned", path);
}

/* Writes a file whole or not at all: a temporary file, flushed to disk,
 * replaces the old one. */
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

/* Saves wisdom. The caller holds the lock. Another process may have saved since
 * this one loaded, so its wisdom is merged first. */
static void save_wisdom(const struct prism_dev *dev)
{
    char path[PATH_MAX];

    if (!wisdom_path(dev, path, sizeof path))
        return;
    (void)mkdir(prismi_cpu(dev)->cache_dir, 0777);
    (void)FFTW(import_wisdom_from_filename)(path);
    char *text = FFTW(export_wisdom_to_string)();
    if (!text || write_whole(path, text))
        prismi_cpu_log(dev, PRISM_LOG_WARN,
                       "fft: cannot save wisdom to %s (%s); plans will be measured again", path,
                       strerror(errno));
    free(text);
}

void R(prismi_cpu_fft_open)(struct prism_dev *dev)
{
    pthread_mutex_lock(&planner);
    load_wisdom(dev);
    pthread_mutex_unlock(&planner);
}

/* ---- plans ---- */

struct planning {
    FFTW(complex) * a, *b; /* one line each */
    unsigned effort;
    bool fresh; /* something had to be measured, because wisdom lacked it */
    bool failed;
};

static void plan_line(struct planning *p, size_t n, void *plan[2])
{
    for (int inverse = 0; inverse < 2; inverse++) {
        const int sign = inverse ? FFTW_BACKWARD : FFTW_FORWARD;
        if (p->effort != FFTW_ESTIMATE)
            plan[inverse] =
                FFTW(plan_dft_1d)((int)n, p->a, p->b, sign, p->effort | FFTW_WISDOM_ONLY);
        if (!plan[inverse]) {
            plan[inverse] = FFTW(plan_dft_1d)((int)n, p->a, p->b, sign, p->effort);
            p->fresh |= p->effort != FFTW_ESTIMATE;
        }
        p->failed |= !plan[inverse];
    }
}

/* n rounded up to whole cache lines. */
static size_t padded(size_t n)
{
    return (n + CPU_FFT_COLS - 1) / CPU_FFT_COLS * CPU_FFT_COLS;
}

int R(prismi_cpu_fft_create)(struct prism_dev *dev, const struct prism_fft_desc *d,
                             struct prism_fft **out)
{
    static const unsigned efforts[] = {FFTW_ESTIMATE, FFTW_MEASURE, FFTW_PATIENT};
    const size_t h = (size_t)d->h, w = (size_t)d->w, longest = padded(h > w ? h : w);
    struct prism_fft *f = calloc(1, sizeof *f);
    struct planning p = {.effort = efforts[prismi_cpu(dev)->plan_effort]};

    *out = NULL;
    p.a = prismi_cpu_alloc(2 * longest, sizeof *p.a);
    if (f) {
        *f = (struct prism_fft){.kernels = &R(prismi_cpu_kernels),
                                .dev = dev,
                                .batch = (size_t)d->batch,
                                .h = h,
                                .w = w,
                                .factors = (const real *)d->factors};
        f->support = prismi_cpu(dev)->plain ? NULL : (const int32_t *)d->support;
        /* lines a power of two apart would share one set of the cache */
        f->pitch = padded(h) + CPU_FFT_COLS;
        f->nscratch =
            2 * (CPU_FFT_COLS * f->pitch > padded(w) ? CPU_FFT_COLS * f->pitch : padded(w));
        f->scratch = prismi_cpu_alloc((size_t)dev->caps.threads * f->nscratch, sizeof *f->scratch);
    }
    bool good = f && f->scratch && p.a;
    if (good) {
        p.b = p.a + longest;
        pthread_mutex_lock(&planner);
        plan_line(&p, w, f->rows);
        plan_line(&p, h, f->cols);
        if (p.fresh && !p.failed)
            save_wisdom(dev);
        pthread_mutex_unlock(&planner);
        if (p.effort != FFTW_ESTIMATE)
            dev->host->planned(dev->host->user, !p.fresh);
    }
    free(p.a);
    if (!good || p.failed) {
        R(prismi_cpu_fft_destroy)(f);
        return CPU_FAIL(dev, PRISM_ENOMEM, "no memory to plan a transform of %d x %d", d->h, d->w);
    }
    prismi_cpu_log(dev, PRISM_LOG_DEBUG, "fft %dx%dx%d: by lines, %s", d->batch, d->h, d->w,
                   p.fresh                     ? "measured"
                   : p.effort == FFTW_ESTIMATE ? "estimated"
                                               : "from wisdom");
    *out = f;
    return 0;
}

void R(prismi_cpu_fft_destroy)(struct prism_fft *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&planner);
    for (int inverse = 0; inverse < 2; inverse++) {
        FFTW(destroy_plan)(f->rows[inverse]);
        FFTW(destroy_plan)(f->cols[inverse]);
    }
    pthread_mutex_unlock(&planner);
    free(f->scratch);
    free(f);
}

/* ---- execution ---- */

struct fft_run {
    const struct prism_fft *f;
    const int32_t *support; /* [batch,4], or NULL */
    void *rows, *cols;
    pair *dst, *src;
    const real *before, *after; /* factors [h+w] complex, or NULL; conjugated where sign is -1 */
    real sign;
};

/* Region of one transform: the input rows that are not zero and the output
 * columns that are needed, both modulo the side. */
struct region {
    size_t row0, rows, col0, cols;
};

static struct region region_of(const struct fft_run *r, size_t image)
{
    const int32_t *s = r->support ? r->support + 4 * image : NULL;

    if (!s)
        return (struct region){0, r->f->h, 0, r->f->w};
    return (struct region){(size_t)s[0], (size_t)s[1], (size_t)s[2], (size_t)s[3]};
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t row_items(const struct prism_fft *f)
{
    return (f->h + CPU_FFT_ROWS - 1) / CPU_FFT_ROWS;
}

static size_t col_items(const struct prism_fft *f)
{
    return (f->w + CPU_FFT_COLS - 1) / CPU_FFT_COLS;
}

static bool aligned(pair *p)
{
    return FFTW(alignment_of)((real *)p) == 0;
}

void R(prismi_cpu_fft_line)(void *plan, pair *out, pair *in)
{
    FFTW(execute_dft)(plan, (FFTW(complex) *)in, (FFTW(complex) *)out);
}

/* Transforms one row. Factors before the transform: a row is multiplied by the
 * factors along x here, and by those along y when its columns are gathered. */
static void row(const struct fft_run *r, const struct region *g, size_t at, pair *scratch)
{
    const size_t w = r->f->w;
    pair *in = r->src + at, *to = r->dst + at, *out = scratch;

    if (r->before) {
        in = scratch + padded(w);
        R(prismi_cpu_multiply)(in, r->src + at, r->before + 2 * r->f->h, w, r->sign);
    } else if (!aligned(in)) {
        in = memcpy(scratch + padded(w), in, w * sizeof *in);
    }
    if (in != to && aligned(to))
        out = to;
    R(prismi_cpu_fft_line)(r->rows, out, in);
    if (out == to)
        return;
    if (r->src != r->dst) { /* dst held nothing that must stay */
        memcpy(to, out, w * sizeof *to);
        return;
    }
    size_t n = least(g->cols, w - g->col0);
    memcpy(to + g->col0, out + g->col0, n * sizeof *to);
    memcpy(to, out, (g->cols - n) * sizeof *to);
}

static void rows_item(const void *arg, size_t item, int thread)
{
    const struct fft_run *r = arg;
    const size_t h = r->f->h, w = r->f->w, n = row_items(r->f), image = item / n,
                 end = least(h, (item % n + 1) * CPU_FFT_ROWS);
    const struct region g = region_of(r, image);

    for (size_t i = item % n * CPU_FFT_ROWS; i < end; i++) {
        const size_t at = (image * h + i) * w;
        if (prismi_cpu_fft_meet(i, 1, g.row0, g.rows, h))
            row(r, &g, at, r->f->scratch + (size_t)thread * r->f->nscratch);
        /* no transform reads the row, but columns that are not needed keep
         * it */
        else if (r->src != r->dst)
            memset(r->dst + at, 0, w * sizeof *r->dst);
    }
}

static void cols_item(const void *arg, size_t item, int thread)
{
    const struct fft_run *r = arg;
    const size_t h = r->f->h, w = r->f->w, pitch = r->f->pitch, n = col_items(r->f),
                 image = item / n, at = item % n * CPU_FFT_COLS;
    const size_t count = least(CPU_FFT_COLS, w - at);
    const struct region g = region_of(r, image);

    if (!prismi_cpu_fft_meet(at, count, g.col0, g.cols, w))
        return;
    pair *data = r->dst + image * h * w + at, *in = r->f->scratch + (size_t)thread * r->f->nscratch,
         *out = in + CPU_FFT_COLS * pitch;
    R(prismi_cpu_fft_gather)(r->f, in, data, g.row0, g.rows, count, r->before, r->sign);
    for (size_t j = 0; j < count; j++)
        R(prismi_cpu_fft_line)(r->cols, out + j * pitch, in + j * pitch);
    if (r->after)
        R(prismi_cpu_transpose_scaled)
    (data, w, out, pitch, count, h, r->after + 2 * (h + at), r->after, r->sign);
    else R(prismi_cpu_transpose)(data, w, out, pitch, count, h);
}

/* One whole transform, while it is in the cache. */
static void image_item(const void *arg, size_t item, int thread)
{
    const struct fft_run *r = arg;
    const size_t rows = row_items(r->f), cols = col_items(r->f);

    for (size_t i = 0; i < rows; i++)
        rows_item(arg, item * rows + i, thread);
    for (size_t i = 0; i < cols; i++)
        cols_item(arg, item * cols + i, thread);
}

int R(prismi_cpu_fft_run)(struct prism_fft *f, int sign, prism_mem dst, prism_mem src)
{
    const bool inverse = sign > 0;
    const int32_t *support = f->support && inverse ? f->support + 4 * f->batch : f->support;
    struct fft_run r = {.f = f,
                        .support = support,
                        .rows = f->rows[inverse],
                        .cols = f->cols[inverse],
                        .dst = (pair *)dst,
                        .src = (pair *)src,
                        .sign = inverse ? -1 : 1};
    const size_t pixels = f->h * f->w, side = 2 * (f->h + f->w);
    const double work = 16.0 * (double)pixels;

    if (f->factors) {
        r.before = f->factors + (inverse ? side : 0);
        r.after = f->factors + (inverse ? 0 : side);
    }
    if (prismi_cpu_fft_by_image(f)) {
        prismi_cpu_for(f->dev, f->batch, work * (double)f->batch, image_item, &r);
        return 0;
    }
    /* an image's columns follow its rows while it is in the cache */
    for (size_t i = 0; i < f->batch; i++) {
        prismi_cpu_for(f->dev, row_items(f), work, rows_item, &r);
        prismi_cpu_for(f->dev, col_items(f), work, cols_item, &r);
        r.dst += pixels;
        r.src += pixels;
        r.support = support ? r.support + 4 : NULL;
    }
    return 0;
}
