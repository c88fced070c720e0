"""Which accuracy on CIFAR-10 has who after how many seconds of training: `sprint`, `sprint-colour` or airbench?

    uv run python benchmarks/speed/cifar.py [--data cifar10] [--airbench FOLDER] [--arms sprint,sprint-colour,airbench]
                                            [--epochs 6,12,30,60] [--seeds 1] [--split val [--set KEY=VALUE ...]]
                                            [--out FILE] [--picture docs/pictures/cifar.png] [--page docs/speed.md]

- airbench is K. Jordan's airbench94_muon.py in FOLDER, a checkout of https://github.com/KellerJordan/cifar10-airbench,
  run as peers/airbench_on_cpu.py says, or airbench_on_gpu.py where torch sees a GPU; without FOLDER it is left out.
- Every arm learns from all training images and is judged once, after the last epoch, on the test images; nothing is
  chosen on those. With `--split val`, Sadari's arms learn from four fifths of the training images and are judged on the
  others, with other settings where `--set KEY=VALUE` says so: for choosing.
- Each run is a process of its own with the cores to itself, and keeps freed memory for its next step, which is faster
  for all. Seconds of training are those of all steps (and with --split val of judging those others after each epoch);
  those around them are the rest of the process: start, reading the images (decoded already), judging. airbench judges
  six views of an image and, beside its training, the test images after every epoch.

Runs that the file has already are not done again. --picture draws all of them, --page writes them into the table
between the marks in that page.
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

from machine import commit, instructions
from sadari.data.load import load
from sadari.files import read_json, write_json, write_text, write_whole
from sadari.inference.device import KEPT_BLOCK, KEPT_HEAP, device_here
from sadari.run import environment
from sadari.settings import Settings

HERE = Path(__file__).resolve().parent
AIRBENCH = "airbench"
MARKS = "<!-- cifar -->\n", "<!-- /cifar -->"


@dataclass(frozen=True)
class Arm:
    """One who learns. model: a name or a network's TOML file, "" for airbench. epochs: its numbers by default."""

    name: str
    model: str
    epochs: tuple[int, ...]


# About 60, 120, 300 and 600 seconds of training on two cores with AMX; 8 is airbench's own number.
ARMS = (
    Arm("sprint", "sprint", (6, 12, 30, 60)),
    Arm("wide-maps", str(HERE / "wide-maps.toml"), (2, 4, 11, 22)),
    Arm("sprint-colour", "sprint-colour", (1, 2, 4, 6, 8)),
    Arm(AIRBENCH, "", (1, 2, 6, 8, 12)),
)


def train_ours(model: str, request: Mapping[str, Any], data: str, folder: Path) -> dict[str, Any]:
    """Make one run of `sadari train` and return its figures."""
    command = [str(Path(sys.executable).with_name("sadari")), "train", data, "--model", model]
    command += ["--seed", str(request["seed"]), "--epochs", str(request["epochs"])]
    command += ["--out", str(folder / "run"), "--json"]
    for pair in ["val_fraction=0"] if request["split"] == "test" else request["set"]:
        command += ["--set", pair]
    found, wall = _process(command)
    training = found["seconds"]["train"]
    return {
        "accuracy": found["scores"][request["split"]]["accuracy"],
        "training": training,
        "around": wall - training,
        "params": found["params"]["total"],
    }


def train_airbench(checkout: Path, request: Mapping[str, Any], images: Path, folder: Path) -> dict[str, Any]:
    """Make one run of airbench's program on the images in the .npz and return its figures."""
    program = "airbench_on_gpu.py" if device_here("cuda") == "cuda" else "airbench_on_cpu.py"
    task = {"airbench": str(checkout), "file": str(images), "epochs": request["epochs"], "seed": request["seed"]}
    write_json(folder / "task.json", task)
    found, wall = _process([sys.executable, str(HERE / "peers" / program), str(folder / "task.json")])
    return {**found, "around": wall - found["training"]}


def _process(command: list[str]) -> tuple[dict[str, Any], float]:
    """Return what a program prints as JSON, and the seconds of its process.

    Raises SystemExit with its error output where it fails.
    """
    kept = {"MALLOC_MMAP_THRESHOLD_": str(KEPT_BLOCK), "MALLOC_TRIM_THRESHOLD_": str(KEPT_HEAP)}
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **kept})
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return json.loads(done.stdout[done.stdout.index("{") :]), time.perf_counter() - started


def write_images(data: str, file: Path) -> None:
    """Write the training and test images of `data` in random order, because airbench uses the first ones."""
    images = load(data, Settings())
    arrays: dict[str, Any] = {}
    for split in ("train", "test"):
        positions = np.random.default_rng(0).permutation(np.flatnonzero(images.source_split == split))
        arrays |= {f"X_{split}": np.asarray(images.images[positions]), f"y_{split}": images.labels[positions]}
    np.savez(file, **arrays)


def requested_runs(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the runs that the command line requests, the short ones first."""
    if options.set and options.split == "test":
        raise SystemExit("--set is for choosing, on other images than the test's; add --split val")
    names = options.arms.split(",")
    unknown = set(names) - {arm.name for arm in ARMS}
    if unknown:
        raise SystemExit(f"--arms takes some of {', '.join(arm.name for arm in ARMS)}, not {', '.join(unknown)}")
    runs = [
        {
            "arm": arm.name,
            "epochs": epochs,
            "seed": seed,
            "split": options.split,
            "set": sorted(options.set),
            "data": Path(options.data).name,
        }
        for arm in ARMS
        if arm.name in names and (arm.model or (options.airbench and options.split == "test"))
        for epochs in (map(int, options.epochs.split(",")) if options.epochs else arm.epochs)
        for seed in range(options.seeds)
    ]
    return sorted(runs, key=lambda run: (run["seed"], run["epochs"] / ARMS[_number(run["arm"])].epochs[-1]))


def _number(name: str) -> int:
    return next(number for number, arm in enumerate(ARMS) if arm.name == name)


@dataclass(frozen=True)
class Point:
    """What the seeds of one arm, with the settings `set`, come to at one number of epochs. Means of seconds."""

    arm: str
    set: str
    epochs: int
    training: float
    around: float
    accuracies: tuple[float, ...]


def points_of(runs: Iterable[Mapping[str, Any]], split: str) -> list[Point]:
    """Return the runs judged on `split`, by arm, settings and epochs, in that order."""
    found: dict[tuple[int, str, int], list[Mapping[str, Any]]] = {}
    for run in runs:
        request = run["request"]
        if request["split"] == split:
            found.setdefault((_number(request["arm"]), " ".join(request["set"]), request["epochs"]), []).append(run)
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
    """Return what was measured, as a table in Markdown."""
    lines = ["| who | epochs | training | around it | accuracy | seeds |", "|---|---:|---:|---:|---:|---:|"]
    for each in points:
        spread = f" (sd {statistics.stdev(each.accuracies):.4f})" if len(each.accuracies) > 1 else ""
        lines.append(
            f"| {f'{each.arm} {each.set}'.rstrip()} | {each.epochs} | {each.training:.0f} s | {each.around:.0f} s "
            f"| {statistics.mean(each.accuracies):.4f}{spread} | {len(each.accuracies)} |"
        )
    return "\n".join(lines) + "\n"


def draw(points: list[Point], path: Path) -> None:
    """Draw accuracy over seconds of training, a line for each arm."""
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
        write_whole(path, lambda file: figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None}))


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
    parser.add_argument("--split", "--part", choices=("test", "val"), default="test")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--out", type=Path, default=HERE / "cifar.json")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--page", type=Path)
    options = parser.parse_args()
    runs = list(read_json(options.out)["runs"]) if options.out.is_file() else []
    machine = {name: value for name, value in environment().items() if name != "command"}
    machine["instructions"] = instructions()
    missing = [request for request in requested_runs(options) if all(run["request"] != request for run in runs)]
    with tempfile.TemporaryDirectory() as shared:
        images = Path(shared) / "images.npz"
        if missing:
            write_images(options.data, images)
        for request in missing:
            model = ARMS[_number(request["arm"])].model
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                found = (
                    train_ours(model, request, options.data, folder)
                    if model
                    else train_airbench(options.airbench, request, images, folder)
                )
            runs.append({"request": request, "commit": commit(), **found})
            write_json(options.out, {"machine": machine, "runs": runs})
            print(f"{request}: accuracy {found['accuracy']:.4f}, training {found['training']:.1f} s", flush=True)
    print(table(points_of(runs, options.split)))
    judged = points_of(runs, "test")
    if options.picture:
        draw(judged, options.picture)
    if options.page:
        write_page(judged, options.page)


if __name__ == "__main__":
    main()
