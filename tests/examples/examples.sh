#!/bin/sh
# The library and the examples as others use them: installed into an empty
# folder, found through pkg-config, programs built against it and run.
# $1: the build; $2: the sources; $3: the program frames; $4: the folder of the
# plugin. CC and CFLAGS: the build's compiler, and what its sanitizers need.
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
echo 1..8
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
build() { # NAME SOURCE: the program $dir/NAME
    # shellcheck disable=SC2086,SC2046 # flags are words
    ${CC:-cc} $CFLAGS -o "$dir/$1" "$2" $(pkg-config --cflags --libs prismrec) -lm
}
# NAME ARGUMENTS...: run it in $dir, what it prints being comments
run() {
    program=$1
    shift
    (cd "$dir" && LD_LIBRARY_PATH=$lib "./$program" "$@") >"$dir/log" 2>&1
    status=$?
    sed 's/^/# /' "$dir/log"
    return $status
}
build consumer "$2/tests/headers/consumer.c" && run consumer
ok $? "tests/headers/consumer.c builds against it and runs"
awk 'BEGIN { print "P2 24 24 255"; for (i = 0; i < 576; i++) print i % 256 }' >"$dir/picture.pgm"
build simulate "$2/examples/simulate.c" && run simulate picture.pgm && [ -s "$dir/simulate.npy" ]
ok $? "examples/simulate.c goes from a picture to a reconstruction"
build measured "$2/examples/measured.c" && "$3" write >"$dir/frames" &&
    run measured <"$dir/frames"
ok $? "examples/measured.c goes from amplitudes to a reconstruction"
"$3" check "$dir/measured.npy"
ok $? "which is the object"
"$3" backend "$4"
ok $? "examples/backend.c is a plugin whose memory works"
exit $bad
