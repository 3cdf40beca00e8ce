#!/usr/bin/env bash
# make bench: speed beside the peers (bench/peers.py, with the options in $BENCH), every node of the
# benchmarks beside the peak of the processor, size and start. It tells where a goal is missed;
# make bench-strict (--strict) also ends with status 1 then.
cd "$(dirname "$0")/.." || exit 1
command -v python3 >/dev/null || { echo "bench: please install python3" >&2 && exit 1; }

# nodes ISA MODEL: time and rate of each node inside a training step, one thread.
nodes() {
    if ! DAGRAD_ISA=$1 build/dagrad show "$2" >/dev/null 2>&1; then
        echo "bench: $1 skipped, this processor lacks it"
        return
    fi
    printf '\n%s, %s\n' "$2" "$1"
    DAGRAD_ISA=$1 build/dagrad bench "$2" --threads 1
}

[ "${1:-}" = --strict ] && strict=--strict
# shellcheck disable=SC2086
python3 bench/peers.py ${strict:-} ${BENCH:-}
status=$?
for isa in x86-64-v4 x86-64-v3; do
    for model in mlp wide cnn; do
        nodes "$isa" "bench/models/$model.dag" || status=1
    done
done
python3 bench/size.py || [ -z "${strict:-}" ] || status=1
exit $status
