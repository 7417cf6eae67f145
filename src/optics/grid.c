/* Sampling grids: positions, frequencies, and the grids made from a grid. */
#include "optics/optics_internal.h"

#include <math.h>

int prismi_grid_check(struct prism_ctx *ctx, const struct prism_grid *g)
{
    const struct {
        const char *name;
        double value;
    } given[] = {{"ny", g->ny},
                 {"nx", g->nx},
                 {"dy_m", g->dy_m},
                 {"dx_m", g->dx_m},
                 {"wavelength_m", g->wavelength_m}};

    for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++)
        if (!(given[i].value > 0) || !isfinite(given[i].value))
            return PRISM_FAIL(ctx, PRISM_EINVAL, "grid: %s is %g; give a positive, finite number",
                              given[i].name, given[i].value);
    return 0;
}

int prism_grid_create(struct prism_ctx *ctx, int ny, int nx, double dy_m, double dx_m,
                      double wavelength_m, struct prism_grid *out)
{
    const struct prism_grid g = {ny, nx, dy_m, dx_m, wavelength_m};

    PRISM_TRY(prismi_grid_check(ctx, &g));
    if ((ny & (ny - 1)) || (nx & (nx - 1)))
        prismi_log(ctx, PRISM_LOG_WARN,
                   "grid: %d x %d samples; transforms are fastest when both are powers of two", ny,
                   nx);
    *out = g;
    return 0;
}

double prism_grid_y(const struct prism_grid *g, int i)
{
    return (i - g->ny / 2) * g->dy_m;
}

double prism_grid_x(const struct prism_grid *g, int j)
{
    return (j - g->nx / 2) * g->dx_m;
}

double prism_grid_ky(const struct prism_grid *g, int i)
{
    return (i - g->ny / 2) / (g->ny * g->dy_m);
}

double prism_grid_kx(const struct prism_grid *g, int j)
{
    return (j - g->nx / 2) / (g->nx * g->dx_m);
}

struct prism_grid prism_grid_pad(const struct prism_grid *g, int factor)
{
    struct prism_grid r = *g;
    r.ny *= factor;
    r.nx *= factor;
    return r;
}

struct prism_grid prism_grid_upsample(const struct prism_grid *g, int factor)
{
    struct prism_grid r = prism_grid_pad(g, factor);
    r.dy_m /= factor;
    r.dx_m /= factor;
    return r;
}

struct prism_grid prism_grid_lens(const struct prism_grid *g, double length_m)
{
    struct prism_grid r = *g;
    r.dy_m = g->wavelength_m * length_m / (g->ny * g->dy_m);
    r.dx_m = g->wavelength_m * length_m / (g->nx * g->dx_m);
    return r;
}

double prism_fresnel_number(double half_width_m, double distance_m, double wavelength_m)
{
    return half_width_m * half_width_m / (wavelength_m * distance_m);
}
