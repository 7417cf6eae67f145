/* Reads PGM and PPM, plain and raw. */
#include "core/internal.h"
#include "image/formats.h"

#include <ctype.h>

struct cursor {
    const uint8_t *p, *end;
};

/* Read the next decimal number after blanks and comments. False if there is
 * none or it does not fit. */
static bool number(struct cursor *c, unsigned *out)
{
    while (c->p < c->end && (isspace(*c->p) || *c->p == '#')) {
        if (*c->p == '#')
            while (c->p < c->end && *c->p != '\n' && *c->p != '\r')
                c->p++;
        else
            c->p++;
    }
    if (c->p == c->end || !isdigit(*c->p))
        return false;
    unsigned v = 0;
    for (; c->p < c->end && isdigit(*c->p); c->p++) {
        if (v > 200000000)
            return false;
        v = 10 * v + (unsigned)(*c->p - '0');
    }
    *out = v;
    return true;
}

static bool sample(struct cursor *c, bool plain, int bytes, unsigned *out)
{
    if (plain)
        return number(c, out);
    if (c->end - c->p < bytes)
        return false;
    *out = bytes == 2 ? (unsigned)c->p[0] << 8 | c->p[1] : c->p[0];
    c->p += bytes;
    return true;
}

int prismi_pnm_decode(const struct prismi_input *in, struct prism_image *out)
{
    struct cursor c = {in->data + 2, in->data + in->bytes};
    struct prism_image img;
    bool plain = in->data[1] < '5';
    int channels = in->data[1] == '3' || in->data[1] == '6' ? 3 : 1;
    unsigned w, h, top, v[3];
    if (!number(&c, &w) || !number(&c, &h) || !number(&c, &top) || !top || top > 65535 ||
        c.p == c.end || !isspace(*c.p))
        return PRISM_FAIL(
            in->ctx, PRISM_EPARSE,
            "%s: the PGM/PPM header must give width, height and a maximum of 1 to 65535", in->name);
    c.p++;
    int bytes = top > 255 ? 2 : 1;
    /* a plain sample takes at least two characters, the last one at least
     * one */
    uint64_t least = (uint64_t)h * w * (uint64_t)channels * (plain ? 2 : (uint64_t)bytes) - plain;
    if (h && w && h <= PRISMI_IMAGE_MAX_SIDE && w <= PRISMI_IMAGE_MAX_SIDE &&
        (uint64_t)(c.end - c.p) < least)
        return PRISM_FAIL(in->ctx, PRISM_EPARSE,
                          "%s: cut off: %u x %u pixels need at least %llu bytes, %llu are left",
                          in->name, h, w, (unsigned long long)least,
                          (unsigned long long)(c.end - c.p));
    PRISM_TRY(prismi_image_alloc(in, h, w, 8 * bytes, &img));
    for (size_t i = 0; i < (size_t)h * w; i++) {
        for (int k = 0; k < channels; k++)
            if (!sample(&c, plain, bytes, &v[k]) || v[k] > top) {
                prismi_free(img.data);
                return PRISM_FAIL(in->ctx, PRISM_EPARSE,
                                  "%s: pixel %zu is missing or above the maximum of %u", in->name,
                                  i, top);
            }
        img.data[i] = (channels == 3 ? prismi_luma(v[0], v[1], v[2]) : v[0]) / top;
    }
    *out = img;
    return 0;
}
