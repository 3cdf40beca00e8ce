#!/usr/bin/env python3
"""dagrad grad beside PyTorch's autograd: random graphs in f64.

    check_torch.py PROGRAM [GRAPHS] [SEED]

Each graph is written as a model and as a function of PyTorch. Loss and the gradient of every
parameter and input must agree within 1e-10 of each tensor's norm. Exit 77 where PyTorch is not
installed.
"""
import random
import sys
import tempfile

from common import LIMIT, gap, run_grad, torch

F = torch.nn.functional
ROWS = 3


class Graph:
    """Lines of a model, and the same values as tensors."""

    def __init__(self, rng):
        self.rng, self.lines, self.head = rng, [], []
        self.inputs, self.parameters, self.labels, self.states = {}, {}, {}, {}
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

    def ids(self, most, *shape):
        name = f"i{len(self.labels)}"
        x = self.labels[name] = torch.randint(0, most, (ROWS, *shape))
        dims = "".join(f", {d}" for d in shape)
        self.head.append(f"input {name}[N{dims}] int")
        return name, x

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
    # F.hardsigmoid has 1/6 in single precision on its way back: 3e-8 off
    "hardsigmoid": lambda x: torch.clamp(x / 6 + 0.5, 0, 1),
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


def resize(g):
    name, x = g.any(4)
    kind = g.rng.choice(["upsample", "adaptive_avgpool", "lrn", "mode"])
    y = images(x)
    if kind == "upsample" and g.rng.random() < 0.5:
        corners = g.rng.choice([True, False])
        scale = [g.rng.choice([1, 2, 3]), 2]
        size = [d * s for d, s in zip(y.shape[2:], scale)]
        y = F.interpolate(y, size=size, mode="bilinear", align_corners=corners)
        text = f"upsample({name}, {scale}, mode=linear, align_corners={str(corners).lower()})"
        g.value(text, channels_last(y), kind)
    elif kind == "upsample":
        g.value(f"upsample({name}, 2)", channels_last(F.interpolate(y, scale_factor=2)), kind)
    elif kind == "adaptive_avgpool":
        size = [g.rng.randint(1, 4), g.rng.randint(1, 4)]
        y = F.adaptive_avg_pool2d(y, size)
        g.value(f"adaptive_avgpool({name}, {size})", channels_last(y), kind)
    elif kind == "lrn":
        y = F.local_response_norm(y, 3, 0.5, 0.7, 1.5)
        g.value(f"lrn({name}, 3, alpha=0.5, beta=0.7, bias=1.5)", channels_last(y), kind)
    else:
        mode = g.rng.choice(["reflect", "replicate", "circular"])
        pad = [0 if mode == "reflect" and d < 2 else 1 for d in y.shape[2:]]
        y = F.pad(y, (pad[1], pad[1], pad[0], 0), mode=mode)
        text = f"pad({name}, [0, {pad[0]}, {pad[1]}, 0, 0, 0, {pad[1]}, 0], mode={mode})"
        g.value(text, channels_last(y), "pad")


def norm(g):
    kind = g.rng.choice(["layernorm", "rmsnorm", "groupnorm", "batchnorm"])
    name, x = g.any(g.rng.choice([3, 4]))
    c = x.shape[-1]
    s, scale = g.parameter(c)
    b, bias = g.parameter(c)
    first = x.movedim(-1, 1)
    if kind == "layernorm":
        y = F.layer_norm(x, (c,), scale, bias, 0.1)
    elif kind == "rmsnorm":
        g.value(f"rmsnorm({name}, scale={s}, epsilon=0.1)", F.rms_norm(x, (c,), scale, 0.1), kind)
        return
    elif kind == "groupnorm":
        y = F.group_norm(first, 1, scale, bias, 0.1).movedim(1, -1)
    else:
        mean, variance = torch.randn(c), torch.rand(c) + 0.5
        y = F.batch_norm(first, mean, variance, scale, bias, eps=0.1).movedim(1, -1)
    groups = "1, " if kind == "groupnorm" else ""
    made, _ = g.value(f"{kind}({name}, {groups}scale={s}, bias={b}, epsilon=0.1)", y, kind)
    if kind == "batchnorm":  # grad is not a training step: it reads the running statistics
        g.states[f"{made}.batchnorm.mean"] = mean
        g.states[f"{made}.batchnorm.variance"] = variance


def sequence(g):
    kind = g.rng.choice(["attention", "embedding", "position", "cumsum", "gather", "series"])
    name, x = g.any(3)
    n, t, c = x.shape
    if kind == "attention":
        heads = 2 if c % 2 == 0 else 1
        causal = g.rng.choice([True, False])
        q = x.reshape(n, t, heads, c // heads).transpose(1, 2)
        y = F.scaled_dot_product_attention(q, q, torch.sin(q), is_causal=causal)
        text = f"attention({name}, {name}, sin({name}), heads={heads}, "
        text += f"causal={str(causal).lower()})"
        g.value(text, y.transpose(1, 2).reshape(n, t, c), kind)
    elif kind == "embedding":
        i, ids = g.ids(7, 4)
        w, p = g.parameter(7, 5)
        g.value(f"embedding({i}, 7, 5, weight={w})", F.embedding(ids, p), kind)
    elif kind == "position":
        w, p = g.parameter(t + 1, c)
        g.value(f"{name} + position({name}, {t + 1}, {c}, weight={w})", x + p[:t], kind)
    elif kind == "cumsum":
        g.value(f"cumsum({name}, 1)", torch.cumsum(x, 1), kind)
    elif kind == "gather":
        i, ids = g.ids(t)
        y = x[torch.arange(n), ids]
        g.value(f"gather({name}, {i}, axis=1, rows=true)", y, kind)
    elif t >= 3:
        w, p = g.parameter(3, c, 4)
        y = F.conv1d(x.transpose(1, 2), p.permute(2, 1, 0), padding=1).transpose(1, 2)
        g.value(f"conv({name}, 4, 3, bias=false, weight={w})", y, "conv")
        y = F.max_pool1d(y.transpose(1, 2), 2, ceil_mode=True).transpose(1, 2)
        g.value(f"maxpool({g.pool[-1][0]}, 2, ceil=true)", y, "maxpool")


def recurrent(g):
    kind = g.rng.choice(["rnn", "gru", "lstm"])
    name, x = g.any(3)
    units = g.rng.randint(1, 4)
    gates = {"rnn": 1, "gru": 3, "lstm": 4}[kind]
    w, pw = g.parameter(x.shape[2], gates * units)
    u, pu = g.parameter(units, gates * units)
    b, pb = g.parameter(gates * units)
    net = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[kind]
    net = net(x.shape[2], units, batch_first=True)
    text = f"{kind}({name}, {units}, weight={w}, recurrent={u}, bias={b}"
    given = {"weight_ih_l0": pw.T, "weight_hh_l0": pu.T, "bias_ih_l0": pb}
    given["bias_hh_l0"] = torch.zeros_like(pb)
    if kind == "gru":
        e, pe = g.parameter(units)
        text += f", recurrent_bias={e}"
        given["bias_hh_l0"] = torch.cat([torch.zeros(2 * units), pe])
    y, last = torch.func.functional_call(net, given, x)
    h = f"h{len(g.lines)}"
    g.lines.append(f"a{h}, {h} = {text})")
    g.used.add(kind)
    last = last[0] if kind == "lstm" else last
    g.pool += [(f"a{h}", y), (h, last.transpose(0, 1))]


def choice(g):
    name, x = g.any()
    kind = g.rng.choice(["greater", "less", "equal", "not_equal"])
    condition = {"greater": x > 0.1, "less": x < 0.1, "equal": x == 0.1, "not_equal": x != 0.1}
    text = f"where({kind}({name}, 0.1), sin({name}), {name})"
    g.value(text, torch.where(condition[kind], torch.sin(x), x), kind)
    g.used.add("where")


def transposed(g):
    name, x = g.any(4)
    w, p = g.parameter(3, 3, 2, x.shape[3])
    y = F.conv_transpose2d(images(x), p.permute(3, 2, 0, 1).contiguous(), stride=2, padding=1)
    text = f"conv_transpose({name}, 2, 3, stride=2, padding=1, bias=false, weight={w})"
    g.value(text, channels_last(y), "conv_transpose")


def pieces(g):
    name, x = g.any()
    if x.shape[-1] < 3:
        return
    step = g.rng.choice([2, -1])
    start, index = (1, slice(1, None, 2)) if step == 2 else (-1, None)
    y = x[..., index] if index else torch.flip(x, (-1,))
    g.value(f"slice({name}, -1, {start}, step={step})", y, "slice")
    last = x.shape[-1]
    a, b = f"v{len(g.lines)}", f"w{len(g.lines)}"
    g.lines.append(f"{a}, {b} = split({name}, [1, {last - 1}])")
    g.used.add("split")
    g.pool += list(zip((a, b), torch.split(x, [1, last - 1], -1)))


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
    steps += [resize, norm, sequence, recurrent, choice, transposed, pieces]
    while len(g.lines) < 18:
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
    found = run_grad(program, folder, model_text(g), ROWS, {**g.parameters, **g.states},
                     {**g.inputs, **g.labels}, list(g.inputs))
    if isinstance(found, str):
        sys.exit(f"{model_text(g)}seed {seed}: {found}")
    worst = 0.0
    expected = {name: x.grad for name, x in {**g.parameters, **g.inputs}.items()}
    expected["loss"] = total.detach()
    for name, x in expected.items():
        error = gap(found[name], x)
        if not error <= LIMIT:
            sys.exit(f"{model_text(g)}seed {seed}: {name} differs by {error:.3g} of its norm")
        worst = max(worst, error)
    return worst, g.used


def main():
    program = sys.argv[1]
    graphs = int(sys.argv[2]) if len(sys.argv) > 2 else 100
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
