#!/usr/bin/env bash
# Trains outliers.dag with four losses on ten splits and prints the table of README.md.
#     examples/outliers/compare.sh [BUILD]     BUILD: the build folder, build by default
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:-$here/../../build}" && pwd)
node=(--node "$build/examples/nodes/robust.so")
seeds=10
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# A line: test mae, test mse, rows that were found of those that are spoiled, their number.
one() { # one SEED LOSS [clean]
    "$build/examples/outliers-data" "$here/diabetes.csv" "$1" ${3:-} >/dev/null
    sed "s/^loss .*/loss $2/" "$here/outliers.dag" >model.dag
    rm -rf run
    "$build/dagrad" train model.dag "${node[@]}" --seed "$1" --threads 1 --quiet --out run >last
    spoiled=$(wc -l <spoiled.txt)
    found=0
    if [ "$spoiled" -gt 0 ]; then
        "$build/dagrad" eval run "${node[@]}" --part train --worst "$spoiled" --threads 1 |
            awk 'on { print $1 } /^row/ { on = 1 }' >worst
        found=$(grep -cxFf spoiled.txt worst || true)
    fi
    awk -v found="$found" -v spoiled="$spoiled" '{
        for (i = 1; i < NF; i++)
            figure[$i] = $(i + 1)
        print figure["mae"], figure["mse"], found, spoiled
    }' last
}

row() { # row NAME LOSS [clean]
    for seed in $(seq $seeds); do
        one "$seed" "$2" ${3:-}
    done | awk -v name="$1" '{
        mae += $1; mae2 += $1 * $1; rmse += sqrt($2); rmse2 += $2; found += $3; spoiled += $4
    } END {
        printf "| %s | %.1f ± %.1f | %.1f ± %.1f | %s |\n", name,
            mae / NR, sqrt((mae2 - mae * mae / NR) / (NR - 1)),
            rmse / NR, sqrt((rmse2 - rmse * rmse / NR) / (NR - 1)),
            spoiled ? found " of " spoiled : "none spoiled"
    }'
}

echo "| loss | mean absolute error | root of mean square error | spoiled rows found |"
echo "| --- | --- | --- | --- |"
row mse "mse(x, xhat)"
row mae "mae(x, xhat)"
row "huber(delta=50)" "huber(x, xhat, delta=50)"
row "cauchy(c=50)" "cauchy(x, xhat, c=50)"
row "mse, clean targets" "mse(x, xhat)" clean
