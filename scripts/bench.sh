#!/usr/bin/env bash
# make bench: speed beside the peers (bench/run.py, with the options in $BENCH), size and start.
cd "$(dirname "$0")/.." || exit 1
command -v python3 >/dev/null || { echo "bench: please install python3" >&2 && exit 1; }
# shellcheck disable=SC2086
python3 bench/run.py ${BENCH:-}
status=$?
python3 bench/size.py || status=1
exit $status
