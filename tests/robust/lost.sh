#!/bin/sh
# A device that is too small, and one that is lost in the middle of a run.
# usage: lost.sh PRISM BACKEND PLUGIN_FOLDER VARIABLE_PREFIX
prism=$1 backend=$2 prefix=$4
export PRISMREC_BACKEND_PATH="$3"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0
failed=0
tap() { # NAME STATUS
    n=$((n + 1))
    [ "$2" = 0 ] && echo "ok $n - $1" ||
        { echo "not ok $n - $1"; failed=1; sed 's/^/# /' "$dir/err"; }
}
has() { grep -q -e "$1" "$dir/err"; }
run() { "$prism" run --input usaf --set image.grid_size=64 --set image.obj_size=32 \
    --set training.init_steps=8 --quiet "$@" 2>"$dir/err"; }

env "${prefix}_MEM_BYTES=4000000" "$prism" run --input usaf --set image.grid_size=64 \
    --set image.obj_size=32 --quiet --backend "$backend" \
    --output "$dir/small" 2>"$dir/err"
[ $? = 1 ] && has 'the session needs [0-9.]* MB of device memory and 4.0 MB are free'
tap "too little memory is refused with both numbers" $?
[ ! -e "$dir/small/checkpoint.npz" ]
tap "before anything is written" $?

export "${prefix}_LOSE_AFTER=3000"
run --backend "$backend" --max-steps 200 --set output.checkpoint_every=5 --output "$dir/lost"
[ $? = 1 ] && has 'the device was lost at step' && has 'the checkpoint of step [0-9]* is in' &&
    has '--backend cpu --resume'
tap "a lost device is said, with the checkpoint and how to go on" $?
grep -q '"status": "failed"' "$dir/lost/run.json"
tap "the record says that the run failed" $?
unset "${prefix}_LOSE_AFTER"
run --backend ref --max-steps 200 --set output.checkpoint_every=5 --output "$dir/lost" --resume
[ $? = 0 ] && grep -q '"status": "done"' "$dir/lost/run.json"
tap "another backend goes on from there to the end" $?

export "${prefix}_LOSE_AFTER=1500"
run --backend "$backend" --max-steps 200 --set output.checkpoint_seconds=0 --output "$dir/early"
[ $? = 1 ] && has 'no checkpoint had been written yet'
tap "lost before the first checkpoint" $?
echo "1..$n"
exit $failed
