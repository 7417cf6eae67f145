/* A data set: amplitudes from a source, and their geometry. Computed amplitudes
 * are kept in the device's cache. */
#include "data/simulated.h"
#include "optics/optics_internal.h"
#include "recon/internal.h"
#include "recon/params.h"

#include <math.h>
#include <string.h>

struct prism_dataset {
    struct prism_ctx *ctx;
    struct prism_dataset_params par;
    int n;
    size_t cols;      /* field^2 */
    double *centres;  /* [n][2] */
    double *truth;    /* [O,O], for simulated data only */
    uint64_t hash;    /* hash of parameters, centres, and truth or amplitudes */
    uint64_t version; /* counts changes of the truth */
    const struct prismi_source *source;
    void *state;
    bool computed;         /* the source computes amplitudes when they are read */
    struct prism_dev *dev; /* the device of a simulation */
    double *exact;         /* [cols] */
    float *single;         /* [cols] */
};

/* ---- creation ---- */

/* amplitudes: NULL unless the data are measured. */
static uint64_t hash_all(const struct prism_dataset *ds, const float *amplitudes)
{
    const struct prism_dataset_params *p = &ds->par;
    struct prismi_lines lines = {.n = 0};
    prismi_data_params_lines(&lines, p);
    uint64_t h = prismi_hash64(lines.s, lines.n, 0);
    h = prismi_hash64(ds->centres, 2 * (size_t)ds->n * sizeof(double), h);
    if (!amplitudes)
        return prismi_hash64(ds->truth, (size_t)p->obj_size * p->obj_size * sizeof(double), h);
    return prismi_hash64(amplitudes, (size_t)ds->n * ds->cols * sizeof(float), h);
}

static struct prismi_instrument_params instrument_of(const struct prism_dataset_params *p)
{
    return (struct prismi_instrument_params){.kind = p->instrument,
                                             .grid = p->grid_size,
                                             .obj = p->obj_size,
                                             .field = p->field_size,
                                             .aperture = p->aperture,
                                             .method = p->method,
                                             .propagator = p->propagator,
                                             .distance_m = p->distance_m,
                                             .pitch_m = p->pitch_m,
                                             .wavelength_m = p->wavelength_m};
}

static int check(struct prism_ctx *ctx, const struct prism_dataset_params *p, const double *centres,
                 int n)
{
    PRISM_TRY(prismi_data_params_check(ctx, p));
    if (p->obj_size > p->grid_size)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "%s is %d; it must not be above %s, %d",
                          PRISMI_DATA_NAME(ctx, obj_size), p->obj_size,
                          PRISMI_DATA_NAME(ctx, grid_size), p->grid_size);
    if (p->field_size > p->grid_size)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "%s is %d; it must not be above %s, %d",
                          PRISMI_DATA_NAME(ctx, field_size), p->field_size,
                          PRISMI_DATA_NAME(ctx, grid_size), p->grid_size);
    if (n < 1 || n > PRISMI_PATTERN_MAX)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "a data set of %d samples; 1 to %d are possible", n,
                          PRISMI_PATTERN_MAX);
    PRISM_TRY(prism_aperture_check(ctx, &p->aperture));
    const struct prismi_instrument_params ip = instrument_of(p);
    PRISM_TRY(prismi_instrument_kinds[ip.kind].check(ctx, &ip));
    for (int k = 0; k < n; k++) {
        double cy = centres[2 * k], cx = centres[2 * k + 1];
        if (!isfinite(cy) || !isfinite(cx))
            return PRISM_FAIL(ctx, PRISM_EINVAL, "centre %d is (%g, %g); both must be finite", k,
                              cy, cx);
        if (!prismi_aperture_cover(&p->aperture, p->grid_size, cy, cx, NULL))
            return PRISM_FAIL(ctx, PRISM_EINVAL,
                              "centre %d is (%g, %g): an aperture of radius %g there opens no "
                              "pixel of the %d x %d grid about DC",
                              k, cy, cx, p->aperture.radius_px, p->grid_size, p->grid_size);
    }
    return 0;
}

static void *copy_of(const void *src, size_t n, size_t size)
{
    void *p = prismi_alloc(n, size);
    return p ? memcpy(p, src, n * size) : NULL;
}

/* Fill in zeros and auto. */
static struct prism_dataset_params resolve(const struct prism_dataset_params *given)
{
    struct prism_dataset_params p = given ? *given : (struct prism_dataset_params){0};
    prismi_data_params_resolve(&p);
    if (!p.field_size)
        p.field_size = p.grid_size;
    if (p.propagator == PRISM_PROPAGATOR_AUTO)
        p.propagator = prism_propagator_select(
            prism_fresnel_number(p.obj_size * p.pitch_m / 2, p.distance_m, p.wavelength_m));
    return p;
}

/* The part of creation that measured and simulated data share. */
static int begin(struct prism_ctx *ctx, const struct prism_dataset_params *params,
                 const double *centres, int n, struct prism_dataset **out)
{
    *out = NULL;
    const struct prism_dataset_params p = resolve(params);
    PRISM_TRY(check(ctx, &p, centres, n));
    struct prism_dataset *ds = prismi_alloc(1, sizeof *ds);
    if (!ds)
        return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory for a data set");
    ds->ctx = ctx;
    ds->par = p;
    ds->n = n;
    ds->cols = (size_t)ds->par.field_size * ds->par.field_size;
    ds->centres = copy_of(centres, 2 * (size_t)n, sizeof(double));
    ds->exact = prismi_alloc(ds->cols, sizeof(double));
    ds->single = prismi_alloc(ds->cols, sizeof(float));
    prismi_ctx_retain(ctx, "prism_dataset");
    *out = ds;
    if (ds->centres && ds->exact && ds->single)
        return 0;
    prism_dataset_destroy(out);
    return PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory for a data set of %d samples", n);
}

static int open_source(struct prism_dataset *ds, const struct prismi_source *source,
                       const void *from)
{
    struct prismi_frames frames;
    PRISM_TRY(source->open(ds->ctx, from, &ds->state));
    ds->source = source;
    source->describe(ds->state, &frames);
    ds->computed = frames.computed;
    return 0;
}

int prism_dataset_measured(struct prism_ctx *ctx, const struct prism_dataset_params *params,
                           const float *amplitudes, const double *centres_yx, int n,
                           struct prism_dataset **out)
{
    PRISM_TRY(begin(ctx, params, centres_yx, n, out));
    struct prism_dataset *ds = *out;
    if (!params || params->aperture.radius_px == 0)
        prismi_log(ctx, PRISM_LOG_WARN, "%s is not given; assuming %g px",
                   PRISMI_DATA_NAME(ctx, aperture.radius_px), ds->par.aperture.radius_px);
    const struct prismi_memory from = {.n = n,
                                       .h = ds->par.field_size,
                                       .w = ds->par.field_size,
                                       .amplitudes = amplitudes,
                                       .centres = ds->centres};
    int status = open_source(ds, &prismi_source_memory, &from);
    if (status)
        prism_dataset_destroy(out);
    else
        ds->hash = hash_all(ds, amplitudes);
    return status;
}

static int put_truth(struct prism_dataset *ds, const double *truth)
{
    size_t side = (size_t)ds->par.obj_size, pixels = side * side;
    for (size_t i = 0; i < pixels; i++)
        if (!isfinite(truth[i]))
            return PRISM_FAIL(ds->ctx, PRISM_EINVAL,
                              "the object is %g at (%zu, %zu); it must be finite", truth[i],
                              i / side, i % side);
    PRISM_TRY(prismi_simulated_set_object(ds->state, truth));
    memcpy(ds->truth, truth, pixels * sizeof *truth);
    ds->hash = hash_all(ds, NULL);
    return 0;
}

int prism_dataset_simulate(struct prism_dev *dev, const struct prism_dataset_params *params,
                           const double *truth, const double *centres_yx, int n,
                           struct prism_dataset **out)
{
    struct prism_ctx *ctx = prismi_dev_ctx(dev);
    PRISM_TRY(begin(ctx, params, centres_yx, n, out));
    struct prism_dataset *ds = *out;
    int status;
    size_t pixels = (size_t)ds->par.obj_size * ds->par.obj_size;
    ds->dev = dev;
    ds->truth = prismi_alloc(pixels, sizeof(double));
    if (!ds->truth) {
        status = PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory for an object of %zu pixels", pixels);
        goto out;
    }
    const struct prismi_simulation from = {.dev = dev,
                                           .instrument = instrument_of(&ds->par),
                                           .centres = ds->centres,
                                           .n = n,
                                           .snr_db = ds->par.snr_db,
                                           .seed = ds->par.seed,
                                           .in_double = ds->par.in_double};
    PRISM_TRY_OUT(open_source(ds, &prismi_source_simulated, &from));
    status = put_truth(ds, truth);
out:
    if (status)
        prism_dataset_destroy(out);
    return status;
}

int prism_dataset_set_truth(struct prism_dataset *ds, const double *truth)
{
    if (!ds->truth)
        return PRISM_FAIL(ds->ctx, PRISM_EINVAL,
                          "a data set of measured amplitudes has no object to replace");
    PRISM_TRY(put_truth(ds, truth));
    ds->version++;
    return 0;
}

uint64_t prismi_dataset_truth_version(const struct prism_dataset *ds)
{
    return ds->version;
}

void prism_dataset_destroy(struct prism_dataset **pds)
{
    struct prism_dataset *ds = *pds;
    if (!ds)
        return;
    if (ds->source)
        ds->source->close(&ds->state);
    prismi_free(ds->centres);
    prismi_free(ds->truth);
    prismi_free(ds->exact);
    prismi_free(ds->single);
    prismi_ctx_drop(ds->ctx, "prism_dataset");
    prismi_free(ds);
    *pds = NULL;
}

/* ---- amplitudes ---- */

static struct prism_key key_of(const struct prism_dataset *ds, int k, enum prism_dtype dtype)
{
    const uint64_t parts[] = {ds->hash,
                              ds->version,
                              (uint64_t)k,
                              ds->par.method,
                              prismi_simulated_dtype(ds->dev, ds->par.in_double),
                              dtype};
    const char *backend = prism_dev_backend(ds->dev);
    struct prism_key key = prism_key_init("amplitude");
    prism_key_add(&key, parts, sizeof parts);
    prism_key_add(&key, backend, strlen(backend));
    return key;
}

/* The amplitudes of sample k as F32 or F64, from the cache or the source. */
static int look(struct prism_dataset *ds, int k, enum prism_dtype dtype, const void **out)
{
    void *made = dtype == PRISM_F64 ? (void *)ds->exact : ds->single;
    *out = made;
    if (!ds->computed)
        return ds->source->read(ds->state, k, dtype, made);
    struct prism_cache *cache = prismi_dev_cache(ds->dev);
    const struct prism_key key = key_of(ds, k, dtype);
    const void *kept = prism_cache_get(cache, PRISM_CACHE_MEASUREMENTS, &key, NULL);
    if (!kept) {
        PRISM_TRY(ds->source->read(ds->state, k, dtype, made));
        kept = prism_cache_put(cache, PRISM_CACHE_MEASUREMENTS, &key, made,
                               ds->cols * prism_dtype_size(dtype));
    }
    *out = kept ? kept : made;
    return 0;
}

static int check_index(const struct prism_dataset *ds, int k)
{
    if (k < 0 || k >= ds->n)
        return PRISM_FAIL(ds->ctx, PRISM_EINVAL,
                          "sample %d does not exist; the data set has %d, counted from 0", k,
                          ds->n);
    return 0;
}

int prism_dataset_amplitude(struct prism_dataset *ds, int k, const float **out)
{
    const void *values;
    PRISM_TRY(check_index(ds, k));
    PRISM_TRY(look(ds, k, PRISM_F32, &values));
    *out = values;
    return 0;
}

int prismi_dataset_target(struct prism_dataset *ds, int k, enum prism_dtype dtype, const void **out)
{
    PRISM_TRY(check_index(ds, k));
    return look(ds, k, dtype, out);
}

/* ---- access ---- */

int prism_dataset_count(const struct prism_dataset *ds)
{
    return ds->n;
}

const double *prism_dataset_truth(const struct prism_dataset *ds)
{
    return ds->truth;
}

const double *prism_dataset_centres(const struct prism_dataset *ds)
{
    return ds->centres;
}

const struct prism_dataset_params *prism_dataset_params(const struct prism_dataset *ds)
{
    return &ds->par;
}

struct prismi_instrument_params prismi_dataset_instrument(const struct prism_dataset *ds)
{
    return instrument_of(&ds->par);
}

uint64_t prismi_dataset_hash(const struct prism_dataset *ds)
{
    return ds->hash;
}
