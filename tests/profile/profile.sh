#!/bin/sh
# 'prism profile', end to end, on tiny runs. $1: prism, $2: the reader of its
# files. Prints TAP.
. "$(dirname "$0")/../support/tap.sh"
reader=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
cd "$top" || exit 1
tiny="--set image.grid_size=32 --set image.obj_size=16 --set aperture.diameter_px=10
  --set pattern.n_apertures=9 --set training.batch=4 --set training.init_steps=8
  --set compute.fft_planner=estimate --max-steps 24 --set output.metrics_every=8
  --input usaf"

"$prism" run --quiet $tiny -o plain 2>err
ok $? "a run"
"$prism" profile run $tiny -o timed >out 2>err
ok $? "the same run, profiled"
cmp plain/reconstruction.npy timed/reconstruction.npy &&
    cmp plain/checkpoint.npz timed/checkpoint.npz
ok $? "the profiled run gives the same bits"
cp err table
grep -q '^regions ' table && grep -q '^ *backward ' table && grep -q '^conv_bwd_w ' table &&
    grep -q '^moments ' table &&
    grep -q '^profile of .* 32 steps' table
ok $? "the table has regions, operations and memory"
tail -n 1 out | grep -q '"final"'
ok $? "standard output has JSON lines alone"
"$reader" timed >read.tap
code=$?
sed 's/^/# /' read.tap
ok $code "the files of a profile are right"
if command -v python3 >/dev/null; then
    python3 -m json.tool timed/trace.json >/dev/null &&
        python3 -m json.tool timed/profile.json >/dev/null
    ok $? "another reader of JSON reads them"
else
    n=$((n + 1)) && echo "ok $n - another reader of JSON # SKIP no python3"
fi
"$prism" profile report timed >out 2>err
sed '/^$/d;/^timed: /d' table >a && sed '/^$/d' out >b && cmp a b
ok $? "report prints the same table"
"$prism" profile report timed --top 2 >out 2>err &&
    is "$(sed -n '/where$/,/^$/p' out | grep -c '%')" 2
ok $? "--top sets the number of rows"
"$prism" profile run --quiet $tiny --steps 10:11 -o window >out 2>err && [ ! -s out ] &&
    [ ! -s err ]
ok $? "--quiet prints nothing"
is "$(grep -c '"name":"fit"' window/trace.json)" 2
ok $? "--steps 10:11 keeps two steps"
"$prism" profile run --quiet $tiny --regions-only -o regions 2>err &&
    ! grep -q 'conv_fwd' regions/profile.json && grep -q '"forward"' regions/profile.json
ok $? "--regions-only lists no operations"
"$prism" profile run --quiet $tiny --sync -o sync 2>err &&
    grep -q '"sync": true' sync/profile.json &&
    cmp plain/reconstruction.npy sync/reconstruction.npy
ok $? "--sync gives the same bits"
"$prism" profile run --quiet $tiny -o sync --resume 2>err && grep -q '"steps": 0' sync/profile.json
ok $? "a finished run that is resumed has no steps left"

# ---- bad usage ----
fails 2 'needs run' "$prism" profile
ok $? "a missing subcommand"
fails 2 'did you mean report' "$prism" profile repart
ok $? "an unknown subcommand"
fails 2 'folder' "$prism" profile report
ok $? "report without a folder"
fails 1 'nowhere' "$prism" profile report nowhere
ok $? "report of a folder that is not there"
mkdir -p other && echo '{"format": "prism-profile", "version": 1, "wall_s": 1,
    "nodes": [{"label": "all"}, {"label": "a", "parent": 5}]}' >other/profile.json
fails 1 'not a profile' "$prism" profile report other
ok $? "report of a damaged tree"
fails 2 'no option' "$prism" profile report timed --preset quick
ok $? "an option of another subcommand"
for steps in 5 a:b 7:3 : -1:2 3:4x; do
    fails 2 'range of steps' "$prism" profile run $tiny --steps "$steps" -o never
    ok $? "--steps $steps"
done
for rows in 0 x 1e3 ''; do
    fails 2 'number from 1' "$prism" profile report timed "--top=$rows"
    ok $? "--top '$rows'"
done
[ ! -e never ]
ok $? "no refused command began a run"

# ---- help ----
"$prism" profile --help >help && grep -q -- '--regions-only' help &&
    grep -q -- '--max-steps' help && grep -q -- '--resume' help
ok $? "help has the options of run too"
"$prism" --dump man | grep -q 'SS prism profile' && "$prism" --dump bash >completion &&
    sed -n '/^    profile)/,/^        fi ;;/p' completion | grep -q -- '--threads'
ok $? "man page and completion know prism profile"
"$prism" profile run --preset quik -o never 2>&1 | grep -q 'did you mean'
ok $? "errors are those of run"

echo "1..$n"
exit $((failures > 0))
