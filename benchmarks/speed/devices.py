"""Is one training done sooner by two processes with one core each than by one process with two threads?

    DATA uv run python benchmarks/speed/devices.py [--cases cnn:128,cnn:1024] [--fraction 0.1] [--turns 3]
                                                   [--data NAME]

On graphics processors: by two of them, by way of nccl, than by one? Both train on the same part of Fashion-MNIST, or of
another set, in turn, three epochs each. A turn gives two ratios, one process over two:
the fastest epoch behind the first one, with its validation, and the whole command, which has the start of the second
process in it. The median of all turns is stored with the least and the greatest. A case is a model and its batch size;
what is printed are the rows of docs/scaling.md.
"""

import argparse
import os
import statistics
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import sadari
from machine import commit, this_machine
from sadari.files import write_json

WAYS: dict[str, dict[str, int]] = {"one": {"devices": 1, "threads": 2}, "two": {"devices": 2, "threads": 1}}
EPOCHS, WARM, VALIDATION = 3, 1, 0.05


def seconds_of(data: str, model: str, batch: int, fraction: float, way: str, out: Path) -> tuple[float, float]:
    """Return the seconds of the fastest epoch behind the first one, and of the whole training with its judging."""
    started = perf_counter()
    settings: dict[str, Any] = {**WAYS[way], "train_fraction": fraction, "val_fraction": VALIDATION, "epochs": EPOCHS}
    settings["batch_size"] = batch
    run = sadari.train(data, model, out=out, tensorboard="off", **settings)
    return min(row["seconds"] for row in run.history[WARM:]), perf_counter() - started


def measure(data: str, model: str, batch: int, fraction: float, turns: int) -> dict[str, Any]:
    """Return the ratios of all turns, and the images per second of training and validation in the fastest epochs."""
    epochs: dict[str, list[float]] = {way: [] for way in WAYS}
    wholes: dict[str, list[float]] = {way: [] for way in WAYS}
    images = 0
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(turns):
            for way in WAYS:
                out = Path(folder) / f"{way}-{turn}"
                epoch, whole = seconds_of(data, model, batch, fraction, way, out)
                epochs[way].append(epoch)
                wholes[way].append(whole)
                counts = sadari.RunRecord.open(out).summary["images"]
                images = counts["train"] + counts["val"]
    found: dict[str, Any] = {"model": model, "batch_size": batch, "images": images, "turns": turns}
    for name, seconds in (("epoch", epochs), ("command", wholes)):
        ratios = [one / two for one, two in zip(seconds["one"], seconds["two"], strict=True)]
        found[name] = {"ratio": statistics.median(ratios), "least": min(ratios), "greatest": max(ratios)}
        found[name]["seconds"] = {way: min(of_way) for way, of_way in seconds.items()}
    return found | {"images_per_second": {way: round(images / min(of_way)) for way, of_way in epochs.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", default="cnn:128,cnn:1024,a3-cnn:1024", help="models with their batch sizes")
    parser.add_argument("--fraction", type=float, default=0.1)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    rows = []
    for case in options.cases.split(","):
        model, _, batch = case.partition(":")
        rows.append(measure(options.data, model, int(batch), options.fraction, options.turns))
        about = {"load": os.getloadavg()[0], "machine": this_machine(), "commit": commit()}
        write_json(options.out, {"date": f"{datetime.now(UTC):%Y-%m-%d}", **about, "cases": rows})
    print(*table(rows), sep="\n")


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Return the rows of docs/scaling.md: what two processes take of the time of one."""
    lines = [
        "| model, batch | epoch, one process | two processes | as fast | the whole command |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        what, seconds = f"{row['model']}, {row['batch_size']}", row["epoch"]["seconds"]
        fast, least, most = (row["epoch"][key] for key in ("ratio", "least", "greatest"))
        lines.append(
            f"| {what} | {seconds['one']:.2f} s | {seconds['two']:.2f} s | {fast:.2f} times "
            f"({least:.2f} to {most:.2f}) | {row['command']['ratio']:.2f} times |"
        )
    return lines


if __name__ == "__main__":
    main()
