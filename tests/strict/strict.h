/* Shared by the files of the strict backend. */
#ifndef TEST_STRICT_H
#define TEST_STRICT_H

#include "prismrec/backend.h"

extern const struct prism_backend prismi_backend_ref;

#define REF prismi_backend_ref.ops
#define FAIL(dev, status, ...)                                                                     \
    (dev)->host->fail((dev)->host->user, status, __FILE__, __LINE__, __VA_ARGS__)

/* What prism_dev.impl points to. */
struct state {
    struct block *blocks;
    struct plan *destroyed;         /* plans kept for the records that may name them */
    struct prism_replay *recording; /* between capture_begin and capture_end, else NULL */
    int records;                    /* alive */
    size_t room;                    /* bytes that may still be allocated */
    size_t calls_left;              /* enqueued calls until the device is lost; SIZE_MAX: never */
};

/* What struct prism_fft, struct prism_conv and struct prism_gather are here. */
struct plan {
    struct prism_dev *dev;
    void *inner;               /* the reference's; NULL once destroyed */
    struct prism_fft_desc fft; /* of a transform; its tables as the kernels see them */
    struct plan *next;
};

enum entry {
    COPY,
    FFT_RUN,
    CONV_FWD,
    CONV_BWD_X,
    CONV_BWD_W,
    GEMM,
    MAP,
    REDUCE,
    WINDOW,
    SUBAPERTURE_FWD,
    SUBAPERTURE_ADJ,
    BLUR,
    POOL_FWD,
    POOL_BWD,
    COPY2D,
    SCATTER_ADD,
    SOFTMAX_FWD,
    SOFTMAX_BWD,
    ARGMAX,
    GATHER_FWD,
    GATHER_ADJ,
    DENSE_FIT,
    NORM_FWD,
    NORM_BWD
};

/* One enqueued call: the entry's arguments by value, addresses as the kernels
 * see them. */
struct call {
    enum entry entry;
    struct plan *plan;
    int op; /* the transform's sign; which map or reduction */
    enum prism_dtype dtype;
    size_t rows, cols; /* copy: cols bytes */
    prism_mem mem[4];  /* operands that are not in args, in the entry's order */
    union {
        struct prism_gemm_desc gemm;
        struct prism_window_desc window;
        struct prism_subaperture_desc subaperture;
        struct prism_blur_desc blur;
        struct prism_pool_desc pool;
        struct prism_copy2d_desc copy2d;
        struct prism_softmax_desc softmax;
        struct prism_dense_fit_desc dense;
        struct prism_norm_desc norm;
    } desc;
    union {
        struct prism_map_args map;
        struct prism_subaperture_args subaperture;
        struct prism_dense_fit_args dense;
        struct prism_norm_args norm;
    } args;
};

/* ---- record.c ---- */

/* Every entry but the void ones asks first: 0, or a failure because the device
 * is lost or (spoiling the capture) because `entry` may not be called during
 * one. */
int strict_ready(struct prism_dev *dev, const char *entry);
/* Where that is all there is to say: the void entries. */
void strict_forbid(struct prism_dev *dev, const char *entry);

/* ---- hints.c: what callers say may be left out is looked at, and left out */

int strict_run_fft(struct prism_dev *dev, const struct call *c);
int strict_check_open(struct prism_dev *dev, const struct call *c);

/* Run the call, or append it to the capture. */
int strict_enqueue(struct prism_dev *dev, const struct call *call);

int strict_capture_begin(struct prism_dev *dev);
int strict_capture_end(struct prism_dev *dev, struct prism_replay **out);
int strict_replay(struct prism_replay *r);
void strict_replay_destroy(struct prism_replay *r);

/* ---- backend_strict.c ---- */

/* The last record is gone: so may be what was kept for it. */
void strict_sweep(struct prism_dev *dev);

#endif
