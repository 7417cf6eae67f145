/* Memory runs out: every creation, saving and loading is repeated with its n-th
 * allocation refused, n = 1, 2, 3, ..., once alone and once with all that
 * follow. Each time it must fail with PRISM_ENOMEM and a sentence of its own,
 * hand out nothing, give back what it took and leave what existed as it was. */
#include "support/alloc_wrap.h"

#include "data/source.h"
#include "prismrec/config.h"
#include "prismrec/image.h"
#include "support/session.h"
#include "support/support.h"
#include "support/tap.h"

static struct prism_ctx *ctx;
static struct prism_dev *dev;
static struct experiment small;
static struct prism_net *net;
static struct prism_session *session;
static struct prism_config_set *set;
static char dir[256];
static int leaks;

/* Results beside the library's statuses: a call that failed handed something
 * out, or changed something. */
enum { HANDED_OUT = 1, CHANGED };

static const char *file(const char *name)
{
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

/* Spares the test's own allocations. */
static int spare(void)
{
    int fail_at = heap.fail_at;
    heap.fail_at = 0;
    return fail_at;
}

static uint64_t state_of(struct prism_session *s)
{
    const int calls = heap.calls, fail_at = spare();
    uint64_t h = session_hash(s);
    heap.calls = calls;
    heap.fail_at = fail_at;
    return h;
}

/* ---- the loop ---- */

struct attempt {
    const char *name;
    int (*run)(void); /* makes and destroys; the status */
    bool no_record;   /* has no context to leave a sentence in */
    bool frugal;      /* may do without the memory that it was refused */
};

static bool told(const struct attempt *a)
{
    const struct prism_error *e = prism_ctx_error(ctx);
    return a->no_record || (e->status == PRISM_ENOMEM && strcmp(e->text, "before"));
}

/* The fault of the n-th refusal, or NULL; *more is true if a call was refused
 * at all. */
static const char *refuse(const struct attempt *a, int n, bool all_after, bool *more)
{
    const int live = heap.live;
    PRISM_FAIL(ctx, PRISM_EINVAL, "before");
    heap.calls = heap.refused = 0;
    heap.fail_on = all_after;
    heap.fail_at = n;
    int status = a->run();
    heap.fail_at = 0;
    *more = heap.refused > 0;
    if (heap.live != live)
        return "memory is lost";
    if (status == HANDED_OUT)
        return "a failure handed something out";
    if (status == CHANGED)
        return "a failure changed what existed";
    if (!*more)
        return status ? "fails with all the memory it wants" : NULL;
    if (!status && a->frugal)
        return NULL;
    return status != PRISM_ENOMEM ? prism_status_name(status) : told(a) ? NULL : "no sentence";
}

static void exhaust(const struct attempt *a)
{
    const char *wrong = NULL;
    int n = 0, failures = 0;
    for (int all_after = 0; all_after < 2; all_after++) {
        bool more = true;
        for (n = 0; more && !wrong; failures += more)
            wrong = refuse(a, ++n, all_after, &more);
    }
    tap(!wrong && failures > 0, "%s: %d allocations%s%s%s", a->name, n - 1, wrong ? " # " : "",
        wrong ? wrong : "", wrong ? prism_ctx_error(ctx)->text : "");
}

/* ---- core ---- */

static int make_ctx(void)
{
    struct prism_ctx *c = (void *)1;
    int status = prism_ctx_create(NULL, &c);
    if (status)
        return c ? HANDED_OUT : status;
    prism_ctx_destroy(&c);
    return 0;
}

static int open_device(const char *backend, const char *cache_dir)
{
    struct prism_dev *d = (void *)1;
    const struct prism_dev_params p = {.backend = backend,
                                       .threads = 2,
                                       .plan_effort = PRISM_PLAN_ESTIMATE,
                                       .cache_dir = cache_dir};
    int status = prism_dev_open(ctx, &p, &d);
    if (status)
        return d ? HANDED_OUT : status;
    prism_dev_close(&d);
    return 0;
}

static int open_ref(void)
{
    return open_device("ref", NULL);
}

static int open_cpu(void)
{
    return open_device("cpu", dir);
}

static int make_cache(void)
{
    struct prism_cache *c = (void *)1;
    int status = prism_cache_create(&(struct prism_cache_params){{0}}, &c);
    if (status)
        return c ? HANDED_OUT : status;
    prism_cache_destroy(&c);
    return 0;
}

/* A block that cannot be stored evicts no other. */
static int put_in_cache(void)
{
    struct prism_key a = prism_key_init("a"), b = prism_key_init("b");
    struct prism_cache *c;
    char data[60] = "stored", other[60] = "other";
    const int fail_at = spare();
    int status = 0;
    MUST(ctx, prism_cache_create(
                  &(struct prism_cache_params){.budget = {[PRISM_CACHE_GRIDS] = 100}}, &c));
    prism_cache_put(c, PRISM_CACHE_GRIDS, &a, data, sizeof data);
    heap.calls = 0;
    heap.fail_at = fail_at;
    if (!prism_cache_put(c, PRISM_CACHE_GRIDS, &b, other, sizeof other)) {
        bool there = prism_cache_get(c, PRISM_CACHE_GRIDS, &a, NULL);
        status = there && prism_cache_get_stats(c, PRISM_CACHE_GRIDS).evictions == 0 ? PRISM_ENOMEM
                                                                                     : CHANGED;
    }
    prism_cache_destroy(&c);
    return status;
}

/* ---- network ---- */

static uint64_t net_hash(const struct prism_net *n)
{
    prism_mem params, running;
    size_t n_params, n_running;
    prism_net_values(n, &params, &n_params);
    prism_net_running(n, &running, &n_running);
    return prismi_hash64(running, n_running * sizeof(float),
                         prismi_hash64(params, n_params * sizeof(float), 0));
}

static int make_decoder(void)
{
    const struct prism_decoder_params p = {.grid_size = 16,
                                           .obj_size = 12,
                                           .latent_channels = 8,
                                           .min_channels = 1,
                                           .output_activation = PRISM_OUTPUT_NONE};
    struct prism_net *n = (void *)1;
    int status = prism_decoder_create(dev, &p, &n);
    if (status)
        return n ? HANDED_OUT : status;
    status = prism_net_init(n, 3);
    prism_net_destroy(&n);
    return status;
}

static int init_net(void)
{
    return prism_net_init(net, 3);
}

static int fold_net(void)
{
    struct prism_net *folded = (void *)1;
    const uint64_t before = net_hash(net);
    int status = prism_net_fold(net, &folded);
    if (net_hash(net) != before)
        return CHANGED;
    if (status)
        return folded ? HANDED_OUT : status;
    prism_net_destroy(&folded);
    return 0;
}

static int save_net(void)
{
    int status = prism_net_save(net, file("weights"));
    return status && !access(file("weights"), F_OK) ? CHANGED : (unlink(file("weights")), status);
}

static int load_net(void)
{
    const uint64_t before = net_hash(net);
    int status = prism_net_load(net, file("other-weights"));
    if (status && net_hash(net) != before)
        return CHANGED;
    return status;
}

static void prepare_net(void)
{
    const struct prism_decoder_params p = {.grid_size = 16,
                                           .obj_size = 12,
                                           .latent_channels = 8,
                                           .init = PRISM_INIT_ORTHOGONAL,
                                           .min_channels = 1,
                                           .output_activation = PRISM_OUTPUT_NONE};
    MUST(ctx, prism_decoder_create(dev, &p, &net));
    MUST(ctx, prism_net_init(net, 4));
    MUST(ctx, prism_net_save(net, file("other-weights")));
    MUST(ctx, prism_net_init(net, 3));
}

/* ---- data sets ---- */

static const double centres[3][2] = {{0, 0}, {2, 1}, {-2, 1.5}};
static const struct prism_dataset_params data_params = {
    .grid_size = 16,
    .obj_size = 8,
    .aperture = {.shape = PRISM_APERTURE_CIRCLE, .radius_px = 3},
    .snr_db = 30};

static int simulate(void)
{
    static const double truth[8 * 8] = {[27] = 1, [28] = 0.5, [36] = 0.7};
    struct prism_dataset *ds = (void *)1;
    const float *a;
    int status = prism_dataset_simulate(dev, &data_params, truth, &centres[0][0], 3, &ds);
    if (status)
        return ds ? HANDED_OUT : status;
    status = prism_dataset_amplitude(ds, 1, &a);
    prism_dataset_destroy(&ds);
    return status;
}

static int measured(void)
{
    static const float amplitudes[3 * 16 * 16];
    struct prism_dataset *ds = (void *)1;
    int status = prism_dataset_measured(ctx, &data_params, amplitudes, &centres[0][0], 3, &ds);
    if (status)
        return ds ? HANDED_OUT : status;
    prism_dataset_destroy(&ds);
    return 0;
}

static int pattern(enum prism_pattern_kind kind)
{
    const struct prism_pattern_params p = {kind, 20, 100, 0, 3, 1, file("points.csv")};
    double *yx = (void *)1;
    int n, status = prism_pattern_create(ctx, &p, &yx, &n);
    if (status)
        return yx ? HANDED_OUT : status;
    free(yx);
    return 0;
}

static int pattern_fermat(void)
{
    return pattern(PRISM_PATTERN_FERMAT);
}

static int pattern_csv(void)
{
    return pattern(PRISM_PATTERN_CSV);
}

/* ---- sessions ---- */

static int make_session(void)
{
    struct prism_session *s = (void *)1;
    int status = prism_session_create(small.dev, small.ds, &small.par, &s);
    if (status)
        return s ? HANDED_OUT : status;
    prism_session_destroy(&s);
    return 0;
}

static int save_session(void)
{
    const uint64_t before = state_of(session);
    int status = prism_session_save(session, file("state"), "note");
    if (state_of(session) != before || (status && !access(file("state"), F_OK)))
        return CHANGED;
    unlink(file("state"));
    return status;
}

/* In the background. Where there is no memory for a copy the file is written
 * without one, so that a refusal need not be a failure. */
static int save_session_begin(void)
{
    const uint64_t before = state_of(session);
    int status = prism_session_save_begin(session, file("state"), "note", NULL, NULL);
    if (!status)
        status = prism_session_save_wait(session);
    const bool there = !access(file("state"), F_OK);
    prismi_state_release(&session->trainer); /* every time from nothing */
    unlink(file("state"));
    return state_of(session) != before || there == (status != 0) ? CHANGED : status;
}

static int load_session(void)
{
    const uint64_t before = state_of(session);
    int status = prism_session_load(session, file("other-state"));
    if (status && state_of(session) != before)
        return CHANGED;
    if (!status && session->trainer.st.step != 7)
        return PRISM_EINVAL; /* the previous checkpoint was loaded */
    return status;
}

static void exhaust_session(const char *algorithm)
{
    char text[4][80];
    snprintf(text[0], sizeof text[0], "%s session on %s", algorithm, prism_dev_backend(small.dev));
    snprintf(text[1], sizeof text[1], "saving a %s session", algorithm);
    snprintf(text[2], sizeof text[2], "loading a %s session", algorithm);
    snprintf(text[3], sizeof text[3], "saving a %s session in the background", algorithm);
    session = new_session(&small); /* also fills the cache of measurements, which stays */
    exhaust(&(struct attempt){.name = text[0], .run = make_session});
    run_steps(session, 3);
    MUST(ctx,
         prism_session_save(session, file("other-state"), NULL)); /* becomes the previous one */
    run_steps(session, 4);
    MUST(ctx, prism_session_save(session, file("other-state"), NULL));
    run_steps(session, 2);
    exhaust(&(struct attempt){.name = text[1], .run = save_session});
    exhaust(&(struct attempt){.name = text[3], .run = save_session_begin, .frugal = true});
    exhaust(&(struct attempt){.name = text[2], .run = load_session});
    prism_session_destroy(&session);
}

/* An object of 16 on a grid of 32 with seven samples; the network has 4, 2 and
 * 1 channels. */
static void sessions_on(struct prism_dev *d)
{
    small = small_experiment(ctx, d, PRISM_PRECISION_FP32);
    struct prism_training_params *t = &small.par.training;
    small.par.decoder = (struct prism_decoder_params){.latent_channels = 4,
                                                      .n_channels = 3,
                                                      .channels = {4, 2, 1},
                                                      .output_activation = PRISM_OUTPUT_NONE};
    t->init_steps = 2;
    t->init_target = PRISM_INIT_TARGET_PROJECTION;
    t->average = 0.5;
    t->unmeasured_weight = 0.1;
    exhaust_session("joint");
    t->objective = PRISM_OBJ_PROGRESSIVE;
    t->init_target = PRISM_INIT_TARGET_SYNTHETIC_APERTURE;
    t->max_retries = 2;
    t->retry_same_loss = false; /* SSIM */
    exhaust_session("progressive");
    small.par.algorithm = PRISM_ALG_MOPIE;
    small.par.mopie.complex_object = true;
    exhaust_session("mopie");
    release_experiment(&small);
}

/* ---- pictures ---- */

static const char *picture;

static int load_picture(void)
{
    struct prism_image img = {0};
    int status = prism_image_load(ctx, file(picture), &img);
    if (status)
        return img.data ? HANDED_OUT : status;
    free(img.data);
    return 0;
}

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(file(name), "wb");
    if (!f || fputs(text, f) < 0 || fclose(f)) {
        printf("Bail out! cannot write %s\n", file(name));
        exit(1);
    }
}

static void exhaust_pictures(void)
{
    static const uint8_t pixels[4 * 5] = {0, 255, 17};
    static const double values[6] = {1, 2, 3};
    static const size_t shape[2] = {2, 3};
    char written[320];
    write_file("plain.pgm", "P2 3 2 255\n0 1 2 3 4 5\n");
    MUST(ctx, prism_npy_write(ctx, file("array.npy"), PRISM_F64, 2, shape, values));
    MUST(ctx, prism_image_write(ctx, file("picture"), 4, 5, 1, pixels, written, sizeof written));
    const char *const names[] = {"plain.pgm", "array.npy", strrchr(written, '/') + 1};
    for (int i = 0; i < 3; i++) {
        picture = names[i];
        exhaust(&(struct attempt){.name = picture, .run = load_picture});
    }
}

static int load_measurements(void)
{
    char path[1024];
    struct prismi_stack s;
    const char *source = getenv("PRISM_SOURCE");
    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/npz/amplitudes.npz", source ? source : ".");
    int status = prismi_stack_load(ctx, path, &s);
    if (status)
        return s.amplitudes || s.state ? HANDED_OUT : status;
    prismi_stack_release(&s);
    return 0;
}

/* ---- configuration ---- */

static int make_config(void)
{
    struct prism_config_set *c = (void *)1;
    int status = prism_config_set_create(ctx, &c);
    if (status)
        return c ? HANDED_OUT : status;
    prism_config_set_destroy(&c);
    return 0;
}

static int dump_config(void)
{
    char *text = (void *)1;
    int status = prism_config_dump(set, &text);
    if (status)
        return text ? HANDED_OUT : status;
    free(text);
    return 0;
}

static uint64_t config_hash(void)
{
    const int calls = heap.calls, fail_at = spare();
    char *text;
    MUST(ctx, prism_config_dump(set, &text));
    heap.calls = calls;
    heap.fail_at = fail_at;
    uint64_t h = prismi_hash64(text, strlen(text), 0);
    free(text);
    return h;
}

/* Loads into a new set every time, for a set that failed may keep the name of
 * its source. */
static int load_config(void)
{
    const int fail_at = spare();
    MUST(ctx, prism_config_set_create(ctx, &set));
    MUST(ctx, prism_config_assign(set, "training.lr=0.5", "--set"));
    const uint64_t before = config_hash();
    heap.calls = 0;
    heap.fail_at = fail_at;
    int status = prism_config_load_yaml(set, file("child.yaml"));
    if (status && config_hash() != before)
        status = CHANGED;
    prism_config_set_destroy(&set);
    return status;
}

static void exhaust_config(void)
{
    exhaust(&(struct attempt){.name = "configuration", .run = make_config});
    MUST(ctx, prism_config_set_create(ctx, &set));
    exhaust(&(struct attempt){.name = "dump of a configuration", .run = dump_config});
    write_file("parent.yaml", "name: parent\ntraining:\n  lr: 0.1\n");
    write_file(
        "child.yaml",
        "extends: ./parent.yaml\nmodel:\n  channels: [8, 4, 1]\ntraining:\n  max_steps: 10\n");
    int status = prism_config_load_yaml(set, file("child.yaml"));
    prism_config_set_destroy(&set);
    if (status == PRISM_ENOTSUP)
        tap_skip("YAML", "not in this build");
    else if (tap(!status, "a small configuration is valid%s%s", status ? ": " : "",
                 status ? prism_ctx_error(ctx)->text : ""))
        exhaust(&(struct attempt){.name = "YAML", .run = load_config});
}

static void count_leaks(void *user, enum prism_log_level level, const char *text)
{
    (void)user;
    leaks += level == PRISM_LOG_ERROR;
    printf("# %s\n", text);
}

int main(void)
{
    const struct prism_ctx_params log = {.log = count_leaks, .level = PRISM_LOG_ERROR};
    support_tempdir(dir, sizeof dir);
    MUST(NULL, prism_ctx_create(&log, &ctx));
    const struct prism_dev_params fast = {
        .backend = "cpu", .threads = 2, .plan_effort = PRISM_PLAN_ESTIMATE};
    struct prism_dev *cpu = NULL;
    int no_cpu = prism_dev_open(ctx, &fast, &cpu);
    dev = open_dev(ctx, "ref", NULL, 1);
    exhaust(&(struct attempt){.name = "context", .run = make_ctx, .no_record = true});
    exhaust(&(struct attempt){.name = "cache", .run = make_cache, .no_record = true});
    exhaust(&(struct attempt){.name = "block of a cache", .run = put_in_cache, .no_record = true});
    exhaust(&(struct attempt){.name = "device ref", .run = open_ref});
    if (!no_cpu)
        exhaust(&(struct attempt){.name = "device cpu", .run = open_cpu});
    exhaust(&(struct attempt){.name = "decoder", .run = make_decoder});
    prepare_net();
    exhaust(&(struct attempt){.name = "orthogonal weights", .run = init_net});
    exhaust(&(struct attempt){.name = "folded decoder", .run = fold_net});
    exhaust(&(struct attempt){.name = "saving weights", .run = save_net});
    exhaust(&(struct attempt){.name = "loading weights", .run = load_net});
    prism_net_destroy(&net);
    exhaust(&(struct attempt){.name = "simulated data", .run = simulate});
    exhaust(&(struct attempt){.name = "measured data", .run = measured});
    write_file("points.csv", "0,0\n1,2\n");
    exhaust(&(struct attempt){.name = "fermat pattern", .run = pattern_fermat});
    exhaust(&(struct attempt){.name = "csv pattern", .run = pattern_csv});
    exhaust_pictures();
    exhaust(&(struct attempt){.name = "file of measurements", .run = load_measurements});
    exhaust_config();
    sessions_on(dev);
    if (!no_cpu)
        sessions_on(cpu);
    prism_dev_close(&dev);
    prism_dev_close(&cpu);
    prism_ctx_destroy(&ctx);
    tap(!leaks, "no object is left");
    support_remove(dir);
    return tap_end();
}
