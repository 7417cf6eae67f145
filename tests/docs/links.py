#!/usr/bin/env python3
"""Links of the documents, and paths that they name, lead to files and headings that exist.

Prints TAP. usage: links.py ROOT
"""
import pathlib
import re
import sys

# A path in the text: it begins with a folder of the tree and has an ending.
FOLDERS = "docs|src|include|tests|benchmarks|scripts|examples"
PATH = re.compile(rf"(?<![\w./-])(?:{FOLDERS})/[\w./-]*\w\.(?:md|c|h|def|cu|cuh|sh|py|build)(?!\w)")
# In backticks a path may lack an ending: a folder, a program.
NAMED = re.compile(rf"(?:{FOLDERS}|\.ci)/[\w./-]+|\.clang-format|[A-Z]+\.md|meson\.build")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")


def without_blocks(path):
    text = path.read_text(encoding="utf-8")
    return re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.M | re.S)


def text_of(path):
    """The document without its code, where brackets mean other things."""
    return re.sub(
        r"^(?: {4}|\t).*$", "", re.sub(r"`[^`\n]*`", "", without_blocks(path)), flags=re.M
    )


def anchors(path):
    """Names of the headings, as GitHub and GitLab make them."""
    names, seen = set(), {}
    for heading in re.findall(r"^#{1,6}\s+(.+?)\s*#*$", without_blocks(path), flags=re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        names.add(f"{name}-{seen[name]}" if name in seen else name)
        seen[name] = seen.get(name, 0) + 1
    return names


def wrong_links(root, document):
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


def wrong_paths(root, document):
    """Paths in the text, from the root, that are not there. The past may name what is gone."""
    if document.name == "CHANGELOG.md" or document.parent.name == "results":
        return
    text = document.read_text(encoding="utf-8")
    named = [name for name in re.findall(r"`([^`\n]+)`", text) if NAMED.fullmatch(name)]
    for name in sorted({*PATH.findall(text), *named}):
        if not (root / name).exists() and not (document.parent / name).exists():
            yield f"{name}: no such file"


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    folders = ("docs", "benchmarks", "examples")
    documents = sorted(root.glob("*.md")) + sorted(
        path for folder in folders for path in (root / folder).rglob("*.md")
    )
    bad = links = 0
    for i, document in enumerate(documents, 1):
        links += len(LINK.findall(text_of(document)))
        found = [*wrong_links(root, document), *wrong_paths(root, document)]
        print("ok" if not found else "not ok", i, "-", document.relative_to(root))
        for words in found:
            print("#", words)
        bad += bool(found)
    print("ok" if links else "not ok", len(documents) + 1, "-", links, "links were read")
    print(f"1..{len(documents) + 1}")
    return bool(bad or not links)


sys.exit(main())
