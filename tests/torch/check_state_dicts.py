#!/usr/bin/env python3
"""State dicts of PyTorch to dagrad and back.

    check_state_dicts.py PROGRAM

Each net is written as its module and as a model. The module's state dict, sorted by name as
safetensors' writer sorts it, is read by `dagrad predict --weights`: outputs within 1e-6. Then
`dagrad train --weights` takes five steps, and `dagrad convert --layout pytorch` gives a state dict
that load_state_dict takes: the same names, and outputs of the module within 1e-6 of those of the
run. Exit 77 where PyTorch is not installed.
"""
import os
import subprocess
import sys
import tempfile

from common import np, read_safetensors, torch, write_state_dict

nn, F = torch.nn, torch.nn.functional
torch.set_default_dtype(torch.float32)
ROWS, LIMIT = 8, 1e-6


class Series(nn.Module):
    """The last place of a recurrent module, and a head."""

    def __init__(self, kind, layers, both):
        super().__init__()
        self.embed = nn.Embedding(11, 5)
        self.cell = kind(5, 6, layers, batch_first=True, bidirectional=both)
        self.head = nn.Linear(12 if both else 6, 3)

    def forward(self, x):
        return self.head(self.cell(self.embed(x))[0][:, -1])


class Block(nn.Module):
    """Of a transformer, with learned places."""

    def __init__(self):
        super().__init__()
        self.places = nn.Parameter(torch.randn(6, 8))
        self.norm1, self.norm2 = nn.LayerNorm(8), nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.up, self.down = nn.Linear(8, 16), nn.Linear(16, 8)

    def forward(self, x):
        x = x + self.places
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Unit(nn.Module):
    """Of a residual net: names that do not say their order."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.conv1 = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False)
        self.bn2 = nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        x = self.stem(x)
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return self.head(F.relu(x + y).mean((2, 3)))


def picture(*shape):
    return torch.randn(ROWS, *shape)


def words(net):
    return net, torch.randint(0, 11, (ROWS, 7))


def recurrent(node):
    return ("input x[N, 7] int\n"
            f"all = embedding(x, 11, 5) | {node}\n"
            "y = slice(all, 1, -1) | flatten | linear(3)")



NETS = {
    "dense": (lambda: (nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 16), nn.ReLU(),
                                     nn.Linear(16, 3)), picture(6)),
              "input x[N, 6]\na = linear(x, 16) | tanh\nb = linear(a, 16) | relu\n"
              "y = linear(b, 3)", []),
    "conv, batch norm": (
        lambda: (nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(),
                               nn.MaxPool2d(2), nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), nn.ReLU(),
                               nn.Flatten(), nn.Linear(24, 5)), picture(3, 8, 8)),
        "input x[N, 8, 8, 3]\na = conv(x, 4, 3) | batchnorm | relu | maxpool(2)\n"
        "b = conv(a, 6, 3, padding=0) | batchnorm | relu | flatten\ny = linear(b, 5)", []),
    "lstm": (lambda: words(Series(nn.LSTM, 1, False)), recurrent("lstm(6)"), []),
    "lstm, 2 layers, both ways": (lambda: words(Series(nn.LSTM, 2, True)),
                                  recurrent("lstm(6, layers=2, direction=both)"), []),
    "gru, 2 layers": (lambda: words(Series(nn.GRU, 2, False)), recurrent("gru(6, layers=2)"), []),
    "rnn, both ways": (lambda: words(Series(nn.RNN, 1, True)),
                       recurrent("rnn(6, direction=both)"), []),
    "transformer block": (
        lambda: (Block(), picture(6, 8)),
        "input x[N, 6, 8]\nparameter places[6, 8] = zeros\np = x + places\nn = layernorm(p)\n"
        "q = linear(n, 8)\nk = linear(n, 8)\nv = linear(n, 8)\n"
        "a = p + (attention(q, k, v, heads=2) | linear(8))\n"
        "y = a + (layernorm(a) | linear(16) | gelu | linear(8))", []),
    "autoencoder": (
        lambda: (nn.Sequential(nn.Conv2d(2, 4, 3, 2, 1), nn.GELU(), nn.Flatten(), nn.Linear(64, 5),
                               nn.Linear(5, 64), nn.ReLU(), nn.Unflatten(1, (4, 4, 4)),
                               nn.ConvTranspose2d(4, 2, 4, 2, 1)), picture(2, 8, 8)),
        "input x[N, 8, 8, 2]\nz = conv(x, 4, 3, stride=2, padding=1) | gelu | flatten | linear(5)\n"
        "d = linear(z, 64) | relu | reshape([N, 4, 4, 4])\n"
        "y = conv_transpose(d, 2, 4, stride=2, padding=1)", []),
    "conv of series, groups": (
        lambda: (nn.Sequential(nn.Conv1d(4, 8, 3, padding=1, groups=2), nn.GroupNorm(2, 8),
                               nn.SiLU(), nn.ConvTranspose1d(8, 4, 2, 2, groups=2), nn.Flatten(),
                               nn.Linear(48, 3)), picture(4, 6)),
        "input x[N, 6, 4]\na = conv(x, 8, 3, groups=2) | groupnorm(2) | silu\n"
        "y = conv_transpose(a, 4, 2, stride=2, groups=2) | flatten | linear(3)", []),
    "residual unit, mapped": (
        lambda: (Unit(), picture(3, 6, 6)),
        "input x[N, 6, 6, 3]\ns = conv(x, 8, 3, bias=false)\n"
        "c = conv(s, 8, 3, bias=false) | batchnorm | relu\n"
        "d = conv(c, 8, 3, groups=8, bias=false) | batchnorm\n"
        "y = relu(s + d) | global_avgpool | linear(4)", ["bn2=d.batchnorm"]),
}


def last(x):
    """Channels last, as dagrad has them."""
    return x.movedim(1, -1) if x.dim() == 4 else x


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}: {done.stderr}")
    return done


def model_text(lines, x, y):
    dims = ", ".join(map(str, y.shape[1:]))
    return (f"{lines}\ntarget t[N, {dims}]\noutput y\nloss mse(t, y)\n"
            "data train { x = npy(\"x.npy\"); t = npy(\"t.npy\") }\n"
            f"train {{ optimizer = sgd(0.02); batch = {ROWS}; steps = 5 }}\n")


def compare(name, what, found, expected):
    error = np.abs(found - expected).max() / max(1.0, np.abs(expected).max())
    if not error <= LIMIT:
        sys.exit(f"{name}: {what}: outputs differ by {error:.3g}")
    return error


def random_states(net):
    """Running statistics as after a training."""
    for module in net.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.5, 2)


def outputs(net, x, series):
    with torch.no_grad():
        y = net.eval()(x)
    return y.movedim(1, -1) if y.dim() == 4 or (series and y.dim() == 3) else y


def check(program, name, folder):
    make, lines, maps = NETS[name]
    net, x = make()
    random_states(net)
    series = name.startswith("conv of series")
    y = outputs(net, x, series)
    path = {f: os.path.join(folder, f) for f in
            ("m.dag", "x.npy", "t.npy", "w.safetensors", "run", "p.npy", "back.safetensors")}
    inputs = x.movedim(1, -1) if x.dim() == 4 or series else x
    np.save(path["x.npy"], inputs.contiguous().numpy().astype(
        np.int32 if x.dtype == torch.int64 else np.float32))
    np.save(path["t.npy"], torch.randn_like(y).numpy())
    open(path["m.dag"], "w").write(model_text(lines, x, y))
    write_state_dict(path["w.safetensors"], net.state_dict())
    options = ["--weights", path["w.safetensors"]]
    for m in maps:
        options += ["--map", m]
    predict = ["--input", f"x={path['x.npy']}", "--out", path["p.npy"]]
    run(program, "predict", path["m.dag"], *options, *predict)
    worst = compare(name, "there", np.load(path["p.npy"]), y.numpy())

    run(program, "train", path["m.dag"], *options, "--out", path["run"], "--no-report")
    run(program, "predict", path["run"], *predict)
    trained = np.load(path["p.npy"])
    run(program, "convert", path["run"], path["back.safetensors"], "--layout", "pytorch")
    back = {k: torch.from_numpy(np.array(v)) for k, v in
            read_safetensors(path["back.safetensors"]).items()}
    if set(back) != set(net.state_dict()):
        sys.exit(f"{name}: other names: {sorted(set(back) ^ set(net.state_dict()))}")
    net.load_state_dict(back, strict=True)
    moved = np.abs(trained - y.numpy()).max()
    if moved < 1e-3:
        sys.exit(f"{name}: the training moved nothing: {moved}")
    worst = max(worst, compare(name, "back", trained, outputs(net, x, series).numpy()))
    print(f"{name:28} {len(back):3} tensors there and back, outputs within {worst:.1e}")


def main():
    program = os.path.abspath(sys.argv[1])
    torch.manual_seed(5)
    for name in NETS:
        with tempfile.TemporaryDirectory() as folder:
            check(program, name, folder)


if __name__ == "__main__":
    main()
