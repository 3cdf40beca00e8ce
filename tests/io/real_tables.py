"""Real tables, read by dagrad and by pandas to the same numbers; where dagrad asks for something,
its remedy is followed and read again. Run by test_real_tables.sh: real_tables.py DAGRAD FOLDER."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pandas as pd

dagrad, folder = sys.argv[1:3]

MODEL = """input x[N, {n}]
target t[N, {n}]
parameter w[1] = ones
y = x * w
output y
loss mse(t, y)
data train {{ x = {source}; t = {source} }}
train {{ optimizer = gd(rate=1e-9); steps = 1; precision = f64 }}
"""


def path(package, name):
    return os.path.join(os.path.dirname(importlib.util.find_spec(package).origin), name)


def read(file, options, pipe, n):
    """The rows as dagrad reads them, or what it says."""
    source = f'csv("{file}"{options}){pipe}'
    run = os.path.join(folder, "run")
    subprocess.run(["rm", "-rf", run], check=True)
    with open(os.path.join(folder, "m.dag"), "w") as f:
        f.write(MODEL.format(n=n, source=source))
    p = subprocess.run([dagrad, "train", f"{folder}/m.dag", "--quiet", "--out", run],
                       capture_output=True, text=True)
    if p.returncode:
        return p.returncode, p.stderr
    subprocess.run([dagrad, "predict", run, "--out", f"{folder}/y.npy"], check=True,
                   capture_output=True)
    return 0, np.load(f"{folder}/y.npy")


def days(column, form):
    t = pd.to_datetime(column.astype(str), format=form)
    return (t - pd.Timestamp(1970, 1, 1)).dt.total_seconds().to_numpy() / 86400


def codes(column):
    return pd.Categorical(column, categories=sorted(column.dropna().unique())).codes


def onehot(column):
    return pd.get_dummies(column).to_numpy().astype(float)


def fill(table):
    return table.fillna(table.median())


SK, SM, VEGA, PENGUINS = "sklearn/datasets/data", "statsmodels/datasets", "vega_datasets/_data", \
    "palmerpenguins/data"

# file, what is refused first and must be said (or None), options, pipe, what pandas makes of it
CASES = [
    (f"{SK}/iris.csv", "header=true", ", header=true", "",
     lambda f: pd.read_csv(f, skiprows=1, header=None)),
    (f"{SK}/wine_data.csv", "skip=1", ", skip=1", "",
     lambda f: pd.read_csv(f, skiprows=1, header=None)),
    (f"{SK}/breast_cancer.csv", "skip=1", ", skip=1", "",
     lambda f: pd.read_csv(f, skiprows=1, header=None)),
    (f"{SK}/linnerud_exercise.csv", None, "", "", lambda f: pd.read_csv(f, sep=r"\s+")),
    (f"{SK}/diabetes_data_raw.csv.gz", None, "", "",
     lambda f: pd.read_csv(f, sep=r"\s+", header=None)),
    (f"{SK}/digits.csv.gz", None, "", "", lambda f: pd.read_csv(f, header=None)),
    (f"{SM}/longley/longley.csv", None, ', except=["Obs"]', "",
     lambda f: pd.read_csv(f).drop(columns="Obs")),
    (f"{SM}/co2/co2.csv", "fill", ', columns=["co2"]', " | fill(median)",
     lambda f: fill(pd.read_csv(f)[["co2"]])),
    (f"{SM}/co2/co2.csv", None, ', columns=["date"]', ' | time("%Y%m%d")',
     lambda f: days(pd.read_csv(f)["date"], "%Y%m%d")),
    (f"{SM}/sunspots/sunspots.csv", None, "", "", pd.read_csv),
    (f"{SM}/star98/star98.csv", None, "", "", pd.read_csv),
    (f"{SM}/macrodata/macrodata.csv", None, ', columns=["real*"]', "",
     lambda f: pd.read_csv(f).filter(regex="^real")),
    (f"{VEGA}/seattle-weather.csv", "classes", ', columns=["weather"]', " | classes",
     lambda f: codes(pd.read_csv(f)["weather"])),
    (f"{VEGA}/seattle-weather.csv", None, ', except=["date", "weather"]', "",
     lambda f: pd.read_csv(f).drop(columns=["date", "weather"])),
    (f"{VEGA}/stocks.csv", "| classes", ', columns=["date"]', ' | time("%b %d %Y")',
     lambda f: days(pd.read_csv(f)["date"], "%b %d %Y")),
    (f"{VEGA}/sf-temps.csv", "time(", ', columns=["date"]', ' | time("%Y/%m/%d %H:%M:%S")',
     lambda f: days(pd.read_csv(f)["date"], "%Y/%m/%d %H:%M:%S")),
    (f"{VEGA}/la-riots.csv", "classes", ', columns=["type"], missing=[""]', " | onehot",
     lambda f: onehot(pd.read_csv(f)["type"])),
    (f"{PENGUINS}/penguins.csv", "| classes", ', columns=["sex"]', " | drop | classes",
     lambda f: codes(pd.read_csv(f)["sex"].dropna())),
    (f"{PENGUINS}/penguins.csv", "4 gaps", ', columns=["bill_length_mm", "bill_depth_mm"]',
     " | fill(median)",
     lambda f: fill(pd.read_csv(f)[["bill_length_mm", "bill_depth_mm"]])),
    (f"{PENGUINS}/penguins.csv", None, ', columns=["sex"]', " | isgap",
     lambda f: pd.read_csv(f)["sex"].isna()),
]


def check(name, remedy, options, pipe, reference):
    package, rest = name.split("/", 1)
    file = path(package, rest)
    expected = np.asarray(reference(file), dtype=float)
    expected = expected.reshape(len(expected), -1)
    if remedy:
        plain = "" if options in (", skip=1", ", header=true") else options
        code, said = read(file, plain, "", expected.shape[1])
        if code != 3 or remedy not in said:
            return f"not refused with '{remedy}': exit {code}, {said}"
    code, got = read(file, options, pipe, expected.shape[1])
    if code:
        return got
    if got.shape != expected.shape:
        return f"shape {got.shape}, pandas {expected.shape}"
    worst = np.abs(got - expected).max()
    return None if worst == 0 else f"differs from pandas by {worst}"


def main():
    bad = 0
    for case in CASES:
        wrong = check(*case)
        print(f"{case[0]}{case[2]}{case[3]}: {wrong or 'as pandas reads it'}")
        bad += wrong is not None
    print(f"{len(CASES)} readings of {len({c[0] for c in CASES})} files, {bad} wrong")
    return bad != 0


sys.exit(main())
