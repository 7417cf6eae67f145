/* Growing texts, UTF-8 and YAML quoting. */
#include "config/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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
    size_t n = u[0] < 0x80 ? 1 : (u[0] & 0xe0) == 0xc0 ? 2 : (u[0] & 0xf0) == 0xe0 ? 3 : (u[0] & 0xf8) == 0xf0 ? 4 : 0;
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

void prismi_text_quote(struct prismi_text *t, const char *s, bool comment)
{
    uint32_t cp = 0;
    const char *quote = comment ? "" : "\"";
    prismi_text_add(t, "%s", quote);
    while (*s) {
        size_t n = prismi_utf8(s, &cp);
        /* what YAML prints as it is: no controls, line separators, byte order marks or non-characters */
        bool plain = n && ((cp >= ' ' && cp <= '~') ||
                           (cp >= 0xa0 && cp != 0x2028 && cp != 0x2029 && cp != 0xfeff && cp != 0xfffe && cp != 0xffff));
        if (comment && !plain)
            prismi_text_add(t, "?");
        else if (!plain)
            prismi_text_add(t, "\\u%04x", (unsigned)cp);
        else
            prismi_text_add(t, "%s%.*s", !comment && (cp == '"' || cp == '\\') ? "\\" : "", (int)n, s);
        s += n ? n : 1;
    }
    prismi_text_add(t, "%s", quote);
}
