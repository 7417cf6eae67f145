/* The built-in objects: the list by name, point sources, and a cratered
 * moon. */
#include "image/targets.h"
#include "core/internal.h"
#include "prismrec/image.h"

#include <math.h>
#include <string.h>

enum { MIN_SIZE = 16, MAX_SIZE = 16384 };

/* The random values of one object, taken in order. */
struct source {
    uint64_t seed, next;
};

static double uniform(struct source *s, double lo, double hi)
{
    return lo + (hi - lo) * prismi_rng_uniform(s->seed, PRISMI_STREAM_OBJECT, s->next++);
}

/* ---- points ---- */

static void draw_points(int size, uint64_t seed, double *out)
{
    static const double brightness[] = {1, 0.8, 0.6, 0.45, 0.3};
    enum { COUNT = 30 };
    struct source s = {seed, 0};
    double sigma = fmax(0.6, size / 256.0);
    int reach = (int)ceil(5 * sigma);
    for (int i = 0; i < COUNT; i++) {
        double r = 0.42 * size * sqrt(uniform(&s, 0, 1)),
               angle = uniform(&s, 0, 2 * 3.14159265358979323846);
        double cy = size / 2 + r * sin(angle), cx = size / 2 + r * cos(angle);
        for (int y = (int)cy - reach; y <= (int)cy + reach; y++)
            for (int x = (int)cx - reach; x <= (int)cx + reach; x++) {
                if (y < 0 || x < 0 || y >= size || x >= size)
                    continue;
                double d2 = (y - cy) * (y - cy) + (x - cx) * (x - cx);
                double *p = out + (size_t)y * (size_t)size + (size_t)x;
                *p = fmin(1, *p + brightness[i % 5] * exp(-d2 / (2 * sigma * sigma)));
            }
    }
}

/* ---- moon ----
 *
 * A sphere seen from far away, lit from the upper left. Heights (craters and
 * noise, in moon radii) are summed on the pixel grid and tilt the normals. The
 * albedo has dark plains and the bright ejecta of young craters. */

enum { LATTICE = 32, CRATERS = 700 };

struct moon {
    int size;
    double radius_px;
    double *height, *albedo; /* [size,size] */
    double *lattice;         /* [LATTICE^3] noise values in [-1,1] */
};

static double lattice_at(const struct moon *m, int x, int y, int z)
{
    size_t i = (((size_t)(z & (LATTICE - 1)) * LATTICE) + (size_t)(y & (LATTICE - 1))) * LATTICE +
               (size_t)(x & (LATTICE - 1));
    return m->lattice[i];
}

static double mix(double a, double b, double t)
{
    return a + (b - a) * t;
}

static double value_noise(const struct moon *m, const double p[3])
{
    int i[3];
    double f[3];
    for (int k = 0; k < 3; k++) {
        i[k] = (int)floor(p[k]);
        f[k] = p[k] - i[k];
        f[k] *= f[k] * (3 - 2 * f[k]);
    }
    double plane[2];
    for (int z = 0; z < 2; z++) {
        double low =
            mix(lattice_at(m, i[0], i[1], i[2] + z), lattice_at(m, i[0] + 1, i[1], i[2] + z), f[0]);
        double high = mix(lattice_at(m, i[0], i[1] + 1, i[2] + z),
                          lattice_at(m, i[0] + 1, i[1] + 1, i[2] + z), f[0]);
        plane[z] = mix(low, high, f[1]);
    }
    return mix(plane[0], plane[1], f[2]);
}

static double fractal_noise(const struct moon *m, const double v[3], double frequency, int octaves)
{
    double sum = 0, gain = 1;
    for (int k = 0; k < octaves; k++, gain *= 0.5, frequency *= 2.03) {
        double p[3] = {v[0] * frequency + 5.2 * k, v[1] * frequency + 1.7 * k,
                       v[2] * frequency + 9.1 * k};
        sum += gain * value_noise(m, p);
    }
    return sum;
}

/* The unit vector of the surface under a pixel; z points to the viewer. False
 * outside the disc. */
static bool surface(const struct moon *m, int y, int x, double v[3])
{
    v[0] = (x - m->size / 2) / m->radius_px;
    v[1] = (y - m->size / 2) / m->radius_px;
    double z2 = 1 - v[0] * v[0] - v[1] * v[1];
    v[2] = z2 > 0 ? sqrt(z2) : 0;
    return z2 > 0;
}

/* Profile of a crater at distance d from its centre (1 = rim): a bowl with a
 * flat floor, a raised rim, a falling blanket of ejecta. */
static double crater_height(double d)
{
    if (d < 1)
        return fmax(-1, 1.9 * d * d - 1.6);
    return 0.3 * exp(-4 * (d - 1));
}

static void dig(struct moon *m, struct source *s)
{
    double c[3], angle = uniform(s, 0, 2 * 3.14159265358979323846);
    c[2] = uniform(s, 0.02, 1); /* uniform over the visible half */
    c[0] = sqrt(1 - c[2] * c[2]) * cos(angle);
    c[1] = sqrt(1 - c[2] * c[2]) * sin(angle);
    double rim = fmin(0.17, 0.012 * pow(uniform(s, 0.002, 1), -0.5)); /* many small, few large */
    double depth = 0.14 * rim * pow(0.05 / fmax(rim, 0.05), 0.6), fresh = uniform(s, 0, 1);
    double rays = 5 + floor(uniform(s, 0, 6)), phase = uniform(s, 0, 6);
    double reach = fresh > 0.97 ? 6 : 2.2;
    int half = (int)ceil(reach * rim * m->radius_px) + 1;
    int cy = (int)lround(m->size / 2 + c[1] * m->radius_px),
        cx = (int)lround(m->size / 2 + c[0] * m->radius_px);
    for (int y = cy - half; y <= cy + half; y++)
        for (int x = cx - half; x <= cx + half; x++) {
            double v[3];
            if (y < 0 || x < 0 || y >= m->size || x >= m->size || !surface(m, y, x, v))
                continue;
            double e[3] = {v[0] - c[0], v[1] - c[1], v[2] - c[2]};
            double d = sqrt(e[0] * e[0] + e[1] * e[1] + e[2] * e[2]) / rim;
            size_t i = (size_t)y * (size_t)m->size + (size_t)x;
            if (d < 2.2)
                m->height[i] += depth * crater_height(d);
            if (fresh > 0.97 && d < reach) {
                double streak = pow(0.5 + 0.5 * cos(rays * atan2(e[1], e[0]) + phase), 3);
                m->albedo[i] += 0.22 * (1 - d / reach) * (d < 1.3 ? 1 : streak);
            }
        }
}

static void terrain(struct moon *m, struct source *s)
{
    for (size_t i = 0; i < (size_t)LATTICE * LATTICE * LATTICE; i++)
        m->lattice[i] = uniform(s, -1, 1);
    for (int y = 0; y < m->size; y++)
        for (int x = 0; x < m->size; x++) {
            double v[3];
            size_t i = (size_t)y * (size_t)m->size + (size_t)x;
            if (!surface(m, y, x, v))
                continue;
            /* negative on plains, positive on highlands, with a soft edge */
            double plain = fractal_noise(m, v, 1.6, 5) + 0.1;
            double highland = 1 / (1 + exp(-9 * plain));
            m->albedo[i] = 0.48 + 0.34 * highland + 0.05 * fractal_noise(m, v, 9, 4);
            m->height[i] = (0.25 + highland) * 0.006 * fractal_noise(m, v, 7, 6);
        }
    for (int k = 0; k < CRATERS; k++)
        dig(m, s);
}

/* Amplitude of a pixel: the square root of its brightness. */
static double shade(const struct moon *m, int y, int x)
{
    static const double light[3] = {-0.50, -0.42, 0.757};
    double v[3], far[3];
    if (!surface(m, y, x, v))
        return 0;
    size_t i = (size_t)y * (size_t)m->size + (size_t)x;
    double dx = surface(m, y, x + 1, far) ? (m->height[i + 1] - m->height[i]) * m->radius_px : 0;
    double dy = surface(m, y + 1, x, far)
                    ? (m->height[i + (size_t)m->size] - m->height[i]) * m->radius_px
                    : 0;
    double lit =
        v[0] * light[0] + v[1] * light[1] + v[2] * light[2] - dx * light[0] - dy * light[1];
    double ambient = 0.05, limb = 0.45 + 0.55 * sqrt(v[2]);
    /* the rim fades over one pixel */
    double edge = fmin(1, (1 - hypot(v[0], v[1])) * m->radius_px);
    return sqrt(fmin(1, edge * m->albedo[i] * limb * (ambient + 1.15 * fmax(0, lit))));
}

static int draw_moon(struct prism_ctx *ctx, int size, uint64_t seed, double *out)
{
    size_t n = (size_t)size * (size_t)size;
    struct moon m = {.size = size, .radius_px = 0.44 * size};
    struct source s = {seed, 0};
    m.height = prismi_alloc(n, sizeof *m.height);
    m.albedo = prismi_alloc(n, sizeof *m.albedo);
    m.lattice = prismi_alloc((size_t)LATTICE * LATTICE * LATTICE, sizeof *m.lattice);
    int status = 0;
    if (m.height && m.albedo && m.lattice) {
        terrain(&m, &s);
        for (size_t i = 0; i < n; i++)
            out[i] = shade(&m, (int)(i / (size_t)size), (int)(i % (size_t)size));
    } else {
        status =
            PRISM_FAIL(ctx, PRISM_ENOMEM, "no memory to draw a moon of %d x %d pixels", size, size);
    }
    prismi_free(m.height);
    prismi_free(m.albedo);
    prismi_free(m.lattice);
    return status;
}

/* ---- by name ---- */

static const char *const names[] = {"usaf", "siemens", "points", "moon", NULL};

const char *const *prism_object_builtin_names(void)
{
    return names;
}

int prism_object_builtin(struct prism_ctx *ctx, const char *name, int size, uint64_t seed,
                         double *out)
{
    int which = 0;
    while (names[which] && strcmp(names[which], name))
        which++;
    if (!names[which])
        return PRISM_FAIL(ctx, PRISM_EINVAL,
                          "no built-in object \"%s\"; there are usaf, siemens, points and moon",
                          name);
    if (size < MIN_SIZE || size > MAX_SIZE)
        return PRISM_FAIL(ctx, PRISM_EINVAL, "a built-in object of size %d; sizes are %d to %d",
                          size, MIN_SIZE, MAX_SIZE);
    memset(out, 0, (size_t)size * (size_t)size * sizeof *out);
    switch (which) {
    case 0:
        prismi_object_usaf(size, out);
        return 0;
    case 1:
        prismi_object_siemens(size, out);
        return 0;
    case 2:
        draw_points(size, seed, out);
        return 0;
    default:
        return draw_moon(ctx, size, seed, out);
    }
}
