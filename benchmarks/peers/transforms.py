#!/usr/bin/env python3
"""Time the forward 2-D transform of `prism bench fft`, NumPy, SciPy, FFTW and PyTorch, in turns.

A round times every side with every program, each in a process of its own, on the
same cores; the next round begins with the next program. Each library runs in the
first interpreter that can import it; a library that none can import is named and
left out.

usage: transforms.py [--prism build/prism] [--python PATH...] [--sizes SIDE,...]
                     [--threads T] [--rounds R] [--out DIR]
"""
import os

import peers

SECONDS = "0.2"


def main():
    args = peers.options(
        "Time transforms beside Python's libraries, in turns.",
        "256,512,1024,2048,4096,500,1000,1536",
        "+",
    )
    conditions = peers.settle(args)
    opponent = os.path.join(os.path.dirname(os.path.abspath(__file__)), "library_fft.py")

    def ours(case):
        return [
            args.prism,
            "bench",
            "fft",
            "--backend",
            "cpu",
            "--threads",
            str(args.threads),
            "--seconds",
            SECONDS,
            "--sizes",
            case.split("/")[1],
        ]

    def theirs(python, library, threads):
        return lambda case: [
            python,
            opponent,
            library,
            case.split("/")[1],
            "--threads",
            str(threads),
            "--seconds",
            SECONDS,
        ]

    programs, versions, missing = {peers.OURS: ours}, {}, {}
    for library, counts in {
        "numpy": [1],
        "scipy": [1, args.threads],
        "fftw": [args.threads],
        "torch": [args.threads],
    }.items():
        found = ((python, peers.version_of(python, library)) for python in args.python)
        python, version = next(((p, v) for p, v in found if v), (None, None))
        if not version:
            missing[library] = "no interpreter given can import it"
            continue
        versions[library] = version
        for threads in dict.fromkeys(counts):
            programs[f"{library}, {threads} thread{'s' * (threads > 1)}"] = theirs(
                python, library, threads
            )
    times, context, left_out = peers.take_turns(
        [f"fft/{side}" for side in args.sizes], programs, args.rounds
    )
    peers.report(
        "fft", times, context, {**versions, **conditions}, {**missing, **left_out}, args.out
    )


if __name__ == "__main__":
    main()
