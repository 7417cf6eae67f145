/* Strided copy of the CPU backend; rows are cut into pieces. */
#include "backend_cpu/cpu.h"

#include <string.h>

enum { PIECE = 1 << 16 }; /* bytes */

struct copy_run {
    unsigned char *y;
    const unsigned char *x;
    size_t row, ldy, ldx, pieces; /* row, ldy and ldx in bytes; pieces per row */
};

static void copy_piece(const void *arg, size_t item, int thread)
{
    const struct copy_run *c = arg;
    const size_t r = item / c->pieces, at = item % c->pieces * PIECE;

    (void)thread;
    memcpy(c->y + r * c->ldy + at, c->x + r * c->ldx + at,
           c->row - at < PIECE ? c->row - at : PIECE);
}

int prismi_cpu_copy2d(struct prism_dev *dev, const struct prism_copy2d_desc *d, prism_mem y,
                      prism_mem x)
{
    const size_t size = prism_dtype_size(d->dtype), row = d->cols * size;
    const struct copy_run c = {y, x, row, d->ldy * size, d->ldx * size, (row + PIECE - 1) / PIECE};

    prismi_cpu_for(dev, d->rows * c.pieces, (double)d->rows * (double)d->cols, copy_piece, &c);
    return 0;
}
