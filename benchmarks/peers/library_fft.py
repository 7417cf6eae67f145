#!/usr/bin/env python3
"""The forward 2-D transform of complex64 in one Python library: an opponent of `prism bench fft`.

The result goes into an array made before where the library can do so (NumPy from
2.0, FFTW, PyTorch); a plan is kept where the library has plans (FFTW,
FFTW_MEASURE). NumPy before 2.0 computes in double precision.

usage: library_fft.py [--threads T] [--seconds S] [--json FILE] numpy|scipy|fftw|torch SIDE
"""
import argparse
import importlib
import json
import statistics
import time


def with_numpy(side, _):
    import numpy as np

    rng = np.random.default_rng(0)
    x = (rng.random((side, side)) + 1j * rng.random((side, side))).astype(np.complex64)
    if int(np.__version__.split(".")[0]) < 2:
        return x, lambda: np.fft.fft2(x)
    y = np.empty_like(x)
    return x, lambda: np.fft.fft2(x, out=y)


def with_scipy(side, threads):
    import scipy.fft

    x, _ = with_numpy(side, 1)
    return x, lambda: scipy.fft.fft2(x, workers=threads)


def with_fftw(side, threads):
    import fftw

    x, y, execute = fftw.transform(side, threads)
    x[:], _ = with_numpy(side, 1)  # planning overwrote it

    def call():
        execute()
        return y

    return x, call


def with_torch(side, threads):
    import torch

    torch.set_num_threads(threads)
    x = torch.rand(side, side, dtype=torch.complex64)
    y = torch.empty_like(x)
    return x, lambda: torch.fft.fft2(x, out=y)


def measure(call, seconds):
    """As prism does: three calls dropped, then for `seconds`, at least 5 times."""
    for _ in range(3):
        call()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        begin = time.perf_counter()
        call()
        times.append((time.perf_counter() - begin) * 1e3)
    return sorted(times)


def main():
    ways = {"numpy": with_numpy, "scipy": with_scipy, "fftw": with_fftw, "torch": with_torch}
    parser = argparse.ArgumentParser()
    parser.add_argument("library", choices=ways)
    parser.add_argument("side", type=int)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--json")
    args = parser.parse_args()
    x, call = ways[args.library](args.side, args.threads)
    error = abs(complex(call()[0, 0]) / complex(x.sum()) - 1)
    if not error < 1e-4:
        raise SystemExit(
            f"{args.library}: the first value is not the sum of the input, off by {error:.1e}"
        )
    times = measure(call, args.seconds)
    p95 = times[min(len(times) - 1, int(0.95 * len(times)))]
    median = statistics.median(times)
    print(f"fft/{args.side}  min {times[0]:.3f} ms  median {median:.3f} ms  p95 {p95:.3f} ms")
    version = importlib.import_module(args.library).__version__
    if args.json:
        with open(args.json, "w", encoding="ascii") as f:
            json.dump(
                {
                    "context": {
                        "library": f"{args.library} {version}",
                        "threads": args.threads,
                    },
                    "benchmarks": [
                        {
                            "name": f"fft/{args.side}",
                            "real_time": median,
                            "min": times[0],
                            "p95": p95,
                            "time_unit": "ms",
                        }
                    ],
                },
                f,
                indent=1,
            )


if __name__ == "__main__":
    main()
