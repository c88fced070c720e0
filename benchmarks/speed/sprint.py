"""Which accuracy have `sprint` and `sprint-wide` on Fashion-MNIST after how many seconds on this machine?

    uv run python benchmarks/speed/sprint.py [--model sprint-wide] [--seeds 10] [--curve 2,4,8,16] [--data NAME]
                                             [--out FILE]

- test: the model as it is, trained on all 60,000 training images (val_fraction=0), the last weights judged once on the
  10,000 of the test split; nothing was chosen on those.
- curve: other numbers of epochs, trained on 48,000 of the training images and judged on the other 12,000, seed 0.

Seconds of training are those of all steps, and of judging the 12,000 after each epoch (curve). Those around them are
stored beside: loading (from the pack), preparing, judging and writing. Runs that the file has already are not done
again.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import commit, describe_machine
from sadari.job import make_job
from sadari.models.catalog import find_model
from sadari.training.train import train

DATA = "fashion-mnist"


def measure(data: str, model: str, seed: int, overrides: dict[str, Any]) -> dict[str, Any]:
    """Make one run in this process and return its figures."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        run = train(make_job(data, find_model(model), seed, overrides), Path(folder) / "run")
        total = time.perf_counter() - started
        summary = run.summary
    split = "val" if summary["scores"]["val"] else "test"
    return {
        "seed": seed,
        "epochs": summary["epochs"],
        "split": split,
        "accuracy": summary["scores"][split]["accuracy"],
        "training": summary["seconds"]["train"],
        "around": total - summary["seconds"]["train"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="sprint")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--curve", default="")
    parser.add_argument("--data", default=DATA, help="another set, to see that everything works")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "sprint.json")
    options = parser.parse_args()
    document = json.loads(options.out.read_text(encoding="utf-8")) if options.out.is_file() else {"runs": []}
    wanted: list[tuple[int, dict[str, Any]]] = [(seed, {"val_fraction": 0}) for seed in range(options.seeds)]
    wanted += [(0, {"epochs": int(each)}) for each in filter(None, options.curve.split(","))]
    for seed, overrides in wanted:
        key = {"model": options.model, "seed": seed, "overrides": overrides}
        key |= {"data": options.data} if options.data != DATA else {}
        if any(run["request"] == key for run in document["runs"]):
            continue
        run = {"request": key, "commit": commit(), **measure(options.data, options.model, seed, overrides)}
        document["runs"].append(run)
        document["machine"] = describe_machine()
        options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        print(
            f"{run['split']:4} seed {seed}  {run['epochs']} epochs  accuracy {run['accuracy']:.4f}  "
            f"training {run['training']:.1f} s  around it {run['around']:.1f} s",
            flush=True,
        )
    tests = [run for run in document["runs"] if run["split"] == "test" and run["request"]["model"] == options.model]
    if len(tests) > 1:
        accuracies, seconds = ([run[name] for run in tests] for name in ("accuracy", "training"))
        print(
            f"test, {len(tests)} seeds: mean {statistics.mean(accuracies):.4f} (sd {statistics.stdev(accuracies):.4f}, "
            f"{min(accuracies):.4f} to {max(accuracies):.4f}), training {statistics.mean(seconds):.1f} s "
            f"({min(seconds):.1f} to {max(seconds):.1f})"
        )


if __name__ == "__main__":
    main()
