#!/usr/bin/env python3
"""Modules of PyTorch in dagrad, f64: their state dicts through the layouts that the nodes' files
document, outputs and gradients of inputs and parameters within 1e-10 of each tensor's norm.

    check_modules.py PROGRAM

LSTM, GRU, RNN (layers, directions), GRU with reset=before (which PyTorch has not: written out),
multi-head attention, batch norm (running statistics after steps of training), transposed
convolution. Exit 77 where PyTorch is not installed.
"""
import os
import subprocess
import sys
import tempfile

from common import LIMIT, gap, np, read_safetensors, run_grad, torch, write_safetensors

nn, F = torch.nn, torch.nn.functional
ROWS = 3


def series_model(x, y, lines):
    dims = [", ".join(map(str, v.shape[1:])) for v in (x, y)]
    return (f"input x[N, {dims[0]}]\ntarget t[N, {dims[1]}]\n{lines}\noutput y\nloss mse(t, y)\n"
            "train { precision = f64; steps = 1 }\n")


def compare(program, name, x, y, lines, parameters, back):
    """parameters: by dagrad's names, made of the module's; back: gradients in the same layouts."""
    t = torch.randn_like(y)
    loss = ((t - y) ** 2).sum() / ROWS
    loss.backward()
    with tempfile.TemporaryDirectory() as folder:
        found = run_grad(program, folder, series_model(x, y, lines), ROWS, parameters,
                         {"x": x, "t": t}, ["x"], ["y"])
    if isinstance(found, str):
        sys.exit(f"{name}: {found}")
    expected = {"loss": loss.detach(), "x": x.grad, "value.y": y.detach(), **back()}
    worst = 0.0
    for key, value in expected.items():
        error = gap(found[key].reshape(value.shape), value)
        if not error <= LIMIT:
            sys.exit(f"{name}: {key} differs by {error:.3g} of its norm")
        worst = max(worst, error)
    print(f"{name:42} {len(expected):3} tensors, at most {worst:.2g} of their norms")


def columns(net, role, layers, directions, grad=False):
    """weight_ih_l0, weight_ih_l0_reverse, ..: each transposed, side by side."""
    found = []
    for layer in layers:
        for suffix in ("", "_reverse")[:directions]:
            p = getattr(net, f"{role}_l{layer}{suffix}")
            p = p.grad if grad else p
            found.append(p.T if p.dim() == 2 else p)
    return torch.cat(found, -1)


def recurrent_layout(net, kind, layers, directions, units, grad=False):
    """Of weight_hh and the two biases of PyTorch: their sum is dagrad's bias, but for the part of
    bias_hh that a reset gate multiplies, which is recurrent_bias."""
    def get(role, which=range(layers)):
        return columns(net, role, which, directions, grad)

    out = {"weight": get("weight_ih", [0]), "recurrent": get("weight_hh")}
    if layers > 1:
        out["deep"] = get("weight_ih", range(1, layers))
    bias, second = get("bias_ih"), get("bias_hh")
    if kind != "gru":
        out["bias"] = bias if grad else bias + second
        return out
    blocks = second.reshape(layers * directions, 3, units)
    out["recurrent_bias"] = blocks[:, 2].reshape(-1)
    rest = blocks * torch.tensor([1.0, 1.0, 0.0]).reshape(1, 3, 1)
    out["bias"] = bias if grad else bias + rest.reshape(-1)
    return out


def check_recurrent(program, kind, layers, directions):
    units = 5
    net = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[kind]
    net = net(4, units, layers, batch_first=True, bidirectional=directions == 2)
    x = torch.randn(ROWS, 6, 4, requires_grad=True)
    y, _ = net(x)
    direction = "both" if directions == 2 else "forward"
    node = f"y = {kind}(x, {units}, layers={layers}, direction={direction}, name=\"r\")"

    def layout(grad=False):
        roles = recurrent_layout(net, kind, layers, directions, units, grad)
        return {f"r.{role}": value for role, value in roles.items()}

    compare(program, f"{kind} of {layers} layers, {direction}", x, y, node, layout(),
            lambda: layout(grad=True))


def check_reset_before(program):
    units, width = 5, 4
    w, u = (torch.randn(n, 3 * units, requires_grad=True) for n in (width, units))
    b = torch.randn(3 * units, requires_grad=True)
    x = torch.randn(ROWS, 6, width, requires_grad=True)
    h, all_states = torch.zeros(ROWS, units), []
    for t in range(x.shape[1]):
        a, of = x[:, t] @ w + b, (u[:, :units], u[:, units : 2 * units], u[:, 2 * units :])
        r = torch.sigmoid(a[:, :units] + h @ of[0])
        z = torch.sigmoid(a[:, units : 2 * units] + h @ of[1])
        n = torch.tanh(a[:, 2 * units :] + (r * h) @ of[2])
        h = n + z * (h - n)
        all_states.append(h)
    compare(program, "gru, reset=before", x, torch.stack(all_states, 1),
            f"y = gru(x, {units}, reset=before, name=\"r\")",
            {"r.weight": w, "r.recurrent": u, "r.bias": b},
            lambda: {"r.weight": w.grad, "r.recurrent": u.grad, "r.bias": b.grad})


def check_attention(program):
    width, heads = 6, 2
    net = nn.MultiheadAttention(width, heads, batch_first=True)
    x = torch.randn(ROWS, 5, width, requires_grad=True)
    y, _ = net(x, x, x, need_weights=False)
    lines = (f"q, k, v = linear(x, {3 * width}, name=\"in\") | split(3)\n"
             f"y = attention(q, k, v, heads={heads}) | linear({width}, name=\"out\")")

    def layout(of):
        return {"in.weight": of(net.in_proj_weight).T, "in.bias": of(net.in_proj_bias),
                "out.weight": of(net.out_proj.weight).T, "out.bias": of(net.out_proj.bias)}

    compare(program, "multi-head attention", x, y, lines, layout(lambda p: p),
            lambda: layout(lambda p: p.grad))


def check_transposed(program, groups, dilation):
    net = nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=groups,
                             dilation=dilation)
    x = torch.randn(ROWS, 5, 4, 4, requires_grad=True)
    y = net(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    node = (f"y = conv_transpose(x, 6, 3, stride=2, padding=1, output_padding=1, groups={groups}, "
            f"dilation={dilation}, name=\"c\")")

    def layout(of):  # [in, out / groups, kh, kw] to [kh, kw, out / groups, in]
        return {"c.weight": of(net.weight).permute(2, 3, 1, 0), "c.bias": of(net.bias)}

    compare(program, f"transposed convolution, groups={groups}, dilation={dilation}", x, y, node,
            layout(lambda p: p), lambda: layout(lambda p: p.grad))


def check_batchnorm(program):
    """Ten steps of gradient descent in both; dagrad's running variance is the population's."""
    channels, steps, rate, rows = 4, 10, 0.05, 6
    first, norm, last = nn.Linear(3, channels), nn.BatchNorm1d(channels), nn.Linear(channels, 2)
    x, t = torch.randn(rows, 3), torch.randn(rows, 2)
    with tempfile.TemporaryDirectory() as folder:
        def path(name):
            return os.path.join(folder, name)

        np.save(path("x.npy"), x.numpy())
        np.save(path("t.npy"), t.numpy())
        open(path("m.dag"), "w").write(
            "input x[N, 3]\ntarget t[N, 2]\n"
            "z = linear(x, 4, name=\"a\") | batchnorm(momentum=0.8, name=\"n\") | relu\n"
            "y = linear(z, 2, name=\"b\")\noutput y\nloss mse(t, y)\n"
            "data train { x = npy(\"x.npy\"); t = npy(\"t.npy\") }\n"
            f"train {{ optimizer = gd(rate={rate}); precision = f64; steps = {steps} }}\n")

        def state(mean, variance):
            return {"a.weight": first.weight.T, "a.bias": first.bias, "n.scale": norm.weight,
                    "n.bias": norm.bias, "n.mean": mean, "n.variance": variance,
                    "b.weight": last.weight.T, "b.bias": last.bias}

        mean, variance = torch.zeros(channels), torch.ones(channels)
        write_safetensors(path("w.safetensors"), state(mean, variance))
        run = subprocess.run([program, "train", path("m.dag"), "--out", path("run"), "--weights",
                              path("w.safetensors"), "--quiet"], capture_output=True, text=True)
        if run.returncode:
            sys.exit(f"batch norm: {run.stderr}")
        found = read_safetensors(path("run/last.safetensors"))
    modules = nn.Sequential(first, norm, nn.ReLU(), last)
    descent = torch.optim.SGD(modules.parameters(), rate)
    for _ in range(steps):
        z = first(x).detach()
        mean = 0.8 * mean + 0.2 * z.mean(0)
        variance = 0.8 * variance + 0.2 * z.var(0, unbiased=False)
        descent.zero_grad()
        (((t - modules(x)) ** 2).sum() / rows).backward()
        descent.step()
    expected = state(mean, variance)
    worst = max(gap(found[name], value) for name, value in expected.items())
    if not worst <= LIMIT:
        sys.exit(f"batch norm after {steps} steps differs by {worst:.3g} of a norm")
    name = f"batch norm, {steps} steps"
    print(f"{name:42} {len(expected):3} tensors, at most {worst:.2g} of their norms")


def main():
    program = os.path.abspath(sys.argv[1])
    torch.manual_seed(3)
    for kind in ("rnn", "gru", "lstm"):
        for layers, directions in ((1, 1), (2, 1), (2, 2)):
            check_recurrent(program, kind, layers, directions)
    check_reset_before(program)
    check_attention(program)
    check_batchnorm(program)
    for groups, dilation in ((1, 1), (2, 1), (1, 2)):
        check_transposed(program, groups, dilation)


if __name__ == "__main__":
    main()
