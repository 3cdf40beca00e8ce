#!/usr/bin/env bash
# TensorBoard's own reader reads an event file of a training, a resume included, and finds in it the
# numbers of metrics.jsonl. Skipped where it is not installed.
set -u
python=$(command -v python3) && "$python" -c 'import tensorboard' 2>/dev/null ||
    { echo "tensorboard is not installed for python3"; exit 77; }
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
cp "$DAGRAD_SOURCE/examples/digits.dag" .
train() {
    "$DAGRAD_PROGRAM" train "$@" --quiet --no-report --tensorboard board >/dev/null || exit 1
}
train digits.dag --out run --epochs 1
sleep 1 # the name of a file has the second
train --resume run --epochs 2 --set schedule=fixed
"$python" - <<'END'
import json, math, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
board = EventAccumulator("board", size_guidance={"scalars": 0})
board.Reload()
tags, n = set(board.Tags()["scalars"]), 0
def check(tag, step, x):
    global n
    found = [e.value for e in board.Scalars(tag) if e.step == step]
    same = len(found) == 1 and (math.isnan(found[0]) if x is None else
                                abs(found[0] - x) <= 1e-6 * abs(x))
    if not same:
        sys.exit(f"{tag} at step {step} is {found}, not {x}")
    n += 1
for line in open("run/metrics.jsonl"):
    j = json.loads(line)
    kind, step = j["kind"], j["step"]
    for name in ("loss", "rate", "samples_per_second"):
        check(f"{name}/{kind}", step, j[name])
    for group, prefix in (("terms", "term."), ("metrics", "metric.")):
        for name, x in j[group].items():
            check(f"{prefix}{name}/{kind}", step, x)
    for name, x in j.get("gradient_norm", {}).items():
        check(f"gradient_norm/{name}", step, x)
    for group in ("rms", "rms_error_vector"):
        for name, x in j.get(group, []):
            check(f"{group}/{name}", step, x)
print(f"{n} numbers of {len(tags)} tags are those of metrics.jsonl")
END
