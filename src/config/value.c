/* One value of any type: parsing, writing, and the description of what is
 * accepted. */
#include "config/internal.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_LIST = 64 };

/* ---- numbers ---- */

/* Reads a finite decimal number: no hexadecimal, infinity or NaN. Returns the
 * end of the number, or NULL. */
static const char *scan_double(const char *s, double *v)
{
    size_t n = strspn(s, "+-.0123456789eE");
    char buffer[512], *end;
    if (n == 0 || n >= sizeof(buffer))
        return NULL;
    memcpy(buffer, s, n);
    buffer[n] = '\0';
    *v = prismi_double_parse(buffer, &end);
    return end == buffer || !isfinite(*v) ? NULL : s + (end - buffer);
}

/* ---- what a key accepts ---- */

static void append(char *out, size_t n, const char *fmt, ...) PRISM_PRINTF(3, 4);
static void append(char *out, size_t n, const char *fmt, ...)
{
    size_t used = strlen(out);
    va_list args;
    va_start(args, fmt);
    vsnprintf(out + used, n - used, fmt, args);
    va_end(args);
}

static void append_choices(const struct prism_config_key *key, char *out, size_t n)
{
    append(out, n, "one of ");
    for (int i = 0; key->choices[i]; i++)
        append(out, n, "%s%s", i ? ", " : "", key->choices[i]);
}

static void append_range(const struct prism_config_key *key, const char *noun, char *out, size_t n)
{
    char lo[32], hi[32];
    prismi_double_format(key->min, lo, sizeof(lo));
    prismi_double_format(key->max, hi, sizeof(hi));
    if (key->max == (key->type == PRISM_KEY_DOUBLE ? DBL_MAX : INT_MAX))
        append(out, n, "%s %s %s", noun, key->exclusive_min ? ">" : ">=", lo);
    else if (key->exclusive_min)
        append(out, n, "%s > %s and at most %s", noun, lo, hi);
    else
        append(out, n, "%s from %s to %s", noun, lo, hi);
}

void prismi_value_expected(const struct prism_config_key *key, char *out, size_t n)
{
    out[0] = '\0';
    switch (key->type) {
    case PRISM_KEY_BOOL:
    case PRISM_KEY_BOOL_NOT:
        append(out, n, "true or false");
        break;
    case PRISM_KEY_INT:
        append_range(key, "an integer", out, n);
        break;
    case PRISM_KEY_UINT64:
        append(out, n, "an integer from 0 to %llu", (unsigned long long)UINT64_MAX - 1);
        break;
    case PRISM_KEY_DOUBLE:
        append_range(key, "a number", out, n);
        break;
    case PRISM_KEY_ENUM:
        append_choices(key, out, n);
        break;
    case PRISM_KEY_STRING:
        if (key->choices)
            append_choices(key, out, n);
        else
            append(out, n, "text of at most %zu bytes", key->size - 1);
        break;
    case PRISM_KEY_INT_LIST:
        append(out, n, "a list of at most %zu integers", key->size / sizeof(int));
        append_range(key, ", each", out, n);
        break;
    case PRISM_KEY_WEIGHTS:
        append_choices(key, out, n);
        append(out, n, ", or a weighted sum like 0.7*%s+0.3*%s", key->choices[0], key->choices[2]);
        break;
    }
}

/* ---- parsing: functions fill out and return NULL, or what is wrong ---- */

static const char *parse_bool(const char *text, bool *out)
{
    static const char *const words[][2] = {{"true", "false"}, {"yes", "no"}, {"on", "off"}};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        for (int no = 0; no < 2; no++)
            if (strcasecmp(text, words[i][no]) == 0) {
                *out = !no;
                return NULL;
            }
    return "is not a truth value";
}

static const char *parse_int(const struct prism_config_key *key, const char *text, int *out)
{
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (end == text || *end || isspace((unsigned char)*text))
        return "is not an integer";
    if (errno == ERANGE || v < key->min || v > key->max)
        return "is out of range";
    *out = v == 0 && key->zero_is_negative ? -1 : (int)v;
    return NULL;
}

/* All but the largest, which stands for 0 where that is the default. */
static const char *parse_uint64(const struct prism_config_key *key, const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (*text == '-' && end != text && !*end)
        return "is out of range"; /* strtoull would wrap a negative number */
    if (end == text || *end || isspace((unsigned char)*text))
        return "is not an integer";
    if (errno == ERANGE || v == UINT64_MAX)
        return "is out of range";
    *out = v == 0 && key->zero_is_negative ? UINT64_MAX : v;
    return NULL;
}

static const char *parse_double(const struct prism_config_key *key, const char *text, double *out)
{
    double v;
    const char *end = scan_double(text, &v);
    if (!end || *end)
        return "is not a finite decimal number";
    if (v < key->min || v > key->max || (key->exclusive_min && v <= key->min))
        return "is out of range";
    *out = v != 0 ? v : key->zero_is_negative ? -1 : 0; /* stores -0 as 0 */
    return NULL;
}

static int find_choice(const struct prism_config_key *key, const char *text, size_t n)
{
    for (int i = 0; key->choices[i]; i++)
        if (strlen(key->choices[i]) == n && strncmp(key->choices[i], text, n) == 0)
            return i;
    return -1;
}

static const char *parse_enum(const struct prism_config_key *key, const char *text, int *out)
{
    static const char builtin[] = "builtin:"; /* prefix of patterns in older files */
    if (strcmp(key->key, "pattern.kind") == 0 && strncmp(text, builtin, strlen(builtin)) == 0)
        text += strlen(builtin);
    int i = find_choice(key, text, strlen(text));
    if (i < 0)
        return "is unknown";
    *out = i;
    return NULL;
}

static const char *parse_string(const struct prism_config_key *key, const char *text, char *out)
{
    uint32_t cp;
    if (key->choices && find_choice(key, text, strlen(text)) < 0)
        return "is unknown";
    if (strlen(text) >= key->size)
        return "is too long";
    for (const char *s = text; *s;) {
        size_t n = prismi_utf8(s, &cp);
        if (n == 0)
            return "is not valid UTF-8";
        s += n;
    }
    memset(out, 0, key->size); /* equal texts get equal bytes */
    memcpy(out, text, strlen(text));
    return NULL;
}

/* Reads "8,4,1", or "[8, 4, 1]" as prismi_value_write() writes it. */
static const char *parse_int_list(const struct prism_config_key *key, const char *text, int *out)
{
    int list[MAX_LIST] = {0};
    size_t n = 0, max = key->size / sizeof(int);
    const char *end = text + strlen(text);
    if (*text == '[' && end[-1] == ']') {
        text++;
        end--;
    }
    while (text < end) {
        char item[24];
        text += strspn(text, " \t");
        size_t len = strcspn(text, ",]"), used = len;
        while (used && (text[used - 1] == ' ' || text[used - 1] == '\t'))
            used--;
        if (n == max)
            return "has too many entries";
        if (used >= sizeof(item))
            return "is not a list of integers";
        memcpy(item, text, used);
        item[used] = '\0';
        const char *wrong = parse_int(key, item, &list[n++]);
        if (wrong)
            return strcmp(wrong, "is out of range") ? "is not a list of integers"
                                                    : "has an entry out of range";
        text += len;
        if (*text == ',' && ++text == end)
            return "ends with a comma";
    }
    memcpy(out, list, key->size);
    return NULL;
}

static const char *parse_weights(const struct prism_config_key *key, const char *text, double *out)
{
    double weights[MAX_LIST] = {0}, sum = 0;
    for (bool more = true; more;) {
        double w = 1;
        text += strspn(text, " ");
        const char *star = scan_double(text, &w);
        if (star) {
            text = star + strspn(star, " ");
            if (*text++ != '*')
                return "lacks a '*' between weight and name";
            text += strspn(text, " ");
        }
        size_t len = strcspn(text, " +");
        int i = find_choice(key, text, len);
        if (i < 0)
            return "is unknown";
        if (weights[i] != 0)
            return "names one term twice";
        if (w <= 0)
            return "has a weight that is not positive";
        weights[i] = w;
        sum += w;
        text += len;
        text += strspn(text, " ");
        more = *text == '+';
        if (*text && !more)
            return "lacks a '+' between terms";
        text += more;
    }
    if (fabs(sum - 1) > 0.01)
        return "has weights that do not sum to 1";
    memcpy(out, weights, key->size);
    return NULL;
}

static const char *parse(const struct prism_config_key *key, const char *text, void *field)
{
    bool b;
    int i;
    const char *wrong = NULL;
    switch (key->type) {
    case PRISM_KEY_BOOL:
    case PRISM_KEY_BOOL_NOT:
        wrong = parse_bool(text, &b);
        if (!wrong)
            *(bool *)field = b != (key->type == PRISM_KEY_BOOL_NOT);
        return wrong;
    case PRISM_KEY_ENUM:
        wrong = parse_enum(key, text, &i);
        if (!wrong)
            memcpy(field, &i, sizeof(i));
        return wrong;
    case PRISM_KEY_INT:
        return parse_int(key, text, field);
    case PRISM_KEY_UINT64:
        return parse_uint64(key, text, field);
    case PRISM_KEY_DOUBLE:
        return parse_double(key, text, field);
    case PRISM_KEY_STRING:
        return parse_string(key, text, field);
    case PRISM_KEY_INT_LIST:
        return parse_int_list(key, text, field);
    case PRISM_KEY_WEIGHTS:
        return parse_weights(key, text, field);
    }
    return "has no known type";
}

bool prismi_value_parse(const struct prism_config_key *key, const char *text, void *field,
                        char *why, size_t n)
{
    char shown[64], expected[256];
    size_t len = 0;
    const char *wrong = *text || key->type == PRISM_KEY_STRING || key->type == PRISM_KEY_INT_LIST
                            ? parse(key, text, field)
                            : "";
    if (!wrong)
        return true;
    for (; text[len] && len < sizeof(shown) - 4; len++)
        shown[len] = text[len] >= ' ' && text[len] <= '~' ? text[len] : '?';
    strcpy(shown + len, text[len] ? "..." : "");
    prismi_value_expected(key, expected, sizeof(expected));
    const char *nearest = NULL;
    int best = INT_MAX;
    for (int i = 0; key->choices && key->choices[i]; i++) {
        int d = prismi_word_distance(text, key->choices[i]);
        if (d < best) {
            best = d;
            nearest = key->choices[i];
        }
    }
    bool number = strcmp(wrong, "is out of range") == 0;
    if (!*text)
        snprintf(why, n, "empty; expected %s", expected);
    else
        snprintf(why, n, "%s%s%s %s; expected %s%s%s%s", number ? "" : "'", shown,
                 number ? "" : "'", wrong, expected, nearest ? "; did you mean " : "",
                 nearest ? nearest : "", nearest ? "?" : "");
    return false;
}

/* ---- writing ---- */

static void write_weights(struct prismi_text *t, const struct prism_config_key *key,
                          const double *w)
{
    char number[32];
    const char *plus = "";
    for (int i = 0; key->choices[i]; i++) {
        if (w[i] == 0)
            continue;
        prismi_double_format(w[i], number, sizeof(number));
        prismi_text_add(t, "%s%s%s%s", plus, w[i] == 1 ? "" : number, w[i] == 1 ? "" : "*",
                        key->choices[i]);
        plus = "+";
    }
}

void prismi_value_write(struct prismi_text *t, const struct prism_config_key *key,
                        const void *field)
{
    char number[32];
    int i;
    double v;
    uint64_t seed;
    const int *list = field;
    switch (key->type) {
    case PRISM_KEY_BOOL:
    case PRISM_KEY_BOOL_NOT:
        prismi_text_add(
            t, "%s", *(const bool *)field != (key->type == PRISM_KEY_BOOL_NOT) ? "true" : "false");
        break;
    case PRISM_KEY_INT:
        i = *(const int *)field;
        prismi_text_add(t, "%d", i < 0 && key->zero_is_negative ? 0 : i);
        break;
    case PRISM_KEY_UINT64:
        seed = *(const uint64_t *)field;
        prismi_text_add(t, "%llu", (unsigned long long)(seed == UINT64_MAX ? 0 : seed));
        break;
    case PRISM_KEY_DOUBLE:
        v = *(const double *)field;
        prismi_double_format(v < 0 && key->zero_is_negative ? 0 : v, number, sizeof(number));
        prismi_text_add(t, "%s", number);
        break;
    case PRISM_KEY_STRING:
        prismi_text_quote(t, field, false);
        break;
    case PRISM_KEY_ENUM:
        memcpy(&i, field, sizeof(i));
        prismi_text_add(t, "%s", key->choices[i]);
        break;
    case PRISM_KEY_INT_LIST:
        prismi_text_add(t, "[");
        for (i = 0; i < (int)(key->size / sizeof(int)) && list[i]; i++)
            prismi_text_add(t, "%s%d", i ? ", " : "", list[i]);
        prismi_text_add(t, "]");
        break;
    case PRISM_KEY_WEIGHTS:
        write_weights(t, key, field);
        break;
    }
}
