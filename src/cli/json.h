/* JSON, written and read. */
#ifndef PRISM_CLI_JSON_H
#define PRISM_CLI_JSON_H

#include "config/internal.h"

/* ---- writing: a growing text; commas, indentation and escapes are taken care of ---- */

struct json_out {
    struct prismi_text out;
    bool pretty; /* one member a line, two spaces deep */
    int depth;
    bool first; /* nothing in the current container yet */
};
void json_init(struct json_out *j, bool pretty);
void json_release(struct json_out *j);
const char *json_text(const struct json_out *j); /* NULL where memory ran out */
void json_print(const struct json_out *j);       /* and a newline, to standard output */
/* key: NULL inside arrays and at the top. */
void json_open(struct json_out *j, const char *key, char bracket); /* '{' or '[' */
void json_close(struct json_out *j, char bracket);                 /* '}' or ']' */
void json_number(struct json_out *j, const char *key, double x);   /* shortest text that reads back the same; NaN, Inf: null */
void json_uint(struct json_out *j, const char *key, uint64_t x);
void json_string(struct json_out *j, const char *key, const char *s); /* NULL: null; bytes that are not UTF-8 become U+FFFD */
void json_bool(struct json_out *j, const char *key, bool x);
void json_newline(struct json_out *j);

/* ---- reading: a tree ---- */

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_value {
    enum json_type type;
    char *key;     /* member name, or NULL */
    double number; /* also 0 and 1 for false and true */
    char *string;  /* UTF-8 */
    struct json_value *child, *next;
};
/* NULL where text is not one JSON value, is nested deeper than 32, or memory is short. Free with json_free(). */
struct json_value *json_parse(const char *text, size_t n);
void json_free(struct json_value *v);                                                   /* NULL ok */
const struct json_value *json_member(const struct json_value *object, const char *key); /* NULL ok and where absent */
double json_member_number(const struct json_value *object, const char *key);            /* NaN where absent or no number */
const char *json_member_string(const struct json_value *object, const char *key);       /* NULL where absent or no string */

#endif
