#!/bin/sh
# The program and the library do not use CUDA, which stays in the plugin. $@:
# their files.
command -v readelf >/dev/null || { echo "1..0 # SKIP no readelf here"; exit 77; }
echo "1..$((2 * $#))"
n=0
for f in "$@"; do
    n=$((n + 1))
    got=$(readelf -d "$f" | grep NEEDED | grep -iE 'cuda|cublas|cufft|nvrtc|stdc\+\+')
    [ -z "$got" ] &&
        echo "ok $n - libraries of $(basename "$f")" ||
        { echo "not ok $n - $f needs: $got"; bad=1; }
    n=$((n + 1))
    got=$(readelf --dyn-syms -W "$f" | awk '{print $8}' |
        grep -E '^(cu[A-Z]|cuda|cublas|cufft|__cuda)')
    [ -z "$got" ] &&
        echo "ok $n - symbols of $(basename "$f")" || { echo "not ok $n - $f has: $got"; bad=1; }
done
exit ${bad:-0}
