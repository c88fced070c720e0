"""What decides the result of an entry, as plain values? What its file says, resolved, and the images as they are."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sadari.comparison.request import Comparison, as_begun, decided, with_new_settings
from sadari.comparison.variants import Arm
from sadari.data.decisions.file import KEEP, chosen_file, read_decisions
from sadari.data.load import fingerprint_of, has_no_place
from sadari.models.spec import ModelSpec
from sadari.project.entries import ComparisonEntry, TuningEntry
from sadari.settings import Settings, Value
from sadari.tuning.request import Tuning

Document = dict[str, Any]


def images_now(data: str, settings: Settings) -> Document:
    """Return what the images of `data` are now: with decisions, without them, and how many there are.

    Nothing is decoded. Raises UsageError or SadariError where there is no such data, or decisions cannot be read.
    """
    bare = replace(settings, review="none")
    file = chosen_file(data, has_no_place(data), settings.review)
    decisions = [each for each in read_decisions(file).values() if each.decision != KEEP] if file else []
    return {
        "fingerprint": fingerprint_of(data, settings),
        "without_decisions": fingerprint_of(data, bare),
        "decisions": len(decisions),
    }


def decided_for(request: Comparison, *held: Mapping[str, Any] | None) -> Comparison:
    """Return `request` with what backbone=auto takes: what it took when the first of `held` began, or takes here."""
    request, _ = decided(request)
    stored = next((each for each in held if each), None)
    return as_begun(request, stored) if stored else request


def asked_of_comparison(entry: ComparisonEntry, request: Comparison, folder: Path) -> Document:
    """Return what decides the result of a comparison. request: with what backbone=auto takes. folder: of the project.

    Paths inside the folder are taken from there, so that a copy of the project elsewhere asks for the same.
    """
    study = entry.study
    document: Document = {
        "seeds": list(request.all_seeds),
        "auto": bool(request.looks),
        "redraw": request.redraw.document() if request.redraw else None,
        "ensemble": request.ensemble,
        "soups": list(request.soups),
        "margin": entry.margin,
        "robustness": entry.robustness,
        "title": request.title,
        "notes": list(request.notes),
        "claims": [{"claim": each.text, "words": each.words} for each in study.claims],
        "arms": {arm.name: _arm(request, arm) for arm in request.arms},
    }
    return dict(relative(document, folder))


def asked_of_search(entry: TuningEntry, request: Tuning, folder: Path) -> Document:
    """Return what decides the trials of a search, as `asked_of_comparison`; how many there are is apart."""
    job = request.job({})
    document: Document = {
        "seed": request.seed,
        "objectives": list(request.objectives),
        "pruner": request.pruner,
        "search": {key: each.text for key, each in request.space.items()},
        "arms": {request.model.name: _definition(request.model, asdict(job.settings), job.variables)},
        "trials": entry.plan.limit.trials,
        "budget": entry.plan.limit.seconds,
        "seeds": list(range(request.seed + 1, request.seed + 1 + entry.plan.seeds)),
    }
    return dict(relative(document, folder))


def _arm(request: Comparison, arm: Arm) -> Document:
    job = request.job(arm, request.seeds[0])
    return {
        **_definition(arm.model, asdict(job.settings), job.variables),
        "published": dict(arm.published),
    }


def _definition(model: ModelSpec, settings: Mapping[str, Value], variables: Mapping[str, Value]) -> Document:
    """Return what decides the runs of an arm. network: a digest of its layers, in text."""
    return {
        "model": model.reference,
        "network": blake2b(str(model.layers).encode(), digest_size=6).hexdigest(),
        "settings": _different(settings),
        "variables": dict(variables),
    }


def _different(settings: Mapping[str, Value]) -> dict[str, Value]:
    """Return the settings that differ from the defaults; `with_new_settings` makes them whole again."""
    usual = asdict(Settings())
    return {key: value for key, value in settings.items() if usual.get(key) != value}


def as_stored(asked: Mapping[str, Any], folder: Path) -> Document:
    """Return what was `asked` in the form of `comparison.toml`, as far as `as_begun` reads it."""
    arms = absolute(asked["arms"], folder)
    return {
        "arms": [
            {
                "name": name,
                "resolved": {**with_new_settings({"settings": arm["settings"]}), "variables": arm["variables"]},
            }
            for name, arm in arms.items()
        ]
    }


def relative(value: Any, folder: Path) -> Any:
    """Return `value` with each path inside `folder` written from there, with "/"; "." is the folder itself."""
    if isinstance(value, dict):
        return {key: relative(each, folder) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [relative(each, folder) for each in value]
    if isinstance(value, str) and value.startswith(str(folder)) and Path(value).is_relative_to(folder):
        return f"./{Path(value).relative_to(folder).as_posix()}".removesuffix("/.")
    return value


def absolute(value: Any, folder: Path) -> Any:
    """Return `value` with the paths that `relative` wrote from the folder made absolute again."""
    if isinstance(value, dict):
        return {key: absolute(each, folder) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [absolute(each, folder) for each in value]
    return str(folder / value[2:]) if isinstance(value, str) and value.startswith("./") else value


def version_here() -> str:
    """Return the version of Sadari."""
    return version("sadari")


def packages_of(environments: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return with which versions runs were trained, by package, from their `environment.json`."""
    found: dict[str, list[str]] = {}
    for name in ("sadari", "torch"):
        versions = {str(each.get("packages", {}).get(name, "")) for each in environments} - {""}
        found[name] = sorted(versions)
    return found
