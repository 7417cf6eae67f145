/* Problem strings: the one list of shapes that the tests verify and the
 * benchmarks time.
 *
 *   conv cin64 h8 w8 cout32 k4 s2 p1 f32      cross-correlation, all three
 *       directions; add `n3` for a batch, `tf32`
 *                                             for the hint
 *   fft b3 h7 w9 f32                          add `inplace` for dst == src,
 *       `factors`, `top5 rows4 left2 cols3` for a support
 *   gemm m5 n7 k9 ta tb alpha2 beta1 f32      words present or absent, alpha
 *       and beta integers
 *   map adam r3 c1001 f32                     add `scaled` for u = 0.37, `skip`
 *       for u = NaN; map act relu r3 c1001 inplace f32,
 * add_row likewise; `period3` for rows that share their operands map loss_scale
 * r1 c77 f32                 add `grow` or `full` where the row of steps
 * completes, `nan` where it breaks reduce var r3 c1001 f32 window n2 hy9 wy8
 * hx5 wx6 dy2 dx-1 f32    add `cplx` for complex planes spectrum h20 w18 oh7
 * ow6 f32              add `cplx` for a complex object, a support as for fft
 *   subaperture_fwd b3 h16 w20 oh8 ow9 ph7 pw5 f32      add `open` for pupils
 *       open in parts, and told so; fwd: `sparse` if only open rows are read;
 *                                                       adj: `top6 rows7` for
 *                                                           the rows looked at
 *   blur n2 h9 w8 radius3 f32                 add `adjoint`
 *   norm_fwd tanh r4 c77 f32                  norm_bwd likewise; `n3` for a
 *       batch; fwd: `inplace` for y == x
 *   misfit l1 b3 c1001 f32                    add `inplace` for gu == u
 *   field_misfit l1 b3 h16 w20 oh8 ow9 ph7 pw5 f32      add `open`, or
 *       `inplace` for gspectrum == spectrum
 *   adam_outer amsgrad r33 c77 f32            words as of map adam; add `next`
 *       for the
 *                                             vector, its gradient and its
 *                                                 product too
 *   pool max n3 h9 w8 k2 s2 p0 f32            both ways; `nan` for some pixels
 *   copy2d r3 c7 ldy9 ldx11 f32
 *   scatter_add n2 hy9 wy8 hx5 wx6 dy2 dx-1 f32
 *   gather n3 nx100 ny77 k4 f32               both ways
 *   softmax n2 classes5 pixels77 f32          both ways; add `inplace`
 *   argmax n2 classes5 pixels77 f32           add `nan` for some elements
 *   dense_fit relu net5-64-1 b32 steps3 rows50 f32      widths; add `last` for
 *       the activation at the output too,
 *                                                       `scaled`, `skip` for u
 *                                                           = NaN in the second
 *                                                           step
 *   copy n1001 f32
 *
 * The first word is the operation, the second of map, reduce, norm, misfit,
 * adam_outer, pool and dense_fit its kind, the last the precision: f32, f64,
 * and of conv, norm and map narrow and widen also f16 and bf16. */
#ifndef TEST_CASES_H
#define TEST_CASES_H

#include "prismrec/backend.h"

enum { CASE_TEXT = 96 };

/* Names in the order of the enums. checkops reports a value without a name. */
extern const char *const case_map_names[PRISM_MAP_COUNT];
extern const char *const case_misfit_names[PRISM_MISFIT_COUNT];
extern const char *const case_reduce_names[PRISM_REDUCE_COUNT];
extern const char *const case_act_names[PRISM_ACT_COUNT];
extern const char *const case_pool_names[PRISM_POOL_COUNT];

/* Every problem in one precision (F32, F64, F16 or BF16), or NULL if memory is
 * exhausted. The caller frees the list with free(). */
char (*cases_all(enum prism_dtype dtype, int *n))[CASE_TEXT];

/* The i-th word of the string; "" past the end. */
void case_word(const char *text, int i, char word[CASE_TEXT]);
bool case_has(const char *text, const char *word);
/* The integer of the word that is `key` followed by a number, else fallback. */
int case_int(const char *text, const char *key, int fallback);
enum prism_dtype
case_dtype(const char *text);           /* PRISM_DTYPE_COUNT where no word names a precision */
bool case_half(enum prism_dtype dtype); /* F16 or BF16 */
bool case_map_acts(int op);             /* a map with an activation, its third word */
/* The index of word i in names; -1 if the word is none of them. */
int case_index(const char *text, int i, const char *const *names, int n);

#endif
