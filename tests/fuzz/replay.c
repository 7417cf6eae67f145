/* usage: replay CORPUS_FOLDER. Replays every file unchanged, then damaged in
 * N_DAMAGED ways that are the same in every run. Files named ok-* must be
 * accepted unchanged. */
#include "core/internal.h"
#include "fuzz.h"

#include <dirent.h>
#include <time.h>

enum { N_DAMAGED = 2000, MAX_FILES = 128, MAX_SECONDS = 5, MAX_EDIT = 64 };

struct seed {
    char name[128];
    uint8_t *data;
    size_t bytes;
};

static struct seed seeds[MAX_FILES];
static int n_seeds;

/* ---- damage ---- */

struct dice {
    uint64_t stream, at;
};

static uint32_t below(struct dice *d, size_t n)
{
    return prismi_rng_below(1, d->stream, d->at++, (uint32_t)n);
}

/* Replace cut bytes at `at` by n others. */
static void splice(struct seed *s, size_t at, size_t cut, const uint8_t *with, size_t n)
{
    uint8_t *out = malloc(s->bytes - cut + n + 1);
    FUZZ_CHECK(out);
    memcpy(out, s->data, at);
    if (n) /* memcpy must not get NULL, even for 0 bytes */
        memcpy(out + at, with, n);
    memcpy(out + at + n, s->data + at + cut, s->bytes - at - cut);
    free(s->data);
    s->data = out;
    s->bytes += n - cut;
}

static void damage_once(struct seed *s, struct dice *d)
{
    static const uint8_t edges[] = {0, 1, 0x7f, 0x80, 0xff, '0', '9', '-', '"', '\n'};
    uint8_t fresh[MAX_EDIT];
    const struct seed *other = &seeds[below(d, (size_t)n_seeds)];
    size_t at = below(d, s->bytes + 1), left = s->bytes - at, n = 1 + below(d, MAX_EDIT);
    size_t from = below(d, other->bytes + 1), width = (size_t)1 << below(d, 4);
    n = n < 1 + left ? n : 1 + left;
    for (size_t i = 0; i < n; i++)
        fresh[i] = (uint8_t)below(d, 256);
    switch (below(d, 8)) {
    case 0: /* a bit */
        if (left)
            s->data[at] ^= (uint8_t)(1u << below(d, 8));
        return;
    case 1: /* a byte of the format's alphabet */
        if (left)
            s->data[at] = edges[below(d, sizeof edges)];
        return;
    case 2: /* a number of 1 to 8 bytes, all zeros or all ones */
        width = width < left ? width : left;
        memset(s->data + at, below(d, 2) ? 0xff : 0, width);
        return;
    case 3:
        splice(s, at, 0, fresh, n);
        return;
    case 4:
        splice(s, at, n < left ? n : left, fresh, 0);
        return;
    case 5: /* a piece again */
        memcpy(fresh, s->data + at, n < left ? n : left);
        splice(s, at, 0, fresh, n);
        return;
    case 6: /* a piece of another file */
        n = n < other->bytes - from ? n : other->bytes - from;
        splice(s, at, n < left ? n : left, other->data + from, n);
        return;
    default:
        splice(s, at, left, fresh, 0);
    }
}

static struct seed damaged(const struct seed *from, int variant)
{
    struct seed s = *from;
    struct dice d = {(uint64_t)variant, (uint64_t)prismi_crc32(0, from->data, from->bytes) << 16};
    s.data = malloc(s.bytes + 1);
    FUZZ_CHECK(s.data);
    memcpy(s.data, from->data, s.bytes);
    for (uint32_t i = 1 + below(&d, 4); i; i--)
        damage_once(&s, &d);
    splice(
        &s, s.bytes, 0, NULL,
        0); /* the allocation ends with the data, so that a sanitizer sees any access behind them */
    return s;
}

/* ---- the corpus ---- */

static void load(const char *folder, const char *name)
{
    char path[1024];
    struct seed *s = &seeds[n_seeds];
    if (name[0] == '.')
        return;
    FUZZ_CHECK(n_seeds < MAX_FILES);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(s->name, sizeof s->name, "%s", name);
    FUZZ_CHECK(!prismi_file_read(fuzz_ctx(), path, 1 << 20, &s->data, &s->bytes));
    n_seeds++;
}

/* Seconds of the slowest input. */
static double run(const uint8_t *data, size_t bytes, int *status, double slowest)
{
    clock_t start = clock();
    *status = fuzz_one(data, bytes);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    return seconds > slowest ? seconds : slowest;
}

static bool replay(int i)
{
    const struct seed *s = &seeds[i];
    int status, ignored, accepted = 0;
    double slowest = run(s->data, s->bytes, &status, 0);
    bool must = !strncmp(s->name, "ok-", 3);
    if (must && status == PRISM_ENOTSUP) {
        printf("ok %d - %s # SKIP this build does not read it\n", i + 1, s->name);
        return true;
    }
    printf("# %s\n", s->name); /* after a crash the last name printed is the culprit */
    fflush(stdout);
    for (int k = 0; k < N_DAMAGED; k++) {
        struct seed d = damaged(s, k);
        slowest = run(d.data, d.bytes, &ignored, slowest);
        accepted += !ignored;
        free(d.data);
    }
    bool ok = slowest <= MAX_SECONDS && (status == 0 || !must);
    printf("%s %d - %s: status %d; damaged %d times, accepted %d; slowest %.3f s\n",
           ok ? "ok" : "not ok", i + 1, s->name, status, N_DAMAGED, accepted, slowest);
    return ok;
}

int main(int argc, char **argv)
{
    struct dirent **names = NULL;
    int n = argc == 2 ? scandir(argv[1], &names, NULL, alphasort) : -1, failed = 0;
    for (int i = 0; i < n; i++) {
        load(argv[1], names[i]->d_name);
        free(names[i]);
    }
    free(names);
    if (!n_seeds) {
        printf("Bail out! no corpus\n");
        return 1;
    }
    printf("1..%d\n", n_seeds);
    for (int i = 0; i < n_seeds; i++)
        failed += !replay(i);
    for (int i = 0; i < n_seeds; i++)
        prismi_free(seeds[i].data);
    return failed != 0;
}
