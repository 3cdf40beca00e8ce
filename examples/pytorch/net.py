"""The net of docs/pytorch.md on PyTorch's side.

    net.py save          net.safetensors, its weights; x.npy, pictures; y.npy, what it makes of them
    net.py load W P X    W into the net, whose outputs for the pictures X must be those of P
    net.py onnx          net.onnx, as it is best exported
"""
import sys

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 8, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(8)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(8)
        self.head = nn.Linear(8 * 4 * 4, 10)

    def forward(self, x):
        x = torch.relu(self.norm1(self.first(x)))
        x = torch.relu(self.norm2(self.second(x)))
        return self.head(nn.functional.max_pool2d(x, 2).flatten(1))


def outputs(net, pictures):
    """PyTorch has the channels of a picture first, dagrad has them last."""
    with torch.no_grad():
        return net.eval()(torch.from_numpy(pictures).permute(0, 3, 1, 2)).numpy()


torch.manual_seed(1)
net = Net()
what, *files = sys.argv[1:]
if what == "save":
    x = np.random.default_rng(1).uniform(0, 16, (64, 8, 8, 1)).astype(np.float32)
    net(torch.from_numpy(x).permute(0, 3, 1, 2))  # running statistics of some pictures
    np.save("x.npy", x)
    np.save("y.npy", outputs(net, x))
    save_file(net.state_dict(), "net.safetensors")
elif what == "load":
    print(net.load_state_dict(load_file(files[0])))
    expected, x = np.load(files[1]), np.load(files[2])
    error = np.abs(outputs(net, x) - expected).max() / np.abs(expected).max()
    print("outputs are equal" if error < 1e-6 else f"outputs differ by {error:.1e}")
elif what == "onnx":
    net.load_state_dict(load_file("net.safetensors"))
    torch.onnx.export(net.eval(), (torch.zeros(2, 1, 8, 8),), "net.onnx", dynamo=True,
                      input_names=["x"], output_names=["y"], opset_version=23, optimize=False,
                      external_data=False, verbose=False,
                      dynamic_shapes=({0: torch.export.Dim("N")},))
