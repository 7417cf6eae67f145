/* A JSON writer and a JSON reader. Not installed. */
#ifndef PRISMI_JSON_H
#define PRISMI_JSON_H

#include "core/text.h"

/* ---- writing: adds commas, indentation and escapes by itself ---- */

struct prismi_json_out {
    struct prismi_text out;
    bool pretty; /* one member a line, indented by two spaces a level */
    int depth;
    bool first; /* the current array or object is still empty */
};
void prismi_json_init(struct prismi_json_out *j, bool pretty);
void prismi_json_release(struct prismi_json_out *j);
const char *prismi_json_text(const struct prismi_json_out *j); /* NULL if memory ran out */
/* In all calls below, key is NULL inside arrays and at the top level. */
void prismi_json_open(struct prismi_json_out *j, const char *key, char bracket); /* '{' or '[' */
void prismi_json_close(struct prismi_json_out *j, char bracket);                 /* '}' or ']' */
/* Writes the shortest text that reads back as x; NaN and infinity become
 * null. */
void prismi_json_number(struct prismi_json_out *j, const char *key, double x);
void prismi_json_uint(struct prismi_json_out *j, const char *key, uint64_t x);
/* A NULL s becomes null; bytes that are not UTF-8 become U+FFFD. */
void prismi_json_string(struct prismi_json_out *j, const char *key, const char *s);
void prismi_json_bool(struct prismi_json_out *j, const char *key, bool x);
void prismi_json_newline(struct prismi_json_out *j);

/* ---- reading: the text becomes a tree ---- */

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
    double number; /* 0 or 1 for false or true */
    char *string;  /* UTF-8 */
    struct prismi_json *child, *next;
};
/* Parse n bytes of text. Returns NULL if the text is not exactly one JSON
 * value, is nested deeper than 32 levels, or memory is short. Free the tree
 * with prismi_json_free(). */
struct prismi_json *prismi_json_parse(const char *text, size_t n);
void prismi_json_free(struct prismi_json *v); /* NULL ok */
/* The member named key. NULL if object is NULL, no object, or has no such
 * member. */
const struct prismi_json *prismi_json_member(const struct prismi_json *object, const char *key);
/* NaN if the member is absent or no number. */
double prismi_json_member_number(const struct prismi_json *object, const char *key);
/* NULL if the member is absent or no string. */
const char *prismi_json_member_string(const struct prismi_json *object, const char *key);

#endif
