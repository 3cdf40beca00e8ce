"""docs/figures.md: what bench/peers.py measured, as tables."""
import math

import nets

HEAD = """# Figures

dagrad beside its peers: milliseconds a step in f32, medians (minima in brackets), all ways of one
row interleaved in one run. `make bench` measures and writes this page; the networks are in
`bench/models`, for the peers in `bench/nets.py`. The ratio is the median of the best peer over
that of dagrad (of the minima in brackets). The processor: {processor}.
"""


def title(row):
    what = f"inference of {row['rows']}" if row["rows"] else "training"
    return f"{row['net']}, {what}, threads {row['threads']}"


def best(row, key="median_ms"):
    """The peer with the least time, as (name, figures); None without peers."""
    peers = [w for w in row["workers"].items() if w[0] != "dagrad"]
    return min(peers, key=lambda w: w[1][key], default=None)


def ratio(row, key="median_ms"):
    """How many times as fast dagrad is as the best peer; 0 if that is not known."""
    peer = best(row, key)
    own = row["workers"].get("dagrad")
    return peer[1][key] / own[key] if peer and own else 0


def misses(row):
    return 0 < ratio(row) < row["goal"]


def processor():
    with open("/proc/cpuinfo") as file:
        facts = dict(line.split(":", 1) for line in file if ":" in line)
    kind = {key.strip(): value.strip() for key, value in facts.items()}
    return (f"{kind['model name']}, family {kind['cpu family']}, model {kind['model']}, "
            f"{int(kind['processor']) + 1} cores")


def line(row):
    own, (name, peer) = row["workers"]["dagrad"], best(row)
    return (f"| {row['net']} | {row['threads']} | {own['median_ms']:.3f} ({own['min_ms']:.3f}) "
            f"| {peer['median_ms']:.3f} ({peer['min_ms']:.3f}) | {name} "
            f"| {ratio(row):.2f} ({ratio(row, 'min_ms'):.2f}) "
            f"| {row['goal']:g}{', missed' if misses(row) else ''} | {own['resident_mb']:.0f} "
            f"| {peer['resident_mb']:.0f} | {row['date']} |")


def table(rows):
    rows = sorted(rows, key=lambda r: (list(nets.NETS).index(r["net"]), r["threads"]))
    return ["| net | threads | dagrad | best peer | which | ratio | goal | MB | its MB | date |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |", *map(line, rows), ""]


def together(rows):
    """The geometric mean and the least ratio, by threads."""
    for threads in sorted({r["threads"] for r in rows}):
        found = [(ratio(r), r["net"]) for r in rows if r["threads"] == threads]
        mean = math.exp(sum(math.log(r) for r, _ in found) / len(found))
        yield (f"Threads {threads}, {len(found)} of {len(nets.WORKLOADS)} workloads: geometric "
               f"mean {mean:.2f} (goal 2), least {min(found)[0]:.2f}, {min(found)[1]} (goal 1.3).")


def every_way(rows):
    for row in sorted(rows, key=title):
        ways = sorted(row["workers"].items(), key=lambda w: w[1]["median_ms"])
        yield f"- {title(row)}: " + "; ".join(
            f"{name} {w['median_ms']:.3f} ({w['min_ms']:.3f})" for name, w in ways)


def write(path, rows):
    workloads = [r for r in rows if r["net"] in nets.WORKLOADS and not r["rows"]]
    others = [r for r in rows if r["net"] not in nets.WORKLOADS and not r["rows"]]
    text = [HEAD.format(processor=processor()), "## Training: the eight workloads", ""]
    text += table(workloads) + [*together(workloads), "", "## Training: other shapes", ""]
    text += table(others)
    for count in sorted({r["rows"] for r in rows} - {0}):
        text += [f"## Inference of {count}", "", *table([r for r in rows if r["rows"] == count])]
    text += ["## Every way", "", *every_way(rows)]
    with open(path, "w") as file:
        file.write("\n".join(text) + "\n")
