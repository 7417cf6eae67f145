#!/usr/bin/env python3
"""The files of a folder use each other's symbols without a circle, read from the objects.

Prints TAP.

usage: circles.py NM ARCHIVE...    one static library a folder
"""
import pathlib
import subprocess
import sys


def symbols(nm, archive):
    """Two dictionaries by object: names that it defines, names that it uses and does not define."""
    defined, used, member = {}, {}, None
    text = subprocess.run([nm, archive], capture_output=True, text=True, check=True).stdout
    for line in text.splitlines():
        fields = line.split()
        if line.endswith(":"):
            member = line[:-1].rsplit("/", 1)[-1].split("(")[-1].rstrip(")")
            defined[member], used[member] = set(), set()
        elif len(fields) == 2 and fields[0] == "U":
            used[member].add(fields[1])
        elif len(fields) == 3 and fields[1] in "TDRBVW":
            defined[member].add(fields[2])
    return defined, used


def arrows(defined, used):
    owner = {name: member for member, names in defined.items() for name in names}
    return {m: {owner[n] for n in names if n in owner} - {m} for m, names in used.items()}


def circle(graph):
    """The files of one circle in order, the first again at the end; [] where there is none."""
    state, path = {}, []

    def visit(node):
        state[node] = "open"
        path.append(node)
        for other in sorted(graph[node]):
            if state.get(other) == "open":
                return path[path.index(other) :] + [other]
            found = [] if other in state else visit(other)
            if found:
                return found
        path.pop()
        state[node] = "done"
        return []

    for node in sorted(graph):
        found = [] if node in state else visit(node)
        if found:
            return found
    return []


def main():
    nm, archives = sys.argv[1], sys.argv[2:]
    bad = 0
    for i, archive in enumerate(archives, 1):
        defined, used = symbols(nm, archive)
        graph = arrows(defined, used)
        found = circle(graph)
        words = f"{pathlib.Path(archive).stem}: no circle among {len(graph)} files"
        # a library of one file, or without known names, would always pass
        good = not found and sum(len(n) for n in defined.values()) > len(graph) > 1
        print("ok" if good else "not ok", i, "-", words)
        if found:
            names = [f.split(".c")[0] + ".c" for f in found]
            print("#", " -> ".join(names))
            for a, b in zip(found, found[1:]):
                shared = sorted(used[a] & defined[b])
                print(f"#   {a.split('.c')[0]}.c uses {', '.join(shared[:6])}")
        bad += not good
    print(f"1..{len(archives)}")
    return bad != 0


sys.exit(main())
