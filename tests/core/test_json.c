/* JSON, written and read back; damaged texts. Prints TAP. */
#include "core/json.h"
#include "support/tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_write(void)
{
    struct prismi_json_out j;
    prismi_json_init(&j, false);
    prismi_json_open(&j, NULL, '{');
    prismi_json_string(&j, "s", "a\"b\\c\n\x01\xc3\xa9\xff");
    prismi_json_number(&j, "x", 0.1);
    prismi_json_number(&j, "nan", NAN);
    prismi_json_number(&j, "inf", -INFINITY);
    prismi_json_uint(&j, "u", UINT64_MAX);
    prismi_json_bool(&j, "t", true);
    prismi_json_string(&j, "none", NULL);
    prismi_json_open(&j, "a", '[');
    prismi_json_number(&j, NULL, 1);
    prismi_json_number(&j, NULL, -2.5e-300);
    prismi_json_close(&j, ']');
    prismi_json_open(&j, "e", '{');
    prismi_json_close(&j, '}');
    prismi_json_close(&j, '}');
    tap(!strcmp(prismi_json_text(&j), "{\"s\": \"a\\\"b\\\\c\\u000a\\u0001\xc3\xa9\xef\xbf\xbd\", "
                                      "\"x\": 0.1, \"nan\": null, \"inf\": null, "
                                      "\"u\": 18446744073709551615, \"t\": true, \"none\": null, "
                                      "\"a\": [1, -2.5e-300], \"e\": {}}"),
        "what is written is JSON, with escapes and nulls");
    struct prismi_json *v = prismi_json_parse(prismi_json_text(&j), strlen(prismi_json_text(&j)));
    tap(v && !strcmp(prismi_json_member_string(v, "s"), "a\"b\\c\n\x01\xc3\xa9\xef\xbf\xbd"),
        "a string reads back");
    tap(prismi_json_member_number(v, "x") == 0.1 && isnan(prismi_json_member_number(v, "nan")) &&
            isnan(prismi_json_member_number(v, "absent")),
        "numbers, nulls and absent members read back");
    tap(prismi_json_member(v, "a")->child->next->number == -2.5e-300, "an array reads back");
    prismi_json_free(v);
    prismi_json_release(&j);
}

static void test_numbers(void)
{
    bool same = true;
    uint64_t bits = 0x9e3779b97f4a7c15u;
    for (int i = 0; i < 5000; i++) {
        double x;
        bits = bits * 6364136223846793005u + 1442695040888963407u;
        memcpy(&x, &bits, sizeof x);
        if (!isfinite(x))
            continue;
        struct prismi_json_out j;
        prismi_json_init(&j, false);
        prismi_json_number(&j, NULL, x);
        struct prismi_json *v =
            prismi_json_parse(prismi_json_text(&j), strlen(prismi_json_text(&j)));
        same = same && v && v->type == PRISMI_JSON_NUMBER && v->number == x;
        prismi_json_free(v);
        prismi_json_release(&j);
    }
    tap(same, "any double reads back the same");
}

static void test_refused(void)
{
    static const char *const texts[] = {"",
                                        " ",
                                        "{",
                                        "[",
                                        "\"",
                                        "\"\\",
                                        "\"\\u12\"",
                                        "\"\\q\"",
                                        "\"a\nb\"",
                                        "{\"a\"}",
                                        "{\"a\":}",
                                        "{\"a\":1,}",
                                        "[1,]",
                                        "[1 2]",
                                        "01",
                                        "1.",
                                        ".5",
                                        "1e",
                                        "+1",
                                        "-",
                                        "nul",
                                        "truex",
                                        "1 1",
                                        "{a:1}",
                                        "NaN",
                                        "Infinity",
                                        "'a'",
                                        "[1]]",
                                        "\xef\xbb\xbf{}"};
    bool none = true;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct prismi_json *v = prismi_json_parse(texts[i], strlen(texts[i]));
        if (v)
            printf("# accepted: %s\n", texts[i]);
        none = none && !v;
        prismi_json_free(v);
    }
    tap(none, "what is not JSON is refused");
    char deep[200];
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    tap(!prismi_json_parse(deep, sizeof deep), "deep nesting is refused");
    struct prismi_json *v = prismi_json_parse("\"\\ud83d\\ude00\\ud800x\\u0000\"", 27);
    tap(v && !strcmp(v->string, "\xf0\x9f\x98\x80\xef\xbf\xbdx\xef\xbf\xbd"),
        "surrogates pair up, lone ones and NUL are replaced");
    prismi_json_free(v);
}

/* The text is cut at every length and damaged at many bytes, each time in
 * memory of exactly its size, so that a sanitizer sees any access outside. */
static void test_damaged(void)
{
    static const char text[] = "{\"step\": 120, \"phase\": \"fi\\u00e9t\", \"x\": [1.5e-3, null, "
                               "true, {\"y\": \"\\\\\"}], \"z\": -0.25}\n";
    size_t size = sizeof text - 1;
    int parsed = 0;
    for (size_t cut = 0; cut <= size; cut++) {
        char *copy = malloc(cut + 1);
        if (!copy)
            break;
        memcpy(copy, text, cut);
        struct prismi_json *v = prismi_json_parse(copy, cut);
        parsed += v != NULL;
        prismi_json_free(v);
        free(copy);
    }
    tap(parsed == 2,
        "of all beginnings only the whole object is JSON"); /* with and without its newline */
    uint32_t random = 1;
    for (int i = 0; i < 20000; i++) {
        char *copy = malloc(size);
        if (!copy)
            break;
        memcpy(copy, text, size);
        for (int k = 0; k < 1 + i % 3; k++) {
            random = random * 1664525u + 1013904223u;
            copy[(random >> 8) % size] = (char)(random >> 24);
        }
        prismi_json_free(prismi_json_parse(copy, size));
        free(copy);
    }
    tap(true, "20000 damaged texts do no harm");
}

int main(void)
{
    test_write();
    test_numbers();
    test_refused();
    test_damaged();
    return tap_end();
}
