/* JSON: a value that is read can be written, and reads back the same. */
#include "core/json.h"
#include "fuzz.h"

static void write_value(struct prismi_json_out *j, const struct prismi_json *v, const char *key)
{
    switch (v->type) {
    case PRISMI_JSON_NULL:
        prismi_json_string(j, key, NULL);
        return;
    case PRISMI_JSON_BOOL:
        prismi_json_bool(j, key, v->number != 0);
        return;
    case PRISMI_JSON_NUMBER:
        prismi_json_number(j, key, v->number);
        return;
    case PRISMI_JSON_STRING:
        prismi_json_string(j, key, v->string);
        return;
    default:
        prismi_json_open(j, key, v->type == PRISMI_JSON_OBJECT ? '{' : '[');
        for (const struct prismi_json *c = v->child; c; c = c->next)
            write_value(j, c, c->key);
        prismi_json_close(j, v->type == PRISMI_JSON_OBJECT ? '}' : ']');
    }
}

/* Writes the value to out; false if the text is no value. */
static bool rewrite(const char *text, size_t n, bool pretty, struct prismi_json_out *out)
{
    struct prismi_json *v = prismi_json_parse(text, n);
    prismi_json_init(out, pretty);
    if (v)
        write_value(out, v, NULL);
    prismi_json_member(v, "loss");
    prismi_json_free(v);
    return v != NULL;
}

int fuzz_one(const uint8_t *data, size_t bytes)
{
    struct prismi_json_out once, again;
    if (!rewrite((const char *)data, bytes, bytes % 2, &once))
        return PRISM_EPARSE;
    const char *text = prismi_json_text(&once);
    FUZZ_CHECK(text && rewrite(text, strlen(text), bytes % 2, &again));
    FUZZ_CHECK(!strcmp(text, prismi_json_text(&again)));
    prismi_json_release(&once);
    prismi_json_release(&again);
    return 0;
}
