"""What does it cost to stream a set instead of packing it? Images per second and memory, at three sizes of the set.

    uv run python benchmarks/speed/any_size.py PHOTOS [--counts 1200,12000,120000] [--steps 200] [--json FILE]

PHOTOS: a folder of class folders. Sets of so many images are made of links to it (each link has an id of its own), in a
temporary folder with a cache of its own. For each set, packed and streamed in turn, every step in a fresh process: the
first load; then another load and one epoch of a small network on one thread, beside one decoding thread, over at most
`--steps` batches of 64. Reported are wall and processor seconds, and the peak of anonymous memory (the program's own)
and of mapped file pages (the pack's, which the system takes back when it needs them). RssAnon is read every 20 ms.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from machine import describe_machine

BATCH, SIZE = 64, 128
LAYERS = "conv 8 same, maxpool, conv 16 same, maxpool, conv 16 same, maxpool, flatten, dense 32"
WAYS = {"packed": "never", "streamed": "always"}
MEGABYTE = 1024.0  # /proc counts in KiB


def link_photos(photos: Path, folder: Path, count: int) -> Path:
    """Make a folder of class folders with `count` links to the files of `photos`, and return it."""
    files = sorted(path.resolve() for path in photos.rglob("*.jpg"))
    for number in range(count):
        file = files[number % len(files)]
        link = folder / file.parent.name / f"{number // len(files):04d}-{file.name}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file)
    return folder


class Memory(threading.Thread):
    """A thread that reads how much memory this process has of its own, and how much of files. Peaks in MiB."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.anonymous = self.file = 0.0
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.02):
            self.look()

    def look(self) -> tuple[float, float]:
        lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        anonymous, file = (int(lines[name].split()[0]) / MEGABYTE for name in ("RssAnon", "RssFile"))
        self.anonymous, self.file = max(self.anonymous, anonymous), max(self.file, file)
        return anonymous, file


def one_process(data: str, way: str, steps: int) -> dict[str, Any]:
    """Load the set, and train on it where there are `steps`; return what that took."""
    from sadari.data.load import load
    from sadari.job import Job
    from sadari.models.catalog import find_model
    from sadari.settings import resolve
    from sadari.training import train as training
    from sadari.training.engine import Engine
    from sadari.values import Split

    memory = Memory()
    before, _ = memory.look()
    memory.start()
    settings, _ = resolve(
        {}, {}, {"image_size": SIZE, "channels": 3, "stream": WAYS[way], "threads": 1, "epochs": 1, "batch_size": BATCH}
    )
    wall, processor = time.perf_counter(), time.process_time()
    images = load(data, settings)
    done: dict[str, Any] = {
        "load_seconds": time.perf_counter() - wall,
        "load_processor_seconds": time.process_time() - processor,
    }
    if steps:
        none = np.empty(0, dtype=np.int64)
        chosen = np.random.default_rng(0).permutation(len(images))[: steps * BATCH]
        epoch: dict[str, float] = {"images": len(chosen)}
        train_epoch = Engine._train_epoch

        def timed(self: Engine, *given: Any) -> None:
            wall, whole, own = time.perf_counter(), time.process_time(), time.thread_time()
            train_epoch(self, *given)
            epoch["seconds"] = time.perf_counter() - wall
            epoch["training_processor_seconds"] = time.thread_time() - own
            epoch["decoding_processor_seconds"] = time.process_time() - whole - (time.thread_time() - own)

        Engine._train_epoch = timed  # type: ignore[assignment, method-assign]
        with tempfile.TemporaryDirectory() as folder:
            network = Path(folder) / "small.toml"
            network.write_text(f'layers = "{LAYERS}"\n', encoding="utf-8")
            split = Split(np.sort(chosen), none, none, "all")
            training.train(
                Job(data, find_model(network), 0, settings), Path(folder) / "run", images=images, split=split
            )
        done["epoch"] = {**epoch, "images_per_second": len(chosen) / epoch["seconds"]}
    memory.over.set()
    memory.look()
    return {**done, "anonymous_MiB": memory.anonymous, "of_which_before_MiB": before, "file_MiB": memory.file}


def child(data: Path, way: str, steps: int, cache: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, str(data), "--child", way, "--steps", str(steps)]
    environment = {**os.environ, "SADARI_CACHE_DIR": str(cache), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure(photos: Path, count: int, steps: int, folder: Path) -> list[dict[str, Any]]:
    data, cache = link_photos(photos, folder / f"photos-{count}", count), folder / "cache"
    rows = []
    for way in WAYS:
        first = child(data, way, 0, cache)
        kept = sum(path.stat().st_size for path in (cache / "packs").rglob("*") if path.is_file())
        again = child(data, way, steps, cache)
        row = {"images": count, "way": way, "cache_MiB": kept / 2**20, "first": first, "again": again}
        row["load_average"] = os.getloadavg()[0]
        for path in sorted((cache / "packs").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        print(json.dumps(row), flush=True)
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--counts", default="1200,12000,120000")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", choices=WAYS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(one_process(str(options.photos), options.child, options.steps)))
        return
    rows = []
    with tempfile.TemporaryDirectory(prefix="any-size-") as folder:
        for count in map(int, options.counts.split(",")):
            rows += measure(options.photos.resolve(), count, options.steps, Path(folder))
    if options.json:
        document = {
            "command": f"python benchmarks/speed/any_size.py PHOTOS --counts {options.counts} --steps {options.steps}",
            "date": date.today().isoformat(),
            "machine": describe_machine(),
            "size": SIZE,
            "rows": rows,
        }
        options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
