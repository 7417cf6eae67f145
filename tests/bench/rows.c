/* The source documents' rows: a missed row fails; the rows still owed stand in
 * a list that may only shrink, and a row of that list says so once it is met.
 * Prints TAP. */
#include "rows.h"
#include "support/tap.h"

#include <math.h>
#include <string.h>

/* The list as it was first written down. A row that is met leaves
 * benchmarks/rows.c and this list in the same commit. */
static const char *const known[] = {
    "A6 centred FFT against the plain one",
    "A11 decoder creation, 1024 to 512",
    "A12 forward, 50 calls, mean",
    "A18 activations, inference",
    "A31 16 points in a batch against a loop, fields",
    "A31 the same, loss and gradient",
    "A32 time per sample over the run",
    "B20 spread of five runs' medians",
};
enum { KNOWN = sizeof known / sizeof *known };

static bool is_known(const char *owed)
{
    for (int i = 0; i < KNOWN; i++)
        if (!strcmp(owed, known[i]))
            return true;
    printf("# %s\n", owed);
    return false;
}

/* The rows that an entry of the list names. */
static int rows_of(const char *owed)
{
    int found = 0;
    for (int i = 0; i < bench_n_rows; i++) {
        char full[160];
        snprintf(full, sizeof full, "%s %s", bench_rows[i].id, bench_rows[i].what);
        found += !strcmp(full, owed) && bench_rows[i].rule != NO_LIMIT;
    }
    return found;
}

int main(void)
{
    const struct bench_row most = {"T1", "a time", "", "t", MEDIAN, AT_MOST, 2, ""},
                           least = {"T2", "a rate", "", "r", FACT, AT_LEAST, 2, ""},
                           zero = {"T3", "growth", "", "g", FACT, AT_MOST, 0, ""},
                           free = {"T4", "a size", "", "s", FACT, NO_LIMIT, 0, ""},
                           owed = {"A18", "activations, inference", "", "c", MEDIAN, AT_MOST, 2,
                                   ""};
    int n_owed = 0;
    bool all_known = true, all_there = true;
    tap(bench_row_answer(&most, 2) == BENCH_MET && bench_row_answer(&most, 2.1) == BENCH_MISSED,
        "at most");
    tap(bench_row_answer(&least, 2) == BENCH_MET && bench_row_answer(&least, 1.9) == BENCH_MISSED,
        "at least");
    tap(bench_row_answer(&zero, 0) == BENCH_MET && bench_row_answer(&zero, 1) == BENCH_MISSED,
        "at most 0 is a limit");
    tap(bench_row_answer(&free, 9) == BENCH_NO_LIMIT && bench_row_answer(&most, NAN) == BENCH_OPEN,
        "no limit; not measured");
    tap(bench_row_answer(&owed, 3) == BENCH_OWED && bench_row_answer(&owed, 1) == BENCH_OWED_MET,
        "owed, and owed but met");
    tap(!strcmp(bench_answer_name(BENCH_MISSED), "**missed**") &&
            !strcmp(bench_answer_name(BENCH_OWED), "owed") &&
            strstr(bench_answer_name(BENCH_OWED_MET), "met"),
        "what is printed for them");
    for (; bench_owed[n_owed]; n_owed++) {
        all_known = is_known(bench_owed[n_owed]) && all_known;
        all_there = rows_of(bench_owed[n_owed]) == 1 && all_there;
    }
    tap(all_known, "no row joined the list of what is owed");
    tap(n_owed == KNOWN, "a debt that is paid leaves this test too");
    tap(all_there, "each is one row with a limit");
    return tap_end();
}
