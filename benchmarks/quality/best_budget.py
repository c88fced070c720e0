"""Is `--models best` worse than training the best single model for the same time?

    SADARI_DATA_DIR=... uv run python benchmarks/quality/best_budget.py [--sets digits,shapes,fashion-mnist] [--seeds 3]

On each set, with the budget B that BUDGETS says: every model alone, with as many epochs as B holds by its measured cost
(measured on the set itself, before B begins), once; the three that are best on the *test* images then with the other
seeds; and best, with B for everything, with all seeds. Which single model is the best is therefore known from the
test images, as nobody could who has not tried them all: the comparison favours the single model.

What the result file has already is not measured again. `seconds` of each entry: training and judging, by the clock;
those of the measuring before a single model's B are left out, those of `best` are included. At most 27 B a set
(worked out): a quarter of an hour for digits and shapes, less where patience ends runs; half an hour for fashion-mnist.
"""

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from sadari.comparison.best.candidates import find_candidates, learning_arms
from sadari.comparison.best.cost_model import CostModel, Counts, measure
from sadari.comparison.best.finals import PLANNED_SHARE
from sadari.comparison.best.halving import TrainingPlan, plan_training
from sadari.comparison.best.run import BestRequest, chosen_run, find_best
from sadari.comparison.best.search import planned_job
from sadari.comparison.best.state import SearchState
from sadari.comparison.request import Comparison
from sadari.comparison.variants import Arm
from sadari.data.load import load
from sadari.data.split import draw_split
from sadari.errors import SadariError
from sadari.run import RunRecord
from sadari.settings import Settings
from sadari.training.train import train
from sadari.values import ImageSet, Split

sys.path.append(str(Path(__file__).parents[1] / "speed"))  # for machine.py
from machine import commit, describe_machine

HERE = Path(__file__).parent
BUDGETS = {"digits": 20.0, "shapes": 20.0, "fashion-mnist": 60.0}  # seconds
REPEATED = 3  # single models that get all seeds
MEASURED_SHARE = 0.1  # of B, for which a single model is trained to measure its cost

Entry = dict[str, Any]


class Single:
    """The models that are trained alone on one set."""

    def __init__(self, data: str, budget: float) -> None:
        self.budget = budget
        self.images: ImageSet = load(data, Settings())
        arms = find_candidates(data, learning_arms({})[0], self.images).arms
        self.request = Comparison(data, tuple(arm for arm in arms if self._as_it_is(data, arm)), (0,))
        self.split = draw_split(self.images, Settings())
        self.counts = Counts.of(self.split)

    def _as_it_is(self, data: str, arm: Arm) -> bool:
        """Return whether the model reads the images in their own size. Backbones need larger ones, and minutes."""
        return Comparison(data, (arm,), (0,)).job(arm, 0).settings.image_size == 0

    def train(self, arm: Arm, seed: int) -> Entry:
        """What comes of `arm` in the whole budget?"""
        chosen = plan_training(self._cost(arm), self.counts, PLANNED_SHARE * self.budget)
        if chosen is None:
            return {"accuracy": None, "seconds": 0.0, "plan": "too slow"}
        record, seconds = self._timed(arm, seed, chosen, self.split)
        return {"accuracy": record["scores"]["test"]["accuracy"], "seconds": seconds, "plan": str(chosen)}

    def _cost(self, arm: Arm) -> CostModel:
        """Measure the cost on the set itself, where the budget allows that by the cost on the sample."""
        sampled = measure(self.request.data, arm, 0, self.images, self.counts, train)
        short = plan_training(sampled, self.counts, MEASURED_SHARE * self.budget)
        if short is None:
            return sampled
        closed = replace(self.split, test=np.empty(0, dtype=np.int64))
        summary, seconds = self._timed(arm, 0, short, closed)
        done, counts = summary["epochs"], replace(self.counts, test=0).with_train_fraction(short.fraction)
        return CostModel.of_run(seconds, summary["seconds"]["train"], done, counts)

    def _timed(self, arm: Arm, seed: int, chosen: TrainingPlan, split: Split) -> tuple[Entry, float]:
        job = planned_job(self.request, arm, seed, chosen, tensorboard="off")
        if chosen.fraction < 1:
            split = replace(split, train=draw_split(self.images, job.settings).train)
        with tempfile.TemporaryDirectory() as folder:
            started = perf_counter()
            run: RunRecord = train(job, Path(folder) / "run", images=self.images, split=split)
            return run.summary, perf_counter() - started


def search(data: str, budget: float, seed: int) -> Entry:
    """Search the best model within `budget` seconds and return what came of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "best"
        result = find_best(BestRequest(data, budget, seeds=(seed,)), out=folder)
        chosen, state = chosen_run(result), SearchState.read(folder)
        assert chosen is not None, "every finalist failed"
        return {
            "accuracy": chosen.scores("test")["accuracy"],
            "seconds": state.budget - state.left(),
            "plan": f"{chosen.job.model}, {chosen.summary['epochs']} epochs",
            "rounds": [[each.round, each.arm, each.accuracy] for each in state.trials],
        }


def _key(data: str, who: str, seed: int) -> str:
    return f"{data} {who} {seed} within {BUDGETS[data]:g} s"


class Results:
    """The result file: entries by set, model and seed, written after each. seeds: those of this call."""

    def __init__(self, path: Path, seeds: range) -> None:
        self.path = path
        self.seeds = seeds
        self.document: dict[str, Any] = {"entries": {}}
        if path.is_file():
            self.document = json.loads(path.read_text(encoding="utf-8"))
        self.document |= {
            "command": "uv run python benchmarks/quality/best_budget.py",
            "machine": describe_machine(),
        }

    def of(self, data: str, who: str, seed: int) -> Entry | None:
        found: Entry | None = self.document["entries"].get(_key(data, who, seed))
        return found

    def keep(self, data: str, who: str, seed: int, entry: Entry) -> None:
        self.document["entries"][_key(data, who, seed)] = {**entry, "commit": commit()}
        self.path.write_text(json.dumps(self.document, indent=1) + "\n", encoding="utf-8")
        accuracy = "-" if entry["accuracy"] is None else f"{entry['accuracy']:.4f}"
        print(f"{data:14} {who:10} seed {seed}  {accuracy}  {entry['seconds']:5.1f} s  {entry['plan']}", flush=True)

    def accuracies(self, data: str, who: str) -> list[float]:
        found = [self.of(data, who, seed) for seed in self.seeds]
        return [each["accuracy"] for each in found if each is not None and each["accuracy"] is not None]


def measure_set(data: str, budget: float, results: Results) -> None:
    """Measure what is missing about one set, and print what it comes to."""
    single = Single(data, budget)
    seeds = results.seeds
    for arm in single.request.arms:
        _train_once(single, arm, 0, data, results)
    arms = sorted(single.request.arms, key=lambda arm: -max(results.accuracies(data, arm.name), default=0.0))
    for arm in arms[:REPEATED]:
        for seed in seeds[1:]:
            _train_once(single, arm, seed, data, results)
    for seed in seeds:
        if results.of(data, "best", seed) is None:
            results.keep(data, "best", seed, search(data, budget, seed))
    name = max(
        (arm.name for arm in arms[:REPEATED] if len(results.accuracies(data, arm.name)) == len(seeds)),
        key=lambda name: statistics.mean(results.accuracies(data, name)),
    )
    best, other = results.accuracies(data, "best"), results.accuracies(data, name)
    print(
        f"{data} within {budget:g} s: best {_spread(best)}, {name} alone {_spread(other)}, "
        f"difference {statistics.mean(best) - statistics.mean(other):+.4f}"
    )


def _train_once(single: Single, arm: Arm, seed: int, data: str, results: Results) -> None:
    if results.of(data, arm.name, seed) is not None:
        return
    try:
        entry = single.train(arm, seed)
    except SadariError as error:
        entry = {"accuracy": None, "seconds": 0.0, "plan": str(error)}
    results.keep(data, arm.name, seed, entry)


def _spread(values: list[float]) -> str:
    return f"{statistics.mean(values):.4f} (sd {statistics.stdev(values):.4f}, {len(values)} seeds)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", default=",".join(BUDGETS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE / "best_budget.json")
    options = parser.parse_args()
    results = Results(options.out, range(options.seeds))
    for data in options.sets.split(","):
        measure_set(data, BUDGETS[data], results)


if __name__ == "__main__":
    main()
