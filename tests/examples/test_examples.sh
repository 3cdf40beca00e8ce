#!/usr/bin/env bash
# The examples as their README says: check passes on each; wrong nodes end with exit 5; a picture is
# reconstructed; a run with a node of one's own asks for it again.
set -u
[ -x "$DAGRAD_PROGRAM" ] || { echo "SKIP: needs the program" && exit 77; }
nodes=$DAGRAD_BUILD/examples/nodes
[ -e "$nodes/radon.so" ] || { echo "SKIP: needs the examples" && exit 77; }
source=$PWD
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
status=0
fail() { echo "$1" && cat out && status=1; }
try() { # try CODE ARGUMENTS: runs dagrad; what it says is in out
    "$DAGRAD_PROGRAM" "${@:2}" >out 2>&1
    local code=$?
    [ $code = "$1" ] || fail "dagrad ${*:2}: exit $code, expected $1"
}
says() { grep -qF -- "$1" out || fail "expected: $1"; }

"$DAGRAD_BUILD/examples/radon-data" >/dev/null || exit 1
table=$source/examples/outliers/diabetes.csv
"$DAGRAD_BUILD/examples/outliers-data" "$table" 1 >/dev/null || exit 1
cp "$source"/examples/*.dag "$source"/examples/radon/radon.dag .
sed 's/^loss .*/loss cauchy(x, xhat, c=50)/' "$source/examples/outliers/outliers.dag" >outliers.dag
[ "${DAGRAD_LONGTEST:-}" = 1 ] || rm fashion.dag # demo.dag has its layers, smaller
case $DAGRAD_BUILD in *asan) rm resnet20.dag mobile.dag ;; esac # minutes there
for model in *.dag; do
    try 0 check "$model" --node "$nodes/radon.so" --node "$nodes/robust.so"
    echo "$model: $(tail -2 out | head -1)"
done
try 0 check radon.dag --node "$nodes/radon.so"
grep '^loss.radon' out

for wrong in radon_nearest radon_shifted radon_scaled radon_part; do
    sed "s/ radon(/ $wrong(/" radon.dag >wrong.dag
    try 5 check wrong.dag --node "$DAGRAD_BUILD/tests/wrong_radon.so"
    says "the adjoint for input 'picture'"
done
for wrong in cauchy_term cauchy_sign cauchy_bare; do
    sed "s/^loss .*/loss $wrong(x, xhat, c=50)/" outliers.dag >wrong.dag
    try 5 check wrong.dag --node "$DAGRAD_BUILD/tests/wrong_robust.so"
    says "the adjoint for input 'estimate'"
done
says "no tangent: adjoint against differences"

# A node for f32 only: the model is checked in f32, and the output says so.
narrow() { # narrow CODE NODE
    sed "s/^loss .*/loss $2(x, xhat, c=50)/" outliers.dag >narrow.dag
    try "$1" check narrow.dag --node "$DAGRAD_BUILD/tests/wrong_robust.so"
    says "in f32, since $2 has no mathematics for f64"
}
narrow 0 cauchy_narrow
says "limits 1e-5 (identity of a node), as by node (differences), 1e-4 (graph)"
says "right to left against left to right"
narrow 0 cauchy_lone
says "no tangent: adjoint against differences"
narrow 5 cauchy_minus
says "the sign is wrong"

try 0 train radon.dag --node "$nodes/radon.so" --steps 100 --require 'psnr>=27' --out run
try 0 show run --node "$nodes/radon.so"
try 2 show run
says "one of your own needs --node FILE.so"
try 0 train outliers.dag --node "$nodes/robust.so" --out cauchy --epochs 20 --threads 1
try 0 eval cauchy --node "$nodes/robust.so" --part train --worst 18
found=$(awk 'on { print $1 } /^row/ { on = 1 }' out | grep -cxFf spoiled.txt)
[ "$found" -ge 17 ] || fail "only $found of 18 spoiled rows are among the 18 worst"
try 0 predict cauchy --node "$nodes/robust.so" --out p.csv
try 0 nodes radon --node "$nodes/radon.so"
says "angles"
try 2 nodes radno --node "$nodes/radon.so"
says "did you mean 'radon'?"
try 2 nodes --node "$nodes/none.so"
exit $status
