/* A session's checkpoint: the trainer's state (fit/state.c), kind "PRISMCKP",
 * and these arrays:
 *
 *   progress  text, lines key=value: the progress, for people and `prism
 *             inspect`
 *   centres   [n,2] doubles
 *   result    [O,O] doubles
 *   extra     text of the caller */
#include "recon/internal.h"
#include "recon/params.h"

#include <string.h>

struct checkpoint {
    struct prism_session *s;
    const char *extra;
};

/* ---- texts ---- */

static void about(const void *owner, struct prismi_lines *t)
{
    const struct prism_session *s = ((const struct checkpoint *)owner)->s;
    struct prism_recon_params p = s->par;
    struct prism_decoder_params *d = &p.decoder;
    if (s->net)
        *d = *prism_net_params(s->net); /* with defaults filled in */
    for (int i = d->n_channels; i < PRISM_MAX_CHANNELS; i++)
        d->channels[i] = 0;
    prismi_params_lines(t, &p, prismi_params_when(&p), prism_dataset_params(s->ds));
    prismi_line(t, "samples=%d", s->n);
    prismi_line(t, "data=%016llx", (unsigned long long)prismi_dataset_hash(s->ds));
}

static void about_progress(struct prismi_lines *t, const struct prism_session *s)
{
    struct prism_progress p;
    prism_session_progress(s, &p);
    t->n = 0;
    prismi_line(t, "phase=%s", prism_phase_name(p.phase));
    prismi_line(t, "step=%lld", (long long)p.step);
    prismi_line(t, "total_steps=%lld", (long long)p.total_steps);
    prismi_line(t, "phase_step=%lld", (long long)p.phase_step);
    prismi_line(t, "sample=%d", p.sample);
    prismi_line(t, "n_samples=%d", p.n_samples);
    prismi_line(t, "n_failed=%d", p.n_failed);
    prismi_line(t, "loss=%.9g", p.loss);
    prismi_line(t, "loss_old=%.9g", p.loss_old);
    prismi_line(t, "loss_new=%.9g", p.loss_new);
    prismi_line(t, "lr=%.9g", p.lr);
    prismi_line(t, "ssim=%.9g", p.ssim);
    prismi_line(t, "psnr_db=%.9g", p.psnr_db);
    prismi_line(t, "rmse_percent=%.9g", p.rmse_percent);
}

/* ---- files ---- */

static int fill(void *owner, struct prismi_archive *a)
{
    const struct checkpoint *c = owner;
    struct prism_session *s = c->s;
    const size_t obj = (size_t)s->obj;
    const struct prismi_array centres = {.descr = PRISMI_TYPE_F64,
                                         .item = sizeof(double),
                                         .nd = 2,
                                         .shape = {(size_t)s->n, 2}},
                              result = {.descr = PRISMI_TYPE_F64,
                                        .item = sizeof(double),
                                        .nd = 2,
                                        .shape = {obj, obj}};
    struct prismi_lines progress;
    about_progress(&progress, s);
    PRISM_TRY(prismi_archive_add_text(a, "progress", progress.s, progress.n));
    PRISM_TRY(prismi_archive_add(a, "centres", &centres, prism_dataset_centres(s->ds)));
    PRISM_TRY(prism_session_result(s, s->host));
    PRISM_TRY(prismi_archive_add(a, "result", &result, s->host));
    return c->extra ? prismi_archive_add_text(a, "extra", c->extra, strlen(c->extra)) : 0;
}

/* True if a run of this session can be in this state. A file may come from
 * anywhere. */
static bool plausible(const void *owner, const struct prismi_loaded *state)
{
    const struct prism_session *s = ((const struct checkpoint *)owner)->s;
    return (state->st.phase != PRISM_PHASE_INIT || state->st.phase_step < s->init_steps) &&
           s->strategy->plausible(s, state);
}

static struct prismi_state_file file_of(struct checkpoint *c)
{
    return (struct prismi_state_file){.kind = "PRISMCKP",
                                      .owner = c,
                                      .about = about,
                                      .refuse = prismi_lines_refuse,
                                      .fill = fill,
                                      .plausible = plausible};
}

int prism_session_save(struct prism_session *s, const char *path, const char *extra)
{
    struct checkpoint c = {.s = s, .extra = extra};
    const struct prismi_state_file f = file_of(&c);
    return prismi_state_save(&s->trainer, &f, path);
}

int prism_session_save_begin(struct prism_session *s, const char *path, const char *extra,
                             bool (*before)(void *user), void *user)
{
    struct checkpoint c = {.s = s, .extra = extra};
    const struct prismi_state_file f = file_of(&c);
    return prismi_state_save_begin(&s->trainer, &f, path, before, user);
}

int prism_session_save_wait(struct prism_session *s)
{
    return prismi_state_save_wait(&s->trainer);
}

int prism_session_load(struct prism_session *s, const char *path)
{
    struct checkpoint c = {.s = s};
    const struct prismi_state_file f = file_of(&c);
    PRISM_TRY(prismi_state_load(&s->trainer, &f, path));
    s->evaluated = s->milestone = false;
    return 0;
}
