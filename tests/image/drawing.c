/* The canvas and the charts. */
#include "draw/canvas.h"
#include "draw/svg.h"
#include "image_check.h"

static const struct prismi_rgb black = {0, 0, 0}, white = {255, 255, 255}, red = {255, 0, 0};

static struct prismi_canvas *canvas(int h, int w)
{
    struct prismi_canvas *c;
    ck_ok(prismi_canvas_create(ctx, h, w, black, &c));
    return c;
}

static bool is(const struct prismi_canvas *c, int y, int x, struct prismi_rgb want)
{
    const uint8_t *p = c->rgb + 3 * (y * c->w + x);
    return p[0] == want.r && p[1] == want.g && p[2] == want.b;
}

/* Pixels that are not black, in a box and on the whole canvas. */
static int lit(const struct prismi_canvas *c, struct prismi_rect b)
{
    int n = 0;
    for (int y = b.y; y < b.y + b.h; y++)
        for (int x = b.x; x < b.x + b.w; x++)
            n += y >= 0 && x >= 0 && y < c->h && x < c->w && !is(c, y, x, black);
    return n;
}

static int all_lit(const struct prismi_canvas *c)
{
    return lit(c, (struct prismi_rect){0, 0, c->h, c->w});
}

START_TEST(text_stays_in_its_box)
{
    for (int scale = 1; scale <= 3; scale++)
        for (int ch = 32; ch <= 130; ch++) {
            char text[3] = {(char)ch, 'x', 0};
            struct prismi_canvas *c = canvas(60, 80);
            prismi_canvas_text(c, 11, 7, scale, white, text);
            struct prismi_rect box = {11, 7, PRISMI_GLYPH_H * scale,
                                      prismi_canvas_text_width(text, scale)};
            int n = lit(c, box);
            ck_assert(box.w == 2 * PRISMI_GLYPH_W * scale && n == all_lit(c) &&
                      n % (scale * scale) == 0);
            int first = lit(c, (struct prismi_rect){11, 7, box.h, PRISMI_GLYPH_W * scale});
            ck_assert_msg((first > 0) == (ch != ' '), "character %d", ch);
            prismi_canvas_destroy(&c);
        }
}
END_TEST

START_TEST(drawing_is_clipped)
{
    struct prismi_canvas *c = canvas(20, 30);
    double data[6] = {0, 1, 2, 3, 4, NAN};
    uint8_t mask[4] = {1, 0, 0, 1};
    static const struct prismi_rect boxes[] = {
        {-5, -5, 10, 10}, {15, 25, 100, 100}, {-50, 3, 20, 5},   {3, 40, 5, 5},
        {0, 0, 0, 0},     {4, 4, -3, 7},      {-3, -3, 200, 300}};
    for (size_t i = 0; i < sizeof boxes / sizeof *boxes; i++) {
        prismi_canvas_fill(c, boxes[i], white);
        prismi_canvas_frame(c, boxes[i], red);
        prismi_canvas_tint(c, boxes[i], mask, 2, 2, red, 0.5);
        for (int smooth = 0; smooth < 2; smooth++)
            ck_ok(
                prismi_canvas_image(c, boxes[i], data, 2, 3, 0, 4, PRISMI_PALETTE_VIRIDIS, smooth));
    }
    prismi_canvas_line(c, -10, -10, 40, 50, white);
    prismi_canvas_circle(c, 10, 15, 500, white);
    prismi_canvas_circle(c, 0, 0, 0, white);
    prismi_canvas_text(c, -4, -20, 2, white, "clipped on every side, and far beyond the right one");
    prismi_canvas_destroy(&c);
    prismi_canvas_destroy(&c);
    ck_assert_int_eq(prismi_canvas_create(ctx, 0, 5, black, &c), PRISM_EINVAL);
    ck_assert_int_eq(prismi_canvas_create(ctx, 5, 16385, black, &c), PRISM_EINVAL);
    ck_assert_ptr_null(c);
}
END_TEST

START_TEST(shapes_fill_their_pixels)
{
    struct prismi_canvas *c = canvas(41, 41);
    prismi_canvas_fill(c, (struct prismi_rect){2, 3, 4, 5}, white);
    ck_assert_int_eq(all_lit(c), 20);
    ck_assert(is(c, 2, 3, white) && is(c, 5, 7, white) && is(c, 6, 7, black));
    prismi_canvas_fill(c, (struct prismi_rect){0, 0, 41, 41}, black);
    prismi_canvas_frame(c, (struct prismi_rect){10, 10, 6, 7}, red);
    ck_assert_int_eq(all_lit(c), 2 * 6 + 2 * 7 - 4);
    prismi_canvas_fill(c, (struct prismi_rect){0, 0, 41, 41}, black);
    prismi_canvas_line(c, 5, 5, 5, 30, white);
    prismi_canvas_line(c, 6, 7, 26, 7, white);
    ck_assert_int_eq(all_lit(c), 26 + 21);
    prismi_canvas_fill(c, (struct prismi_rect){0, 0, 41, 41}, black);
    prismi_canvas_circle(c, 20, 20, 12, white);
    for (int y = 0; y < 41; y++)
        for (int x = 0; x < 41; x++)
            ck_assert(is(c, y, x, black) || fabs(hypot(y - 20, x - 20) - 12) < 0.75);
    ck_assert(is(c, 8, 20, white) && is(c, 32, 20, white) && is(c, 20, 8, white) &&
              is(c, 20, 32, white) && all_lit(c) >= 60);
    prismi_canvas_destroy(&c);
}
END_TEST

START_TEST(data_take_the_colours_of_palettes)
{
    struct prismi_canvas *c = canvas(4, 8);
    struct prismi_rect box = {0, 0, 4, 8};
    double data[4] = {0, 1, 0.5, 7};
    ck_ok(prismi_canvas_image(c, box, data, 2, 2, 0, 1, PRISMI_PALETTE_GREY, false));
    ck_assert(is(c, 0, 0, black) && is(c, 1, 7, white) &&
              is(c, 3, 0, (struct prismi_rgb){128, 128, 128}) && is(c, 2, 4, white));
    ck_ok(prismi_canvas_image(c, box, data, 2, 2, 0, 1, PRISMI_PALETTE_VIRIDIS, false));
    ck_assert(is(c, 0, 0, (struct prismi_rgb){68, 1, 84}) &&
              is(c, 0, 7, (struct prismi_rgb){253, 231, 37}) &&
              is(c, 3, 0, (struct prismi_rgb){33, 145, 140}));
    data[1] = NAN;
    ck_ok(prismi_canvas_image(c, box, data, 2, 2, 0, 1, PRISMI_PALETTE_GREY, false));
    ck_assert(is(c, 0, 7, red) && is(c, 0, 0, black));
    ck_ok(prismi_canvas_image(c, box, data, 2, 2, 3, 3, PRISMI_PALETTE_GREY,
                              false)); /* no range: no division */
    ck_assert(is(c, 0, 0, black) && is(c, 3, 7, black) && is(c, 0, 7, red));
    const uint8_t mask[2] = {0, 9};
    prismi_canvas_fill(c, box, black);
    prismi_canvas_tint(c, box, mask, 1, 2, white, 0.5);
    ck_assert(is(c, 3, 3, black) && is(c, 0, 4, (struct prismi_rgb){128, 128, 128}));
    char name[600];
    struct prism_image img;
    ck_ok(prismi_canvas_write(c, in_folder("canvas"), name, sizeof name));
    ck_ok(prism_image_load(ctx, name, &img));
    ck_assert(img.h == 4 && img.w == 8 && img.data[0] == 0 &&
              fabs(img.data[4] - 128 / 255.) < 1e-12);
    free(img.data);
    prismi_canvas_destroy(&c);
}
END_TEST

/* NULL if every tag is closed in order, quotes are paired, and references and
 * characters are legal; else the place of the first mistake. */
static const char *ill_formed(const char *p)
{
    char open[32][32];
    int depth = 0;
    for (; *p; p++) {
        const char *start = p;
        if ((unsigned char)*p < 32 && *p != '\n')
            return start;
        if (*p == '&' && strncmp(p, "&#", 2))
            return start;
        if (*p != '<')
            continue;
        bool end = p[1] == '/', declaration = p[1] == '?';
        size_t n = strcspn(p += end ? 2 : 1, " />\n");
        const char *name = p;
        for (bool quoted = false; *p != '>' || quoted; p++) {
            quoted ^= *p == '"';
            if (!*p || *p == '<')
                return start;
        }
        if (declaration || p[-1] == '/')
            continue;
        if (n >= sizeof open[0] || (!end && depth == 32) || (end && !depth))
            return start;
        if (end && (strncmp(open[--depth], name, n) || open[depth][n]))
            return start;
        if (!end)
            snprintf(open[depth++], sizeof open[0], "%.*s", (int)n, name);
    }
    return depth ? p : NULL;
}

static char *chart(const char *title, const struct prismi_svg_panel *panels, int n, int columns)
{
    ck_ok(prismi_svg_write(ctx, in_folder("chart.svg"), title, panels, n, columns));
    struct fixture f = fixture_read(in_folder("chart.svg"));
    f.p[f.n] = 0; /* fixture_add leaves room */
    const char *bad = ill_formed((char *)f.p);
    ck_assert_msg(!bad, "%.80s", bad);
    ck_assert(!strstr((char *)f.p, "nan") && !strstr((char *)f.p, "inf"));
    return (char *)f.p;
}

START_TEST(the_check_of_charts_can_fail)
{
    static const char *const bad[] = {"<a>",          "</a>",           "<a><b></a></b>",
                                      "<a b=\"></a>", "<a>&</a>",       "<a>\x01</a>",
                                      "<a <b/></a>",  "<a><ab></a></a>"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(ill_formed(bad[i]), "%s", bad[i]);
    ck_assert(!ill_formed("<?xml?>\n<a b=\"/>\"><c/>&#38;<d></d></a>\n"));
}
END_TEST

START_TEST(charts_are_well_formed)
{
    enum { N = 9 };
    const double x[N] = {0, 1, 2, 3, 4, 5, 6, 7, 8},
                 y[N] = {1, 10, NAN, 1000, INFINITY, 1e5, 0, -3, 1e-8},
                 flat[N] = {2, 2, 2, 2, 2, 2, 2, 2, 2};
    const double huge[N] = {-1.7e308, 1.7e308},
                 none[N] = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    const struct prismi_svg_series series[] = {
        {"a < b & \"c\"\n\x01", x, y, N}, {NULL, x, flat, N}, {"one", x, y, 1}};
    const struct prismi_svg_series wide = {"wide", x, huge, N}, empty = {"empty", x, none, N},
                                   no_points = {"nothing", NULL, NULL, 0};
    const struct prismi_svg_panel panels[] = {
        {"linear", "x", "y", false, 0, 0, series, 3},
        {"log", "x", "y", true, 0, 0, series, 3},
        {NULL, NULL, NULL, true, 0.5, 2, series, 2},
        {"flat", "", "", false, 0, 0, &series[1], 1},
        {"wide", "", "", false, 0, 0, &wide, 1},
        {"empty", "", "", true, 0, 0, &empty, 1},
        {"nothing", "", "", false, 0, 0, &no_points, 1},
        {"no series", "", "", false, 0, 0, NULL, 0},
        {"far", "", "", true, 1e-300, 1e300, series, 3},
        {"flat log", "", "", true, 0, 0, &series[1], 1},
    };
    enum { PANELS = sizeof panels / sizeof *panels };
    for (int columns = 1; columns <= PANELS + 1; columns += 3) {
        char *text = chart("<&>", panels, PANELS, columns);
        ck_assert(strstr(text, "&#60;&#38;&#62;") && strstr(text, "a &#60; b &#38; &#34;c&#34;<"));
        free(text);
    }
    for (int i = 0; i < PANELS; i++)
        free(chart(NULL, &panels[i], 1, 1));
    /* a gap in the data is a gap in the line */
    char *text =
             chart(NULL, (struct prismi_svg_panel[]){{"", "", "", false, 0, 0, series, 1}}, 1, 1),
         *d = strstr(text, "class=\"line\" clip");
    int moves = 0;
    for (d = strstr(d, " d=\"") + 4; *d != '"'; d++)
        moves += *d == 'M';
    ck_assert_int_eq(moves, 3);
    free(text);
    ck_assert_int_eq(prismi_svg_write(ctx, in_folder("no.svg"), NULL, panels, 0, 1), PRISM_EINVAL);
    ck_assert_int_eq(prismi_svg_write(ctx, in_folder("no.svg"), NULL, panels, 1, 0), PRISM_EINVAL);
    ck_assert_int_eq(prismi_svg_write(ctx, in_folder("no/no.svg"), NULL, panels, 1, 1), PRISM_EIO);
}
END_TEST

SUITE("image drawing", fixture_open, fixture_close, text_stays_in_its_box, drawing_is_clipped,
      shapes_fill_their_pixels, data_take_the_colours_of_palettes, the_check_of_charts_can_fail,
      charts_are_well_formed)
