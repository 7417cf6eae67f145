#!/bin/sh
# The library as others get it: installed into an empty folder, found through
# pkg-config, a program built against it and run. $1: the build; $2: the source
# of the program. CC and CFLAGS: the build's compiler, and what its sanitizers
# need.
command -v meson >/dev/null || { echo "1..0 # SKIP no meson on the path"; exit 77; }
command -v pkg-config >/dev/null || { echo "1..0 # SKIP no pkg-config here"; exit 77; }
n=0
bad=0
ok() { # status, description
    n=$((n + 1))
    if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; bad=1; fi
}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
echo 1..5
meson install -C "$1" --no-rebuild --quiet --destdir "$dir/root" >"$dir/log" 2>&1
ok $? "it installs into an empty folder"
sed 's/^/# /' "$dir/log"
pc=$(find "$dir/root" -name prismrec.pc)
PKG_CONFIG_LIBDIR=$(dirname "$pc")
PKG_CONFIG_SYSROOT_DIR=$dir/root
export PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR
lib=$(pkg-config --variable=libdir prismrec)
include=$(pkg-config --variable=includedir prismrec)
case $lib in "$dir"*) ;; *) lib=$dir/root$lib include=$dir/root$include ;; esac
flags=$(pkg-config --cflags prismrec | xargs)
[ "$flags" = "-I$include" ]
ok $? "pkg-config --cflags is our own include folder alone: $flags"
flags=$(pkg-config --libs prismrec | xargs)
[ "$flags" = "-L$lib -lprismrec" ]
ok $? "pkg-config --libs is the library alone: $flags"
# shellcheck disable=SC2086,SC2046 # flags are words
${CC:-cc} $CFLAGS -o "$dir/program" "$2" $(pkg-config --cflags --libs prismrec) -lm
ok $? "$(basename "$2") builds against it"
LD_LIBRARY_PATH=$lib "$dir/program" >"$dir/log" 2>&1
ok $? "and runs"
sed 's/^/# /' "$dir/log"
exit $bad
