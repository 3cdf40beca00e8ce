"""The outputs of ONNX Runtime beside those of dagrad, where it is installed."""
import sys
try:
    import numpy as np
    import onnxruntime as rt
except ImportError:
    print("ONNX Runtime is not installed: not compared")
    sys.exit(0)
net, run, images = sys.argv[1:]
x = np.load(images).astype(np.float32) / np.float32(127.5) - 1
session = rt.InferenceSession(net, providers=["CPUExecutionProvider"])
y = session.run(None, {session.get_inputs()[0].name: x.transpose(0, 3, 1, 2).copy()})[0]
off = np.abs(y - np.load(run)).max()
print("ONNX Runtime: the outputs of tuned.onnx differ from those of the run by %.1e at most" % off)
sys.exit(1 if off > 1e-5 else 0)
