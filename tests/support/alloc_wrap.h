/* Counts the calls of the allocator, and refuses them on demand. In a program
 * that depends on wrap_dep the linker (--wrap) leads malloc, calloc, realloc,
 * aligned_alloc, posix_memalign, strdup and free through these counters. */
#ifndef PRISM_TESTS_ALLOC_WRAP_H
#define PRISM_TESTS_ALLOC_WRAP_H

#include <stdbool.h>

extern struct heap {
    int calls, live; /* requests so far; blocks that were given out and not freed */
    int fail_at;     /* the number of the call that is refused, 0 = none */
    bool fail_on;    /* all calls after it are refused too */
    int refused;     /* calls refused so far */
} heap;

#endif
