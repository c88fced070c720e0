"""What is stored in the folder of a comparison? Its request, its runs and why some failed, read without training."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from sadari.comparison.claims.claim import Claim
from sadari.comparison.claims.parse import parse_claim
from sadari.comparison.ensembles.job import ensemble_job, soup_job
from sadari.comparison.request import ENSEMBLE_ARM, Comparison, extends, read_stored, soup_of
from sadari.comparison.splits.redraw import Redraw
from sadari.comparison.variants import Arm, folder_name
from sadari.errors import SadariError, UsageError
from sadari.evaluation.sentences import LEVEL
from sadari.files import exists, read_json, write_json
from sadari.job_record import JobRecord
from sadari.models.catalog import recorded_model
from sadari.progress import Progress
from sadari.run import RunRecord
from sadari.run_lookup import COMPARISON
from sadari.settings import Settings, with_overrides

RESULT = "comparison.json"
REPORT = "report.html"  # as `report/page.py` names it


@dataclass(frozen=True, eq=False)
class StoredArm:
    """One arm as it was run: its job with the first seed, its finished runs, and the reasons of the failed ones."""

    arm: Arm
    job: JobRecord
    records: tuple[RunRecord, ...]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class StoredComparison:
    """A finished comparison: its request, and its arms in the order of the request.

    claims: those that were tested. margin: within which arms could be found equal. robustness_notes: the notes of
    judging the models on corrupted images.
    """

    folder: Path
    request: Comparison
    arms: tuple[StoredArm, ...]
    claims: tuple[Claim, ...] = ()
    margin: float | None = None
    robustness_notes: tuple[str, ...] = ()


def require_nothing_added(request: Comparison, folder: Path) -> None:
    """Raise UsageError where another process has asked for more than `request` since: that stays in `folder`."""
    stored = read_stored(folder)
    if stored is not None and not extends(request, stored):
        raise UsageError(
            f"another process has added models or seeds to {folder} meanwhile; its table has the runs of this one too, "
            "and the same command with all that is asked for there makes it again"
        )


def store_result(folder: Path, document: Mapping[str, Any], progress: Progress) -> None:
    """Write `comparison.json`; where runs that it held are missing now, it and the report stay beside the new ones.

    A run that had finished may fail later: its weights have changed, its folder is damaged. That is said.
    """
    lost = _lost(folder, document)
    if lost:
        kept = [str(_set_aside(folder / name)) for name in (RESULT, REPORT) if (folder / name).is_file()]
        progress.say(
            f"{', '.join(lost)} had finished and cannot be used now; the former result stays beside the new one: "
            f"{', '.join(kept)}"
        )
    write_json(folder / RESULT, document)


def _lost(folder: Path, document: Mapping[str, Any]) -> list[str]:
    """Return the runs that the stored result has and `document` has not, as "mlp seed 0"."""
    with suppress(SadariError, KeyError, TypeError):  # a damaged result holds nothing to keep
        now = {(arm["name"], seed) for arm in document["arms"] for seed in arm["seeds"]}
        arms = [arm for arm in _outcome(folder).get("arms", ()) if not arm.get("members")]  # those are made anew
        then = [(arm["name"], seed) for arm in arms for seed in arm["seeds"]]
        return [f"{name} seed {seed}" for name, seed in then if (name, seed) not in now]
    return []


def _set_aside(path: Path) -> Path:
    """Give the file at `path` the first free name of NAME-former, NAME-former-2 ... and return that."""
    for number in count(1):
        former = path.with_name(f"{path.stem}-former{f'-{number}' if number > 1 else ''}{path.suffix}")
        if not exists(former):
            break
    return path.replace(former)


def read_comparison(path: Path) -> StoredComparison:
    """Read the comparison in the folder `path`.

    Raises SadariError where it is damaged, or not finished: an arm has neither a run nor a reason for a seed.
    """
    folder = path.resolve()
    stored = read_stored(folder)
    if stored is None:
        raise SadariError(f"cannot read {folder / COMPARISON}; run the comparison again in another --out")
    try:
        seeds = tuple(stored["seeds"])
        arms = [(_arm(each), _job(stored["data"], each["resolved"], seeds[0])) for each in stored["arms"]]
        request = Comparison(
            data=stored["data"],
            arms=tuple(arm for arm, _ in arms),
            seeds=seeds,
            title=stored.get("title", ""),
            fingerprint=stored["fingerprint"],
            notes=tuple(stored.get("notes", ())),
            ensemble=bool(stored.get("ensemble", False)),
            soups=tuple(map(str, stored.get("soups", ()))),
            redraw=Redraw.of(stored),
            looks=tuple(map(int, stored.get("looks", ()))),
            stopped={each["name"]: int(each["seeds"]) for each in stored["arms"] if "seeds" in each},
            judged=judged_before(folder, stored),
        )
        settings_of = [job.settings for _, job in arms]
        arms += [(soup_of(arm), soup_job(request, job)) for arm, job in arms if arm.name in request.soups]
        if request.ensemble:
            arms.append((ENSEMBLE_ARM, ensemble_job(request, settings_of, seeds[0])))
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        raise SadariError(f"{folder / COMPARISON} is damaged ({error}); run the comparison again") from None
    outcome = _outcome(folder)
    try:
        reasons = {arm["name"]: arm["reason"] for arm in outcome.get("arms", ())}
        settings = {arm.name: arm.overrides for arm in request.judged_arms}
        claims = tuple(
            parse_claim(each["claim"], settings, each["words"], stored=True) for each in outcome.get("claims", ())
        )
        robustness = outcome.get("robustness")
        notes = tuple(robustness["notes"]) if robustness else ()
    except (KeyError, TypeError) as error:
        raise SadariError(f"{folder / RESULT} is damaged ({error}); run the comparison again") from None
    return StoredComparison(
        folder=folder,
        request=request,
        arms=tuple(_with_runs(folder, arm, job, request.seeds_of(arm), reasons.get(arm.name, "")) for arm, job in arms),
        claims=claims,
        margin=outcome.get("margin"),
        robustness_notes=notes,
    )


def judged_before(folder: Path, stored: Mapping[str, Any]) -> tuple[tuple[int, float], ...]:
    """Return when the comparison in `folder` was judged, as (seeds, level): as its request says, else once, if at all.

    Of parts that were drawn anew the draws count. Raises KeyError and TypeError for a damaged request.
    """
    if "judged" in stored:
        return tuple((int(each["seeds"]), float(each["level"])) for each in stored["judged"])
    redraw = Redraw.of(stored)
    count = redraw.draws if redraw else len(stored["seeds"])
    return ((count, LEVEL),) if (folder / RESULT).is_file() else ()


def with_judged_before(request: Comparison, folder: Path) -> Comparison:
    """Return `request` with the looks that the comparison in `folder` has had; a damaged one has had none."""
    stored = read_stored(folder)
    with suppress(KeyError, TypeError, ValueError):
        return replace(request, judged=judged_before(folder, stored)) if stored else request
    return request


def _arm(table: Mapping[str, Any]) -> Arm:
    resolved = table["resolved"]
    return Arm(
        table["name"],
        recorded_model(resolved["model"], resolved["layers"]),
        table["settings"],
        table.get("published", {}),
        bool(table.get("once", False)),
        # All of it: those that are not of backbone=auto are what the arm's own settings resolve to anyway.
        {**resolved["settings"], **resolved["variables"]} if "backbone" in resolved["variables"] else {},
    )


def _job(data: str, resolved: Mapping[str, Any], seed: int) -> JobRecord:
    """Return the job as it was resolved then: the file of a network, or a default, may have changed since."""
    settings = with_overrides(Settings(), resolved["settings"], stored=True)
    return JobRecord(data, resolved["model"], seed, settings, dict(resolved["variables"]))


def _outcome(folder: Path) -> Mapping[str, Any]:
    """Read `comparison.json`; an empty mapping where the comparison is not finished."""
    return read_json(folder / RESULT) if (folder / RESULT).is_file() else {}


def _with_runs(folder: Path, arm: Arm, job: JobRecord, seeds: tuple[int, ...], reason: str) -> StoredArm:
    runs = {seed: RunRecord(folder / folder_name(arm.name, seed)) for seed in seeds}
    missing = [seed for seed, run in runs.items() if not run.finished]
    unexplained = [seed for seed in missing if f"seed {seed}: " not in reason]
    if unexplained:
        raise SadariError(
            f"the comparison {folder} is not finished: {arm.name} with seed {unexplained[0]} is missing; go on with "
            f"the command that began it and --out {folder}"
        )
    finished = {seed: run for seed, run in runs.items() if seed not in missing}
    if _distinct_origin(finished.values()):  # those that the comparison itself could not use do not count
        finished = {seed: run for seed, run in finished.items() if f"seed {seed}: " not in reason}
    if what := _distinct_origin(finished.values()):
        raise SadariError(
            f"the runs of '{arm.name}' in {folder} began with different {what}, so they are no seeds of one arm; name "
            "the runs to report one by one, or train anew in another --out"
        )
    return StoredArm(arm, job, tuple(finished.values()), (reason,) if len(finished) < len(seeds) else ())


def _distinct_origin(runs: Collection[RunRecord]) -> str:
    """Return what the runs of an arm should have in common and have not, "" where they are seeds of one arm."""
    origins = {
        "pre-trained weights": {run.weights_sha256 for run in runs},
        "teachers": {run.teacher.get("sha256", "") for run in runs},
        "layers": {run.layers for run in runs},
        "plug-ins": {run.plugin_sources for run in runs},
        "images": {run.fingerprint for run in runs},
    }
    return next((what for what, found in origins.items() if len(found) > 1), "")
