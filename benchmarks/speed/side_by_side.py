"""How much sooner is a comparison done whose runs train side by side?

    SADARI_DATA_DIR=... uv run python benchmarks/speed/side_by_side.py [comparisons] [runs] [--turns 3] [--only TEXT]
                                                                   [--out FILE.json]

comparisons: each of COMPARISONS with one job at a time, then with as many as Sadari chooses, in turns and in fresh
processes. `seconds`: of the call `compare`, the start of its workers included; `ratio`: the first over the second.
runs: the table by which Sadari chooses (`sadari/comparison/workers/sharing.py`). Two warm processes train one run of
RUNS with two threads, one run with one thread, and two runs at the same time with one thread each. `gain`: how much
sooner two runs are done at the same time than one after the other with two threads; `alone`: how much sooner one run is
done with two threads than with one. Both results, medians of all turns, go to side_by_side.json beside this file, or to
--out.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from machine import describe_machine
from sadari.comparison.compare import compare
from sadari.comparison.request import Comparison
from sadari.comparison.variants import expand
from sadari.comparison.workers.local import LocalExecutor
from sadari.data.load import load
from sadari.data.split import draw_split
from sadari.job import make_job
from sadari.models.catalog import find_model
from sadari.settings import parse_overrides
from sadari.training.train import train

RESULT = Path(__file__).with_suffix(".json")
NETWORKS = {
    "dense512": "flatten, dense 512, dense 512",
    "dense1024": "flatten, dense 1024, dense 1024",
    "dense2048": "flatten, dense 2048, dense 2048",
    "lstm256": "rows, lstm 256 sequence, lstm 256",
}
SMALL = ("train_fraction=0.05", "val_fraction=0.05")
RUNS: Mapping[str, tuple[str, ...]] = {  # "data model": settings that make it a few seconds at most
    "fashion-mnist logistic": ("max_iter=10",),
    "fashion-mnist sgd": ("epochs=2", "train_fraction=0.2"),
    "fashion-mnist softmax": ("epochs=3", *SMALL),
    "fashion-mnist lstm": ("epochs=1", "train_fraction=0.1"),
    "fashion-mnist dnn": ("epochs=3", *SMALL),
    "fashion-mnist lstm3": ("epochs=1", *SMALL),
    "fashion-mnist mlp": ("epochs=3", "train_fraction=0.1"),
    "fashion-mnist lstm batch 512": ("epochs=2", "batch_size=512", *SMALL),
    "fashion-mnist dense512": ("epochs=3", *SMALL),
    "fashion-mnist lstm256": ("epochs=1", *SMALL),
    "fashion-mnist dense1024": ("epochs=3", *SMALL),
    "fashion-mnist dense2048": ("epochs=2", *SMALL),
    "fashion-mnist cnn": ("epochs=1", "train_fraction=0.1"),
    "fashion-mnist sprint": ("epochs=1", *SMALL),
    "digits mlp": ("epochs=10",),
    "digits lstm": ("epochs=3",),
    "digits cnn": ("epochs=3",),
    "digits cnn2": ("epochs=2",),
}
COMPARISONS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {  # name: data, models, settings; three seeds each
    "digits": ("digits", "majority,logistic,mlp,cnn", ()),
    "fashion-mnist, dense and recurrent": ("fashion-mnist", "mlp,dnn,lstm,lstm3", ("epochs=4", *SMALL)),
    "fashion-mnist, with convolutions": ("fashion-mnist", "mlp,lstm,cnn,a4-cnn", ("epochs=2", *SMALL)),
}

TRIAL = "a few shapes"  # measured only where --only names it: to see that everything works
TRIALS = {TRIAL: ("shapes:images=60,size=16", "majority,softmax", ("epochs=1",))}

Row = dict[str, Any]


def comparison(name: str, jobs: int | None) -> None:
    """What a fresh process does: one comparison."""
    data, models, words = {**COMPARISONS, **TRIALS}[name]
    arms, _ = expand([find_model(each) for each in models.split(",")], {}, parse_overrides(list(words)))
    with tempfile.TemporaryDirectory() as folder:
        started = perf_counter()
        result = compare(Comparison(data, arms, (0, 1, 2)), out=Path(folder) / "out", executor=LocalExecutor(jobs))
        seconds = perf_counter() - started
    accuracy = {arm.name: arm.accuracy.mean for arm in result.arms if arm.accuracy}
    print(json.dumps({"seconds": seconds, "accuracy": accuracy}))


def compared(name: str, turns: int) -> Row:
    """Measure one comparison in turns.

    The accuracies may differ by the rounding that the number of threads decides.
    """
    found: dict[str, list[Row]] = {"one": [], "auto": []}
    for turn in range(-1, turns):  # the first one warms caches and does not count
        for jobs, rows in sorted(found.items(), reverse=turn % 2 == 0):
            command = [sys.executable, __file__, "--child", name, "--jobs", jobs]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            if turn >= 0:
                rows.append(json.loads(done.stdout.splitlines()[-1]))
    seconds = {jobs: [row["seconds"] for row in rows] for jobs, rows in found.items()}
    ratios = [one / auto for one, auto in zip(seconds["one"], seconds["auto"], strict=True)]
    accuracy = {jobs: rows[-1]["accuracy"] for jobs, rows in found.items()}
    return {
        "name": name,
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "seconds": seconds,
        "accuracy": accuracy,
    }


def trainer() -> None:
    """Train what each line of standard input says, and print when that began and ended: what a warm process does."""
    for line in sys.stdin:
        model, data, seed, settings, out = json.loads(line)
        shutil.rmtree(out, ignore_errors=True)
        job = make_job(data, find_model(model), seed, parse_overrides(settings))
        images = load(data, job.settings)
        split = draw_split(images, job.settings)
        started = perf_counter()
        train(job, Path(out), images=images, split=split)
        print(json.dumps([started, perf_counter()]), flush=True)


class Pair:
    """Two warm processes with the same clock."""

    def __init__(self, processes: list["subprocess.Popen[str]"], folder: Path) -> None:
        self._processes, self._folder = processes, folder

    def seconds(self, name: str, threads: int, at_once: int) -> float:
        """Return how long `at_once` runs take at the same time."""
        data, model, *_ = name.split()
        if model in NETWORKS:
            path = self._folder / f"{model}.toml"
            path.write_text(f'layers = "{NETWORKS[model]}"\n', encoding="utf-8")
            model = str(path)
        busy = self._processes[:at_once]
        for seed, process in enumerate(busy):
            request = [model, data, seed, [*RUNS[name], f"threads={threads}"], str(self._folder / str(seed))]
            assert process.stdin
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        spans = [json.loads(process.stdout.readline()) for process in busy if process.stdout]
        return float(max(end for _, end in spans) - min(start for start, _ in spans))


@contextmanager
def pair() -> Iterator[Pair]:
    """Start two warm processes, and end them afterwards."""
    command = [sys.executable, __file__, "--trainer"]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) for _ in range(2)
    ]
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield Pair(processes, Path(folder))
    finally:
        for process in processes:
            process.communicate()


def shared(name: str, turns: int, trained: Pair) -> Row:
    """Measure one run of RUNS with two threads, with one, and twice at the same time."""
    trained.seconds(name, 1, 2)  # maps the images, and warms what can be
    found: dict[str, list[float]] = {"two threads": [], "one thread": [], "at once": []}
    for _ in range(turns):
        found["two threads"].append(trained.seconds(name, 2, 1))
        found["one thread"].append(trained.seconds(name, 1, 1))
        found["at once"].append(trained.seconds(name, 1, 2))
    two, one, both = (statistics.median(each) for each in found.values())
    return {"name": name, "settings": RUNS[name], "gain": 2 * two / both, "alone": one / two, "seconds": found}


def keep(file: Path, kind: str, rows: list[Row]) -> None:
    """Replace the rows of the same names in `file` by `rows`."""
    document = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    document["machine"] = describe_machine()
    held = {row["name"]: row for row in document.get(kind, [])}
    document[kind] = list((held | {row["name"]: row for row in rows}).values())
    file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", default=["comparisons", "runs"])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", default="", help="names that contain this text")
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--child")
    parser.add_argument("--jobs")
    parser.add_argument("--trainer", action="store_true")
    options = parser.parse_args()
    if options.trainer:
        trainer()
        return
    if options.child:
        comparison(options.child, 1 if options.jobs == "one" else None)
        return
    if "comparisons" in options.kinds:
        for name in TRIALS if options.only == TRIAL else [each for each in COMPARISONS if options.only in each]:
            row = compared(name, options.turns)
            print(f"{name}: {row['ratio']:.2f}", row["seconds"])
            keep(options.out, "comparisons", [row])
    if "runs" in options.kinds:
        with pair() as trained:
            for name in [each for each in RUNS if options.only in each]:
                row = shared(name, options.turns, trained)
                print(f"{name}: gain {row['gain']:.2f}, alone {row['alone']:.2f}")
                keep(options.out, "runs", [row])


if __name__ == "__main__":
    main()
