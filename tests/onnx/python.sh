# Sets python to one that has ONNX Runtime, or ends the test, skipped. $source is the checkout.
for python in "${DAGRAD_PYTHON:-python3}" "$source/build/peers/bin/python"; do
    "$python" -c 'import numpy, onnx, onnxruntime' 2>/dev/null && break
    python=
done
[ "$python" ] || { echo "SKIP: needs the Python packages onnx and onnxruntime" && exit 77; }
