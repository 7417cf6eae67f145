#!/bin/sh
# Every section.key that a message, a document or a preset names is a key. $1:
# prism, $2: the source root. Prints TAP.
. "$(dirname "$0")/../support/tap.sh"
cd "$2" || exit 1
sections='image|pattern|aperture|detector|instrument|telescope|model|training|physics|mopie'
sections="$sections|compute|cache|output"
"$prism" keys --json | sed -n 's/.*"key": "\([^"]*\)".*/\1/p' | sort -u >"$top/keys"
# the library's own names, which documents of its interface use
sed -n 's/^[A-Z0-9_]*(\(recon\|data\), \([a-z_.]*\),.*/\2/p' src/recon/params.def |
    sort -u >"$top/names"
[ "$(wc -l <"$top/keys")" -gt 60 ] && [ "$(wc -l <"$top/names")" -gt 45 ]
ok $? "the lists of keys and names are there"

# The words section.key of stdin that are no file's name.
words() { grep -oE "(^|[^A-Za-z0-9_./>-])($sections)\.[a-z][a-z_0-9]*" |
    grep -oE "($sections)\..*" | grep -vE '\.(c|h|cu|md|sh|py|def|npy|png|json|prism)$' | sort -u; }
unknown() { words | comm -23 - "$1"; }

sort -u "$top/keys" "$top/names" >"$top/both"
wrong=$({ cat README.md CONTRIBUTING.md docs/decisions/*.md &&
    for f in docs/*.md; do sed '/^## Old names/,$d; s/old name: .*//' "$f"; done; } |
    unknown "$top/both")
is "$wrong" ""
ok $? "documents name no other key"
# in strings: messages, presets, documentation of keys
wrong=$(grep -rhoE '"([^"\\]|\\.)*"' src benchmarks \
    --include=*.c --include=*.h --exclude=old_keys.c | grep -v '\.h"$' | sed 's/^"//' |
    unknown "$top/keys")
is "$wrong" ""
ok $? "texts of the programs and of the library name no other key"
is "$(echo 'see training.use_amsgrad and training.lr' | unknown "$top/keys")" "training.use_amsgrad"
ok $? "a wrong key would be found"

# Old names still work, everywhere that a key stands.
"$prism" keys telescope.n_samples >"$top/out" 2>"$top/err" &&
    grep -q '^pattern.n_apertures = 64' "$top/out" &&
    grep -q 'old name: telescope.n_samples' "$top/out" &&
  is "$(cat "$top/err")" \
  "prism: warning: telescope.n_samples is now called \
pattern.n_apertures; the old name still works"
ok $? "keys OLD lists the key by its present name"
"$prism" keys --json n_apertures | grep -q '"old_name": "telescope.n_samples"'
ok $? "keys --json has the old name"
cd "$top" || exit 1
short="--preset quick --set init_steps=2 --set max_steps=3 --backend ref --threads 1"
"$prism" run $short --set pattern.n_apertures=9 --set aperture.diameter_px=10 \
    --set training.loss=l2 --output new >out 2>err &&
  "$prism" run $short --set telescope.n_samples=9 --set sample-diameter=10 \
  --set training.loss_type=l2 --output old >out 2>err &&
  cmp new/reconstruction.npy old/reconstruction.npy &&
  is "$(grep -c 'the old name still works' err)" 3
ok $? "a run with old names gives the same bits, and a note for each"
sed -i 's/"pattern.n_apertures"/"telescope.n_samples"/; s/"training.loss"/"training.loss_type"/' \
    old/run.json && "$prism" compare new old >out 2>err && grep -q '^none' out
ok $? "the settings of an older run.json are compared by their names now"
if have yaml; then
    sed -i 's/^pattern:/telescope:/; s/^  n_apertures:/  n_samples:/
        s/^  kind: fermat/  pattern_fn: builtin:fermat/; s/^  cutoff_px:/  samples_r_cutoff:/
        s/^  diameter_px: 64/  roi_diameter: 64/; s/^  n_angles:/  n_angs:/' old/config.yaml &&
      "$prism" run old/config.yaml --backend ref --threads 1 --output again >out 2>err &&
      cmp new/reconstruction.npy again/reconstruction.npy &&
      grep -q 'old/config.yaml:[0-9]*:[0-9]*: telescope.pattern_fn is now called pattern.kind' err
    ok $? "the config.yaml of an older run repeats it"
else
    skip "the config.yaml of an older run repeats it" "built without YAML"
fi
same="$short --set pattern.n_apertures=9 --set training.loss=l2 --output new --resume"
fails 2 'with model.normalise true, this session has false' "$prism" run $same \
    --set aperture.diameter_px=10 --set model.normalise=false
ok $? "another value of a switch is refused in the words of the user"
fails 2 'with aperture.diameter_px/2 5, this session has 6' "$prism" run $same \
    --set aperture.diameter_px=12
ok $? "a number from which another is derived is refused by the one and its key"
echo "1..$n"
[ "$failures" = 0 ]
