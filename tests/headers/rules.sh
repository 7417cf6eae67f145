#!/bin/sh
# The rules of the tree that grep can check. $1: the source root.
cd "$1" || exit 1
n=0
bad=0
rule() { # description, offending lines
    n=$((n + 1))
    [ -z "$2" ] && echo "ok $n - $1" && return
    echo "not ok $n - $1"
    echo "$2" | sed 's/^/# /'
    bad=1
}
# Lines of code that match, comment lines apart.
code() {
    pattern=$1
    shift
    grep -rnE "$pattern" "$@" 2>/dev/null | grep -vE '^[^:]*:[0-9]*: *(/\*|\*|//)'
}
in_c() { code "$1" src --include=*.c --include=*.h; }
above="src/core src/optics src/nn src/fit src/data src/recon src/config src/image src/draw"
# The floors. A line has a folder, the folders that its files may include, and
# the public headers that they may include beside base, backend, ctx and cache.
floor() {
    grep -rnoE '#include "[a-z_]+/[a-z_./]+"' "src/$1" 2>/dev/null | grep -vE "\"($2)/" |
        grep -vE "\"prismrec/(base|backend|maps|misfit|ctx|cache|profile${3:+|$3})\.(h|def)\""
}
floors() {
    floor core 'core' 'fit'
    floor optics 'core|optics' 'optics'
    floor nn 'core|nn' 'net'
    floor image 'core|image' 'image'
    floor data 'core|optics|image|data' 'data|optics|image'
    floor fit 'core|fit' 'fit'
    floor recon 'core|fit|nn|optics|data|recon' 'fit|net|optics|data|metrics|loss|recon'
    floor interp 'core|fit|nn|data|interp' 'fit|net|data|interp'
    floor fundus 'core|fit|nn|data|image|fundus' 'fit|net|data|image|fundus'
    floor config 'core|recon|interp|fundus|config' 'config|fit|recon|optics|image'
    floor draw 'core|image|draw' 'image'
    floor program 'core|program' 'config'
    floor cli 'core|config|data|interp|draw|program|cli' \
        'config|image|recon|net|optics|metrics|data|interp|fundus|fit'
}
# Names of sections, from the tables of keys themselves.
sections=$(grep -ohE '"[a-z]+\.[a-z_]+"' src/config/schema.c src/recon/params.def 2>/dev/null |
    tr -d '"' | cut -d. -f1 | sort -u | paste -sd'|')
echo 1..15
rule "the library above the seam names no backend's library" \
    "$(code 'cuda|fftw|cblas|openblas|omp_|pragma omp' $above | grep -v 'PRISMI_')"
rule "the library prints nothing" "$(
    in_c '(^|[^a-z_])(printf|puts|perror|fputs|fprintf) *\(' | grep -vE '^src/(cli|program)/')"
rule "the library neither aborts nor exits" \
    "$(in_c '(^|[^a-z_])(abort|exit|_exit) *\(' | grep -vE '^src/(cli|program)/')"
rule "nn and optics do not know each other" \
    "$(grep -rn '"optics/\|prismrec/optics' src/nn; grep -rn '"nn/\|prismrec/net' src/optics)"
rule "training knows neither optics nor networks nor pictures" "$(
    grep -rnE '"(optics|nn|recon|data|image|config)/' src/fit
    grep -rnE 'prismrec/(optics|net|recon|image|config)' src/fit)"
rule "reconstruction knows instruments by their table alone" "$(
    grep -rnE 'struct prism_measure\b|prism_measure_[a-z]+\(|prism_propagator_create' src/recon
    grep -rnE '"optics/(subaperture|propagated|identity)' src/recon)"
rule "libyaml stays in yaml.c" "$(grep -rln '<yaml.h>' src | grep -v '^src/config/yaml.c$')"
rule "FFTW and BLAS stay in their files" "$(
    grep -rlE '<fftw3.h>|<cblas.h>' src |
        grep -vE '^src/backend_cpu/(fft_fftw|gemm_blas|device)\.c$')"
rule "dlopen stays in core/backend.c" \
    "$(code 'dlopen *\(' src | grep -v '^src/core/backend.c')"
seam='prismrec/((backend|base)\.h|(maps|misfit)\.def)'
rule "a backend includes the seam and itself" "$(
    grep -rn '#include "' src/backend_* |
        grep -vE "\"($seam|backend_(ref|cpu|cuda)/[a-z_]+\.h|[a-z_]+\.h)\"")"
rule "no notes of unfinished work" "$(
    grep -rnE 'TODO|FIXME|(^|[^X])XXX([^X]|$)|HACK' src include tests benchmarks docs \
        --include=*.c --include=*.h --include=*.md --include=*.sh --include=meson.build |
        grep -v 'rules.sh')"
rule "a folder includes only the floors below it" "$(floors)"
rule "the commands do not use the benchmarks, nor the benchmarks the commands" "$(
    code 'bench\.h|rows\.h|benchmarks/' src/cli src/program
    grep -rn '"cli/' benchmarks --include=*.c --include=*.h)"
rule "a configuration's keys are spelled in their tables and by the programs alone" "$(
    in_c "\"([^\"]*[ '(])?($sections)\\.[a-z_]+" | grep -vE '^src/(config|cli|program)/' |
        grep -v '#include'
    [ -n "$sections" ] || echo no sections found)"
kinds='PRISM_(ALG|OBJ|INSTRUMENT)_[A-Z]'
tables='^src/recon/(params|joint|progressive|projections)\.c:'
rule "no branch on a kind of run or instrument but in its own file and in the tables" "$(
    {
        in_c "(==|!=|case|switch.*) *$kinds|$kinds+ *(==|!=|\?)"
        in_c '(strategy|kind)->name,|(strategy|instrument) *(==|!=) *&'
    } | grep -vE "$tables|^src/optics/(subaperture|propagated|identity)\.c:")"
exit $bad
