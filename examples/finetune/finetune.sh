#!/usr/bin/env bash
# Fine-tunes a net of others on new pictures and writes it back, as README.md says.
#     examples/finetune/finetune.sh [BUILD]     BUILD: the build folder, build by default
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:-$here/../../build}" && pwd)
dagrad=$build/dagrad
net=$here/../../tests/onnx/data/ocr-direction.onnx
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

"$build/examples/pictures" 1 400 train
"$build/examples/pictures" 2 200 test
"$dagrad" convert "$net" net.dag | tail -5
cat "$here/task.dag" >>net.dag

printf 'before: '
"$dagrad" train net.dag --set optimizer.rate=1e-30 --steps 1 --quiet --out before
printf 'after:  '
"$dagrad" train net.dag --quiet --out after
"$dagrad" convert --weights after "$net" tuned.onnx

"$dagrad" predict after --out run.npy
"$dagrad" convert tuned.onnx tuned.dag >/dev/null
python3 "$here/compare.py" tuned.onnx run.npy test-image.npy
