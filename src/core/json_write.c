/* The JSON writer. */
#include "core/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void prismi_json_init(struct prismi_json_out *j, bool pretty)
{
    *j = (struct prismi_json_out){.pretty = pretty, .first = true};
}

void prismi_json_release(struct prismi_json_out *j)
{
    free(j->out.text);
    j->out = (struct prismi_text){0};
}

const char *prismi_json_text(const struct prismi_json_out *j)
{
    return j->out.failed || !j->out.text ? NULL : j->out.text;
}

static void put(struct prismi_json_out *j, const char *s)
{
    prismi_text_add(&j->out, "%s", s);
}

static void indent(struct prismi_json_out *j)
{
    if (!j->pretty)
        return;
    put(j, "\n");
    for (int i = 0; i < j->depth; i++)
        put(j, "  ");
}

static void quoted(struct prismi_json_out *j, const char *s)
{
    put(j, "\"");
    while (*s) {
        uint32_t cp;
        size_t n = prismi_utf8(s, &cp);
        if (!n)
            put(j, "\xef\xbf\xbd");
        else if (cp == '"' || cp == '\\')
            prismi_text_add(&j->out, "\\%c", (char)cp);
        else if (cp < 0x20 || cp == 0x7f)
            prismi_text_add(&j->out, "\\u%04x", (unsigned)cp);
        else
            prismi_text_add(&j->out, "%.*s", (int)n, s);
        s += n ? n : 1;
    }
    put(j, "\"");
}

static void begin(struct prismi_json_out *j, const char *key)
{
    if (j->depth) {
        if (!j->first)
            put(j, j->pretty ? "," : ", ");
        indent(j);
    }
    j->first = false;
    if (key) {
        quoted(j, key);
        put(j, ": ");
    }
}

void prismi_json_open(struct prismi_json_out *j, const char *key, char bracket)
{
    begin(j, key);
    prismi_text_add(&j->out, "%c", bracket);
    j->depth++;
    j->first = true;
}

void prismi_json_close(struct prismi_json_out *j, char bracket)
{
    j->depth--;
    if (!j->first)
        indent(j);
    prismi_text_add(&j->out, "%c", bracket);
    j->first = false;
}

void prismi_json_number(struct prismi_json_out *j, const char *key, double x)
{
    char text[32] = "null";
    if (isfinite(x))
        prismi_double_format(x, text, sizeof text);
    begin(j, key);
    put(j, text);
}

void prismi_json_uint(struct prismi_json_out *j, const char *key, uint64_t x)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)x);
    begin(j, key);
    put(j, text);
}

void prismi_json_string(struct prismi_json_out *j, const char *key, const char *s)
{
    begin(j, key);
    if (s)
        quoted(j, s);
    else
        put(j, "null");
}

void prismi_json_bool(struct prismi_json_out *j, const char *key, bool x)
{
    begin(j, key);
    put(j, x ? "true" : "false");
}

void prismi_json_newline(struct prismi_json_out *j)
{
    put(j, "\n");
}
