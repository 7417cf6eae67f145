#!/bin/sh
# The command line, end to end, on tiny runs. $1: prism. Prints TAP.
. "$(dirname "$0")/../support/tap.sh"
cd "$top" || exit 1
picture() { echo "$1"/reconstruction.p[gn][gm]; } # .png or .pgm
no_leftovers() { [ -z "$(find "$1" -name '.?*')" ]; }
valid_json() { if command -v python3 >/dev/null; then python3 -m json.tool >/dev/null
else grep -q '[]}]'; fi; }

tiny="--set image.grid_size=32 --set image.obj_size=16 --set aperture.diameter_px=10
  --set pattern.n_apertures=9 --set training.batch=4 --set training.init_steps=8
  --set compute.fft_planner=estimate"
short="$tiny --max-steps 24 --set output.metrics_every=8 --set output.checkpoint_every=10"
run() { "$prism" run --quiet "$@" 2>err; }

# ---- help, tables ----
man=$top/prism.1
completion=$top/prism.bash
"$prism" --dump man >"$man" && "$prism" --dump bash >"$completion" &&
    grep -q '^.SH EXIT STATUS' "$man"
ok $? "man page and completion"
for c in run info keys presets patterns inspect compare; do
    "$prism" $c --help >out 2>err && grep -q "^Usage: prism $c" out &&
        "$prism" help $c | cmp -s - out
    ok $? "help of $c"
done
"$prism" --help | grep -q 'Exit status' && "$prism" help >/dev/null
ok $? "help of the program"
"$prism" --version | grep -q '^prism [0-9]' && [ "$("$prism" version)" = "$("$prism" --version)" ]
ok $? "version"
"$prism" >out 2>err; is $? 2 && grep -q '^Usage' err
ok $? "no command: help on standard error, exit 2"
for c in run info keys presets patterns inspect compare; do
    "$prism" $c --help | grep -oE '^ *(-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+' >options
    while read -r o; do
        grep -qF -- "$(echo "$o" | sed 's/-/\\-/g')" "$man" &&
            grep -qF -- "$o" "$completion" || echo "$o"
    done <options >missing
    [ -s options ] && [ ! -s missing ]
    ok $? "man page and completion know every option of $c"
done
if command -v bash >/dev/null; then
    bash -n "$completion" && bash -c '. "$1"; COMP_CWORD=2
        COMP_WORDS=(prism keys training.lr); _prism; [ "${COMPREPLY[*]}" = training.lr ] || exit 1
        COMP_WORDS=(prism run --max); _prism; [ "${COMPREPLY[*]}" = --max-steps ]' - "$completion"
    ok $? "the completion completes"
else
    skip "the completion completes" "no bash"
fi
"$prism" info | grep -q '\* ' && "$prism" info --json | valid_json
ok $? "info"
"$prism" keys | grep -q '^training.lr = ' && "$prism" keys step | grep -q '^mopie.step_size' &&
    "$prism" keys --json | valid_json &&
    "$prism" keys --markdown | grep -q 'training.lr'
ok $? "keys"
"$prism" presets | grep -q '^quick' && "$prism" presets show quick | grep -q 'training.max_steps' &&
    "$prism" presets --json | valid_json
ok $? "presets"
"$prism" patterns | grep -q '^fermat' &&
    "$prism" patterns stats fermat --set pattern.n_apertures=20 --json >out && valid_json <out &&
    grep -q '"n": 20' out
ok $? "patterns: list and statistics"
"$prism" patterns csv random --seed 7 -o p.csv && is "$(wc -l <p.csv)" 65 &&
    "$prism" patterns csv csv --set pattern.csv=p.csv >q.csv && is "$(wc -l <q.csv)" 65 &&
    paste -d, p.csv q.csv |
    awk -F, 'NR > 1 && (($1 - $3) ^ 2 > 1e-20 || ($2 - $4) ^ 2 > 1e-20) {bad = 1} END {exit bad}'
ok $? "patterns: a CSV reads back"
name=$("$prism" patterns preview star --output 'a star') && [ -s "$name" ]
ok $? "patterns: a picture"

# ---- bad usage ----
fails 2 'did you mean run' "$prism" rnu; ok $? "unknown command"
fails 2 'did you mean --preset' "$prism" run --prest quick; ok $? "unknown option"
fails 2 'unknown option' "$prism" run -z; ok $? "unknown letter"
fails 2 'needs a value' "$prism" run --preset; ok $? "missing value"
fails 2 'takes no value' "$prism" run --resume=yes; ok $? "value of a flag"
fails 2 'CHECKPOINT' "$prism" inspect; ok $? "missing argument"
fails 2 'surplus' "$prism" info surplus; ok $? "surplus argument"
fails 2 'quick' "$prism" run --preset quik; ok $? "unknown preset"
fails 2 'training.lr' "$prism" run --set training.lrr=1; ok $? "unknown setting"
fails 2 'many' "$prism" run --threads many; ok $? "bad value of an option"
fails 2 'no-such' "$prism" run no-such.yaml; ok $? "missing configuration"
fails 2 'no-such.png' "$prism" run --input no-such.png --output x; ok $? "missing picture"
fails 2 'fermat' "$prism" patterns stats fermt; ok $? "unknown pattern"
fails 2 'no run to resume' "$prism" run --resume --output nowhere; ok $? "nothing to resume"
fails 1 'nowhere' "$prism" inspect nowhere; ok $? "inspect without a checkpoint"
fails 1 'nowhere' "$prism" compare nowhere here; ok $? "compare without runs"
[ ! -e x ] && [ ! -e nowhere ] && [ ! -e runs ]; ok $? "refused runs leave nothing behind"
if [ -e /dev/full ]; then
    "$prism" keys >/dev/full 2>err; is $? 1 && grep -q 'standard output' err
    ok $? "standard output that cannot be written"
else
    skip "standard output that cannot be written" "no /dev/full"
fi

# ---- runs ----
backends=ref
"$prism" info | grep -q 'cpu  *usable' && backends="ref cpu"
for b in $backends; do
    "$prism" run $short --backend $b --output "$b" --json >out 2>err; ok $? "$b: a run"
    for f in config.yaml run.json metrics.jsonl reconstruction.npy curves.svg checkpoint.npz; \
        do [ -s "$b/$f" ] || echo $f; done >missing
    [ ! -s missing ] && [ -s "$(echo "$b"/comparison.p??)" ] && [ -s "$(picture "$b")" ] &&
        no_leftovers "$b"
    ok $? "$b: its files"
    valid_json <"$b/run.json" &&
        for k in status ssim psnr_db rmse_percent loss steps wall_s peak_rss_bytes seed \
        config_hash input_hash hits; do
        grep -q "\"$k\": [^n]" "$b/run.json" || echo $k
    done >missing && [ ! -s missing ]
    ok $? "$b: run.json is complete"
    is "$(wc -l <"$b/metrics.jsonl")" 4 &&
        is "$(grep -c '"step": 32, .*"ssim": [0-9-]' "$b/metrics.jsonl")" 1 &&
        is "$(wc -l <out)" 5 && head -n 4 out | cmp -s - "$b/metrics.jsonl" &&
        tail -n 1 out | grep -q '"final"'
    ok $? "$b: metrics.jsonl, and the same on standard output"
    run $short --backend $b --output "$b-again" &&
        cmp "$b/reconstruction.npy" "$b-again/reconstruction.npy"
    ok $? "$b: the same bits again"
    run $short --backend $b --threads 1 --output "$b-1" &&
        run $short --backend $b --threads 3 --output "$b-3" &&
        cmp "$b-1/reconstruction.npy" "$b-3/reconstruction.npy" &&
        cmp "$b/reconstruction.npy" "$b-3/reconstruction.npy"
    ok $? "$b: the same bits with any number of threads"
    run $short --backend $b --seed 2 --output "$b-seed" &&
        ! cmp -s "$b/reconstruction.npy" "$b-seed/reconstruction.npy"
    ok $? "$b: another seed, another result"
    if have yaml; then
        run "$b/config.yaml" --output "$b-yaml" &&
            cmp "$b/reconstruction.npy" "$b-yaml/reconstruction.npy"
        ok $? "$b: config.yaml repeats the run"
    else
        skip "$b: config.yaml repeats the run" "built without YAML"
    fi
    run $short --backend $b --plain --output "$b-plain" &&
        awk -F'"ssim": |,' '/^    "ssim"/ {s[NR > FNR] = $2}
            END {d = s[0] - s[1]; exit !(d < 1e-3 && d > -1e-3)}' "$b/run.json" "$b-plain/run.json"
    ok $? "$b: general methods give nearly the same"
done
b=${backends##* }
for o in progressive mopie; do
    case $o in
    progressive) extra="--set training.objective=progressive --set training.cycle_steps=4
        --set pattern.n_apertures=4 --set training.loss_threshold=9" ;;
    mopie) extra="--set algorithm=mopie --set mopie.loops=3" ;;
    esac
    run $short $extra --backend $b --output $o && grep -q '"status": "done"' $o/run.json
    ok $? "$o"
done
"$prism" run $short --set training.objective=progressive --set training.cycle_steps=4 \
    --set pattern.n_apertures=4 \
    --set training.loss_threshold=0 --backend $b --quiet --output above >out 2>err
is $? 3 && grep -q '^prism: warning: 4 of 4 samples' err &&
    grep -q '"status": "done"' above/run.json && [ -s above/reconstruction.npy ] &&
    [ -s "$(picture above)" ] && [ -s above/curves.svg ]
ok $? "samples that fail: all is written, a warning, exit 3"
"$prism" run --help >out && grep -q 'Exit status 3' out &&
    "$prism" help | grep -q '3 done, but some samples failed'
ok $? "help says what exit 3 is"

fails 2 'already holds a run' "$prism" run $short --output ref
ok $? "a finished run is not overwritten"
mkdir mine && echo mine >mine/comparison.png
fails 2 'comparison.png' "$prism" run $short --output mine &&
    is "$(cat mine/*)" mine; ok $? "a file that is there is not replaced"
fails 2 'choose the folder with --output' "$prism" run $short --set name=../up &&
    [ ! -e up ]; ok $? "a name with a slash makes no folder"
cp ref/reconstruction.npy before.npy
run $short --backend ref --output ref --resume && cmp ref/reconstruction.npy before.npy
ok $? "a finished run resumes to itself"
fails 2 'resume with the same' "$prism" run $short --backend ref --seed 5 --output ref --resume
ok $? "another run's checkpoint is refused"
mkdir 'a folder' && run $short --set 'name=it'"'"'s a name' --output 'a folder/of runs' &&
    grep -q "it's a name" 'a folder/of runs/run.json'
ok $? "spaces in paths"
run $short --max_steps 2 --set=name=named && [ -s runs/named/run.json ] &&
    grep -q '"training.max_steps": 2,' runs/named/run.json
ok $? "a name makes a folder; --max_steps is --max-steps"
"$prism" run $short --max-steps 1 --output piped 2>err |
    head -n 1 >/dev/null; [ -s piped/reconstruction.npy ]
ok $? "a reader that goes away does not end a run"

# ---- readers ----
"$prism" inspect ref | grep -q 'phase  *done' &&
    "$prism" inspect ref/checkpoint.npz --json >out && valid_json <out && grep -q '"step": 32' out
ok $? "inspect"
is "$("$prism" inspect ref --history | wc -l)" 5 &&
    "$prism" inspect ref --history --json | valid_json &&
    "$prism" inspect ref --config | cmp -s - ref/config.yaml
ok $? "inspect: history and settings"
"$prism" inspect ref --export e.npy >/dev/null && cmp e.npy ref/reconstruction.npy &&
    name=$("$prism" inspect ref --export e.png) &&
    cmp "$name" "$(picture ref)"
ok $? "inspect: export"
head -c 1000 ref/checkpoint.npz >cut.prism; fails 1 'cut.prism' "$prism" inspect cut.prism
ok $? "inspect: a damaged checkpoint"
"$prism" compare ref ref-seed >out && grep -q '^ssim .*\*' out &&
    grep -q '^training.seed  *1  *2' out &&
    "$prism" compare ref/run.json ref-seed --json | valid_json
ok $? "compare"
echo '{"config": ' >broken.json; fails 1 'broken.json' "$prism" compare ref broken.json
ok $? "compare: a damaged record"

# ---- trouble ----
echo text >file
fails 1 'file' "$prism" run $short --quiet --output file/run
ok $? "an output folder that cannot be made"
if [ "$(id -u)" -ne 0 ]; then
    mkdir locked && chmod 555 locked
    fails 1 'locked' "$prism" run $short --quiet --output locked/run; ok $? "a read-only place"
else
    skip "a read-only place" "root may write anywhere"
fi
cp -R ref full
(ulimit -f 64 &&
    fails 1 'checkpoint.npz' "$prism" run $short --quiet --backend ref --output full --resume)
ok $? "a full disk is reported"
for f in reconstruction.npy checkpoint.npz run.json metrics.jsonl; do cmp "ref/$f" "full/$f" ||
    echo $f; done >missing 2>&1
[ ! -s missing ] && no_leftovers full
ok $? "a full disk leaves earlier results as they were"
(ulimit -f 64 &&
    fails 1 'checkpoint.npz' "$prism" run $short --quiet --backend ref --output fuller \
        --set output.checkpoint_every=2)
[ $? -eq 0 ] && no_leftovers fuller && [ ! -e fuller/reconstruction.npy ]
ok $? "a disk that is full for a checkpoint in the background ends the run"
fails 1 'lower the learning rate' "$prism" run $short --quiet --set training.lr=1000 \
    --set training.schedule=constant --set training.loss=l2 \
    --set training.normalise_loss=false --set model.normalise=false \
    --set model.output_activation=none --set model.n_upsample=6 --set model.latent_channels=256 \
    --output diverged
[ $? -eq 0 ] && [ -s diverged/checkpoint.npz ] && grep -q '"status": "diverged"' diverged/run.json
ok $? "divergence keeps the last good state"

# ---- interruption ----
long="$tiny --backend $b --threads 1 --max-steps 500 --set output.metrics_every=25
  --set output.checkpoint_every=50"
run $long --output whole
ok $? "a longer run"
await() { # until $2 exists, while process $1 lives
    while [ ! -e "$2" ] && kill -0 "$1" 2>/dev/null; do sleep 0.02; done
}
metrics_of() { sed 's/, "seconds".*//' "$1/metrics.jsonl"; }
same_as_whole() {
    cmp whole/reconstruction.npy "$1/reconstruction.npy" && metrics_of "$1" >got &&
        metrics_of whole | cmp - got && no_leftovers "$1"
}
for s in INT TERM; do
    "$prism" run $long --output "stop $s" >out 2>err &
    pid=$!
    await $pid "stop $s/checkpoint.npz"
    kill -$s $pid
    wait $pid
    is $? 130 && grep -q "resume$" err && grep -q '"status": "interrupted"' "stop $s/run.json"
    ok $? "SIG$s: exit 130, and how to continue"
    resume=$(sed -n 's/^prism: continue with: prism //p' err)
    eval "'$prism' $resume --quiet" 2>err && same_as_whole "stop $s"
    ok $? "SIG$s: the command it gave continues to the same bits"
done
mkdir killed
kills=0
lines() { cat killed/metrics.jsonl 2>/dev/null | wc -l; }
while [ $kills -lt 6 ]; do
    goal=$(( $(lines) + kills % 3 + 1 )) # each time a little further, then at any moment
    "$prism" run $long --quiet --output killed --resume 2>err &
    pid=$!
    while [ "$(lines)" -lt $goal ] && kill -0 $pid 2>/dev/null; do sleep 0.01; done
    sleep "0.0$(( (kills * 37 + $$) % 5 ))"
    kill -KILL $pid 2>/dev/null
    wait $pid 2>/dev/null
    [ $? -eq 137 ] || break # it had ended by itself
    kills=$((kills + 1))
done
run $long --output killed --resume && same_as_whole killed
ok $? "killed, and resumed: the same bits in the end"
[ $kills -ge 3 ]
ok $? "SIGKILL $kills times, 3 at least"
dd if=/dev/zero of=killed/checkpoint.npz bs=1 seek=2000 count=8 conv=notrunc 2>/dev/null
"$prism" run $long --quiet --output killed --resume 2>err; is $? 0 && same_as_whole killed
ok $? "a damaged checkpoint: the one before it serves"
echo "1..$n"
[ $failures -eq 0 ]
