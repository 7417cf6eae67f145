/* The whole state of a trainer in a container (docs/formats.md):
 *   about    text, a line name=value for everything a run must share with the
 *            one that wrote the file
 *   trainer  struct prismi_state       history  rows of doubles
 *   plain.*  the owner's plain data    slab.*   device blocks, Adam's only
 *            where it has begun; and what the owner adds */
#include "fit/fit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FORMAT "2" /* of the lines and of the state; files of format 1 have no such line */

static void about(const struct prismi_state_file *f, struct prismi_lines *t)
{
    t->n = 0;
    prismi_line(t, "format=" FORMAT);
    f->about(f->owner, t);
}

/* ---- save ---- */

/* Slabs are read while the box is saved; nothing between here and there changes
 * them. */
static int add_all(struct prismi_trainer *t, struct prismi_box *box)
{
    char name[48];
    PRISM_TRY(prismi_box_add(box, "trainer", &t->st, sizeof t->st));
    PRISM_TRY(
        prismi_box_add(box, "history", t->history, (size_t)t->st.n_history * sizeof t->history[0]));
    for (int i = 0; i < t->n_plain; i++) {
        snprintf(name, sizeof name, "plain.%s", t->plain[i].name);
        PRISM_TRY(prismi_box_add(box, name, t->plain[i].now, t->plain[i].bytes));
    }
    for (int i = 0; i < t->n_slabs; i++) {
        const struct prismi_slab *slab = &t->slabs[i];
        if (prismi_slab_void(slab, &t->st))
            continue;
        snprintf(name, sizeof name, "slab.%s", slab->name);
        PRISM_TRY(prismi_box_add_mem(box, name, t->dev, slab->mem, slab->bytes));
    }
    return 0;
}

static uint64_t hash_of(const char *path)
{
    return prismi_hash64(path, strlen(path), 0);
}

static int fill_and_save(struct prismi_trainer *t, const struct prismi_state_file *f,
                         struct prismi_box *box, const char *path)
{
    bool replaces_damaged = t->damaged_path_hash == hash_of(path);
    struct prismi_lines lines;
    about(f, &lines);
    PRISM_TRY(prismi_box_add(box, "about", lines.s, lines.n));
    PRISM_TRY(add_all(t, box));
    if (f->fill)
        PRISM_TRY(f->fill(f->owner, box));
    PRISM_TRY(prismi_box_save(box, path, !replaces_damaged));
    if (replaces_damaged)
        t->damaged_path_hash = 0;
    return 0;
}

int prismi_state_save(struct prismi_trainer *t, const struct prismi_state_file *f, const char *path)
{
    struct prismi_box *box;
    if (!t->have_snapshot)
        PRISM_TRY(prismi_trainer_snapshot(t));
    PRISM_TRY(prismi_trainer_sound(t)); /* a state that is lost already is not worth a file */
    PRISM_TRY(prismi_box_create(t->ctx, f->kind, &box));
    int status = fill_and_save(t, f, box, path);
    prismi_box_destroy(&box);
    return status;
}

/* ---- load ---- */

/* Refuses another run's file, naming the first difference. */
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

static int get(struct prismi_trainer *t, const struct prismi_box *box, const char *path,
               const char *name, size_t bytes, const void **out)
{
    size_t found = bytes;
    *out = prismi_box_get(box, name, &found);
    return *out && found == bytes
               ? 0
               : PRISM_FAIL(t->ctx, PRISM_EPARSE, "%s: section %s is missing or has a wrong size",
                            path, name);
}

static int find_slabs(struct prismi_trainer *t, const struct prismi_box *box, const char *path,
                      struct prismi_loaded *out)
{
    for (int i = 0; i < t->n_slabs; i++) {
        char name[48];
        if (prismi_slab_void(&t->slabs[i], &out->st))
            continue;
        snprintf(name, sizeof name, "slab.%s", t->slabs[i].name);
        PRISM_TRY(get(t, box, path, name, t->slabs[i].bytes, &out->slabs[i]));
        if (t->slabs[i].own == &t->scaler.state && !prismi_scaler_plausible(out->slabs[i]))
            return PRISM_FAIL(t->ctx, PRISM_EPARSE, "%s: section %s holds impossible numbers", path,
                              name);
    }
    return 0;
}

/* Sections by name, all checked before the first is used. */
static int find_all(struct prismi_trainer *t, const struct prismi_state_file *f,
                    const struct prismi_box *box, const char *path, struct prismi_loaded *out)
{
    size_t bytes = 0;
    const void *theirs = prismi_box_get(box, "about", &bytes), *state;
    char name[48];
    if (!theirs)
        return PRISM_FAIL(t->ctx, PRISM_EPARSE, "%s: section about is missing or has a wrong size",
                          path);
    PRISM_TRY(compare(t, f, path, theirs, bytes));
    PRISM_TRY(get(t, box, path, "trainer", sizeof out->st, &state));
    memcpy(&out->st, state, sizeof out->st);
    for (int i = 0; i < t->n_plain; i++) {
        snprintf(name, sizeof name, "plain.%s", t->plain[i].name);
        PRISM_TRY(get(t, box, path, name, t->plain[i].bytes, &out->plain[i]));
    }
    if (!plausible(t, &out->st) || (f->plausible && !f->plausible(f->owner, out)))
        return PRISM_FAIL(t->ctx, PRISM_EPARSE, "%s: the state holds impossible numbers", path);
    PRISM_TRY(get(t, box, path, "history", (size_t)out->st.n_history * sizeof t->history[0],
                  &out->history));
    return find_slabs(t, box, path, out);
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
    PRISM_TRY(prismi_trainer_snapshot(t)); /* what to roll back to: a refusal changes nothing */
    PRISM_TRY(write_slabs(t, from, true));
    t->st = from->st;
    PRISM_TRY(prismi_trainer_sound(t));
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
    struct prismi_box *box;
    struct prismi_loaded sections = {.history = NULL};
    PRISM_TRY(prismi_box_load(t->ctx, path, f->kind, &box));
    int status = find_all(t, f, box, path, &sections);
    if (!status)
        status = adopt(t, &sections);
    if (status == PRISM_EDIVERGED)
        status = PRISM_FAIL(t->ctx, PRISM_EPARSE,
                            "%s: its numbers lead to a loss or an output that is not finite", path);
    prismi_box_destroy(&box);
    return status;
}

int prismi_state_load(struct prismi_trainer *t, const struct prismi_state_file *f, const char *path)
{
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
    /* the next save must not put the damaged one in the place of the good
     * one */
    t->damaged_path_hash = hash_of(path);
    prismi_log(t->ctx, PRISM_LOG_WARN, "%s; continuing from %s.1, step %lld", first.text, path,
               (long long)t->st.step);
    return 0;
}
