"""The networks in ONNX Runtime, from files that PyTorch exported."""
import contextlib
import os
import sys

import numpy as np
import onnxruntime

import nets

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(ROOT, "build/bench-onnx")


def file_of(name, rows):
    path = os.path.join(FOLDER, f"{name}-{rows}.onnx")
    if not os.path.exists(path):
        import with_torch
        os.makedirs(FOLDER, exist_ok=True)
        with contextlib.redirect_stdout(sys.stderr):
            with_torch.export(name, rows, path)
    return path


def inference(name, threads, rows):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(file_of(name, rows), options,
                                           providers=["CPUExecutionProvider"])
    net = nets.NETS[name]
    inputs = [np.ascontiguousarray(np.moveaxis(x, -1, 1)) if net.pictures else x
              for x, _ in nets.batches(net, rows)]

    def step(k):
        session.run(None, {"x": inputs[k % len(inputs)]})

    return step, lambda: None
