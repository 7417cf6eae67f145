#!/usr/bin/env python3
"""Relative links of the documents, and paths they name, lead to files and headings that exist. Prints TAP.

usage: links.py ROOT
"""
import pathlib
import re
import sys

PATH = re.compile(r"(?<![\w./-])(?:docs|src|include|tests|benchmarks|scripts)/[\w/-]+\.(?:md|c|h|def|cu|cuh|sh|py)(?!\w)")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")


def text_of(path):
    """The document without its code, where brackets mean other things."""
    text = re.sub(r"^(```|~~~).*?^\1", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.sub(r"^(?: {4}|\t).*$", "", re.sub(r"`[^`\n]*`", "", text), flags=re.M)


def anchors(path):
    """Names of the headings, as GitHub and GitLab make them."""
    names, seen = set(), {}
    code = re.sub(r"^(```|~~~).*?^\1", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    for heading in re.findall(r"^#{1,6}\s+(.+?)\s*#*$", code, flags=re.M):
        name = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()).replace(" ", "-")
        names.add(f"{name}-{seen[name]}" if name in seen else name)
        seen[name] = seen.get(name, 0) + 1
    return names


def wrong(root, document):
    """What is wrong with each link that leads nowhere."""
    for target in LINK.findall(text_of(document)):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        if root not in path.parents and path != root:
            yield f"{target} leads out of the tree"
        elif not path.exists():
            yield f"{target}: no such file"
        elif anchor and (path.suffix != ".md" or anchor not in anchors(path)):
            yield f"{target}: no such heading"


def paths(root, document):
    """Paths in the text, from the root, of files that are not there. The past may name what is gone."""
    if document.name == "CHANGELOG.md" or document.parent.name == "results":
        return
    for name in PATH.findall(document.read_text(encoding="utf-8")):
        if not (root / name).exists():
            yield f"{name}: no such file"


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    documents = sorted(p for d in ("docs", "benchmarks", "examples") for p in (root / d).rglob("*.md"))
    documents = sorted(root.glob("*.md")) + documents
    bad = links = 0
    for i, document in enumerate(documents, 1):
        links += len(LINK.findall(text_of(document)))
        found = [*wrong(root, document), *paths(root, document)]
        print("ok" if not found else "not ok", i, "-", document.relative_to(root))
        for words in found:
            print("#", words)
        bad += bool(found)
    print("ok" if links else "not ok", len(documents) + 1, "-", links, "links were read")
    print(f"1..{len(documents) + 1}")
    return bad or not links


sys.exit(main())
