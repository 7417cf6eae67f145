/* Normalisation of each row by its own statistics, with scale, shift and
 * activation, and its gradients, in the reference backend. */
#include "ref.h"

#include "half.h"

#include <math.h>

/* norm_tmpl.h is compiled once per stored type: ELEM is the type in memory,
 * REAL the type of the arithmetic. */
#define SAME(v) (v)
#define ELEM float
#define REAL float
#define LOAD SAME
#define STORE SAME
#define T(name) name##_f32
#define ACT(name) prismi_ref_##name##_f32
#include "norm_tmpl.h"
#undef ELEM
#undef REAL
#undef T
#undef ACT

#define ELEM double
#define REAL double
#define T(name) name##_f64
#define ACT(name) prismi_ref_##name##_f64
#include "norm_tmpl.h"
#undef ELEM
#undef REAL
#undef LOAD
#undef STORE
#undef T
#undef ACT

#define ELEM uint16_t
#define REAL float
#define ACT(name) prismi_ref_##name##_f32
#define LOAD f16_to_float
#define STORE f16_from_float
#define T(name) name##_f16
#include "norm_tmpl.h"
#undef LOAD
#undef STORE
#undef T

#define LOAD bf16_to_float
#define STORE bf16_from_float
#define T(name) name##_bf16
#include "norm_tmpl.h"

typedef void norm_fn(const struct prism_norm_desc *d, const struct prism_norm_args *a);

int prismi_ref_norm_act_fwd(struct prism_dev *dev, const struct prism_norm_desc *d,
                            const struct prism_norm_args *a)
{
    static norm_fn *const run[PRISM_DTYPE_COUNT] = {[PRISM_F32] = norm_fwd_f32,
                                                    [PRISM_F64] = norm_fwd_f64,
                                                    [PRISM_F16] = norm_fwd_f16,
                                                    [PRISM_BF16] = norm_fwd_bf16};

    (void)dev;
    run[d->dtype](d, a);
    return 0;
}

int prismi_ref_norm_act_bwd(struct prism_dev *dev, const struct prism_norm_desc *d,
                            const struct prism_norm_args *a)
{
    static norm_fn *const run[PRISM_DTYPE_COUNT] = {[PRISM_F32] = norm_bwd_f32,
                                                    [PRISM_F64] = norm_bwd_f64,
                                                    [PRISM_F16] = norm_bwd_f16,
                                                    [PRISM_BF16] = norm_bwd_bf16};

    (void)dev;
    run[d->dtype](d, a);
    return 0;
}
