/* Pictures written by cameras and by other programs: their sides, and the means
 * of their grey values. Exit status 77 without the pictures. */
#include "prismrec/image.h"
#include "support/support.h"

#include <math.h>

static const struct {
    const char *file;
    int h, w;
    double mean, deviation; /* mean grey value in [0,1], as djpeg writes the picture */
} pictures[] = {
    {"europa.jpg", 1600, 1600, 0.29986, 0.30430},
    {"USAF.jpg", 780, 780, 0.16391, 0.36819},
    {"star.jpg", 625, 625, 0.39378, 0.48142},
    {"retina.jpg", 1411, 1411, 0.35384, 0.20321},
};
enum { COUNT = sizeof pictures / sizeof *pictures, SIZE = 128 };

static void statistics(const double *v, size_t n, double *mean, double *deviation)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += v[i];
    *mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (v[i] - *mean) * (v[i] - *mean);
    *deviation = sqrt(squares / (double)n);
}

/* The object of a picture: amplitudes that fill [0,1]. */
static bool fills(struct prism_ctx *ctx, const struct prism_image *img)
{
    static double object[SIZE * SIZE];
    double least = 1, most = 0;
    if (prism_image_to_object(ctx, img, SIZE, false, object))
        return false;
    for (int i = 0; i < SIZE * SIZE; i++) {
        least = fmin(least, object[i]);
        most = fmax(most, object[i]);
    }
    return least == 0 && most == 1;
}

int main(void)
{
    char path[COUNT][1024];
    for (int i = 0; i < COUNT; i++) {
        char name[64];
        snprintf(name, sizeof name, "data/%s", pictures[i].file);
        if (!support_shared(name, path[i], sizeof path[i]))
            return 77;
    }
    struct prism_ctx *ctx = open_ctx();
    int bad = 0;
    for (int i = 0; i < COUNT; i++) {
        struct prism_image img;
        double mean = NAN, deviation = NAN;
        bool good = !prism_image_load(ctx, path[i], &img);
        if (good) {
            statistics(img.data, (size_t)img.h * (size_t)img.w, &mean, &deviation);
            good = img.h == pictures[i].h && img.w == pictures[i].w && img.bits == 8 &&
                   fabs(mean - pictures[i].mean) < 1e-3 &&
                   fabs(deviation - pictures[i].deviation) < 1e-3 && fills(ctx, &img);
            free(img.data);
        }
        printf("%s %d - %s: mean %.4f, deviation %.4f\n", good ? "ok" : "not ok", i + 1,
               pictures[i].file, mean, deviation);
        bad += !good;
    }
    printf("1..%d\n", COUNT);
    prism_ctx_destroy(&ctx);
    return bad != 0;
}
