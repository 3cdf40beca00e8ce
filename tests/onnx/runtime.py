#!/usr/bin/env python3
"""Files that dagrad writes, in ONNX Runtime: runtime.py PROGRAM NET...

NET is NAME.onnx, beside the run run-NAME that it was made from. The checker of the ONNX project
takes the file whole; ONNX Runtime's outputs are those of `dagrad predict NET`, and of the run
itself where it reads arrays, within 1e-5 of the largest. A NET in the folder rows takes raw rows,
those of INPUT.npy or INPUT.csv: its outputs are those of `dagrad predict RUN`. A NET in the folder
light is a file of others, which takes one picture.
"""
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

LIMIT = 1e-5
ROWS, PLACES, LETTERS = 5, 17, 60


def draw(session):
    rng = np.random.default_rng(1)
    feeds = {}
    for port in session.get_inputs():
        shape = [ROWS if d == "N" else PLACES if isinstance(d, str) else d for d in port.shape]
        if "int" in port.type:
            feeds[port.name] = rng.integers(0, LETTERS, shape)
        else:
            feeds[port.name] = rng.standard_normal(shape).astype(np.float32)
    return feeds


def read_safetensors(path):
    raw = open(path, "rb").read()
    size = int.from_bytes(raw[:8], "little")
    out = {}
    for name, t in json.loads(raw[8 : 8 + size]).items():
        if name != "__metadata__" and t["dtype"] == "F32":
            a, b = t["data_offsets"]
            out[name] = np.frombuffer(raw[8 + size + a : 8 + size + b], np.float32)
    return out


def compare(what, name, ours, theirs):
    off = np.abs(ours.ravel() - theirs.ravel()).max() / np.abs(theirs).max()
    print(f"{what} {name}: {off:.1e}")
    if not off <= LIMIT:
        sys.exit(f"{what}: {name} is {off:.1e} off")


def is_number(cell):
    return cell.replace(".", "", 1).isdigit()


def read_column(cells):
    words = sorted(set(cells))
    if any(map(is_number, words)):
        return [float(cell) if cell else np.nan for cell in cells]
    return [words.index(cell) for cell in cells]


def read_rows(folder, name):
    path = folder / f"{name}.npy"
    if path.exists():
        return path, np.load(path).astype(np.float32)
    path = folder / f"{name}.csv"
    table = [line.split(",") for line in path.read_text().splitlines()[1:]]
    columns = [read_column(cells) for cells in zip(*table)]
    return path, np.array(columns, np.float32).T


def check_rows(program, net):
    run = net.parent / f"run-{net.stem}"
    onnx.checker.check_model(onnx.load(net), full_check=True)
    session = onnxruntime.InferenceSession(net, providers=["CPUExecutionProvider"])
    feeds, given = {}, []
    for port in session.get_inputs():
        path, feeds[port.name] = read_rows(net.parent, port.name)
        given += ["--input", f"{port.name}={path}"]
    outputs = session.run(["estimate"], feeds)
    subprocess.run([program, "predict", run, "--out", "ours.npz", *given], check=True)
    compare(net, "estimate", np.load("ours.npz")["estimate"], outputs[0])


def check_light(program, net):
    session = onnxruntime.InferenceSession(net, providers=["CPUExecutionProvider"])
    port, result = session.get_inputs()[0], session.get_outputs()[0].name
    picture = np.random.default_rng(1).standard_normal(port.shape).astype(np.float32)
    outputs = session.run([result], {port.name: picture})
    np.save("picture.npy", np.moveaxis(picture, 1, -1))
    given = port.name.replace("/", "_") + "=picture.npy"
    subprocess.run([program, "predict", net, "--out", "ours.npz", "--input", given], check=True)
    compare(net.name, result, next(iter(np.load("ours.npz").values())), outputs[0])


def check(program, net):
    run = "run-" + net.stem
    onnx.checker.check_model(onnx.load(net), full_check=True)
    session = onnxruntime.InferenceSession(net, providers=["CPUExecutionProvider"])
    feeds, given = draw(session), []
    for name, x in feeds.items():
        np.save(name + ".npy", x.astype(np.int32) if x.dtype == np.int64 else x)
        given += ["--input", f"{name}={name}.npy"]
    names = [port.name for port in session.get_outputs()]
    outputs = dict(zip(names, session.run(None, feeds)))
    subprocess.run([program, "predict", net, "--out", "ours.npz", *given], check=True)
    ours = np.load("ours.npz")
    for name in names:
        compare(net, name, ours[name], outputs[name])
    if any(x.dtype == np.int64 for x in feeds.values()):
        return  # a run of texts reads texts
    keep = ["--keep", ",".join(names)]
    grad = [program, "grad", run, "--raw", "--out", "ours.safetensors", *keep, *given]
    subprocess.run(grad, check=True, stdout=subprocess.DEVNULL)
    kept = read_safetensors("ours.safetensors")
    for name in names:
        compare(run, name, kept["value." + name], outputs[name])


for net in map(Path, sys.argv[2:]):
    {"rows": check_rows, "light": check_light}.get(net.parent.name, check)(sys.argv[1], net)
print("ok")
