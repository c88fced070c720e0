"""What does a search for settings gain over a model's own, and by how much does its best trial flatter?

    SADARI_DATA_DIR=... uv run python benchmarks/quality/tune.py [--cases digits-mlp,digits-cnn] [--seeds 5]
        [--workers 1] [--out DIR]

Each case is one `sadari tune` in its model's own space: the search has a budget of time, and its three best settings
and the default are trained with fresh seeds and judged on test images, once. `gain`: the best trial minus the default,
in accuracy on test images, with its 95 % interval and the verdict, whichever way it went. `flattery`: the validation
accuracy of the best trial minus that of fresh seeds with its settings, on the same validation images, and minus their
accuracy on test images. The folders of the searches are in --out; a search that was stopped goes on there, and a case
that the result file has already is not measured again. The two large cases, `fashion-mnist-cnn` and `flowers-photo`,
search for half an hour of two cores each, and are for a machine that has nothing else to do.
Results: tune.json beside this file.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sadari
from sadari.progress import Silent
from sadari.tuning.result import TuneResult

sys.path.append(str(Path(__file__).parents[1] / "speed"))  # for machine.py
from machine import commit, describe_machine

HERE = Path(__file__)
RESULT = HERE.with_suffix(".json")


@dataclass(frozen=True)
class Case:
    """One search. folder: of SADARI_DATA_DIR, where the data are no named set."""

    data: str
    model: str
    budget: str
    folder: bool = False


CASES = {
    "digits-mlp": Case("digits", "mlp", "1m"),
    "digits-cnn": Case("digits", "cnn", "2m"),
    "fashion-mnist-cnn": Case("fashion-mnist", "cnn", "30m"),
    "flowers-photo": Case("flowers", "photo", "30m", folder=True),
}
SMALL = ("digits-mlp", "digits-cnn")


class Spoken:
    """A progress that prints the sentences, without bars."""

    def say(self, sentence: str) -> None:
        print(sentence, flush=True)

    task = Silent.task


def measure(case: Case, seeds: int, workers: int, out: Path) -> dict[str, Any]:
    """Make the search of `case` in the folder `out`, and return what it found as one row of the results."""
    data = Path(os.environ["SADARI_DATA_DIR"]) / case.data if case.folder else case.data
    plan: dict[str, Any] = {"budget": case.budget, "seeds": seeds, "workers": workers}
    result = sadari.tune(data, case.model, **plan, out=out, progress=Spoken())
    return row(case, seeds, result) | {"workers": workers}


def row(case: Case, seeds: int, result: TuneResult) -> dict[str, Any]:
    """Return the figures of a search, with everything that is needed to make it again."""
    assert result.final is not None and result.best is not None
    found = result.flattery
    verdict = result.verdict
    return {
        **asdict(case),
        "seeds": seeds,
        "trials": result.counts,
        "seconds": round(sum(trial.seconds for trial in result.trials), 1),
        "best": {"trial": result.best.number, "validation": result.best.accuracy, "settings": dict(result.best.params)},
        "default": dict(result.default),
        "importances": {key: round(share, 3) for key, share in result.importances.items()},
        "arms": {
            arm.name: asdict(arm.accuracy) | {"validation": arm.val_accuracy}
            for arm in result.final.arms
            if arm.accuracy is not None
        },
        "gain": asdict(verdict) if verdict else None,
        "flattery": {"validation": asdict(found[0]), "test": asdict(found[1])} if found else None,
        "sentences": list(result.sentences),
        "commit": commit(),
        "machine": describe_machine(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", default=",".join(SMALL), help=f"of {', '.join(CASES)}")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1, help="trials that train at once")
    parser.add_argument("--out", type=Path, default=Path("runs") / "tune-benchmark")
    options = parser.parse_args()
    stored: dict[str, Any] = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.is_file() else {}
    for name in options.cases.split(","):
        if name not in stored:
            stored[name] = measure(CASES[name], options.seeds, options.workers, options.out / name)
            RESULT.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
        print(name, *stored[name]["sentences"], sep="\n  ")


if __name__ == "__main__":
    main()
