"""Which sets of classes does a run promise? Its validation images set the thresholds, its test images show them."""

from sadari.errors import SadariError
from sadari.evaluation.probabilities.conformal import Coverage, Seen, Validated, coverage_of, promise, seen, sentence
from sadari.run import RunRecord


def coverage_for(run: RunRecord, classes: tuple[str, ...], wanted: float, classwise: bool = False) -> Coverage:
    """Return the thresholds with which sets hold the class of the share `wanted` of images.

    run: finished, or what `export --to safetensors` made. classwise: for each class by itself. Raises UsageError for a
    share that is none, SadariError where the run does not store what its validation images got, or had none.
    """
    stored = run.validated
    if stored is None:
        raise SadariError(
            f"{run.path} has no validation images to set a coverage by: it had none, or was trained before runs stored "
            "what those got; train it again with val_fraction above 0"
        )
    return coverage_of(Validated(*stored), classes, wanted, classwise)


def seen_by(run: RunRecord, coverage: Coverage) -> tuple[Seen, str] | None:
    """Return what the sets of the images that judge `run` held, and their split; None where they set the thresholds.

    Also None for an exported model, which has no such images.
    """
    if not RunRecord.is_run(run.path) or run.summary["judged_on"] != "test":
        return None
    return seen(coverage, run.predictions), "test"


def sentences(run: RunRecord, coverage: Coverage) -> list[str]:
    """Say what is promised, what was seen, and what could not be promised."""
    found = seen_by(run, coverage)
    shown = sentence(*found) if found else "no other images have shown it"
    return [f"{promise(coverage)}; {shown}", *coverage.notes]
