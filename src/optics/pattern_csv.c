/* Reads sampling points from a text file.
 *
 *   file   = [BOM] { line }           lines end in LF or CRLF
 *   line   = blank | '#' anything | header | number ',' number
 *   header = the first other line, if it begins with a letter; its first
 *       name may not begin with x
 *   number = [+-] digits [. digits] [(e|E) [+-] digits]     or . digits; the
 *       decimal sign is a point in every locale
 *
 * Blanks (space, tab) may surround a number. */
#include "optics/optics_internal.h"

#include <math.h>
#include <string.h>

#define FILE_MAX ((size_t)16 << 20)
#define POSITION_MAX 1e6 /* pixels */

struct reader {
    struct prism_ctx *ctx;
    const char *path;
    const char *p, *end; /* position in the current line, and its end without CR LF */
    const char *line;
    int number; /* number of the line, counted from 1 */
};

static int fail_at(const struct reader *r, const char *at, const char *expected)
{
    int shown = 0;
    while (at + shown < r->end && shown < 24 && at[shown] != ',' &&
           (unsigned char)at[shown] >= 0x20)
        shown++;
    return PRISM_FAIL(r->ctx, PRISM_EPARSE, "%s:%d:%d: found '%.*s'; expected %s", r->path,
                      r->number, (int)(at - r->line) + 1, shown, at, expected);
}

static void skip_blanks(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t'))
        r->p++;
}

static bool is_digit(const struct reader *r)
{
    return r->p < r->end && *r->p >= '0' && *r->p <= '9';
}

static bool take(struct reader *r, char c)
{
    if (r->p >= r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

/* Consume an optional sign; true for minus. */
static bool take_minus(struct reader *r)
{
    if (take(r, '-'))
        return true;
    take(r, '+');
    return false;
}

/* Read a number. The result is correctly rounded with up to 15 digits and a
 * power of ten up to 22, for which both factors are exact; otherwise it may be
 * off by an ulp or two. */
static int parse_number(struct reader *r, double *out)
{
    static const char expected[] = "a number, such as -12.5";
    const char *start = r->p;
    bool negative = take_minus(r), digits = false, point = false;
    double mantissa = 0;
    int exponent = 0, given = 0;

    for (;; r->p++) {
        if (is_digit(r)) {
            digits = true;
            if (mantissa < 1e17)
                mantissa = 10 * mantissa + (*r->p - '0');
            else
                exponent++;
            exponent -= point;
        } else if (!point && r->p < r->end && *r->p == '.') {
            point = true;
        } else {
            break;
        }
    }
    if (!digits)
        return fail_at(r, start, expected);
    if (take(r, 'e') || take(r, 'E')) {
        bool down = take_minus(r);
        if (!is_digit(r))
            return fail_at(r, start, expected);
        for (; is_digit(r); r->p++)
            given = given < 1000 ? 10 * given + (*r->p - '0') : given;
        exponent += down ? -given : given;
    }
    double value = exponent < 0 ? mantissa / pow(10, -exponent) : mantissa * pow(10, exponent);
    if (!(value <= POSITION_MAX))
        return fail_at(r, start, "a position within +-1e6 pixels");
    *out = negative ? -value : value;
    return 0;
}

static int parse_row(struct reader *r, double *yx)
{
    PRISM_TRY(parse_number(r, &yx[0]));
    skip_blanks(r);
    if (!take(r, ','))
        return fail_at(r, r->p, "',' and then x");
    skip_blanks(r);
    PRISM_TRY(parse_number(r, &yx[1]));
    skip_blanks(r);
    return r->p == r->end ? 0 : fail_at(r, r->p, "the end of the line after \"y,x\"");
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Parse the whole file, text to end. yx has room for every line. */
static int parse_text(struct reader *r, const char *text, const char *end, double *yx, int *n)
{
    bool first = true;

    for (r->number = 1; text < end; r->number++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        r->line = r->p = text;
        r->end = newline ? newline : end;
        text = newline ? newline + 1 : end;
        if (newline && r->end > r->line && r->end[-1] == '\r')
            r->end--;
        skip_blanks(r);
        if (r->p == r->end || *r->p == '#')
            continue;
        if (first && is_letter(*r->p)) {
            first = false;
            if (*r->p == 'x' || *r->p == 'X')
                return fail_at(r, r->p, "y as the first column and x as the second");
            continue;
        }
        first = false;
        if (*n == PRISMI_PATTERN_MAX)
            return fail_at(r, r->p, "the end of the file after 1000000 points");
        PRISM_TRY(parse_row(r, yx + 2 * (size_t)*n));
        ++*n;
    }
    return *n ? 0
              : PRISM_FAIL(r->ctx, PRISM_EPARSE,
                           "%s:%d:1: the file holds no points; expected rows \"y,x\"", r->path,
                           r->number);
}

int prismi_pattern_csv(struct prism_ctx *ctx, const char *path, double **centres_yx, int *n)
{
    struct reader r = {.ctx = ctx, .path = path};
    uint8_t *data = NULL;
    size_t bytes = 0, lines = 1;
    int count = 0;

    PRISM_TRY(prismi_file_read(ctx, path, FILE_MAX, &data, &bytes));
    for (size_t i = 0; i < bytes; i++)
        lines += data[i] == '\n';
    double *yx = prismi_alloc(lines, 2 * sizeof(*yx));
    if (!yx) {
        prismi_free(data);
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "%s: no memory for %zu lines", path, lines);
    }
    const char *text = (const char *)data;
    size_t bom = bytes >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
    int status = parse_text(&r, text + bom, text + bytes, yx, &count);
    prismi_free(data);
    if (status) {
        prismi_free(yx);
        return status;
    }
    *centres_yx = yx;
    *n = count;
    return 0;
}
