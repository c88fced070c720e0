"""How much memory does a long comparison in one process hold, run after run, beside its largest run alone?

    uv run python benchmarks/speed/comparison_memory.py [--models softmax,mlp,cnn,lstm,sprint,cnn2] [--seeds 3]
                                                        [--images 2000] [--side 28] [--out FILE.json]

`compare --workers 1` on made-up images, one epoch a run, seed after seed, so that networks of different sizes follow
each other. Once as it is, and once without giving back what malloc keeps free at the end of a run, each in a process of
its own; and each network alone, likewise. After every run: `peak`, the most memory that the process has had since the
run before, and `held`, what it has then without the pages of files. MiB, Linux only.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from machine import commit, peak_mib, this_machine
from random_images import write_learnable
from sadari.comparison.compare import compare
from sadari.comparison.executor import Outcome, SerialExecutor, Task
from sadari.comparison.request import Comparison
from sadari.comparison.variants import expand
from sadari.files import write_json
from sadari.inference import device
from sadari.models.catalog import find_model
from sadari.progress import Progress

CLASSES = 10
WAYS = ("given back", "kept")


@dataclass(frozen=True)
class Watched:
    """An executor that makes one run after the other, and notes the memory of each."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def run(self, tasks: Sequence[Task], progress: Progress) -> list[Outcome]:
        """Make the runs seed after seed."""
        outcomes = []
        for task in sorted(tasks, key=lambda task: task.job.seed):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
            outcomes += SerialExecutor().run([task], progress)
            self.rows.append({"run": task.label, "peak": round(peak_mib()), "held": round(held_mib())})
        return outcomes


def held_mib() -> float:
    """Return the memory of this process without the pages of files, in MiB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("RssAnon:")[2].split()[0]) / 1024


def one_process(models: str, seeds: int, file: Path, way: str) -> dict[str, Any]:
    """Make a comparison in this process, and return its memory run by run."""
    if way == "kept":
        device.give_back_freed_memory = lambda: None
    watched = Watched()
    chosen = [find_model(name) for name in models.split(",")]
    arms, _ = expand(chosen, {}, {"epochs": 1, "tensorboard": "off"})
    before = held_mib()
    with tempfile.TemporaryDirectory() as folder:
        request = Comparison(str(file), arms, tuple(range(seeds)))
        compare(request, out=Path(folder) / "out", executor=watched)
    return {"before": round(before), "runs": watched.rows}


def child(models: str, seeds: int, file: Path, way: str) -> dict[str, Any]:
    """Return what `one_process` returns in a process of its own."""
    words = ["--models", models, "--seeds", str(seeds), "--file", str(file), "--child", way]
    done = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def describe(found: dict[str, Any]) -> str:
    """Return in a line how the memory of a comparison compares with its largest run alone, and how it grows."""
    largest, lines = max(found["alone"].values()), []
    for way in WAYS:
        runs = found[way]["runs"]
        peak, held = max(run["peak"] for run in runs), [run["held"] for run in runs]
        lines.append(
            f"{way}: peak {peak:,} MiB, {peak / largest:.2f} of the largest run alone ({largest:,}); "
            f"held after the first, the second and the last run: {held[0]:,}, {held[1]:,}, {held[-1]:,}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="softmax,mlp,cnn,lstm,sprint,cnn2")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, default=2_000)
    parser.add_argument("--side", type=int, default=28)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.add_argument("--child", choices=WAYS)
    parser.add_argument("--file", type=Path)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(one_process(options.models, options.seeds, options.file, options.child)))
        return
    found: dict[str, Any] = {"images": options.images, "side": options.side}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "made-up.npz"
        write_learnable(file, options.images, options.side, CLASSES)
        for way in WAYS:
            found[way] = child(options.models, options.seeds, file, way)
        found["alone"] = {name: child(name, 1, file, WAYS[0])["runs"][0]["peak"] for name in options.models.split(",")}
    write_json(options.out, {**found, "machine": this_machine(), "commit": commit()})
    print(describe(found))


if __name__ == "__main__":
    main()
