"""The networks in PyTorch."""
import torch
from torch import nn
from torch.nn import functional as F

import nets


class Ops:
    """Operations over a module's pieces, taken in the order in which the network asks for them."""

    def __init__(self, pieces, make):
        self.pieces, self.make, self.at = pieces, make, 0

    def piece(self, build):
        if self.make:
            self.pieces.append(build())
        self.at += 1
        return self.pieces[self.at - 1]

    def linear(self, x, units, bias=True, scale=0):
        def build():
            layer = nn.Linear(x.shape[-1], units, bias=bias)
            if scale:
                nn.init.orthogonal_(layer.weight, scale)
            return layer
        return self.piece(build)(x)

    def conv(self, x, channels, kernel=3, stride=1, groups=1, bias=True):
        return self.piece(lambda: nn.Conv2d(x.shape[1], channels, kernel, stride, kernel // 2,
                                            groups=groups, bias=bias))(x)

    def up(self, x, channels):
        return self.piece(lambda: nn.ConvTranspose2d(x.shape[1], channels, 2, 2))(x)

    def batchnorm(self, x):
        return self.piece(lambda: nn.BatchNorm2d(x.shape[1]))(x)

    def layernorm(self, x):
        return self.piece(lambda: nn.LayerNorm(x.shape[-1]))(x)

    def embedding(self, ids, count, units):
        return self.piece(lambda: nn.Embedding(count, units))(ids)

    def position(self, length, units):
        return self.piece(lambda: nn.Embedding(length, units)).weight

    def attention(self, x, heads):
        parts = [z.unflatten(-1, (heads, -1)).transpose(1, 2) for z in x.chunk(3, -1)]
        return F.scaled_dot_product_attention(*parts, is_causal=True).transpose(1, 2).flatten(2)

    def lstm(self, x, units, layers):
        return self.piece(lambda: nn.LSTM(x.shape[-1], units, layers, batch_first=True))(x)[0]

    def gru(self, x, units):
        return self.piece(lambda: nn.GRU(x.shape[-1], units, batch_first=True))(x)[0]

    def maxpool(self, x):
        return F.max_pool2d(x, 2)

    def mean(self, x):
        return x.mean((2, 3))

    def concat(self, a, b):
        return torch.cat((a, b), 1)

    def gelu(self, x):
        return F.gelu(x, approximate="tanh")

    relu, tanh = staticmethod(F.relu), staticmethod(torch.tanh)
    sigmoid = staticmethod(torch.sigmoid)
    flatten = staticmethod(lambda x: x.flatten(1))


class Module(nn.Module):
    def __init__(self, net, x):
        super().__init__()
        self.net, self.pieces = net, nn.ModuleList()
        net.forward(Ops(self.pieces, True), x)

    def forward(self, x):
        return self.net.forward(Ops(self.pieces, False), x)


def loss_of(net, z, t):
    if net.loss == "squares":
        return ((z - t) ** 2).sum() / t.shape[0]
    if net.loss == "masks":
        return F.binary_cross_entropy_with_logits(z, t, reduction="sum") / t.shape[0]
    return F.cross_entropy(z.flatten(0, -2), t.flatten())


def optimizer_of(net, parameters):
    kind, rate = net.optimizer
    if kind == "sgd":
        return torch.optim.SGD(parameters, lr=rate, momentum=0.9, fused=True)
    made = torch.optim.AdamW if kind == "adamw" else torch.optim.Adam
    return made(parameters, lr=rate, fused=True)


def prepare(name, threads, rows, layout):
    """The net, its module, and batches as tensors, channels first."""
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    torch.manual_seed(1)
    net, pairs = nets.NETS[name], []
    for pair in nets.batches(net, rows or nets.NETS[name].batch):
        pair = [torch.from_numpy(array) for array in pair]
        if net.pictures:
            pair = [z.permute(0, 3, 1, 2).contiguous(memory_format=layout) if z.dim() == 4 else z
                    for z in pair]
        pairs.append(pair)
    module = Module(net, pairs[0][0])
    return net, module.to(memory_format=layout) if net.pictures else module, pairs


def training(mode, name, threads):
    layout = torch.channels_last if mode.endswith("-cl") else torch.contiguous_format
    net, module, pairs = prepare(name, threads, 0, layout)
    optimizer = optimizer_of(net, module.parameters())

    def loss(x, t):
        return loss_of(net, module(x), t)

    if mode == "torch-max":
        loss = torch.compile(loss, mode="max-autotune")
    elif "compile" in mode:
        loss = torch.compile(loss)

    def step(k):
        optimizer.zero_grad(set_to_none=True)
        loss(*pairs[k % len(pairs)]).backward()
        optimizer.step()

    return step, lambda: None


def inference(name, threads, rows):
    _, module, pairs = prepare(name, threads, rows, torch.channels_last)
    module.eval()

    def step(k):
        with torch.inference_mode():
            module(pairs[k % len(pairs)][0])

    return step, lambda: None


def export(name, rows, path):
    """The network as an ONNX file."""
    _, module, pairs = prepare(name, 1, rows, torch.contiguous_format)
    torch.onnx.export(module.eval(), (pairs[0][0],), path, input_names=["x"], dynamo=True,
                      external_data=False, verbose=False)
