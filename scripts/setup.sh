#!/usr/bin/env bash
# setup.sh GOAL...: installs what is missing for the goals make, build, demo, test, longtest, fuzz,
# tidy, peers through the package manager of Debian or Ubuntu. Elsewhere, or without the right to
# install, it says what to install and ends with status 1. Data sets and the tools of long tests are
# wished for, not needed: without them it goes on.
set -u

need=() # packages without which the goal cannot be reached
wish=() # packages it can do without

has() { command -v "$1" >/dev/null 2>&1; }
header() { echo "#include <$1>" | "${CC:-cc}" -E -x c - >/dev/null 2>&1; }
want() { [[ " ${need[*]} " == *" $1 "* ]] || need+=("$1"); }

look_make() { has make || want make; }

look_build() {
    look_make
    has cmake || want cmake
    has "${CC:-cc}" || want gcc
    has pkg-config || want pkg-config
    # Without a compiler no header is found: then the package is asked for, which harms nothing.
    header stdlib.h || want libc6-dev
    header zlib.h || want zlib1g-dev
    header jansson.h || want libjansson-dev
    header png.h || wish+=(libpng-dev)
    printf '#include <stdio.h>\n#include <jpeglib.h>\n' | "${CC:-cc}" -E -x c - >/dev/null 2>&1 ||
        wish+=(libjpeg-dev)
}

look_demo() {
    [ -e /usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz ] ||
        wish+=(dataset-fashion-mnist)
}

look_test() {
    has gcc || want gcc
    has g++ || want g++
    has clang || want clang
    echo '#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>' | "${CC:-cc}" -E -x c - >/dev/null 2>&1 || want libcmocka-dev
    echo '#include <mpfr.h>' | "${CC:-cc}" -E -x c - >/dev/null 2>&1 || want libmpfr-dev
}

# Cross compiling, another processor, another C library: each is tried where it can be had.
look_longtest() {
    has aarch64-linux-gnu-gcc && [ -e /usr/aarch64-linux-gnu/include/stdio.h ] ||
        wish+=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross)
    has qemu-aarch64 || wish+=(qemu-user)
    has musl-gcc || wish+=(musl-tools)
    [ -e /usr/share/libonnx-testdata ] || wish+=(libonnx-testdata)
}

# clang's sanitizers and libFuzzer are a package of their own.
look_fuzz() {
    has clang || want clang
    echo 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void) { return 0; }' |
        clang -fsanitize=fuzzer,address -x c -o /dev/null - 2>/dev/null || want libclang-rt-dev
}

look_tidy() { has clang-format || want clang-format; }

look_peers() {
    has python3 || want python3
    python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || want python3-venv
}

# The prefix that makes a command root's, or failure where there is no such right.
become_root() {
    [ "$(id -u)" = 0 ] && return 0
    has sudo || return 1
    sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; } || return 1
    root=(sudo)
}

debian() {
    has apt-get && grep -qE '^(ID|ID_LIKE)=.*(debian|ubuntu)' /etc/os-release 2>/dev/null
}

advise() {
    echo "setup: $1" >&2
    echo "setup: please install (names of Debian's packages): ${need[*]}" >&2
    exit 1
}

apt() {
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -q "$@" >&2
}

# Package lists are fetched when there are none, and once more when an installation fails.
install() {
    ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 || apt update
    apt install --no-install-recommends "$@" && return 0
    apt update && apt install --no-install-recommends "$@"
}

root=()
for goal in "$@"; do
    case $goal in
    make | build | demo | test | longtest | fuzz | tidy | peers) "look_$goal" ;;
    *) echo "setup: unknown goal '$goal'" >&2 && exit 1 ;;
    esac
done
[ ${#need[@]} = 0 ] && [ ${#wish[@]} = 0 ] && exit 0

if ! debian; then
    [ ${#need[@]} = 0 ] || advise "this is not Debian or Ubuntu"
    echo "setup: going on without ${wish[*]}: this is not Debian or Ubuntu" >&2
elif ! become_root; then
    [ ${#need[@]} = 0 ] || advise "packages are missing, and neither root nor sudo is at hand"
    echo "setup: going on without ${wish[*]}: neither root nor sudo is at hand" >&2
else
    if [ ${#need[@]} != 0 ]; then
        echo "setup: installing ${need[*]}" >&2
        install "${need[@]}" || advise "the package manager could not install everything"
    fi
    if [ ${#wish[@]} != 0 ]; then
        echo "setup: installing ${wish[*]}" >&2
        install "${wish[@]}" || echo "setup: going on without ${wish[*]}" >&2
    fi
fi
exit 0
