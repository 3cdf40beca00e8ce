#!/usr/bin/env bash
# The ONNX project's light nets, AlexNet to DenseNet-121, whose weights are described and not
# stored, against ONNX Runtime. They lie in the Python package onnx. longtest: 1 min
set -u
[ "${DAGRAD_LONGTEST:-}" ] || { echo "SKIP: runs where DAGRAD_LONGTEST is set" && exit 77; }
[ -x "$DAGRAD_PROGRAM" ] || { echo "SKIP: needs the program" && exit 77; }
source=$PWD
. tests/onnx/python.sh
package=$("$python" -c 'import onnx, os; print(os.path.dirname(onnx.__file__))')
nets=$package/backend/test/data/light
ls "$nets"/*.onnx >/dev/null 2>&1 ||
    { echo "SKIP: this package onnx has no light nets" && exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
"$python" "$source/tests/onnx/runtime.py" "$DAGRAD_PROGRAM" "$nets"/*.onnx
