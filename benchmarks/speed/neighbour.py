"""How much longer does training take beside a program that keeps one core busy, and how should threads wait?

    uv run python benchmarks/speed/neighbour.py [--models cnn,sprint,cnn2] [--spins "",0,1000] [--turns 3]

For each network and each way of waiting, a fresh process trains by the engine, two threads on two cores: an epoch of
ten steps to warm up and two that count, batch 256 of random 28x28 pictures. GOMP_SPINCOUNT is how often a thread of
libgomp looks before it sleeps; "" leaves its default. In each turn all of them train alone, and then beside a
neighbour: a process that does nothing but count. Stored are the seconds of an epoch, medians over the turns, and
their ratio.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from machine import commit, this_machine
from sadari.files import write_json

HERE = Path(__file__).parent
COUNT = "while True: pass"
TRAIN = """
import sys
sys.path.insert(0, {here!r})
from arithmetic import epoch_seconds
from engine_overhead import BATCH, STEPS
from random_images import random_images
from sadari.inference.device import cores, resolve_machine
from sadari.settings import Settings
settings = resolve_machine(Settings(epochs=3, batch_size=BATCH, device="cpu"))
print(settings.precision, epoch_seconds({model!r}, settings, random_images(STEPS * BATCH), cores()))
"""


@contextmanager
def neighbour(wanted: bool) -> Iterator[None]:
    """Keep one core busy inside, where it is `wanted`."""
    process = subprocess.Popen([sys.executable, "-c", COUNT]) if wanted else None
    try:
        yield
    finally:
        if process:
            process.kill()
            process.wait()


def seconds(model: str, spins: str) -> tuple[str, float]:
    """Return the precision, and the seconds of an epoch in a fresh process whose threads wait as `spins` says."""
    own = {"GOMP_SPINCOUNT": spins} if spins else {}
    without = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    command = [sys.executable, "-c", TRAIN.format(here=str(HERE), model=model)]
    done = subprocess.run(command, env={**without, **own}, capture_output=True, text=True, check=True)
    precision, taken = done.stdout.split()
    return precision, float(taken)


def measure(models: list[str], spins: list[str], turns: int) -> list[dict[str, Any]]:
    """Return one row for each network and way of waiting."""
    taken: dict[tuple[str, str, bool], list[float]] = {}
    precision = ""
    for _ in range(turns):
        for model in models:
            for each in spins:
                for beside in (False, True):
                    with neighbour(beside):
                        precision, found = seconds(model, each)
                    taken.setdefault((model, each, beside), []).append(found)
    rows = []
    for model in models:
        for each in spins:
            alone, beside_one = (statistics.median(taken[model, each, beside]) for beside in (False, True))
            row = {"model": model, "precision": precision, "spins": each, "turns": turns}
            rows.append({**row, "alone": alone, "beside": beside_one, "ratio": beside_one / alone})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="cnn,sprint,cnn2")
    parser.add_argument("--spins", default=",0,1000")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    rows = measure(options.models.split(","), options.spins.split(","), options.turns)
    for row in rows:
        row |= {"machine": this_machine(), "load": os.getloadavg()[0], "commit": commit()}
        print(json.dumps({key: row[key] for key in ("model", "spins", "alone", "beside", "ratio")}))
    write_json(options.out, rows)


if __name__ == "__main__":
    main()
