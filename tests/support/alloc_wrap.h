/* Counts the calls of the allocator, and refuses them on demand. A program that
 * depends on wrap_dep has malloc, calloc, realloc, aligned_alloc,
 * posix_memalign and strdup go through here (the linker's --wrap). */
#ifndef PRISM_TESTS_ALLOC_WRAP_H
#define PRISM_TESTS_ALLOC_WRAP_H

#include <stdbool.h>

extern struct heap {
    int calls, live; /* requests so far; blocks that were given out and not freed */
    int fail_at;     /* the number of the call that is refused, 0 = none */
    bool fail_on;    /* all calls after it are refused too */
    int refused;     /* how many were */
} heap;

#endif
