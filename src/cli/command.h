/* The commands of `prism`. */
#ifndef PRISM_CLI_COMMAND_H
#define PRISM_CLI_COMMAND_H

#include "program/cli.h"

extern const struct cli_command cli_run, cli_info, cli_keys, cli_presets, cli_patterns, cli_inspect,
    cli_compare, cli_interp, cli_bench, cli_profile;

int cli_dump_man(void);

#endif
