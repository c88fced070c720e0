"""Who is how right on CIFAR-10 after how many seconds of training here: `sprint`, a wider one for colour, or airbench?

    uv run python benchmarks/speed/cifar.py [--data cifar10] [--airbench FOLDER] [--arms sprint,sprint-colour,airbench]
                                      [--epochs 6,12,30,60] [--seeds 1] [--part val [--set KEY=VALUE ...]]
                                      [--out FILE] [--picture docs/pictures/cifar.png] [--page docs/speed.md]

- airbench is K. Jordan's airbench94_muon.py in FOLDER, a checkout of https://github.com/KellerJordan/cifar10-airbench,
  run as peers/airbench_on_cpu.py says; without FOLDER it is left out.
- Everybody learns from all training images and is judged once, after the last epoch, on the test images; nothing is
  chosen on those. With `--part val`, Sadari's arms learn from four fifths of the training images and are judged on the
  others, with other settings where `--set KEY=VALUE` says so: for choosing.
- Each run is a process of its own with the cores to itself, and keeps freed memory for its next step, which is faster
  for all. Seconds of training are those of all steps (and with --part val of judging those others after each epoch);
  those around them are the rest of the process: start, reading the images (which lie decoded), judging. airbench judges
  six views of an image and, beside its training, the test images after every epoch.

Runs that stand in the file are not done again. --picture draws all of them, --page writes them into the table between
the marks in that page.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from machine import commit
from sadari.data.load import load
from sadari.files import read_json, write_json, write_text, write_whole
from sadari.inference.device import KEPT_BLOCK, KEPT_HEAP
from sadari.run import environment
from sadari.settings import Settings

HERE = Path(__file__).resolve().parent
AIRBENCH = "airbench"
MARKS = "<!-- cifar -->\n", "<!-- /cifar -->"


@dataclass(frozen=True)
class Arm:
    """Who learns? model: a name or a network's TOML file, "" for airbench. epochs: how often, where nothing is said."""

    name: str
    model: str
    epochs: tuple[int, ...]


# About 60, 120, 300 and 600 seconds of training on two cores with AMX; 8 is airbench's own number.
ARMS = (
    Arm("sprint", "sprint", (6, 12, 30, 60)),
    Arm("sprint-colour", str(HERE / "sprint-colour.toml"), (2, 4, 11, 22)),
    Arm(AIRBENCH, "", (1, 2, 6, 8, 12)),
)


def train_ours(model: str, asked: Mapping[str, Any], data: str, folder: Path) -> dict[str, Any]:
    """One run of `sadari train`."""
    command = [str(Path(sys.executable).with_name("sadari")), "train", data, "--model", model]
    command += ["--seed", str(asked["seed"]), "--epochs", str(asked["epochs"])]
    command += ["--out", str(folder / "run"), "--json"]
    for pair in ["val_fraction=0"] if asked["part"] == "test" else asked["set"]:
        command += ["--set", pair]
    found, wall = _process(command)
    training = found["seconds"]["train"]
    return {
        "accuracy": found["scores"][asked["part"]]["accuracy"],
        "training": training,
        "around": wall - training,
        "params": found["params"]["total"],
    }


def train_airbench(checkout: Path, asked: Mapping[str, Any], images: Path, folder: Path) -> dict[str, Any]:
    """One run of airbench's program on the images in the .npz."""
    task = {"airbench": str(checkout), "file": str(images), "epochs": asked["epochs"], "seed": asked["seed"]}
    write_json(folder / "task.json", task)
    found, wall = _process([sys.executable, str(HERE / "peers" / "airbench_on_cpu.py"), str(folder / "task.json")])
    return {**found, "around": wall - found["training"]}


def _process(command: list[str]) -> tuple[dict[str, Any], float]:
    """What a program prints as JSON, and the seconds of its process; its words where it fails."""
    kept = {"MALLOC_MMAP_THRESHOLD_": str(KEPT_BLOCK), "MALLOC_TRIM_THRESHOLD_": str(KEPT_HEAP)}
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **kept})
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return json.loads(done.stdout[done.stdout.index("{") :]), time.perf_counter() - started


def write_images(data: str, file: Path) -> None:
    """The training and test images of `data` as Sadari reads them; in random order: airbench uses the first ones."""
    images = load(data, Settings())
    arrays: dict[str, Any] = {}
    for part in ("train", "test"):
        positions = np.random.default_rng(0).permutation(np.flatnonzero(images.source_split == part))
        arrays |= {f"X_{part}": np.asarray(images.images[positions]), f"y_{part}": images.labels[positions]}
    np.savez(file, **arrays)


def asked_for(options: argparse.Namespace) -> list[dict[str, Any]]:
    """The runs that the command line asks for, the short ones first."""
    if options.set and options.part == "test":
        raise SystemExit("--set is for choosing, on other images than the test's; add --part val")
    names = options.arms.split(",")
    unknown = set(names) - {arm.name for arm in ARMS}
    if unknown:
        raise SystemExit(f"--arms takes some of {', '.join(arm.name for arm in ARMS)}, not {', '.join(unknown)}")
    runs = [
        {
            "arm": arm.name,
            "epochs": epochs,
            "seed": seed,
            "part": options.part,
            "set": sorted(options.set),
            "data": Path(options.data).name,
        }
        for arm in ARMS
        if arm.name in names and (arm.model or (options.airbench and options.part == "test"))
        for epochs in (map(int, options.epochs.split(",")) if options.epochs else arm.epochs)
        for seed in range(options.seeds)
    ]
    return sorted(runs, key=lambda run: (run["seed"], run["epochs"] / ARMS[_number(run["arm"])].epochs[-1]))


def _number(name: str) -> int:
    return next(number for number, arm in enumerate(ARMS) if arm.name == name)


@dataclass(frozen=True)
class Point:
    """What do the seeds of one arm, with the settings `set`, come to at one number of epochs? Means of seconds."""

    arm: str
    set: str
    epochs: int
    training: float
    around: float
    accuracies: tuple[float, ...]


def points_of(runs: Iterable[Mapping[str, Any]], part: str) -> list[Point]:
    """The runs judged on `part`, by arm, settings and epochs, in that order."""
    found: dict[tuple[int, str, int], list[Mapping[str, Any]]] = {}
    for run in runs:
        asked = run["asked"]
        if asked["part"] == part:
            found.setdefault((_number(asked["arm"]), " ".join(asked["set"]), asked["epochs"]), []).append(run)
    return [
        Point(
            arm=ARMS[arm].name,
            set=chosen,
            epochs=epochs,
            training=statistics.mean(run["training"] for run in some),
            around=statistics.mean(run["around"] for run in some),
            accuracies=tuple(run["accuracy"] for run in some),
        )
        for (arm, chosen, epochs), some in sorted(found.items(), key=lambda item: item[0])
    ]


def table(points: list[Point]) -> str:
    """What was measured, as a table in Markdown."""
    lines = ["| who | epochs | training | around it | accuracy | seeds |", "|---|---:|---:|---:|---:|---:|"]
    for each in points:
        spread = f" (sd {statistics.stdev(each.accuracies):.4f})" if len(each.accuracies) > 1 else ""
        lines.append(
            f"| {f'{each.arm} {each.set}'.rstrip()} | {each.epochs} | {each.training:.0f} s | {each.around:.0f} s "
            f"| {statistics.mean(each.accuracies):.4f}{spread} | {len(each.accuracies)} |"
        )
    return "\n".join(lines) + "\n"


def draw(points: list[Point], path: Path) -> None:
    """Accuracy over seconds of training, a line for each arm."""
    from sadari.report.plots.style import COLOURS, DPI, add_legend, new_figure, plain_numbers, styled
    from sadari.report.plots.style import MARKS as SHAPES

    with styled():
        figure = new_figure(7.2, 4.2)
        axes = figure.subplots()
        named: dict[str, Any] = {}
        for number, arm in enumerate(ARMS):
            some = [each for each in points if each.arm == arm.name]
            if some:
                seconds, means = zip(*((each.training, statistics.mean(each.accuracies)) for each in some), strict=True)
                (named[arm.name],) = axes.plot(seconds, means, color=COLOURS[number], marker=SHAPES[number])
            for each in some:
                axes.annotate(
                    f"{each.epochs}",
                    (each.training, statistics.mean(each.accuracies)),
                    (4, -10),
                    textcoords="offset points",
                    color=COLOURS[number],
                    fontsize=7,
                )
        axes.set_xscale("log")
        plain_numbers(axes.xaxis)
        axes.set_xlabel("seconds of training (numbers at the points: epochs)")
        axes.set_ylabel("accuracy on the test images")
        axes.set_title("CIFAR-10, as JPEGs, on two cores")
        axes.grid(True)
        add_legend(figure, named)
        write_whole(path, lambda part: figure.savefig(part, format="png", dpi=DPI, metadata={"Software": None}))


def write_page(points: list[Point], path: Path) -> None:
    """Put the table between the marks in the page."""
    text = path.read_text(encoding="utf-8")
    before, mark, rest = text.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not (mark and end):
        raise SystemExit(f"{path} has no {MARKS[0].strip()} and {MARKS[1]} to write between")
    write_text(path, f"{before}{mark}{table(points)}{end}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="cifar10")
    parser.add_argument("--airbench", type=Path)
    parser.add_argument("--arms", default=",".join(arm.name for arm in ARMS))
    parser.add_argument("--epochs", default="", help="instead of each arm's own numbers")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--part", choices=("test", "val"), default="test")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--out", type=Path, default=HERE / "cifar.json")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--page", type=Path)
    options = parser.parse_args()
    runs = list(read_json(options.out)["runs"]) if options.out.is_file() else []
    machine = {name: value for name, value in environment().items() if name != "command"}
    missing = [asked for asked in asked_for(options) if all(run["asked"] != asked for run in runs)]
    with tempfile.TemporaryDirectory() as shared:
        images = Path(shared) / "images.npz"
        if missing:
            write_images(options.data, images)
        for asked in missing:
            model = ARMS[_number(asked["arm"])].model
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                found = (
                    train_ours(model, asked, options.data, folder)
                    if model
                    else train_airbench(options.airbench, asked, images, folder)
                )
            runs.append({"asked": asked, "commit": commit(), **found})
            write_json(options.out, {"machine": machine, "runs": runs})
            print(f"{asked}: accuracy {found['accuracy']:.4f}, training {found['training']:.1f} s", flush=True)
    print(table(points_of(runs, options.part)))
    judged = points_of(runs, "test")
    if options.picture:
        draw(judged, options.picture)
    if options.page:
        write_page(judged, options.page)


if __name__ == "__main__":
    main()
