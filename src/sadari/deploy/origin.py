"""What is known of a model besides its network? Its name, data and scores, and whether its probabilities are right."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sadari.errors import SadariError
from sadari.evaluation.probabilities.calibration import calibration_caution, expected_calibration_error, reliability
from sadari.evaluation.probabilities.temperature import as_sentence
from sadari.inference.members import members_of
from sadari.models.catalog import short_reference
from sadari.run import RunRecord


@dataclass(frozen=True)
class Origin:
    """Where a model comes from.

    model: its name. data: what it was trained on; None where that is not known. scores: by split, those that are there.
    caution: a warning where its probabilities are wrong, else "". calibration: what was fitted so that they are right,
    or why nothing was; "" for a run that is not finished.
    """

    model: str
    data: str | None = None
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    caution: str = ""
    calibration: str = ""


def origin_of(folder: Path) -> Origin:
    """Return the origin of the model in `folder`: a run's, or an exported one, which says neither data nor scores."""
    run = RunRecord(folder)
    if not RunRecord.is_run(folder):
        return Origin(folder.name, calibration=calibration_sentence(run))
    named = short_reference(run.job.model), data_name(run.job.data)
    if not run.finished:
        return Origin(*named)
    scores = {split_name: values for split_name, values in run.summary["scores"].items() if values}
    return Origin(*named, scores, _caution(run), calibration_sentence(run))


def calibration_sentence(run: RunRecord) -> str:
    """Say which temperature the probabilities of a run, or of an exported model, have, or that none was fitted."""
    if not run.is_ensemble:
        return as_sentence(run.calibration)
    found = [f"{each.run.temperature:g} for {each.arm}" for each in members_of(run)]
    return f"The probabilities of its members are averaged, each at its temperature ({', '.join(found)})."


def _caution(run: RunRecord) -> str:
    """Return a warning where the run's probabilities on the images that judged it are wrong, else ""."""
    try:
        bins = reliability([run.predictions])
    except SadariError:  # a run that was copied without its predictions
        return ""
    return calibration_caution("this model", bins, expected_calibration_error(bins))


def data_name(data: str) -> str:
    """Return the name of a set; of a path, only its end, since the rest is nobody's business but the user's."""
    return re.split(r"[/\\]", data.rstrip("/\\"))[-1]
