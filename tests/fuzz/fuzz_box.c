/* Containers and the checkpoints in them. Checksums stop random damage at the
 * door, so they are made right behind the input's back.
 *
 * An input that begins with PRISMBOX is a container. Any other is a byte that
 * chooses a session and a list of edits to that
 * session's checkpoint:   section, kind of edit, position u16, length, bytes
 *                         (a byte each where nothing is said). */
#include "core/internal.h"
#include "fuzz.h"
#include "prismrec/recon.h"

#include <math.h>

#define KIND "PRISMCKP"
enum {
    GRID = 16,
    OBJ = 8,
    SAMPLES = 3,
    STEPS = 6,
    N_SESSIONS = 3,
    MAX_SECTIONS = 32,
    HEADER = 24,
    SECTION = 16,
    FOOTER = 20
};
enum edit { OVERWRITE, INSERT, CUT, DROP, N_EDITS };

struct piece {
    char name[64];
    uint8_t *data;
    size_t bytes;
};

static struct {
    struct prism_session *session;
    struct piece pieces[MAX_SECTIONS]; /* of its checkpoint */
    int n;
} bases[N_SESSIONS];

/* ---- three small sessions, some steps in, and their checkpoints ---- */

static const struct prism_recon_params base_params[N_SESSIONS] = {
    {.decoder = {.latent_channels = 4, .n_channels = 3, .channels = {4, 2, 1}},
     .training = {.objective = PRISM_OBJ_JOINT,
                  .loss_weights = {1},
                  .lr = 2e-3,
                  .schedule = PRISM_SCHEDULE_PLATEAU,
                  .amsgrad = true,
                  .init_steps = 4,
                  .max_steps = 60,
                  .batch = 2,
                  .average = 0.99}},
    {.decoder = {.latent_channels = 4, .n_channels = 3, .channels = {4, 2, 1}},
     .training = {.objective = PRISM_OBJ_PROGRESSIVE,
                  .loss_weights = {0.7, 0, 0.3},
                  .lr = 2e-3,
                  .schedule = PRISM_SCHEDULE_COSINE_RESTARTS,
                  .init_steps = 2,
                  .n_epochs = 3,
                  .max_epochs = 1,
                  .loss_threshold = 1e-3,
                  .adaptive = true,
                  .patience = 2,
                  .plateau_window = 2,
                  .plateau_threshold = 0.01,
                  .escalation_epochs = 2,
                  .aggressive_lr_multiplier = 2,
                  .retry_lr_multiplier = 0.1,
                  .max_retries = 2,
                  .retry_switch_loss = true}},
    {.algorithm = PRISM_ALG_MOPIE,
     .mopie = {.loops = 4, .lr_obj = 1, .permute = true, .complex_object = true}},
};

static void keep_pieces(int i, const char *path)
{
    struct prismi_box *box;
    FUZZ_CHECK(!prism_session_save(bases[i].session, path, "name: fuzz\n"));
    FUZZ_CHECK(!prismi_box_load(fuzz_ctx(), path, KIND, &box));
    bases[i].n = prismi_box_count(box);
    FUZZ_CHECK(bases[i].n <= MAX_SECTIONS);
    for (int k = 0; k < bases[i].n; k++) {
        struct piece *p = &bases[i].pieces[k];
        const char *name = prismi_box_name(box, k, &p->bytes);
        snprintf(p->name, sizeof p->name, "%s", name);
        p->data = malloc(p->bytes + 1);
        FUZZ_CHECK(p->data);
        memcpy(p->data, prismi_box_get(box, name, NULL), p->bytes);
    }
    prismi_box_destroy(&box);
}

static void make_bases(void)
{
    static const double centres[SAMPLES][2] = {{0, 0}, {2, 1}, {-2, 2.5}};
    const struct prism_dev_params dev_params = {.backend = "ref", .threads = 1};
    const struct prism_dataset_params data = {
        .grid_size = GRID,
        .obj_size = OBJ,
        .aperture = {.shape = PRISM_APERTURE_CIRCLE, .radius_px = 3}};
    const char *tmp = getenv("TMPDIR");
    char folder[256], path[300];
    double truth[OBJ * OBJ];
    struct prism_dev *dev;
    struct prism_dataset *ds;
    for (int i = 0; i < OBJ * OBJ; i++)
        truth[i] = 0.5 + 0.4 * sin(i);
    snprintf(folder, sizeof folder, "%s/prism-fuzz-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    FUZZ_CHECK(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/state", folder);
    FUZZ_CHECK(!prism_dev_open(fuzz_ctx(), &dev_params, &dev));
    FUZZ_CHECK(!prism_dataset_simulate(dev, &data, truth, &centres[0][0], SAMPLES, &ds));
    for (int i = 0; i < N_SESSIONS; i++) {
        FUZZ_CHECK(!fuzz_status(prism_session_create(dev, ds, &base_params[i], &bases[i].session)));
        for (int k = 0; k < STEPS; k++)
            FUZZ_CHECK(!fuzz_status(prism_session_step(bases[i].session)));
        keep_pieces(i, path);
        FUZZ_CHECK(!unlink(path));
    }
    FUZZ_CHECK(!rmdir(folder));
}

/* ---- a container with valid checksums ---- */

static void put(uint8_t *p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t get(const uint8_t *p, int bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

/* As far as the sections make sense. */
static void repair(uint8_t *p, size_t bytes)
{
    if (bytes < HEADER + FOOTER)
        return;
    size_t end = bytes - FOOTER, at = HEADER;
    for (uint64_t n = get(p + 20, 4); n && end - at >= SECTION; n--) {
        uint64_t name = get(p + at, 4), data = get(p + at + 4, 8), left = end - at - SECTION;
        if (data > left || name > left - data)
            break;
        put(p + at + 12, prismi_crc32c(0, p + at + SECTION, (size_t)(name + data)), 4);
        at += SECTION + (size_t)(name + data);
    }
    memcpy(p + end, "PRISMEND", 8);
    put(p + end + 8, bytes, 8);
    put(p + end + 16, prismi_crc32c(0, p, end), 4);
}

static size_t pack(const struct piece *pieces, int n, uint8_t **out)
{
    size_t bytes = HEADER + FOOTER, at = HEADER;
    uint32_t used = 0;
    for (int i = 0; i < n; i++)
        bytes += SECTION + sizeof pieces[i].name + pieces[i].bytes;
    uint8_t *p = calloc(bytes, 1);
    FUZZ_CHECK(p);
    for (int i = 0; i < n; i++) {
        size_t name = strlen(pieces[i].name);
        if (!name)
            continue; /* dropped */
        put(p + at, name, 4);
        put(p + at + 4, pieces[i].bytes, 8);
        memcpy(p + at + SECTION, pieces[i].name, name);
        memcpy(p + at + SECTION + name, pieces[i].data, pieces[i].bytes);
        at += SECTION + name + pieces[i].bytes;
        used++;
    }
    memcpy(p, "PRISMBOX" KIND, 16);
    put(p + 16, 1, 4);
    put(p + 20, used, 4);
    repair(p, at + FOOTER);
    *out = p;
    return at + FOOTER;
}

/* ---- edits ---- */

static void edit(struct piece *p, enum edit kind, size_t at, const uint8_t *with, size_t n)
{
    at = at < p->bytes ? at : p->bytes;
    size_t left = p->bytes - at;
    switch (kind) {
    case OVERWRITE:
        memcpy(p->data + at, with, n < left ? n : left);
        return;
    case INSERT:
        p->data = realloc(p->data, p->bytes + n + 1);
        FUZZ_CHECK(p->data);
        memmove(p->data + at + n, p->data + at, left);
        memcpy(p->data + at, with, n);
        p->bytes += n;
        return;
    case CUT:
        p->bytes = at;
        return;
    default:
        p->name[0] = '\0';
    }
}

static size_t edited(int base, const uint8_t *data, size_t bytes, uint8_t **out)
{
    struct piece pieces[MAX_SECTIONS] = {0};
    int n = bases[base].n;
    for (int i = 0; i < n; i++) {
        pieces[i] = bases[base].pieces[i];
        pieces[i].data = malloc(pieces[i].bytes + 1);
        FUZZ_CHECK(pieces[i].data);
        memcpy(pieces[i].data, bases[base].pieces[i].data, pieces[i].bytes);
    }
    while (bytes >= 5) {
        size_t length = data[4] < bytes - 5 ? data[4] : bytes - 5;
        edit(&pieces[data[0] % n], (enum edit)(data[1] % N_EDITS), (size_t)get(data + 2, 2),
             data + 5, length);
        data += 5 + length;
        bytes -= 5 + length;
    }
    size_t packed = pack(pieces, n, out);
    for (int i = 0; i < n; i++)
        free(pieces[i].data);
    return packed;
}

/* ---- the two kinds of input ---- */

static int load_container(uint8_t *p, size_t bytes)
{
    struct prismi_box *box;
    repair(p, bytes);
    const char *path = fuzz_file(p, bytes);
    int status = fuzz_status(prismi_box_load(fuzz_ctx(), path, KIND, &box));
    FUZZ_CHECK(!status == (box != NULL));
    for (int i = 0; box && i < prismi_box_count(box); i++) {
        size_t n, first = 0; /* a name may come twice: the first counts */
        const char *name = prismi_box_name(box, i, &n);
        const void *content = prismi_box_get(box, name, &first);
        FUZZ_CHECK(*name && content);
        prismi_crc32c(0, content, first); /* all of it is there */
    }
    prismi_box_destroy(&box);
    fuzz_status(prism_session_load(bases[0].session, path));
    return status;
}

/* A checkpoint that is accepted must be one to go on from; afterwards the right
 * one is loaded again. */
static int load_session(int base, const uint8_t *p, size_t bytes)
{
    struct prism_session *s = bases[base].session;
    struct prism_progress progress;
    double result[OBJ * OBJ];
    uint8_t *right;
    int status = fuzz_status(prism_session_load(s, fuzz_file(p, bytes)));
    if (status)
        return status;
    prism_session_progress(s, &progress);
    FUZZ_CHECK(progress.sample >= 0 && progress.tier < PRISM_TIER_COUNT);
    for (int i = 0; i < 2; i++)
        fuzz_status(prism_session_step(s));
    fuzz_status(prism_session_result(s, result));
    size_t n = pack(bases[base].pieces, bases[base].n, &right);
    FUZZ_CHECK(!fuzz_status(prism_session_load(s, fuzz_file(right, n))));
    free(right);
    return 0;
}

int fuzz_one(const uint8_t *data, size_t bytes)
{
    uint8_t *p;
    int status;
    if (!bases[0].session)
        make_bases();
    if (bytes >= 8 && !memcmp(data, "PRISMBOX", 8)) {
        FUZZ_CHECK(p = malloc(bytes));
        memcpy(p, data, bytes);
        status = load_container(p, bytes);
    } else {
        int base = bytes ? data[0] % N_SESSIONS : 0;
        size_t n = edited(base, bytes ? data + 1 : data, bytes ? bytes - 1 : 0, &p);
        status = load_session(base, p, n);
    }
    free(p);
    return status;
}
