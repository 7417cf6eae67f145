#!/bin/sh
# prism bench on tiny workloads: exit codes, files, comparison. $1: prism, $2: 1
# where the benchmarks were built. Prints TAP.
. "$(dirname "$0")/../support/tap.sh"
built=$2
cd "$top" || exit 1
finish() { echo "1..$n"; [ "$failures" -eq 0 ]; exit; }
bench() { "$prism" bench "$@" >out 2>err; }

mkdir alone && cp "$prism" alone/prism
(PATH="$top/nowhere:$PATH" && fails 2 'Dbenchmarks' alone/prism bench step)
ok $? "without the program one sentence names the option that builds it"
[ "$built" -eq 1 ] || finish
fails 2 'SUITE' "$prism" bench
ok $? "a missing suite is refused"
"$prism" bench --help >out && "${prism%/*}/prism-bench" --help | cmp -s - out &&
    grep -q '^Usage: prism-bench SUITE' out &&
    [ "$(grep -cE "^  (step|ops|fft|recon|table) " out)" -eq 5 ]
ok $? "'prism bench' is prism-bench, whose help lists the suites"
"${prism%/*}/prism-bench" --dump man >bench.1 && grep -q '^.SH OPTIONS' bench.1 &&
    "${prism%/*}/prism-bench" --dump bash >bench.bash &&
    "$prism" --dump bash >prism.bash
ok $? "man page and completion"
if command -v bash >/dev/null; then
    bash -c '. ./prism.bash; . ./bench.bash; COMP_WORDS=(prism bench st); COMP_CWORD=2; _prism
        [ "${COMPREPLY[*]}" = step ]' 2>err
    ok $? "completion of 'prism bench'"
else
    skip "completion of 'prism bench'" "no bash"
fi
fails 2 'did you mean step' "$prism" bench stpe
ok $? "unknown suite"
fails 2 'optimized' "$prism" bench progressive-100 optimised
ok $? "unknown part"
bench phase5 optimised; is $? 2 &&
    grep -q 'warning: suite phase5 is now called progressive-100; the old name still works' err
ok $? "an old name of a suite is taken, and the new one named"
fails 2 'no part' "$prism" bench step all
ok $? "a part of a suite without parts is refused"
for wrong in '--seconds=soon' '--threads=-1' '--tolerance=ten' '--n-samples=0' '--precision=fp8' \
    '--tolerance=10%%'; do
    fails 2 "${wrong%%=*}" "$prism" bench step "$wrong"
    ok $? "wrong value $wrong"
done
fails 2 'GRID/OBJECT' "$prism" bench step --sizes 64x32
ok $? "wrong sizes"
fails 2 'operation' "$prism" bench parts --operation none
ok $? "wrong operation"
fails 2 'no_such' "$prism" bench step --backend no_such
ok $? "unknown backend"

fast="--seconds 0.01"
bench step --sizes 64/32,32/16 --threads 2 $fast --json step.json && grep -q '^step/64/32 ' out &&
    grep -q 'ok *step/32/16/losses' out
ok $? "step"
if command -v python3 >/dev/null; then
    python3 - step.json <<'PY' 2>err
import json, sys
run = json.load(open(sys.argv[1]))
assert [b["name"] for b in run["benchmarks"]] == ["step/64/32", "step/32/16"]
for b in run["benchmarks"]:
    assert b["time_unit"] == "ms" and b["run_type"] == "iteration" and b["iterations"] >= 5
    assert 0 < b["min"] <= b["real_time"] <= b["p95"] <= b["max"] and b["first"] > 0
    assert b["floor_bytes"] > 0 and b["floor_flops"] > 0 and b["roof_percent"] > 0
c = run["context"]
assert c["threads"] == 2 or c["backend"] == "ref"
assert c["triad_bytes_per_s"] > 0 and c["gemm_flop_per_s"] > 0
assert c["cpu_model"] and c["device"] and c["git_version"]
assert all(v["ok"] for v in run["verdicts"])
PY
    ok $? "JSON in Google Benchmark's layout"
    # an earlier run that was a thousand times faster or slower
    for factor in 1e-3 1e3; do
        python3 - step.json $factor >"then$factor.json" <<'PY'
import json, sys
run = json.load(open(sys.argv[1]))
for b in run["benchmarks"]:
    b["real_time"] *= float(sys.argv[2])
json.dump(run, sys.stdout)
PY
    done
    bench step --sizes 32/16 $fast --check then1e-3.json --tolerance 10%
    [ $? -eq 1 ] && grep -q 'SLOWER' out
    ok $? "slower than an earlier run: exit 1"
    bench step --sizes 32/16 $fast --check then1e3.json && grep -q '1 compared, 0 slower' out
    ok $? "faster than an earlier run: exit 0"
else
    skip "JSON" "no python3"
fi
bench step --sizes 32/16 $fast --check step.json --tolerance 100000 &&
    grep -q '1 compared, 0 slower' out
ok $? "within the tolerance: exit 0"
fails 2 'none of the' "$prism" bench fft --sizes 32 $fast --check step.json
ok $? "nothing to compare"
echo '{"benchmarks": 7}' >wrong.json
"$prism" bench step --sizes 32/16 $fast --check wrong.json >out 2>err
[ $? -eq 1 ] && grep -q 'wrong.json' err
ok $? "not a file of results"
"$prism" bench step --sizes 32/16 $fast --json no/such/folder/x.json >out 2>err
[ $? -eq 1 ] && [ -s err ]
ok $? "a file that cannot be written"

bench ops --sizes 32/16 $fast && grep -q 'one trilinear form' out && ! grep -q FAILED out
ok $? "ops"
bench ops --sizes 32/16 $fast --only norm && ! grep -q '^conv' out && grep -q '^norm' out
ok $? "--only"
bench fft --sizes 32,30 $fast --output r && grep -q '^fft/30/replan' out && [ -s r/fft.svg ] &&
    [ -s r/fft.json ] && [ -s r/fft.txt ]
ok $? "fft"
bench recon --sizes 64/32 --n-samples 40 && grep -q "ok *recon/64/32" out
ok $? "recon"
bench cache --sizes 32/16 --n-samples 4 --n-epochs 50 $fast &&
    grep -q 'ok *cache/workload/rate: 98' out
ok $? "cache"
bench precision --sizes 32/16 $fast --output r && grep -q '^precision/32/16/fp32' out &&
    [ -s r/precision.svg ]
ok $? "precision"
sed 's#"precision/#"amp/#' r/precision.json >old.json &&
    bench precision --sizes 32/16 $fast --check old.json --tolerance 1e6 &&
    grep -q '^[1-9][0-9]* compared' out
ok $? "--check finds the cases of an older file, from before its suite was renamed"
bench progressive-100 profile --sizes 32/16 --output r && [ -s r/profiling/trace.json ] &&
    [ -s r/profiling/cpu_time_summary.txt ] &&
    [ -s r/profiling/cuda_memory_summary.txt ] && [ -s r/profiling/detailed_breakdown.txt ] &&
    [ -s r/profiling/profiling_summary.txt ]
ok $? "progressive-100 profile"
bench progressive-100 baseline --sizes 32/16 --n-samples 3 &&
    grep -q '^progressive-100/baseline/sample' out && [ ! -e reports ]
ok $? "progressive-100 baseline writes files only on request"
bench table --sizes 32/16 --n-samples 3 --n-epochs 2 $fast --output r --json all.json &&
    grep -q '^| A9 ' out
ok $? "table"
for f in phase5_baseline_performance.json phase5_baseline_performance.txt \
    phase5_optimized_performance.json \
    phase5_optimized_performance.txt phase5_comparison.json phase5_comparison_report.txt \
    phase5_comparison.svg \
    phase5_master_summary.txt table.md table.json; do
    [ -s "r/$f" ] || echo "$f"
done >missing
[ ! -s missing ]
ok $? "reports under the documents' names $(tr '\n' ' ' <missing)"
grep -q '^progressive-100/speed-up' out && grep -q '^progressive-100/arrangement' out
ok $? "the naive program, and its arrangement on the library's kernels"
grep -q 'ok *parts/growth/transforms' out && grep -q 'ok *parts/growth/steps' out &&
    grep -q 'ok *progressive-100/losses' out
ok $? "memory does not grow, and the naive program finds the same losses"
if command -v python3 >/dev/null; then
    for f in r/*.json r/profiling/*.json all.json; do
        python3 -m json.tool "$f" >/dev/null 2>&1 || echo "$f"
    done >invalid
    [ ! -s invalid ]
    ok $? "every report is JSON $(tr '\n' ' ' <invalid)"
fi
finish
