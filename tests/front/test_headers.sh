#!/usr/bin/env bash
# Each public header stands alone, in strict C11 and in C++.
set -u
status=0
try() { # try COMPILER LANGUAGE STANDARD: every header on its own, then all in one file
    command -v "$1" >/dev/null || return 0
    tried+=" $1"
    for header in include/dagrad/*.h; do
        echo "#include <dagrad/$(basename "$header")>"
    done >"$folder/all"
    while read -r line; do
        echo "$line" | "$1" -x "$2" -std="$3" -Wall -Wextra -pedantic -Werror -Iinclude \
            -fsyntax-only - || { echo "$1: $line" && status=1; }
    done <"$folder/all"
    "$1" -x "$2" -std="$3" -Wall -Wextra -pedantic -Werror -Iinclude -fsyntax-only \
        "$folder/all" || status=1
}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
tried=
try "${DAGRAD_CC:-cc}" c c11
cpp=$tried
try g++ c++ c++17
try clang++ c++ c++17
echo "compiled with$tried"
[ "$tried" != "$cpp" ] || { echo "SKIP: no C++ compiler" && [ $status = 0 ] && exit 77; }

# Declarations of functions outside extern "C" would not link: every header opens one.
for header in $(grep -l DG_API include/dagrad/*.h); do
    grep -q 'extern "C"' "$header" || { echo "$header: no extern \"C\"" && status=1; }
done
exit $status
