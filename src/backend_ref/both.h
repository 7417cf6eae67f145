/* Compiles the file named by TMPL once per precision. In that file REAL is the
 * element, CPLX its interleaved complex pair, and T(name) the name of a symbol
 * of that precision. A kernel file includes this header once, after ref.h;
 * there is no include guard. */
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
