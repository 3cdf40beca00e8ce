#!/usr/bin/env bash
# make bench: what bench/run.py measures, after build/bench-* are built. Its options pass through BENCH.
cd "$(dirname "$0")/.." || exit 1
command -v python3 >/dev/null || { echo "bench: please install python3" >&2 && exit 1; }
# shellcheck disable=SC2086
exec python3 bench/run.py ${BENCH:-}
