/* Convergence monitor: watches the losses of one sample and decides when to
 * change the learning rate and when to give up.
 *
 * A plateau is a full window of losses with no new best within the patience and
 * a gain over the window below the threshold. The tiers are NORMAL, AGGRESSIVE
 * (higher rate) and RESCUE (lower rate). A plateau leads to the next tier, in
 * NORMAL only after `escalation` losses; a plateau in RESCUE ends the sample as
 * failed. Every tier is judged by its own losses. FAST is how a sample is
 * reported that converged without leaving NORMAL. */
#include "fit/fit.h"

#include <math.h>

void prismi_monitor_init(struct prismi_monitor *m, enum prism_tier tier)
{
    *m = (struct prismi_monitor){.tier = tier, .best = INFINITY};
}

bool prismi_monitor_plateau(const struct prismi_monitor *m, const struct prismi_monitor_params *p)
{
    int window = p->window;
    if (m->count < window || m->since < p->patience)
        return false;
    double first = m->ring[(m->count - window) % PRISMI_WINDOW_MAX],
           last = m->ring[(m->count - 1) % PRISMI_WINDOW_MAX];
    return first == 0 || (first - last) / fabs(first) < p->threshold;
}

enum prismi_verdict prismi_monitor_update(struct prismi_monitor *m,
                                          const struct prismi_monitor_params *p, double loss)
{
    m->ring[m->count++ % PRISMI_WINDOW_MAX] = loss;
    if (loss < m->best * (1 - p->threshold)) {
        m->best = loss;
        m->since = 0;
    } else {
        m->since++;
    }
    if (!prismi_monitor_plateau(m, p))
        return PRISMI_GO_ON;
    switch (m->tier) {
    case PRISM_TIER_NORMAL:
        if (m->count < p->escalation)
            return PRISMI_GO_ON;
        prismi_monitor_init(m, PRISM_TIER_AGGRESSIVE);
        return PRISMI_ESCALATE;
    case PRISM_TIER_AGGRESSIVE:
        prismi_monitor_init(m, PRISM_TIER_RESCUE);
        return PRISMI_ESCALATE;
    default:
        return PRISMI_GIVE_UP;
    }
}

double prismi_tier_lr(const struct prismi_monitor_params *p, enum prism_tier tier)
{
    return tier == PRISM_TIER_AGGRESSIVE ? p->aggressive_lr
           : tier == PRISM_TIER_RESCUE   ? p->rescue_lr
                                         : 1;
}

int prismi_tier_extra_steps(enum prism_tier tier)
{
    return tier == PRISM_TIER_AGGRESSIVE ? 500 : tier == PRISM_TIER_RESCUE ? 1000 : 0;
}
