"""Which run does the user mean by a folder? The run in it, or the best run of the comparison in it."""

import tomllib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from sadari.errors import SadariError, UsageError
from sadari.progress import Progress
from sadari.run import SETTINGS, RunRecord

COMPARISON = "comparison.toml"  # what makes a folder of runs a comparison
SETS = "sets.toml"  # what makes a folder of comparisons one across data sets
TUNE = "tune.toml"  # what makes a folder that of a search for settings
FINAL = "final"  # the comparison of the finalists, in the folder of a search for the best model or settings
TRIALS = "trials"  # the runs of the trials, in the folder of a search for settings


def find_run(path: Path | str, progress: Progress) -> Path:
    """Return the folder of the run that `path` means: itself, or the best finished run of a comparison.

    The best has the highest accuracy on the validation images, of equal ones the least loss there; test images choose
    nothing. The choice is said in one sentence. Raises UsageError where there is no run, where the folder holds runs
    that are no comparison, and where these had no validation images; SadariError where none is finished.
    """
    folder = Path(path)
    if RunRecord.is_run(folder):
        return folder
    if is_comparison(folder / FINAL):
        folder /= FINAL
    runs = runs_in(folder)
    if not (runs or comparisons_in(folder)):
        made = "`sadari train` or `sadari compare`"
        raise UsageError(f"'{path}' is not a run: it has no {SETTINGS}; name a folder that {made} made")
    if not is_comparison(folder):
        named = (runs or comparisons_in(folder))[0]
        raise UsageError(f"'{folder}' holds several runs; name one of them, such as {named}")
    finished = [run for run in runs if RunRecord(run).finished and is_asked_for(folder, RunRecord(run))]
    if not finished:
        raise SadariError(
            f"no run of the comparison '{folder}' is finished; go on with the command that began it and --out {folder}"
        )
    return _best(folder, finished, progress)


def is_comparison(folder: Path) -> bool:
    """Return whether `folder` is that of a comparison, finished or not."""
    return (folder / COMPARISON).is_file()


def is_across(folder: Path) -> bool:
    """Return whether `folder` is that of a comparison across data sets, finished or not."""
    return (folder / SETS).is_file()


def is_tuning(folder: Path) -> bool:
    """Return whether `folder` is that of a search for settings, finished or not."""
    return (folder / TUNE).is_file()


def whole_of(run: Path) -> Path | None:
    """Return the folder of the comparison, or of the search for settings, that a run is part of; None for neither.

    The trials of a search and the runs that judge its best settings are part of the search. run: its whole path.
    """
    if run.parent.name in (TRIALS, FINAL) and is_tuning(run.parent.parent):
        return run.parent.parent
    return run.parent if is_comparison(run.parent) else None


def is_asked_for(folder: Path, run: RunRecord) -> bool:
    """Return whether the comparison in `folder` has `run`: an ensemble or soup of an earlier command may be there."""
    with suppress(OSError, ValueError):
        stored = tomllib.loads((folder / COMPARISON).read_text(encoding="utf-8"))
        return not run.is_average or bool(stored.get("ensemble" if run.is_ensemble else "soups"))
    return not run.is_average


def _is_redrawn(folder: Path) -> bool:
    """Return whether each run of the comparison in `folder` has parts of its own, as with folds."""
    with suppress(OSError, ValueError):
        return "redraw" in tomllib.loads((folder / COMPARISON).read_text(encoding="utf-8"))
    return False


def runs_in(folder: Path) -> list[Path]:
    """Return the folders of the runs directly in `folder`, sorted by name; none where it is no folder."""
    return sorted(each.parent for each in folder.glob(f"*/{SETTINGS}")) if folder.is_dir() else []


def comparisons_in(folder: Path) -> list[Path]:
    """Return the folders of the comparisons directly in `folder`, sorted by name."""
    return sorted(each.parent for each in folder.glob(f"*/{COMPARISON}")) if folder.is_dir() else []


def _best(folder: Path, runs: Sequence[Path], progress: Progress) -> Path:
    scores = {run: RunRecord(run).scores("val") for run in runs}
    judged = [run for run in runs if scores[run]]
    if not judged:
        raise UsageError(
            f"the runs of '{folder}' had no validation images, which would choose one; name one, such as {runs[0]}"
        )
    best = max(judged, key=lambda run: (scores[run]["accuracy"], -scores[run].get("loss", 0.0)))
    if _is_redrawn(folder):
        progress.say(
            f"the runs of {folder} learned from a part of the images each; train on all of them with: sadari train "
            f"{RunRecord(best).job.data} --model {RunRecord(best).job.model} --all-images --judged-by {folder}"
        )
    progress.say(
        f"{folder} is a comparison; its best run by validation is {best.name} (accuracy {scores[best]['accuracy']:.4f})"
    )
    return best
