#!/usr/bin/env python3
"""Run every algorithm on every picture at every noise level and print docs/quality.md's table.

usage: quality.py --prism build/prism --output out/quality
                  [--pictures NAME=FILE ...] [--seeds 1 2 3]
A NAME without =FILE is a built-in object. Runs that already have a run.json are not repeated.
"""
import argparse
import json
import os
import statistics
import subprocess

ALGORITHMS = {
    "joint": ["training.objective=joint"],
    "joint, as prototyped": [
        "training.objective=joint",
        "model.min_channels=1",
        "model.output_activation=none",
        "training.lr=2e-3",
        "training.unmeasured_weight=0",
    ],
    "mopie": ["algorithm=mopie"],
    "progressive": ["training.objective=progressive"],
}


def run(args, name, picture, snr, algorithm, seed):
    folder = os.path.join(
        args.output,
        f"{name}-{snr or 'clean'}-{algorithm.replace(', ', '-').replace(' ', '-')}-{seed}",
    )
    record = os.path.join(folder, "run.json")
    if not os.path.exists(record):
        command = [
            args.prism,
            "run",
            "--quiet",
            "--input",
            picture,
            "--seed",
            str(seed),
            "--output",
            folder,
        ]
        for setting in (
            args.set + ALGORITHMS[algorithm] + ([f"detector.snr_db={snr}"] if snr else [])
        ):
            command += ["--set", setting]
        subprocess.run(command, check=True)
    with open(record, encoding="utf-8") as f:
        return json.load(f)["final"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prism", default="build/prism")
    parser.add_argument("--output", default="out/quality")
    parser.add_argument("--pictures", nargs="+", default=["usaf", "siemens", "moon"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--snr", nargs="+", type=int, default=[0, 40, 30, 20])
    parser.add_argument("--algorithms", nargs="+", default=list(ALGORITHMS))
    parser.add_argument(
        "--set",
        nargs="+",
        metavar="KEY=VALUE",
        help="for every run",
        default=["image.grid_size=128", "image.obj_size=64", "aperture.diameter_px=20"],
    )
    args = parser.parse_args()
    print(
        "| picture | SNR | algorithm | SSIM | PSNR dB | RMSE % | steps | seconds |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    for entry in args.pictures:
        name, _, picture = entry.partition("=")
        for snr in args.snr:
            for algorithm in args.algorithms:
                finals = [
                    run(args, name, picture or name, snr, algorithm, seed) for seed in args.seeds
                ]
                mean = {
                    k: statistics.mean(f[k] for f in finals)
                    for k in ("ssim", "psnr_db", "rmse_percent", "steps", "wall_s")
                }
                print(
                    f"| {name} | {f'{snr} dB' if snr else 'clean'} | {algorithm} "
                    f"| {mean['ssim']:.3f} | {mean['psnr_db']:.1f} | "
                    f"{mean['rmse_percent']:.1f} | {mean['steps']:.0f} | {mean['wall_s']:.1f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
