/* Archives, the container before them, and the checkpoints in them. Checksums
 * stop random damage at the door, so they are made right behind the input's
 * back.
 *
 * An input that begins with PRISMBOX or as a ZIP file does is a whole file. Any
 * other is a byte that chooses a session and a list of edits to that session's
 * checkpoint:   array, kind of edit, position u16, length, bytes
 *               (a byte each where nothing is said). */
#include "core/archive.h"
#include "fuzz.h"
#include "prismrec/recon.h"
#include "support/box.h"

#include <math.h>

#define KIND "PRISMCKP"
enum {
    GRID = 16,
    OBJ = 8,
    SAMPLES = 3,
    STEPS = 6,
    N_SESSIONS = 3,
    MAX_ARRAYS = 32,
    LOCAL = 30,
    ENTRY = 46,
    END = 22,
    COMMENT = 51
};
enum edit { OVERWRITE, INSERT, CUT, DROP, N_EDITS };

struct piece {
    char name[64], descr[1024];
    size_t item;
    uint8_t *data;
    size_t bytes;
};

static struct {
    struct prism_session *session;
    struct piece pieces[MAX_ARRAYS]; /* the checkpoint's bytes */
    int n;
} bases[N_SESSIONS];

/* ---- three small sessions, some steps in, and their checkpoints ---- */

static const struct prism_recon_params base_params[N_SESSIONS] = {
    {.decoder = {.latent_channels = 4,
                 .n_channels = 3,
                 .channels = {4, 2, 1},
                 .output_activation = PRISM_OUTPUT_NONE},
     .training = {.objective = PRISM_OBJ_JOINT,
                  .loss_weights = {1},
                  .lr = 2e-3,
                  .schedule = PRISM_SCHEDULE_PLATEAU,
                  .amsgrad = true,
                  .init_steps = 4,
                  .max_steps = 60,
                  .batch = 2,
                  .unmeasured_weight = -1,
                  .average = 0.99},
     .metrics_every = -1},
    {.decoder = {.latent_channels = 4,
                 .n_channels = 3,
                 .channels = {4, 2, 1},
                 .output_activation = PRISM_OUTPUT_NONE},
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
                  .max_retries = 2},
     .metrics_every = -1},
    {.algorithm = PRISM_ALG_MOPIE,
     .mopie = {.loops = 4, .lr_obj = 1, .permute = true, .complex_object = true},
     .metrics_every = -1},
};

static void keep_pieces(int i, const char *path)
{
    struct prismi_archive *a;
    FUZZ_CHECK(!prism_session_save(bases[i].session, path, "name: fuzz\n"));
    FUZZ_CHECK(!prismi_archive_load(fuzz_ctx(), path, KIND, &a));
    bases[i].n = prismi_archive_count(a);
    FUZZ_CHECK(bases[i].n <= MAX_ARRAYS);
    for (int k = 0; k < bases[i].n; k++) {
        struct piece *p = &bases[i].pieces[k];
        struct prismi_array type;
        const void *data;
        const char *name = prismi_archive_at(a, k, &type, &data, &p->bytes);
        int length = (int)(type.descr_bytes ? type.descr_bytes : strlen(type.descr));
        snprintf(p->name, sizeof p->name, "%s", name);
        snprintf(p->descr, sizeof p->descr, "%.*s", length, type.descr);
        p->item = type.item;
        p->data = malloc(p->bytes + 1);
        FUZZ_CHECK(p->data);
        memcpy(p->data, data, p->bytes);
    }
    prismi_archive_destroy(&a);
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

/* ---- files with valid checksums ---- */

static uint64_t get(const uint8_t *p, int bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

/* The comment of an archive that has one of ours. */
static void comment(uint8_t *p, size_t bytes)
{
    char text[COMMENT + 1];
    uint8_t *at = p + bytes - COMMENT;
    snprintf(text, sizeof text, "kind=%.8s bytes=%016llx crc32=%08x", (const char *)at + 5,
             (unsigned long long)bytes, (unsigned)prismi_crc32(0, p, bytes - COMMENT));
    memcpy(at, text, COMMENT);
}

/* As far as the directory, of 32-bit numbers, makes sense. */
static void repair_zip(uint8_t *p, size_t bytes)
{
    size_t back = END;
    while (back <= bytes && back < 200 && memcmp(p + bytes - back, "PK\5\6", 4))
        back++;
    if (back > bytes || back == 200)
        return;
    uint64_t at = get(p + bytes - back + 16, 4);
    while (at <= bytes && bytes - at >= ENTRY && !memcmp(p + at, "PK\1\2", 4)) {
        uint64_t n = get(p + at + 24, 4), local = get(p + at + 42, 4);
        uint64_t start = local <= bytes && bytes - local >= LOCAL
                             ? local + LOCAL + get(p + local + 26, 2) + get(p + local + 28, 2)
                             : bytes;
        if (start <= bytes && n <= bytes - start)
            box_put(p + at + 16, prismi_crc32(0, p + start, (size_t)n), 4);
        at += ENTRY + get(p + at + 28, 2) + get(p + at + 30, 2) + get(p + at + 32, 2);
    }
    if (back == END + COMMENT && !memcmp(p + bytes - COMMENT, "kind=", 5))
        comment(p, bytes);
}

static void repair(uint8_t *p, size_t bytes)
{
    if (bytes >= 8 && !memcmp(p, "PRISMBOX", 8)) {
        if (bytes >= 44)
            box_close(p, bytes);
        return;
    }
    repair_zip(p, bytes);
}

/* The fields that a member's header and its entry in the directory share, from
 * the checksum on, which repair fills in. */
static void put_sizes(uint8_t *p, size_t bytes, const char *name)
{
    box_put(p + 4, bytes, 4);
    box_put(p + 8, bytes, 4);
    box_put(p + 12, strlen(name), 2);
}

static size_t put_local(uint8_t *p, const char *name, const struct piece *piece)
{
    const bool text = !strcmp(piece->descr, PRISMI_TYPE_TEXT),
               whole = piece->bytes % piece->item == 0;
    const struct prismi_array type =
        whole ? prismi_vector(piece->descr, piece->item, piece->bytes / piece->item)
              : prismi_vector("|u1", 1, piece->bytes);
    char header[PRISMI_NPY_HEADER];
    size_t n = text ? 0 : prismi_npy_header(&type, header), at = LOCAL + strlen(name);
    memcpy(p, "PK\3\4", 4);
    put_sizes(p + 14, n + piece->bytes, name);
    memcpy(p + LOCAL, name, strlen(name));
    memcpy(p + at, header, n);
    memcpy(p + at + n, piece->data, piece->bytes);
    return at + n + piece->bytes;
}

static size_t put_entry(uint8_t *p, const char *name, size_t bytes, size_t local)
{
    memcpy(p, "PK\1\2", 4);
    put_sizes(p + 16, bytes, name);
    box_put(p + 42, local, 4);
    memcpy(p + ENTRY, name, strlen(name));
    return ENTRY + strlen(name);
}

static size_t pack(const struct piece *pieces, int n, uint8_t **out)
{
    size_t room = END + COMMENT, at = 0, entries = 0, listed = 0;
    for (int i = 0; i < n; i++)
        room += LOCAL + PRISMI_NPY_HEADER + 80 + pieces[i].bytes;
    uint8_t *p = calloc(room + (size_t)n * (ENTRY + 80), 1),
            directory[MAX_ARRAYS * (ENTRY + 80)] = {0};
    FUZZ_CHECK(p);
    for (int i = 0; i < n; i++) {
        char name[80];
        const char *suffix = strcmp(pieces[i].descr, PRISMI_TYPE_TEXT) ? "npy" : "txt";
        if (!pieces[i].name[0])
            continue; /* dropped */
        snprintf(name, sizeof name, "%s.%s", pieces[i].name, suffix);
        size_t bytes = put_local(p + at, name, &pieces[i]);
        entries += put_entry(directory + entries, name, bytes - LOCAL - strlen(name), at);
        at += bytes;
        listed++;
    }
    memcpy(p + at, directory, entries);
    uint8_t *end = p + at + entries;
    memcpy(end, "PK\5\6", 4);
    box_put(end + 10, listed, 2);
    box_put(end + 12, entries, 4);
    box_put(end + 16, at, 4);
    box_put(end + 20, COMMENT, 2);
    memcpy(end + END, "kind=" KIND, 13);
    repair(p, at + entries + END + COMMENT);
    *out = p;
    return at + entries + END + COMMENT;
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
    struct piece pieces[MAX_ARRAYS] = {0};
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

static int load_file(uint8_t *p, size_t bytes)
{
    struct prismi_archive *a;
    repair(p, bytes);
    const char *path = fuzz_file(p, bytes);
    int status = fuzz_status(prismi_archive_load(fuzz_ctx(), path, KIND, &a));
    FUZZ_CHECK(!status == (a != NULL));
    for (int i = 0; a && i < prismi_archive_count(a); i++) {
        size_t n;
        const void *content;
        const char *name = prismi_archive_at(a, i, NULL, &content, &n);
        FUZZ_CHECK(*name && content);
        prismi_crc32(0, content, n); /* every element can be read */
        prismi_archive_get(a, name, PRISMI_TYPE_F32, NULL);
    }
    prismi_archive_destroy(&a);
    fuzz_status(prism_session_load(bases[0].session, path));
    return status;
}

/* A session must be able to continue from an accepted checkpoint. The right
 * checkpoint is then loaded again. */
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
    if (bytes >= 8 && (!memcmp(data, "PRISMBOX", 8) || !memcmp(data, "PK", 2))) {
        FUZZ_CHECK(p = malloc(bytes));
        memcpy(p, data, bytes);
        status = load_file(p, bytes);
    } else {
        int base = bytes ? data[0] % N_SESSIONS : 0;
        size_t n = edited(base, bytes ? data + 1 : data, bytes ? bytes - 1 : 0, &p);
        status = load_session(base, p, n);
    }
    free(p);
    return status;
}
