"""Which runs in the folder of an entry are what is asked for now? Others are moved to `runs/former`, not deleted."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import tomli_w

from sadari.comparison.inputs import SPLIT_SETTINGS
from sadari.comparison.request import Comparison, read_stored, with_new_settings
from sadari.comparison.splits.redraw import Redraw
from sadari.comparison.stored import REPORT, RESULT
from sadari.comparison.variants import Arm, folder_name
from sadari.errors import SadariError
from sadari.files import exists, make_folder, write_text
from sadari.project.file import FORMER
from sadari.run import RunRecord
from sadari.run_lookup import COMPARISON, runs_in


@dataclass(frozen=True)
class Held:
    """What the folder of a comparison holds of a request.

    arms: names of the arms whose runs are those that are asked for. present: how many of these are finished. missing:
    how many runs of the request are not; None where that depends on what they will show (seeds = "auto").
    """

    arms: tuple[str, ...]
    present: int
    missing: int | None


def held_of(request: Comparison, folder: Path, failed: Mapping[str, str]) -> Held:
    """Return what `folder` holds of `request`, which has its fingerprint. failed: why seeds failed, by arm.

    A seed that failed, as `failed` says, is not missing.
    """
    stored = read_stored(folder)
    fits = {arm.name for arm in request.arms if _fits(request, arm, stored, folder)}
    present, missing = 0, 0
    for arm in request.arms:
        for seed in _seeds_of(request, arm, stored):
            done = arm.name in fits and RunRecord(folder / folder_name(arm.name, seed)).finished
            present += done
            missing += not done and f"seed {seed}: " not in failed.get(arm.name, "")
    open_ = bool(request.looks) and (missing or not (folder / RESULT).is_file())
    return Held(tuple(arm.name for arm in request.arms if arm.name in fits), present, None if open_ else missing)


def _seeds_of(request: Comparison, arm: Arm, stored: Mapping[str, Any] | None) -> tuple[int, ...]:
    """Return the seeds with which an arm runs; where looks decide, those of the comparison in the folder so far."""
    if not request.looks or stored is None:
        return request.seeds_of(arm)
    stopped = {each["name"]: int(each["seeds"]) for each in stored["arms"] if "seeds" in each}
    return replace(request, seeds=tuple(stored["seeds"]), stopped=stopped).seeds_of(arm)


def _fits(request: Comparison, arm: Arm, stored: Mapping[str, Any] | None, folder: Path) -> bool:
    """Return whether the runs of `arm` in `folder` were made with the same definition, images, weights and teacher."""
    if stored is None or stored["fingerprint"] != request.fingerprint:
        return False
    held = next((each for each in stored["arms"] if each["name"] == arm.name), None)
    wanted = tomllib.loads(tomli_w.dumps(request.definition(arm)))
    if held is None or with_new_settings(held["resolved"]) != wanted:
        return False
    job = request.job(arm, request.seeds[0])
    if job.backbone is None and not job.taught:
        return True
    from sadari.training.run_folder import other_content

    begun = [run for run in runs_in(folder) if run.name in _folders(request, arm)]
    return not any(other_content(job, RunRecord(run)) for run in begun)


def _folders(request: Comparison, arm: Arm) -> set[str]:
    return {folder_name(arm.name, seed) for seed in request.all_seeds}


def make_room(request: Comparison, folder: Path) -> Path | None:
    """Move what `folder` holds and `request` does not ask for to `runs/former`, and return where that is.

    Runs of arms and seeds that are asked for stay, where what judges them is the same; else all goes. None where
    nothing had to move. Killed between two moves, the next call goes on. Raises SadariError where it cannot be moved.
    """
    if not exists(folder):
        return None
    stored = read_stored(folder)
    kept = [arm for arm in request.arms if _fits(request, arm, stored, folder)]
    seeds = [seed for seed in (stored or {}).get("seeds", ()) if seed in request.all_seeds]
    if stored is None or not kept or not seeds or not _same_judges(request, stored):
        return _move_all(folder) if not folder.is_dir() or any(folder.iterdir()) else None  # a file goes, too
    names = {name for arm in kept for name in _folders(request, arm)}
    others = [run for run in runs_in(folder) if run.name not in names]
    whole = len(kept) == len(stored["arms"]) and len(seeds) == len(stored["seeds"])
    if whole and all(RunRecord(run).is_average for run in others):
        return None
    if request.looks or stored.get("looks"):
        return _move_all(folder)  # which seeds an arm has was decided beside the other arms
    aside = _free(folder)
    make_folder(aside)
    for each in (*others, folder / RESULT, folder / REPORT):
        if exists(each):
            _move(each, aside / each.name)
    arms = [each for each in stored["arms"] if each["name"] in {arm.name for arm in kept}]
    document = {**stored, "arms": arms, "seeds": seeds, "ensemble": False, "soups": []}
    write_text(folder / COMPARISON, tomli_w.dumps(document))
    return aside


def _same_judges(request: Comparison, stored: Mapping[str, Any]) -> bool:
    """Return whether the splits that the folder holds are those of an arm of the request."""
    redraw = Redraw.of(stored)
    if (redraw is None) != (request.redraw is None) or (
        redraw and request.redraw and not request.redraw.contains(redraw)
    ):
        return False
    held = with_new_settings(stored["arms"][0]["resolved"])["settings"]
    wanted = [request.job(arm, request.seeds[0]).settings for arm in request.arms]
    return any(all(getattr(each, name) == held[name] for name in SPLIT_SETTINGS) for each in wanted)


def _move_all(folder: Path) -> Path:
    aside = _free(folder)
    make_folder(aside.parent)
    _move(folder, aside)
    return aside


def move_aside(folder: Path) -> Path | None:
    """Move the whole `folder` to `runs/former`, and return where it is; None where there is none."""
    return _move_all(folder) if exists(folder) else None


def _free(folder: Path) -> Path:
    """Return the first free name of runs/former/NAME-1, NAME-2 ..."""
    places = (folder.parent / FORMER / f"{folder.name}-{number}" for number in count(1))
    return next(each for each in places if not exists(each))


def _move(path: Path, to: Path) -> None:
    try:
        path.replace(to)
    except OSError as error:
        raise SadariError(f"cannot move {path} to {to}: {error.strerror or error}") from None
