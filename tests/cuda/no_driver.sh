#!/bin/sh
# With the plugin but without a driver or a device: it loads, names what is
# missing, and auto takes another backend. $1: prism, $2: the plugin's folder.
[ -e /dev/nvidiactl ] && { echo "1..0 # SKIP there is an NVIDIA driver here"; exit 77; }
export PRISMREC_BACKEND_PATH="$2"
top=$(mktemp -d) || exit 1
trap 'rm -rf "$top"' EXIT
export XDG_CACHE_HOME="$top/cache"
failures=0
ok() {
    [ "$1" -eq 0 ] && { echo "ok $2"; return; }
    echo "not ok $2"
    sed 's/^/# /' "$top/out"
    failures=1
}
echo 1..3
"$1" info >"$top/out" 2>&1 &&
    grep -q '^ *cuda  *not usable: .*cannot run here: no NVIDIA d' "$top/out"
ok $? "1 - info gives the reason"
"$1" run --quiet --output "$top/run" --set image.grid_size=32 --set image.obj_size=16 \
    --set aperture.diameter_px=10 \
    --set pattern.n_apertures=9 --set training.init_steps=2 --set compute.fft_planner=estimate \
    --max-steps 4 >"$top/out" 2>&1 &&
    grep -qE '"backend": "(cpu|ref)"' "$top/run/run.json"
ok $? "2 - auto takes another backend"
"$1" run --backend cuda --output "$top/run2" >"$top/out" 2>&1
[ $? -ne 0 ] && grep -q 'error: .*"cuda" cannot run here: no NVIDIA d' "$top/out"
ok $? "3 - cuda by name fails with the reason"
exit $failures
