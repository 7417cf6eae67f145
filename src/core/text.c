/* Text helpers: a growing text buffer, UTF-8, numbers whatever the locale, and
 * the distance between words. */
#include "core/text.h"

#include <ctype.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void prismi_text_add(struct prismi_text *t, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    size_t need = t->bytes + (size_t)n + 1;
    if (n < 0 || t->failed) {
        t->failed = true;
        return;
    }
    if (need > t->capacity) {
        char *grown = realloc(t->text, 2 * need);
        if (!grown) {
            t->failed = true;
            return;
        }
        t->text = grown;
        t->capacity = 2 * need;
    }
    va_start(args, fmt);
    vsnprintf(t->text + t->bytes, (size_t)n + 1, fmt, args);
    va_end(args);
    t->bytes += (size_t)n;
}

char *prismi_text_take(struct prismi_text *t)
{
    char *text = t->text;
    if (t->failed) {
        free(text);
        text = NULL;
    }
    *t = (struct prismi_text){0};
    return text;
}

size_t prismi_utf8(const char *s, uint32_t *cp)
{
    const unsigned char *u = (const unsigned char *)s;
    size_t n = u[0] < 0x80             ? 1
               : (u[0] & 0xe0) == 0xc0 ? 2
               : (u[0] & 0xf0) == 0xe0 ? 3
               : (u[0] & 0xf8) == 0xf0 ? 4
                                       : 0;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (n == 0)
        return 0;
    *cp = n == 1 ? u[0] : u[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((u[i] & 0xc0) != 0x80)
            return 0;
        *cp = *cp << 6 | (u[i] & 0x3f);
    }
    return *cp < least[n] || *cp > 0x10ffff || (*cp >= 0xd800 && *cp < 0xe000) ? 0 : n;
}

/* ---- numbers in the C locale, whatever the program's ---- */

static locale_t enter_c_locale(locale_t *c)
{
    *c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    return uselocale(*c); /* a failed newlocale leaves the locale alone */
}

static void leave_c_locale(locale_t c, locale_t old)
{
    uselocale(old);
    if (c)
        freelocale(c);
}

double prismi_double_parse(const char *text, char **end)
{
    locale_t c, old = enter_c_locale(&c);
    double v = strtod(text, end);
    leave_c_locale(c, old);
    return v;
}

void prismi_double_format(double v, char *out, size_t n)
{
    locale_t c, old = enter_c_locale(&c);
    bool whole = v == floor(v) && fabs(v) < 1e7; /* %g would write 20 as 2e+01 */
    if (whole)
        snprintf(out, n, "%.0f", v);
    for (int digits = 1; !whole && digits <= 17; digits++) {
        snprintf(out, n, "%.*g", digits, v);
        if (strtod(out, NULL) == v)
            break;
    }
    leave_c_locale(c, old);
}

/* ---- nearest word ---- */

static int fold(char c)
{
    return c == '-' ? '_' : tolower((unsigned char)c);
}

int prismi_word_distance(const char *a, const char *b)
{
    enum { MAX = 40 };
    int d[MAX + 1][MAX + 1], n = (int)strnlen(a, MAX + 1), m = (int)strnlen(b, MAX + 1);
    if (n > MAX || m > MAX)
        return INT_MAX;
    for (int i = 0; i <= n; i++)
        for (int j = 0; j <= m; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            int best = d[i - 1][j - 1] + (fold(a[i - 1]) != fold(b[j - 1]));
            if (d[i - 1][j] + 1 < best)
                best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best)
                best = d[i][j - 1] + 1;
            bool swapped = i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
                           fold(a[i - 2]) == fold(b[j - 1]);
            if (swapped && d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    int longer = n > m ? n : m, limit = (longer + 1) / 3;
    return d[n][m] <= (limit ? limit : 1) && d[n][m] < longer ? d[n][m] : INT_MAX;
}
