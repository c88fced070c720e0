"""How does each entry of a project stand? Up to date, recorded, unfinished, missing, out of date or failed, and why."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sadari.comparison.request import Comparison, read_stored
from sadari.errors import SadariError
from sadari.inference.members import model_digest
from sadari.progress import Silent
from sadari.project.asked import (
    Document,
    as_stored,
    asked_of_comparison,
    asked_of_search,
    decided_for,
    images_now,
    version_here,
)
from sadari.project.entries import ComparisonEntry, Entry, ExportEntry, TuningEntry
from sadari.project.file import Project
from sadari.project.held import Held, held_of
from sadari.project.reasons import (
    FAILED,
    ORIGIN,
    TRAINING,
    Reason,
    differences,
    images_differ,
    version_differs,
)
from sadari.project.record import REMEDY, asked_of_export, is_exported, read_record, seeds_failed, summary
from sadari.run import ENSEMBLE, RunRecord
from sadari.run_lookup import find_run
from sadari.tuning.request import Tuning, is_search_of
from sadari.tuning.request import as_begun as search_as_begun
from sadari.tuning.result import FILE as SEARCH_RESULT

if TYPE_CHECKING:
    import pandas as pd

UP_TO_DATE, RECORDED, UNFINISHED, MISSING, OUT_OF_DATE, FAILING = (
    "up to date", "recorded", "unfinished", "missing", "out of date", "failed",
)  # fmt: skip
GOOD = (UP_TO_DATE, RECORDED)  # the committed result is that of what the file and the images say now


@dataclass(frozen=True)
class Standing:
    """How an entry stands. state: one of the words above. reasons: why it is out of date, or failed.

    to_do: what `sadari run` would do, in words; "" for nothing. figures: what came out, in one line. folder: of its
    runs. result: the file that is committed. asked, images: what decides the result now; empty where that cannot be
    known. request: of a comparison or search, with the images as they are now.
    """

    name: str
    kind: str
    state: str
    reasons: tuple[Reason, ...] = ()
    to_do: str = ""
    figures: str = ""
    folder: Path = Path()
    result: Path = Path()
    asked: Document = field(default_factory=dict, repr=False)
    images: Document = field(default_factory=dict, repr=False)
    request: Comparison | Tuning | None = field(default=None, repr=False)

    @property
    def good(self) -> bool:
        """Whether the committed result belongs to what the file and the images say now."""
        return self.state in GOOD

    def document(self) -> Document:
        """Return it as plain values, for JSON."""
        return {
            "name": self.name,
            "kind": self.kind,
            "state": self.state,
            "reasons": [{"kind": each.kind, "sentence": each.sentence} for each in self.reasons],
            "to_do": self.to_do,
            "figures": self.figures,
            "runs": str(self.folder),
            "result": str(self.result),
        }


@dataclass(frozen=True)
class ProjectStatus:
    """How the entries of a project stand. path: of its file. entries: by name, in their order."""

    path: Path
    title: str
    entries: Mapping[str, Standing]

    @property
    def up_to_date(self) -> bool:
        """Whether each committed result belongs to what the file and the images say now."""
        return all(each.good for each in self.entries.values())

    def document(self) -> Document:
        """Return the document of `sadari run --json`."""
        return {
            "project": str(self.path),
            "title": self.title,
            "up_to_date": self.up_to_date,
            "entries": [each.document() for each in self.entries.values()],
        }

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per entry."""
        import pandas as pd

        rows = [
            {**each.document(), "reasons": "; ".join(r.sentence for r in each.reasons)}
            for each in self.entries.values()
        ]
        return pd.DataFrame(rows)


def project_standing(project: Project, names: tuple[str, ...] = ()) -> ProjectStatus:
    """Return how the entries stand, or those called `names`; nothing is trained or written. Raises UsageError."""
    found: dict[str, Standing] = {}
    for entry in project.chosen(names):
        found[entry.name] = standing_of(project, entry, found)
    return ProjectStatus(project.path, project.title, found)


def standing_of(project: Project, entry: Entry, others: Mapping[str, Standing]) -> Standing:
    """Return how `entry` stands. others: how those before it do. What cannot be read is a reason, not an error."""
    folder, result = project.runs_of(entry.name), project.result_of(entry.name)
    base = Standing(entry.name, entry.kind, FAILING, folder=folder, result=result)
    try:
        record = read_record(result, entry)
        base = replace(base, figures=summary(record) if record else "")
        if isinstance(entry, ExportEntry):
            return _export(project, entry, record, others[entry.of], base)
        look: Callable[..., Standing] = _comparison if isinstance(entry, ComparisonEntry) else _search
        return look(project, entry, record, base)
    except SadariError as error:
        return replace(base, reasons=(Reason(FAILED, str(error)),))
    except (KeyError, TypeError, AttributeError, ValueError) as error:  # of a record that was edited by hand
        sentence = f"{result} is damaged ({error!r}); {REMEDY}"
        return replace(base, reasons=(Reason(FAILED, sentence),))


def _comparison(project: Project, entry: ComparisonEntry, record: Document | None, base: Standing) -> Standing:
    request = entry.study.request
    then = as_stored(record["asked"], project.folder) if record else None
    request = decided_for(request, read_stored(base.folder), then)
    images = images_now(request.data, request.job(request.arms[0], request.seeds[0]).settings)
    request = request.with_fingerprint(images["fingerprint"])
    asked = asked_of_comparison(entry, request, project.folder)
    base = replace(base, asked=asked, images=images, request=request)
    reasons = _reasons(record, asked, images)
    same = not any(each.kind in TRAINING for each in reasons)
    held = held_of(request, base.folder, seeds_failed(record) if same else {})
    train = _to_train(held)
    if record and not reasons:
        if record["failed"]:
            return replace(base, state=FAILING, reasons=_failed(record), to_do="tries again")
        if held.missing == 0:
            return replace(base, state=UP_TO_DATE)
        here = f"{held.present} of its runs are here" if held.present else "its runs are not here"
        return replace(base, state=RECORDED, to_do=f"{here}; {train}")
    todo = "no run to train; judged again" if held.missing == 0 else train
    if record:
        return replace(base, state=OUT_OF_DATE, reasons=reasons, to_do=todo)
    return replace(base, state=UNFINISHED if held.present else MISSING, to_do=todo)


def _to_train(held: Held) -> str:
    """Return how many runs there are to train, and of how many."""
    if held.missing is None:
        return "runs to train, as many as decide"
    of_all = f" of {held.present + held.missing}" if held.present else ""
    return f"{held.missing}{of_all} {'run' if held.present + held.missing == 1 else 'runs'} to train"


def _search(project: Project, entry: TuningEntry, record: Document | None, base: Standing) -> Standing:
    request, _ = entry.plan.request.decided()
    request = search_as_begun(request, base.folder)
    images = images_now(request.data, request.job({}).settings)
    request = replace(request, fingerprint=images["fingerprint"])
    asked = asked_of_search(entry, request, project.folder)
    base = replace(base, asked=asked, images=images, request=request)
    reasons = _reasons(record, asked, images)
    limit = entry.plan.limit
    todo = f"a search of {limit.trials} trials" if limit.trials is not None else f"a search of {limit.seconds:g} s"
    # Of another search where the file was taken back, as by `git checkout`, and the folder was not.
    done = is_search_of(request, base.folder) and (base.folder / SEARCH_RESULT).is_file()
    if record and not reasons:
        if record["failed"]:
            return replace(base, state=FAILING, reasons=_failed(record), to_do="tries again")
        return replace(base, state=UP_TO_DATE) if done else replace(base, state=RECORDED, to_do=todo)
    if record:
        return replace(base, state=OUT_OF_DATE, reasons=reasons, to_do=todo)
    return replace(base, state=UNFINISHED if is_search_of(request, base.folder) else MISSING, to_do=todo)


def _export(project: Project, entry: ExportEntry, record: Document | None, of: Standing, base: Standing) -> Standing:
    """Return how an export stands: it follows the entry that it is of."""
    del project
    asked = asked_of_export(entry)
    base = replace(base, asked=asked)
    if record is None:
        return replace(base, state=MISSING, to_do=f"the best run of {entry.of} is exported")
    reasons = [
        Reason(ORIGIN, f"{key}: {record['asked'].get(key) or 'none'} -> {asked[key] or 'none'}")
        for key in asked
        if record["asked"].get(key) != asked[key]
    ]
    if not of.good:
        reasons.append(Reason(ORIGIN, f"{entry.of} is {of.state}"))
    elif of.state == UP_TO_DATE:
        run, digest = best_run_of(of)
        if digest != record["model_sha256"]:
            reasons.append(Reason(ORIGIN, f"the best run of {entry.of} is {run}, or was trained anew"))
    if reasons:
        return replace(base, state=OUT_OF_DATE, reasons=tuple(reasons), to_do="exported again")
    here = is_exported(base.folder, record)
    return replace(base, state=UP_TO_DATE) if here else replace(base, state=RECORDED, to_do="its file is not here")


def best_run_of(standing: Standing) -> tuple[str, str]:
    """Return the folder of the best run by validation of an entry, from there, and the SHA-256 of its model."""
    run = RunRecord.open(find_run(standing.folder, Silent()))
    # The file of an ensemble has the digests of the models that it averages.
    digest = sha256((run.path / ENSEMBLE).read_bytes()).hexdigest() if run.is_ensemble else model_digest(run)
    return run.path.relative_to(standing.folder.resolve()).as_posix(), digest


def _reasons(record: Document | None, asked: Mapping[str, Any], images: Mapping[str, Any]) -> tuple[Reason, ...]:
    if record is None:
        return ()
    changed = differences(record["asked"], asked)
    return (
        *images_differ(record.get("images", {}), images),
        *changed,
        *version_differs(record.get("judged_by", ""), version_here()),
    )


def _failed(record: Mapping[str, Any]) -> tuple[Reason, ...]:
    """Return why arms failed that no claim says would."""
    failed = [each for each in record["arms"] if each["name"] in record["failed"]]
    return tuple(Reason(FAILED, f"{each['name']}: {each['reason']}") for each in failed)
