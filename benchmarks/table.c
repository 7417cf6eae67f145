/* Table in Markdown of the documents' numbers beside ours, with a verdict. */
#include "bench.h"
#include "rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Our number for a row and its unit; NaN if it was not measured. */
static double value_of(const struct bench *b, const struct bench_row *r, const char **unit)
{
    const struct bench_time *t = bench_time_of(b, r->result);
    *unit = "ms";
    if (r->pick == FACT) {
        for (int i = 0; i < b->n_facts; i++)
            if (!strcmp(b->facts[i].name, r->result))
                *unit = b->facts[i].unit;
        return bench_fact_of(b, r->result);
    }
    if (!t)
        return NAN;
    switch (r->pick) {
    case FIRST:
        return t->first_ms;
    case LEAST:
        return t->min_ms;
    case MOST:
        return fmax(t->first_ms, t->max_ms);
    case MEAN:
        return t->total_ms / t->calls;
    case TOTAL:
        return t->total_ms;
    default:
        return t->median_ms;
    }
}

/* Writes one row. Only the documents' own workload is judged. */
static void write_row(struct prismi_text *t, struct bench *b, const struct bench_row *r)
{
    const char *unit;
    double ours = value_of(b, r, &unit);
    prismi_text_add(t, "| %s | %s | %s | ", r->id, r->what, *r->theirs ? r->theirs : "not given");
    if (isnan(ours))
        prismi_text_add(t, "not measured here");
    else
        prismi_text_add(t, "%.4g %s", ours, unit);
    prismi_text_add(t, " | ");
    if (r->rule != NO_LIMIT)
        prismi_text_add(t, "%s %.4g", r->rule == AT_LEAST ? "at least" : "at most", r->limit);
    if (r->rule != NO_LIMIT && bench_standard(b))
        prismi_text_add(t, ": %s", bench_answer_name(bench_row_answer(r, ours)));
    prismi_text_add(t, " | %s |\n", r->remark);
}

/* Gives one verdict over all rows and names the rows that are missed or
 * owed. */
static void judge(struct bench *b)
{
    int count[BENCH_OWED_MET + 1] = {0};
    for (int i = 0; i < bench_n_rows; i++) {
        const struct bench_row *r = &bench_rows[i];
        const char *unit;
        double ours = value_of(b, r, &unit);
        enum bench_answer a = bench_row_answer(r, ours);
        count[a]++;
        if (a == BENCH_MISSED)
            bench_print(b, "missed: %s %s: %.4g, %s %.4g\n", r->id, r->what, ours,
                        r->rule == AT_LEAST ? "at least" : "at most", r->limit);
        if (a == BENCH_OWED || a == BENCH_OWED_MET)
            bench_print(b, "%s: %s %s: %.4g, %s %.4g\n", bench_answer_name(a), r->id, r->what, ours,
                        r->rule == AT_LEAST ? "at least" : "at most", r->limit);
    }
    bench_judge(b, "table/rows", !count[BENCH_MISSED],
                "%d met, %d missed, %d owed, %d owed but met here, %d not measured here",
                count[BENCH_MET], count[BENCH_MISSED], count[BENCH_OWED], count[BENCH_OWED_MET],
                count[BENCH_OPEN]);
}

/* Prints line by line, as bench_print() bounds the length of a line. */
static void print_lines(struct bench *b, const char *text)
{
    bench_print(b, "\n");
    for (size_t n; *text; text += n + (text[n] == '\n')) {
        n = strcspn(text, "\n");
        bench_print(b, "%.*s\n", (int)n, text);
    }
}

int bench_table(struct bench *b)
{
    struct prismi_text t = {0};
    PRISM_TRY(bench_parts(b));
    PRISM_TRY(bench_fft(b));
    b->part = "all";
    PRISM_TRY(bench_progressive_100(b));
    PRISM_TRY(bench_precision(b));
    prismi_text_add(&t,
                    "| row | what | document | ours | required | |\n|---|---|---|---|---|---|\n");
    for (int i = 0; i < bench_n_rows; i++)
        write_row(&t, b, &bench_rows[i]);
    int status = t.failed ? PRISM_FAIL(b->ctx, PRISM_ENOMEM, "no memory for a table")
                          : bench_write_text(b, "table.md", t.text);
    if (!status)
        print_lines(b, t.text);
    if (!status && bench_standard(b))
        judge(b);
    free(t.text);
    return status;
}
