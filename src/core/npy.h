/* The header of an NPY array: type and shape. Not installed. */
#ifndef PRISMI_CORE_NPY_H
#define PRISMI_CORE_NPY_H

#include "core/internal.h"

/* PRISMI_NPY_HEADER: most bytes of a header that is written */
enum { PRISMI_NPY_DIMS = 8, PRISMI_NPY_HEADER = 1024 };

/* The type and shape of an array. */
struct prismi_array {
    /* NumPy's description of an element: "<f8", or a list of fields as Python
     * writes it, "[('step', '<i8'), ('loss', '<f8')]". */
    const char *descr;
    size_t descr_bytes; /* its length; 0: descr is terminated */
    size_t item;        /* bytes of an element */
    int nd;
    size_t shape[PRISMI_NPY_DIMS];
};

/* Write a header of version 1.0 for an array in C order, padded to a multiple
 * of 64 bytes. Returns its length, or 0 if it does not fit. */
size_t prismi_npy_header(const struct prismi_array *array, char out[PRISMI_NPY_HEADER]);
/* Read a header of version 1.0, 2.0 or 3.0. bytes is the size of the whole
 * file; the elements must fill it exactly. out->descr points into the file, and
 * *start is the offset of the first element. Returns NULL, or what is wrong. */
const char *prismi_npy_parse(const uint8_t *file, size_t bytes, struct prismi_array *out,
                             bool *fortran, size_t *start);

#endif
