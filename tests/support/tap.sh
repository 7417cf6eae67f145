# For suites in shell, sourced first: a fresh folder as the current one, and
# TAP. They end with `echo "1..$n"; [ "$failures" = 0 ]`. $prism: the first
# argument, made absolute.
prism=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
top=$(mktemp -d) || exit 1
trap 'rm -rf "$top"' EXIT
export XDG_CACHE_HOME="$top/cache"
n=0
failures=0

ok() { # status of the command before, description; shows the files err and out of one that failed
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $n - $2"
    else
        echo "not ok $n - $2"
        [ -s err ] && sed 's/^/# /' err
        [ -s out ] && tail -n 40 out | sed 's/^/# /'
        failures=$((failures + 1))
    fi
}
skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }
# True if this build has the part $1 (yaml, png, ...).
have() { "$prism" info --json | grep -q "$1=true"; }
is() { [ "$1" = "$2" ] || { echo "# got '$1', expected '$2'"; return 1; }; }
# Exit code, then a word that the one line on standard error must hold, then the
# command.
fails() {
    code=$1 word=$2
    shift 2
    "$@" >out 2>err
    is $? "$code" && [ "$(grep -c . err)" -eq 1 ] && grep -q "^prism[a-z-]*: error: " err &&
        grep -q -- "$word" err
}
# Sets $python to one that has NumPy, Debian's among them; skips the suite where
# there is none.
numpy_python() {
    for python in ${PRISMREC_TEST_PYTHON:-python3 /usr/bin/python3}; do
        "$python" -c 'import numpy' 2>/dev/null && return
    done
    echo "1..0 # SKIP no Python with NumPy (python3-numpy) here"
    exit 77
}
