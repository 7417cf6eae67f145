#!/bin/sh
# Machine code for every architecture asked for, PTX of the last. $1: nvcc, $2:
# the plugin, then 75 80 ...
tool=$(command -v cuobjdump || command -v "$(dirname "$1")/cuobjdump") ||
    { echo "1..0 # SKIP no cuobjdump here"; exit 77; }
plugin=$2
shift 2
elf=$("$tool" --list-elf "$plugin") &&
    ptx=$("$tool" --list-ptx "$plugin") ||
    { echo "Bail out! cuobjdump cannot read $plugin"; exit 1; }
files=$(echo "$ptx" | grep -c '\.ptx$')
echo "1..$(($# + 1))"
n=0
for a in "$@"; do
    n=$((n + 1))
    count=$(echo "$elf" | grep -c "\.sm_$a\.cubin")
    [ "$count" -gt 0 ] && [ "$count" -eq "$files" ] && echo "ok $n - sm_$a, $count files" ||
        { echo "not ok $n - sm_$a: code of $count files of $files"; bad=1; }
done
n=$((n + 1))
count=$(echo "$ptx" | grep -c "\.sm_$a\.ptx")
[ "$files" -gt 0 ] && [ "$count" -eq "$files" ] &&
    echo "ok $n - PTX of sm_$a" ||
    { echo "not ok $n - PTX of sm_$a: $count files of $files"; bad=1; }
exit ${bad:-0}
