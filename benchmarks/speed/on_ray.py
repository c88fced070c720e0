"""What does it cost to train on a Ray cluster: how much longer is a run there, and are many runs?

    SADARI_DATA_DIR=... uv run --extra ray python benchmarks/speed/on_ray.py [overhead] [jobs] [--turns 3] [--json FILE]

Both on a cluster of nodes with one core each that this program starts on this machine and ends again. Leave the machine
alone meanwhile: two cores are wanted.

overhead: on one node, the same run RUNS times there and here in turns, in warm processes with one thread. `seconds`:
the median of what it takes longer there: its way to the node, its files on their way back, and all in between. `first`:
what the first run of a process there takes longer, in which torch is loaded. Asked for: below 1 s.
jobs: on two nodes, the command `sadari compare` with JOBS runs of one thread with `--workers 2` and with `--ray`, each
in a fresh process, in turns. `ratio`: the second over the first, a median. Asked for: at most 1.15.

Results go to on_ray.json beside this file, after every turn; turns that are there already are not made again. What is
printed is the table of docs/scaling.md.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from machine import commit, this_machine
from sadari.comparison.cluster.executor import on_ray
from sadari.data.load import load
from sadari.data.split import draw_split
from sadari.job import make_job
from sadari.models.catalog import find_model
from sadari.training.train import train

RESULT = Path(__file__).with_suffix(".json")
STORE = 200 * 2**20  # bytes of each node's object store; Fashion-MNIST takes 55 MB
PROGRAM = [sys.executable, "-c", "from sadari.cli.main import main; main()"]
RUNS, JOBS = 5, 20
# Of a run of `overhead`, so short that the difference is not lost in its own, and of one of `jobs`: ten seconds or so.
SHORT: Mapping[str, Any] = {"epochs": 2, "train_fraction": 0.1, "threads": 1}
SETTINGS: Mapping[str, Any] = {"epochs": 20, "train_fraction": 0.5, "threads": 1}

Document = dict[str, Any]


@contextmanager
def nodes(count: int) -> Iterator[str]:
    """Start so many nodes with one core each, and yield the address of their cluster."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ray.cluster_utils import Cluster

        cluster: Any = Cluster()
        try:
            for _ in range(count):
                cluster.add_node(num_cpus=1, object_store_memory=STORE, include_dashboard=False)
            yield str(cluster.address)
        finally:
            cluster.shutdown()


def overhead(data: str, model: str, document: Document, result: Path) -> None:
    """Measure what a run takes longer on a node, one pair after the other."""
    found = document.setdefault("overhead", {"here": [], "there": [], "first": None})
    if len(found["there"]) >= RUNS:
        return
    job = make_job(data, find_model(model), 0, SHORT)
    images = load(data, job.settings)
    split = draw_split(images, job.settings)

    def seconds(make: Any, folder: Path) -> float:
        started = perf_counter()
        make(replace(job, seed=len(list(folder.parent.iterdir()))), folder, images=images, split=split)
        return perf_counter() - started

    with tempfile.TemporaryDirectory() as at, nodes(1) as address, on_ray(address) as executor:
        folder = Path(at)
        warm = seconds(train, folder / "warm-here")
        found["first"] = seconds(executor.cluster.train, folder / "warm-there") - warm
        for turn in range(len(found["there"]), RUNS):
            found["here"].append(seconds(train, folder / f"here-{turn}"))
            found["there"].append(seconds(executor.cluster.train, folder / f"there-{turn}"))
            pairs = zip(found["there"], found["here"], strict=True)
            found["seconds"] = statistics.median(there - here for there, here in pairs)
            keep(document, result)


def jobs(data: str, model: str, count: int, turns: int, document: Document, result: Path) -> None:
    """Measure the same comparison on this machine and on two nodes of it, in turns."""
    found = document.setdefault("jobs", {"count": count, "workers": [], "ray": []})
    if found["count"] != count:
        raise SystemExit(f"{result} has turns of {found['count']} jobs; name another --json")
    words = [f"{key}={value}" for key, value in SETTINGS.items()]
    command = [*PROGRAM, "compare", data, "--models", model, "--seeds", str(count), "--json"]
    command += [word for each in words for word in ("--set", each)]
    load(data, make_job(data, find_model(model), 0, SETTINGS).settings)  # decoded before the first turn
    if len(found["ray"]) >= turns:
        return
    with nodes(2) as address:
        for turn in range(len(found["ray"]), turns):
            ways = {"workers": ["--workers", "2"], "ray": ["--ray", address]}
            for way in sorted(ways, reverse=turn % 2 == 0):
                with tempfile.TemporaryDirectory() as at:
                    started = perf_counter()
                    out = ["--out", str(Path(at) / "out")]
                    subprocess.run([*command, *ways[way], *out], capture_output=True, check=True)
                    found[way].append(perf_counter() - started)
            found["ratio"] = statistics.median(
                ray / workers for ray, workers in zip(found["ray"], found["workers"], strict=True)
            )
            keep(document, result)


def table(document: Document) -> list[str]:
    """Return the rows of docs/scaling.md, as far as they were measured."""
    rows = ["| what | on this machine | on Ray | |", "|---|---|---|---|"]
    what = f"{document['model']} on {document['data']}"
    if found := document.get("overhead"):
        here, there = (f"{statistics.median(found[place]):.2f} s" for place in ("here", "there"))
        run = f"a run: {what}, {_words(document['short'])}"
        rows.append(f"| {run} | {here} | {there} | {found['seconds']:+.2f} s |")
        rows.append(f"| the first run of a process, which loads torch | | | {found['first']:+.1f} s |")
    if found := document.get("jobs"):
        workers, ray = (f"{statistics.median(found[way]):.1f} s" for way in ("workers", "ray"))
        runs = f"{found['count']} runs: {what}, {_words(document['settings'])}"
        rows.append(f"| {runs} | {workers}, `--workers 2` | {ray}, two nodes | {found['ratio']:.2f} times |")
    return rows


def _words(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in settings.items())


def keep(document: Document, result: Path) -> None:
    """Store what was measured so far."""
    stamp = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": this_machine(), "commit": commit()}
    result.write_text(json.dumps(document | stamp, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", default=["overhead", "jobs"])
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--model", default="mlp")
    parser.add_argument("--jobs", type=int, default=JOBS, help="runs of the comparison")
    parser.add_argument("--turns", type=int, default=3, help="times that the comparison is made each way")
    parser.add_argument("--json", type=Path, default=RESULT, help="where results are kept")
    options = parser.parse_args()
    asked = {"data": options.data, "model": options.model, "short": dict(SHORT), "settings": dict(SETTINGS)}
    document = json.loads(options.json.read_text(encoding="utf-8")) if options.json.is_file() else asked
    if {name: document[name] for name in asked} != asked:
        raise SystemExit(f"{options.json} has figures of another run; name another --json")
    if "overhead" in options.kinds:
        overhead(options.data, options.model, document, options.json)
    if "jobs" in options.kinds:
        jobs(options.data, options.model, options.jobs, options.turns, document, options.json)
    print(*table(document), sep="\n")


if __name__ == "__main__":
    main()
