#!/usr/bin/env bash
# What other storeys must know of a node or an attribute is a flag or a member of its type, so that
# a user's node can have it too: nobody compares a name with that of a built-in node or attribute.
# The language's own tables (src/lang), the nodes themselves (src/ops) and ONNX's operators
# (src/onnx) name nodes.
set -u
cd "$(dirname "$0")/../.." || exit 1
nodes=$(sed -nE 's/.*\.name = "([a-z_0-9]+)".*/\1/p' src/ops/*.c |
    sort -u | grep -vx name | paste -sd '|')
[ -n "$nodes" ] || { echo "no names of nodes and attributes were found in src/ops"; exit 1; }
bad=$(grep -nE "str(n|case)?cmp\([^;]*(type|node|attr|spec)[^;]*, \"($nodes)\"" \
    src/base/*.c src/kernels/*.c src/graph/*.c src/engine/*.c src/optim/*.c src/io/*.c \
    src/train/*.c src/report/*.c src/cli/*.c)
[ -z "$bad" ] || {
    printf 'names of nodes or attributes are compared with strings:\n%s\n' "$bad"
    exit 1
}
echo "no name of $(tr '|' '\n' <<<"$nodes" | wc -l) nodes and attributes is compared with a string"
