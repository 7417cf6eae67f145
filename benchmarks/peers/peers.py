"""What compare.py and transforms.py share: programs that take turns, medians over rounds, a table.

A program is a command that times one case in a process of its own and writes
`--json FILE` in Google Benchmark's layout, in ms.
"""
import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile

OURS = "PRISM"


def options(about, sizes, pythons):
    """`pythons` is argparse's nargs of --python."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument(
        "--prism", default="build/prism", metavar="PATH", help="default: build/prism"
    )
    parser.add_argument(
        "--python",
        default=[sys.executable],
        nargs=pythons,
        metavar="PATH",
        help="interpreter that has the libraries to compare with; default: the one that runs this",
    )
    parser.add_argument("--sizes", default=sizes, metavar="A,B,...", help="default: %(default)s")
    parser.add_argument(
        "--threads",
        type=int,
        default=2,
        metavar="T",
        help="of every program, and cores to stay on; default: 2",
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="R", help="default: 5")
    parser.add_argument(
        "--out", metavar="DIR", help="write the table (.md) and all times (.json) into this folder"
    )
    args = parser.parse_args()
    if args.threads < 1 or args.rounds < 1:
        parser.error(f"--threads {args.threads} --rounds {args.rounds}: both are at least 1")
    args.sizes = [size.strip() for size in args.sizes.split(",")]
    return args


def settle(args):
    """Keep this process and its children on as many cores as threads; say how the programs run."""
    conditions = {"threads": args.threads, "rounds": args.rounds, "cores": "any"}
    if hasattr(os, "getloadavg"):
        conditions["load before"] = round(os.getloadavg()[0], 2)
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        if args.threads > len(cores):
            sys.exit(
                f"--threads {args.threads}: {len(cores)} cores are available; give at most as many"
            )
        os.sched_setaffinity(0, cores[: args.threads])
        conditions["cores"] = cores[: args.threads]
    return conditions


def version_of(python, module):
    """None where the interpreter does not have the module, or is none."""
    here = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.abspath(__file__))}
    try:
        probe = subprocess.run(
            [python, "-c", f"import {module}; print({module}.__version__)"],
            capture_output=True,
            text=True,
            check=True,
            env=here,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return probe.stdout.strip()


def turn(command, case):
    """One program, one case, one process: (median in ms, context), or (None, why not)."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "times.json")
        try:
            done = subprocess.run(
                [*command, "--json", file],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
        except OSError as error:
            return None, str(error)
        if done.returncode:
            lines = [line for line in done.stdout.splitlines() if line.strip()]
            return None, lines[-1].strip() if lines else f"exit status {done.returncode}"
        with open(file, encoding="utf-8") as f:
            document = json.load(f)
    return (
        next(row["real_time"] for row in document["benchmarks"] if row["name"] == case),
        document["context"],
    )


def take_turns(cases, programs, rounds):
    """{case: {program: [ms, one a round]}}, the context of ours, {program: why it was left out}.

    `programs` maps a name to case -> command.
    """
    programs = dict(programs)
    times = {case: {name: [] for name in programs} for case in cases}
    context, left_out = {}, {}
    for r in range(rounds):
        for case in cases:
            names = list(programs)
            first = r % len(names)
            for name in names[first:] + names[:first]:
                ms, answer = turn(programs[name](case), case)
                print(
                    f"round {r + 1}/{rounds}  {case}  {name}: "
                    + (answer if ms is None else f"{ms:.4g} ms"),
                    file=sys.stderr,
                    flush=True,
                )
                if name == OURS:
                    if ms is None:
                        sys.exit(f"{OURS}: {answer}")
                    context = answer
                elif ms is None:
                    left_out[name] = answer
                    del programs[name]
                if ms is not None:
                    times[case][name].append(ms)
    return (
        {case: {name: row[name] for name in programs} for case, row in times.items()},
        context,
        left_out,
    )


def table(times):
    """Markdown, aligned: each program's median over rounds, their range, and the ratio to ours."""
    names = list(next(iter(times.values())))
    lines = [["case", *(f"{name}, ms" for name in names)]]
    for case, row in times.items():
        ours = statistics.median(row[OURS])
        line = [case]
        for name in names:
            ms = statistics.median(row[name])
            line.append(
                f"{ms:.3g} ({min(row[name]):.3g} to {max(row[name]):.3g})"
                + ("" if name == OURS else f" = {ms / ours:.2f} x")
            )
        lines.append(line)
    widths = [max(map(len, column)) for column in zip(*lines)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |"
        for line in lines
    )


def report(title, times, ours, context, left_out, out):
    """Print the table; with `out`, write it as out/title.md and everything as out/title.json."""
    context = {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": ours["git_version"],
        "machine": ours["cpu_model"],
        "num_cpus": os.cpu_count(),
        "system": platform.platform(),
        **context,
        "prism": ours["device"],
        "left_out": left_out,
    }
    busy = context.get("load before", 0) > 0.5
    text = "\n".join(
        [
            *(f"- {key}: {value}" for key, value in context.items() if key != "left_out"),
            *(f"- left out: {name}: {why}" for name, why in left_out.items()),
            "",
            table(times),
            "",
            "Median of the rounds' medians, their range, and the ratio to PRISM's.",
            *(
                ["**Something else ran on this machine: measure again below a load of 0.5.**"]
                if busy
                else []
            ),
        ]
    )
    print(text)
    if not out:
        return
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, title + ".md"), "w", encoding="utf-8") as f:
        f.write(f"# {title}\n\n{text}\n")
    rows = [
        {
            "name": f"{case}/{name}",
            "real_time": statistics.median(ms),
            "time_unit": "ms",
            "rounds": ms,
            "ratio": statistics.median(ms) / statistics.median(row[OURS]),
        }
        for case, row in times.items()
        for name, ms in row.items()
    ]
    with open(os.path.join(out, title + ".json"), "w", encoding="utf-8") as f:
        json.dump({"context": context, "benchmarks": rows}, f, indent=1)
        f.write("\n")
