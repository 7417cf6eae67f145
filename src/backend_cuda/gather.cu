/* Weighted gather of the CUDA backend. Both directions gather: the adjoint
 * reads the transposed table, so no thread waits for another and sums keep
 * their order. A thread computes one output of several planes, so the tables,
 * which are as large as a few planes, are read once for all of them.
 * scatter_add has one thread per element of x. */
#include "backend_cuda/cu.h"

#include <stdlib.h>

struct prism_gather {
    struct prism_dev *dev;
    struct prism_gather_desc d;
    unsigned char *tables;         /* one device block that holds all arrays below */
    int *start, *from, *index;     /* start [nx + 1], from [terms], index [k,ny] */
    unsigned char *share, *weight; /* real: weights that belong to from and to index */
};

namespace
{
enum { THREADS = 256 };
const int GRID_PLANES = 1024;

template <class T>
__global__ void gather_fwd_kernel(int planes, size_t nx, size_t ny, int k, T *__restrict__ y,
                                  const T *__restrict__ x, const int *__restrict__ index,
                                  const T *__restrict__ weight)
{
    const size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;

    for (int p = blockIdx.y; p < planes && i < ny; p += gridDim.y) {
        T sum = 0;
        for (int t = 0; t < k; t++) {
            const int j = index[t * ny + i];
            if (j >= 0)
                sum += weight[t * ny + i] * x[p * nx + j];
        }
        y[p * ny + i] = sum;
    }
}

template <class T>
__global__ void gather_adj_kernel(int planes, size_t nx, size_t ny, T *__restrict__ gx,
                                  const T *__restrict__ gy, const int *__restrict__ start,
                                  const int *__restrict__ from, const T *__restrict__ share)
{
    const size_t j = (size_t)blockIdx.x * THREADS + threadIdx.x;

    for (int p = blockIdx.y; p < planes && j < nx; p += gridDim.y) {
        T sum = 0;
        for (int t = start[j]; t < start[j + 1]; t++)
            sum += share[t] * gy[p * ny + from[t]];
        gx[p * nx + j] = sum;
    }
}

template <class T>
__global__ void scatter_kernel(struct prism_window_desc d, T *__restrict__ y,
                               const T *__restrict__ x, const T *__restrict__ weight)
{
    const int j = blockIdx.x * 32 + threadIdx.x, i = blockIdx.y * 8 + threadIdx.y;
    const int row = i + d.dy, col = j + d.dx;
    const bool there = j < d.wx && i < d.hx && row >= 0 && row < d.hy && col >= 0 && col < d.wy;

    for (int p = blockIdx.z; p < d.planes && there; p += gridDim.z)
        y[((size_t)p * d.hy + row) * d.wy + col] +=
            weight[i * d.wx + j] * x[((size_t)p * d.hx + i) * d.wx + j];
}

template <class T> int fwd(struct prism_gather *g, prism_mem y, prism_mem x)
{
    const dim3 grid(cu_blocks(g->d.ny, THREADS),
                    g->d.planes < GRID_PLANES ? g->d.planes : GRID_PLANES);

    return cu_launch(g->dev, "a gather", gather_fwd_kernel<T>, grid, dim3(THREADS), g->d.planes,
                     g->d.nx, g->d.ny, g->d.k, (T *)y, (const T *)x, g->index,
                     (const T *)g->weight);
}

template <class T> int adj(struct prism_gather *g, prism_mem gx, prism_mem gy)
{
    const dim3 grid(cu_blocks(g->d.nx, THREADS),
                    g->d.planes < GRID_PLANES ? g->d.planes : GRID_PLANES);

    return cu_launch(g->dev, "the adjoint of a gather", gather_adj_kernel<T>, grid, dim3(THREADS),
                     g->d.planes, g->d.nx, g->d.ny, (T *)gx, (const T *)gy, g->start, g->from,
                     (const T *)g->share);
}

template <class T>
int scatter(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y, prism_mem x,
            prism_mem weight)
{
    const dim3 grid(cu_blocks(d->wx, 32), cu_blocks(d->hx, 8),
                    d->planes < GRID_PLANES ? d->planes : GRID_PLANES);

    return cu_launch(dev, "adding a window", scatter_kernel<T>, grid, dim3(32, 8), *d, (T *)y,
                     (const T *)x, (const T *)weight);
}

size_t table_bytes(const struct prism_gather_desc *d)
{
    const size_t terms = d->ny * (size_t)d->k;

    return 2 * terms * (prism_dtype_size(d->dtype) + sizeof(int)) + (d->nx + 1) * sizeof(int);
}

/* Lays the tables out in their block. */
void lay_out(struct prism_gather *g)
{
    const size_t terms = g->d.ny * (size_t)g->d.k, real = prism_dtype_size(g->d.dtype);

    g->share = g->tables;
    g->weight = g->share + terms * real;
    g->start = (int *)(g->weight + terms * real);
    g->from = g->start + g->d.nx + 1;
    g->index = g->from + terms;
}

template <class T>
void fill(const struct prism_gather *g, const int32_t *index, const double *weight)
{
    const size_t ny = g->d.ny, k = g->d.k, terms = ny * k;
    T *share = (T *)g->share, *own = (T *)g->weight;

    for (size_t t = 0; t < terms; t++) {
        g->index[t % k * ny + t / k] = index[t];
        own[t % k * ny + t / k] = (T)weight[t];
        if (index[t] >= 0)
            g->start[index[t] + 1]++;
    }
    for (size_t j = 0; j < g->d.nx; j++)
        g->start[j + 1] += g->start[j];
    for (size_t t = 0; t < terms; t++)
        if (index[t] >= 0) {
            const int at = g->start[index[t]]++;
            g->from[at] = (int)(t / k);
            share[at] = (T)weight[t];
        }
    /* the loop above moved each start to the place of the next one */
    for (size_t j = g->d.nx; j > 0; j--)
        g->start[j] = g->start[j - 1];
    g->start[0] = 0;
}

/* Makes the tables on the host, then copies them to the device. */
int make_tables(struct prism_gather *g, const int32_t *index, const double *weight)
{
    struct prism_gather host = *g;
    const size_t bytes = table_bytes(&g->d);
    void *tables = NULL;
    int status;

    host.tables = (unsigned char *)calloc(1, bytes);
    if (!host.tables)
        return CU_FAIL(g->dev, PRISM_ENOMEM, "no memory for the tables of a gather of %zu terms",
                       g->d.ny * (size_t)g->d.k);
    lay_out(&host);
    if (g->d.dtype == PRISM_F64)
        fill<double>(&host, index, weight);
    else
        fill<float>(&host, index, weight);
    status = cu_alloc(g->dev, bytes, "the tables of a gather", &tables);
    if (!status) {
        g->tables = (unsigned char *)tables;
        lay_out(g);
        status = cu_device_write(g->dev, g->tables, host.tables, bytes);
    }
    free(host.tables);
    return status;
}
} // namespace

int cu_gather_create(struct prism_dev *dev, const struct prism_gather_desc *d, const int32_t *index,
                     const double *weight, struct prism_gather **out)
{
    struct prism_gather *g = (struct prism_gather *)calloc(1, sizeof *g);
    int status;

    *out = NULL;
    if (!g)
        return CU_FAIL(dev, PRISM_ENOMEM, "no memory for the plan of a gather");
    g->dev = dev;
    g->d = *d;
    status = make_tables(g, index, weight);
    if (status)
        cu_gather_destroy(g);
    else
        *out = g;
    return status;
}

int cu_gather_fwd(struct prism_gather *g, prism_mem y, prism_mem x)
{
    return g->d.dtype == PRISM_F64 ? fwd<double>(g, y, x) : fwd<float>(g, y, x);
}

int cu_gather_adj(struct prism_gather *g, prism_mem gx, prism_mem gy)
{
    return g->d.dtype == PRISM_F64 ? adj<double>(g, gx, gy) : adj<float>(g, gx, gy);
}

void cu_gather_destroy(struct prism_gather *g)
{
    if (!g)
        return;
    cu_free(g->dev, g->tables);
    free(g);
}

int cu_scatter_add(struct prism_dev *dev, const struct prism_window_desc *d, prism_mem y,
                   prism_mem x, prism_mem weight)
{
    return d->dtype == PRISM_F64 ? scatter<double>(dev, d, y, x, weight)
                                 : scatter<float>(dev, d, y, x, weight);
}
