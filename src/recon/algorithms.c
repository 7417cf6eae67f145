/* The list of algorithms: their models, and the strategies that fit them. */
#include "recon/internal.h"
#include "recon/params.h"

static const struct prismi_algorithm algorithms[PRISM_ALG_COUNT] = {
    [PRISM_ALG_DECODER] =
        {.when = PRISMI_WHEN_DECODER,
         .check = prismi_check_network,
         .create = prismi_create_network,
         .strategies =
             {[PRISM_OBJ_JOINT] = &prismi_joint, [PRISM_OBJ_PROGRESSIVE] = &prismi_progressive}},
    [PRISM_ALG_MOPIE] = {.when = PRISMI_WHEN_OBJECT,
                         .create = prismi_create_object,
                         .strategies = {&prismi_projections, &prismi_projections}},
    [PRISM_ALG_OBJECT] = {.when = PRISMI_WHEN_OBJECT,
                          .create = prismi_create_object,
                          .strategies = {[PRISM_OBJ_JOINT] = &prismi_joint}},
};

static bool in_range(const struct prism_recon_params *p)
{
    return (unsigned)p->algorithm < PRISM_ALG_COUNT &&
           (unsigned)p->training.objective < PRISM_OBJ_COUNT;
}

const struct prismi_algorithm *prismi_algorithm_of(const struct prism_recon_params *p)
{
    return in_range(p) ? &algorithms[p->algorithm] : NULL;
}

const struct prismi_strategy *prismi_strategy_of(const struct prism_recon_params *p)
{
    return in_range(p) ? algorithms[p->algorithm].strategies[p->training.objective] : NULL;
}

unsigned prismi_params_when(const struct prism_recon_params *p)
{
    const struct prismi_strategy *strategy = prismi_strategy_of(p);
    const struct prism_training_params *t = &p->training;
    unsigned when = PRISMI_WHEN_ALWAYS | (in_range(p) ? algorithms[p->algorithm].when : 0) |
                    (strategy ? strategy->when : PRISMI_WHEN_TRAINED);
    if (when & PRISMI_WHEN_PROGRESSIVE && t->adaptive)
        when |= PRISMI_WHEN_ADAPTIVE;
    if (when & PRISMI_WHEN_DECODER && t->init_target == PRISM_INIT_TARGET_PROJECTION &&
        t->init_steps > 0)
        when |= PRISMI_WHEN_FIRST_PROJECTIONS;
    return when;
}
