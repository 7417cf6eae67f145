#include "support/alloc_wrap.h"

#include <stddef.h>

struct heap heap;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
int __real_posix_memalign(void **p, size_t align, size_t n);
char *__real_strdup(const char *s);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);
int __wrap_posix_memalign(void **p, size_t align, size_t n);
char *__wrap_strdup(const char *s);
void __wrap_free(void *p);

static bool heap_refuses(void)
{
    heap.calls++;
    bool refuse =
        heap.fail_at && (heap.fail_on ? heap.calls >= heap.fail_at : heap.calls == heap.fail_at);
    heap.refused += refuse;
    return refuse;
}

static void *heap_counted(void *p)
{
    heap.live += p != NULL;
    return p;
}

void *__wrap_malloc(size_t n)
{
    return heap_refuses() ? NULL : heap_counted(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return heap_refuses() ? NULL : heap_counted(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t n)
{
    if (heap_refuses())
        return NULL;
    heap.live -= p != NULL;
    return heap_counted(__real_realloc(p, n));
}

void *__wrap_aligned_alloc(size_t align, size_t n)
{
    return heap_refuses() ? NULL : heap_counted(__real_aligned_alloc(align, n));
}

int __wrap_posix_memalign(void **p, size_t align, size_t n)
{
    if (heap_refuses())
        return 12; /* ENOMEM */
    int status = __real_posix_memalign(p, align, n);
    heap.live += !status;
    return status;
}

char *__wrap_strdup(const char *s)
{
    return heap_refuses() ? NULL : heap_counted(__real_strdup(s));
}

void __wrap_free(void *p)
{
    heap.live -= p != NULL;
    __real_free(p);
}
