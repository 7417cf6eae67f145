#!/usr/bin/env python3
"""Time the training step of `prism bench step` and of torch_step.py, in turns on the same cores.

A round times every size with every program, each in a process of its own; the
next round begins with the next program.

usage: compare.py [--prism build/prism] [--python PATH] [--sizes N/O,...]
                  [--threads T] [--rounds R] [--out DIR]
"""
import os
import sys

import peers


def main():
    args = peers.options(
        "Time a training step beside PyTorch's, in turns.", "1024/512,512/128,256/128", 1
    )
    conditions = peers.settle(args)
    python = args.python[0]
    torch = peers.version_of(python, "torch")
    if not torch:
        sys.exit(f"--python {python}: it cannot import torch; give an interpreter that can")
    opponent = os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch_step.py")

    def ours(case):
        return [
            args.prism,
            "bench",
            "step",
            "--backend",
            "cpu",
            "--threads",
            str(args.threads),
            "--seconds",
            "0.5",
            "--sizes",
            case.split("/", 1)[1],
        ]

    def theirs(variant):
        return lambda case: [
            python,
            opponent,
            "--variant",
            variant,
            "--threads",
            str(args.threads),
            "--steps",
            "20",
            case.split("/", 1)[1],
        ]

    programs = {
        peers.OURS: ours,
        "torch original": theirs("original"),
        "torch best": theirs("best"),
    }
    times, context, left_out = peers.take_turns(
        [f"step/{size}" for size in args.sizes], programs, args.rounds
    )
    peers.report("step", times, context, {"torch": torch, **conditions}, left_out, args.out)


if __name__ == "__main__":
    main()
