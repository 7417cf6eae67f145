/* JSON: what is read can be written, and reads back as the same. */
#include "cli/json.h"
#include "fuzz.h"

static void write_value(struct json_out *j, const struct json_value *v, const char *key)
{
    switch (v->type) {
    case JSON_NULL:
        json_string(j, key, NULL);
        return;
    case JSON_BOOL:
        json_bool(j, key, v->number != 0);
        return;
    case JSON_NUMBER:
        json_number(j, key, v->number);
        return;
    case JSON_STRING:
        json_string(j, key, v->string);
        return;
    default:
        json_open(j, key, v->type == JSON_OBJECT ? '{' : '[');
        for (const struct json_value *c = v->child; c; c = c->next)
            write_value(j, c, c->key);
        json_close(j, v->type == JSON_OBJECT ? '}' : ']');
    }
}

/* The value as text, in out; false where text is no value. */
static bool rewrite(const char *text, size_t n, bool pretty, struct json_out *out)
{
    struct json_value *v = json_parse(text, n);
    json_init(out, pretty);
    if (v)
        write_value(out, v, NULL);
    json_member(v, "loss");
    json_free(v);
    return v != NULL;
}

int fuzz_one(const uint8_t *data, size_t bytes)
{
    struct json_out once, again;
    if (!rewrite((const char *)data, bytes, bytes % 2, &once))
        return PRISM_EPARSE;
    const char *text = json_text(&once);
    FUZZ_CHECK(text && rewrite(text, strlen(text), bytes % 2, &again));
    FUZZ_CHECK(!strcmp(text, json_text(&again)));
    json_release(&once);
    json_release(&again);
    return 0;
}
