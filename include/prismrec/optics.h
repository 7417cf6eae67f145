/* PRISM: grids, apertures, sampling patterns, propagators and the measurement
 * operator.
 *
 * Conventions (docs/conventions.md): images are row-major [y][x]; positions are
 * (y, x); the centre pixel of n samples is n/2 (integer division) in both
 * spaces; k-space positions are in pixels relative to DC, and may be
 * fractional; k-space pixel p is the spatial frequency p/(n dx). Phases are
 * computed in double. */
#ifndef PRISMREC_OPTICS_H
#define PRISMREC_OPTICS_H

#include "prismrec/ctx.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- grid ---------------------------------------------------------------- */

/* A sampled plane. Value type, immutable by convention. */
struct prism_grid {
    int ny, nx;
    double dy_m, dx_m, wavelength_m;
};

/* Fill *out. Returns 0, PRISM_EINVAL (a size, pitch or wavelength that is not
 * positive and finite). A side that is not a power of two is logged as a
 * warning. */
PRISM_API int prism_grid_create(struct prism_ctx *ctx, int ny, int nx, double dy_m, double dx_m,
                                double wavelength_m, struct prism_grid *out);

/* The position of row i, (i - ny/2) dy, metres. */
PRISM_API double prism_grid_y(const struct prism_grid *g, int i);

/* The position of column j, (j - nx/2) dx, metres. */
PRISM_API double prism_grid_x(const struct prism_grid *g, int j);

/* The frequency of row i, (i - ny/2)/(ny dy), cycles per metre. */
PRISM_API double prism_grid_ky(const struct prism_grid *g, int i);

/* The frequency of column j, (j - nx/2)/(nx dx), cycles per metre. */
PRISM_API double prism_grid_kx(const struct prism_grid *g, int j);

/* The grid with the same pitch and factor times the samples. */
PRISM_API struct prism_grid prism_grid_pad(const struct prism_grid *g, int factor);

/* The grid with the same field and a pitch finer by factor. */
PRISM_API struct prism_grid prism_grid_upsample(const struct prism_grid *g, int factor);

/* The grid in the focal plane of a lens, or after a Fresnel step, of length_m:
 * dx' = wavelength length/(nx dx). */
PRISM_API struct prism_grid prism_grid_lens(const struct prism_grid *g, double length_m);

/* The Fresnel number a^2/(wavelength z) of the half width a at the distance
 * z. */
PRISM_API double prism_fresnel_number(double half_width_m, double distance_m, double wavelength_m);

/* ---- apertures ----------------------------------------------------------- */

/* The open part of an aperture; d is the distance from its centre. */
enum prism_aperture_shape {
    /* d <= radius */
    PRISM_APERTURE_CIRCLE,
    /* inner radius <= d <= radius */
    PRISM_APERTURE_ANNULUS,
    /* A regular hexagon with flats at +-x and vertices on +-y; its side and
     * circumradius are the radius:
     * max(|x|, |x|/2 + sqrt(3)|y|/2) <= radius sqrt(3)/2. */
    PRISM_APERTURE_HEXAGON,
    /* The annulus without the n_spiders vanes, diameters at the angles i pi/n:
     * |x sin - y cos| <= width/2 is blocked. */
    PRISM_APERTURE_OBSCURED,
    PRISM_APERTURE_COUNT
};

/* Lengths in k-space pixels. */
struct prism_aperture {
    enum prism_aperture_shape shape;
    double radius_px, inner_radius_px;
    double spider_width_px; /* 0 = no vanes */
    int n_spiders;
};

/* Check an aperture. Returns 0, PRISM_EINVAL (names the field). An inner radius
 * above half of the outer one is logged as a warning. */
PRISM_API int prism_aperture_check(struct prism_ctx *ctx, const struct prism_aperture *a);

/* Draw a checked aperture with its centre at (cy, cx) into mask [h,w], whose
 * first pixel is at (y0, x0): mask[i][j] is 1 if the position (y0 + i - cy,
 * x0 + j - cx) is open, else 0. Computed in double; edges are open. */
PRISM_API void prism_aperture_render(const struct prism_aperture *a, double cy, double cx, int y0,
                                     int x0, int h, int w, uint8_t *mask);

/* The side of a square box, its centre at box/2, that holds the aperture for
 * every sub-pixel centre: 2 ceil(radius) + 3. */
PRISM_API int prism_aperture_box(const struct prism_aperture *a);

/* ---- sampling patterns --------------------------------------------------- */

enum prism_pattern_kind {
    /* r_i = (R/sqrt(n)) sqrt(i), phi_i = 137.508 deg i, centre (r sin, r cos),
     * i = 0..n-1, r <= cutoff. */
    PRISM_PATTERN_FERMAT,
    /* Uniform in the disc, seeded; the largest radius is moved to the origin;
     * sorted by radius. */
    PRISM_PATTERN_RANDOM,
    /* The origin, then n_angles diameters with points equally spaced out to R,
     * sorted by radius. */
    PRISM_PATTERN_STAR,
    /* Square lattice over the disc, sorted by radius: the n points nearest to
     * the origin. */
    PRISM_PATTERN_RASTER,
    /* Rows "y,x" in k-space pixels; '#' comments and one header line are
     * skipped. */
    PRISM_PATTERN_CSV,
    PRISM_PATTERN_COUNT
};

/* {0} and NULL are the defaults. */
struct prism_pattern_params {
    enum prism_pattern_kind kind;
    int n_samples;          /* 0 = 64 */
    double roi_diameter_px; /* R = half of it; 0 = 128 */
    double cutoff_px;       /* 0 = R */
    int n_angles;           /* star; 0 = 4 */
    uint64_t seed;          /* random; 0 = 1; UINT64_MAX = 0 */
    const char *csv_path;
};

/* Create the centres of a pattern. *centres_yx: [*n][2], malloc'ed, owned by
 * the caller (free()). params: NULL = all defaults. Returns 0,
 * PRISM_EINVAL, PRISM_ENOMEM, PRISM_EIO, PRISM_EPARSE (file:line:column of the
 * value). The same parameters give the same points up to the last bits of the C
 * library's sines. */
PRISM_API int prism_pattern_create(struct prism_ctx *ctx, const struct prism_pattern_params *params,
                                   double **centres_yx, int *n);

struct prism_pattern_stats {
    int n;
    double radius_mean_px, radius_std_px, radius_min_px, radius_max_px; /* std with n-1 */
    double neighbour_mean_px, neighbour_std_px; /* distance to the nearest other centre */
    /* Open pixels of the union within the ROI disc / pixels of the disc, on the
     * [grid,grid] k-space. */
    double coverage;
    /* Mean over centres of (shared pixels with the nearest neighbour)/(pixels
     * of one aperture). */
    double overlap;
    double redundancy;  /* sum of aperture pixels / pixels of the union */
    int pixels_outside; /* aperture pixels lost beyond the grid, over all centres */
};

/* Compute the statistics of n centres with the aperture a on a grid of
 * grid x grid. Returns 0, PRISM_EINVAL, PRISM_ENOMEM. */
PRISM_API int prism_pattern_statistics(struct prism_ctx *ctx, const double *centres_yx, int n,
                                       const struct prism_aperture *a, int grid,
                                       double roi_diameter_px, struct prism_pattern_stats *out);

/* ---- linear operators ---------------------------------------------------- */

/* A linear operator y = A x on device memory, with its exact adjoint. x and y
 * may be real; the adjoint of a complex y then takes the real part.
 * Thread-safety: one thread at a time. */
struct prism_linop;

/* Enqueue y = A x. Returns 0, PRISM_EDEVICE. */
PRISM_API int prism_linop_forward(struct prism_linop *op, prism_mem y, prism_mem x);

/* Enqueue x = A^H y. The contents of y are undefined afterwards. Returns 0,
 * PRISM_EDEVICE. */
PRISM_API int prism_linop_adjoint(struct prism_linop *op, prism_mem x, prism_mem y);

struct prism_linop_shape {
    enum prism_dtype dtype;
    size_t count; /* elements */
};

/* The element types and lengths of x and y. */
PRISM_API void prism_linop_shapes(const struct prism_linop *op, struct prism_linop_shape *x,
                                  struct prism_linop_shape *y);

/* Destroy an operator and set *op to NULL. NULL is allowed. */
PRISM_API void prism_linop_destroy(struct prism_linop **op);

enum prism_propagator {
    PRISM_FRAUNHOFER, /* centred orthonormal DFT; inverse for distance < 0 */
    /* Single transform (Goodman 4-17), output pitch prism_grid_lens(g, |z|);
     * z < 0 is the exact inverse. */
    PRISM_FRESNEL,
    /* Exact transfer function exp(2 pi i z sqrt(1/lambda^2 - k^2)), evanescent
     * frequencies set to 0. */
    PRISM_ANGULAR_SPECTRUM,
    PRISM_PROPAGATOR_COUNT,
    /* in a data set: prism_propagator_select by the object's Fresnel number */
    PRISM_PROPAGATOR_AUTO = PRISM_PROPAGATOR_COUNT
};

/* Create a propagator of a complex field [ny,nx] over distance_m. The object's
 * centre is at (ny/2, nx/2) for even and odd sides. dtype: PRISM_CF32 or
 * PRISM_CF64. Returns 0, PRISM_EINVAL (|z| < wavelength
 * for Fresnel), PRISM_ENOMEM, PRISM_ENOTSUP (dtype), PRISM_EDEVICE. */
PRISM_API int prism_propagator_create(struct prism_dev *dev, enum prism_propagator method,
                                      const struct prism_grid *grid, double distance_m,
                                      enum prism_dtype dtype, struct prism_linop **out);

/* Select a propagator: Fraunhofer below Fresnel number 0.1, else the angular
 * spectrum. */
PRISM_API enum prism_propagator prism_propagator_select(double fresnel_number);

/* ---- instruments --------------------------------------------------------- */

/* The operator between object and detector. A frame is the field that one
 * aperture lets through. */
enum prism_instrument {
    /* The aperture lies in the object's far field: a transform, the aperture, a
     * transform back to a field that may be smaller than the grid (below). */
    PRISM_INSTRUMENT_SUBAPERTURE,
    /* u_k = P^H M_k P x: the object's field propagated over a distance by any
     * propagator, scaled to P^H P = 1, the aperture in the plane reached, and
     * back. Aperture sizes and centres are in pixels of that plane. */
    PRISM_INSTRUMENT_PROPAGATED,
    /* Every frame is the object itself, without an aperture. */
    PRISM_INSTRUMENT_IDENTITY,
    PRISM_INSTRUMENT_COUNT
};

/* ---- measurement: sub-apertures of one object's spectrum ----------------- */

/* u_b = F^-1_m[ P_b . crop_b( F_n x ) ], b = 0..batch-1: the complex field a
 * detector behind aperture index[b] sees; the measured amplitude is |u_b|. x:
 * object [obj_h,obj_w], real or complex, its centre placed on the centre of the
 * [grid_h,grid_w] plane. u: [batch,field_h,field_w] cplx. With field == grid
 * this is F^-1(M F x) with orthonormal centred transforms; with a smaller field
 * the k-space window moves with the aperture and pixel values keep their scale
 * (a constant object keeps its amplitude). Fields are exact up to a phase ramp
 * for apertures off DC, which the modulus removes. */
struct prism_measure;

/* How the object's spectrum is computed inside the apertures. Results agree up
 * to rounding. The time of a transform grows with the grid. Products with parts
 * of DFT matrices depend on object, box and batch alone, and are faster if
 * object and box are small. The way from k-space to the field is always a
 * transform. */
enum prism_measure_method {
    PRISM_MEASURE_AUTO,   /* the faster one, by an estimate from the shapes */
    PRISM_MEASURE_FFT,    /* a transform */
    PRISM_MEASURE_MATRIX, /* products; refused if the matrices need more than 1 GiB */
    PRISM_MEASURE_METHOD_COUNT
};

/* {0} and NULL are the defaults. */
struct prism_measure_params {
    enum prism_dtype dtype; /* real type: PRISM_F32 or PRISM_F64 */
    int grid_h, grid_w;     /* 0 = 128; the same */
    int obj_h, obj_w;       /* 0 = half the grid */
    bool complex_object;
    int field_h, field_w; /* 0 = grid; at most grid */
    int box_h, box_w;     /* pupil box; 0 = grid (any mask) */
    int n_apertures;      /* table size; 0 = 1 */
    int batch;            /* fields per call; 0 = n_apertures */
    enum prism_measure_method method;
};

/* Create a measurement. Its index starts as 0, 1, ..., batch-1. Returns 0,
 * PRISM_EINVAL (names the value), PRISM_ENOMEM, PRISM_ENOTSUP (dtype),
 * PRISM_EDEVICE. */
PRISM_API int prism_measure_create(struct prism_dev *dev, const struct prism_measure_params *params,
                                   struct prism_measure **out);

/* Destroy a measurement and set *m to NULL. NULL is allowed. */
PRISM_API void prism_measure_destroy(struct prism_measure **m);

/* Set entry a of the table to a shape with its centre at (cy, cx); the centre
 * of the box is at the rounded centre. phase_rad: NULL, or the pupil's phase
 * [box_h,box_w] about the centre of the box. Parts outside the grid are lost,
 * never wrapped. Returns 0, PRISM_EINVAL (a is out of range, the aperture is
 * larger than the box, or none of it lies on the grid). */
PRISM_API int prism_measure_set_aperture(struct prism_measure *m, int a,
                                         const struct prism_aperture *shape, double cy, double cx,
                                         const double *phase_rad);

/* Set entry a to any mask [box_h,box_w], in centred order about DC. The box
 * must be as large as the grid. Returns 0, PRISM_EINVAL. */
PRISM_API int prism_measure_set_mask(struct prism_measure *m, int a, const uint8_t *mask);

/* Select the table entries of the next calls: index [batch], each in
 * 0..n_apertures-1. Enqueues a write; allowed between steps. Returns 0,
 * PRISM_EINVAL, PRISM_EDEVICE. */
PRISM_API int prism_measure_set_index(struct prism_measure *m, const int32_t *index);

/* Enqueue the fields u [batch,field_h,field_w] of the object x. Returns 0,
 * PRISM_EDEVICE. */
PRISM_API int prism_measure_forward(struct prism_measure *m, prism_mem u, prism_mem x);

/* Enqueue gx = A^H gu, of which a real object takes the real part. The contents
 * of gu are undefined afterwards. Returns 0, PRISM_EDEVICE. */
PRISM_API int prism_measure_adjoint(struct prism_measure *m, prism_mem gx, prism_mem gu);

/* The current index in device memory, [batch] I32, as misfit() reads it. */
PRISM_API prism_mem prism_measure_index(const struct prism_measure *m);

/* The parameters with their defaults filled in. */
PRISM_API const struct prism_measure_params *prism_measure_params(const struct prism_measure *m);

/* The measurement as a linear operator, destroyed with m. */
PRISM_API struct prism_linop *prism_measure_linop(struct prism_measure *m);

#ifdef __cplusplus
}
#endif
#endif
