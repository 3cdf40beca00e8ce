#!/usr/bin/env python3
"""Nodes beside PyTorch's own samples of modules (torch.testing's module_db), f64.

    check_samples.py PROGRAM

Each sample that a node can say is a model of one node with the module's parameters; outputs and
gradients must agree as in check_ops.py. The table counts, by module: samples agreed, samples that
the node does not say (without rows, sizes 0, other attributes), and those that differ, which end it
with status 1. Exit 77 where PyTorch is not installed.
"""
import sys
import tempfile
from types import SimpleNamespace

import check_ops as ops
from check_ops import Unsaid, last, need, pair, picture
from common import torch

try:
    from torch.testing._internal.common_modules import module_db
except ImportError as missing:
    print(f"SKIPPED: {missing}; make bench-peers installs it")
    sys.exit(77)

nn, F = torch.nn, torch.nn.functional


def word(x):
    return str(bool(x)).lower()


def say_linear(s, x, w, b=None):
    need(x.dim() > 1 and b is not None)
    s.put("x", x, "input")
    s.put("w", w.T, "parameter")
    s.put("b", b, "parameter")
    return f"linear(x, {w.shape[0]}, weight=w, bias=b)", lambda y: y


def say_pool(node, n):
    """max_pool: kernel, stride, padding, dilation, ceil; avg_pool: kernel, stride, padding, ceil,
    whether padding counts."""
    def say(s, x, kernel, stride, padding, *more):
        need(x.dim() == n + 2)
        picture(s, x)
        words = (f"dilation={pair(more[0], n)}, ceil={word(more[1])}" if node == "maxpool" else
                 f"ceil={word(more[0])}, include_padding={word(more[1])}")
        return (f"{node}(x, {pair(kernel, n)}, stride={pair(stride, n)}, "
                f"padding={pair(padding, n)}, {words})"), last
    return say


def say_softmax(node):
    def say(s, x, dim):
        need(dim is not None and x.dim() > 1 and dim % x.dim() > 0)
        s.put("x", x, "input")
        return f"{node}(x, {dim})", lambda y: y
    return say


def say_attribute(node, *names):
    def say(s, x, *given):
        need(x.dim() > 0)
        s.put("x", x, "input")
        return f"{node}(x, {', '.join(f'{k}={v}' for k, v in zip(names, given))})", lambda y: y
    return say


def blocks(p, role, layers, directions):
    """weight_ih_l0, weight_ih_l0_reverse, ..: each transposed, side by side."""
    names = [f"{role}_l{k}{end}" for k in layers for end in ("", "_reverse")[:directions]]
    return torch.cat([p[n].T if p[n].dim() == 2 else p[n] for n in names], -1)


def say_recurrent(m, kind):
    """Over the tensors of the module by name. In the pass of gradients a bias, which is the sum of
    PyTorch's two, has the gradient of either."""
    layers, directions = m.num_layers, 2 if m.bidirectional else 1
    names = [n for n, _ in m.named_parameters()]

    def say(s, x, *given):
        need(m.bias and not m.dropout and not getattr(m, "proj_size", 0))
        p, start = dict(zip(names, given)), given[len(names) :]

        def rows_first(z, first=False):
            return z.unsqueeze(0) if x.dim() == 2 else z if first else z.transpose(0, 1)
        s.put("x", rows_first(x, m.batch_first), "input")
        first, second = (blocks(p, f"bias_{role}", range(layers), directions)
                         for role in ("ih", "hh"))
        roles = {"weight": blocks(p, "weight_ih", [0], directions),
                 "recurrent": blocks(p, "weight_hh", range(layers), directions)}
        if layers > 1:
            roles["deep"] = blocks(p, "weight_ih", range(1, layers), directions)
        if kind == "gru":
            gates = second.reshape(layers * directions, 3, -1)
            roles["recurrent_bias"] = gates[:, 2].flatten()
            second = (gates * torch.tensor([1.0, 1.0, 0.0]).reshape(1, 3, 1)).flatten()
        roles["bias"] = first if s.gradients else first + second
        for role, value in roles.items():
            s.put(role, value, "parameter")
        for role, state in zip(("start", "cell"), start):
            s.put(role, rows_first(state), "input")
            roles[role] = state
        words = ", ".join(f"{role}={role}" for role in roles)
        direction = "both" if directions == 2 else "forward"
        return (f"{kind}(x, {m.hidden_size}, layers={layers}, direction={direction}, {words})",
                lambda y: rows_first(y, m.batch_first))
    return say


def recurrent(kind):
    def of(m, x, start=None):
        need(getattr(m, "nonlinearity", "tanh") == "tanh")
        names = [n for n, _ in m.named_parameters()]
        starts = [] if start is None else [start] if torch.is_tensor(start) else list(start)

        def call(x, *given):
            states = given[len(names) :]
            states = () if not states else (tuple(states) if kind == "lstm" else states[0],)
            return torch.func.functional_call(m, dict(zip(names, given)), (x, *states))[0]
        return call, say_recurrent(m, kind), [x, *(p for _, p in m.named_parameters()), *starts]
    return of


def functional(f, say, *attributes):
    """A module that hands these attributes to a function."""
    def of(m, x):
        need(getattr(m, "padding_mode", "zeros") == "zeros")
        need(getattr(m, "divisor_override", None) is None)
        return f, say, [x, *(getattr(m, name) for name in attributes)]
    return of


def pad(mode):
    def of(m, x):
        pads = list(m.padding)
        value = getattr(m, "value", 0)
        return F.pad, ops.say_pad, [x, pads, mode, value if mode == "constant" else None]
    return of


def embedding(m, ids):
    need(m.max_norm is None and m.padding_idx is None)
    return (lambda w, i: F.embedding(i, w)), ops.say_embedding, [m.weight, ids]


CONV = ("weight", "bias", "stride", "padding", "dilation", "groups")
TURNED = ("weight", "bias", "stride", "padding", "output_padding", "groups", "dilation")
MAX = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
MEAN = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")

MODULES = {
    "nn.Linear": functional(F.linear, say_linear, "weight", "bias"),
    "nn.Conv1d": functional(F.conv1d, ops.say_conv, *CONV),
    "nn.Conv2d": functional(F.conv2d, ops.say_conv, *CONV),
    "nn.ConvTranspose1d": functional(F.conv_transpose1d, ops.say_conv_transpose, *TURNED),
    "nn.ConvTranspose2d": functional(F.conv_transpose2d, ops.say_conv_transpose, *TURNED),
    "nn.MaxPool1d": functional(F.max_pool1d, say_pool("maxpool", 1), *MAX),
    "nn.MaxPool2d": functional(F.max_pool2d, say_pool("maxpool", 2), *MAX),
    "nn.AvgPool1d": functional(F.avg_pool1d, say_pool("avgpool", 1), *MEAN),
    "nn.AvgPool2d": functional(F.avg_pool2d, say_pool("avgpool", 2), *MEAN),
    "nn.AdaptiveAvgPool1d": functional(F.adaptive_avg_pool1d, ops.adaptive(1), "output_size"),
    "nn.AdaptiveAvgPool2d": functional(F.adaptive_avg_pool2d, ops.adaptive(2), "output_size"),
    "nn.LayerNorm": functional(F.layer_norm, ops.say_layernorm, "normalized_shape", "weight",
                               "bias", "eps"),
    "nn.RMSNorm": functional(F.rms_norm, ops.say_rmsnorm, "normalized_shape", "weight", "eps"),
    "nn.GroupNorm": functional(F.group_norm, ops.say_groupnorm, "num_groups", "weight", "bias",
                               "eps"),
    "nn.LocalResponseNorm": functional(F.local_response_norm, ops.say_lrn, "size", "alpha", "beta",
                                       "k"),
    "nn.Embedding": embedding,
    "nn.RNN": recurrent("rnn"), "nn.GRU": recurrent("gru"), "nn.LSTM": recurrent("lstm"),
    "nn.ReflectionPad1d": pad("reflect"), "nn.ReflectionPad2d": pad("reflect"),
    "nn.ReplicationPad1d": pad("replicate"), "nn.ReplicationPad2d": pad("replicate"),
    "nn.CircularPad1d": pad("circular"), "nn.CircularPad2d": pad("circular"),
    "nn.ZeroPad1d": pad("constant"), "nn.ZeroPad2d": pad("constant"),
    "nn.ConstantPad1d": pad("constant"), "nn.ConstantPad2d": pad("constant"),
    "nn.Softmax": functional(F.softmax, say_softmax("softmax"), "dim"),
    "nn.LogSoftmax": functional(F.log_softmax, say_softmax("log_softmax"), "dim"),
    "nn.ELU": functional(F.elu, say_attribute("elu", "alpha"), "alpha"),
    "nn.LeakyReLU": functional(F.leaky_relu, say_attribute("leaky_relu", "alpha"),
                               "negative_slope"),
    "nn.Hardtanh": functional(F.hardtanh, say_attribute("clip", "min", "max"), "min_val",
                              "max_val"),
    "nn.GELU": functional(lambda x, how: F.gelu(x, approximate=how),
                          say_attribute("gelu", "approximate"), "approximate"),
    "nn.ReLU": functional(F.relu, ops.pointwise("relu")),
    "nn.SELU": functional(F.selu, ops.pointwise("selu")),
    "nn.SiLU": functional(F.silu, ops.pointwise("silu")),
    "nn.Sigmoid": functional(torch.sigmoid, ops.pointwise("sigmoid")),
    "nn.Tanh": functional(torch.tanh, ops.pointwise("tanh")),
    "nn.Softsign": functional(F.softsign, ops.pointwise("softsign")),
    "nn.Hardswish": functional(F.hardswish, ops.pointwise("hardswish")),
}


def run_sample(program, folder, info, sample):
    make, forward = sample.constructor_input, sample.forward_input
    module = info.module_cls(*make.args, **make.kwargs).double()
    given = [*forward.args, *forward.kwargs.values()]
    call, say, args = MODULES[info.name](module, *given)
    expected = module(*given)
    expected = expected[0] if isinstance(expected, tuple) else expected
    if not torch.equal(expected, call(*args)):
        return "the module is another function than the one compared"
    plain = SimpleNamespace(input=args[0], args=args[1:], kwargs={})
    return ops.run_sample(program, folder, SimpleNamespace(op=call), plain, say)


def count(program, folder, info):
    """Agreed, unsaid, texts of those that differ."""
    agreed, unsaid, differ = 0, 0, []
    torch.manual_seed(1)
    for sample in info.module_inputs_func(info, "cpu", torch.float64, False, True):
        try:
            text = run_sample(program, folder, info, sample)
        except Unsaid:
            unsaid += 1
            continue
        agreed += text is None
        differ += [text] if text else []
    return agreed, unsaid, differ


def main():
    total = [0, 0, 0]
    print(f"{'module':24} agreed unsaid differ")
    with tempfile.TemporaryDirectory() as folder:
        for info in module_db:
            if info.name not in MODULES:
                continue
            agreed, unsaid, differ = count(sys.argv[1], folder, info)
            print(f"{info.name:24} {agreed:6} {unsaid:6} {len(differ):6}", flush=True)
            for text in differ:
                print("    " + text.replace("\n", "\n    "))
            total = [a + b for a, b in zip(total, (agreed, unsaid, len(differ)))]
    print(f"{'in all':24} {total[0]:6} {total[1]:6} {total[2]:6}; {len(MODULES)} modules of "
          f"{len(module_db)}")
    sys.exit(1 if total[2] else 0)


if __name__ == "__main__":
    main()
