/* Problem strings: the one list of shapes that the tests verify and the
 * benchmarks time. Each operation by an example, with the words it may have
 * besides:
 *
 *   conv cin64 h8 w8 cout32 k4 s2 p1 f32
 *       cross-correlation, all three directions; `n3` for a batch, `tf32` for
 *       the hint
 *   fft b3 h7 w9 f32
 *       both signs; `inplace` for dst == src, `factors`, `top5 rows4 left2
 *       cols3` for a support
 *   gemm m5 n7 k9 ta tb alpha2 beta1 f32
 *       `ta` and `tb` may be absent; alpha and beta are integers
 *   map adam r3 c1001 f32
 *       `scaled` for u = 0.37, `skip` for u = NaN
 *   map act relu r3 c1001 f32
 *       add_row likewise; `inplace`; `period3` for rows that share their
 *       operands
 *   map loss_scale r1 c77 f32
 *       `grow` or `full` where the row of steps completes, `nan` where it
 *       breaks
 *   reduce var r3 c1001 f32
 *       max and min: `nan` for an element
 *   window n2 hy9 wy8 hx5 wx6 dy2 dx-1 f32
 *       `cplx` for complex planes
 *   spectrum h20 w18 oh7 ow6 f32
 *       `cplx` for a complex object; a support as for fft
 *   subaperture_fwd b3 h16 w20 oh8 ow9 ph7 pw5 f32
 *       `open` for pupils that are open in parts, with the table of the parts;
 *       `sparse` if only open rows are read afterwards
 *   subaperture_adj b3 h16 w20 oh8 ow9 ph7 pw5 f32
 *       `open`; `beta1`; `top6 rows7` for the rows that are read afterwards
 *   blur n2 h9 w8 radius3 f32
 *       `adjoint`
 *   norm_fwd tanh r4 c77 f32
 *       norm_bwd likewise; `n3` for a batch; fwd: `inplace` for y == x
 *   misfit l1 b3 c1001 f32
 *       `inplace` for gu == u
 *   field_misfit l1 b3 h16 w20 oh8 ow9 ph7 pw5 f32
 *       `open`; `inplace` for gspectrum == spectrum
 *   adam_outer amsgrad r33 c77 f32
 *       words as for map adam; `next` for the vector, its gradient and its
 *       product too
 *   pool max n3 h9 w8 k2 s2 p0 f32
 *       forward and backward; `nan` for some pixels
 *   copy2d r3 c7 ldy9 ldx11 f32
 *   scatter_add n2 hy9 wy8 hx5 wx6 dy2 dx-1 f32
 *   gather n3 nx100 ny77 k4 f32
 *       both directions
 *   softmax n2 classes5 pixels77 f32
 *       forward and backward; `inplace`
 *   argmax n2 classes5 pixels77 f32
 *       `nan` for some elements
 *   dense_fit relu net5-64-1 b32 steps3 rows50 f32
 *       widths of the network; `last` for the activation at the output too;
 *       `scaled`; `skip` for u = NaN in the second step
 *   copy n1001 f32
 *
 * The first word is the operation. The second is its kind, for map, reduce,
 * norm, misfit, adam_outer, pool and dense_fit. The last is the precision: f32
 * or f64, and for conv, norm, map narrow and map widen also f16 or bf16. */
#ifndef TEST_CASES_H
#define TEST_CASES_H

#include "prismrec/backend.h"

enum { CASE_TEXT = 96 };

/* Names in the order of the enums; checkops reports a value without a name as
 * an error. */
extern const char *const case_map_names[PRISM_MAP_COUNT];
extern const char *const case_misfit_names[PRISM_MISFIT_COUNT];
extern const char *const case_reduce_names[PRISM_REDUCE_COUNT];
extern const char *const case_act_names[PRISM_ACT_COUNT];
extern const char *const case_pool_names[PRISM_POOL_COUNT];

/* Returns every problem in one precision (F32, F64, F16 or BF16), *n of them,
 * or NULL if memory is exhausted. The caller frees the result with free(). */
char (*cases_all(enum prism_dtype dtype, int *n))[CASE_TEXT];

/* Copies the i-th word of a string, "" past the end. */
void case_word(const char *text, int i, char word[CASE_TEXT]);
bool case_has(const char *text, const char *word);
/* Returns the integer of the word that is `key` followed by a number, else
 * fallback. */
int case_int(const char *text, const char *key, int fallback);
/* Precision of a problem; PRISM_DTYPE_COUNT if no word names one. */
enum prism_dtype case_dtype(const char *text);
bool case_half(enum prism_dtype dtype); /* true for F16 and BF16 */
bool case_map_acts(int op); /* true for a map with an activation, which is its third word */
/* The index of word i in names; -1 if the word is none of them. */
int case_index(const char *text, int i, const char *const *names, int n);

#endif
