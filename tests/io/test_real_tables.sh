#!/usr/bin/env bash
# Tables of scikit-learn, statsmodels, vega_datasets and palmerpenguins against pandas, where these
# are: DAGRAD_PYTHON, or python3.
set -u
python=${DAGRAD_PYTHON:-python3}
[ -x "${DAGRAD_PROGRAM:-}" ] || { echo "SKIP: needs the program" && exit 77; }
"$python" -c 'import pandas, sklearn, statsmodels, vega_datasets, palmerpenguins' 2>/dev/null ||
    {
        echo "SKIP: needs pandas, scikit-learn, statsmodels, vega_datasets, palmerpenguins"
        exit 77
    }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" tests/io/real_tables.py "$DAGRAD_PROGRAM" "$folder"
