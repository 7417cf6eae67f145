/* Lines name=value, and the comparison of two texts of such lines by name. */
#include "fit/fit.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

void prismi_line(struct prismi_lines *t, const char *fmt, ...)
{
    /* The C locale gives a decimal point whatever the program's locale: other
     * processes compare this text with theirs. */
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0), own = uselocale(c);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(t->s + t->n, sizeof t->s - t->n, fmt, ap);
    va_end(ap);
    uselocale(own);
    if (c)
        freelocale(c);
    if (n > 0 && (size_t)n + 1 < sizeof t->s - t->n) {
        t->n += (size_t)n;
        t->s[t->n++] = '\n';
    }
    t->s[t->n] = '\0';
}

/* Returns the value in the line of this name, NULL if there is none. */
static const char *find_line(const char *text, size_t bytes, const char *name, size_t length,
                             size_t *n)
{
    for (const char *end = text + bytes, *next; text < end; text = next) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        next = newline ? newline + 1 : end;
        if ((size_t)(end - text) > length && !memcmp(text, name, length) && text[length] == '=') {
            *n = (size_t)((newline ? newline : end) - text) - length - 1;
            return text + length + 1;
        }
    }
    return NULL;
}

/* True if a has a line that b lacks or has with another value; fills the line's
 * name and both values. */
static bool first_difference(const char *a, size_t na, const char *b, size_t nb, char name[64],
                             char of_a[128], char of_b[128])
{
    for (const char *end = a + na; a < end;) {
        const char *equals = memchr(a, '=', (size_t)(end - a)),
                   *newline = memchr(a, '\n', (size_t)(end - a));
        const char *stop = newline ? newline : end;
        if (!equals || equals > stop)
            equals = stop;
        size_t length = (size_t)(equals - a), n = (size_t)(stop - equals) - (equals < stop), m = 0;
        const char *value = equals + (equals < stop), *other = find_line(b, nb, a, length, &m);
        if (!other || m != n || memcmp(value, other, n)) {
            snprintf(name, 64, "%.*s", (int)length, a);
            snprintf(of_a, 128, "%.*s", (int)n, value);
            snprintf(of_b, 128, "%.*s", (int)m, other ? other : "");
            return true;
        }
        a = stop + (stop < end);
    }
    return false;
}

bool prismi_lines_differ(const struct prismi_lines *mine, const char *theirs, size_t bytes,
                         struct prismi_difference *out)
{
    return first_difference(mine->s, mine->n, theirs, bytes, out->name, out->mine, out->theirs) ||
           first_difference(theirs, bytes, mine->s, mine->n, out->name, out->theirs, out->mine);
}
