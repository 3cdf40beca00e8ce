#!/usr/bin/env bash
# order.sh [WIDTH]...: the gradient of a chain by its input, right to left beside left to right, as
# a table in markdown, and the exponent p of ratio = c N^p fitted for N >= 128 (docs/order.md).
#     ROUNDS=5 PAIRS=1 DAGRAD_PROGRAM=build/dagrad bash bench/order.sh 128 256 512
# Times are the least of ROUNDS runs of `dagrad show --order --measure`. Run it on an idle machine.
set -eu -o pipefail
cd "$(dirname "$0")/.."
program=${DAGRAD_PROGRAM:-build/dagrad} rounds=${ROUNDS:-5} pairs=${PAIRS:-16}
[ -x "$program" ] || { echo "order.sh: $program is not there: make" >&2 && exit 1; }
[ $# -gt 0 ] || set -- 16 32 64 128 256 512 1024

# measured WIDTH: its line, 'measured, 16 pairs, ...: right to left A ms, left to right B ms, ...'
measured() {
    "$program" show examples/chain.dag --set "width=$1" --order --measure --batch "$pairs" |
        grep '^measured'
}

for width in "$@"; do
    for _ in $(seq "$rounds"); do
        line=$(measured "$width") || { echo "order.sh: no figures for width $width" >&2 && exit 1; }
        echo "$width $line"
    done
done | awk '
function after(word,    i) { # the number after these words
    i = index($0, word " ")
    if (!i) { print "order.sh: no \"" word "\" in: " $0 > "/dev/stderr"; failed = 1; exit 1 }
    return substr($0, i + length(word) + 1) + 0
}
BEGIN {
    print "| N | right to left, ms | left to right, ms | ratio | gradients differ by |"
    print "| ---: | ---: | ---: | ---: | ---: |"
}
{
    right = after("right to left"); left = after("left to right"); gap = after("differ by")
    if (!($1 in r)) { width[++n] = $1; r[$1] = right; l[$1] = left; d[$1] = gap }
    if (right < r[$1]) r[$1] = right
    if (left < l[$1]) l[$1] = left
    if (gap > d[$1]) d[$1] = gap
}
END {
    if (failed) exit 1
    for (i = 1; i <= n; i++) {
        w = width[i]
        printf "| %d | %.4g | %.4g | %.4g | %.1e |\n", w, r[w], l[w], l[w] / r[w], d[w]
        if (w < 128) continue
        x = log(w); y = log(l[w] / r[w]); k++
        sx += x; sy += y; sxx += x * x; sxy += x * y
    }
    if (k > 1)
        printf "\nratio = c N^p, fitted for N >= 128: p = %.3f\n",
            (k * sxy - sx * sy) / (k * sxx - sx * sx)
}'
