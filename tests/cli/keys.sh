#!/bin/sh
# Every section.key that a message, a document or a preset names is a key. $1: prism, $2: the source root. Prints TAP.
. "$(dirname "$0")/../support/tap.sh"
cd "$2" || exit 1
sections='image|telescope|model|training|physics|mopie|compute|cache|output'
"$prism" keys --json | sed -n 's/.*"key": "\([^"]*\)".*/\1/p' | sort -u >"$top/keys"
# the library's own names, which documents of its interface use
sed -n 's/^[A-Z0-9_]*(\(recon\|data\), \([a-z_.]*\),.*/\2/p' src/recon/params.def | sort -u >"$top/names"
[ "$(wc -l <"$top/keys")" -gt 60 ] && [ "$(wc -l <"$top/names")" -gt 45 ]
ok $? "the lists of keys and names are there"

# The words section.key of stdin that are no file's name.
words() { grep -oE "(^|[^A-Za-z0-9_./>-])($sections)\.[a-z][a-z_0-9]*" | grep -oE "($sections)\..*" | grep -vE '\.(c|h|cu|md|sh|py|def|npy|png|json|prism)$' | sort -u; }
unknown() { words | comm -23 - "$1"; }

sort -u "$top/keys" "$top/names" >"$top/both"
wrong=$(cat README.md CONTRIBUTING.md docs/*.md docs/decisions/*.md | unknown "$top/both")
is "$wrong" ""
ok $? "documents name no other key"
# in strings: messages, presets, documentation of keys
wrong=$(grep -rhoE '"([^"\\]|\\.)*"' src benchmarks --include=*.c --include=*.h | grep -v '\.h"$' | sed 's/^"//' | unknown "$top/keys")
is "$wrong" ""
ok $? "nor do the programs' and the library's texts"
is "$(echo 'see training.amsgrad and training.lr' | unknown "$top/keys")" "training.amsgrad"
ok $? "and a wrong one would be found"
echo "1..$n"
[ "$failures" = 0 ]
