/* Texts: growing ones, UTF-8, numbers in every locale, words that resemble each
 * other. Not installed. */
#ifndef PRISMI_TEXT_H
#define PRISMI_TEXT_H

#include "prismrec/base.h"

/* ---- growing texts ---- */

struct prismi_text {
    char *text; /* malloc'ed */
    size_t bytes, capacity;
    bool failed;
};
void prismi_text_add(struct prismi_text *t, const char *fmt, ...) PRISM_PRINTF(2, 3);
/* The text, the caller's to free(); NULL on no memory. t is empty
 * afterwards. */
char *prismi_text_take(struct prismi_text *t);

/* ---- characters, numbers, words ---- */

/* Length of one well-formed UTF-8 sequence, its code point in *cp; 0 where
 * malformed. */
size_t prismi_utf8(const char *s, uint32_t *cp);
/* strtod() with a decimal point, whatever the locale. */
double prismi_double_parse(const char *text, char **end);
/* The fewest digits that read back as v, whatever the locale. */
void prismi_double_format(double v, char *out, size_t n);
/* Edits between two words; case does not count, '-' is '_'. INT_MAX where they
 * have nothing in common. */
int prismi_word_distance(const char *a, const char *b);

#endif
