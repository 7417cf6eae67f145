/* Names of phases, and learning rates as functions of the step. Only the
 * plateau rule has a state. */
#include "fit/fit.h"

#include <math.h>

#define COSINE_FLOOR 1e-3 /* fraction of the base rate */
#define RESTART_FIRST 50
#define RESTART_MIN 1e-6
#define PLATEAU_FACTOR 0.5
#define PLATEAU_PATIENCE 10
#define PLATEAU_THRESHOLD 1e-4
#define PLATEAU_MIN_CHANGE 1e-8

/* Kinds of schedule as checkpoints number them. */
enum { CONSTANT, PLATEAU, COSINE, COSINE_RESTARTS };
static const int64_t kinds[PRISM_SCHEDULE_COUNT] = {[PRISM_SCHEDULE_COSINE] = COSINE,
                                                    [PRISM_SCHEDULE_CONSTANT] = CONSTANT,
                                                    [PRISM_SCHEDULE_PLATEAU] = PLATEAU,
                                                    [PRISM_SCHEDULE_COSINE_RESTARTS] =
                                                        COSINE_RESTARTS};

static const double pi = 3.14159265358979323846;

const char *prism_phase_name(enum prism_phase phase)
{
    static const char *const names[] = {"init", "fit", "retry", "done"};
    return phase >= PRISM_PHASE_INIT && phase <= PRISM_PHASE_DONE ? names[phase] : "unknown";
}

void prismi_schedule_init(struct prismi_schedule *s, enum prism_schedule kind, double base,
                          int64_t total)
{
    *s = (struct prismi_schedule){
        .kind = kinds[kind], .total = total, .base = base, .best = INFINITY, .factor = 1};
}

static double cosine(double high, double low, double x)
{
    return low + (high - low) * (1 + cos(pi * x)) / 2;
}

double prismi_schedule_lr(const struct prismi_schedule *s, int64_t t)
{
    switch (s->kind) {
    case PLATEAU:
        return s->base * s->factor;
    case COSINE:
        return cosine(s->base, s->base * COSINE_FLOOR,
                      t < s->total ? (double)t / (double)s->total : 1);
    case COSINE_RESTARTS: {
        int64_t period = RESTART_FIRST;
        for (; t >= period; period *= 2)
            t -= period;
        return cosine(s->base, RESTART_MIN < s->base ? RESTART_MIN : s->base,
                      (double)t / (double)period);
    }
    default:
        return s->base;
    }
}

void prismi_schedule_cycle(struct prismi_schedule *s, double loss)
{
    if (loss < s->best * (1 - PLATEAU_THRESHOLD)) {
        s->best = loss;
        s->bad = 0;
    } else if (++s->bad > PLATEAU_PATIENCE) {
        s->bad = 0;
        if (s->base * s->factor * (1 - PLATEAU_FACTOR) > PLATEAU_MIN_CHANGE)
            s->factor *= PLATEAU_FACTOR;
    }
}
