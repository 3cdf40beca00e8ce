#!/usr/bin/env python3
"""ONNX files that PyTorch exports, and what dagrad makes of them.

    check_exports.py PROGRAM

Ten nets, both exporters, by default and as docs/pytorch.md advises. `dagrad convert` reads a file
or refuses it with a reason. Of one that is read `dagrad grad` must give, in f64, the outputs and
the gradients of loss, inputs and parameters that autograd gives the module in its eval mode. A
trained tensor of the file is found among the module's parameters by its numbers, in any order.
Where a parameter is found nowhere, since the exporter folded or merged some, `convert` must have
said so. Exit 77 where PyTorch or ONNX is not installed.
"""
import contextlib
import io
import logging
import os
import re
import subprocess
import sys
import tempfile
import warnings

from common import gap, np, read_safetensors, torch

try:
    import onnx
    import onnxscript  # noqa: F401, the newer exporter needs it
except ImportError as missing:
    print(f"SKIPPED: {missing}; make bench-peers installs it")
    sys.exit(77)

nn, F = torch.nn, torch.nn.functional
ROWS, LIMIT = 3, 1e-6  # constants and folded weights of a file are f32


class Net(nn.Module):
    """Modules by name, and a function of them."""

    def __init__(self, forward, **modules):
        super().__init__()
        self.body = forward
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x):
        return self.body(self, x)


def attend(net, x):
    n, t, c = x.shape
    q, k, v = (f(x).view(n, t, 2, c // 2).transpose(1, 2) for f in (net.q, net.k, net.v))
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return net.out(y.transpose(1, 2).reshape(n, t, c))


def transformer(net, x):
    y = net.norm1(x)
    x = x + net.attention(y, y, y, need_weights=False)[0]
    return x + net.down(F.gelu(net.up(net.norm2(x))))


def residual(net, x):
    y = net.bn2(net.conv2(F.relu(net.bn1(net.conv1(x)))))
    return F.relu(y + net.bn3(net.short(x))).mean((2, 3))


def ids(*shape):
    return torch.randint(0, 9, shape)


SEQ = nn.Sequential
NETS = {
    "dense": lambda: (SEQ(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3)),
                      torch.randn(ROWS, 6)),
    "cnn, batch norm": lambda: (
        SEQ(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(36, 5)), torch.randn(ROWS, 3, 6, 6)),
    "residual block": lambda: (
        Net(residual, conv1=nn.Conv2d(3, 4, 3, 2, 1, bias=False), bn1=nn.BatchNorm2d(4),
            conv2=nn.Conv2d(4, 4, 3, 1, 1, bias=False), bn2=nn.BatchNorm2d(4),
            short=nn.Conv2d(3, 4, 1, 2, bias=False), bn3=nn.BatchNorm2d(4)),
        torch.randn(ROWS, 3, 6, 6)),
    "depthwise": lambda: (
        SEQ(nn.Conv2d(4, 4, 3, padding=1, groups=4), nn.Hardswish(), nn.Conv2d(4, 6, 1),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)), torch.randn(ROWS, 4, 5, 5)),
    "lstm": lambda: (Net(lambda m, x: m.head(m.cell(x)[0][:, -1]),
                         cell=nn.LSTM(4, 5, 2, batch_first=True), head=nn.Linear(5, 3)),
                     torch.randn(ROWS, 6, 4)),
    "gru, both ways": lambda: (
        Net(lambda m, x: m.head(m.cell(x)[0]), cell=nn.GRU(4, 5, batch_first=True,
                                                           bidirectional=True),
            head=nn.Linear(10, 3)), torch.randn(ROWS, 6, 4)),
    "embedding, scaled attention": lambda: (
        Net(lambda m, x: m.head(attend(m, m.embed(x))), embed=nn.Embedding(9, 8), q=nn.Linear(8, 8),
            k=nn.Linear(8, 8), v=nn.Linear(8, 8), out=nn.Linear(8, 8), head=nn.Linear(8, 4)),
        ids(ROWS, 5)),
    "transformer block": lambda: (
        Net(transformer, norm1=nn.LayerNorm(8), norm2=nn.LayerNorm(8), up=nn.Linear(8, 16),
            down=nn.Linear(16, 8), attention=nn.MultiheadAttention(8, 2, batch_first=True)),
        torch.randn(ROWS, 5, 8)),
    "conv_transpose, upsample": lambda: (
        SEQ(nn.Conv2d(2, 4, 3, 2, 1), nn.ReLU(), nn.ConvTranspose2d(4, 3, 4, 2, 1), nn.SiLU(),
            nn.Upsample(scale_factor=2), nn.Conv2d(3, 2, 3, padding=1)),
        torch.randn(ROWS, 2, 4, 4)),
    "softmax, dropout": lambda: (
        SEQ(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.4), nn.Linear(8, 4), nn.Softmax(-1)),
        torch.randn(ROWS, 6)),
}


# ---- Exporting ----------------------------------------------------------------------------------


def export(net, x, path, dynamo, best):
    """The exporter's own failure as text, or None."""
    options = {"input_names": ["x"], "output_names": ["y"], "dynamo": dynamo}
    if best and dynamo:
        options |= {"optimize": False, "external_data": False, "opset_version": 23,
                    "dynamic_shapes": ({0: torch.export.Dim("N")},)}
    elif best:
        options |= {"do_constant_folding": False, "opset_version": 17,
                    "dynamic_axes": {"x": {0: "N"}, "y": {0: "N"}}}
    if best:
        net.eval()
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), \
            contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(net, (x,), path, **options)
        except Exception as failure:  # whatever an exporter throws
            return str(failure).strip().split("\n")[0]
    return None


# ---- The file against the module ----------------------------------------------------------------


def run(*command):
    return subprocess.run(command, capture_output=True, text=True)


def add_loss(model, y, fixed):
    """Of the output, whose name is returned."""
    text = open(model).read()
    output = re.search(r"^output (\w+)", text, re.M).group(1)
    dims = ", ".join(map(str, y.shape if fixed else ["N", *y.shape[1:]]))
    open(model, "w").write(f"{text}\ntarget t[{dims}]\nloss mse(t, {output})\n"
                           "train { precision = f64; steps = 1 }\n")
    return output


class Truth:
    """Numbers of the module's parameters, and their gradients."""

    def __init__(self, net):
        self.named = [(k, p.detach().numpy().ravel(), p.grad.numpy().ravel())
                      for k, p in net.named_parameters()]
        self.value = np.concatenate([v for _, v, _ in self.named]).astype(np.float32)
        self.grad = np.concatenate([g for _, _, g in self.named])
        self.seen = np.zeros(self.value.size, bool)
        self.order = np.argsort(self.value, kind="stable")
        self.scale = np.linalg.norm(self.grad)

    def near(self, a, b):
        """Gradients that are 0 but for rounding are measured against all of them."""
        return np.linalg.norm(a - b) <= LIMIT * max(np.linalg.norm(b), 1e-4 * self.scale)

    def by_numbers(self, value, grad):
        """A tensor whose numbers occur once: True, False, or None where it is no such."""
        found = value.astype(np.float32)
        ordered = self.value[self.order]
        first = np.searchsorted(ordered, found, "left")
        if not (np.searchsorted(ordered, found, "right") - first == 1).all():
            return None
        at = self.order[first]
        self.seen[at] = True
        return self.near(grad, self.grad[at])

    def by_gradient(self, value, grad):
        """A tensor of zeros or ones is the first parameter alike that has its gradient."""
        start, alike = 0, False
        for _, v, g in self.named:
            same = v.size == value.size and np.array_equal(np.sort(v), np.sort(value))
            free = not self.seen[start : start + v.size].any()
            alike |= same
            if same and free and self.near(np.sort(grad), np.sort(g)):
                self.seen[start : start + v.size] = True
                return True
            start += v.size
        return False if alike else None


def compare(net, x, y, t, rows, folder, output):
    """What is right of a model that was read, or what is wrong, as text."""
    found = read_safetensors(os.path.join(folder, "o.safetensors"))
    stored = read_safetensors(os.path.join(folder, "net.safetensors"))
    loss = ((t - y) ** 2).sum() / rows
    loss.backward()
    expected = {"loss": loss.detach(), f"value.{output}": y.detach()}
    if x.is_floating_point():
        expected["x"] = x.grad
    for name, value in expected.items():
        error = gap(found[name].reshape(value.shape), value)
        if not error <= LIMIT:
            return f"WRONG: {name} differs by {error:.2g}"
    truth, others = Truth(net), 0
    for name in sorted(set(stored) & set(found)):  # the rest are states and constants
        value, grad = stored[name].ravel(), found[name].ravel()
        right = truth.by_numbers(value, grad)
        right = truth.by_gradient(value, grad) if right is None else right
        if right is False:
            return f"WRONG: the gradient of {name}"
        others += right is None
    seen = f"{truth.seen.sum()} of {truth.seen.size} numbers"
    return f"right, {seen}, {others} tensors made by the exporter" if others else f"right, {seen}"


def check(program, name, dynamo, best, folder):
    torch.manual_seed(11)
    torch.set_default_dtype(torch.float32)
    net, x = NETS[name]()
    for module in net.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.5, 2)
    path = {f: os.path.join(folder, f) for f in
            ("net.onnx", "net.dag", "x.npy", "t.npy", "o.safetensors")}
    failure = export(net, x, path["net.onnx"], dynamo, best)
    if failure:
        return f"not exported: {failure}"
    torch.set_default_dtype(torch.float64)
    net = net.double().eval()
    x = x.double().requires_grad_() if x.is_floating_point() else x
    y = net(x)
    t = torch.randn_like(y)
    np.save(path["x.npy"], x.detach().numpy() if x.is_floating_point()
            else x.numpy().astype(np.int32))
    np.save(path["t.npy"], t.numpy())
    return read_back(program, net, x, y, t, path, folder)


def read_back(program, net, x, y, t, path, folder, fixed=()):
    done = run(program, "convert", path["net.onnx"], path["net.dag"], "--layout", "source", *fixed)
    said = done.stdout + done.stderr
    if done.returncode:
        reason = f"refused: {done.stderr.strip().split(': ', 2)[-1]}"
        if "--fixed" not in reason or fixed:
            return reason
        return reason + "\n" + read_back(program, net, x, y, t, path, folder, ("--fixed",))
    output = add_loss(path["net.dag"], y, fixed)
    command = [program, "grad", path["net.dag"], "--out", path["o.safetensors"],
               "--input", f"x={path['x.npy']}", "--input", f"t={path['t.npy']}", "--keep", output]
    command += [] if fixed else ["--batch", str(ROWS)]
    command += ["--wrt", "x"] if x.is_floating_point() else []
    done = run(*command)
    if done.returncode:
        return f"WRONG: grad fails: {done.stderr.strip()}"
    result = compare(net, x, y, t, 1 if fixed else ROWS, folder, output)
    notes = re.findall(r"^(?:untied|batch norms|folded|tied).*", said, re.M)
    lost = re.search(r"right, (\d+) of (\d+)", result)
    if lost and lost[1] != lost[2] and not notes:
        result = "WRONG: without a word " + result
    return "; ".join([*fixed, result, *notes])


def main():
    program = os.path.abspath(sys.argv[1])
    only = sys.argv[2] if len(sys.argv) > 2 else ""
    wrong = 0
    for name in NETS:
        for dynamo in (False, True):
            for best in (True, False):
                if only not in name:
                    continue
                with tempfile.TemporaryDirectory() as folder:
                    result = check(program, name, dynamo, best, folder)
                wrong += "WRONG" in result
                print(f"{name:28} dynamo={str(dynamo):5} {'best' if best else 'default':8}"
                      f"{result}", flush=True)
    print(f"PyTorch {torch.__version__}, ONNX {onnx.__version__}: {wrong} wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
