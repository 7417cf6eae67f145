#!/bin/sh
# What the CUDA backend says where something is missing, on its host model. $1:
# prism, $2: the model's plugin.
prism=$1
top=$(mktemp -d) || exit 1
trap 'rm -rf "$top"' EXIT
ln -s "$2" "$top/prismrec_backend_cuda.so" || exit 1
export PRISMREC_BACKEND_PATH="$top" XDG_CACHE_HOME="$top/cache"
unset CUDA_VISIBLE_DEVICES PRISMREC_CUDA_MODEL_DRIVER PRISMREC_CUDA_MODEL_DEVICES \
    PRISMREC_CUDA_MODEL_MEM_BYTES
n=0
failures=0
says() { # description, text, command: what it says holds the text
    n=$((n + 1))
    what=$1 text=$2
    shift 2
    "$@" >"$top/out" 2>&1
    [ $? -lt 128 ] && grep -qF -- "$text" "$top/out" && { echo "ok $n - $what"; return; }
    echo "not ok $n - $what: a crash, or no '$text' in"
    sed 's/^/# /' "$top/out"
    failures=1
}
run() {
    "$prism" run --output "$top/run$n" --set image.grid_size=32 --set image.obj_size=16 \
        --set aperture.diameter_px=10 \
        --set pattern.n_apertures=9 --set training.init_steps=2 --max-steps 4 "$@"
}
needs='this build needs one for CUDA '
says "usable" '* cuda     usable' "$prism" info
PRISMREC_CUDA_MODEL_DRIVER=0 says "no driver" "no NVIDIA driver is installed; $needs" "$prism" info
PRISMREC_CUDA_MODEL_DRIVER=11040 says "old driver" \
    'the NVIDIA driver is made for CUDA 11.4, this build needs' "$prism" info
PRISMREC_CUDA_MODEL_DEVICES=0 says "no device" 'no NVIDIA device is visible' "$prism" info
CUDA_VISIBLE_DEVICES=none PRISMREC_CUDA_MODEL_DEVICES=0 says "hidden devices" \
    'CUDA_VISIBLE_DEVICES is set to "none"' "$prism" info
says "a device that is not there" 'cuda:3 does not exist; 1 device is here' run --backend cuda:3
PRISMREC_CUDA_MODEL_MEM_BYTES=1000000 says "no memory" ' MB are free on ' run --backend cuda
PRISMREC_CUDA_MODEL_LOSE_AFTER=200 says "a lost device" 'the contents of its memory are lost' run \
    --backend cuda
echo "1..$n"
exit $failures
