"""What the comparisons with PyTorch share: tensors in safetensors, and a run of `dagrad grad`."""
import json
import os
import struct
import subprocess
import sys

try:
    import numpy as np
    import torch
except ImportError as missing:
    print(f"SKIPPED: {missing}; make bench-peers installs it")
    sys.exit(77)

torch.set_default_dtype(torch.float64)
LIMIT = 1e-10  # of the norm of each tensor


def write_safetensors(path, tensors):
    write_in_order(path, tensors, {})


def write_state_dict(path, state, **notes):
    """As safetensors.torch.save_file does: by the size of elements, then by name."""
    names = sorted(state, key=lambda k: (-state[k].element_size(), k))
    write_in_order(path, {name: state[name] for name in names}, notes)


def write_in_order(path, tensors, notes):
    types = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.int64: "I64"}
    header, at, data = {"__metadata__": notes} if notes else {}, 0, b""
    for name, x in tensors.items():
        x = x.detach().contiguous()
        raw = x.numpy().tobytes()
        header[name] = {"dtype": types[x.dtype], "shape": list(x.shape),
                        "data_offsets": [at, at + len(raw)]}
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


def run_grad(program, folder, text, rows, parameters, inputs, wrt, keep=()):
    """Tensors that `dagrad grad` gives for a model's text; a message where it fails."""
    model, weights, out = (os.path.join(folder, f)
                           for f in ("m.dag", "w.safetensors", "o.safetensors"))
    open(model, "w").write(text)
    write_safetensors(weights, parameters)
    command = [program, "grad", model, "--batch", str(rows), "--out", out]
    command += ["--weights", weights] if parameters else []
    for name, x in inputs.items():
        path = os.path.join(folder, f"{name}.npy")
        x = x.detach().numpy()
        np.save(path, x.astype(np.int32) if x.dtype.kind == "i" else x)
        command += ["--input", f"{name}={path}"]
    command += ["--wrt", ",".join(wrt)] if wrt else []
    command += ["--keep", ",".join(keep)] if keep else []
    run = subprocess.run(command, capture_output=True, text=True)
    return read_safetensors(out) if run.returncode == 0 else run.stderr


def gap(found, expected):
    """The difference as a share of the norm of what is expected."""
    x = np.zeros_like(found) if expected is None else expected.detach().numpy()
    error, norm = np.linalg.norm(found - x), np.linalg.norm(x)
    return error / norm if norm > 0 else error
