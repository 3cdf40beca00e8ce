#!/usr/bin/env bash
# make bench-peers: PyTorch, JAX and ONNX Runtime in a virtual environment, build/peers.
set -u
cd "$(dirname "$0")/.." || exit 1
bash scripts/setup.sh peers || exit 1
python3 -m venv build/peers || exit 1
build/peers/bin/python -m pip install -r bench/requirements.txt ||
    build/peers/bin/python -m pip install numpy torch 'jax[cpu]' \
        onnxruntime onnx onnxscript safetensors || exit 1
build/peers/bin/python bench/worker.py --versions
