"""What do time and memory do as work grows: more images, more pixels, more classes, more arms, more seeds?

    uv run python benchmarks/speed/growth.py [--only images,pixels,classes,arms,seeds] [--values 1000,1000000]
                                             [--picture docs/pictures/growth.png] [--minutes 3] [--out FILE.json]

Along each axis one number grows, and everything else stays as `Work` and `Axis.start` say. Each point is a process of
its own, with an empty cache, which does what `sadari compare` does on a .npz of made-up images: loads them (decoding
into the cache), trains and judges every run, compares, draws plots and the report, and reads the comparison back.
Points that the file has already from this kind of processor are not measured again; those of another kind are
replaced, and --minutes 0 measures none. Slopes are those of the last three points, in logarithms: 1 is in proportion, 0
not at all. Memory is what the peak rises above the process before it starts. A million images need 3 GB of memory and 2
GB of disk.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from itertools import pairwise
from math import nan
from pathlib import Path
from typing import Any

import numpy as np

from machine import instructions, peak_mib
from random_images import write_learnable
from sadari.files import read_json, write_json, write_whole
from sadari.run import environment

HERE = Path(__file__).resolve().parent
SLOPE_POINTS = 3  # the largest ones, where what does not grow weighs least
RATE, STEP = 0.005, 1.02  # of learning; the arms of one model differ in it, each has this much more than the last


@dataclass(frozen=True)
class Work:
    """One comparison to make: `arms` learning rates of each of `models`, each with `seeds` seeds."""

    images: int = 2_000
    side: int = 16
    classes: int = 10
    arms: int = 1
    seeds: int = 1
    models: str = "softmax,mlp"
    epochs: int = 2
    batch: int = 128


@dataclass(frozen=True)
class Axis:
    """What grows, and over which numbers. start: what stays the same on this axis."""

    grows: str
    label: str
    values: tuple[int, ...]
    start: Mapping[str, Any] = field(default_factory=dict)

    def works(self) -> list[Work]:
        """Return the work of each point of the axis."""
        return [Work(**{**self.start, self.grows: value}) for value in self.values]


AXES = {
    "images": Axis(
        "images", "images", (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 600_000, 1_000_000), {"side": 28}
    ),
    "pixels": Axis(
        "side", "pixels of a side", (8, 16, 32, 64, 128, 224), {"images": 500, "models": "softmax,cnn", "batch": 32}
    ),
    "classes": Axis("classes", "classes", (2, 10, 30, 100, 300, 1_000), {"images": 20_000}),
    "arms": Axis("arms", "arms", (1, 3, 10, 30, 100), {"models": "softmax", "seeds": 2, "side": 8}),
    "seeds": Axis("seeds", "seeds", (1, 3, 10, 30), {"arms": 3, "models": "softmax", "side": 8}),
}


def measure(work: Work, file: Path) -> dict[str, float]:
    """Return the seconds of each stage of `work`, and the peak of memory in MiB, in this process."""
    import sadari
    import sadari.api.comparisons
    from sadari.report.plots.files import write_plots

    before = peak_mib()
    seconds: dict[str, float] = {}

    def timed(stage: str, do: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = do()
        seconds[stage] = time.perf_counter() - started
        return result

    folder = file.parent / "comparison"
    rates = [f"{RATE * STEP**arm:.6f}" for arm in range(work.arms)]
    timed("load", lambda: sadari.load(file))
    result = timed(
        "compare",
        lambda: sadari.compare(
            file,
            work.models.split(","),
            seeds=work.seeds,
            vary={"learning_rate": rates},
            epochs=work.epochs,
            batch_size=work.batch,
            workers=1,  # side by side, the stages could not be distinguished
            out=folder,
        ),
    )
    runs = [record.summary for records in result.records.values() for record in records]
    training = sum(run["seconds"]["train"] for run in runs)
    judging = sum(run["seconds"]["total"] for run in runs) - training
    seconds["compare"] -= training + judging
    timed("report", lambda: (write_plots(result), sadari.write_report(result)))
    timed("reopen", lambda: sadari.reopen(folder))
    return {
        "load": seconds["load"],
        "train": training,
        "train per epoch": training / len(runs) / work.epochs,
        "judge": judging,
        "compare": seconds["compare"],
        "report": seconds["report"],
        "reopen": seconds["reopen"],
        "accuracy": max(run["scores"]["test"]["accuracy"] for run in runs),
        "peak": peak_mib(),
        "risen": peak_mib() - before,
    }


def in_a_process(work: Work) -> dict[str, float]:
    """Call `measure` in a process of its own with a cache of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "made-up.npz"
        write_learnable(file, work.images, work.side, work.classes)
        command = [sys.executable, __file__, "--child", json.dumps(asdict(work)), "--file", str(file)]
        cache = {**os.environ, "SADARI_CACHE_DIR": str(Path(folder) / "cache")}
        done = subprocess.run(command, capture_output=True, text=True, env=cache)
        if done.returncode:
            raise SystemExit(f"{work} failed: {done.stderr}")
        return dict(json.loads(done.stdout.splitlines()[-1]))


def slope(values: list[int], figures: list[float]) -> float:
    """Return by which power of the values the figures grow, over the last SLOPE_POINTS of them; nan for one point."""
    if len(values) < 2:
        return nan
    logs = np.log(values[-SLOPE_POINTS:]), np.log(np.maximum(figures[-SLOPE_POINTS:], 1e-3))
    return float(np.polyfit(*logs, 1)[0])


STAGES = ("load", "train", "judge", "compare", "report", "reopen")


def draw(points: Mapping[str, list[dict[str, Any]]], path: Path) -> None:
    """Draw a column for each axis: seconds of each stage above, memory below; slopes in the titles."""
    from sadari.report.plots.style import COLOURS, DPI, GREY, MARKS, add_legend, new_figure, styled

    with styled():
        figure = new_figure(16.0, 5.6)
        rows = figure.subplots(2, len(points), squeeze=False, sharex="col", sharey="row")
        named: dict[str, Any] = {}
        for (upper, lower), (name, found) in zip(rows.T, points.items(), strict=True):
            values = [point["work"][AXES[name].grows] for point in found]
            total = [sum(point[stage] for stage in STAGES) for point in found]
            (named["all"],) = upper.loglog(values, total, color=GREY, linewidth=2.4)
            for stage, colour, mark in zip(STAGES, COLOURS, MARKS, strict=False):
                seconds = [point[stage] for point in found]
                (named[stage],) = upper.loglog(values, seconds, color=colour, marker=mark, markersize=4, linewidth=1.2)
            upper.set_title(f"{name}: seconds ~ n^{slope(values, total):.2f}")
            risen = [point["risen"] for point in found]
            lower.loglog(values, risen, color=GREY, marker="o", markersize=4, linewidth=2.4)
            lower.set_title(f"MiB ~ n^{slope(values, risen):.2f}")
            lower.set_xlabel(
                f"{AXES[name].label}\n({', '.join(dict.fromkeys(point['instructions'] for point in found))})"
            )
            for axes in (upper, lower):
                axes.grid(True)
                axes.yaxis.set_major_formatter("{x:g}")
                axes.set_xticks(values, _tick_labels(values))
                axes.tick_params(axis="x", labelsize=7)
                axes.minorticks_off()
        rows[0, 0].set_ylabel("seconds")
        rows[1, 0].set_ylabel("MiB above the start")
        rows[1, 0].set_yticks((500, 1_000, 2_000))
        rows[1, 0].set_ylim(450, 3_500)
        add_legend(figure, named)
        write_whole(path, lambda file: figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None}))


def _tick_labels(values: Sequence[int]) -> list[str]:
    """Return labels; numbers in thousands have room only where the next one is more than twice as far along."""
    labels = [f"{value // 1_000}k" if value >= 1_000 else str(value) for value in values]
    crowded = [value >= 1_000 and after <= 2 * value for value, after in pairwise(values)]
    return ["" if each else label for each, label in zip([*crowded, False], labels, strict=True)]


def table(name: str, found: list[dict[str, Any]]) -> str:
    """Return what was measured along one axis, as lines of text."""
    lines = [f"{name:>9} {''.join(f'{stage:>9}' for stage in STAGES)} {'MiB':>8} {'accuracy':>9}"]
    for point in found:
        seconds = "".join(f"{point[stage]:9.2f}" for stage in STAGES)
        value = point["work"][AXES[name].grows]
        lines.append(f"{value:>9,} {seconds} {point['risen']:8,.0f} {point['accuracy']:9.3f}")
    values = [point["work"][AXES[name].grows] for point in found]
    if len(found) >= SLOPE_POINTS:
        slopes = "".join(f"{slope(values, [point[stage] for point in found]):9.2f}" for stage in STAGES)
        lines.append(f"{'slope':>9} {slopes} {slope(values, [point['risen'] for point in found]):8.2f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(AXES))
    parser.add_argument("--values", default="", help="these alone, such as 1000,1000000 of --only images")
    parser.add_argument("--minutes", type=float, default=600.0, help="after which no further point is begun")
    parser.add_argument("--out", type=Path, default=HERE / "growth.json")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--child")
    parser.add_argument("--file", type=Path)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(Work(**json.loads(options.child)), options.file)))
        return
    stored = read_json(options.out) if options.out.is_file() else {"points": []}
    points: dict[str, list[dict[str, Any]]] = {}
    until, here = time.monotonic() + 60 * options.minutes, instructions()
    chosen = {int(value) for value in filter(None, options.values.split(","))}
    for name in options.only.split(","):
        points[name] = []
        for work in AXES[name].works():
            point = next((each for each in stored["points"] if each["work"] == asdict(work)), None)
            wanted = not chosen or getattr(work, AXES[name].grows) in chosen
            if wanted and (point is None or point["instructions"] != here) and time.monotonic() < until:
                others = [each for each in stored["points"] if each is not point]
                about = {"instructions": here, "processor": environment()["processor"], "date": f"{date.today()}"}
                point = {"work": asdict(work), **about, **in_a_process(work)}
                stored = {"points": [*others, point]}
                write_json(options.out, stored)
            points[name] += [point] if point else []
        print(table(name, points[name]), flush=True)
    if options.picture:
        draw(points, options.picture)


if __name__ == "__main__":
    main()
