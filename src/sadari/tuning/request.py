"""What is to be tuned? A value, stored as `tune.toml`, so that the same request goes on where it stopped."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import tomli_w

from sadari.comparison.request import data_name, numbered_folder, with_new_settings
from sadari.errors import UsageError
from sadari.files import make_folder, names_in, undamaged, write_text
from sadari.job import Job, make_job
from sadari.models.catalog import recorded_model
from sadari.models.spec import ModelSpec
from sadari.run_lookup import TUNE, is_tuning
from sadari.settings import Settings, Value
from sadari.tuning.space import Searched, searched

ACCURACY, SPEED = "accuracy", "images_per_second"
OBJECTIVES = (ACCURACY, SPEED)
MEDIAN, HYPERBAND, NONE = "median", "hyperband", "none"
PRUNERS = (MEDIAN, HYPERBAND, NONE)


@dataclass(frozen=True)
class Tuning:
    """The request of a search for the settings of one model on one set of images.

    data: a named set or an absolute path. space: what is searched. overrides: settings of every trial. seed: of every
    trial and of the search itself. objectives: what a trial is judged by on validation images. pruner: how trials that
    promise little are ended early. by_auto: what backbone=auto took when the search began. fingerprint: of the images.
    """

    data: str
    model: ModelSpec
    space: Searched
    overrides: Mapping[str, Value] = field(default_factory=dict)
    seed: int = 0
    objectives: tuple[str, ...] = (ACCURACY,)
    pruner: str = MEDIAN
    by_auto: Mapping[str, Value] = field(default_factory=dict)
    fingerprint: str = ""

    def __post_init__(self) -> None:
        if not self.space:
            raise UsageError("there is nothing to search; name a setting with --search")
        unknown = next((each for each in self.objectives if each not in OBJECTIVES), None)
        if (
            unknown is not None
            or self.objectives[:1] != (ACCURACY,)
            or len(set(self.objectives)) < len(self.objectives)
        ):
            raise UsageError(
                f"an objective is {ACCURACY}, or {ACCURACY},{SPEED} for a front, not '{','.join(self.objectives)}'"
            )
        if self.pruner not in PRUNERS:
            raise UsageError(f"a pruner is one of {', '.join(PRUNERS)}, not '{self.pruner}'")

    @property
    def prunes(self) -> bool:
        """Return whether trials may be ended early: where one figure judges them, and they have epochs."""
        return len(self.objectives) == 1 and self.pruner != NONE and self.model.uses("learning_rate")

    def job(self, params: Mapping[str, Value], **more: Value) -> Job:
        """Make the job of the trial with `params`; raises UsageError for a wrong setting or value."""
        return make_job(self.data, self.model, self.seed, {**self.overrides, **params, **more}, self.by_auto)

    def decided(self) -> tuple["Tuning", str]:
        """Return the request with what backbone=auto takes here, and the sentence on it; "" where nothing is open."""
        job = self.job({})
        return replace(self, by_auto=job.by_auto), job.note

    def to_toml(self) -> str:
        """Return the request as the text of `tune.toml`."""
        document = tomllib.loads(self.job({}).record.to_toml())
        return tomli_w.dumps(
            {
                "data": self.data,
                "fingerprint": self.fingerprint,
                "seed": self.seed,
                "objectives": list(self.objectives),
                "pruner": self.pruner,
                "search": {key: each.text for key, each in self.space.items()},
                "set": dict(self.overrides),
                "by_auto": dict(self.by_auto),
                "model": {
                    "model": self.model.reference,
                    "layers": self.model.layers,
                    "settings": document["settings"],
                    "variables": document["variables"],
                },
            }
        )

    @classmethod
    def read(cls, folder: Path) -> "Tuning":
        """Read the request that `folder` stores; raises SadariError where there is none, or it is damaged."""
        path = folder / TUNE
        with undamaged(path):
            stored = tomllib.loads(path.read_text(encoding="utf-8"))
            spec = recorded_model(stored["model"]["model"], stored["model"]["layers"])
            variables = {key: spec.variables.get(key, each) for key, each in stored["model"]["variables"].items()}
            usual = asdict(Settings())  # a file of the user is not read again: it may have changed since
            settings = {key: each for key, each in stored["model"]["settings"].items() if each != usual.get(key)}
            spec = replace(spec, variables=variables, settings=settings)
            return cls(
                data=stored["data"],
                model=spec,
                space=searched(spec, stored["search"], stored["data"], stored["set"]),
                overrides=stored["set"],
                seed=stored["seed"],
                objectives=tuple(stored["objectives"]),
                pruner=stored["pruner"],
                by_auto=stored["by_auto"],
                fingerprint=stored["fingerprint"],
            )


def as_begun(request: Tuning, folder: Path) -> Tuning:
    """Return `request` with what backbone=auto took when the search in `folder` began, where there is one."""
    stored = _stored(folder)
    return replace(request, by_auto=stored["by_auto"]) if stored and request.by_auto else request


def choose_folder(request: Tuning, out: Path | None, runs: Path) -> Path:
    """Return the folder of the search: `out`, or the newest runs/DATA-tune-N with this request, or the next free one.

    How many trials there are, and with how many seeds the best are judged, makes no difference: more go on. Raises
    UsageError where `out` holds something else.
    """
    if out is None:
        return numbered_folder(f"{data_name(request.data)}-tune", runs, lambda folder: is_search_of(request, folder))
    if names_in(out) and not is_search_of(request, out):
        other = "a search of other data, settings or ranges" if is_tuning(out) else "no search for settings"
        raise UsageError(f"'{out}' is not empty and holds {other}; choose another --out")
    return out


def is_search_of(request: Tuning, folder: Path) -> bool:
    """Return whether `folder` holds a search that asks for the same trials as `request`, finished or not."""
    stored = _stored(folder)
    return stored is not None and _same(as_begun(request, folder), stored)


def store_request(request: Tuning, folder: Path) -> None:
    """Write `tune.toml`; raises SadariError where `folder` cannot be written."""
    make_folder(folder)
    write_text(folder / TUNE, request.to_toml())


def _stored(folder: Path) -> dict[str, Any] | None:
    try:
        stored = tomllib.loads((folder / TUNE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return stored if {"fingerprint", "search", "set", "model", "by_auto"} <= set(stored) else None


def _same(request: Tuning, stored: Mapping[str, Any]) -> bool:
    """Return whether `request` asks for the same trials as the stored one; where the images are makes no difference."""
    wanted = tomllib.loads(request.to_toml())
    both = [
        {**each, "data": "", "set": {}, "model": with_new_settings(each["model"])} for each in (wanted, dict(stored))
    ]
    return both[0] == both[1]
