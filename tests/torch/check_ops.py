#!/usr/bin/env python3
"""Nodes beside PyTorch's own operator samples (torch.testing's op_db), f64.

    check_ops.py PROGRAM [SAMPLES]

Each sample that a node can say is written as a model of one node; outputs and gradients of a mean
square against a random target must agree within 1e-10 of each tensor's norm. The table counts, by
operator: samples agreed, samples that the node does not say (other ranks, attributes, sizes 0), and
those that differ, which end it with status 1. Exit 77 where PyTorch is not installed.
"""
import inspect
import sys
import tempfile

from common import LIMIT, gap, run_grad, torch

try:
    from torch.testing._internal.common_methods_invocations import op_db
except ImportError as missing:
    print(f"SKIPPED: {missing}; make bench-peers installs it")
    sys.exit(77)

MOST = 20  # samples of an operator


class Unsaid(Exception):
    """The node has no such form."""


def need(condition):
    if not condition:
        raise Unsaid


def last(x):
    """Channels last, as dagrad has them."""
    return x.movedim(1, -1)


def pair(v, n):
    return list(v) if isinstance(v, (tuple, list)) else [v] * n


class Sample:
    """What a model of one node needs: values by name, the node, and how its result is compared."""

    def __init__(self):
        self.values, self.kinds, self.gradients = {}, {}, False

    def put(self, name, x, kind):
        need(isinstance(x, torch.Tensor) and x.numel() > 0 and x.dim() <= 8)
        self.values[name], self.kinds[name] = x, kind
        return name

    def text(self, node, y):
        head = ""
        for name, x in self.values.items():
            if self.kinds[name] == "parameter":
                head += f"parameter {name}[{', '.join(map(str, x.shape))}] = zeros\n"
            else:
                dims = "".join(f", {d}" for d in x.shape[1:])
                head += f"input {name}[N{dims}]{' int' if self.kinds[name] == 'ids' else ''}\n"
        dims = "".join(f", {d}" for d in y.shape[1:])
        return (f"{head}target t[N{dims}]\ny = {node}\noutput y\nloss mse(t, y)\n"
                "train { precision = f64; steps = 1 }\n")


def picture(s, x):
    need(x.dim() in (3, 4))
    s.put("x", last(x), "input")


def pointwise(node):
    def say(s, x):
        need(x.dim() > 0)
        s.put("x", x, "input")
        return f"{node}(x)", lambda y: y
    return say


def say_gelu(s, x, approximate="none"):
    s.put("x", x, "input")
    need(x.dim() > 0)
    return f"gelu(x, approximate={approximate})", lambda y: y


def say_cumsum(s, x, dim):
    need(x.dim() > 1 and dim % x.dim() > 0)
    s.put("x", x, "input")
    return f"cumsum(x, {dim})", lambda y: y


def put_weights(s, w, bias):
    """[out, in, ..] or [in, out, ..] to [.., second, first]; gives the keywords."""
    s.put("w", w.permute(*range(2, w.dim()), 1, 0), "parameter")
    if bias is None:
        return "weight=w, bias=false"
    return f"weight=w, bias={s.put('b', bias, 'parameter')}"


def say_conv(s, x, w, bias=None, stride=1, padding=0, dilation=1, groups=1):
    need(x.dim() == w.dim())
    picture(s, x)
    n = x.dim() - 2
    pads = padding if isinstance(padding, str) else pair(padding, n)
    # PyTorch's odd element of `same` is at the end too, but its stride is 1 then
    need(w.numel() > 0 and (pads != "same" or all(v == 1 for v in pair(stride, n))))
    return (f"conv(x, {w.shape[0]}, {list(w.shape[2:])}, stride={pair(stride, n)}, padding={pads}, "
            f"dilation={pair(dilation, n)}, groups={groups}, {put_weights(s, w, bias)})"), last


def say_conv_transpose(s, x, w, bias=None, stride=1, padding=0, output_padding=0, groups=1,
                       dilation=1):
    need(x.dim() == w.dim())
    picture(s, x)
    n = x.dim() - 2
    return (f"conv_transpose(x, {w.shape[1] * groups}, {list(w.shape[2:])}, "
            f"stride={pair(stride, n)}, padding={pair(padding, n)}, dilation={pair(dilation, n)}, "
            f"groups={groups}, output_padding={pair(output_padding, n)}, "
            f"{put_weights(s, w, bias)})"), last


def say_layernorm(s, x, shape, weight=None, bias=None, eps=1e-5):
    need(x.dim() > len(shape) > 0 and weight is not None and bias is not None and eps > 0)
    s.put("x", x, "input")
    s.put("w", weight, "parameter")
    s.put("b", bias, "parameter")
    return f"layernorm(x, {-len(shape)}, epsilon={eps}, scale=w, bias=b)", lambda y: y


def say_rmsnorm(s, x, shape, weight=None, eps=None):
    need(x.dim() > len(shape) > 0 and weight is not None and eps is not None and eps > 0)
    s.put("x", x, "input")
    s.put("w", weight, "parameter")
    return f"rmsnorm(x, {-len(shape)}, epsilon={eps}, scale=w)", lambda y: y


def say_groupnorm(s, x, groups, weight=None, bias=None, eps=1e-5):
    need(weight is not None and bias is not None and x.dim() > 1 and eps > 0)
    s.put("x", last(x), "input")
    s.put("w", weight, "parameter")
    s.put("b", bias, "parameter")
    return f"groupnorm(x, {groups}, epsilon={eps}, scale=w, bias=b)", last


def say_lrn(s, x, size, alpha=1e-4, beta=0.75, k=1.0):
    need(size % 2 == 1)  # of an even size PyTorch's window begins one channel earlier than ONNX's
    s.put("x", last(x), "input")
    return f"lrn(x, {size}, alpha={alpha}, beta={beta}, bias={k})", last


def adaptive(n):
    def say(s, x, output_size):
        need(x.dim() == n + 2)  # with rows
        picture(s, x)
        size = [x.shape[2 + i] if v is None else v for i, v in enumerate(pair(output_size, n))]
        need(all(v > 0 for v in size))
        return f"adaptive_avgpool(x, {size})", last
    return say


def say_interpolate(s, x, size=None, scale_factor=None, mode="nearest", align_corners=None,
                    **options):
    picture(s, x)
    modes = {"nearest": "nearest", "linear": "linear", "bilinear": "linear"}
    need(mode in modes and not any(options.values()))
    sizes = x.shape[2:]
    scale = (pair(scale_factor, len(sizes)) if size is None
             else [a / b for a, b in zip(pair(size, len(sizes)), sizes)])
    need(all(v >= 1 for v in scale) and (mode != "nearest" or all(v == int(v) for v in scale)))
    corners = str(bool(align_corners)).lower()
    return f"upsample(x, {scale}, mode={modes[mode]}, align_corners={corners})", last


def say_pad(s, x, pads, mode="constant", value=0):
    need(x.dim() > 1 and len(pads) // 2 < x.dim() and min(pads) >= 0)
    s.put("x", x, "input")
    before, after = [0] * x.dim(), [0] * x.dim()
    for i in range(len(pads) // 2):
        before[-1 - i], after[-1 - i] = pads[2 * i], pads[2 * i + 1]
    mode = "value" if mode == "constant" else mode
    return f"pad(x, {before + after}, value={value or 0}, mode={mode})", lambda y: y


def say_embedding(s, weight, ids, padding_idx=None, **options):
    need(ids.dim() > 0 and padding_idx is None and not any(v for v in options.values()))
    s.put("i", ids.to(torch.int32), "ids")
    s.put("w", weight, "parameter")
    return f"embedding(i, {weight.shape[0]}, {weight.shape[1]}, weight=w)", lambda y: y


def say_attention(s, q, k, v, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None,
                  **options):
    need(q.dim() == 4 and k.dim() == 4 and attn_mask is None and dropout_p == 0)
    need(q.shape[1] == k.shape[1] and not options.get("enable_gqa"))
    need(not is_causal or q.shape[2] == k.shape[2])
    heads = q.shape[1]
    for name, x in zip("qkv", (q, k, v)):
        s.put(name, x.transpose(1, 2).flatten(2), "input")
    extra = f", scale={scale}" if scale is not None else ""
    return (f"attention(q, k, v, heads={heads}, causal={str(is_causal).lower()}{extra})",
            lambda y: y.transpose(1, 2).flatten(2))


OPS = {
    "erf": pointwise("erf"), "nn.functional.selu": pointwise("selu"),
    "nn.functional.softsign": pointwise("softsign"), "nn.functional.silu": pointwise("silu"),
    "nn.functional.hardswish": pointwise("hardswish"), "nn.functional.gelu": say_gelu,
    "cumsum": say_cumsum, "nn.functional.conv1d": say_conv,
    "nn.functional.conv2d": say_conv,
    "nn.functional.conv_transpose1d": say_conv_transpose,
    "nn.functional.conv_transpose2d": say_conv_transpose,
    "nn.functional.layer_norm": say_layernorm, "nn.functional.rms_norm": say_rmsnorm,
    "nn.functional.group_norm": say_groupnorm, "nn.functional.local_response_norm": say_lrn,
    "nn.functional.adaptive_avg_pool1d": adaptive(1),
    "nn.functional.adaptive_avg_pool2d": adaptive(2),
    "nn.functional.interpolate": say_interpolate, "nn.functional.pad": say_pad,
    "nn.functional.embedding": say_embedding,
    "nn.functional.scaled_dot_product_attention": say_attention,
}


def run_sample(program, folder, op, sample, say):
    """None: agreed; a text: it differs. Unsaid where the node has no such form."""
    s = Sample()
    args = [a.detach() if isinstance(a, torch.Tensor) else a for a in (sample.input, *sample.args)]
    options = {k: v.detach() if isinstance(v, torch.Tensor) else v
               for k, v in sample.kwargs.items()}
    args = [a.requires_grad_() if isinstance(a, torch.Tensor) and a.is_floating_point() else a
            for a in args]
    options = {k: v.requires_grad_() if isinstance(v, torch.Tensor) and v.is_floating_point() else v
               for k, v in options.items()}
    try:
        inspect.signature(say).bind(s, *args, **options)
    except TypeError:
        raise Unsaid from None
    node, back = say(s, *args, **options)
    rows = {x.shape[0] for n, x in s.values.items() if s.kinds[n] != "parameter"}
    need(len(rows) == 1)
    y = back(op.op(*args, **options))
    need(y.dim() > 0 and y.numel() > 0 and y.shape[0] in rows)
    t = torch.randn_like(y)
    loss = ((t - y) ** 2).sum() / y.shape[0]
    # gradients of the leaves, laid out as the node's values are
    leaves = [a for a in (*args, *options.values())
              if isinstance(a, torch.Tensor) and a.requires_grad]
    grads = dict(zip(map(id, leaves), torch.autograd.grad(loss, leaves, allow_unused=True)))
    again = Sample()
    again.gradients = True
    swap = [grads[id(a)] if id(a) in grads else a for a in args]
    swap_options = {k: grads[id(v)] if id(v) in grads else v for k, v in options.items()}
    need(all(g is not None for g in grads.values()))
    say(again, *swap, **swap_options)
    parameters = {n: x for n, x in s.values.items() if s.kinds[n] == "parameter"}
    inputs = {n: x for n, x in s.values.items() if s.kinds[n] != "parameter"}
    found = run_grad(program, folder, s.text(node, y), y.shape[0], parameters,
                     {**inputs, "t": t}, [n for n in inputs if s.kinds[n] == "input"], ["y"])
    if isinstance(found, str):
        return f"{node}: {found}"
    expected = {"loss": loss, "value.y": y}
    expected |= {n: g for n, g in again.values.items() if s.kinds[n] != "ids"}
    for name, value in expected.items():
        error = gap(found[name].reshape(value.shape), value)
        if not error <= LIMIT:
            return f"{node}: {name} of {tuple(value.shape)} differs by {error:.3g} of its norm"
    return None


def main():
    program = sys.argv[1]
    most = int(sys.argv[2]) if len(sys.argv) > 2 else MOST
    wrong = 0
    print(f"{'operator':48} agreed unsaid differ")
    with tempfile.TemporaryDirectory() as folder:
        for op in op_db:
            if op.name not in OPS or op.variant_test_name not in ("", "constant", "reflect",
                                                                  "replicate", "circular",
                                                                  "nearest", "linear", "bilinear"):
                continue
            torch.manual_seed(1)
            agreed, unsaid, differ = 0, 0, []
            for sample in op.sample_inputs("cpu", torch.float64, requires_grad=False):
                if agreed + len(differ) == most:
                    break
                try:
                    text = run_sample(program, folder, op, sample, OPS[op.name])
                except Unsaid:
                    unsaid += 1
                    continue
                agreed += text is None
                differ += [text] if text else []
            name = op.name + (f" ({op.variant_test_name})" if op.variant_test_name else "")
            print(f"{name:48} {agreed:6} {unsaid:6} {len(differ):6}", flush=True)
            for text in differ:
                print("    " + text.replace("\n", "\n    "))
            wrong += len(differ)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
