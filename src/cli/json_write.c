#include "cli/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void json_init(struct json_out *j, bool pretty)
{
    *j = (struct json_out){.pretty = pretty, .first = true};
}

void json_release(struct json_out *j)
{
    free(j->out.text);
    j->out = (struct prismi_text){0};
}

const char *json_text(const struct json_out *j)
{
    return j->out.failed || !j->out.text ? NULL : j->out.text;
}

void json_print(const struct json_out *j)
{
    const char *text = json_text(j);
    printf("%s\n", text ? text : "null");
    fflush(stdout);
}

static void put(struct json_out *j, const char *s)
{
    prismi_text_add(&j->out, "%s", s);
}

static void indent(struct json_out *j)
{
    if (!j->pretty)
        return;
    put(j, "\n");
    for (int i = 0; i < j->depth; i++)
        put(j, "  ");
}

static void quoted(struct json_out *j, const char *s)
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

static void begin(struct json_out *j, const char *key)
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

void json_open(struct json_out *j, const char *key, char bracket)
{
    begin(j, key);
    prismi_text_add(&j->out, "%c", bracket);
    j->depth++;
    j->first = true;
}

void json_close(struct json_out *j, char bracket)
{
    j->depth--;
    if (!j->first)
        indent(j);
    prismi_text_add(&j->out, "%c", bracket);
    j->first = false;
}

void json_number(struct json_out *j, const char *key, double x)
{
    char text[32] = "null";
    if (isfinite(x))
        prismi_double_format(x, text, sizeof text);
    begin(j, key);
    put(j, text);
}

void json_uint(struct json_out *j, const char *key, uint64_t x)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)x);
    begin(j, key);
    put(j, text);
}

void json_string(struct json_out *j, const char *key, const char *s)
{
    begin(j, key);
    if (s)
        quoted(j, s);
    else
        put(j, "null");
}

void json_bool(struct json_out *j, const char *key, bool x)
{
    begin(j, key);
    put(j, x ? "true" : "false");
}

void json_newline(struct json_out *j)
{
    put(j, "\n");
}
