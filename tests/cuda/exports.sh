#!/bin/sh
# The CUDA plugin exports its entry and nothing else. $1: the plugin.
command -v nm >/dev/null || { echo "1..0 # SKIP no nm here"; exit 77; }
got=$(nm -D --defined-only "$1" | awk '{print $3}' | tr '\n' ' ')
echo 1..1
[ "$got" = "prism_backend_entry " ] && { echo "ok 1 - the entry alone"; exit 0; }
echo "not ok 1 - exports: $got"
exit 1
