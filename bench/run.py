"""dagrad beside its peers, interleaved, on an idle machine (standard library only).

    run.py [--models mlp,deep100,cnn] [--threads 1,2] [--rounds 21] [--json build/bench.json]

A worker process for each way to run a model (bench/peers.py; dagrad's is build/bench-step). Rounds
go through all workers, each round in another order; before each sample there is a pause of 15 ms,
so that no thread of the worker before still spins, and one step to warm up. A sample is about
60 ms of steps. Medians are compared with medians; minima stand beside them. PyTorch is run with the
malloc it comes with, and with one that keeps memory (no trim, no mmap): page faults cost it much.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHON = os.path.join(ROOT, "build/peers/bin/python")
PEERS = os.path.join(ROOT, "bench/peers.py")
STEP = os.path.join(ROOT, "build/bench-step")
KEEP = {"MALLOC_TRIM_THRESHOLD_": str(1 << 34), "MALLOC_MMAP_MAX_": "0"}
SAMPLE_MS = 60
PAUSE_S = 0.015
# The best of these workers : how many times faster dagrad is to be, at least.
GOALS = {
    "mlp": {"PyTorch": 2.2, "JAX": 1.4},
    "deep100": {"PyTorch": 10, "JAX": 3},
    "cnn": {"PyTorch": 1.4, "PyTorch, no trim": 1.1},
}


class Worker:
    """A process that times N steps for each line N that it reads."""

    def __init__(self, name, group, command, environment):
        self.name, self.group, self.samples, self.n = name, group, [], 1
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True, env=environment)
        if self.process.stdout.readline().strip() != "ready":
            self.process.wait()
            self.errors.seek(0)
            reason = self.errors.read().strip().splitlines()[-1:]
            raise RuntimeError(f"{name} does not start: {' '.join(reason)}")

    def sample(self):
        time.sleep(PAUSE_S)
        self.process.stdin.write(f"{self.n}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended")
        return float(line)

    def calibrate(self):
        self.n = max(1, round(SAMPLE_MS / self.sample()))

    def resident_mb(self):
        """The largest resident size so far."""
        with open(f"/proc/{self.process.pid}/status") as status:
            for line in status:
                if line.startswith("VmHWM"):
                    return int(line.split()[1]) / 1024
        return 0

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()


def commands(model, threads):
    """(name, group, command, more environment) of every way to train this model."""
    if os.path.exists(STEP):
        path = os.path.join(ROOT, "bench/models", model + ".dag")
        yield "dagrad", "dagrad", [STEP, path, str(threads)], {}
    if not os.path.exists(PYTHON):
        return
    listed = subprocess.run([PYTHON, PEERS, "--modes", model], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    for mode in listed.split():
        command = [PYTHON, PEERS, mode, model, str(threads)]
        if mode == "jax":
            yield mode, "JAX", command, {}
        else:
            yield mode, "PyTorch", command, {}
            yield mode + ", no trim", "PyTorch, no trim", command, KEEP


def start(model, threads):
    workers = []
    for name, group, command, more in commands(model, threads):
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), **more}
        try:
            workers.append(Worker(name, group, command, environment))
        except RuntimeError as error:
            print(f"  {error}", file=sys.stderr)
    return workers


def measure(model, threads, rounds):
    """Runs all workers; returns {name: (group, median, minimum, resident MB)}."""
    workers = start(model, threads)
    try:
        for worker in workers:
            worker.calibrate()
        for k in range(rounds):
            shift = k % len(workers) if workers else 0
            for worker in workers[shift:] + workers[:shift]:
                worker.samples.append(worker.sample())
        return {w.name: (w.group, statistics.median(w.samples), min(w.samples), w.resident_mb())
                for w in workers}
    finally:
        for worker in workers:
            worker.end()


def best(figures, group):
    """The worker of a group with the least median."""
    return min((f for f in figures.values() if f[0] == group), key=lambda f: f[1], default=None)


def report(model, threads, figures):
    """Prints a table; returns the number of goals that were missed."""
    print(f"\n{model}, threads {threads}{'':24}median ms   min ms   resident MB")
    for name, (_, median, least, resident) in sorted(figures.items(), key=lambda f: f[1][1]):
        print(f"    {name:36}{median:9.3f}{least:9.3f}{resident:14.0f}")
    own = best(figures, "dagrad")
    missed = 0
    for group in ("PyTorch", "PyTorch, no trim", "JAX"):
        peer = best(figures, group)
        if not own or not peer:
            continue
        ratio, goal = peer[1] / own[1], GOALS[model].get(group)
        verdict = ""
        if goal is not None:
            verdict = f"   goal {goal:g}: {'met' if ratio >= goal else 'MISSED'}"
            missed += ratio < goal
        print(f"    dagrad is {ratio:5.2f} times as fast as {group}"
              f" (minima {peer[2] / own[2]:.2f}){verdict}")
    return missed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="mlp,deep100,cnn")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--json", default=os.path.join(ROOT, "build/bench.json"))
    options = parser.parse_args()
    if not os.path.exists(STEP):
        print("build/bench-step is not there: the peers alone are measured", file=sys.stderr)
    if not os.path.exists(PYTHON):
        print("no peers: `make bench-peers` installs them", file=sys.stderr)
    if os.getloadavg()[0] > 0.5:
        print(f"the machine is not idle (load {os.getloadavg()[0]:.1f}): trust minima only",
              file=sys.stderr)
    everything, missed = [], 0
    for model in options.models.split(","):
        for threads in map(int, options.threads.split(",")):
            figures = measure(model, threads, options.rounds)
            missed += report(model, threads, figures)
            everything.append({"model": model, "threads": threads, "workers": {
                name: dict(zip(("group", "median_ms", "min_ms", "resident_mb"), f))
                for name, f in figures.items()}})
    with open(options.json, "w") as file:
        json.dump(everything, file, indent=1)
    compared = os.path.exists(STEP) and os.path.exists(PYTHON)
    print(f"\n{missed} goals missed" if compared else "\ndagrad was not compared with its peers")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
