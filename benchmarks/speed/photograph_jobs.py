"""What do jobs on photographs cost beside decoding them once and one forward pass, and is anything computed twice?

    uv run python benchmarks/speed/photograph_jobs.py PHOTOS [--count 1000] [--turns 3] [--jobs probe,knn]

PHOTOS: a folder of class folders, or of parts of them. A set of `--count` photographs, the same share of each class, is
made of links in a temporary folder. In each turn, one after the other, each in a fresh process:

- parts: every photograph is decoded to 224 pixels as Sadari decodes, and goes once through the frozen layers of
  `linear-probe` (EfficientNet-Lite0, as it comes with Sadari), with nothing else around. Both are counted from the
  first image to the last, and the whole process with its imports.
- probe: `sadari train SET --model linear-probe` with an empty cache.
- knn, again: `--model knn` and then `linear-probe` with another seed, with the cache that the probe left.
- compare: `sadari compare SET --models linear-probe,knn --seeds 1` with another empty cache.

Stored are CPU seconds (user and system, of the process and of those that it waited for), which say what a job does
whatever else the machine does, and wall seconds, which are for a quiet machine. threads: of torch and of decoding; one
by default, since threads that wait for each other on a busy machine burn CPU seconds. Stored after each turn in
photograph_jobs.json beside this file; a call with more `--turns` goes on. What a job takes beside the parts hardly
depends on the number of photographs, so that a smaller `--count` says something of a larger one.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from machine import commit, this_machine
from sadari.files import read_json, write_json

COMMAND = "import sys; sys.argv[0] = 'sadari'; from sadari.cli.main import main; main()"
BACKBONE = ("--set", "backbone=tf_efficientnet_lite0", "--set", "weights=embedded")
SIDE = 224
JOBS = {  # name: (cache, words of the command)
    "probe": ("probe", ("train", "SET", "--model", "linear-probe", *BACKBONE)),
    "knn": ("probe", ("train", "SET", "--model", "knn", *BACKBONE)),
    "again": ("probe", ("train", "SET", "--model", "linear-probe", "--seed", "1", *BACKBONE)),
    "compare": ("compare", ("compare", "SET", "--models", "linear-probe,knn", "--seeds", "1", *BACKBONE)),
}


def link_some(photos: Path, folder: Path, count: int) -> Path:
    """Make a folder of class folders with links to about `count` files of `photos`, the same share of each class."""
    files = sorted((path.parent.name, path) for path in photos.rglob("*.jpg"))
    for number in range(count):
        kind, file = files[number * len(files) // count]
        link = folder / kind / f"{number:05}-{file.name}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file.resolve())
    return folder


def measure_parts(folder: Path, threads: int) -> dict[str, float]:
    """Decode the photographs of `folder`, and put them through the frozen layers: the CPU and wall seconds of both."""
    import torch

    from sadari.data.decode import Frame
    from sadari.inference.architecture import Architecture
    from sadari.inference.device import resolve_machine, use_machine
    from sadari.job import make_job
    from sadari.models.backbone.still_norms import with_merged_norms
    from sadari.models.catalog import find_model
    from sadari.models.frozen import split_frozen
    from sadari.training.frozen import AT_ONCE
    from sadari.training.setup import start_weights

    chosen: dict[str, Any] = {"backbone": "tf_efficientnet_lite0", "weights": "embedded", "threads": threads}
    job = make_job(str(folder), find_model("linear-probe"), 0, chosen)
    frame, files = Frame.of(job.settings), sorted(folder.glob("*/*"))
    found: dict[str, float] = {}
    began = (time.process_time(), time.perf_counter())
    with ThreadPoolExecutor(threads) as pool:
        pixels = np.stack(list(pool.map(lambda path: frame.decode(path.read_bytes()), files)))
    found |= taken("decoding", began)
    classes = tuple(sorted(path.name for path in folder.iterdir()))
    architecture = Architecture.of(job.model, job.variables, (SIDE, SIDE, 3), classes)
    network = architecture.build(0)
    start_weights(network, architecture, Path())
    with use_machine(resolve_machine(job.settings), threads), torch.inference_mode():
        assert architecture.scaling is not None
        mean, std = (torch.tensor(each) * 255 for each in architecture.scaling)

        def prepared(some: Any) -> torch.Tensor:
            return ((torch.from_numpy(some) - mean) / std).permute(0, 3, 1, 2)

        divided = split_frozen(network, lambda: prepared(pixels[:1]))
        assert divided is not None
        layers = with_merged_norms(divided.frozen)
        began = time.process_time(), time.perf_counter()
        for start in range(0, len(pixels), AT_ONCE):
            layers(prepared(pixels[start : start + AT_ONCE]))
        found |= taken("forward", began)
    return found


def taken(name: str, began: tuple[float, float]) -> dict[str, float]:
    """Return the CPU and wall seconds since `began`, under `name`."""
    return {f"{name}_cpu": time.process_time() - began[0], f"{name}_wall": time.perf_counter() - began[1]}


def run(words: list[str], folder: Path, cache: Path, threads: int) -> tuple[dict[str, float], str]:
    """Run a program in `folder`: its CPU and wall seconds, and what it printed. Raises SystemExit where it fails."""
    dropped = ("SADARI_WEIGHTS_DIR", "PYTHONDONTWRITEBYTECODE")
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    environment |= {"SADARI_CACHE_DIR": str(cache), "OMP_NUM_THREADS": str(threads)}
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *words], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    with process.stdout:
        said = process.stdout.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(words[1:])} failed: {said}")
    return {"cpu": usage.ru_utime + usage.ru_stime, "wall": time.perf_counter() - started}, said


def one_turn(data: Path, threads: int, jobs: list[str], load: float) -> dict[str, Any]:
    """Measure the parts and the `jobs`, the first of them with empty caches. load: of the machine before."""
    found: dict[str, Any] = {"load": load}
    with tempfile.TemporaryDirectory(prefix="photograph-jobs-") as name:
        folder = Path(name)
        whole, said = run(
            [__file__, str(data), "--threads", str(threads), "--parts"], folder, folder / "parts", threads
        )
        found["parts"] = {**json.loads(said.splitlines()[-1]), **whole}
        for job in jobs:
            cache, words = JOBS[job]
            words_of_job = [str(data) if word == "SET" else word for word in words]
            options = ["--set", f"threads={threads}", "--out", job]
            found[job], _ = run(["-c", COMMAND, *words_of_job, *options], folder, folder / cache, threads)
    return found


def table(turns: list[dict[str, Any]]) -> list[str]:
    """Return a line for each job: median CPU seconds, and the median of its ratios to the parts of the same turn."""
    lines = []
    for job in (each for each in ("parts", *JOBS) if each in turns[0]):
        cpu = statistics.median(turn[job]["cpu"] for turn in turns)
        lines.append(f"{job:10} {cpu:7.2f} s   {_spread(turns, job, bare)} of both parts   "
                     f"{_spread(turns, job, whole)} with imports")  # fmt: skip
    return lines


def bare(turn: dict[str, Any]) -> float:
    """Return the CPU seconds of decoding and of the forward pass alone."""
    return float(turn["parts"]["decoding_cpu"] + turn["parts"]["forward_cpu"])


def whole(turn: dict[str, Any]) -> float:
    """Return the CPU seconds of the process that does both, with its imports."""
    return float(turn["parts"]["cpu"])


def _spread(turns: list[dict[str, Any]], job: str, of: Any) -> str:
    ratios = [turn[job]["cpu"] / of(turn) for turn in turns]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--jobs", default=",".join(JOBS))
    parser.add_argument("--parts", action="store_true", help="measure the parts in this process, of PHOTOS as it is")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    if options.parts:
        print(json.dumps(measure_parts(options.photos, options.threads)))
        return
    jobs = options.jobs.split(",")
    measured = {"count": options.count, "threads": options.threads, "jobs": jobs, "commit": commit()}
    stored = read_json(options.out) if options.out.is_file() else {}
    if {key: stored.get(key) for key in measured} != measured:
        stored = {**measured, "machine": this_machine(), "turns": []}
    with tempfile.TemporaryDirectory(prefix="photographs-") as name:
        data = link_some(options.photos, Path(name) / "photographs", options.count)
        while len(stored["turns"]) < options.turns:
            stored["turns"].append(one_turn(data, options.threads, jobs, os.getloadavg()[0]))
            write_json(options.out, {**stored, "date": time.strftime("%Y-%m-%d")})
    print("\n".join(table(stored["turns"])))


if __name__ == "__main__":
    main()
