/* The rows of the documents' table: what is asked, and the answer to a
 * number. */
#ifndef PRISM_BENCH_ROWS_H
#define PRISM_BENCH_ROWS_H

#include <stdbool.h>
#include <stdio.h>

/* The statistic of a time that a row shows; FACT: a plain number. */
enum bench_pick { MEDIAN, FIRST, LEAST, MOST, MEAN, TOTAL, FACT };
enum bench_rule { NO_LIMIT, AT_MOST, AT_LEAST };

struct bench_row {
    const char *id, *what;
    const char *theirs; /* the document's number */
    const char *result; /* name of ours */
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
    BENCH_OWED,   /* missed, as it is known to be */
    BENCH_OWED_MET
};

extern const struct bench_row bench_rows[];
extern const int bench_n_rows;
extern const char *const bench_owed[]; /* "<id> <what>", NULL-terminated */

bool bench_row_owed(const struct bench_row *r);
enum bench_answer bench_row_answer(const struct bench_row *r, double ours); /* NaN: not measured */
const char *bench_answer_name(enum bench_answer a);

#endif
