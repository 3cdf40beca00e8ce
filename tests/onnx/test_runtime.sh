#!/usr/bin/env bash
# Runs of the examples as ONNX files, in ONNX Runtime, where Python has it (pip install onnx
# onnxruntime): DAGRAD_PYTHON, python3, or that of the peers.
set -u
[ -x "$DAGRAD_PROGRAM" ] || { echo "SKIP: needs the program" && exit 77; }
source=$PWD
for python in "${DAGRAD_PYTHON:-python3}" "$source/build/peers/bin/python"; do
    "$python" -c 'import numpy, onnx, onnxruntime' 2>/dev/null && break
    python=
done
[ "$python" ] || { echo "SKIP: needs the Python packages onnx and onnxruntime" && exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1

# A text with all the letters that the examples of texts know.
"$python" - <<'END'
import random
random.seed(1)
letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ .,;:'!?()\n"
open("kjv.txt", "w").write("".join(random.choice(letters) for _ in range(20000)))
END

names="digits deep100 gru text/charlstm text/chargpt"
[ -e /usr/share/datasets/fashion-mnist ] && names="$names mobile resnet20 demo"
for name in $names; do
    base=${name##*/}
    sed -E 's/(epochs|steps) = [0-9]+/steps = 2/; s/warmup=[0-9]+/warmup=1/; s/D = 384/D = 48/
            s/batch = 128/batch = 4/' "$source/examples/$name.dag" >"$base.dag"
    "$DAGRAD_PROGRAM" train "$base.dag" --quiet --out "run-$base" >out 2>&1 ||
        { cat out && exit 1; }
    "$DAGRAD_PROGRAM" convert "run-$base" "$base.onnx" >out 2>&1 || { cat out && exit 1; }
done
"$python" "$source/tests/onnx/runtime.py" "$DAGRAD_PROGRAM" ./*.onnx
