#!/bin/sh
# Checkpoints and weights, read by NumPy. $1: prism, $2: the program that writes
# the other files. Prints TAP.
. "$(dirname "$0")/../support/tap.sh"
writer=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
numpy_python
cd "$top" || exit 1
run="$prism run --quiet --input usaf --set image.grid_size=64 --set image.obj_size=32
    --set training.init_steps=8 --set training.objective=progressive
    --set training.cycle_steps=1 --set training.loss_threshold=1 --set pattern.n_apertures=9"
$run --output run 2>err &&
    "$writer" >out 2>&1
ok $? "a run, weights, and a file of 64-bit fields"

python_says() { "$python" - 2>err; ok $? "$1"; }
python_says "every array of a checkpoint loads without pickle, and its checksum holds" <<'END'
import zipfile, numpy as np
assert zipfile.ZipFile("run/checkpoint.npz").testzip() is None
with np.load("run/checkpoint.npz") as f:
    for name in f.files:
        f[name]
END
python_says "result is reconstruction.npy, in double and with its shape" <<'END'
import numpy as np
with np.load("run/checkpoint.npz") as f:
    result, picture = f["result"], np.load("run/reconstruction.npy")
assert result.dtype == np.float64 and result.shape == (32, 32) == picture.shape
assert (result.astype("f4") == picture).all()
END
python_says "the state is a record with named fields, the history a table, a text bytes" <<'END'
import numpy as np
with np.load("run/checkpoint.npz") as f:
    lines = dict(l.split("=", 1) for l in f["progress.txt"].decode().split())
    state, samples = f["trainer"], f["plain.samples"]
    assert state.shape == () and int(state["step"]) == int(lines["step"]) > 8
    assert state["monitor.ring"].shape == (1000,)
    assert f["history"].shape == (int(state["n_history"]), 6)
    assert samples["n_failed"][0] == 0
    assert f["plain.status"].dtype == np.int32 and f["plain.status"].tolist() == 9 * [1]
    assert f["centres"].shape == (9, 2)
    assert f["slab.params"].dtype == np.float32
    assert f["extra.txt"].decode() == open("run/config.yaml").read()
END
python_says "weights have a name, a shape and a type each" <<'END'
import numpy as np
with np.load("weights.npz") as f:
    tensor = np.load("tensor.npy")
    assert f["arch"].dtype == np.int32 and f["decoder.0.weight"].shape == tensor.shape
    assert len(tensor.shape) == 4 and (f["decoder.0.weight"] == tensor).all() and tensor.any()
END
python_says "ZIP64 fields are read" <<'END'
import zipfile, numpy as np
z = zipfile.ZipFile("wide.npz")
assert z.testzip() is None and all(i.extract_version == 45 for i in z.infolist())
with np.load("wide.npz") as f:
    assert f["a"].tolist() == [0.5, 0] and f["b"].tolist() == [1.5, -1] and f["c.txt"] == b"text"
END
python_says "NumPy writes the checkpoint again" <<'END'
import shutil, zipfile, numpy as np
old = np.load("run/checkpoint.npz")
shutil.copytree("run", "again")
np.savez("again/checkpoint.npz", **{n: old[n] for n in old.files if not n.endswith(".txt")})
with zipfile.ZipFile("again/checkpoint.npz", "a") as z:
    for n in old.files:
        if n.endswith(".txt"):
            z.writestr(n, old[n])
END
"$prism" inspect run | tail -n +2 | sort >a && "$prism" inspect again | tail -n +2 | sort >b &&
    cmp a b && $run --output again --resume 2>err &&
    cmp run/reconstruction.npy again/reconstruction.npy
ok $? "the program continues from the file"
echo "1..$n"
[ "$failures" = 0 ]
