"""Which comparison judges a model that is trained on all images? The newest one whose parts were drawn anew for it."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from sadari.comparison.command import MACHINE
from sadari.comparison.request import data_name
from sadari.comparison.splits.redraw import Redraw
from sadari.comparison.stored import RESULT, StoredArm, StoredComparison, read_comparison
from sadari.data.load import fingerprint_of
from sadari.errors import SadariError, UsageError
from sadari.files import read_json
from sadari.job import Job
from sadari.progress import Progress
from sadari.run_lookup import comparisons_in, is_comparison
from sadari.settings import Settings, Value

# The settings that a model on all images need not share with those that judge it: the parts, and the machine.
OTHER = (*MACHINE, "precision", "split", "val_fraction", "test_fraction", "split_seed", "copies")


def judges_of(job: Job, folder: Path | None, runs: Path, progress: Progress) -> dict[str, Any] | None:
    """Return what judges the model of `job`, which is trained on all images: folder, arm, accuracy and a sentence.

    folder: of the comparison that judges it; None takes the newest one in `runs` with such an arm, which is said, as is
    that there is none. Raises UsageError where `folder` judges something else, SadariError where it is not finished.
    """
    if folder is not None:
        if not is_comparison(folder):
            raise UsageError(f"'{folder}' holds no comparison; name a folder that `sadari compare --folds` made")
        found = _judged_in(job, folder)
        if found is None:
            raise UsageError(
                f"'{folder}' does not judge this run: it has no arm of {job.model.name} with these settings on these "
                "images, over --folds or --splits"
            )
        return found
    for each in sorted(comparisons_in(runs), key=lambda path: -path.stat().st_mtime):
        with suppress(SadariError, UsageError):
            if found := _judged_in(job, each):
                progress.say(str(found["sentence"]))
                return found
    progress.say(
        f"nothing judges this run: no comparison in {runs} has judged {job.model.name} with these settings over folds; "
        f"make one with: sadari compare {data_name(job.data)} --models {job.model.name} --folds 5"
    )
    return None


def _judged_in(job: Job, folder: Path) -> dict[str, Any] | None:
    stored = read_comparison(folder)
    redraw, arm = stored.request.redraw, next((each for each in stored.arms if _same(each, job)), None)
    if redraw is None or arm is None or not _same_images(stored, job):
        return None
    return _judgement(redraw, arm, stored.folder)


def _same_images(stored: StoredComparison, job: Job) -> bool:
    return fingerprint_of(job.data, job.settings) == stored.request.fingerprint


def _same(arm: StoredArm, job: Job) -> bool:
    mine, theirs = job.record, arm.job
    return (
        (mine.model, dict(mine.variables)) == (theirs.model, dict(theirs.variables))
        and arm.arm.model.layers == job.model.layers
        and _decisive(mine.settings) == _decisive(theirs.settings)
    )


def _decisive(settings: Settings) -> dict[str, Value]:
    return {each.name: getattr(settings, each.name) for each in fields(Settings) if each.name not in OTHER}


def _judgement(redraw: Redraw, arm: StoredArm, folder: Path) -> dict[str, Any] | None:
    """Return the document of what judges; None where the arm failed there."""
    rows: list[Mapping[str, Any]] = read_json(folder / RESULT).get("arms", []) if (folder / RESULT).is_file() else []
    accuracy = next((row["accuracy"] for row in rows if row.get("name") == arm.arm.name), None)
    if not accuracy:
        return None
    ends = f"{accuracy['low']:.3f} to {accuracy['high']:.3f}"
    sentence = (
        f"judged by the {redraw.kind} of {folder.name}: accuracy {accuracy['mean']:.3f} ({ends}), that of models "
        "trained on parts of these images"
    )
    return {"folder": str(folder), "arm": arm.arm.name, **redraw.document(), "accuracy": accuracy, "sentence": sentence}
