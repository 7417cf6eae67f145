/* TAP for plain programs: tap() prints the line of one test, tap_end() the
 * plan. The numbers are static, so one file of a program prints. */
#ifndef PRISM_TESTS_TAP_H
#define PRISM_TESTS_TAP_H

#include "prismrec/base.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int tap_n, tap_failed;

static inline bool tap(bool ok, const char *fmt, ...) PRISM_PRINTF(2, 3);
static inline bool tap(bool ok, const char *fmt, ...)
{
    va_list ap;
    printf("%sok %d - ", ok ? "" : "not ", ++tap_n);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
    fflush(stdout);
    tap_failed += !ok;
    return ok;
}

static inline void tap_skip(const char *name, const char *reason)
{
    printf("ok %d - %s # SKIP %s\n", ++tap_n, name, reason);
}

/* Prints the plan; returns the exit status of the program. */
static inline int tap_end(void)
{
    printf("1..%d\n", tap_n);
    return tap_failed != 0;
}

#endif
