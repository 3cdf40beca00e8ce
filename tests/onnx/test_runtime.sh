#!/usr/bin/env bash
# Runs of the examples as ONNX files, in ONNX Runtime, where Python has it (pip install onnx
# onnxruntime): DAGRAD_PYTHON, python3, or that of the peers.
set -u
[ -x "$DAGRAD_PROGRAM" ] || { echo "SKIP: needs the program" && exit 77; }
source=$PWD
. tests/onnx/python.sh
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

# With their transforms: words, gaps, means of the data, a window of pictures; raw rows in a file
# for each input.
mkdir rows && cd rows || exit 1
cp "$source/examples/lecture/trees.dag" "$source/examples/lecture/trees.csv" .
cut -d, -f1 trees.csv >kind.csv
cut -d, -f2,3 trees.csv >size.csv
"$python" - <<'END'
import numpy as np
rng = np.random.default_rng(2)
np.save("picture.npy", rng.integers(0, 256, (40, 7, 6, 2)).astype(np.uint8))
np.save("year.npy", rng.integers(2007, 2010, (40, 1)).astype(np.float32))
np.save("digit.npy", rng.integers(0, 3, 40).astype(np.int32))
np.save("y.npy", rng.standard_normal((40, 2)).astype(np.float32))
END
cat >window.dag <<'END'
input  picture[N, 4, 3, 2]
input  year[N, 1]
input  digit[N, 3]
target y[N, 2]
z = conv(picture, 3, kernel=3) | relu | flatten
estimate = concat(z, year, digit) | linear(2)
output estimate
loss   mse(y, estimate)
data train {
    picture = npy("picture.npy") | crop(4, 3) | scale(1/255, -0.5)
    year    = npy("year.npy") | standardize
    digit   = npy("digit.npy") | onehot(3)
    y       = npy("y.npy") | scale(3, 1) | standardize | scale(2, -1)
}
train { optimizer = sgd(rate=0.01); steps = 3 }
END
for name in trees window; do
    "$DAGRAD_PROGRAM" train $name.dag --quiet --out run-$name --set steps=3 >out 2>&1 &&
        "$DAGRAD_PROGRAM" convert run-$name $name.onnx --with-transforms >out 2>&1 ||
        { cat out && exit 1; }
done
cd ..
"$python" "$source/tests/onnx/runtime.py" "$DAGRAD_PROGRAM" ./*.onnx rows/*.onnx
