#!/usr/bin/env bash
# Each way to build and link that is promised, from a copy of the sources, in empty prefixes
# (longtest: 30 min). A line each: 'ok', or 'SKIPPED' where the tools are missing.
#
#   readme      README's two lines, on a clean account, in a folder with blanks and other letters
#   packages    that build, installed: pkg-config, find_package, also of the core alone; the example
#               nodes by g++ (tests/front/test_install.sh)
#   parent      add_subdirectory in a project whose warnings are errors
#   core        make and make install without zlib and jansson
#   native      hashes of the weights of random graphs, by each instruction set
#   aarch64     cross compiled, run by qemu-user: the hashes of x86-64
#   musl        musl-gcc: the same hashes
set -u
root=${DAGRAD_SOURCE:-$PWD}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
jobs=${JOBS:-$(nproc)}
status=0
unset CC CFLAGS LDFLAGS MAKEFLAGS MFLAGS PREFIX DESTDIR DAGRAD_ISA

# step NAME: runs the function NAME in a shell of its own; what it printed is shown if it failed.
step() {
    local start=$SECONDS log=$folder/$1.log
    (set -e; "$1") >"$log" 2>&1
    case $? in
    0)
        printf '%-12s ok       %4d s  %s\n' "$1" $((SECONDS - start)) \
            "$(grep '^>' "$log" | tail -1)"
        ;;
    77) printf '%-12s SKIPPED  %s\n' "$1" "$(tail -1 "$log")" ;;
    *) tail -40 "$log" && printf '%-12s FAILED\n' "$1" && status=1 ;;
    esac
}

needs() { # needs COMMAND...: ends the step if one is missing
    for command; do
        command -v "$command" >/dev/null || { echo "no $command here" && exit 77; }
    done
}

copy=$folder/a\ cöpy\ of\ dagrad
mkdir "$copy" "$folder/hömé of one"
tar -C "$root" --exclude=./build --exclude=./.git --exclude=./runs -cf - . | tar -C "$copy" -xf -

# README's program in C.
program() { awk '$0 == "```" { on = 0 } on; $0 == "```c" { on = 1 }' "$copy/README.md"; }

# The lines of README that build a program in C, as they stand.
readme() {
    export HOME="$folder/hömé of one"
    cd "$copy"
    eval "$(grep -m1 '^    make && make install ' README.md)"
    cd "$HOME"
    program >xor.c
    eval "$(grep -m1 ' xargs cc xor\.c$' "$copy/README.md")"
    ./a.out
    .local/bin/dagrad --version
    [ "$(./a.out | grep -cE '^(0 xor 0|1 xor 1) = -?0\.0|^(0 xor 1|1 xor 0) = (0\.9|1\.0)')" = 4 ]
}

# tests/front/test_install.sh has these, on an installed tree.
packages() { DAGRAD_BUILD="$copy/build" bash "$copy/tests/front/test_install.sh"; }

parent() {
    mkdir "$folder/parent"
    cd "$folder/parent"
    cat >CMakeLists.txt <<END
cmake_minimum_required(VERSION 3.18)
project(parent C CXX)
set(CMAKE_C_FLAGS "-Wall -Wextra -Wpedantic -Werror")
set(CMAKE_CXX_FLAGS "-Wall -Wextra -Wpedantic -Werror")
add_compile_options(-Wconversion -Wpadded -Wswitch-enum)
set(CMAKE_COMPILE_WARNING_AS_ERROR ON)
list(APPEND CMAKE_MODULE_PATH \${PROJECT_SOURCE_DIR}/cmake)
add_custom_target(examples)
add_custom_target(test_data)
add_subdirectory("$copy" dagrad)
foreach(kind static shared io_static io_shared)
    add_executable(\${kind} main.cpp xor.c)
    target_link_libraries(\${kind} dagrad::\${kind})
endforeach()
set_source_files_properties(main.cpp xor.c PROPERTIES COMPILE_OPTIONS "-Wno-padded;-Wno-conversion")
END
    mkdir cmake
    echo 'message(FATAL_ERROR "a file of the parent was included")' | tee cmake/options.cmake \
        cmake/library.cmake cmake/tests.cmake cmake/package.cmake >cmake/programs.cmake
    program | sed 's/^int main(void)/int xor_main(void)/' >xor.c
    cat >main.cpp <<'END'
#include <dagrad/dagrad.h>
extern "C" int xor_main(void);
int main()
{
    return dg_version()[0] ? xor_main() : 1;
}
END
    cmake -S . -B build
    cmake --build build -j "$jobs"
    for kind in static shared io_static io_shared; do
        "build/$kind" | grep -c ' xor ' | grep -qx 4
    done
}

core() {
    cp -r "$copy" "$folder/core"
    cd "$folder/core"
    rm -rf build
    # As on a machine without the headers: the compiler and pkg-config find neither.
    mkdir "$folder/empty"
    export PKG_CONFIG_LIBDIR=$folder/empty PKG_CONFIG_PATH=
    make CONFIGURE='cmake -S . -B build -DCMAKE_DISABLE_FIND_PACKAGE_ZLIB=ON'
    make install PREFIX="$folder/core prefix"
    [ ! -e "$folder/core prefix/bin/dagrad" ]
    export PKG_CONFIG_PATH=$(dirname "$(find "$folder/core prefix" -name dagrad.pc)")
    program >"$folder/xor.c"
    eval "cc '$folder/xor.c' $(pkg-config --cflags --libs --static dagrad) -o '$folder/xor'"
    "$folder/xor" | grep -c ' xor ' | grep -qx 4
    cmake --build build -j "$jobs" --target all # nothing in it asks for the missing headers
}

hashes() { # hashes FILE COMMAND...: compares what COMMAND prints with the first FILE of this kind
    "${@:2}" >"$1"
    [ "$(sort -u -k2 "$1" | wc -l)" -gt 190 ]
    if [ "$1" != x86-64.txt ]; then
        cmp x86-64.txt "$1"
    fi
}

native() {
    cd "$folder"
    cmake -S "$copy" -B native -DBUILD_TESTING=ON
    cmake --build native -j "$jobs" --target long_hashes
    hashes x86-64.txt native/tests/long_hashes
    for isa in x86-64-v3 portable; do
        DAGRAD_ISA=$isa hashes $isa.txt native/tests/long_hashes
    done
    echo "> $(wc -l <x86-64.txt) hashes, $(sha256sum <x86-64.txt | cut -c1-16)"
}

aarch64() {
    needs aarch64-linux-gnu-gcc qemu-aarch64
    cd "$folder"
    cat >aarch64.cmake <<END
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
END
    cmake -S "$copy" -B aarch64 -DCMAKE_TOOLCHAIN_FILE="$PWD/aarch64.cmake"
    cmake --build aarch64 -j "$jobs" --target dagrad long_hashes
    hashes aarch64.txt qemu-aarch64 -L /usr/aarch64-linux-gnu aarch64/tests/long_hashes
    echo "> $(wc -l <aarch64.txt) hashes equal to those of x86-64"
}

musl() {
    needs musl-gcc
    cd "$folder"
    CC=musl-gcc cmake -S "$copy" -B musl
    cmake --build musl -j "$jobs" --target dagrad long_hashes
    hashes musl.txt musl/tests/long_hashes
    echo "> $(wc -l <musl.txt) hashes equal to those of glibc"
}

for name in readme packages parent core native aarch64 musl; do
    step $name
done
exit $status
