/* Blocks of rows on the threads: the loop under reductions, normalisation and
 * misfits. */
#include "backend_cpu/cpu.h"

struct sweep {
    /* block: elements of a block; per_image, per_row: blocks of a row in one
     * image and in all; first: row at which the current chunk starts */
    size_t rows, cols, block, per_image, per_row, first;
    prismi_cpu_block *run;
    const void *arg;
    double *sums;
};

static void sweep_item(const void *arg, size_t item, int thread)
{
    const struct sweep *s = arg;
    size_t row = s->first + item / s->per_row, image = item % s->per_row / s->per_image;
    size_t col = item % s->per_image * s->block;

    (void)thread;
    s->run(s->arg, row, (image * s->rows + row) * s->cols + col,
           s->cols - col < s->block ? s->cols - col : s->block, s->sums + 2 * item);
}

void prismi_cpu_sweep(const struct prism_dev *dev, size_t images, size_t rows, size_t cols,
                      prismi_cpu_block *run, prismi_cpu_row *finish, const void *arg)
{
    const size_t most = images < CPU_PARTIALS ? CPU_PARTIALS / images : 1;
    struct sweep s = {
        .rows = rows, .cols = cols, .block = (cols + most - 1) / most, .run = run, .arg = arg};

    s.block = s.block < CPU_BLOCK ? CPU_BLOCK : s.block;
    s.per_image = (cols + s.block - 1) / s.block;
    s.per_row = images * s.per_image;
    s.sums = prismi_cpu(dev)->partial;
    size_t step = CPU_PARTIALS / s.per_row, n;
    for (; s.first < rows; s.first += n) {
        n = rows - s.first < step ? rows - s.first : step;
        prismi_cpu_for(dev, n * s.per_row, 4.0 * (double)(images * n) * (double)cols, sweep_item,
                       &s);
        for (size_t i = 0; finish && i < n; i++)
            finish(arg, s.first + i, s.sums + 2 * i * s.per_row, s.per_row, s.block);
    }
}
