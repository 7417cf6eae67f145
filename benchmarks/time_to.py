#!/usr/bin/env python3
"""How long a reconstruction takes to reach a quality, in seconds on the program's own clock.

The seconds include the measuring of the quality.

usage: time_to.py --prism build/prism --picture FILE_OR_BUILT_IN [--ssim 0.68]
                  [--seeds 1 2 3] [--preset NAME] [--set KEY=VALUE ...]
"""
import argparse
import json
import os
import statistics
import subprocess
import tempfile


def run(args, seed, folder):
    command = [
        args.prism,
        "run",
        "--quiet",
        "--input",
        args.picture,
        "--seed",
        str(seed),
        "--output",
        folder,
        "--preset",
        args.preset,
        "--set",
        f"output.metrics_every={args.every}",
    ]
    for setting in args.set:
        command += ["--set", setting]
    subprocess.run(command, check=True)
    with open(os.path.join(folder, "metrics.jsonl"), encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    return (
        next((r for r in rows if r["ssim"] is not None and r["ssim"] >= args.ssim), None),
        rows[-1],
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prism", default="build/prism")
    parser.add_argument("--picture", default="moon")
    parser.add_argument("--preset", default="europa-128")
    parser.add_argument("--ssim", type=float, default=0.68)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument(
        "--every", type=int, default=10, help="steps between two looks at the quality"
    )
    parser.add_argument("--set", nargs="+", metavar="KEY=VALUE", default=[])
    args = parser.parse_args()
    times = []
    print(
        f"| seed | steps to SSIM {args.ssim:g} | seconds | steps in all | seconds | SSIM |\n"
        "|---|---|---|---|---|---|"
    )
    for seed in args.seeds:
        with tempfile.TemporaryDirectory() as folder:
            reached, last = run(args, seed, folder)
        times += [reached["seconds"]] if reached else []
        there = f"{reached['step']} | {reached['seconds']:.2f}" if reached else "never | never"
        print(
            f"| {seed} | {there} | {last['step']} | {last['seconds']:.1f} | {last['ssim']:.3f} |",
            flush=True,
        )
    if times:
        print(f"\nmedian {statistics.median(times):.2f} s, {len(times)} of {len(args.seeds)} runs")


if __name__ == "__main__":
    main()
