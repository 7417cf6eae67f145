#!/bin/sh
# Caches from the command line: two passes give the same files with everything
# off and on, and the counters are reported. $1: prism. Prints TAP.
. "$(dirname "$0")/../support/tap.sh"
cd "$top" || exit 1
off="--set cache.grids_mb=0 --set cache.plans=false --set cache.apertures_mb=0
  --set cache.constants_mb=0 --set cache.measurements_mb=0"
tiny="--set image.grid_size=32 --set image.obj_size=16 --set aperture.diameter_px=10
  --set pattern.n_apertures=2 --set training.objective=progressive
  --set training.cycle_steps=2 --set training.loss_threshold=0 --set training.max_retries=1
  --set training.init_steps=4 --set output.metrics_every=50 --set compute.threads=1"
run() { # to the end, where no sample reaches a threshold of 0
    "$prism" run --quiet $tiny "$@" 2>err
    [ $? -eq 3 ]
}
# A member of a kind in run.json, which has one member a line.
cache() { sed -n '/"cache": {/,/^  }/p' "$1/run.json" |
    sed -n "/\"$2\": {/,/}/s/.*\"$3\": \\([^,]*\\),*$/\\1/p"; }

run --set compute.fft_planner=estimate --output on &&
    run --set compute.fft_planner=estimate $off --output off
ok $? "runs of two passes"
cmp on/reconstruction.npy off/reconstruction.npy && cmp on/curves.svg off/curves.svg
ok $? "the same results with every cache off and on"
# two in the second pass, one for comparison.png
is "$(cache on measurements hits)" 3 && is "$(cache on measurements misses)" 2 &&
    is "$(cache on measurements hit_rate)" 0.6 &&
    is "$(cache on measurements bytes)" 8192 && is "$(cache on measurements entries)" 2 &&
    is "$(cache on measurements budget_bytes)" 268435456
ok $? "the second pass finds the measurements of the first"
is "$(cache off measurements hits)" 0 && is "$(cache off measurements misses)" 5 &&
    is "$(cache off measurements bytes)" 0 &&
    is "$(cache off apertures hits)" 0 && [ "$(cache on apertures hits)" -gt 2 ] &&
    is "$(cache on apertures misses)" 2
ok $? "caches that are off find and keep nothing"
is "$(cache on grids misses)" 0 && is "$(cache on grids hit_rate)" null &&
    is "$(cache on plans misses)" 0
ok $? "sub-apertures make no propagator, and estimated plans are not counted"
for mb in 0 64; do
    run --set instrument.kind=propagated --set instrument.propagator=angular_spectrum \
        --set cache.grids_mb=$mb \
        --set training.max_retries=0 --output grids$mb || break
done
[ "$(cache grids64 grids hits)" -gt 0 ] && is "$(cache grids0 grids hits)" 0 &&
    cmp grids0/reconstruction.npy grids64/reconstruction.npy
ok $? "transfer functions of a propagated field are kept"
tail -n 1 on/metrics.jsonl | grep -q '"cache_hit_rate": 0\.[0-9]*, "cache_bytes": [1-9][0-9]*}$' &&
    tail -n 1 off/metrics.jsonl | grep -q '"cache_hit_rate": 0, "cache_bytes": 0}$'
ok $? "metrics.jsonl has the rate of hits and the bytes"
"$prism" profile run $tiny --quiet --set training.max_retries=0 --output profiled 2>err
is $? 3 && grep -rq 'cache, measurements (host)' profiled
ok $? "a profile has the kinds"
rm -rf "$XDG_CACHE_HOME"
if "$prism" info --json | grep -q '"name": "cpu"' &&
    run --set training.max_retries=0 --backend cpu $off --output anew; then
    [ ! -e "$XDG_CACHE_HOME/prism/fftw-wisdom-f32" ] && [ "$(cache anew plans misses)" -gt 0 ]
    ok $? "cache.plans false: candidates are timed, and nothing is written"
    run --set training.max_retries=0 --backend cpu --output first &&
        run --set training.max_retries=0 --backend cpu --output second
    [ -s "$XDG_CACHE_HOME/prism/fftw-wisdom-f32" ] && [ "$(cache first plans misses)" -gt 0 ] &&
        is "$(cache second plans misses)" 0 &&
        [ "$(cache second plans hits)" -gt 0 ]
    ok $? "a second run finds the first one's plans"
else
    skip "plans are kept" "no cpu backend"
fi
fails 2 'cache.measurements_mb' "$prism" run --set cache.measurements_mb=-1
ok $? "a wrong budget"
echo "1..$n"
[ "$failures" = 0 ]
