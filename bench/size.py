"""How small and quick to start dagrad is, beside PyTorch (standard library only).

    size.py    program (stripped), build from nothing, start to first step, largest resident size

Start to first step is that of build/bench-step, which does what the program does but for reading
data: parse, build, compile, initialise; until the first step begins. The resident size is that of
training examples/fashion.dag with its data loaded, beside that of PyTorch's worker without data.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = os.path.join(ROOT, "build/dagrad")
STEP = os.path.join(ROOT, "build/bench-step")
PYTHON = os.path.join(ROOT, "build/peers/bin/python")
WORKER = os.path.join(ROOT, "bench/worker.py")


def stripped_mb(folder):
    copy = os.path.join(folder, "dagrad")
    subprocess.run(["strip", "-o", copy, PROGRAM], check=True)
    return os.path.getsize(copy) / 1e6


def build_s(folder):
    """Configure and build the program from nothing, on two cores."""
    start = time.monotonic()
    for command in (["cmake", "-S", ROOT, "-B", folder],
                    ["cmake", "--build", folder, "-j", "2", "--target", "dagrad"]):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def first_step_ms(model):
    """Least of ten starts."""
    path, times = os.path.join(ROOT, "bench/models", model + ".dag"), []
    for _ in range(10):
        start = time.monotonic()
        with subprocess.Popen([STEP, path, "2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as process:
            ready = process.stdout.readline().strip()
            times.append((time.monotonic() - start) * 1e3)
            process.stdin.close()
        if ready != "ready":
            raise RuntimeError("bench-step does not start")
    return min(times)


def peak_mb(command, text=None):
    """Largest resident size of a command."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, text=True) as process:
        if text:
            process.stdin.write(text)
        process.stdin.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return usage.ru_maxrss / 1024


def row(what, value, unit, limit):
    met = value <= limit
    print(f"    {what:44}{value:9.2f} {unit:3} limit {limit:7.2f}: {'met' if met else 'MISSED'}")
    return not met


def main():
    folder, missed = tempfile.mkdtemp(), 0
    try:
        print("size and start")
        missed += row("program, stripped", stripped_mb(folder), "MB", 2)
        missed += row("build of the program from nothing", build_s(folder + "/build"), "s", 120)
        if os.path.exists(STEP):
            for model in ("mlp", "cnn"):
                missed += row(f"start to first step, {model}", first_step_ms(model), "ms", 20)
        train = [PROGRAM, "train", os.path.join(ROOT, "examples/fashion.dag"), "--steps", "30",
                 "--out", folder + "/run"]
        own = peak_mb(train)
        if os.path.exists(PYTHON):
            limit = peak_mb([PYTHON, WORKER, "torch-eager", "cnn", "2"], "30\n") / 6
            missed += row("training the cnn, resident; a 6th of PyTorch's", own, "MB", limit)
        else:
            print(f"    training the cnn, resident: {own:.0f} MB")
    finally:
        shutil.rmtree(folder)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
