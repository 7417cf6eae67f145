/* Text helpers: a growing text buffer, UTF-8, numbers whatever the locale, and
 * the distance between words. Not installed. */
#ifndef PRISMI_TEXT_H
#define PRISMI_TEXT_H

#include "prismrec/base.h"

/* ---- growing text ---- */

struct prismi_text {
    char *text; /* malloc'ed, ends with a NUL */
    size_t bytes, capacity;
    bool failed;
};
void prismi_text_add(struct prismi_text *t, const char *fmt, ...) PRISM_PRINTF(2, 3);
/* Hand the text over: the caller frees it with free(). NULL if nothing was
 * added or memory ran out at any time. t is empty afterwards. */
char *prismi_text_take(struct prismi_text *t);

/* ---- characters, numbers, words ---- */

/* Length in bytes of the UTF-8 sequence at s, and its code point in *cp; 0 if
 * the sequence is malformed. */
size_t prismi_utf8(const char *s, uint32_t *cp);
/* strtod() with a decimal point, whatever the program's locale. */
double prismi_double_parse(const char *text, char **end);
/* Write v with the fewest digits that read back as v, and a decimal point
 * whatever the program's locale. */
void prismi_double_format(double v, char *out, size_t n);
/* Number of edits (insert, delete, replace, swap neighbours) that turn a into
 * b. Case does not count and '-' equals '_'. INT_MAX if the words differ too
 * much to suggest one for the other. */
int prismi_word_distance(const char *a, const char *b);

#endif
