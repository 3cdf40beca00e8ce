#!/usr/bin/env python3
"""Nodes at the edges of what they take, beside PyTorch, f64: one place, one channel, as many groups
as channels, windows larger than the picture, strides past the window, dilation, empty results,
negative axes, masks that hide everything, ids at the border, states from outside, a batch of one.

    check_edges.py PROGRAM

Results and gradients of a mean square against a random target must agree within 1e-10 of each
tensor's norm. Exit 77 where PyTorch is not installed.
"""
import os
import sys
import tempfile

from common import LIMIT, gap, run_grad, torch

F = torch.nn.functional
INF = float("inf")
INPUTS = ("x", "z", "k", "v", "m", "i", "start", "cell")  # other names are parameters


def first(x):
    """Channels first, as PyTorch has them."""
    return x.movedim(-1, 1)


def last(x):
    return x.movedim(1, -1)


def turned(w):
    """[kh, kw, in, out] to [out, in, kh, kw]."""
    return w.permute(-1, -2, *range(w.dim() - 2))


def conv(x, w, b, stride=1, pads=(0, 0), dilation=1, groups=1):
    """pads: as F.pad has them, the last axis first."""
    f = F.conv1d if x.dim() == 3 else F.conv2d
    return last(f(F.pad(first(x), pads), turned(w), b, stride, 0, dilation, groups))


def transposed(x, w, b, **options):
    f = F.conv_transpose1d if x.dim() == 3 else F.conv_transpose2d
    return last(f(first(x), turned(w), b, **options))


def attend(q, k, v, heads, mask=None, causal=False, scale=None):
    """Written out: a place that sees nothing gives 0."""
    def split(x):
        return x.unflatten(-1, (heads, x.shape[-1] // heads)).transpose(1, 2)
    a, b, c = split(q), split(k), split(v)
    s = a @ b.transpose(-1, -2) * (a.shape[-1] ** -0.5 if scale is None else scale)
    s = s if mask is None else s + mask
    if causal:
        s = s.masked_fill(torch.ones(s.shape[-2:], dtype=torch.bool).triu(1), -INF)
    hidden = (s == -INF).all(-1, keepdim=True)
    p = torch.softmax(s.masked_fill(hidden, 0), -1).masked_fill(hidden, 0)
    return (p @ c).transpose(1, 2).flatten(2)


def recurrent(kind, x, p, layers, directions, start=None, cell=None):
    """Over dagrad's layouts: all states, the last of each block, of lstm also the last cells."""
    u, gates = p["u"].shape[0], {"rnn": 1, "gru": 3, "lstm": 4}[kind]
    width, states, cells = gates * u, [], []
    for layer in range(layers):
        parts = []
        for d in range(directions):
            b = layer * directions + d
            at = d if layer == 0 else b - directions
            wx = (p["w"] if layer == 0 else p["deep"])[:, at * width : (at + 1) * width]
            wh = p["u"][:, b * width : (b + 1) * width]
            bias = p["b"][b * width : (b + 1) * width]
            h = x.new_zeros(len(x), u) if start is None else start[:, b]
            c = x.new_zeros(len(x), u) if cell is None else cell[:, b]
            order = range(x.shape[1])[:: -1 if d else 1]
            out = [None] * x.shape[1]
            for t in order:
                ax, ah = (x[:, t] @ wx + bias).chunk(gates, -1), (h @ wh).chunk(gates, -1)
                if kind == "rnn":
                    h = torch.tanh(ax[0] + ah[0])
                elif kind == "gru":
                    r, z = (torch.sigmoid(ax[k] + ah[k]) for k in (0, 1))
                    n = torch.tanh(ax[2] + r * (ah[2] + p["e"][b * u : (b + 1) * u]))
                    h = n + z * (h - n)
                else:
                    i, f, g, o = (k + m for k, m in zip(ax, ah))
                    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
                    h = torch.sigmoid(o) * torch.tanh(c)
                out[t] = h
            parts.append(torch.stack(out, 1))
            states.append(h)
            cells.append(c)
        x = torch.cat(parts, -1)
    return x, torch.stack(states, 1), torch.stack(cells, 1)


def series(kind, layers, direction, rows, t, f, u, given=()):
    """A case of a recurrent node: its parameters by role, y the sum of all that it gives."""
    directions = 2 if direction == "both" else 1
    gates = {"rnn": 1, "gru": 3, "lstm": 4}[kind]
    blocks, width = layers * directions, gates * u
    shapes = {"x": (rows, t, f), "w": (f, directions * width), "u": (u, blocks * width),
              "b": (blocks * width,)}
    roles = {"weight": "w", "recurrent": "u", "bias": "b"}
    if layers > 1:
        shapes["deep"], roles["deep"] = (directions * u, (blocks - directions) * width), "deep"
    if kind == "gru":
        shapes["e"], roles["recurrent_bias"] = (blocks * u,), "e"
    for name in given:
        shapes[name] = (rows, blocks, u)
        roles[name] = name
    words = "".join(f", {role}={name}" for role, name in roles.items())
    last_states = ("h", "c") if kind == "lstm" else ("h",)
    line = f"a, {', '.join(last_states)} = "
    line += f"{kind}(x, {u}, layers={layers}, direction={direction}{words})\ny = a"
    line += "".join(f" + mean({s}, [1, 2], keepdims=true)" for s in last_states)

    def value(**p):
        x = p.pop("x")
        start, cell = p.pop("start", None), p.pop("cell", None)
        flip = direction == "backward"
        a, h, c = recurrent(kind, x.flip(1) if flip else x, p, layers, directions, start, cell)
        a = a.flip(1) if flip else a
        y = a + h.mean((1, 2), keepdim=True)
        return y + c.mean((1, 2), keepdim=True) if kind == "lstm" else y
    return line, value, shapes


def case(node, value, **shapes):
    return f"y = {node}", value, shapes


def same(x, *_):
    return x


def norm(x, w, b, axes, eps=1e-5):
    m = x.mean(axes, keepdim=True)
    v = ((x - m) ** 2).mean(axes, keepdim=True)
    return (x - m) / (v + eps).sqrt() * w + b


MEAN, VARIANCE = "y.batchnorm.mean", "y.batchnorm.variance"


def running(x, w, b, **states):
    return (x - states[MEAN]) / (states[VARIANCE] + 1e-5).sqrt() * w + b


PICTURE = (3, 5, 6, 4)
WORDS = {"w": (5, 3), "i": (2, 4)}

CASES = [
    # convolution: of series and pictures
    case("conv(x, 2, 3, weight=w, bias=b)", lambda x, w, b: conv(x, w, b, pads=(1, 1)),
         x=(2, 1, 3), w=(3, 3, 2), b=(2,)),
    case("conv(x, 4, 3, groups=4, weight=w, bias=b)",
         lambda x, w, b: conv(x, w, b, pads=(1, 1), groups=4), x=(1, 7, 4), w=(3, 1, 4), b=(4,)),
    case("conv(x, 8, 2, stride=5, padding=valid, groups=4, weight=w, bias=b)",
         lambda x, w, b: conv(x, w, b, 5, groups=4), x=(1, 13, 4), w=(2, 1, 8), b=(8,)),
    case("conv(x, 2, 7, padding=3, weight=w, bias=b)",
         lambda x, w, b: conv(x, w, b, pads=(3, 3, 3, 3)), x=(1, 2, 3, 1), w=(7, 7, 1, 2), b=(2,)),
    case("conv(x, 3, [1, 5], stride=[4, 2], padding=[0, 4, 1, 2], dilation=[1, 2], "
         "weight=w, bias=b)",
         lambda x, w, b: conv(x, w, b, (4, 2), (4, 2, 0, 1), (1, 2)),
         x=PICTURE, w=(1, 5, 4, 3), b=(3,)),
    case("conv(x, 4, 3, padding=valid, dilation=2, groups=4, weight=w, bias=b)",
         lambda x, w, b: conv(x, w, b, dilation=2, groups=4), x=PICTURE, w=(3, 3, 1, 4), b=(4,)),
    case("conv(x, 1, 1, stride=7, weight=w, bias=b)", lambda x, w, b: conv(x, w, b, 7),
         x=PICTURE, w=(1, 1, 4, 1), b=(1,)),
    case("conv(x, 6, 2, dilation=3, groups=2, weight=w, bias=b)",
         lambda x, w, b: conv(x, w, b, pads=(1, 2, 1, 2), dilation=3, groups=2),
         x=PICTURE, w=(2, 2, 2, 6), b=(6,)),
    case("conv(x, 3, 4, stride=3, weight=w, bias=b)",
         lambda x, w, b: conv(x, w, b, 3, (0, 1, 1, 1)), x=PICTURE, w=(4, 4, 4, 3), b=(3,)),
    # transposed
    case("conv_transpose(x, 2, 3, padding=0, weight=w, bias=b)", transposed, x=(1, 1, 3),
         w=(3, 2, 3), b=(2,)),
    case("conv_transpose(x, 4, 2, stride=5, padding=0, output_padding=4, groups=4, "
         "weight=w, bias=b)",
         lambda x, w, b: transposed(x, w, b, stride=5, output_padding=4, groups=4),
         x=(2, 3, 4), w=(2, 1, 4), b=(4,)),
    case("conv_transpose(x, 6, [1, 4], stride=[3, 2], padding=[0, 1], dilation=[1, 3], groups=2, "
         "weight=w, bias=b)",
         lambda x, w, b: transposed(x, w, b, stride=(3, 2), padding=(0, 1), dilation=(1, 3),
                                    groups=2), x=PICTURE, w=(1, 4, 3, 4), b=(6,)),
    case("conv_transpose(x, 2, 3, stride=2, weight=w, bias=b)",
         lambda x, w, b: transposed(x, w, b, stride=2)[:, :6], x=(1, 3, 3), w=(3, 2, 3), b=(2,)),
    case("conv_transpose(x, 2, 2, stride=5, weight=w, bias=b)",
         lambda x, w, b: transposed(x, w, b, stride=5, output_padding=3), x=(1, 3, 3), w=(2, 2, 3),
         b=(2,)),
    case("conv_transpose(x, 2, 3, padding=[1, 0], weight=w, bias=b)",
         lambda x, w, b: transposed(x, w, b)[:, 1:], x=(1, 3, 3), w=(3, 2, 3), b=(2,)),
    # pooling
    case("maxpool(x, 3, stride=5, padding=1)",
         lambda x: last(F.max_pool2d(first(x), 3, 5, 1)), x=PICTURE),
    case("maxpool(x, 2, stride=1, dilation=3)",
         lambda x: last(F.max_pool2d(first(x), 2, 1, dilation=3)), x=PICTURE),
    case("maxpool(x, 2, padding=1, ceil=true)",
         lambda x: last(F.max_pool2d(first(x), 2, 2, 1, ceil_mode=True)), x=(1, 1, 1, 1)),
    case("maxpool(x, 3, stride=2, ceil=true)",
         lambda x: last(F.max_pool1d(first(x), 3, 2, ceil_mode=True)), x=(1, 8, 1)),
    case("maxpool(x, [5, 1], stride=[1, 2], padding=[2, 0])",
         lambda x: last(F.max_pool2d(first(x), (5, 1), (1, 2), (2, 0))), x=(1, 3, 4, 1)),
    case("avgpool(x, 3, stride=2, padding=1, ceil=true)",
         lambda x: last(F.avg_pool2d(first(x), 3, 2, 1, True, False)), x=PICTURE),
    case("avgpool(x, 3, stride=2, padding=1, ceil=true, include_padding=true)",
         lambda x: last(F.avg_pool2d(first(x), 3, 2, 1, True, True)), x=(3, 6, 6, 4)),
    case("avgpool(x, 4, stride=3, padding=2, include_padding=true)",
         lambda x: last(F.avg_pool1d(first(x), 4, 3, 2)), x=(1, 1, 1)),
    case("adaptive_avgpool(x, [7, 1])",
         lambda x: last(F.adaptive_avg_pool2d(first(x), (7, 1))), x=(2, 3, 5, 1)),
    case("adaptive_avgpool(x, 4)", lambda x: last(F.adaptive_avg_pool1d(first(x), 4)), x=(1, 1, 3)),
    case("global_avgpool(x)", lambda x: x.mean(1), x=(1, 5, 2)),
    # resampling and padding
    case("upsample(x, [1, 3], mode=linear)",
         lambda x: last(F.interpolate(first(x), scale_factor=(1, 3), mode="bilinear")),
         x=(1, 1, 1, 1)),
    case("upsample(x, 2, mode=linear, align_corners=true)",
         lambda x: last(F.interpolate(first(x), scale_factor=2, mode="bilinear",
                                      align_corners=True)), x=(1, 1, 4, 2)),
    case("upsample(x, 5, mode=linear)",
         lambda x: last(F.interpolate(first(x), scale_factor=5, mode="linear")), x=(2, 2, 1)),
    case("upsample(x, [3, 1])",
         lambda x: last(F.interpolate(first(x), scale_factor=(3, 1))), x=PICTURE),
    case("upsample(x, [1.5, 1.7])",
         lambda x: last(F.interpolate(first(x), scale_factor=(1.5, 1.7))), x=PICTURE),
    case("upsample(x, [1.5, 2.3], mode=linear)",
         lambda x: last(F.interpolate(first(x), scale_factor=(1.5, 2.3), mode="bilinear")),
         x=PICTURE),
    case("conv(x, 2, 3, stride=2, padding=[2, 0], weight=w, bias=b)",
         lambda x, w, b: conv(x, w, b, 2, (2, 0)), x=(1, 4, 3), w=(3, 3, 2), b=(2,)),
    case("pad(x, [0, 2, 0, 0, 1, 0], mode=reflect)",
         lambda x: last(F.pad(first(x), (2, 1), mode="reflect")), x=(1, 3, 1)),
    case("pad(x, [0, 3, 0, 0, 3, 0], mode=circular)",
         lambda x: last(F.pad(first(x), (3, 3), mode="circular")), x=(1, 3, 1)),
    case("pad(x, [0, 4, 0, 0, 5, 0], mode=replicate)",
         lambda x: last(F.pad(first(x), (4, 5), mode="replicate")), x=(1, 1, 2)),
    case("pad(x, [0, 0, 2, 0, 0, 1], value=-3)", lambda x: F.pad(x, (2, 1), value=-3), x=(2, 3, 1)),
    # pieces
    case("slice(x, -1, -2)", lambda x: x[..., -2:], x=PICTURE),
    case("slice(x, 1, 3, 0, step=-2)", lambda x: x[:, [3, 1]], x=PICTURE),
    case("slice(x, -2, -100, 100, step=4)", lambda x: x[:, :, ::4], x=PICTURE),
    case("concat(x, slice(x, 1, 4, 2), axis=1)", same, x=PICTURE),
    case("concat(slice(x, 2, 0, 3), slice(x, 2, 3, 3), slice(x, 2, 3), axis=-2)", same, x=PICTURE),
    ("a, b, c = split(x, [1, 2, 1], axis=-1)\ny = concat(c, a, b)",
     lambda x: x[..., [3, 0, 1, 2]], {"x": PICTURE}),
    ("a, b = split(x, 2, axis=-2)\ny = a * b", lambda x: x[:, :, :3] * x[:, :, 3:],
     {"x": PICTURE}),
    case("cumsum(x, -3, exclusive=true, reverse=true)",
         lambda x: x.flip(1).cumsum(1).flip(1) - x, x=PICTURE),
    case("cumsum(x, 1)", lambda x: x.cumsum(1), x=(1, 1)),
    case("transpose(x, [0, 3, 1, 2])", first, x=(1, 1, 6, 1)),
    # ids
    case("embedding(i, 5, 3, weight=w)", lambda w, i: w[i], **WORDS),
    case("embedding(i, 5, 3, weight=w)", lambda w, i: w[i], w=(5, 3), i=(4,)),
    case("embedding(i, 5, 1, weight=w)", lambda w, i: w[i], w=(5, 1), i=(1, 1)),
    case("x + position(x, 9, 2, weight=w)", lambda x, w: x + w[:1], x=(1, 1, 2), w=(9, 2)),
    case("x + position(x, 3, 2, weight=w)", lambda x, w: x + w, x=(2, 3, 2), w=(3, 2)),
    case("gather(x, i, axis=-1, rows=true)",
         lambda x, i: torch.stack([a[:, b] for a, b in zip(x, i)]), x=(2, 3, 5), i=(2, 4)),
    # norms
    case("layernorm(x, scale=w, bias=b)", lambda x, w, b: norm(x, w, b, -1),
         x=(2, 3, 1), w=(1,), b=(1,)),
    case("layernorm(x, axis=1, scale=w, bias=b)", lambda x, w, b: norm(x, w, b, (1, 2, 3)),
         x=PICTURE, w=PICTURE[1:], b=PICTURE[1:]),
    case("layernorm(x, axis=-2, scale=w, bias=false)", lambda x, w: norm(x, w, 0, (2, 3)),
         x=PICTURE, w=PICTURE[2:]),
    case("rmsnorm(x, axis=-3, scale=w)",
         lambda x, w: F.rms_norm(x, x.shape[1:], w, 1e-5), x=(1, 1, 1, 2), w=(1, 1, 2)),
    case("groupnorm(x, 4, scale=w, bias=b)",
         lambda x, w, b: last(F.group_norm(first(x), 4, w, b)), x=PICTURE, w=(4,), b=(4,)),
    case("groupnorm(x, 1, scale=w, bias=b)",
         lambda x, w, b: F.group_norm(x, 1, w, b), x=(2, 4), w=(4,), b=(4,)),
    case("groupnorm(x, 2, scale=w, bias=b)",
         lambda x, w, b: last(F.group_norm(first(x), 2, w, b)), x=(1, 1, 1, 4), w=(4,), b=(4,)),
    case("batchnorm(x, scale=w, bias=b)", running, x=(1, 2, 1, 3), w=(3,), b=(3,),
         **{MEAN: (3,), VARIANCE: (3,)}),
    case("batchnorm(x, scale=w, bias=b, running=true)", running, x=(1, 1), w=(1,), b=(1,),
         **{MEAN: (1,), VARIANCE: (1,)}),
    case("lrn(x, 9, alpha=0.5, bias=2)",
         lambda x: last(F.local_response_norm(first(x), 9, 0.5, 0.75, 2)), x=(1, 2, 2, 3)),
    case("lrn(x, 1, alpha=2, beta=1)", lambda x: x / (1 + 2 * x * x), x=(2, 1)),
    # attention
    case("attention(x, k, v, heads=1)", lambda x, k, v: attend(x, k, v, 1),
         x=(1, 1, 2), k=(1, 1, 2), v=(1, 1, 1)),
    case("attention(x, k, v, heads=4, causal=true)",
         lambda x, k, v: attend(x, k, v, 4, causal=True), x=(2, 5, 4), k=(2, 3, 4), v=(2, 3, 8)),
    case("attention(x, k, v, heads=2, scale=-0.5)",
         lambda x, k, v: attend(x, k, v, 2, scale=-0.5), x=(1, 1, 4), k=(1, 40, 4), v=(1, 40, 2)),
    case("attention(x, k, v, heads=2, mask=log(clip(i, 0)), causal=true)",
         lambda x, k, v, i: attend(x, k, v, 2, i.clamp(min=0).log().detach(), True),
         x=(2, 4, 4), k=(2, 4, 4), v=(2, 4, 4), i=(2, 1, 1, 4)),
    case("attention(x, k, v, heads=2, mask=m)",
         lambda x, k, v, m: attend(x, k, v, 2, m), x=(2, 3, 4), k=(2, 5, 4), v=(2, 5, 4),
         m=(2, 1, 1, 5)),
    # chosen
    case("where(greater(x, z), x * 2, z)", lambda x, z: torch.where(x > z, x * 2, z),
         x=(2, 3, 1), z=(2, 1, 4)),
    case("where(i, x, 5)", lambda x, i: torch.where(i != 0, x, 5.0), x=(2, 3), i=(2, 1)),
    # recurrent
    *[series(kind, layers, direction, rows, t, f, u, given)
      for kind, start in (("rnn", ("start",)), ("gru", ("start",)), ("lstm", ("start", "cell")))
      for layers, direction, rows, t, f, u, given in (
          (1, "forward", 1, 1, 1, 1, ()), (3, "both", 2, 1, 2, 3, start),
          (3, "both", 1, 4, 1, 2, start), (2, "backward", 2, 3, 3, 1, start[:1]))],
]


def draw(line, shapes):
    """Tensors by name. i: ids, the largest and the smallest among them; where they choose or hide,
    0 and 1, of the last row nothing but 0."""
    values = {name: torch.randn(shape).requires_grad_() for name, shape in shapes.items()}
    if "i" in values:
        ids = torch.randint(0, 5, shapes["i"])
        ids.view(-1)[0], ids.view(-1)[-1] = 4, 0
        chosen = (ids > 2).double()
        chosen[-1] = 0
        values["i"] = chosen if "log(" in line or "where(" in line else ids
    if VARIANCE in values:
        values[VARIANCE] = values[VARIANCE].detach().abs()
        values[MEAN] = values[MEAN].detach()
    return values


def model_text(line, inputs, parameters):
    head = ""
    for name, x in inputs.items():
        dims = "".join(f", {d}" for d in x.shape[1:])
        head += f"{'target' if name == 't' else 'input'} {name}[N{dims}]"
        head += "\n" if x.is_floating_point() else " int\n"
    for name, x in parameters.items():
        if "." not in name:
            head += f"parameter {name}[{', '.join(map(str, x.shape))}] = zeros\n"
    return f"{head}{line}\noutput y\nloss mse(t, y)\ntrain {{ precision = f64; steps = 1 }}\n"


def check(program, folder, line, value, shapes):
    """None, or what is wrong."""
    values = draw(line, shapes)
    y = value(**values)
    t = torch.randn_like(y)
    loss = ((t - y) ** 2).sum() / len(y)
    loss.backward()
    inputs = {n: v for n, v in values.items() if n in INPUTS}
    parameters = {n: v for n, v in values.items() if n not in INPUTS}
    rows = {**inputs, "t": t}
    found = run_grad(program, folder, model_text(line, rows, parameters), len(y), parameters, rows,
                     [n for n, x in inputs.items() if x.requires_grad], ["y"])
    if isinstance(found, str):
        return found
    expected = {"loss": loss, "value.y": y}
    expected |= {n: x.grad for n, x in values.items() if x.requires_grad}
    for name, x in expected.items():
        x = torch.zeros_like(values[name]) if x is None else x
        if found[name].shape != tuple(x.shape):
            return f"{name} is {found[name].shape}, {tuple(x.shape)} expected"
        if not gap(found[name], x) <= LIMIT:
            return f"{name} of {tuple(x.shape)} differs by {gap(found[name], x):.3g} of its norm"
    return None


def main():
    program, wrong = os.path.abspath(sys.argv[1]), 0
    torch.manual_seed(7)
    with tempfile.TemporaryDirectory() as folder:
        for line, value, shapes in CASES:
            text = check(program, folder, line, value, shapes)
            if text:
                wrong += 1
                print(f"{line}\n    {shapes}\n    {text}")
    print(f"{len(CASES)} nodes at their edges: {len(CASES) - wrong} agree, {wrong} differ")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
