"""How does a comparison get its ensemble? From the finished runs of each seed one is chosen, and stored as a run.

Nothing is trained, and the images that judge choose nothing: `evaluation/greedy.py` chooses by the validation images.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from sadari.comparison.ensembles.job import ensemble_job
from sadari.comparison.executor import reason_of
from sadari.comparison.inputs import ComparisonInputs
from sadari.comparison.request import Comparison
from sadari.comparison.variants import ENSEMBLE, folder_name
from sadari.errors import SadariError
from sadari.evaluation.greedy import choose_members
from sadari.evaluation.metrics import score
from sadari.files import write_json, write_text
from sadari.inference.device import device_here, threads_for, use_machine
from sadari.inference.members import Candidate, Ensemble, average_predictions, model_digest
from sadari.inference.model import TrainedModel
from sadari.inference.predict import predict
from sadari.progress import Progress
from sadari.run import CORRECT, ENVIRONMENT, PREDICTIONS, PREPROCESS, SCORES, SETTINGS, SPLIT, RunRecord, environment
from sadari.run_files import write_correct, write_predictions
from sadari.settings import JobRecord
from sadari.training.frozen import split_inputs
from sadari.unfinished import UnfinishedFolder
from sadari.values import SPLITS, ImageSet, Predictions

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
        if self._is_there(candidates):
            return RunRecord(self.out)
        validation = {arm: self._validated(arm, run) for arm, run in self.runs.items()}
        counts = choose_members({arm: _of_truth(each) for arm, each in validation.items()})
        ensemble = Ensemble(tuple(replace(each, count=counts.get(each.arm, 0)) for each in candidates), left_out)
        weights = ensemble.weights
        val = average_predictions([validation[arm] for arm in weights], list(weights.values()))
        judged = average_predictions([self.runs[arm].predictions for arm in weights], list(weights.values()))
        self._store(ensemble, val, judged, started)
        return RunRecord(self.out)

    def _is_there(self, candidates: tuple[Candidate, ...]) -> bool:
        """Return whether the ensemble was chosen from these very runs; raise SadariError where something else is."""
        stored = RunRecord(self.out)
        if not stored.is_ensemble and RunRecord.is_run(self.out):
            raise SadariError(f"'{self.out}' holds another run; choose another --out")
        try:
            held = Ensemble.read(stored).candidates if stored.finished else ()
            same = tuple(replace(each, count=0) for each in held) == candidates and stored.job == self.job
            return same and bool(stored.summary)
        except SadariError:  # damaged: made anew
            return False

    def _validated(self, arm: str, run: RunRecord) -> Predictions:
        """Return what `run` predicts for the validation images."""
        if run.summary["judged_on"] == "val":
            return run.predictions
        asked = next(each for each in self.request.arms if each.name == arm)
        images = self.inputs.images_for(self.request.job(asked, self.job.seed).settings)
        return _predicted_on_val(run, images, self.progress)

    def _store(self, ensemble: Ensemble, val: Predictions, judged: Predictions, started: float) -> None:
        """Write the folder of the ensemble, whole or not at all."""
        heaviest = self.runs[next(iter(ensemble.weights))]
        try:
            with UnfinishedFolder(self.out.parent, self.out.name) as unfinished:
                into = unfinished.path
                write_text(into / SETTINGS, self.job.to_toml())
                write_json(into / ENVIRONMENT, self._environment())
                for name in (SPLIT, PREPROCESS):  # the pixels' form: that of the heaviest where they have several
                    shutil.copyfile(heaviest.path / name, into / name)
                ensemble.write(into)
                write_predictions(into / PREDICTIONS, judged)
                write_correct(into / CORRECT, {"val": val.predicted == val.labels})
                write_json(into / SCORES, self._summary(ensemble, val, judged, started))
                unfinished.release()
                shutil.rmtree(self.out, ignore_errors=True)
                into.replace(self.out)
        except OSError as error:
            raise SadariError(f"cannot write {self.out}: {error.strerror or error}; choose another --out") from None

    def _environment(self) -> dict[str, Any]:
        stamps = [run.environment["data"] for run in self.runs.values()]
        notes = list(dict.fromkeys(note for each in stamps for note in each["notes"]))
        data = {"name": stamps[0]["name"], "fingerprint": stamps[0]["fingerprint"], "notes": notes}
        return {**environment(), "threads": None, "data": data, "layers": ""}

    def _summary(self, ensemble: Ensemble, val: Predictions, judged: Predictions, started: float) -> dict[str, Any]:
        """Return `scores.json`. The seconds are those of all runs to choose from; the rate is that of the members."""
        members = [self.runs[arm].summary for arm in ensemble.weights]
        all_runs = [run.summary for run in self.runs.values()]
        judged_on = members[0]["judged_on"]
        scores: dict[str, Any] = dict.fromkeys(SPLITS) | {"val": dict(score(val).values)}
        scores[judged_on] = dict(score(judged).values)
        spent = {name: sum(each["seconds"][name] for each in all_runs) for name in ("train", "total")}
        return {
            "run": str(self.out),
            "model": ENSEMBLE,
            "data": self.job.data,
            "seed": self.job.seed,
            "params": {name: sum(each["params"][name] for each in members) for name in ("total", "trainable")},
            "epochs": 0,
            "best_epoch": None,
            "members": ensemble.weights,
            "seconds": {**spent, "total": spent["total"] + perf_counter() - started},
            "images_per_second": 1 / sum(1 / each["images_per_second"] for each in members),
            "judged_on": judged_on,
            "images": members[0]["images"],
            "split": members[0]["split"],
            "scores": scores,
        }


def _of_truth(predictions: Predictions) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the probability of the true class of each image, float32 (N,)."""
    return predictions.probabilities[np.arange(len(predictions)), predictions.labels]


def _predicted_on_val(run: RunRecord, images: ImageSet, progress: Progress) -> Predictions:
    """Return what `run` predicts for its validation images; frozen layers are read from the cache, as in training."""
    model, split = TrainedModel.load(run), run.split_of(images)
    settings = replace(run.job.settings, device=device_here(run.job.settings.device))
    drawn_anew = settings.augment and not settings.views
    cached = replace(settings, cache="none") if drawn_anew else settings
    with use_machine(settings, threads_for(settings, images.shape)) as device:
        network = model.network if model.architecture.classical else model.network.to(device)
        read = split_inputs(network, model.preprocess, images, split.train, None, cached, progress)
        return predict(read.learner, read.inputs, images, split.val)
