#!/usr/bin/env bash
# The examples in README.md work: the program in C compiles and learns, the model is one.
set -u
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
block() { awk -v kind="$1" '$0 == "```" { on = 0 } on; $0 == "```" kind { on = 1 }' README.md; }

block c >"$folder/xor.c"
"${DAGRAD_CC:-cc}" -std=c11 -Wall -Wextra -Werror -Iinclude -c "$folder/xor.c" -o "$folder/xor.o" ||
    exit 1
if ! nm "$DAGRAD_BUILD/libdagrad.a" 2>/dev/null | grep -q ' T dg_commit$'; then
    echo "SKIP: compiled; the library has no dg_commit yet"
    exit 77
fi
"${DAGRAD_CC:-cc}" "$folder/xor.o" "$DAGRAD_BUILD/libdagrad.a" -lm -pthread -o "$folder/xor" ||
    exit 1
"$folder/xor" | tee "$folder/out"
[ "$(grep -cE '^(0 xor 0|1 xor 1) = -?0\.0[0-9]$|^(0 xor 1|1 xor 0) = (0\.9[0-9]|1\.0[0-9])$' \
    "$folder/out")" = 4 ] || { echo "it did not learn" && exit 1; }

[ -x "$DAGRAD_PROGRAM" ] || { echo "SKIP: the rest needs the program" && exit 77; }
block dag >"$folder/fashion.dag"
"$DAGRAD_PROGRAM" show "$folder/fashion.dag" >"$folder/out" || exit 1
diff "$folder/fashion.dag" examples/fashion.dag
