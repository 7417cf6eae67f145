#!/usr/bin/env bash
# Build, check and measure PRISM on a machine with an NVIDIA GPU, in one call.
# usage: benchmarks/gpu.sh [--out DIR] [--build DIR] [PART...]
#
# Parts, all without an argument: tests, sanitizer, quality, bench, peers.
# Needs nvcc, a C compiler, meson and ninja; uses FFTW, OpenBLAS, libyaml and
# check where they are found. PRISM_DEPS names a folder with unpacked packages
# to use beside the system's (usr/lib/..., usr/include, usr/bin/pkg-config), for
# machines without a network. DIR gets one log a part, JSON of the benchmarks,
# and summary.md with the device, driver, clocks, date and commit.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
out=$PWD/gpu-results
build=$PWD/build-gpu
parts=
while [ $# -gt 0 ]; do
    case $1 in
    --out) out=$2; shift ;;
    --build) build=$2; shift ;;
    -*) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2 ;;
    *) parts="$parts $1" ;;
    esac
    shift
done
[ -n "$parts" ] || parts="tests sanitizer quality bench peers"
mkdir -p "$out"
summary=$out/summary.md
failed=0
say() { echo "$*" | tee -a "$summary"; }
# part NAME SECONDS COMMAND...: run it into its log
part() {
    local name=$1 limit=$2 log=$out/$1.log
    shift 2
    local begin=$SECONDS
    timeout "$limit" "$@" >"$log" 2>&1
    local status=$?
    [ $status = 0 ] || failed=$((failed + 1))
    say "- $name: $([ $status = 0 ] && echo ok || echo "FAILED ($status)"), $((SECONDS - begin)) s"
    return $status
}

if [ -n "${PRISM_DEPS:-}" ]; then
    libdir=$(dirname "$(find "$PRISM_DEPS" -name 'pkgconfig' -path '*lib*' | head -n 1)")
    export PATH=$PRISM_DEPS/usr/bin:$PATH \
        LD_LIBRARY_PATH=$libdir:$libdir/openblas-pthread:${LD_LIBRARY_PATH:-}
    export PKG_CONFIG_SYSROOT_DIR=$PRISM_DEPS PKG_CONFIG_LIBDIR=$libdir/pkgconfig \
        LIBRARY_PATH=$libdir:$libdir/openblas-pthread CPATH=$PRISM_DEPS/usr/include
fi
for nvcc in nvcc /usr/local/cuda/bin/nvcc; do
    command -v $nvcc >/dev/null && export PATH="$(dirname "$(command -v $nvcc)"):$PATH" && break
done
command -v meson >/dev/null && meson=meson || meson="python3 -m mesonbuild.mesonmain"
query() { nvidia-smi --query-gpu="$1" --format=csv,noheader | head -n 1; }
: >"$summary"
say "# GPU run"
say
say "- device: $(query name), $(query memory.total)," \
    "compute capability $(query compute_cap), driver $(query driver_version)"
say "- clocks at the start: SM $(query clocks.sm), memory $(query clocks.mem);" \
    "at most $(query clocks.max.sm), $(query clocks.max.mem)"
commit=${PRISM_COMMIT:-$(git describe --always --dirty 2>/dev/null || echo unknown)}
say "- date: $(date -u +%Y-%m-%dT%H:%MZ), commit $commit"
say "- compiler: $(nvcc --version | tail -n 1), $(cc --version | head -n 1)"
say

arch=$(query compute_cap | tr -d .)
[ -f "$build/build.ninja" ] && again=--reconfigure || again=
part setup 120 $meson setup "$build" -Dcuda=enabled -Dgpu_arch="$arch" $again ||
    { cat "$out/setup.log"; exit 1; }
part compile 900 $meson compile -C "$build" || { tail -n 60 "$out/compile.log"; exit 1; }
prism=$build/prism
export PRISMREC_BACKEND_PATH=$build/src/backend_cuda PRISMREC_TEST_REQUIRE=cuda
"$prism" info | tee "$out/info.txt"

for p in $parts; do
    case $p in
    tests)
        part tests 900 $meson test -C "$build" --print-errorlogs --timeout-multiplier 3 \
            --no-suite fuzz
        sed -n 's/^\(Ok\|Fail\|Skipped\|Timeout\): */- tests \1: /p' "$out/tests.log" |
            tee -a "$summary"
        ;;
    sanitizer)
        if command -v compute-sanitizer >/dev/null; then
            for tool in memcheck racecheck synccheck; do
                for c in "conv cin4 h7 w8 cout3 k4 s2 p1 f32" \
                    "conv cin16 h32 w32 cout8 k3 s1 p1 f32" "norm_bwd relu r4 c77 f32" \
                    "norm_fwd relu r2 c5000 f32" "reduce sum r2 c100003 f32" \
                    "misfit l1 b3 c1001 f32" "blur n2 h9 w8 radius3 adjoint f32" \
                    "subaperture_adj b4 h12 w9 oh12 ow10 ph12 pw9 f32"; do
                    part "sanitizer-$tool" 120 compute-sanitizer --tool "$tool" --error-exitcode 9 \
                        "$build/tests/ops/checkops" --backend cuda "$c" ||
                        cp "$out/sanitizer-$tool.log" "$out/sanitizer-$tool-failed.log"
                done
            done
            part sanitizer-step 300 compute-sanitizer --tool memcheck \
                --error-exitcode 9 "$prism" run --input usaf --backend cuda \
                --set image.grid_size=64 --set image.obj_size=32 --set training.init_steps=5 \
                --max-steps 5 --output "$out/sanitizer-run" --quiet
        else
            say "- sanitizer: compute-sanitizer is not installed"
        fi
        ;;
    quality)
        for b in cuda cpu; do
            "$prism" info 2>/dev/null | grep -Eq "^ *[*]? *$b +usable" || [ $b = cuda ] || b=ref
            for seed in 1 2 3; do
                part "quality-$b-$seed" 600 "$prism" run --preset demo --set image.grid_size=128 \
                    --set image.obj_size=64 \
                    --set aperture.diameter_px=20 --seed $seed --backend $b \
                    --output "$out/run-$b-$seed" --json
                tail -n 1 "$out/quality-$b-$seed.log" | tee -a "$summary"
            done
        done
        part repeat 600 "$prism" run --preset demo --set image.grid_size=128 \
            --set image.obj_size=64 --set aperture.diameter_px=20 \
            --seed 1 --backend cuda --output "$out/run-again" --json
        cmp "$out/run-again/reconstruction.npy" "$out/run-cuda-1/reconstruction.npy" &&
            say "- two runs with one seed: the same bits" ||
            { say "- two runs with one seed: DIFFERENT"; failed=$((failed + 1)); }
        ;;
    bench)
        sizes=1024/512,1024/73,512/128,256/128
        part step 300 "$prism" bench step --backend cuda --sizes $sizes --json "$out/step.json"
        cat "$out/step.log" | tee -a "$summary"
        for precision in tf32 bf16 fp16; do
            part "step-$precision" 300 "$prism" bench step --backend cuda --sizes $sizes \
                --precision $precision --json "$out/step-$precision.json"
            cat "$out/step-$precision.log" | tee -a "$summary"
        done
        part fft 300 "$prism" bench fft --backend cuda --json "$out/fft.json"
        part ops 400 "$prism" bench ops --backend cuda --json "$out/ops.json"
        part parts 300 "$prism" bench parts --backend cuda --json "$out/parts.json"
        cat "$out/fft.log" "$out/parts.log" | tee -a "$summary"
        ;;
    peers)
        for v in original best; do
            part "torch-$v" 400 python3 benchmarks/peers/torch_step.py --device cuda --variant $v \
                --steps 50 --json "$out/torch-$v.json" \
                1024/512 1024/73 512/128 256/128
            cat "$out/torch-$v.log" | tee -a "$summary"
        done
        ;;
    *) echo "no part \"$p\"" >&2; exit 2 ;;
    esac
done
say
say "- clocks at the end: SM $(query clocks.sm), memory $(query clocks.mem)"
say "$failed parts failed"
[ "$failed" = 0 ]
