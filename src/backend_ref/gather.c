/* Weighted gather, its adjoint, and weighted scatter-add, written as their
 * definitions, in the reference backend. */
#include "ref.h"

#include <stdlib.h>
#include <string.h>

struct prism_gather {
    struct prism_gather_desc desc;
    int32_t *index; /* [ny,k]; -1 leaves a term out */
    double *weight;
};

#define TMPL "gather_tmpl.h"
#include "both.h"

int prismi_ref_gather_create(struct prism_dev *dev, const struct prism_gather_desc *d,
                             const int32_t *index, const double *weight, struct prism_gather **out)
{
    size_t n = d->ny * (size_t)d->k;
    struct prism_gather *g = calloc(1, sizeof *g);

    *out = NULL;
    if (g) {
        g->desc = *d;
        g->index = malloc(n * sizeof *g->index);
        g->weight = malloc(n * sizeof *g->weight);
    }
    if (!g || !g->index || !g->weight) {
        prismi_ref_gather_destroy(g);
        return REF_FAIL(dev, PRISM_ENOMEM, "no memory for the tables of a gather of %zu terms", n);
    }
    memcpy(g->index, index, n * sizeof *index);
    memcpy(g->weight, weight, n * sizeof *weight);
    *out = g;
    return 0;
}

int prismi_ref_gather_fwd(struct prism_gather *g, prism_mem y, prism_mem x)
{
    REF_CALL(g->desc.dtype, gather_fwd, g, (void *)y, (void *)x);
    return 0;
}

int prismi_ref_gather_adj(struct prism_gather *g, prism_mem gx, prism_mem gy)
{
    REF_CALL(g->desc.dtype, gather_adj, g, (void *)gx, (void *)gy);
    return 0;
}

void prismi_ref_gather_destroy(struct prism_gather *g)
{
    if (!g)
        return;
    free(g->index);
    free(g->weight);
    free(g);
}

int prismi_ref_scatter_add(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y,
                           prism_mem x, prism_mem weight)
{
    (void)dev;
    REF_CALL(d->dtype, scatter_add, d, (void *)y, (void *)x, (void *)weight);
    return 0;
}
