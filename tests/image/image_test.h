/* Helpers of the picture suites: files made in memory, decoding of exact-size
 * copies, sweeps of damage. */
#ifndef PRISM_TESTS_IMAGE_TEST_H
#define PRISM_TESTS_IMAGE_TEST_H

#include "core/internal.h"
#include "image/formats.h"
#include "support/setup.h"

#include <math.h>

/* ---- a file in memory ---- */

struct fixture {
    uint8_t *p;
    size_t n;
};

static inline void fixture_add(struct fixture *f, const void *data, size_t n)
{
    f->p = realloc(f->p, f->n + n + 1);
    if (n)
        memcpy(f->p + f->n, data, n);
    f->n += n;
}

static inline void fixture_free(struct fixture *f)
{
    free(f->p);
    *f = (struct fixture){0};
}

static inline const char *fixture_save(const struct fixture *f, const char *name)
{
    const char *path = in_folder(name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(f->p ? (const void *)f->p : "", 1, f->n, file) != f->n || fclose(file)) {
        perror(path);
        exit(1);
    }
    return path;
}

static inline struct fixture fixture_read(const char *path)
{
    struct fixture f = {0};
    char buffer[4096];
    size_t n;
    FILE *file = fopen(path, "rb");
    while (file && (n = fread(buffer, 1, sizeof buffer, file)) > 0)
        fixture_add(&f, buffer, n);
    if (file)
        fclose(file);
    return f;
}

static inline int load(const struct fixture *f, struct prism_image *out)
{
    return prism_image_load(ctx, fixture_save(f, "picture"), out);
}

static inline const char *sentence(void)
{
    return prism_ctx_error(ctx)->text;
}

/* Deterministic noise in 0..n-1. */
static inline unsigned noise(unsigned i, unsigned n)
{
    return prismi_rng_below(77, PRISMI_STREAM_OBJECT, i, n);
}

/* ---- damage ---- */

/* Decodes n bytes that end where their allocation ends. Returns NULL, or the
 * words for the promise that the reader broke. */
static inline const char *decode(const uint8_t *p, size_t n, bool must_fail)
{
    struct prism_image img = {0};
    uint8_t *copy = malloc(n ? n : 1);
    memcpy(copy, p, n);
    struct prismi_input in = {ctx, "fixture", copy, n};
    int status = prismi_image_decode(&in, &img);
    const char *wrong = NULL;
    free(copy);
    if (!status && (img.h < 1 || img.w < 1 || !img.data))
        wrong = "success without a picture";
    else if (!status && must_fail)
        wrong = "success where it must fail";
    else if (status && (img.data || img.h || img.w))
        wrong = "failure with a picture";
    else if (status && status != PRISM_EPARSE && status != PRISM_ENOTSUP && status != PRISM_ENOMEM)
        wrong = "a status that is not documented";
    else if (status && strncmp(sentence(), "fixture", 7))
        wrong = "failure without a sentence that names the file";
    free(img.data);
    return wrong;
}

static inline const char *at(const char *wrong, const char *how, size_t i)
{
    static char text[200];
    snprintf(text, sizeof text, "%s %zu: %s", how, i, wrong);
    return text;
}

/* Cuts the file after every byte, damages every byte, and damages several
 * random bytes `rounds` times. must_fail: every cut file must be refused. */
static inline const char *sweep(const struct fixture *f, int rounds, bool must_fail)
{
    const char *wrong;
    for (size_t n = 0; n < f->n; n++)
        if ((wrong = decode(f->p, n, must_fail)))
            return at(wrong, "cut to length", n);
    uint8_t *copy = malloc(f->n);
    for (size_t i = 0; i < f->n + (size_t)rounds; i++) {
        memcpy(copy, f->p, f->n);
        if (i < f->n)
            copy[i] ^= (uint8_t)(1 + noise((unsigned)i, 255));
        for (unsigned k = 0, n = i < f->n ? 0 : 1 + noise((unsigned)i, 8); k < n; k++)
            copy[noise((unsigned)(16 * i + k), (unsigned)f->n)] =
                (uint8_t)noise((unsigned)(16 * i + k + 8), 256);
        if ((wrong = decode(copy, f->n, false)))
            break;
        if (i + 1 == f->n + (size_t)rounds) {
            free(copy);
            return NULL;
        }
    }
    free(copy);
    return wrong;
}

#endif
