"""What does the page say about the temperature of an arm? What it is, and what it changes on the images that judge."""

from collections.abc import Mapping, Sequence
from typing import Any

from sadari.comparison.result import ComparisonResult
from sadari.evaluation.metrics import METRICS
from sadari.evaluation.probabilities.change import Change, changes
from sadari.evaluation.probabilities.temperature import uncalibrated
from sadari.run import RunRecord
from sadari.values import Predictions

WORDS = {"loss": "log loss", "calibration_error": "calibration error"}


def before_temperature(record: RunRecord) -> Predictions:
    """Return what a run would have predicted for the images that judge it without its temperature."""
    return uncalibrated(record.predictions, record.calibration)


def before_temperatures(result: ComparisonResult, arm: str, after: Sequence[Predictions]) -> Sequence[Predictions]:
    """Return what the runs of `arm` would have predicted without their temperatures. after: with them, as `judged` has.

    Predictions are long, so that they are read again only where those of several runs were joined.
    """
    records = result.records[arm]
    if all(each.temperature == 1.0 for each in records):
        return after
    if result.redraw:
        return result.judged(arm, before_temperature)
    return [uncalibrated(said, record.calibration) for said, record in zip(after, records, strict=True)]


def about_calibration(
    records: Sequence[RunRecord], before: Sequence[Predictions], after: Sequence[Predictions], drawn_once: bool
) -> tuple[str, ...]:
    """Return the sentences on the temperature of an arm with these runs. before, after: as the page judges the arm.

    drawn_once: whether all of its runs share their splits.
    """
    first = records[0]
    if first.is_ensemble:
        return ("It averages the probabilities of its members, each at its own temperature.",)
    found = [each.calibration for each in records]
    scaled = [each for each in found if each.get("temperature", 1.0) != 1.0]
    if not scaled:
        return (_why_not(found),)
    judged_on = first.summary["judged_on"]
    groups = first.groups_on(judged_on) if drawn_once else None
    flatters = (
        " These are the images that fitted it, so this flatters."
        if judged_on == "val"
        else " The validation images chose it, so their own log loss flatters: judge by this one."
    )
    told = _changed(changes(before, after, groups, drawn_once), len(after[0]), judged_on)
    return _temperatures(found, scaled), told + flatters


def _why_not(found: Sequence[Mapping[str, Any]]) -> str:
    notes = list(dict.fromkeys(each["note"] for each in found if each.get("note")))
    return f"Its probabilities are not calibrated: {notes[0] if notes else 'no temperature was fitted'}."


def _temperatures(found: Sequence[Mapping[str, Any]], scaled: Sequence[Mapping[str, Any]]) -> str:
    values = sorted(each["temperature"] for each in scaled)
    shown = " to ".join(dict.fromkeys(f"{each:.2f}" for each in (values[0], values[-1])))
    images = scaled[0]["images"]
    left = f"; {len(found) - len(scaled)} of {len(found)} runs have none" if len(scaled) < len(found) else ""
    which = "The logits are divided by the temperature" if len(values) == 1 else "The logits of each run are divided by"
    each = "" if len(values) == 1 else "a temperature of its own, "
    return f"{which} {each}{shown}, fitted on {images:,} validation images{left}."


def _changed(found: Sequence[Change], images: int, split_name: str) -> str:
    """Say how log loss and calibration error change on the images that judge."""
    parts = [
        f"its {WORDS[each.figure]} goes from {_value(each, each.before)} to {_value(each, each.after)}{_by(each)}"
        for each in found
    ]
    return f"On the {images:,} {split_name} images {', '.join(parts[:-1])}, and {parts[-1]}."


def _by(change: Change) -> str:
    found = change.difference
    if found is None:
        return ""
    ends = f"{_value(change, found.low, sign=True)} to {_value(change, found.high, sign=True)}"
    return f" ({_value(change, found.mean, sign=True)}; 95 %: {ends})"


def _value(change: Change, value: float, sign: bool = False) -> str:
    of_share = METRICS.get(change.figure).name == "calibration_error"
    text = f"{100 * value:{'+' * sign}.1f}" if of_share else f"{value:{'+' * sign}.3f}"
    return f"{text} %" if of_share and not sign else text
