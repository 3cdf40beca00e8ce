#!/usr/bin/env python3
"""dagrad grad beside PyTorch's autograd: random graphs of set 1 in f64.

    check_torch.py PROGRAM [GRAPHS] [SEED]

Each graph is written as a model and as a function of PyTorch. Loss and the gradient of every
parameter and input must agree within 1e-10 of each tensor's norm. Exit 77 where PyTorch is not
installed.
"""
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
    import torch.nn.functional as F
except ImportError as missing:
    print(f"SKIPPED: {missing}; make bench-peers installs it")
    sys.exit(77)

torch.set_default_dtype(torch.float64)
LIMIT = 1e-10
ROWS = 3


def write_safetensors(path, tensors):
    header, at, data = {}, 0, b""
    for name, x in tensors.items():
        raw = x.detach().contiguous().numpy().tobytes()
        header[name] = {"dtype": "F64", "shape": list(x.shape), "data_offsets": [at, at + len(raw)]}
        data += raw
        at += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def read_safetensors(path):
    raw = open(path, "rb").read()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + size])
    types = {"F64": np.float64, "F32": np.float32, "I32": np.int32}
    out = {}
    for name, t in header.items():
        if name == "__metadata__":
            continue
        a, b = t["data_offsets"]
        flat = np.frombuffer(raw[8 + size + a : 8 + size + b], types[t["dtype"]])
        out[name] = flat.reshape(t["shape"])
    return out


class Graph:
    """Lines of a model, and the same values as tensors."""

    def __init__(self, rng):
        self.rng, self.lines, self.head = rng, [], []
        self.inputs, self.parameters, self.labels = {}, {}, {}
        self.pool, self.losses, self.used = [], [], set()  # pool: (name, tensor)

    def input(self, *shape):
        name = f"x{len(self.inputs)}"
        x = torch.randn(ROWS, *shape, requires_grad=True)
        self.inputs[name] = x
        self.head.append(f"input {name}[N, {', '.join(map(str, shape))}]")
        self.pool.append((name, x))

    def parameter(self, *shape):
        name = f"p{len(self.parameters)}"
        x = (0.5 * torch.randn(*shape)).requires_grad_()
        self.parameters[name] = x
        self.head.append(f"parameter {name}[{', '.join(map(str, shape))}] = normal(1)")
        return name, x

    def target(self, x, labels=None):
        name = f"t{len(self.labels)}"
        self.labels[name] = x
        dims = "".join(f", {d}" for d in x.shape[1:])
        self.head.append(f"target {name}[N{dims}]" + (" int" if labels else ""))
        return name

    def value(self, text, x, kind):
        name = f"v{len(self.lines)}"
        self.lines.append(f"{name} = {text}")
        self.used.add(kind)
        self.pool.append((name, x))
        return name, x

    def any(self, rank=None):
        good = [v for v in self.pool if rank is None or v[1].dim() == rank]
        return self.rng.choice(good)


UNARY = {
    "neg": lambda x: -x,
    "abs": torch.abs,
    "square": torch.square,
    "sin": torch.sin,
    "cos": torch.cos,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.01),
    "elu": F.elu,
    "softplus": F.softplus,
    "erf": torch.erf,
    "selu": F.selu,
    "softsign": F.softsign,
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "gelu": F.gelu,
    "silu": F.silu,
    "softmax": lambda x: torch.softmax(x, -1),
    "log_softmax": lambda x: torch.log_softmax(x, -1),
}
POSITIVE = {"log": torch.log, "sqrt": torch.sqrt, "reciprocal": torch.reciprocal}
BINARY = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
}


def images(x):
    return x.permute(0, 3, 1, 2)


def channels_last(x):
    return x.permute(0, 2, 3, 1)


def pointwise(g):
    name, x = g.any()
    kind = g.rng.choice(list(UNARY) + list(POSITIVE) + ["exp", "clip"])
    if kind in POSITIVE:
        g.value(f"{kind}(sigmoid({name}) + 0.5)", POSITIVE[kind](torch.sigmoid(x) + 0.5), kind)
    elif kind == "exp":
        g.value(f"exp(tanh({name}))", torch.exp(torch.tanh(x)), kind)
    elif kind == "clip":
        g.value(f"clip({name}, -0.6, 0.7)", torch.clamp(x, -0.6, 0.7), kind)
    else:
        g.value(f"{kind}({name})", UNARY[kind](x), kind)


def binary(g):
    name, x = g.any()
    same = [v for v in g.pool if v[1].shape == x.shape]
    other, y = g.rng.choice(same) if g.rng.random() < 0.6 else g.parameter(x.shape[-1])
    kind = g.rng.choice(list(BINARY) + ["div", "pow"])
    if kind == "div":
        g.value(f"{name} / (sigmoid({other}) + 0.5)", x / (torch.sigmoid(y) + 0.5), kind)
    elif kind == "pow":
        g.value(
            f"pow(sigmoid({name}) + 0.5, {other})", torch.pow(torch.sigmoid(x) + 0.5, y), kind
        )
    else:
        g.value(f"{kind}({name}, {other})", BINARY[kind](x, y), kind)


def product(g):
    kind = g.rng.choice(["linear", "matmul", "conv", "conv"])
    if kind == "conv":
        name, x = g.any(4)
        k, out, stride = g.rng.choice([1, 3]), g.rng.randint(1, 5), g.rng.choice([1, 2])
        pad = g.rng.choice(["same", "0"]) if min(x.shape[1:3]) >= 3 and stride == 1 else "same"
        w, p = g.parameter(k, k, x.shape[3], out)
        y = images(x).contiguous()
        if pad == "same":
            total = [max((-(-d // stride) - 1) * stride + k - d, 0) for d in y.shape[2:]]
            y = F.pad(y, (total[1] // 2, total[1] - total[1] // 2,
                          total[0] // 2, total[0] - total[0] // 2))
        y = F.conv2d(y, p.permute(3, 2, 0, 1).contiguous(), stride=stride)
        text = f"conv({name}, {out}, {k}, stride={stride}, padding={pad}, bias=false, weight={w})"
        g.value(text, channels_last(y), kind)
        return
    name, x = g.any(g.rng.choice([2, 3]))
    out = g.rng.randint(1, 9)
    w, p = g.parameter(x.shape[-1], out)
    text = f"matmul({name}, {w})"
    if kind == "linear":
        text = f"linear({name}, {out}, bias=false, weight={w})"
    g.value(text, x @ p, kind)


def pool(g):
    name, x = g.any(4)
    kind = g.rng.choice(["maxpool", "avgpool", "global_avgpool"])
    if kind == "global_avgpool":
        g.value(f"reshape({kind}({name}), [N, {x.shape[3]}])", x.mean((1, 2)), kind)
    elif min(x.shape[1:3]) >= 2:
        f = F.max_pool2d if kind == "maxpool" else F.avg_pool2d
        g.value(f"{kind}({name}, 2)", channels_last(f(images(x), 2)), kind)


def shaping(g):
    kind = g.rng.choice(["flatten", "transpose", "concat", "split", "slice", "pad", "reshape"])
    name, x = g.any(3 if kind == "transpose" else None)
    last, row = x.shape[-1], x[0].numel()
    if kind == "flatten":
        g.value(f"flatten({name})", x.reshape(ROWS, -1), kind)
    elif kind == "reshape":
        g.value(f"reshape({name}, [N, {row}])", x.reshape(ROWS, row), kind)
    elif kind == "transpose":
        g.value(f"transpose({name}, [0, 2, 1])", x.permute(0, 2, 1), kind)
    elif kind == "concat":
        g.value(f"concat({name}, {name}, sin({name}))", torch.cat([x, x, torch.sin(x)], -1), kind)
    elif kind == "split" and last % 2 == 0:
        a, b = f"v{len(g.lines)}", f"w{len(g.lines)}"
        g.lines.append(f"{a}, {b} = split({name}, 2)")
        g.used.add(kind)
        left, right = torch.split(x, last // 2, -1)
        g.pool += [(a, left), (b, right)]
    elif kind == "slice" and last > 2:
        g.value(f"slice({name}, {x.dim() - 1}, 1, {last})", x[..., 1:], kind)
    elif kind == "pad" and x.dim() == 2:
        g.value(f"pad({name}, [0, 1, 0, 2], value=0.5)", F.pad(x, (1, 2), value=0.5), kind)


def reduction(g):
    name, x = g.any(g.rng.choice([3, 4]))
    kind = g.rng.choice(["sum", "mean", "max", "min"])
    y = {"sum": x.sum(1), "mean": x.mean(1), "max": x.max(1)[0], "min": x.min(1)[0]}[kind]
    g.value(f"{kind}({name}, axis=1)", y, kind)


def add_loss(g, name, x):
    kinds = ["mse", "mae", "huber", "binary_cross_entropy", "sigmoid_cross_entropy"]
    if x.dim() == 2 and x.shape[1] > 1:
        kinds += ["softmax_cross_entropy", "cross_entropy"] * 2
    kind = g.rng.choice(kinds)
    weight = round(g.rng.uniform(0.3, 2), 3)
    g.used.add(kind)
    if "softmax" in kind or kind == "cross_entropy":
        labels = torch.randint(0, x.shape[1], (ROWS,))
        t = g.target(labels, labels=True)
        estimate = f"softmax({name})" if kind == "cross_entropy" else name
        value = F.cross_entropy(x, labels)
    else:
        a = torch.rand(x.shape) if "binary" in kind or "sigmoid" in kind else torch.randn(x.shape)
        t = g.target(a)
        estimate = f"sigmoid({name})" if kind == "binary_cross_entropy" else name
        value = {
            "mse": lambda: ((a - x) ** 2).sum() / ROWS,
            "mae": lambda: (a - x).abs().sum() / ROWS,
            "huber": lambda: F.huber_loss(x, a, reduction="sum") / ROWS,
            "binary_cross_entropy": lambda: F.binary_cross_entropy_with_logits(
                x, a, reduction="sum") / ROWS,
            "sigmoid_cross_entropy": lambda: F.binary_cross_entropy_with_logits(
                x, a, reduction="sum") / ROWS,
        }[kind]()
    g.losses.append((f"{weight} * {kind}({t}, {estimate})", weight * value))


def build(seed):
    rng = random.Random(seed)
    torch.manual_seed(seed)
    g = Graph(rng)
    g.input(6)
    g.input(6, 5, 3)
    g.input(4, 6)
    steps = [pointwise, pointwise, binary, binary, product, product, pool, shaping, reduction]
    while len(g.lines) < 14:
        rng.choice(steps)(g)
        g.pool = [v for v in g.pool if v[1][0].numel() <= 400]
    for name, x in g.pool[-5:]:
        add_loss(g, name, x)
    return g


def model_text(g):
    losses = ", ".join(f"l{i} = {text}" for i, (text, _) in enumerate(g.losses))
    lines = g.head + g.lines + [f"output {g.pool[-1][0]}", f"loss {losses}",
                                "train { precision = f64; steps = 1 }"]
    return "\n".join(lines) + "\n"


def compare(program, seed, folder):
    g = build(seed)
    total = sum(v for _, v in g.losses)
    total.backward()
    model, weights, out = (os.path.join(folder, f)
                           for f in ("m.dag", "w.safetensors", "o.safetensors"))
    open(model, "w").write(model_text(g))
    write_safetensors(weights, g.parameters)
    command = [program, "grad", model, "--batch", str(ROWS), "--out", out]
    if g.parameters:
        command += ["--weights", weights]
    for name, x in {**g.inputs, **g.labels}.items():
        path = os.path.join(folder, f"{name}.npy")
        x = x.detach().numpy()
        np.save(path, x.astype(np.int32) if x.dtype.kind == "i" else x)
        command += ["--input", f"{name}={path}"]
    command += ["--wrt", ",".join(g.inputs)]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        print(open(model).read())
        sys.exit(f"seed {seed}: {run.stderr}")
    found, worst = read_safetensors(out), 0.0
    expected = {name: x.grad for name, x in {**g.parameters, **g.inputs}.items()}
    expected["loss"] = total.detach()
    for name, x in expected.items():
        x = np.zeros_like(found[name]) if x is None else x.numpy()
        gap, norm = np.linalg.norm(found[name] - x), np.linalg.norm(x)
        error = gap / norm if norm > 0 else gap
        if not error <= LIMIT:
            print(open(model).read())
            sys.exit(f"seed {seed}: {name} differs by {error:.3g} of its norm")
        worst = max(worst, error)
    return worst, g.used


def main():
    program = sys.argv[1]
    graphs = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    worst, used = 0.0, set()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, first + graphs):
            error, kinds = compare(program, seed, folder)
            worst = max(worst, error)
            used |= kinds
    print(f"{graphs} graphs, {len(used)} kinds of nodes: {', '.join(sorted(used))}")
    print(f"equal to PyTorch {torch.__version__} within {worst:.2g} of each tensor's norm "
          f"(limit {LIMIT:g})")


if __name__ == "__main__":
    main()
