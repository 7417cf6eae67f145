#!/bin/sh
# The house rules a grep can see. $1: the source root.
cd "$1" || exit 1
n=0
bad=0
rule() { # description, offending lines
    n=$((n + 1))
    if [ -z "$2" ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; echo "$2" | sed 's/^/# /'; bad=1; fi
}
# grep over code, without comment lines
code() { pattern=$1; shift; grep -rnE "$pattern" "$@" 2>/dev/null | grep -vE '^[^:]*:[0-9]*: *(/\*|\*|//)'; }
above="src/core src/optics src/nn src/fit src/data src/recon src/config src/image src/draw"
echo 1..11
rule "the library above the seam names no backend's library" "$(code 'cuda|fftw|cblas|openblas|omp_|pragma omp' $above | grep -v 'PRISMI_')"
rule "the library prints nothing" "$(code '(^|[^a-z_])(printf|puts|perror|fputs|fprintf) *\(' src --include=*.c --include=*.h | grep -vE '^src/(cli|program)/')"
rule "the library neither aborts nor exits" "$(code '(^|[^a-z_])(abort|exit|_exit) *\(' src --include=*.c --include=*.h | grep -vE '^src/(cli|program)/')"
rule "nn and optics do not know each other" "$(grep -rn '"optics/\|prismrec/optics' src/nn; grep -rn '"nn/\|prismrec/net' src/optics)"
rule "training knows neither optics nor networks nor pictures" "$(grep -rnE '"(optics|nn|recon|data|image|config)/|prismrec/(optics|net|recon|image|config)' src/fit)"
rule "reconstruction knows instruments by their table alone" "$(grep -rnE 'struct prism_measure\b|prism_measure_[a-z]+\(|prism_propagator_create|"optics/(subaperture|propagated|identity)' src/recon)"
rule "libyaml stays in yaml.c" "$(grep -rln '<yaml.h>' src | grep -v '^src/config/yaml.c$')"
rule "FFTW and BLAS stay in their files" "$(grep -rlE '<fftw3.h>|<cblas.h>' src | grep -vE '^src/backend_cpu/(fft_fftw|gemm_blas|device)\.c$')"
rule "dlopen stays in core/backend.c" "$(code 'dlopen *\(' src | grep -v '^src/core/backend.c')"
rule "a backend includes the seam and itself" "$(grep -rn '#include "' src/backend_* | grep -vE '"(prismrec/((backend|base)\.h|(maps|misfit)\.def)|backend_(ref|cpu|cuda)/[a-z_]+\.h|[a-z_]+\.h)"')"
rule "no promises left behind" "$(grep -rnE 'TODO|FIXME|(^|[^X])XXX([^X]|$)|HACK' src include tests benchmarks docs --include=*.c --include=*.h --include=*.md --include=*.sh --include=meson.build 2>/dev/null | grep -v 'rules.sh')"
exit $bad
