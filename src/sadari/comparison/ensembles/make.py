"""How does a comparison get its ensemble? From the finished runs of each seed one is chosen, and stored as a run.

Nothing is trained, and the images that judge choose nothing: `evaluation/greedy.py` chooses by the validation images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from sadari.comparison.ensembles.folder import is_there, judging, store, summary_of
from sadari.comparison.ensembles.job import ensemble_job
from sadari.comparison.executor import reason_of
from sadari.comparison.inputs import ComparisonInputs
from sadari.comparison.request import Comparison
from sadari.comparison.variants import ENSEMBLE, folder_name
from sadari.errors import SadariError
from sadari.evaluation.greedy import choose_members
from sadari.inference.members import Candidate, Ensemble, average_predictions, model_digest
from sadari.job_record import JobRecord
from sadari.progress import Progress
from sadari.run import RunRecord, environment
from sadari.values import Predictions

LEAST = 2  # runs to choose from


def make_ensembles(
    request: Comparison,
    inputs: ComparisonInputs,
    records: Mapping[str, Sequence[RunRecord]],
    folder: Path,
    progress: Progress,
) -> tuple[list[RunRecord], list[str]]:
    """Return an ensemble for each seed, and the reasons of the seeds without one.

    records: the finished runs of each arm. Each ensemble is chosen from those of its seed; arms whose run failed are
    left out, which is said. One that was made of the same runs already stays as it is.
    """
    settings = [request.job(arm, request.seeds[0]).settings for arm in request.arms]
    made, reasons = [], []
    with progress.task("choosing ensembles", len(request.seeds), "seeds") as task:
        for seed in request.seeds:
            runs = {name: each for name, of_arm in records.items() for each in of_arm if each.job.seed == seed}
            missing = [arm.name for arm in request.arms if arm.name not in runs]
            left_out = tuple(f"without {name}, whose run failed" for name in missing)
            for sentence in left_out:
                progress.say(f"{ENSEMBLE} seed {seed} is chosen {sentence}")
            try:
                job = ensemble_job(request, settings, seed)
                maker = _Maker(request, inputs, job, runs, folder / folder_name(ENSEMBLE, seed), progress)
                made.append(maker.run(left_out))
            except Exception as error:  # as of every other arm: a row with its reason
                reasons.append(f"seed {seed}: {reason_of(error)}")
                progress.say(f"{ENSEMBLE} seed {seed} failed: {reason_of(error)}")
            task.advance(1)
    return made, reasons


@dataclass(frozen=True, eq=False)
class _Maker:
    """What makes one ensemble. runs: those to choose from, by arm. out: its folder."""

    request: Comparison
    inputs: ComparisonInputs
    job: JobRecord
    runs: Mapping[str, RunRecord]
    out: Path
    progress: Progress

    def run(self, left_out: tuple[str, ...]) -> RunRecord:
        """Return the ensemble, made unless it is there. Raises SadariError where it cannot be made."""
        if len(self.runs) < LEAST:
            there = f"only {', '.join(self.runs)} has" if self.runs else "none has"
            raise SadariError(f"{there} finished, and an ensemble is chosen from at least {LEAST} runs")
        started = perf_counter()
        candidates = tuple(Candidate(arm, run.path.name, model_digest(run)) for arm, run in self.runs.items())
        if is_there(self.out, candidates, self.job):
            return RunRecord(self.out)
        validation = {arm: self._validated(arm, run) for arm, run in self.runs.items()}
        counts = choose_members({arm: _of_truth(each) for arm, each in validation.items()})
        ensemble = Ensemble(tuple(replace(each, count=counts.get(each.arm, 0)) for each in candidates), left_out)
        weights = ensemble.weights
        val = average_predictions([validation[arm] for arm in weights], list(weights.values()))
        judged = average_predictions([self.runs[arm].predictions for arm in weights], list(weights.values()))
        self._store(ensemble, val, judged, started)
        return RunRecord(self.out)

    def _validated(self, arm: str, run: RunRecord) -> Predictions:
        """Return what `run` predicts for the validation images."""
        if run.summary["judged_on"] == "val":
            return run.predictions
        asked = next(each for each in self.request.arms if each.name == arm)
        images = self.inputs.images_for(self.request.job(asked, self.job.seed).settings)
        with judging(run, images, self.progress) as (model, judged):
            return judged("val").predictions(model.temperature)

    def _store(self, ensemble: Ensemble, val: Predictions, judged: Predictions, started: float) -> None:
        """Write the folder of the ensemble; the pixels' form is that of the heaviest where members have several."""
        heaviest = self.runs[next(iter(ensemble.weights))]
        summary = self._summary(ensemble, val, judged, started)
        store(self.out, self.job, heaviest, self._environment(), val, judged, summary, ensemble.write)

    def _environment(self) -> dict[str, Any]:
        stamps = [run.environment["data"] for run in self.runs.values()]
        notes = list(dict.fromkeys(note for each in stamps for note in each["notes"]))
        data = {"name": stamps[0]["name"], "fingerprint": stamps[0]["fingerprint"], "notes": notes}
        return {**environment(), "threads": None, "data": data, "layers": ""}

    def _summary(self, ensemble: Ensemble, val: Predictions, judged: Predictions, started: float) -> dict[str, Any]:
        """Return `scores.json`: all members are parameters, and they compute one after the other."""
        members = [self.runs[arm] for arm in ensemble.weights]
        params = {name: sum(each.summary["params"][name] for each in members) for name in ("total", "trainable")}
        one = summary_of(self.out, self.job, ENSEMBLE, [*self.runs.values()], members, val, judged, started)
        rate = 1 / sum(1 / each.summary["images_per_second"] for each in members)
        return {**one, "params": params, "members": ensemble.weights, "images_per_second": rate}


def _of_truth(predictions: Predictions) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the probability of the true class of each image, float32 (N,)."""
    return predictions.probabilities[np.arange(len(predictions)), predictions.labels]
