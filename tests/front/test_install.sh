#!/usr/bin/env bash
# What `make install` puts in place is enough: a stranger's program builds with pkg-config
# (shared and static) and with CMake, from the installed headers and libraries alone.
set -u
example=$PWD/examples/embed.c
[ -e "$example" ] || { echo "SKIP: examples/embed.c is not there yet" && exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cmake --install "$DAGRAD_BUILD" --prefix "$folder/there" >"$folder/log" ||
    { cat "$folder/log" && exit 1; }
mv "$folder/there" "$folder/moved" # the tree may be moved
prefix=$folder/moved
pc=$(find "$prefix" -name dagrad.pc)
library=$(dirname "$(find "$prefix" -name libdagrad.a)")
for file in bin/dagrad share/man/man1/dagrad.1 include/dagrad/dagrad.h; do
    [ -e "$prefix/$file" ] || { echo "not installed: $file" && exit 1; }
done
export PKG_CONFIG_PATH=${pc%/*} LC_ALL=C
cc=${DAGRAD_CC:-cc}

set -e
cd "$folder"
$cc -std=c11 -Wall -Werror "$example" $(pkg-config --cflags --libs dagrad dagrad-io) -lm \
    -o shared
LD_LIBRARY_PATH=$library ./shared >shared.txt
mkdir user
cat >user/CMakeLists.txt <<END
cmake_minimum_required(VERSION 3.18)
project(user C)
find_package(dagrad 0.1 REQUIRED)
add_executable(user $example)
target_link_libraries(user dagrad::io_static m)
END
cmake -S user -B user/build -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" >log ||
    { cat log && exit 1; }
cmake --build user/build >log || { cat log && exit 1; }
user/build/user >cmake.txt
cmp shared.txt cmake.txt
rm "$library"/*.so* # what is left is static
$cc -std=c11 "$example" $(pkg-config --cflags --static --libs dagrad-io) -o static
./static >static.txt
cmp shared.txt static.txt
echo "built three ways; it prints"
cat shared.txt
