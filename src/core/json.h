/* JSON, written and read. Not installed. */
#ifndef PRISMI_JSON_H
#define PRISMI_JSON_H

#include "core/text.h"

/* ---- writing: a growing text; commas, indentation and escapes are taken care of */

struct prismi_json_out {
    struct prismi_text out;
    bool pretty; /* one member a line, two spaces deep */
    int depth;
    bool first; /* nothing in the current container yet */
};
void prismi_json_init(struct prismi_json_out *j, bool pretty);
void prismi_json_release(struct prismi_json_out *j);
const char *prismi_json_text(const struct prismi_json_out *j); /* NULL where memory ran out */
/* key: NULL inside arrays and at the top. */
void prismi_json_open(struct prismi_json_out *j, const char *key, char bracket); /* '{' or '[' */
void prismi_json_close(struct prismi_json_out *j, char bracket);                 /* '}' or ']' */
void prismi_json_number(struct prismi_json_out *j, const char *key,
                        double x); /* shortest text that reads back the same; NaN, Inf: null */
void prismi_json_uint(struct prismi_json_out *j, const char *key, uint64_t x);
void prismi_json_string(struct prismi_json_out *j, const char *key,
                        const char *s); /* NULL: null; bytes that are not UTF-8 become U+FFFD */
void prismi_json_bool(struct prismi_json_out *j, const char *key, bool x);
void prismi_json_newline(struct prismi_json_out *j);

/* ---- reading: a tree ---- */

enum prismi_json_type {
    PRISMI_JSON_NULL,
    PRISMI_JSON_BOOL,
    PRISMI_JSON_NUMBER,
    PRISMI_JSON_STRING,
    PRISMI_JSON_ARRAY,
    PRISMI_JSON_OBJECT
};

struct prismi_json {
    enum prismi_json_type type;
    char *key;     /* member name, or NULL */
    double number; /* also 0 and 1 for false and true */
    char *string;  /* UTF-8 */
    struct prismi_json *child, *next;
};
/* NULL where text is not one JSON value, is nested deeper than 32, or memory is
 * short. Free with prismi_json_free(). */
struct prismi_json *prismi_json_parse(const char *text, size_t n);
void prismi_json_free(struct prismi_json *v); /* NULL ok */
const struct prismi_json *prismi_json_member(const struct prismi_json *object,
                                             const char *key); /* NULL ok and where absent */
double prismi_json_member_number(const struct prismi_json *object,
                                 const char *key); /* NaN where absent or no number */
const char *prismi_json_member_string(const struct prismi_json *object,
                                      const char *key); /* NULL where absent or no string */

#endif
