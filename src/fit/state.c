/* Save and load of a trainer's whole state as an archive (docs/formats.md):
 *   about    text: a line name=value for everything that a run must share
 *            with the run that wrote the file
 *   trainer  struct prismi_state
 *   history  rows of doubles
 *   plain.*  the owner's plain data
 *   slab.*   device blocks; Adam's moments only if Adam has begun
 * The owner may add arrays of its own. */
#include "fit/fit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FORMAT "2" /* format of the lines and of the state; files of format 1 have no such line */

enum { HISTORY_COLUMNS = sizeof(struct prismi_history_row) / sizeof(double) };

/* PRISMI_STATE_TYPE contains these numbers. */
_Static_assert(PRISMI_SCORES == 3 && PRISMI_WINDOW_MAX == 1000 &&
                   sizeof(struct prismi_state) == 8 * (22 + 3 + 1000),
               "PRISMI_STATE_TYPE describes struct prismi_state");

static void about(const struct prismi_state_file *f, struct prismi_lines *t)
{
    t->n = 0;
    prismi_line(t, "format=" FORMAT);
    f->about(f->owner, t);
}

/* ---- save ---- */

/* Adds everything to the archive. Slabs are read at once by a snapshot's
 * archive, else when the archive is saved; nothing changes them before that. */
static int add_all(struct prismi_trainer *t, struct prismi_archive *a)
{
    const struct prismi_array state = {.descr = PRISMI_STATE_TYPE, .item = sizeof t->st},
                              history = {.descr = PRISMI_TYPE_F64,
                                         .item = sizeof(double),
                                         .nd = 2,
                                         .shape = {(size_t)t->st.n_history, HISTORY_COLUMNS}};
    const char *real = prismi_type_real(t->model.dtype);
    const size_t item = prism_dtype_size(t->model.dtype);
    char name[48];
    PRISM_TRY(prismi_archive_add(a, "trainer", &state, &t->st));
    PRISM_TRY(prismi_archive_add(a, "history", &history, t->history));
    for (int i = 0; i < t->n_plain; i++) {
        const struct prismi_plain *p = &t->plain[i];
        const struct prismi_array type = prismi_vector(p->type, p->item, p->bytes / p->item);
        snprintf(name, sizeof name, "plain.%s", p->name);
        PRISM_TRY(prismi_archive_add(a, name, &type, p->now));
    }
    for (int i = 0; i < t->n_slabs; i++) {
        const struct prismi_slab *slab = &t->slabs[i];
        if (prismi_slab_void(slab, &t->st))
            continue;
        const struct prismi_array type = prismi_vector(real, item, slab->bytes / item);
        snprintf(name, sizeof name, "slab.%s", slab->name);
        PRISM_TRY(prismi_archive_add_mem(a, name, &type, t->dev, slab->mem));
    }
    return 0;
}

static uint64_t hash_of(const char *path)
{
    return prismi_hash64(path, strlen(path), 0);
}

/* Refuses a state that has already diverged. */
static int check_state(struct prismi_trainer *t)
{
    if (!t->have_snapshot)
        PRISM_TRY(prismi_trainer_snapshot(t));
    return prismi_trainer_check(t);
}

static int fill(struct prismi_trainer *t, const struct prismi_state_file *f,
                struct prismi_archive *a)
{
    struct prismi_lines lines;
    about(f, &lines);
    PRISM_TRY(prismi_archive_add_text(a, "about", lines.s, lines.n));
    PRISM_TRY(add_all(t, a));
    return f->fill ? f->fill(f->owner, a) : 0;
}

/* True if path has a damaged file, which must not take the place of the good
 * one before it. */
static bool is_damaged(const struct prismi_trainer *t, const char *path)
{
    return t->damaged_path_hash == hash_of(path);
}

static void saved(struct prismi_trainer *t, const char *path)
{
    if (is_damaged(t, path))
        t->damaged_path_hash = 0;
}

/* Writes a state that check_state() has accepted, in the calling thread. */
static int write_now(struct prismi_trainer *t, const struct prismi_state_file *f, const char *path)
{
    struct prismi_archive *a;
    PRISM_TRY(prismi_archive_create(t->ctx, f->kind, &a));
    int status = fill(t, f, a);
    if (!status)
        status = prismi_archive_save(a, t->ctx, path, !is_damaged(t, path));
    if (!status)
        saved(t, path);
    prismi_archive_destroy(&a);
    return status;
}

int prismi_state_save(struct prismi_trainer *t, const struct prismi_state_file *f, const char *path)
{
    prismi_state_settle(t);
    PRISM_TRY(check_state(t));
    return write_now(t, f, path);
}

int prismi_state_save_wait(struct prismi_trainer *t)
{
    const bool pending = t->saver.pending;
    PRISM_TRY(prismi_saver_wait(&t->saver, t->ctx));
    if (pending)
        saved(t, t->saver.path);
    return 0;
}

void prismi_state_settle(struct prismi_trainer *t)
{
    if (prismi_state_save_wait(t))
        prismi_log(t->ctx, PRISM_LOG_WARN, "%s", prism_ctx_error(t->ctx)->text);
}

/* Tells the profile how much memory the copy takes now. */
static void count_copy(struct prismi_trainer *t)
{
    const size_t bytes = t->saver.archive ? prismi_archive_held(t->saver.archive) : 0;
    if (bytes == t->saver_bytes)
        return;
    prismi_profile_memory(t->dev, PRISMI_OWNER_CHECKPOINT, t->saver_bytes, false);
    prismi_profile_memory(t->dev, PRISMI_OWNER_CHECKPOINT, bytes, true);
    t->saver_bytes = bytes;
}

void prismi_state_release(struct prismi_trainer *t)
{
    prismi_state_settle(t);
    prismi_saver_release(&t->saver);
    count_copy(t);
}

int prismi_state_save_begin(struct prismi_trainer *t, const struct prismi_state_file *f,
                            const char *path, bool (*before)(void *user), void *user)
{
    struct prismi_archive *a;
    PRISM_TRY(prismi_state_save_wait(t));
    PRISM_TRY(check_state(t));
    int status = prismi_saver_open(&t->saver, t->ctx, f->kind, &a);
    if (!status)
        status = fill(t, f, a);
    if (!status)
        status = prismi_saver_begin(&t->saver, t->ctx, path, !is_damaged(t, path), before, user);
    count_copy(t);
    if (status != PRISM_ENOMEM)
        return status;
    /* no memory for a copy: write without one */
    prismi_state_release(t);
    if (before && !before(user))
        return PRISM_FAIL(t->ctx, PRISM_ECANCELED, "%s was not written: its caller gave up", path);
    return write_now(t, f, path);
}

/* ---- load ---- */

/* Refuses the file of another run, naming the first line that differs. */
static int compare(struct prismi_trainer *t, const struct prismi_state_file *f, const char *path,
                   const char *theirs, size_t bytes)
{
    struct prismi_lines mine;
    struct prismi_difference d;
    about(f, &mine);
    if (!prismi_lines_differ(&mine, theirs, bytes, &d))
        return 0;
    if (!strcmp(d.name, "format"))
        return PRISM_FAIL(t->ctx, PRISM_EINVAL,
                          "%s is a checkpoint of format %s, this version reads format " FORMAT
                          ": finish the run with the version that began it, or start it anew",
                          path, *d.theirs ? d.theirs : "1 (version 0.1.0)");
    return f->refuse(t->ctx, path, &d);
}

static bool plausible(const struct prismi_trainer *t, const struct prismi_state *st)
{
    const struct prismi_schedule *c = &st->schedule;
    const struct prismi_monitor *m = &st->monitor;
    const int64_t most = PRISMI_COUNT_MAX;
    bool scheduled = t->adam.n_segments && st->phase != PRISM_PHASE_INIT;
    return prismi_within(st->phase, PRISM_PHASE_INIT, PRISM_PHASE_DONE) &&
           prismi_within(st->step, 0, most) && prismi_within(st->phase_step, 0, st->step) &&
           prismi_within(st->adam_t, 0, most) && prismi_within(st->schedule_t, 0, most) &&
           prismi_within(st->pending, 0, most) &&
           prismi_within(st->averaged, 0, t->average ? most : 0) &&
           prismi_within(st->n_history, 0, PRISMI_HISTORY_MAX) &&
           prismi_within(st->history_stride, 1, most) && prismi_within(st->history_skip, 0, most) &&
           prismi_within(c->kind, 0, PRISM_SCHEDULE_COUNT - 1) &&
           prismi_within(c->total, 0, INT64_MAX) && prismi_within(c->bad, 0, most) &&
           !isnan(c->best) &&
           (!scheduled || (c->base > 0 && isfinite(c->base) && c->factor > 0 && c->factor <= 1)) &&
           prismi_within(m->tier, 0, PRISM_TIER_COUNT - 1) &&
           prismi_within(m->count, 0, st->phase_step) && prismi_within(m->since, 0, m->count) &&
           !isnan(m->best);
}

static int get(struct prismi_trainer *t, const struct prismi_archive *a, const char *path,
               const char *name, const char *type, size_t bytes, const void **out)
{
    size_t found = bytes;
    *out = prismi_archive_get(a, name, type, &found);
    return *out && found == bytes
               ? 0
               : PRISM_FAIL(t->ctx, PRISM_EPARSE, "%s: %s is missing or has a wrong type or size",
                            path, name);
}

static int find_slabs(struct prismi_trainer *t, const struct prismi_archive *a, const char *path,
                      struct prismi_loaded *out)
{
    for (int i = 0; i < t->n_slabs; i++) {
        char name[48];
        if (prismi_slab_void(&t->slabs[i], &out->st))
            continue;
        snprintf(name, sizeof name, "slab.%s", t->slabs[i].name);
        PRISM_TRY(get(t, a, path, name, prismi_type_real(t->model.dtype), t->slabs[i].bytes,
                      &out->slabs[i]));
        if (t->slabs[i].own == &t->scaler.state && !prismi_scaler_plausible(out->slabs[i]))
            return PRISM_FAIL(t->ctx, PRISM_EPARSE, "%s: %s holds impossible numbers", path, name);
    }
    return 0;
}

/* Finds all arrays by name. Nothing is used before everything has been
 * checked. */
static int find_all(struct prismi_trainer *t, const struct prismi_state_file *f,
                    const struct prismi_archive *a, const char *path, struct prismi_loaded *out)
{
    size_t bytes = 0;
    const void *theirs = prismi_archive_get(a, "about", PRISMI_TYPE_TEXT, &bytes), *state;
    char name[48];
    if (!theirs)
        return PRISM_FAIL(t->ctx, PRISM_EPARSE, "%s: about is missing or has a wrong type or size",
                          path);
    PRISM_TRY(compare(t, f, path, theirs, bytes));
    PRISM_TRY(get(t, a, path, "trainer", PRISMI_STATE_TYPE, sizeof out->st, &state));
    memcpy(&out->st, state, sizeof out->st);
    for (int i = 0; i < t->n_plain; i++) {
        snprintf(name, sizeof name, "plain.%s", t->plain[i].name);
        PRISM_TRY(get(t, a, path, name, t->plain[i].type, t->plain[i].bytes, &out->plain[i]));
    }
    if (!plausible(t, &out->st) || (f->plausible && !f->plausible(f->owner, out)))
        return PRISM_FAIL(t->ctx, PRISM_EPARSE, "%s: the state holds impossible numbers", path);
    PRISM_TRY(get(t, a, path, "history", PRISMI_TYPE_F64,
                  (size_t)out->st.n_history * sizeof t->history[0], &out->history));
    return find_slabs(t, a, path, out);
}

static int write_slabs(struct prismi_trainer *t, const struct prismi_loaded *from,
                       bool with_snapshot)
{
    prismi_trainer_forget(t);
    for (int i = 0; i < t->n_slabs; i++)
        if (from->slabs[i] && !t->slabs[i].snapshot != with_snapshot)
            PRISM_TRY(
                t->dev->ops->write(t->dev, t->slabs[i].mem, from->slabs[i], t->slabs[i].bytes));
    return 0;
}

static int adopt(struct prismi_trainer *t, const struct prismi_loaded *from)
{
    /* a snapshot to roll back to, so that a refusal changes nothing */
    PRISM_TRY(prismi_trainer_snapshot(t));
    PRISM_TRY(write_slabs(t, from, true));
    t->st = from->st;
    PRISM_TRY(prismi_trainer_check(t));
    PRISM_TRY(write_slabs(t, from, false));
    memcpy(t->history, from->history, (size_t)t->st.n_history * sizeof t->history[0]);
    for (int i = 0; i < t->n_plain; i++)
        memcpy(t->plain[i].now, from->plain[i], t->plain[i].bytes);
    PRISM_TRY(prismi_scaler_read(t->dev, &t->scaler, &t->loss_scale, &t->skipped));
    if (t->restore)
        PRISM_TRY(t->restore(t->owner, true));
    return prismi_trainer_snapshot(t);
}

static int load_from(struct prismi_trainer *t, const struct prismi_state_file *f, const char *path)
{
    struct prismi_archive *a;
    struct prismi_loaded arrays = {.history = NULL};
    PRISM_TRY(prismi_archive_load(t->ctx, path, f->kind, &a));
    int status = find_all(t, f, a, path, &arrays);
    if (!status)
        status = adopt(t, &arrays);
    if (status == PRISM_EDIVERGED)
        status = PRISM_FAIL(t->ctx, PRISM_EPARSE,
                            "%s: its numbers lead to a loss or an output that is not finite", path);
    prismi_archive_destroy(&a);
    return status;
}

int prismi_state_load(struct prismi_trainer *t, const struct prismi_state_file *f, const char *path)
{
    prismi_state_settle(t);
    int status = load_from(t, f, path);
    if (!status && t->damaged_path_hash == hash_of(path))
        t->damaged_path_hash = 0;
    if (status != PRISM_EPARSE && status != PRISM_EIO)
        return status;
    struct prism_error first = *prism_ctx_error(t->ctx);
    size_t n = strlen(path) + 3;
    char *previous = prismi_alloc(n, 1);
    if (!previous)
        return PRISM_FAIL(t->ctx, PRISM_ENOMEM, "no memory for a file name");
    snprintf(previous, n, "%s.1", path);
    int second = load_from(t, f, previous);
    prismi_free(previous);
    if (second)
        return prismi_fail(t->ctx, status, first.file, first.line, "%s; no usable %s.1 either",
                           first.text, path);
    /* the next save must not replace the good file by the damaged one */
    t->damaged_path_hash = hash_of(path);
    prismi_log(t->ctx, PRISM_LOG_WARN, "%s; continuing from %s.1, step %lld", first.text, path,
               (long long)t->st.step);
    return 0;
}
