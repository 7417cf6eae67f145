/* Reads and writes NumPy's array file NPY: versions 1 to 3 are read, version
 * 1.0 is written. */
#include "core/internal.h"
#include "image/formats.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DIMS = 8, MAX_HEADER = 65536 };

struct header {
    char order, kind; /* order: '<', '>' or '|'; kind: b, i, u, f or c */
    int item;         /* bytes of one element */
    bool fortran;
    int nd;
    size_t shape[MAX_DIMS], count;
};

/* ---- the header: a Python dictionary with three keys ---- */

struct cursor {
    const char *p, *end;
};

static void skip_blanks(struct cursor *c)
{
    while (c->p < c->end && isspace((unsigned char)*c->p))
        c->p++;
}

static bool token(struct cursor *c, const char *text)
{
    size_t n = strlen(text);
    skip_blanks(c);
    if ((size_t)(c->end - c->p) < n || memcmp(c->p, text, n))
        return false;
    c->p += n;
    return true;
}

static bool quoted(struct cursor *c, char *out, size_t n)
{
    skip_blanks(c);
    if (c->p == c->end || (*c->p != '\'' && *c->p != '"'))
        return false;
    char quote = *c->p++;
    size_t k = 0;
    for (; c->p < c->end && *c->p != quote; c->p++) {
        if (k + 1 >= n)
            return false;
        out[k++] = *c->p;
    }
    out[k] = 0;
    return c->p++ < c->end;
}

static bool dtype(struct cursor *c, struct header *h)
{
    static const char *const known[] = {"b1", "i1", "i2", "i4", "i8", "u1", "u2",
                                        "u4", "u8", "f2", "f4", "f8", "c8", "c16"};
    char text[8];
    if (!quoted(c, text, sizeof text))
        return false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (text[0] && !strcmp(text + 1, known[i])) {
            h->order = text[0];
            h->kind = text[1];
            h->item = atoi(text + 2);
            return h->order == '<' || h->order == '>' || (h->order == '|' && h->item == 1);
        }
    return false;
}

static bool dimension(struct cursor *c, size_t *out)
{
    size_t v = 0;
    skip_blanks(c);
    if (c->p == c->end || !isdigit((unsigned char)*c->p))
        return false;
    for (; c->p < c->end && isdigit((unsigned char)*c->p); c->p++) {
        if (v > (SIZE_MAX - 9) / 10)
            return false;
        v = 10 * v + (size_t)(*c->p - '0');
    }
    *out = v;
    return true;
}

static bool tuple(struct cursor *c, struct header *h)
{
    bool comma = true; /* "()", "(3,)", "(3, 4)" and "(3, 4,)" are tuples, "(3)" is not */
    if (!token(c, "("))
        return false;
    for (h->nd = 0; !token(c, ")"); comma = token(c, ",")) {
        if (!comma || h->nd == MAX_DIMS || !dimension(c, &h->shape[h->nd++]))
            return false;
    }
    return h->nd != 1 || comma;
}

/* Returns NULL, or what is wrong. */
static const char *parse_dictionary(struct cursor c, struct header *h)
{
    unsigned seen = 0;
    char key[16];
    if (!token(&c, "{"))
        return "its header is not a dictionary";
    while (!token(&c, "}")) {
        if (!quoted(&c, key, sizeof key) || !token(&c, ":"))
            return "its header is not a dictionary";
        unsigned bit = !strcmp(key, "descr")           ? 1
                       : !strcmp(key, "fortran_order") ? 2
                       : !strcmp(key, "shape")         ? 4
                                                       : 0;
        if (!bit || seen & bit)
            return "its header has an unknown or a repeated key";
        seen |= bit;
        if (bit == 1 && !dtype(&c, h))
            return "its elements are not bool, integers, floats of 2, 4 or 8 bytes, or complex of "
                   "8 or 16";
        if (bit == 2 && !(h->fortran = token(&c, "True")) && !token(&c, "False"))
            return "fortran_order is neither True nor False";
        if (bit == 4 && !tuple(&c, h))
            return "its shape is not a tuple of at most 8 sizes";
        if (!token(&c, ",") && (skip_blanks(&c), c.p == c.end || *c.p != '}'))
            return "its header is not a dictionary";
    }
    skip_blanks(&c);
    return seen != 7      ? "its header lacks descr, fortran_order or shape"
           : c.p != c.end ? "text follows its header"
                          : NULL;
}

/* Set *data to the first element. Returns NULL, or what is wrong. */
static const char *parse_header(const struct prismi_input *in, struct header *h,
                                const uint8_t **data)
{
    const uint8_t *p = in->data;
    if (in->bytes < 12 || memcmp(p, "\x93NUMPY", 6))
        return "not an NPY file";
    if (p[6] < 1 || p[6] > 3 || p[7])
        return "of a version other than 1.0, 2.0 and 3.0";
    size_t start = p[6] == 1 ? 10 : 12;
    size_t length = p[8] | (size_t)p[9] << 8;
    if (start == 12)
        length |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
    if (length > MAX_HEADER || length > in->bytes - start)
        return "its header is cut off or above 64 KiB";
    const char *text = (const char *)p + start;
    const char *wrong = parse_dictionary((struct cursor){text, text + length}, h);
    if (wrong)
        return wrong;
    size_t left = in->bytes - start - length;
    bool empty = false;
    h->count = 1;
    for (int i = 0; i < h->nd; i++)
        empty |= h->shape[i] == 0;
    for (int i = 0; i < h->nd && !empty; i++) {
        if (h->shape[i] > left / h->count) /* this also keeps the product from overflowing */
            return "its data are cut off";
        h->count *= h->shape[i];
    }
    h->count = empty ? 0 : h->count;
    if (h->count > left / (size_t)h->item)
        return "its data are cut off";
    if (h->count * (size_t)h->item != left)
        return "bytes follow its data";
    *data = p + start + length;
    return NULL;
}

/* ---- elements ---- */

static double half_to_double(unsigned u)
{
    int exponent = u >> 10 & 31;
    double mantissa = u & 1023;
    double v = exponent == 31 ? (mantissa != 0 ? NAN : INFINITY)
               : exponent     ? ldexp(1024 + mantissa, exponent - 25)
                              : ldexp(mantissa, -24);
    return u & 0x8000 ? -v : v;
}

static double scalar(const uint8_t *p, char order, char kind, int bytes)
{
    uint64_t u = 0;
    for (int i = 0; i < bytes; i++)
        u = u << 8 | p[order == '>' ? i : bytes - 1 - i];
    if (kind == 'b')
        return u != 0;
    if (kind == 'u')
        return (double)u;
    if (kind == 'i') {
        uint64_t sign = (uint64_t)1 << (8 * bytes - 1);
        return u & sign ? -(double)((~u & (2 * sign - 1)) + 1) : (double)u;
    }
    double d;
    float f;
    uint32_t u32 = (uint32_t)u;
    memcpy(&f, &u32, 4);
    memcpy(&d, &u, 8);
    return bytes == 2 ? half_to_double((unsigned)u) : bytes == 4 ? (double)f : d;
}

/* Index in a file in Fortran order of the element that is the i-th in C
 * order. */
static size_t fortran_index(const struct header *h, size_t i)
{
    size_t at = 0, stride = h->count;
    for (int k = h->nd - 1; k >= 0; k--) {
        stride /= h->shape[k];
        at += i % h->shape[k] * stride;
        i /= h->shape[k];
    }
    return at;
}

int prismi_npy_parse(const struct prismi_input *in, int *nd, size_t shape[8], bool *is_complex,
                     int *bits, double **data)
{
    struct header h = {0};
    const uint8_t *p = NULL;
    const char *wrong = parse_header(in, &h, &p);
    if (wrong)
        return PRISM_FAIL(in->ctx, PRISM_EPARSE, "%s: NPY: %s", in->name, wrong);
    bool cplx = h.kind == 'c';
    int part = cplx ? h.item / 2 : h.item;
    size_t wide = cplx && is_complex ? 2 : 1; /* doubles per element in the result */
    double *out = prismi_alloc(h.count, wide * sizeof *out);
    if (!out)
        return PRISM_FAIL(in->ctx, PRISM_ENOMEM, "%s: no memory for %zu elements", in->name,
                          h.count);
    for (size_t i = 0; i < h.count; i++) {
        const uint8_t *e = p + (h.fortran ? fortran_index(&h, i) : i) * (size_t)h.item;
        double re = scalar(e, h.order, cplx ? 'f' : h.kind, part),
               im = cplx ? scalar(e + part, h.order, 'f', part) : 0;
        out[i * wide] = cplx && wide == 1 ? hypot(re, im) : re;
        if (wide == 2)
            out[2 * i + 1] = im;
    }
    *nd = h.nd;
    memcpy(shape, h.shape, sizeof h.shape);
    *bits = 8 * part;
    *data = out;
    if (is_complex)
        *is_complex = cplx;
    return 0;
}

int prism_npy_read(struct prism_ctx *ctx, const char *path, int *nd, size_t shape[8],
                   bool *is_complex, double **data)
{
    uint8_t *file;
    size_t bytes;
    int bits;
    *data = NULL;
    PRISM_TRY(prismi_file_read(ctx, path, PRISMI_IMAGE_MAX_BYTES, &file, &bytes));
    struct prismi_input in = {ctx, path, file, bytes};
    int status = prismi_npy_parse(&in, nd, shape, is_complex, &bits, data);
    prismi_free(file);
    return status;
}

/* Takes arrays [h,w] and [h,w,3] with any values; a complex array gives its
 * modulus. */
int prismi_npy_decode(const struct prismi_input *in, struct prism_image *out)
{
    int nd, bits;
    size_t shape[8];
    double *data;
    struct prism_image img;
    PRISM_TRY(prismi_npy_parse(in, &nd, shape, NULL, &bits, &data));
    bool colour = nd == 3 && shape[2] == 3;
    int status =
        nd == 2 || colour
            ? prismi_image_alloc(in, shape[0], shape[1], bits, &img)
            : PRISM_FAIL(in->ctx, PRISM_EPARSE,
                         "%s: an array of %d dimensions is not a picture; [h,w] or [h,w,3] is",
                         in->name, nd);
    for (size_t i = 0; !status && i < shape[0] * shape[1]; i++)
        img.data[i] = colour ? prismi_luma(data[3 * i], data[3 * i + 1], data[3 * i + 2]) : data[i];
    prismi_free(data);
    if (!status)
        *out = img;
    return status;
}

/* ---- writing ---- */

static void write_little_endian(struct prismi_file *f, const uint8_t *p, size_t n, size_t bytes)
{
    uint8_t buffer[4096];
    size_t fill = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t u32;
        uint64_t u = 0;
        if (bytes == 4) {
            memcpy(&u32, p + 4 * i, 4);
            u = u32;
        } else {
            memcpy(&u, p + 8 * i, 8);
        }
        for (size_t k = 0; k < bytes; k++)
            buffer[fill++] = (uint8_t)(u >> 8 * k);
        if (fill == sizeof buffer || i + 1 == n) {
            prismi_file_write(f, buffer, fill); /* the file keeps a failure until commit */
            fill = 0;
        }
    }
}

int prism_npy_write(struct prism_ctx *ctx, const char *path, enum prism_dtype t, int nd,
                    const size_t *shape, const void *data)
{
    static const char *const descr[PRISM_DTYPE_COUNT] = {"<f4", "<f8", "<c8", "<c16", "<i4"};
    char header[512];
    size_t count = 1;
    if ((int)t < 0 || t >= PRISM_DTYPE_COUNT || nd < 0 || nd > MAX_DIMS)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "cannot write an NPY of type %d with %d dimensions; 0 to 8 are possible",
                          (int)t, nd);
    /* the length of magic, version, length field and text together is a
     * multiple of 64 */
    int n = 10 + snprintf(header + 10, sizeof header - 10,
                          "{'descr': '%s', 'fortran_order': False, 'shape': (", descr[t]);
    for (int i = 0; i < nd; i++) {
        if (shape[i] && count > SIZE_MAX / 16 / shape[i])
            return PRISM_FAIL(ctx, PRISM_EINVAL,
                              "cannot write an NPY: the size overflows at dimension %d (%zu)", i,
                              shape[i]);
        count *= shape[i];
        n += snprintf(header + n, sizeof header - (size_t)n,
                      nd == 1 ? "%zu,"
                      : i     ? ", %zu"
                              : "%zu",
                      shape[i]);
    }
    n += snprintf(header + n, sizeof header - (size_t)n, "), }");
    int total = (n + 1 + 63) / 64 * 64;
    memset(header + n, ' ', (size_t)(total - n));
    header[total - 1] = '\n';
    memcpy(header, "\x93NUMPY\1\0", 8);
    header[8] = (char)((total - 10) & 255);
    header[9] = (char)((total - 10) >> 8);

    struct prismi_file *f;
    PRISM_TRY(prismi_file_create(ctx, path, &f));
    prismi_file_write(f, header, (size_t)total);
    size_t scalar_bytes = prism_dtype_size(prism_dtype_real(t));
    write_little_endian(f, data, count * prism_dtype_size(t) / scalar_bytes, scalar_bytes);
    return prismi_file_commit(f, false);
}
