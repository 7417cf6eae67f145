#!/bin/sh
# A run of measurements from a file that the snippet of docs/formats.md writes.
# $1: prism, $2: the source root. Prints TAP.
. "$(dirname "$0")/../support/tap.sh"
numpy_python
sed -n '/^```python$/,/^```$/p' "$2/docs/formats.md" | grep -v '^```' >"$top/snippet.py"
cd "$top" || exit 1
"$python" snippet.py 2>err && [ -s measured.npz ]
ok $? "the documented snippet writes a file"
short="--set training.init_steps=50 --set training.max_steps=400 --set training.batch=8
  --set compute.fft_planner=estimate"
"$prism" run --data measured.npz $short --output run >out 2>err
ok $? "the file is reconstructed"
[ -s run/comparison.png ] || [ -s run/comparison.ppm ]
ok $? "the run writes a picture"
grep -q '"ssim": null' run/run.json && grep -q '"format": "npz"' run/run.json &&
    grep -q '"frames": 48' run/run.json &&
    ! grep -q input_hash run/run.json
ok $? "there is no truth to compare with, and run.json says where the frames came from"
grep -q 'grid_size: 64  # measured.npz' run/config.yaml &&
    grep -q 'diameter_px: 12  # measured.npz' run/config.yaml
ok $? "config.yaml has the values of the file"
"$python" - 2>err <<'END'
import numpy as np
r, t = np.load("run/reconstruction.npy"), np.load("object.npy")
raise SystemExit(int(np.sqrt(((r - t)**2).sum() / (t**2).sum()) > 0.2))
END
ok $? "the object comes out within a fifth"
cp run/reconstruction.npy first.npy
if have yaml; then
    "$prism" run run/config.yaml --output again --quiet 2>err &&
        cmp first.npy again/reconstruction.npy
    ok $? "config.yaml alone repeats the run"
else
    skip "config.yaml alone repeats the run" "built without YAML"
fi
"$prism" run --data measured.npz $short --output run --resume --quiet 2>err &&
    cmp first.npy run/reconstruction.npy
ok $? "a run of measurements resumes"

"$python" - <<'END'
import numpy as np
m = dict(np.load("measured.npz"))
np.savez("poor.npz", intensities=m["amplitudes"].astype("f8")**2, centres_yx=m["centres_yx"])
np.savez("other.npz", **{**m, "amplitudes": m["amplitudes"] * 1.01})
END
"$prism" run --data poor.npz --set grid_size=64 --set obj_size=32 --set aperture.diameter_px=12 \
    --set training.init_steps=1 \
    --set training.max_steps=2 --output poor >out 2>err
grep -q 'poor.npz has no grid_size; assuming 64, from image.grid_size' err &&
    grep -q 'aperture_radius_px; assuming 6' err
ok $? "missing numbers are assumed, with a warning"
sed -n '/"assumed"/,/}/p' poor/run.json | grep -q '"obj_size": 32'
ok $? "config.yaml records the assumed numbers"
fails 2 'other.npz\|data' "$prism" run --data other.npz $short --output run --resume
ok $? "a checkpoint of other measurements is refused"
fails 2 'inner_diameter_px' "$prism" run --data measured.npz --set aperture.shape=annulus --quiet
ok $? "a geometry that does not fit is refused"
echo "1..$n"
[ "$failures" = 0 ]
