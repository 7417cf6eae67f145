#!/bin/sh
# The shared library exports prism_* and nothing else.
command -v nm >/dev/null || { echo "1..0 # SKIP no nm here"; exit 77; }
extra=$(nm -D --defined-only "$1" | awk '{print $3}' | grep -v '^prism_' || true)
count=$(nm -D --defined-only "$1" | awk '$3 ~ /^prism_/' | wc -l)
echo 1..2
[ -z "$extra" ] &&
    echo "ok 1 - no other symbols" || { echo "not ok 1 - other symbols: $extra"; bad=1; }
[ "$count" -gt 40 ] &&
    echo "ok 2 - $count prism_ symbols" || { echo "not ok 2 - only $count prism_ symbols"; bad=1; }
exit ${bad:-0}
