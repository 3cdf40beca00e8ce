#!/usr/bin/env python3
"""Training curves beside PyTorch: a character transformer with the same initial weights, data, and
order of rows, f32.

    build/peers/bin/python bench/curves.py TEXT [STEPS SEEDS BLOCKS WIDTH HEADS LENGTH BATCH]

By default 200 steps, 2 seeds, 4 blocks of 128 with 4 heads, windows of 64 characters, batch 32. A
seed decides weights and rows. Prints the loss of each step that dagrad logs, a tenth of the run
apart, and the mean of all, in both; then how far the two are apart beside the spread of PyTorch's
own seeds.
"""
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch

F = torch.nn.functional
PROGRAM = os.path.join(os.path.dirname(__file__), "../build/dagrad")
RATE, DECAY = 1e-3, 0.1

MODEL = """
let D = {width}
input  text[N, {length}] int
target next[N, {length}] int
def block(x) {{
    q, k, v = layernorm(x, name="n1") | linear(3*D, name="in") | split(3)
    x = x + (attention(q, k, v, heads={heads}, causal=true) | linear(D, name="out"))
    return x + (layernorm(x, name="n2") | linear(4*D, name="up") | gelu | linear(D, name="down"))
}}
x = embedding(text, {letters}, D, name="words") + position(text, {length}, D, name="places")
repeat {blocks} {{ x = block(x) }}
logits = layernorm(x, name="n") | linear({letters}, bias=false, name="head")
output logits
loss softmax_cross_entropy(next, logits)
data train {{ text = npy("text.npy"); next = npy("next.npy") }}
train {{
    optimizer = adamw(rate={rate}, decay={decay}); batch = {batch}; epochs = 1; shuffle = false
    clip = 1
}}
"""


def forward(p, names, ids, heads):
    """The same function of the same tensors, by dagrad's names."""
    def dense(x, name):
        y = x @ p[name + ".weight"]
        return y + p[name + ".bias"] if name + ".bias" in p else y

    def norm(x, name):
        scale = p[name + ".scale"]
        return F.layer_norm(x, scale.shape, scale, p[name + ".bias"], 1e-5)

    x = p["words.weight"][ids] + p["places.weight"][: ids.shape[1]]
    for b in names:
        q, k, v = dense(norm(x, b + "n1"), b + "in").chunk(3, -1)
        n, t, d = q.shape
        q, k, v = (z.reshape(n, t, heads, d // heads).transpose(1, 2) for z in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + dense(y.transpose(1, 2).reshape(n, t, d), b + "out")
        x = x + dense(F.gelu(dense(norm(x, b + "n2"), b + "up")), b + "down")
    return dense(norm(x, "n"), "head")


def read_safetensors(path):
    raw = open(path, "rb").read()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    return {name: np.frombuffer(raw, np.float32, (t["data_offsets"][1] - t["data_offsets"][0]) // 4,
                                8 + size + t["data_offsets"][0]).reshape(t["shape"])
            for name, t in header.items() if name[0] not in "_@" and t["dtype"] == "F32"}


def write_safetensors(path, tensors):
    header, at = {}, 0
    for name, x in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(x.shape), "data_offsets": [at, at + x.nbytes]}
        at += x.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text)
        for x in tensors.values():
            f.write(np.ascontiguousarray(x).tobytes())


def draw_weights(shapes, seed):
    """Normal matrices of deviation 0.02, as GPT-2 starts; scales 1, biases 0."""
    rng = np.random.default_rng(seed)
    return {name: (0.02 * rng.standard_normal(s) if name.endswith("weight")
                   else np.full(s, float(name.endswith("scale")))).astype(np.float32)
            for name, s in sorted(shapes.items())}


def train_dagrad(folder, weights):
    write_safetensors(os.path.join(folder, "w.safetensors"), weights)
    start = time.time()
    subprocess.run([PROGRAM, "train", os.path.join(folder, "m.dag"), "--weights",
                    os.path.join(folder, "w.safetensors"), "--out", os.path.join(folder, "run"),
                    "--quiet"], check=True, capture_output=True)
    seconds = time.time() - start
    lines = [json.loads(s) for s in open(os.path.join(folder, "run/metrics.jsonl"))]
    curve = {s["step"]: s["loss"] for s in lines if s["kind"] == "step"}
    return curve, next(s["loss"] for s in lines if s["kind"] == "epoch"), seconds


def train_torch(weights, text, following, c):
    p = {name: torch.tensor(x, requires_grad=True) for name, x in weights.items()}
    names = sorted({n[: -len("n1.scale")] for n in p if n.endswith("n1.scale")},
                   key=lambda n: [int(w) for w in n.split(".") if w.isdigit()])
    descent = torch.optim.AdamW(p.values(), RATE, weight_decay=DECAY)
    losses, start = [], time.time()
    for at in range(0, len(text), c["batch"]):
        rows = slice(at, at + c["batch"])
        logits = forward(p, names, torch.tensor(text[rows]).long(), c["heads"])
        loss = F.cross_entropy(logits.flatten(0, 1), torch.tensor(following[rows]).long().flatten())
        descent.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(p.values(), 1)
        descent.step()
        losses.append(loss.item())
    return np.array(losses), time.time() - start


def one_seed(ids, c, seed, folder):
    rng = np.random.default_rng(1000 + seed)
    starts = rng.integers(0, len(ids) - c["length"] - 1, c["steps"] * c["batch"])
    rows = starts[:, None] + np.arange(c["length"])
    text, following = ids[rows].astype(np.int32), ids[rows + 1].astype(np.int32)
    np.save(os.path.join(folder, "text.npy"), text)
    np.save(os.path.join(folder, "next.npy"), following)
    open(os.path.join(folder, "m.dag"), "w").write(MODEL.format(**c, rate=RATE, decay=DECAY))
    out = os.path.join(folder, "g.safetensors")
    subprocess.run([PROGRAM, "grad", os.path.join(folder, "m.dag"), "--batch", "1", "--out", out],
                   check=True, capture_output=True)
    shapes = {n: g.shape for n, g in read_safetensors(out).items() if n != "loss"}
    weights = draw_weights(shapes, seed)
    curve, mean, ours = train_dagrad(folder, weights)
    losses, theirs = train_torch(weights, text, following, c)
    table = [(x, losses[step - 1]) for step, x in sorted(curve.items())] + [(mean, losses.mean())]
    return sorted(curve), np.array(table), ours, theirs


def main():
    given = sys.argv[2:]
    keys = ["steps", "seeds", "blocks", "width", "heads", "length", "batch"]
    c = dict(zip(keys, [200, 2, 4, 128, 4, 64, 32]))
    c.update({k: int(x) for k, x in zip(keys, given)})
    letters, ids = np.unique(np.fromfile(sys.argv[1], np.uint8), return_inverse=True)
    c["letters"] = len(letters)
    tables = []
    for seed in range(1, c["seeds"] + 1):
        with tempfile.TemporaryDirectory() as folder:
            steps, table, ours, theirs = one_seed(ids, c, seed, folder)
        tables.append(table)
        print(f"seed {seed}: dagrad {ours:.0f} s, PyTorch {torch.__version__} {theirs:.0f} s")
        print("  step    " + " ".join(f"{s:>8}" for s in [*steps, "mean"]))
        print("  dagrad  " + " ".join(f"{x:8.4f}" for x in table[:, 0]))
        print("  PyTorch " + " ".join(f"{x:8.4f}" for x in table[:, 1]), flush=True)
    tables = np.array(tables)
    apart = np.abs(tables[:, :, 0] - tables[:, :, 1]).max()
    last = tables[:, -1, 1]
    print(f"at most {apart:.4f} apart; PyTorch's seeds end between {last.min():.4f} and "
          f"{last.max():.4f}, {last.max() - last.min():.4f} apart")


if __name__ == "__main__":
    main()
