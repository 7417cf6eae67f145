/* prism bench: starts prism-bench, the program in benchmarks/. */
#include "cli/command.h"

const struct cli_command cli_bench = {
    .name = "bench",
    .args = "SUITE [PART]",
    .doc = "time operations, steps and whole workloads (starts prism-bench)",
    .text = "Runs prism-bench, which has a manual of its own: 'prism bench --help', "
            "prism-bench(1). It is installed beside prism where the benchmarks are built.",
    .program = "prism-bench",
};
