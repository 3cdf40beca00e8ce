#!/usr/bin/env bash
# Pictures against Pillow, where it is: DAGRAD_PYTHON, or python3. The long version reads 1,000.
set -u
python=${DAGRAD_PYTHON:-python3}
[ -x "${DAGRAD_PROGRAM:-}" ] || { echo "SKIP: needs the program" && exit 77; }
"$python" -c 'import numpy, PIL' 2>/dev/null || { echo "SKIP: needs numpy and Pillow" && exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
count=60
[ -n "${DAGRAD_BIGCHECK:-}${DAGRAD_LONGTEST:-}" ] && count=1000
"$python" tests/io/pillow.py "$DAGRAD_PROGRAM" "$folder" $count
