"""How is a project worked through? Entry after entry: what is out of date is made, by the calls of the commands."""

from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sadari.comparison.plan import Plan
from sadari.comparison.request import Comparison
from sadari.comparison.result import ComparisonResult
from sadari.deploy.export import Exported, export
from sadari.errors import SadariError, UsageError
from sadari.files import exists, make_folder, names_in
from sadari.locks.claim import Busy
from sadari.locks.folder import hold_folder
from sadari.progress import Progress, Silent
from sadari.project.entries import ComparisonEntry, Entry, ExportEntry, TuningEntry
from sadari.project.file import RUNS, Project
from sadari.project.held import make_room, move_aside
from sadari.project.reasons import FAILED, Reason
from sadari.project.record import (
    EXPORT,
    changed_figures,
    comparison_record,
    export_record,
    read_record,
    search_record,
    write_record,
)
from sadari.project.standing import FAILING, UP_TO_DATE, ProjectStatus, Standing, best_run_of, standing_of
from sadari.report.page import write_report
from sadari.report.plots.files import write_plots
from sadari.report.tuned.page import write_tuned
from sadari.run import RunRecord
from sadari.tuning.request import Tuning
from sadari.tuning.request import choose_folder as choose_search_folder
from sadari.tuning.result import TuneResult
from sadari.unfinished import UnfinishedFolder

if TYPE_CHECKING:
    from collections.abc import Iterator

Made = ComparisonResult | TuneResult | Exported
Seen = Callable[[Entry, Made], None]
EXPORTED = {"onnx": "model.onnx", "web": "web", "safetensors": "model"}  # the name of an export, by its form


def run_entries(
    project: Project,
    names: tuple[str, ...] = (),
    *,
    anew: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
    seen: Seen | None = None,
) -> ProjectStatus:
    """Make what is missing or out of date of the entries, or of those called `names`, and return how all stand then.

    What is up to date is left as it is. An entry that fails does not stop the others: its state says why. anew: train
    these entries again, whatever they hold; the former runs stay in `runs/former`. workers: how many runs train at
    once, at most; None as many as there are cores, where that is faster. seen: called with each entry that was made.
    Raises UsageError for a name that the project has not, SadariError where another process works on it,
    KeyboardInterrupt after Ctrl-C; the same call then goes on.
    """
    progress = progress or Silent()
    entries = project.chosen(names)
    asked = {project.get(name).name for name in names} or {each.name for each in entries}
    found: dict[str, Standing] = {}
    with _only_one(project):
        for entry in entries:
            standing = standing_of(project, entry, found)
            try:
                again = anew and entry.name in asked and not isinstance(entry, ExportEntry)
                known = bool(standing.asked) or isinstance(entry, ExportEntry)  # else its images cannot be read
                if not known or (standing.state == UP_TO_DATE and not again):
                    found[entry.name] = standing
                    continue
                if again:
                    _say_moved(move_aside(standing.folder), entry, progress)
                    standing = standing_of(project, entry, found)
                _say_why(standing, progress)
                made = _make(project, entry, standing, found, workers, progress)
                if seen is not None:
                    seen(entry, made)
                found[entry.name] = standing_of(project, entry, found)
            except SadariError as error:
                found[entry.name] = replace(standing, state=FAILING, reasons=(Reason(FAILED, str(error)),))
    return ProjectStatus(project.path, project.title, found)


@contextmanager
def _only_one(project: Project) -> "Iterator[None]":
    """Hold the folder of the runs against a second `sadari run` of this project."""
    make_folder(project.folder / RUNS)
    try:
        with hold_folder(project.folder / RUNS):
            yield
    except Busy:
        raise SadariError(f"another process works through {project.path}; wait for it") from None
    finally:
        with suppress(OSError):  # it is not empty
            (project.folder / RUNS).rmdir()


def _say_why(standing: Standing, progress: Progress) -> None:
    why = "; ".join(each.sentence for each in standing.reasons)
    progress.say(f"{standing.name}: {standing.state}{f' ({why})' if why else ''}; {standing.to_do}")


def _say_moved(where: Path | None, entry: Entry, progress: Progress) -> None:
    if where is not None:
        progress.say(f"{entry.name}: runs that are not asked for any more are in {where} now")


def _make(
    project: Project,
    entry: Entry,
    standing: Standing,
    others: dict[str, Standing],
    workers: int | None,
    progress: Progress,
) -> Made:
    if isinstance(entry, ComparisonEntry):
        return _compare(project, entry, standing, workers, progress)
    if isinstance(entry, TuningEntry):
        return _tune(project, entry, standing, workers, progress)
    return _export(project, entry, standing, others[entry.of], progress)


def _compare(
    project: Project, entry: ComparisonEntry, standing: Standing, workers: int | None, progress: Progress
) -> ComparisonResult:
    request = standing.request
    assert isinstance(request, Comparison)
    before = read_record(standing.result, entry)
    _say_moved(make_room(request, standing.folder), entry, progress)
    for sentence in entry.study.said:
        progress.say(sentence)
    result = Plan(request, entry.study.claims, workers, estimates=True).run(
        out=standing.folder, robustness=entry.robustness, margin=entry.margin, progress=progress
    )
    write_plots(result)
    write_report(result)
    record = comparison_record(entry, standing.asked, standing.images, result)
    if before and not standing.reasons and (moved := changed_figures(before, record)):
        progress.say(f"{entry.name}: other figures than those that {standing.result.name} had: {moved}")
    write_record(project.result_of(entry.name), record)
    return result


def _tune(
    project: Project, entry: TuningEntry, standing: Standing, workers: int | None, progress: Progress
) -> TuneResult:
    request = standing.request
    assert isinstance(request, Tuning)
    try:
        choose_search_folder(request, standing.folder, project.folder / RUNS)
    except UsageError:  # it holds another search
        _say_moved(move_aside(standing.folder), entry, progress)
    plan = replace(entry.plan, request=replace(request, fingerprint=""))
    result = replace(plan, workers=workers or plan.workers).run(standing.folder, progress)
    assert result.final is not None
    write_plots(result.final)
    write_tuned(result)
    record = search_record(entry, standing.asked, standing.images, result)
    write_record(project.result_of(entry.name), record)
    return result


def _export(project: Project, entry: ExportEntry, standing: Standing, of: Standing, progress: Progress) -> Exported:
    """Export the best run of `of`, under a name that the project gives, and not that of a run.

    The former export stays until the new one is whole.
    """
    if of.state != UP_TO_DATE:
        raise SadariError(f"{entry.of}, of which it is the export, is {of.state}")
    run, digest = best_run_of(of)
    folder = standing.folder
    if exists(folder) and not (folder.is_dir() and set(names_in(folder)) <= {*EXPORTED.values(), EXPORT}):
        _say_moved(move_aside(folder), entry, progress)  # of an entry that had this name, or put here by the user
    name = EXPORTED[entry.to]
    with _in_place_of(folder) as fresh:
        made = export(RunRecord.open(of.folder / run), entry.to, fresh / name, entry.quantize, progress)
        record = export_record(entry, run, digest, made)
        write_record(fresh / EXPORT, record)
    write_record(project.result_of(entry.name), record)
    return replace(made, path=folder / name)


@contextmanager
def _in_place_of(folder: Path) -> "Iterator[Path]":
    """Yield a folder whose files take the place of those in `folder` when all are there; else the former ones stay.

    `folder` itself may be a link. Raises SadariError where it cannot be written.
    """
    make_folder(folder)
    try:
        with UnfinishedFolder(folder, "former") as former, UnfinishedFolder(folder, "fresh") as fresh:
            before = [each for each in folder.iterdir() if each not in (former.path, fresh.path)]
            yield fresh.path
            fresh.release()
            for each in before:
                each.replace(former.path / each.name)  # removed with it
            for each in list(fresh.path.iterdir()):
                each.replace(folder / each.name)
    except OSError as error:
        raise SadariError(f"cannot write {folder}: {error.strerror or error}") from None
