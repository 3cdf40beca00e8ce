"""A peer's process, which bench/peers.py asks for samples.

    worker.py MODE NET THREADS [ROWS]    trains, or infers on ROWS rows; prints 'ready'; then for
                                         each line N on standard input runs one step to warm up, N
                                         timed ones, and prints milliseconds a step
    worker.py --modes NET train|infer    the modes that make sense, a line each
    worker.py --versions                 what is installed

A training step is forward, backward and update, nothing else; an inference is forward.
"""
import importlib.metadata
import sys
import time

import nets

WARM_S = 3  # compilers compile again after the first steps


def modes(name, what):
    net = nets.NETS[name]
    if what == "infer":
        return ["onnxruntime", "torch-eager"]
    found = ["torch-eager", "torch-compile"]
    if net.pictures:
        found += ["torch-eager-cl", "torch-compile-cl"]
    elif not net.recurrent:
        found += ["torch-max"]
    return found + ["jax"]


def prepared(mode, name, threads, rows):
    """step(k), and a function that waits until all steps are done."""
    if mode == "onnxruntime":
        import with_onnx
        return with_onnx.inference(name, threads, rows)
    if mode == "jax":
        import with_jax
        return with_jax.training(name, threads)
    import with_torch
    if rows:
        return with_torch.inference(name, threads, rows)
    return with_torch.training(mode, name, threads)


def work(mode, name, threads, rows=0):
    step, finish = prepared(mode, name, threads, rows)
    count = 0

    def run(n):
        nonlocal count
        for _ in range(n):
            step(count)
            count += 1
        finish()

    start = time.perf_counter()
    while time.perf_counter() - start < WARM_S or count < 8:
        run(1)
    print("ready", flush=True)
    for line in sys.stdin:
        run(1)
        n = int(line)
        start = time.perf_counter()
        run(n)
        print(f"{(time.perf_counter() - start) * 1e3 / n:.6f}", flush=True)


def versions():
    for name in ("torch", "jax", "onnxruntime", "numpy"):
        try:
            print(name, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            print(name, "is not there")


def main(arguments):
    if arguments == ["--versions"]:
        versions()
    elif len(arguments) == 3 and arguments[0] == "--modes" and arguments[1] in nets.NETS:
        print("\n".join(modes(*arguments[1:])))
    elif len(arguments) in (3, 4) and arguments[1] in nets.NETS:
        work(arguments[0], arguments[1], *map(int, arguments[2:]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
