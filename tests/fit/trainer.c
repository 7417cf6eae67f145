/* The trainer alone: a toy model, its values, and a toy objective, a quadratic.
 * It fits, diverges and rolls back, saves and resumes to the same bits, stops
 * early and sums over processes, without a word of optics or networks. */
#include "fit/fit.h"
#include "support/suite.h"

#include <math.h>

enum { N = 8, ROWS = 5, BATCH = 2 };

static char path[300], previous[310];

/* ---- the toy: values v [N]; row k wants v = target[k] ---- */

struct toy {
    struct prismi_arena arena;
    prism_mem v, grad, target, value, diff;
    int32_t index[BATCH];
    struct prismi_model model;
    struct prismi_objective objective;
    struct prismi_trainer t;
    struct prismi_order order;
    int32_t seen; /* steps done: plain data of the owner */
};

static int output(void *self, prism_mem *x)
{
    *x = ((struct toy *)self)->v;
    return 0;
}

static int model_backward(void *self, prism_mem gx)
{
    return dev->ops->copy(dev, ((struct toy *)self)->grad, gx, N * sizeof(double));
}

static int segments(const void *self, struct prism_segment *out, int n)
{
    const struct toy *y = self;
    if (n > 0)
        *out = (struct prism_segment){.count = N, .value = y->v, .grad = y->grad};
    return 1;
}

static void destroy(void *self)
{
    (void)self;
}

static const struct prismi_model_ops model_ops = {.name = "toy",
                                                  .output = output,
                                                  .backward = model_backward,
                                                  .segments = segments,
                                                  .destroy = destroy};

static int select_rows(void *self, const int32_t *index)
{
    memcpy(((struct toy *)self)->index, index, sizeof(int32_t[BATCH]));
    return 0;
}

static prism_mem row(const struct toy *y, int b)
{
    return y->target + (size_t)y->index[b] * N * sizeof(double);
}

/* value[b] = |v - target|^2 */
static int forward(void *self, prism_mem x)
{
    struct toy *y = self;
    for (int b = 0; b < BATCH; b++) {
        MUST(ctx,
             prismi_map(dev, PRISM_MAP_AXPBY, PRISM_F64, 1, N, y->diff, x, row(y, b), 0, 1, -1));
        MUST(ctx, dev->ops->reduce(dev, PRISM_REDUCE_DOT, PRISM_F64, 1, N,
                                   y->value + (size_t)b * sizeof(double), y->diff, y->diff));
    }
    return 0;
}

static int backward(void *self, prism_mem x, prism_mem gx)
{
    struct toy *y = self;
    MUST(ctx, prismi_map(dev, PRISM_MAP_AXPBY, PRISM_F64, 1, N, gx, x, x, 0, 2 * BATCH, 0));
    for (int b = 0; b < BATCH; b++)
        MUST(ctx, prismi_map(dev, PRISM_MAP_AXPBY, PRISM_F64, 1, N, gx, gx, row(y, b), 0, 1, -2));
    return 0;
}

static void describe(const void *self, int i, char *text, size_t n)
{
    (void)self;
    snprintf(text, n, "the loss of row %d", i);
}

static const struct prismi_objective_ops objective_ops = {.name = "rows",
                                                          .select = select_rows,
                                                          .forward = forward,
                                                          .backward = backward,
                                                          .describe = describe};

static struct toy *new_toy(const struct prismi_comm *comm)
{
    struct toy *y = calloc(1, sizeof *y);
    double target[ROWS * N];
    for (int i = 0; i < ROWS * N; i++)
        target[i] = 1 + 0.1 * prismi_rng_normal(1, 1, (uint64_t)i);
    prismi_arena_add(&y->arena, N * sizeof(double), &y->v);
    prismi_arena_add(&y->arena, N * sizeof(double), &y->grad);
    prismi_arena_add(&y->arena, sizeof target, &y->target);
    prismi_arena_add(&y->arena, BATCH * sizeof(double), &y->value);
    prismi_arena_add(&y->arena, N * sizeof(double), &y->diff);
    MUST(ctx, prismi_arena_bind(&y->arena, dev));
    MUST(ctx, prismi_dev_put(dev, y->target, PRISM_F64, target, ROWS * N));
    y->model = (struct prismi_model){.ops = &model_ops,
                                     .self = y,
                                     .dtype = PRISM_F64,
                                     .n_output = N,
                                     .values = y->v,
                                     .count = N};
    y->objective = (struct prismi_objective){
        .ops = &objective_ops, .self = y, .value = y->value, .n = BATCH, .scale = 1};
    const struct prismi_trainer_params p = {
        .n_losses = BATCH, .averages = true, .eps = 1e-7, .comm = comm};
    MUST(ctx, prismi_trainer_init(&y->t, dev, &y->model, &p));
    MUST(ctx, prismi_trainer_add_plain(&y->t, "seen", PRISMI_TYPE_I32, sizeof y->seen, &y->seen,
                                       sizeof y->seen));
    MUST(ctx, prismi_trainer_bind(&y->t));
    y->t.objective = &y->objective;
    y->t.st.phase = PRISM_PHASE_FIT;
    prismi_schedule_init(&y->t.st.schedule, PRISM_SCHEDULE_CONSTANT, 0.02, 0);
    MUST(ctx, prismi_order_create(ctx, 7, PRISMI_STREAM_BATCH, ROWS, &y->order));
    return y;
}

static void free_toy(struct toy *y)
{
    prismi_trainer_release(&y->t);
    prismi_order_release(&y->order);
    prismi_arena_release(&y->arena);
    free(y);
}

static int step(struct toy *y)
{
    int32_t index[BATCH];
    prismi_order_batch(&y->order, y->t.st.phase_step, BATCH, index);
    PRISM_TRY(prismi_trainer_begin_step(&y->t));
    PRISM_TRY(prismi_trainer_step(&y->t, index, false, false));
    y->seen++;
    prismi_trainer_record(&y->t, false);
    return 0;
}

static void steps(struct toy *y, int n)
{
    for (int i = 0; i < n; i++)
        MUST(ctx, step(y));
}

static void values_of(const struct toy *y, double v[N])
{
    MUST(ctx, prismi_dev_get(dev, v, y->v, PRISM_F64, N));
}

static void setup(void)
{
    fixture_open();
    snprintf(path, sizeof path, "%s/state", folder);
    snprintf(previous, sizeof previous, "%s.1", path);
}

/* ---- tests ---- */

START_TEST(it_fits)
{
    struct toy *y = new_toy(NULL);
    double v[N];
    steps(y, 400);
    values_of(y, v);
    for (int i = 0; i < N; i++)
        ck_assert_double_eq_tol(v[i], 1, 0.2);
    ck_assert_double_lt(y->t.st.loss, 0.5);
    ck_assert_int_eq(y->t.st.n_history, 400);
    free_toy(y);
}
END_TEST

START_TEST(it_rolls_back)
{
    const double bad = NAN;
    struct toy *y = new_toy(NULL), *clean = new_toy(NULL);
    double v[N], w[N], good[ROWS * N];
    int status = 0;
    steps(y, 20);
    MUST(ctx, prismi_dev_get(dev, good, y->target, PRISM_F64, ROWS * N));
    for (int k = 0; k < ROWS; k++)
        MUST(ctx,
             prismi_dev_put(dev, y->target + (size_t)k * N * sizeof(double), PRISM_F64, &bad, 1));
    for (int i = 0; i < 2 * PRISMI_CHECK_EVERY && !status; i++)
        status = step(y);
    ck_assert_int_eq(status, PRISM_EDIVERGED);
    ck_assert_ptr_nonnull(strstr(prism_ctx_error(ctx)->text, "the loss of row 0 is nan"));
    ck_assert_int_le(y->t.st.step, 20);
    ck_assert_int_eq(y->seen, y->t.st.step); /* the snapshot's step, which is taken inside a step */
    MUST(ctx, prismi_dev_put(dev, y->target, PRISM_F64, good, ROWS * N));
    steps(y, (int)(40 - y->t.st.step));
    steps(clean, 40);
    values_of(y, v);
    values_of(clean, w);
    ck_assert_mem_eq(v, w, sizeof v);
    free_toy(clean);
    free_toy(y);
}
END_TEST

static void about(const void *owner, struct prismi_lines *t)
{
    prismi_line(t, "rows=%d", *(const int *)owner);
}

static int refuse(struct prism_ctx *c, const char *file, const struct prismi_difference *d)
{
    return PRISM_FAIL(c, PRISM_EINVAL, "%s has %s %s, not %s", file, d->name, d->theirs, d->mine);
}

START_TEST(it_resumes_to_the_same_bits)
{
    int rows = ROWS;
    const struct prismi_state_file f = {
        .kind = "TOYSTATE", .owner = &rows, .about = about, .refuse = refuse};
    struct toy *whole = new_toy(NULL);
    double v[N], w[N];
    steps(whole, 50);
    values_of(whole, w);
    for (int at = 0; at < 50; at += 7) {
        struct toy *y = new_toy(NULL), *z = new_toy(NULL);
        steps(y, at);
        MUST(ctx, prismi_state_save(&y->t, &f, path));
        steps(z, 3);
        MUST(ctx, prismi_state_load(&z->t, &f, path));
        ck_assert_int_eq(z->seen, at);
        steps(z, 50 - at);
        values_of(z, v);
        ck_assert_mem_eq(v, w, sizeof v);
        ck_assert_mem_eq(&z->t.st, &whole->t.st, sizeof z->t.st);
        rows = ROWS + 1;
        ck_assert_int_eq(prismi_state_load(&z->t, &f, path), PRISM_EINVAL);
        ck_assert_ptr_nonnull(strstr(prism_ctx_error(ctx)->text, "has rows 5, not 6"));
        rows = ROWS;
        free_toy(z);
        free_toy(y);
    }
    free_toy(whole);
}
END_TEST

START_TEST(it_stops_early)
{
    const struct prismi_monitor_params watch = {
        .patience = 20, .window = 40, .escalation = 40, .threshold = 0.01, .rescue_lr = 1};
    struct toy *y = new_toy(NULL);
    int n = 0;
    do
        steps(y, PRISMI_CHECK_EVERY);
    while (prismi_monitor_update(&y->t.st.monitor, &watch, y->t.st.loss) != PRISMI_GIVE_UP &&
           ++n < 1000);
    ck_assert_int_gt(n, 40);
    ck_assert_int_lt(n, 1000);
    free_toy(y);
}
END_TEST

/* ---- several processes: two that see the same sums ---- */

struct fake {
    int calls, fail_at;
};

static int twice(void *user, struct prism_dev *d, prism_mem mem, enum prism_dtype dtype, size_t n)
{
    struct fake *f = user;
    return f->calls++ == f->fail_at
               ? PRISM_EDEVICE
               : prismi_map(d, PRISM_MAP_AXPBY, dtype, 1, n, mem, mem, mem, 0, 1, 1);
}

START_TEST(it_sums_once_a_step)
{
    struct fake f = {.fail_at = -1};
    const struct prismi_comm comm = {.rank = 0, .size = 2, .user = &f, .sum = twice};
    struct toy *alone = new_toy(NULL), *y = new_toy(&comm);
    double v[N], w[N];
    steps(alone, PRISMI_CHECK_EVERY);
    steps(y, PRISMI_CHECK_EVERY);
    ck_assert_int_eq(f.calls, 2 * PRISMI_CHECK_EVERY); /* losses, gradient */
    ck_assert_double_eq_tol(y->t.st.loss, 2 * alone->t.st.loss, 1e-6);
    values_of(alone, v);
    values_of(y, w);
    for (int i = 0; i < N; i++) /* Adam does not see the scale of a gradient */
        ck_assert_double_eq_tol(v[i], w[i], 1e-6);
    f.fail_at = f.calls + 1; /* the gradient's */
    ck_assert_int_eq(step(y), PRISM_EDEVICE);
    f.fail_at = f.calls; /* the losses' */
    ck_assert_int_eq(step(y), PRISM_EDEVICE);
    free_toy(y);
    free_toy(alone);
}
END_TEST

SUITE("fit trainer", setup, fixture_close, it_fits, it_rolls_back, it_resumes_to_the_same_bits,
      it_stops_early, it_sums_once_a_step)
