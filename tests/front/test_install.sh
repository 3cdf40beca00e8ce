#!/usr/bin/env bash
# What `make install` puts in place is enough: a stranger's program builds with pkg-config (shared
# and static) and with CMake, from the installed headers and libraries alone, in a folder with
# blanks and other letters; so does README's program, by README's line, on a clean account; and the
# example nodes by a C++ compiler.
set -u
source=$PWD
example=$PWD/examples/embed.c
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { # install PREFIX
    cmake --install "$DAGRAD_BUILD" --prefix "$1" >"$folder/log" ||
        { cat "$folder/log" && exit 1; }
}
install "$folder/there"
prefix="$folder/moved to prüf it" # the tree may be moved
mv "$folder/there" "$prefix"
pc=$(find "$prefix" -name dagrad.pc)
library=$(dirname "$(find "$prefix" -name libdagrad.a)")
for file in bin/dagrad include/dagrad/dagrad.h share/man/man1/dagrad.1 \
    share/man/man1/dagrad-train.1 share/bash-completion/completions/dagrad \
    share/zsh/site-functions/_dagrad share/fish/vendor_completions.d/dagrad.fish; do
    [ -e "$prefix/$file" ] || { echo "not installed: $file" && exit 1; }
done
export PKG_CONFIG_PATH=${pc%/*} LC_ALL=C
cc=${DAGRAD_CC:-cc}

set -e
cd "$folder"
eval "$cc -std=c11 -Wall -Werror '$example' $(pkg-config --cflags --libs dagrad dagrad-io) -lm \
    -o shared"
./shared >shared.txt

# A program that calls the library of models alone finds the core, which that one needs.
cat >open.c <<'END'
#include <dagrad/model.h>
int main(void)
{
    dg_model *m = dg_model_open("no such model", 0);
    int wrong = dg_model_status(m, 0) == DG_OK;
    dg_model_free(m);
    return wrong;
}
END
eval "$cc open.c -Wl,--as-needed $(pkg-config --cflags --libs dagrad-io) -o open"
./open

# user NAME OPTIONS...: with find_package, linked with dagrad::NAME.
user() {
    mkdir -p "user $1"
    cat >"user $1/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.18)
project(user C)
find_package(dagrad 0.1 REQUIRED)
add_executable(user "$example")
target_link_libraries(user dagrad::$1 m)
END
    { cmake -S "user $1" -B "user $1/build" -DCMAKE_PREFIX_PATH="$prefix" \
        -DCMAKE_C_COMPILER="$cc" "${@:2}" && cmake --build "user $1/build"; } >log 2>&1 ||
        { cat log && exit 1; }
    "user $1/build/user" >cmake.txt
    cmp shared.txt cmake.txt
}
user io_static
user static -DCMAKE_DISABLE_FIND_PACKAGE_ZLIB=ON -DCMAKE_DISABLE_FIND_PACKAGE_PkgConfig=ON
user shared -DCMAKE_DISABLE_FIND_PACKAGE_ZLIB=ON -DCMAKE_DISABLE_FIND_PACKAGE_PkgConfig=ON

rm "$library"/*.so* # what is left is static
eval "$cc -std=c11 '$example' $(pkg-config --cflags --static --libs dagrad-io) -o static"
./static >static.txt
cmp shared.txt static.txt

# The nodes, by a C++ compiler; the program takes them.
if command -v g++ >/dev/null; then
    for node in "$source"/examples/nodes/*.c; do
        eval "g++ -x c++ -std=c++20 -shared -fPIC '$node' $(pkg-config --cflags dagrad) -o node.so"
        nm -D --defined-only node.so | grep -q ' dg_nodes$' ||
            { echo "$node: no dg_nodes" && exit 1; }
        "$prefix/bin/dagrad" nodes --node ./node.so >nodes.txt
        grep -qw "$(basename "$node" .c | sed s/robust/cauchy/)" nodes.txt ||
            { echo "$node is not listed" && exit 1; }
    done
fi

# README: the line as it stands, with a home folder of its own.
unset PKG_CONFIG_PATH
export HOME="$folder/hömé of one"
install "$HOME/.local"
awk '$0 == "```" { on = 0 } on; $0 == "```c" { on = 1 }' "$source/README.md" >xor.c
line=$(grep -m1 ' xargs cc xor\.c$' "$source/README.md")
eval "$line"
./a.out | grep -c ' xor ' | grep -qx 4 || { echo "README: $line" && exit 1; }
echo "built in five ways, nodes by g++, and as README says; it prints"
cat shared.txt
