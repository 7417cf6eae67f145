/* Compile the file named by TMPL for both precisions: REAL is the element, CPLX
 * its interleaved pair, T(name) a name of that precision. No include guard:
 * included once per kernel file, after ref.h. */
typedef struct {
    float re, im;
} cplx_f32;
typedef struct {
    double re, im;
} cplx_f64;

#define REAL float
#define CPLX cplx_f32
#define T(name) name##_f32
#include TMPL
#undef REAL
#undef CPLX
#undef T

#define REAL double
#define CPLX cplx_f64
#define T(name) name##_f64
#include TMPL
#undef REAL
#undef CPLX
#undef T
