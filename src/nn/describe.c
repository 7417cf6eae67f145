/* Describes a node in words. Weight files contain these lines. */
#include "nn/layer.h"

#include <stdio.h>

void prismi_layer_describe(const struct prismi_layer *l, char line[PRISMI_LINE_MAX])
{
    /* a convolution or dense layer, whose act belongs to another node */
    const bool convolves = l->conv.cout > 0;
    const struct {
        const char *name;
        int value;
    } part[] = {{"channels", convolves ? l->conv.cout : l->size},
                {"kind", (int)l->pool.kind},
                {"k", l->conv.k + l->pool.k},
                {"stride", l->conv.stride + l->pool.stride},
                {"pad", l->conv.pad + l->pool.pad},
                {"transposed", l->conv.transposed},
                {"bias", l->conv.bias},
                {"act", convolves ? 0 : (int)l->act},
                {"from", l->from[0] > 1 ? l->from[0] : 0},
                {"and", l->from[1]}};
    int at = snprintf(line, PRISMI_LINE_MAX, "%s", l->ops->name);
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        if (part[i].value && at < PRISMI_LINE_MAX)
            at += snprintf(line + at, (size_t)(PRISMI_LINE_MAX - at), " %s %d", part[i].name,
                           part[i].value);
}
