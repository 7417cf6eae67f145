/* Reads and writes the header of an NPY array, a Python dictionary with three
 * keys. */
#include "core/npy.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* START: offset of the dictionary in version 1.0 */
enum { MAX_HEADER = 65536, ALIGN = 64, START = 10 };

/* ---- writing ---- */

size_t prismi_npy_header(const struct prismi_array *h, char out[PRISMI_NPY_HEADER])
{
    char shape[24 * PRISMI_NPY_DIMS];
    int n = 0;
    for (int i = 0; i < h->nd; i++)
        n += snprintf(shape + n, sizeof shape - (size_t)n, "%s%zu", i ? ", " : "", h->shape[i]);
    snprintf(shape + n, sizeof shape - (size_t)n, h->nd == 1 ? "," : "");
    const char *quote = *h->descr == '[' ? "" : "'";
    int length = (int)(h->descr_bytes ? h->descr_bytes : strlen(h->descr));
    n = snprintf(out + START, PRISMI_NPY_HEADER - START,
                 "{'descr': %s%.*s%s, 'fortran_order': False, 'shape': (%s), }", quote, length,
                 h->descr, quote, shape);
    size_t end = START + (size_t)n, total = (end + ALIGN) / ALIGN * ALIGN;
    if (n < 0 || total > PRISMI_NPY_HEADER)
        return 0;
    memcpy(out, "\x93NUMPY\1\0", 8);
    out[8] = (char)((total - START) & 255);
    out[9] = (char)((total - START) >> 8);
    memset(out + end, ' ', total - end);
    out[total - 1] = '\n';
    return total;
}

/* ---- reading ---- */

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

static bool quoted(struct cursor *c, const char **text, size_t *n)
{
    skip_blanks(c);
    if (c->p == c->end || (*c->p != '\'' && *c->p != '"'))
        return false;
    const char *close = memchr(c->p + 1, *c->p, (size_t)(c->end - c->p) - 1);
    if (!close)
        return false;
    *text = c->p + 1;
    *n = (size_t)(close - *text);
    c->p = close + 1;
    return true;
}

/* Take a list of fields as it is. */
static bool list(struct cursor *c, const char **text, size_t *n)
{
    int depth = 0;
    *text = c->p;
    do {
        if (c->p == c->end)
            return false;
        depth += *c->p == '[' ? 1 : *c->p == ']' ? -1 : 0;
        c->p++;
    } while (depth);
    *n = (size_t)(c->p - *text);
    return true;
}

/* Find the bytes of an element from its type: "<f8", "|S12", or "<U3" (four
 * bytes per character). */
static bool item_size(struct prismi_array *h)
{
    size_t v = 0;
    if (h->descr_bytes < 3 || h->descr_bytes > 12)
        return false;
    for (size_t i = 2; i < h->descr_bytes; i++) {
        if (!isdigit((unsigned char)h->descr[i]))
            return false;
        v = 10 * v + (size_t)(h->descr[i] - '0');
    }
    h->item = h->descr[1] == 'U' ? 4 * v : v;
    return v > 0;
}

static bool type(struct cursor *c, struct prismi_array *h)
{
    skip_blanks(c);
    h->item = 0;
    if (c->p < c->end && *c->p == '[')
        return list(c, &h->descr, &h->descr_bytes);
    return quoted(c, &h->descr, &h->descr_bytes) && item_size(h);
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

static bool tuple(struct cursor *c, struct prismi_array *h)
{
    bool comma = true; /* "()", "(3,)", "(3, 4)" and "(3, 4,)" are tuples, "(3)" is not */
    if (!token(c, "("))
        return false;
    for (h->nd = 0; !token(c, ")"); comma = token(c, ",")) {
        if (!comma || h->nd == PRISMI_NPY_DIMS || !dimension(c, &h->shape[h->nd++]))
            return false;
    }
    return h->nd != 1 || comma;
}

static const char *parse_dictionary(struct cursor c, struct prismi_array *h, bool *fortran)
{
    unsigned seen = 0;
    const char *key;
    size_t n;
    if (!token(&c, "{"))
        return "its header is not a dictionary";
    while (!token(&c, "}")) {
        if (!quoted(&c, &key, &n) || !token(&c, ":"))
            return "its header is not a dictionary";
        unsigned bit = n == 5 && !memcmp(key, "descr", n)            ? 1
                       : n == 13 && !memcmp(key, "fortran_order", n) ? 2
                       : n == 5 && !memcmp(key, "shape", n)          ? 4
                                                                     : 0;
        if (!bit || seen & bit)
            return "its header has an unknown or a repeated key";
        seen |= bit;
        if (bit == 1 && !type(&c, h))
            return "its type is neither a simple one nor a list of fields";
        if (bit == 2 && !(*fortran = token(&c, "True")) && !token(&c, "False"))
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

/* Check that the elements take `left` bytes. For a list of fields, find the
 * size of an element first. */
static const char *check_size(struct prismi_array *h, size_t left)
{
    bool empty = false;
    size_t count = 1;
    for (int i = 0; i < h->nd; i++)
        empty |= h->shape[i] == 0;
    for (int i = 0; i < h->nd && !empty; i++) {
        if (h->shape[i] > left / count) /* this also keeps the product from overflowing */
            return "its data are cut off";
        count *= h->shape[i];
    }
    if (empty)
        return left ? "bytes follow its data" : NULL;
    if (!h->item)
        h->item = left / count;
    if (count > left / (h->item ? h->item : 1))
        return "its data are cut off";
    return count * h->item != left ? "bytes follow its data" : NULL;
}

const char *prismi_npy_parse(const uint8_t *p, size_t bytes, struct prismi_array *h, bool *fortran,
                             size_t *start)
{
    if (bytes < 12 || memcmp(p, "\x93NUMPY", 6))
        return "not an NPY file";
    if (p[6] < 1 || p[6] > 3 || p[7])
        return "of a version other than 1.0, 2.0 and 3.0";
    size_t at = p[6] == 1 ? 10 : 12;
    size_t length = p[8] | (size_t)p[9] << 8;
    if (at == 12)
        length |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
    if (length > MAX_HEADER || length > bytes - at)
        return "its header is cut off or above 64 KiB";
    const char *text = (const char *)p + at;
    const char *wrong = parse_dictionary((struct cursor){text, text + length}, h, fortran);
    *start = at + length;
    return wrong ? wrong : check_size(h, bytes - *start);
}
