/* Rows of the documents' table: the requirement of each, and whether a number
 * meets it. */
#ifndef PRISM_BENCH_ROWS_H
#define PRISM_BENCH_ROWS_H

#include <stdbool.h>
#include <stdio.h>

/* Statistic of a time that a row shows; FACT: a result that is not a time. */
enum bench_pick { MEDIAN, FIRST, LEAST, MOST, MEAN, TOTAL, FACT };
enum bench_rule { NO_LIMIT, AT_MOST, AT_LEAST };

struct bench_row {
    const char *id, *what;
    const char *theirs; /* the document's number */
    const char *result; /* name of our result */
    enum bench_pick pick;
    enum bench_rule rule;
    double limit;
    const char *remark;
};

enum bench_answer {
    BENCH_NO_LIMIT,
    BENCH_OPEN, /* not measured here */
    BENCH_MET,
    BENCH_MISSED, /* the run fails */
    BENCH_OWED,   /* missed, and known to be */
    BENCH_OWED_MET
};

extern const struct bench_row bench_rows[];
extern const int bench_n_rows;
extern const char *const bench_owed[]; /* "<id> <what>", NULL-terminated */

bool bench_row_owed(const struct bench_row *r);
enum bench_answer bench_row_answer(const struct bench_row *r,
                                   double ours); /* ours is NaN if not measured */
const char *bench_answer_name(enum bench_answer a);

#endif
