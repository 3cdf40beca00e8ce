#!/usr/bin/env bash
# check_includes.sh [ROOT]: no storey of the house includes a header of one above it, no file
# includes a .c, public headers include public ones only. Prints the lines that do; then status 1.
cd "${1:-$(dirname "$0")/..}" || exit 1
find include src -name '*.[ch]' -o -name '*.def' | sort | xargs -r awk '
BEGIN {
    n = split("base kernels ops graph engine optim lang io onnx train model report cli", order, " ")
    for (i = 1; i <= n; i++) rank[order[i]] = i
}
function report(why) { printf "%s:%d: %s: %s\n", FILENAME, FNR, why, $0; bad = 1 }
/^[ \t]*#[ \t]*include/ {
    split(FILENAME, path, "/")
    storey = path[1] == "src" ? path[2] : ""
    name = $0
    sub(/^[^<"]*[<"]/, "", name)
    sub(/[>"].*/, "", name)
    quoted = index($0, "\"") > 0
    if (name ~ /\.c$/) report("includes a .c")
    if (name ~ /\.\.\//) report("write \"storey/file.h\"")
    if (storey != "" && !(storey in rank)) report("a folder that is no storey")
    if (!quoted) next
    if (storey == "") { report("a public header includes <dagrad/...> only"); next }
    parts = split(name, inc, "/")
    if (parts < 2 || !(inc[1] in rank)) report("write \"storey/file.h\"")
    else if (rank[inc[1]] > rank[storey]) report("points up the house")
}
END { exit bad }'
