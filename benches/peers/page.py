"""Writes docs/performance.md and its plots from the figures.

    python page.py FIGURES ROW,ROW,...

Runs in the environment of `requirements-torch.txt` (matplotlib). What is known of single rows (why a goal is missed, what
was tried) stands in notes.md beside this file and goes below the tables as it is.
"""

import json
import math
import pathlib
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs" / "performance.md"

#: From here on the machine was not quiet.
DISTURBED = 0.1

#: What grows in a series as the number on its axis does: an image has as many pixels as its side squared.
POWER = {"size": 2, "size-maps": 2}

HEAD = """# How fast

Glassbox beside other programs that do the same work, on one machine: the same weights, the same picture, the same number
of threads, one run of each by turns. Before anything is timed the script compares what the programs give. Made by
`benches/peers/run.py`; all single times are in [figures.json](performance/figures.json). `glassbox bench` measures what your
own machine does.

Compare within a row: the ratio says more than the milliseconds, which are this machine's.
"""

TABLE = """
| | Glassbox | best peer | ratio | goal | | other peers | runs | load |
|---|---|---|---|---|---|---|---|---|
"""

BELOW = """
Times are medians in milliseconds. Ratio: Glassbox's time divided by the best peer's, in the same run. Load: cores that
other programs kept busy meanwhile, on average; above {limit} a row is marked with *, because its times are too long for all.
Forward runs begin with the network's input and end with the logits; maps include the forward run, and Grad-CAM the
enlargement to the picture's size. LIME and SmoothGrad draw their samples each for itself; what they give was compared for
likeness, everything else for equality within rounding.
"""

GROWTH = """
## How cost grows

Slope: the power of the number of units (slices, pixels, classes, passes) by which time grows between the two largest
points; 1 is proportional. Memory: the most the program had, weights included.

| | from | to | time | slope | memory |
|---|---|---|---|---|---|
"""


def number(milliseconds):
    digits = 2 if milliseconds < 10 else 1 if milliseconds < 100 else 0
    return f"{milliseconds:,.{digits}f}"


def agreement(found):
    return "; ".join(f"{name}: " + ", ".join(f"{what} {value:.2g}" for what, value in numbers.items())
                     for name, numbers in found.items())


def rows(figures, order):
    lines = []
    for key in order:
        row = figures["rows"].get(key)
        if row is None:
            continue
        best, median = row["best"], row["median"]
        rest = "; ".join(f"{name} {number(value)}" for name, value in median.items() if name not in ("Glassbox", best))
        load = row["others"]
        mark = "*" if load is not None and load > DISTURBED else ""
        lines.append(f"| {row['title']} | {number(median['Glassbox'])} | {best} {number(median[best])} | "
                     f"**{row['ratio']:.3g}** | ≤ {row['goal']} | {'met' if row['ratio'] <= row['goal'] else 'missed'} | "
                     f"{rest or '–'} | {row['runs']} | {'not known' if load is None else f'{load:.2f}'}{mark} |")
    return lines


def circumstances(figures, order):
    """Machine, versions and what was compared, each said once."""
    there = [figures["rows"][key] for key in order if key in figures["rows"]]
    machines = sorted({f"{row['machine']['processor']}, {row['machine']['cores']} cores, {row['machine']['system']}, "
                       f"{row['threads']} threads" for row in there})
    versions = {}
    for row in there:
        for name, version in {"Glassbox": row["glassbox"], **row["versions"]}.items():
            versions.setdefault(name, set()).add(version)
    options = sorted({" ".join(row["options"]) for row in there if row.get("options")})
    dates = sorted({row["date"] for row in there})
    said = ["", "## Circumstances", "", f"Machine: {'; '.join(machines)}. Measured {' and '.join(dates)}.", "",
            "Versions: " + ", ".join(f"{name} {' and '.join(sorted(found))}" for name, found in versions.items()) + "."]
    if options:
        said += ["", f"Options of `glassbox bench`: {', '.join(f'`{one}`' for one in options)}."]
    said += ["", "Agreement of what was given, before timing:", ""]
    said += [f"- {row['title']}: {agreement(row['agreement'])}" for row in there]
    return said


def slope(name, points):
    (x0, y0), (x1, y1) = [(point["at"], point["median"]) for point in points[-2:]]
    return math.log(y1 / y0) / math.log(x1 / x0) / POWER.get(name, 1)


def growth_rows(growth):
    lines = []
    for name, series in growth.items():
        points = series["points"]
        first, last = points[0], points[-1]
        memory = "–"
        if first.get("memory") and last.get("memory"):
            memory = f"{first['memory'] / 1e6:.0f} → {last['memory'] / 1e6:.0f} MB"
        lines.append(f"| {series['title']} | {first['at']:,} | {last['at']:,} | {number(first['median'])} → "
                     f"{number(last['median'])} ms | {slope(name, points):.2f} | {memory} |")
    return lines


def plot(growth, path):
    plt.rcParams.update({"svg.hashsalt": "glassbox", "svg.fonttype": "none", "font.size": 8, "axes.titlesize": 8,
                         "font.family": "sans-serif"})
    columns = 2
    figure, axes = plt.subplots(math.ceil(len(growth) / columns), columns, squeeze=False, layout="constrained",
                                figsize=(7.2, 2.1 * math.ceil(len(growth) / columns)))
    for axis, (name, series) in zip(axes.flat, growth.items()):
        x = [point["at"] for point in series["points"]]
        y = [point["median"] for point in series["points"]]
        axis.loglog(x, y, "o-", color="#1f5fa8", markersize=3, linewidth=1.2, label="time, ms")
        power = POWER.get(name, 1)
        axis.loglog(x, [y[-1] * (at / x[-1]) ** power for at in x], ":", color="#888", linewidth=0.9, label="proportional")
        if all(point.get("memory") for point in series["points"]):
            axis.loglog(x, [point["memory"] / 1e6 for point in series["points"]], "s--", color="#b5651d", markersize=2.5,
                        linewidth=1, label="memory, MB")
        axis.set_title(series["title"], loc="left")
        axis.set_xticks(x, [f"{at:,}" for at in x])
        axis.minorticks_off()
        axis.grid(alpha=0.25, linewidth=0.5)
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes.flat[len(growth):]:
        axis.axis("off")
    axes.flat[0].legend(frameon=False, fontsize=7)
    figure.savefig(path, metadata={"Date": None})


def main():
    source, order = pathlib.Path(sys.argv[1]), sys.argv[2].split(",")
    figures = json.loads(source.read_text()) if source.exists() else {"rows": {}, "growth": {}}
    text = HEAD
    if figures["rows"]:
        text += TABLE + "\n".join(rows(figures, order)) + "\n" + BELOW.format(limit=DISTURBED)
    if figures["growth"]:
        plot(figures["growth"], source.parent / "growth.svg")
        text += GROWTH + "\n".join(growth_rows(figures["growth"])) + "\n\n![How cost grows](performance/growth.svg)\n"
    notes = HERE / "notes.md"
    if notes.exists():
        text += "\n" + notes.read_text().strip() + "\n"
    if figures["rows"]:
        text += "\n".join(circumstances(figures, order)) + "\n"
    PAGE.write_text(text)
    print(f"written: {PAGE}")


if __name__ == "__main__":
    main()
