/* The seam's layout is pinned to its ABI number. Whoever changes a struct
 * changes the number, then the sizes here. */
#include "prismrec/backend.h"

#include <stdio.h>

#define PIN(what, got, want)                                                                       \
    do {                                                                                           \
        size_t g = (got), w = (want);                                                              \
        printf("%s %d - %s: %zu, pinned %zu for ABI %u\n", g == w ? "ok" : "not ok", ++n, what, g, \
               w, PRISM_BACKEND_ABI);                                                              \
        failed += g != w;                                                                          \
    } while (0)

int main(void)
{
    int n = 0, failed = 0;
    if (sizeof(void *) != 8) {
        printf("1..2 # SKIP the numbers are for 64-bit pointers\n");
        return 77;
    }
    printf("1..32\n");
    PIN("ABI number", PRISM_BACKEND_ABI, 5);
    PIN("sizeof prism_ops", sizeof(struct prism_ops), 368);
    PIN("offset of the last entry", offsetof(struct prism_ops, generate), 360);
    PIN("sizeof prism_backend", sizeof(struct prism_backend), 48);
    PIN("sizeof prism_dev", sizeof(struct prism_dev), 200);
    PIN("sizeof prism_caps", sizeof(struct prism_caps), 176);
    PIN("sizeof prism_host", sizeof(struct prism_host), 40);
    PIN("sizeof prism_open", sizeof(struct prism_open), 32);
    PIN("sizeof prism_map_args", sizeof(struct prism_map_args), 120);
    PIN("element types", PRISM_DTYPE_COUNT, 8);
    PIN("maps", PRISM_MAP_COUNT, 39);
    PIN("reductions", PRISM_REDUCE_COUNT, 8);
    PIN("activations", PRISM_ACT_COUNT, 7);
    PIN("sizeof prism_fft_desc", sizeof(struct prism_fft_desc), 32);
    PIN("sizeof prism_conv_desc", sizeof(struct prism_conv_desc), 40);
    PIN("sizeof prism_subaperture_desc", sizeof(struct prism_subaperture_desc), 32);
    PIN("sizeof prism_subaperture_args", sizeof(struct prism_subaperture_args), 72);
    PIN("sizeof prism_norm_args", sizeof(struct prism_norm_args), 72);
    PIN("sizeof prism_misfit_args", sizeof(struct prism_misfit_args), 56);
    PIN("sizeof prism_field_misfit_desc", sizeof(struct prism_field_misfit_desc), 36);
    PIN("sizeof prism_field_misfit_args", sizeof(struct prism_field_misfit_args), 96);
    PIN("sizeof prism_spectrum_desc", sizeof(struct prism_spectrum_desc), 20);
    PIN("sizeof prism_spectrum_args", sizeof(struct prism_spectrum_args), 24);
    PIN("sizeof prism_adam_outer_desc", sizeof(struct prism_adam_outer_desc), 48);
    PIN("sizeof prism_adam_outer_args", sizeof(struct prism_adam_outer_args), 72);
    PIN("sizeof prism_adam_outer_tail", sizeof(struct prism_adam_outer_tail), 48);
    PIN("sizeof prism_pool_desc", sizeof(struct prism_pool_desc), 32);
    PIN("sizeof prism_gather_desc", sizeof(struct prism_gather_desc), 32);
    PIN("sizeof prism_softmax_desc", sizeof(struct prism_softmax_desc), 24);
    PIN("sizeof prism_copy2d_desc", sizeof(struct prism_copy2d_desc), 40);
    PIN("sizeof prism_dense_fit_desc", sizeof(struct prism_dense_fit_desc), 432);
    PIN("sizeof prism_dense_fit_args", sizeof(struct prism_dense_fit_args), 80);
    return failed != 0;
}
