"""What does a finished run leave? Its model, its predictions, and its scores, which are written last."""

import math
from collections.abc import Mapping
from time import perf_counter
from typing import Any

from sadari.evaluation.metrics import score
from sadari.evaluation.probabilities.temperature import Temperature, as_sentence
from sadari.evaluation.ranking import areas_in_short
from sadari.evaluation.unknown.scores import Seen
from sadari.files import write_json
from sadari.inference.features import judge_watched, see
from sadari.inference.model import write_model
from sadari.inference.predict import Inputs, Judgement, fitted, judge, predict
from sadari.inference.unknown.fitting import fit_known, spread
from sadari.run import CALIBRATION, CORRECT, KNOWN, MODEL, PREDICTIONS, SCORES, VALIDATED, RunRecord
from sadari.run_files import write_correct, write_predictions, write_validated
from sadari.settings import TEMPERATURE
from sadari.training.checkpoint import FitState
from sadari.training.engine import DivergedError
from sadari.training.setup import Setup
from sadari.values import SPLITS, Predictions

TIMED_IMAGES = 32  # assumed: a second's work for a backbone on a processor


def write_results(setup: Setup, state: FitState, started: float) -> None:
    """Judge the network on each split, test last, and write the results; `scores.json` comes last and ends the run.

    started: when this process began with the run, by `perf_counter`. Raises DivergedError, with nothing written, where
    the probabilities are no numbers, SadariError where the disk is full.
    """
    out = setup.out
    seen: dict[str, Seen] = {}
    judgements = {split_name: _judge(setup, split_name, seen) for split_name in SPLITS}
    temperature = _fitted(setup, judgements["val"])
    at = temperature.value if temperature else 1.0
    predictions = {split_name: each.predictions(at) if each else None for split_name, each in judgements.items()}
    judged_on = "test" if predictions["test"] is not None else "val" if predictions["val"] is not None else "train"
    judged = predictions[judged_on]
    assert judged is not None  # the train split is never empty: draw_split refuses that
    scores = {name: None if each is None else dict(score(each).values) for name, each in predictions.items()}
    if any(each and not math.isfinite(each["loss"]) for each in scores.values()):
        raise DivergedError("the trained model's probabilities are no numbers; lower learning_rate, or change scaling")
    _write_known(setup, seen)
    if temperature:
        write_json(out / CALIBRATION, temperature.to_json())  # before the model, so that none is opened without it
        setup.log.note(as_sentence(temperature.to_json()))
    write_model(out / MODEL, setup.network, setup.architecture)
    if predictions["val"] is not None:
        write_validated(out / VALIDATED, predictions["val"])
    write_predictions(out / PREDICTIONS, judged)
    others = {name: each for name, each in predictions.items() if each is not None and name != judged_on}
    write_correct(out / CORRECT, {name: each.predicted == each.labels for name, each in others.items()})
    summary = _summary(setup, state) | {
        "seconds": {"train": state.seconds, "total": state.earlier + perf_counter() - started},
        "images_per_second": _images_per_second(setup, judged, judged_on),
        "judged_on": judged_on,
        "images": {name: len(setup.split.positions(name)) for name in SPLITS},
        "split": setup.split.origin,
        "scores": scores,
        "areas": areas_in_short(judged),
    }
    if temperature:
        summary["calibration"] = temperature.to_json()
    if state.stopped:
        summary["stopped"] = state.stopped
    if judges := RunRecord(out).judged_by:
        summary["judged_by"] = dict(judges)
    write_json(out / SCORES, summary)
    setup.checkpoint.remove()


def _summary(setup: Setup, state: FitState) -> dict[str, Any]:
    """Return what was trained and for how long, as the first keys of `scores.json`."""
    rows = setup.architecture.rows() if setup.job.model.layers else ()
    return {
        "run": str(setup.out.resolve()),
        "model": setup.job.model.name,
        "data": setup.job.data,
        "seed": setup.job.seed,
        "params": {"total": sum(row.total for row in rows), "trainable": sum(row.trainable for row in rows)},
        "epochs": len(state.history),
        "best_epoch": state.best_epoch or None,
    }


def _fitted(setup: Setup, validation: Judgement | None) -> Temperature | None:
    """Return the temperature that the validation images fit; None where the job wants none."""
    if setup.job.settings.calibration != TEMPERATURE:
        return None
    return fitted(validation)


def _judge(setup: Setup, split_name: str, seen: dict[str, Seen]) -> Judgement | None:
    """Return the logits for one split; None where it has no images.

    seen: gets what was computed of a split that known images are fitted to, where it is small enough for that.
    """
    positions, (learner, inputs, _) = setup.split.positions(split_name), setup.fit_inputs
    if not len(positions):
        return None
    if split_name not in ("train", "val") or len(spread(positions)) < len(positions):
        return judge(learner, inputs, setup.images, positions)
    judged, seen[split_name] = judge_watched(learner, inputs, setup.images, positions)
    return judged


def _write_known(setup: Setup, seen: Mapping[str, Seen]) -> None:
    """Write which images are known to the network, where it has validation images. seen: of whole splits, by name."""
    split, (learner, inputs, _) = setup.split, setup.fit_inputs
    if not len(split.val):
        return
    train, val = (
        seen[name] if name in seen else see(learner, inputs, spread(split.positions(name)), len(setup.images.classes))
        for name in ("train", "val")
    )
    known = fit_known(train, setup.images.labels[spread(split.train)], val)
    if known is not None:
        known.write(setup.out / KNOWN)


def _images_per_second(setup: Setup, judged: Predictions, split_name: str) -> float:
    """Return how many images a second the whole network judges.

    Timed on a few images where `judged` began behind the frozen layers.
    """
    if setup.fit_inputs.learner is setup.network:
        return len(judged) / judged.seconds
    positions = setup.split.positions(split_name)[:TIMED_IMAGES]
    pixels = Inputs.pixels(setup.images.images, setup.preprocess)
    return len(positions) / predict(setup.network, pixels, setup.images, positions).seconds
