/* Declarations that the files of the strict backend share. */
#ifndef TEST_STRICT_H
#define TEST_STRICT_H

#include "prismrec/backend.h"

extern const struct prism_backend prismi_backend_ref;

#define REF prismi_backend_ref.ops
#define FAIL(dev, status, ...)                                                                     \
    (dev)->host->fail((dev)->host->user, status, __FILE__, __LINE__, __VA_ARGS__)

/* State of a strict device, prism_dev.impl. */
struct state {
    struct block *blocks;
    struct plan *destroyed;         /* destroyed plans, kept while records may name them */
    struct prism_replay *recording; /* the record being made; NULL outside a capture */
    int records;                    /* records that are alive */
    size_t room;                    /* bytes that may still be allocated */
    size_t calls_left;              /* enqueued calls until the device is lost; SIZE_MAX: never */
};

/* A plan: struct prism_fft, prism_conv and prism_gather are this struct. */
struct plan {
    struct prism_dev *dev;
    void *inner; /* the reference backend's plan; NULL once destroyed */
    /* descriptor of a transform, with its tables as the kernels see them */
    struct prism_fft_desc fft;
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

/* One enqueued call: the entry's arguments by value, with addresses as the
 * kernels see them. */
struct call {
    enum entry entry;
    struct plan *plan;
    int op; /* sign of a transform, map or reduction */
    enum prism_dtype dtype;
    size_t rows, cols; /* a copy has cols bytes */
    prism_mem mem[4];  /* operands that are not in args, in the order of the entry */
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

/* Called first by every entry that returns a status. Returns 0, or fails
 * because the device is lost or because `entry` is not allowed during a
 * capture, which is then spoilt. */
int strict_ready(struct prism_dev *dev, const char *entry);
/* Called first by the void entries, which cannot fail: spoils a capture. */
void strict_forbid(struct prism_dev *dev, const char *entry);

/* ---- hints.c: checks of what callers say may be left out ---- */

int strict_run_fft(struct prism_dev *dev, const struct call *c);
int strict_check_open(struct prism_dev *dev, const struct call *c);

/* Runs the call, or appends it to the capture. */
int strict_enqueue(struct prism_dev *dev, const struct call *call);

int strict_capture_begin(struct prism_dev *dev);
int strict_capture_end(struct prism_dev *dev, struct prism_replay **out);
int strict_replay(struct prism_replay *r);
void strict_replay_destroy(struct prism_replay *r);

/* ---- backend_strict.c ---- */

/* Frees everything that was kept for records, once the last record is gone. */
void strict_sweep(struct prism_dev *dev);

#endif
