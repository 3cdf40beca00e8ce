"""dagrad beside its peers, interleaved, on an idle machine (standard library only).

    peers.py [--nets mlp,cnn] [--infer cnn] [--threads 1,2] [--rounds 15] [--strict] [--gate]

A process for each way to run a network: build/bench-step, and bench/worker.py for PyTorch, JAX and
ONNX Runtime (`make bench-peers` installs them). Rounds go through all of them, each round in
another order; before each sample there is a pause of 15 ms, so that no thread of the one before
still spins, and one step to warm up. A sample is about 60 ms of steps. Medians are compared with
medians; minima stand beside them. PyTorch is run with the malloc it comes with, and with one that
keeps memory (no trim, no mmap): page faults cost it much. What was measured is kept in
build/bench.json, and all of that is written to docs/figures.md. The exit code is 1 where a goal was
missed and --strict is given. --gate waits for a line on standard input before the first sample.
"""
import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import figures
import nets

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHON = os.path.join(ROOT, "build/peers/bin/python")
WORKER = os.path.join(ROOT, "bench/worker.py")
STEP = os.path.join(ROOT, "build/bench-step")
KEEP = {"MALLOC_TRIM_THRESHOLD_": str(1 << 34), "MALLOC_MMAP_MAX_": "0"}
SAMPLE_MS = 60
PAUSE_S = 0.015


class Worker:
    """A process that times N steps for each line N that it reads."""

    def __init__(self, name, command, environment):
        self.name, self.samples, self.n = name, [], 1
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True, env=environment)

    def await_ready(self):
        """Whether it could start; says why not."""
        if self.process.stdout.readline().strip() == "ready":
            return True
        self.complain()
        return False

    def complain(self):
        self.process.wait()
        self.errors.seek(0)
        reason = self.errors.read().strip().splitlines()[-1:]
        print(f"  {self.name} does not run: {' '.join(reason)}", file=sys.stderr)

    def sample(self):
        time.sleep(PAUSE_S)
        self.process.stdin.write(f"{self.n}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def calibrate(self):
        """Whether it goes; says why not."""
        try:
            self.n = max(1, round(SAMPLE_MS / self.sample()))
            return True
        except (ValueError, BrokenPipeError):
            self.complain()
            return False

    def resident_mb(self):
        """The largest resident size so far."""
        with open(f"/proc/{self.process.pid}/status") as status:
            for line in status:
                if line.startswith("VmHWM"):
                    return int(line.split()[1]) / 1024
        return 0

    def end(self):
        self.process.kill()
        self.process.communicate()
        self.errors.close()


def commands(net, threads, rows):
    """(name, command, more environment) of every way to run this network."""
    more = [str(rows)] if rows else []
    path = os.path.join(ROOT, "bench/models", net + ".dag")
    yield "dagrad", [STEP, path, str(threads), *more], {}
    if not os.path.exists(PYTHON):
        return
    what = "infer" if rows else "train"
    listed = subprocess.run([PYTHON, WORKER, "--modes", net, what], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    for mode in listed.split():
        command = [PYTHON, WORKER, mode, net, str(threads), *more]
        yield mode, command, {}
        if mode.startswith("torch"):
            yield mode + ", no trim", command, KEEP


def start(net, threads, rows):
    """One after the other, since compilers take all processors."""
    workers = []
    for name, command, more in commands(net, threads, rows):
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), **more}
        worker = Worker(name, command, environment)
        if worker.await_ready():
            workers.append(worker)
    return workers


def measure(net, threads, rows, options):
    """{name: {median_ms, min_ms, resident_mb}}."""
    workers = start(net, threads, rows)
    if options.gate:
        print("ready", flush=True)
        sys.stdin.readline()
    try:
        workers = [worker for worker in workers if worker.calibrate()]
        for k in range(options.rounds):
            shift = k % len(workers)
            for worker in workers[shift:] + workers[:shift]:
                worker.samples.append(worker.sample())
        return {w.name: {"median_ms": statistics.median(w.samples), "min_ms": min(w.samples),
                         "resident_mb": w.resident_mb()} for w in workers}
    finally:
        for worker in workers:
            worker.end()


def tell(row):
    """One network on the terminal."""
    print(f"\n{figures.title(row)}{'':12}median ms   min ms   resident MB")
    for name, found in sorted(row["workers"].items(), key=lambda w: w[1]["median_ms"]):
        print(f"    {name:36}{found['median_ms']:9.3f}{found['min_ms']:9.3f}"
              f"{found['resident_mb']:14.0f}")
    if figures.ratio(row):
        print(f"    dagrad is {figures.ratio(row):.2f} times as fast as the best of them"
              f" (minima {figures.ratio(row, 'min_ms'):.2f}), goal {row['goal']:g}:"
              f" {'met' if figures.ratio(row) >= row['goal'] else 'MISSED'}", flush=True)


def plan(options):
    """(network, threads, rows; 0 to train, goal)."""
    for net in filter(None, options.nets.split(",")):
        for threads in options.threads.split(","):
            yield net, int(threads), 0, nets.NETS[net].goal
    for net in filter(None, options.infer.split(",")):
        for threads in options.threads.split(","):
            for rows in (1, 64):
                yield net, int(threads), rows, nets.INFERENCE[net]


def remember(path, row):
    """The new row in the place of an old one of the same name."""
    kept = []
    if os.path.exists(path):
        with open(path) as file:
            kept = [old for old in json.load(file) if figures.title(old) != figures.title(row)]
    with open(path, "w") as file:
        json.dump(kept + [row], file, indent=1)
    return kept + [row]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", default=",".join(nets.NETS))
    parser.add_argument("--infer", default=",".join(nets.INFERENCE))
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--gate", action="store_true")
    parser.add_argument("--json", default=os.path.join(ROOT, "build/bench.json"))
    parser.add_argument("--figures", default=os.path.join(ROOT, "docs/figures.md"))
    options = parser.parse_args()
    if not os.path.exists(PYTHON):
        print("no peers: `make bench-peers` installs them", file=sys.stderr)
    if os.getloadavg()[0] > 0.5:
        print(f"the machine is not idle (load {os.getloadavg()[0]:.1f}): trust minima only",
              file=sys.stderr)
    missed = 0
    for net, threads, rows, goal in plan(options):
        row = {"net": net, "threads": threads, "rows": rows, "goal": goal,
               "date": datetime.date.today().isoformat(),
               "workers": measure(net, threads, rows, options)}
        tell(row)
        missed += figures.misses(row)
        if figures.ratio(row):
            figures.write(options.figures, remember(options.json, row))
    print(f"\n{missed} goals missed" if os.path.exists(PYTHON) else "\nnothing was compared")
    return 1 if missed and options.strict else 0


if __name__ == "__main__":
    sys.exit(main())
