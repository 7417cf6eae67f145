/* Reads and writes NumPy's array file NPY: versions 1 to 3 are read, version
 * 1.0 is written. */
#include "core/npy.h"
#include "image/formats.h"

#include <math.h>
#include <string.h>

/* An element's type, from NumPy's description of it. */
struct element {
    char order, kind; /* '<' '>' '|'; one of b i u f c */
    size_t item;      /* bytes */
};

static bool element_of(const struct prismi_array *h, struct element *out)
{
    static const char *const known[] = {"b1", "i1", "i2", "i4", "i8", "u1", "u2",
                                        "u4", "u8", "f2", "f4", "f8", "c8", "c16"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (h->descr_bytes == 1 + strlen(known[i]) &&
            !memcmp(h->descr + 1, known[i], h->descr_bytes - 1)) {
            *out = (struct element){h->descr[0], h->descr[1], h->item};
            return out->order == '<' || out->order == '>' || (out->order == '|' && out->item == 1);
        }
    return false;
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

static double scalar(const uint8_t *p, char order, char kind, size_t bytes)
{
    uint64_t u = 0;
    for (size_t i = 0; i < bytes; i++)
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
static size_t fortran_index(const struct prismi_array *h, size_t count, size_t i)
{
    size_t at = 0, stride = count;
    for (int k = h->nd - 1; k >= 0; k--) {
        stride /= h->shape[k];
        at += i % h->shape[k] * stride;
        i /= h->shape[k];
    }
    return at;
}

int prismi_npy_doubles(const struct prismi_input *in, int *nd, size_t shape[8], bool *is_complex,
                       int *bits, double **data)
{
    struct prismi_array h = {0};
    struct element e;
    bool fortran;
    size_t start;
    const char *wrong = prismi_npy_parse(in->data, in->bytes, &h, &fortran, &start);
    if (!wrong && !element_of(&h, &e))
        wrong = "its elements are not bool, integers, floats of 2, 4 or 8 bytes, or complex of 8 "
                "or 16";
    if (wrong)
        return PRISM_FAIL(in->ctx, PRISM_EPARSE, "%s: NPY: %s", in->name, wrong);
    bool cplx = e.kind == 'c';
    size_t count = (in->bytes - start) / e.item, part = cplx ? e.item / 2 : e.item;
    size_t wide = cplx && is_complex ? 2 : 1; /* doubles per element in the result */
    double *out = prismi_alloc(count, wide * sizeof *out);
    if (!out)
        return PRISM_FAIL(in->ctx, PRISM_ENOMEM, "%s: no memory for %zu elements", in->name, count);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *p = in->data + start + (fortran ? fortran_index(&h, count, i) : i) * e.item;
        double re = scalar(p, e.order, cplx ? 'f' : e.kind, part),
               im = cplx ? scalar(p + part, e.order, 'f', part) : 0;
        out[i * wide] = cplx && wide == 1 ? hypot(re, im) : re;
        if (wide == 2)
            out[2 * i + 1] = im;
    }
    *nd = h.nd;
    memcpy(shape, h.shape, sizeof h.shape);
    *bits = 8 * (int)part;
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
    int status = prismi_npy_doubles(&in, nd, shape, is_complex, &bits, data);
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
    PRISM_TRY(prismi_npy_doubles(in, &nd, shape, NULL, &bits, &data));
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
    char header[PRISMI_NPY_HEADER];
    size_t count = 1;
    if ((int)t < 0 || t >= PRISM_DTYPE_COUNT || nd < 0 || nd > PRISMI_NPY_DIMS)
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "cannot write an NPY of type %d with %d dimensions; 0 to 8 are possible",
                          (int)t, nd);
    struct prismi_array h = {.descr = descr[t], .nd = nd};
    for (int i = 0; i < nd; i++) {
        if (shape[i] && count > SIZE_MAX / 16 / shape[i])
            return PRISM_FAIL(ctx, PRISM_EINVAL,
                              "cannot write an NPY: the size overflows at dimension %d (%zu)", i,
                              shape[i]);
        count *= h.shape[i] = shape[i];
    }
    size_t total = prismi_npy_header(&h, header);
    struct prismi_file *f;
    PRISM_TRY(prismi_file_create(ctx, path, &f));
    prismi_file_write(f, header, total);
    size_t scalar_bytes = prism_dtype_size(prism_dtype_real(t));
    write_little_endian(f, data, count * prism_dtype_size(t) / scalar_bytes, scalar_bytes);
    return prismi_file_commit(f, false);
}
