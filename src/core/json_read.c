/* The JSON reader: recursive descent, strict RFC 8259 except that lone
 * surrogates become U+FFFD. */
#include "core/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 32 };

struct reader {
    const char *p, *end;
};

static struct prismi_json *read_value(struct reader *r, int depth);

static void skip_space(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
        r->p++;
}

/* Skip white space, then consume c if it is the next character. */
static bool take(struct reader *r, char c)
{
    skip_space(r);
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

static bool take_word(struct reader *r, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n))
        return false;
    r->p += n;
    return true;
}

static int read_hex4(struct reader *r)
{
    int x = 0;
    if (r->end - r->p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = *r->p++;
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        x = 16 * x + digit;
    }
    return x;
}

static size_t put_utf8(char *out, unsigned c)
{
    unsigned char *o = (unsigned char *)out;
    if (c < 0x80) {
        o[0] = (unsigned char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        o[i] = (unsigned char)(0x80 | (c & 0x3f));
    o[0] = (unsigned char)((n == 2 ? 0xc0 : n == 3 ? 0xe0 : 0xf0) | c);
    return n;
}

/* Read what follows "\u". Returns the number of bytes written, at most 4; 0 on
 * a syntax error. */
static size_t read_unicode(struct reader *r, char *out)
{
    int c = read_hex4(r);
    if (c < 0)
        return 0;
    if (c >= 0xd800 && c < 0xdc00 && r->end - r->p >= 6 && r->p[0] == '\\' && r->p[1] == 'u') {
        struct reader ahead = {r->p + 2, r->end};
        int low = read_hex4(&ahead);
        if (low >= 0xdc00 && low < 0xe000) {
            r->p = ahead.p;
            return put_utf8(out,
                            0x10000u + (((unsigned)c - 0xd800u) << 10) + ((unsigned)low - 0xdc00u));
        }
    }
    /* U+0000 also becomes U+FFFD, because a NUL would end the C string */
    return put_utf8(out, c == 0 || (c >= 0xd800 && c < 0xe000) ? 0xfffdu : (unsigned)c);
}

/* Read what follows the opening quote. The result is malloc'ed; NULL on a
 * syntax error. */
static char *read_string(struct reader *r)
{
    const char *close = r->p;
    while (close < r->end && *close != '"')
        close += *close == '\\' && close + 1 < r->end ? 2 : 1;
    /* the text is never longer than its escaped form */
    char *out = close < r->end ? malloc((size_t)(close - r->p) + 1) : NULL;
    size_t n = 0;
    while (out && *r->p != '"') {
        unsigned char c = (unsigned char)*r->p++;
        static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
        const char *simple = c == '\\' && *r->p ? strchr(from, *r->p) : NULL;
        size_t wrote = 1;
        if (simple) {
            out[n] = to[simple - from];
            r->p++;
        } else if (c == '\\') {
            wrote = *r->p++ == 'u' ? read_unicode(r, out + n) : 0;
        } else
            out[n] = (char)c;
        if (!wrote || c < 0x20 || r->p > close) {
            free(out);
            return NULL;
        }
        n += wrote;
    }
    if (out) {
        out[n] = '\0';
        r->p = close + 1;
    }
    return out;
}

static bool read_digits(struct reader *r)
{
    const char *start = r->p;
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
        r->p++;
    return r->p > start;
}

static bool read_number(struct reader *r, double *out)
{
    const char *start = r->p;
    if (r->p < r->end && *r->p == '-')
        r->p++;
    const char *digits = r->p;
    if (!read_digits(r) || (*digits == '0' && r->p - digits > 1))
        return false;
    if (r->p < r->end && *r->p == '.') {
        r->p++;
        if (!read_digits(r))
            return false;
    }
    if (r->p < r->end && (*r->p == 'e' || *r->p == 'E')) {
        r->p++;
        if (r->p < r->end && (*r->p == '+' || *r->p == '-'))
            r->p++;
        if (!read_digits(r))
            return false;
    }
    char text[64]; /* a copy with a NUL, for strtod() */
    size_t n = (size_t)(r->p - start);
    if (n >= sizeof text)
        return false;
    memcpy(text, start, n);
    text[n] = '\0';
    *out = strtod(text, NULL);
    return true;
}

/* Read what follows the opening bracket. */
static bool read_members(struct reader *r, struct prismi_json *v, int depth)
{
    char close = v->type == PRISMI_JSON_OBJECT ? '}' : ']';
    struct prismi_json **tail = &v->child;
    if (take(r, close))
        return true;
    for (;;) {
        char *key = NULL;
        if (v->type == PRISMI_JSON_OBJECT &&
            (!take(r, '"') || !(key = read_string(r)) || !take(r, ':'))) {
            free(key);
            return false;
        }
        struct prismi_json *child = *tail = read_value(r, depth + 1);
        if (!child) {
            free(key);
            return false;
        }
        child->key = key;
        tail = &child->next;
        if (take(r, close))
            return true;
        if (!take(r, ','))
            return false;
    }
}

static bool read_into(struct reader *r, struct prismi_json *v, int depth)
{
    if (take(r, '{') || take(r, '[')) {
        v->type = r->p[-1] == '{' ? PRISMI_JSON_OBJECT : PRISMI_JSON_ARRAY;
        return depth < MAX_DEPTH && read_members(r, v, depth);
    }
    if (take(r, '"')) {
        v->type = PRISMI_JSON_STRING;
        return (v->string = read_string(r)) != NULL;
    }
    if (take_word(r, "null"))
        return true;
    if (take_word(r, "true") || take_word(r, "false")) {
        v->type = PRISMI_JSON_BOOL;
        v->number = r->p[-2] == 'u';
        return true;
    }
    v->type = PRISMI_JSON_NUMBER;
    return read_number(r, &v->number);
}

static struct prismi_json *read_value(struct reader *r, int depth)
{
    struct prismi_json *v = calloc(1, sizeof *v);
    if (v && !read_into(r, v, depth)) {
        prismi_json_free(v);
        v = NULL;
    }
    return v;
}

struct prismi_json *prismi_json_parse(const char *text, size_t n)
{
    struct reader r = {text, text + n};
    struct prismi_json *v = read_value(&r, 0);
    skip_space(&r);
    if (v && r.p != r.end) {
        prismi_json_free(v);
        v = NULL;
    }
    return v;
}

void prismi_json_free(struct prismi_json *v)
{
    while (v) {
        struct prismi_json *next = v->next;
        prismi_json_free(v->child);
        free(v->key);
        free(v->string);
        free(v);
        v = next;
    }
}

const struct prismi_json *prismi_json_member(const struct prismi_json *object, const char *key)
{
    const struct prismi_json *v =
        object && object->type == PRISMI_JSON_OBJECT ? object->child : NULL;
    while (v && strcmp(v->key, key))
        v = v->next;
    return v;
}

double prismi_json_member_number(const struct prismi_json *object, const char *key)
{
    const struct prismi_json *v = prismi_json_member(object, key);
    return v && v->type == PRISMI_JSON_NUMBER ? v->number : NAN;
}

const char *prismi_json_member_string(const struct prismi_json *object, const char *key)
{
    const struct prismi_json *v = prismi_json_member(object, key);
    return v && v->type == PRISMI_JSON_STRING ? v->string : NULL;
}
