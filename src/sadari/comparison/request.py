"""What is to be compared? A value, stored as `comparison.toml`, so that the same request goes on where it stopped."""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from glob import escape
from itertools import count, islice
from pathlib import Path
from typing import Any

import tomli_w

from sadari.comparison.splits.redraw import Redraw
from sadari.comparison.variants import ENSEMBLE, Arm, folder_name, require_distinct
from sadari.errors import SadariError, UsageError
from sadari.files import exists, make_folder, names_in, write_text
from sadari.job import Job, make_job
from sadari.models.backbone.choice import DECIDED
from sadari.models.spec import ModelSpec
from sadari.run_lookup import COMPARISON
from sadari.settings import Settings, Value

ENSEMBLE_ARM = Arm(ENSEMBLE, ModelSpec(ENSEMBLE, "the average of the other arms' predictions", "", source=ENSEMBLE))
SOUP_NAME = "soup of {}"  # the arm with the mean weights of another arm's runs
MOST_SEEDS = 10_000  # assumed: intervals over seeds hardly become narrower, and each is a run


def seeds_of(seeds: Iterable[int]) -> tuple[int, ...]:
    """Return `seeds` as a tuple. Raises UsageError for more than MOST_SEEDS, before the others are counted."""
    chosen = tuple(islice(seeds, MOST_SEEDS + 1))
    if len(chosen) > MOST_SEEDS:
        raise UsageError(f"at most {MOST_SEEDS:,} seeds are compared, and more were named; name fewer")
    return chosen


def soup_of(arm: Arm) -> Arm:
    """Return the arm that has the mean weights of the runs of `arm`: one run, whatever the seeds."""
    return replace(arm, name=SOUP_NAME.format(arm.name), published={}, once=True)


def job_of(data: str, arm: Arm, seed: int, more: Mapping[str, Value] | None = None) -> Job:
    """Make the job of `arm` with `seed`. more: settings and variables besides, or in place of, those of the arm."""
    return make_job(data, arm.model, seed, {**arm.overrides, **(more or {})}, arm.by_auto)


@dataclass(frozen=True)
class Comparison:
    """The request of a comparison: every arm with every seed, on one set of images.

    data: a named set or an absolute path. title: that of a study, or "". name: of the folder, without its number;
    DATA-compare where it is "". fingerprint: of the images, known once they are loaded. notes: what a reader of the
    result should know. ensemble: whether one more arm averages the others. soups: the names of the arms of which one
    more arm averages the weights. redraw: how the parts are drawn anew; its `all_seeds` are the seeds then. looks:
    after how many seeds it is looked whether more are needed; () where the number of seeds is fixed. stopped: how many
    seeds the arms have that need no more. judged: when the arms were judged already, as (seeds, level). Raises
    UsageError where there is nothing to compare or to average, and for two arms of one name.
    """

    data: str
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    title: str = ""
    name: str = ""
    fingerprint: str = ""
    notes: tuple[str, ...] = ()
    ensemble: bool = False
    soups: tuple[str, ...] = ()
    redraw: Redraw | None = None
    looks: tuple[int, ...] = ()
    stopped: Mapping[str, int] = field(default_factory=dict)
    judged: tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        if not self.arms or not self.seeds:
            raise UsageError("there is nothing to compare; name at least one model and one seed")
        if len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise UsageError(f"seeds are different whole numbers from 0 up, not {', '.join(map(str, self.seeds))}")
        require_distinct((*self.arms, *map(soup_of, self.souped_arms)))
        if self.ensemble:
            self._require_ensemble()
        if self.redraw and (self.ensemble or self.soups):
            raise UsageError("an ensemble or a soup is made on one split; leave --splits and --folds out")

    def _require_ensemble(self) -> None:
        if len(self.arms) < 2:
            raise UsageError(f"an ensemble averages at least two arms, and there is only {self.arms[0].name}; add one")
        if any(folder_name(arm.name, 0) == folder_name(ENSEMBLE, 0) for arm in self.arms):
            raise UsageError(f"an arm is called '{ENSEMBLE}', as the ensemble is; give it another name")

    @property
    def judged_arms(self) -> tuple[Arm, ...]:
        """Return the arms of the table: those that are trained, then their soups, then the ensemble of the trained."""
        return (*self.arms, *map(soup_of, self.souped_arms), *([ENSEMBLE_ARM] if self.ensemble else []))

    @property
    def souped_arms(self) -> tuple[Arm, ...]:
        """Return the arms of which a soup is made."""
        return tuple(arm for arm in self.arms if arm.name in self.soups)

    def job(self, arm: Arm, seed: int) -> Job:
        """Make the job of `arm` with `seed`; raises UsageError for an unknown setting or value."""
        return job_of(self.data, arm, seed)

    def seeds_of(self, arm: Arm) -> tuple[int, ...]:
        """Return the seeds with which `arm` runs."""
        return self.seeds[: 1 if arm.once else self.stopped.get(arm.name, len(self.seeds))]

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """Return the seeds that an arm may have at most: more than `seeds` where it depends on the looks."""
        return tuple(range(self.looks[-1])) if self.looks else self.seeds

    def draw_of(self, seed: int) -> int:
        """Return the number of the split that the runs with `seed` have; 0 where there is one."""
        return self.redraw.draw_of(seed) if self.redraw else 0

    def with_fingerprint(self, fingerprint: str) -> "Comparison":
        return replace(self, fingerprint=fingerprint)

    def definition(self, arm: Arm) -> dict[str, Any]:
        """Return everything about an arm that decides its runs, the layers of its network included, as plain values."""
        return {"model": arm.model.reference, "layers": arm.model.layers, **_without_data(self.job(arm, 0))}

    def to_toml(self) -> str:
        """Return the request as the text of `comparison.toml`."""
        document: dict[str, Any] = {"title": self.title, "data": self.data, "fingerprint": self.fingerprint}
        document["notes"] = list(self.notes)
        document["seeds"] = list(self.seeds)
        document |= {"ensemble": True} if self.ensemble else {}
        document |= {"soups": list(self.soups)} if self.soups else {}
        document |= {"redraw": self.redraw.document()} if self.redraw else {}
        document |= {"looks": list(self.looks)} if self.looks else {}
        judged = [{"seeds": seeds, "level": level} for seeds, level in self.judged]
        document |= {"judged": judged} if judged else {}
        document["arms"] = [
            {
                "name": arm.name,
                "settings": dict(arm.overrides),
                "published": dict(arm.published),
                "resolved": self.definition(arm),
                **({"once": True} if arm.once else {}),
                **({"seeds": self.stopped[arm.name]} if arm.name in self.stopped else {}),
            }
            for arm in self.arms
        ]
        return tomli_w.dumps(document)


def _without_data(job: Job) -> dict[str, Any]:
    document = tomllib.loads(job.record.to_toml())
    return {"settings": document["settings"], "variables": document["variables"]}


def decided(request: Comparison) -> tuple[Comparison, tuple[str, ...]]:
    """Return `request` with what backbone=auto takes here decided for all of its arms, and a sentence for each choice.

    Raises UsageError and SadariError as `make_job` does.
    """
    jobs = [request.job(arm, request.seeds[0]) for arm in request.arms]
    arms = tuple(replace(arm, by_auto=job.by_auto) for arm, job in zip(request.arms, jobs, strict=True))
    return replace(request, arms=arms), tuple(dict.fromkeys(job.note for job in jobs if job.note))


def as_begun(request: Comparison, stored: Mapping[str, Any]) -> Comparison:
    """Return `request` with what backbone=auto took when the `stored` request began, whatever it takes here.

    Arms that are new take what it took for the others. `request` is as `decided` returned it.
    """
    held = {arm["name"]: {**arm["resolved"]["settings"], **arm["resolved"]["variables"]} for arm in stored["arms"]}
    taken: dict[str, dict[str, Value]] = {}
    arms = []
    for arm in request.arms:
        now, key = dict(arm.by_auto), repr(sorted((k, v) for k, v in arm.by_auto.items() if k in DECIDED))
        if now and arm.name in held:
            then = {name: held[arm.name].get(name, value) for name, value in now.items()}
            taken.setdefault(key, then)
        else:
            then = {name: taken.get(key, {}).get(name, value) for name, value in now.items()}
        arms.append(replace(arm, by_auto=then))
    return replace(request, arms=tuple(arms))


def extends(request: Comparison, stored: Mapping[str, Any]) -> bool:
    """Return whether `request` contains everything of the `stored` request of a folder, and perhaps more.

    Whether there is an ensemble or a soup makes no difference: it is made of the runs, and decides none of them.
    """
    if stored["fingerprint"] != request.fingerprint:  # where the images are makes no difference
        return False
    request = as_begun(request, stored)
    wanted = {arm.name: tomllib.loads(tomli_w.dumps(request.definition(arm))) for arm in request.arms}
    held = {arm["name"]: with_new_settings(arm["resolved"]) for arm in stored["arms"]}
    if not _draws_extend(request.redraw, Redraw.of(stored)):
        return False
    same_arms = all(wanted.get(name) == definition for name, definition in held.items())
    return same_arms and set(stored["seeds"]) <= set(request.all_seeds)


def _draws_extend(redraw: Redraw | None, stored: Redraw | None) -> bool:
    return stored is None if redraw is None else redraw.contains(stored)


def with_new_settings(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored definition with newer settings at their defaults, as it was then."""
    return {**definition, "settings": {**asdict(Settings()), **definition["settings"]}}


def same_text(one: str, other: str) -> bool:
    """Return whether two texts of `Comparison.to_toml` ask for the same, settings that came later at their defaults."""
    try:
        first, second = (tomllib.loads(text) for text in (one, other))
    except tomllib.TOMLDecodeError:  # of a damaged file
        return one == other
    for arm in (*first["arms"], *second["arms"]):
        arm["resolved"] = with_new_settings(arm["resolved"])
    return first == second


def equals(request: Comparison, stored: Mapping[str, Any]) -> bool:
    """Return whether `request` equals the `stored` request of a folder, however far its looks have come there."""
    same_looks = list(request.looks) == list(stored.get("looks", ()))
    same_seeds = bool(request.looks) or len(request.seeds) == len(stored["seeds"])
    return len(request.arms) == len(stored["arms"]) and same_looks and same_seeds and extends(request, stored)


def choose_folder(request: Comparison, out: Path | None, runs: Path) -> Path:
    """Return the folder of the comparison: `out`, or the newest runs/NAME-N that holds this request.

    Where none does, it is the newest one with the same arms and fewer seeds, which goes on; any other request gets the
    next N. Raises UsageError where `out` holds something else.
    """
    if out is not None:
        _require_room(request, out)
        return out

    def holds(folder: Path) -> bool:
        stored = read_stored(folder)
        return stored is not None and equals(request, stored)

    def has_fewer_seeds(folder: Path) -> bool:
        stored = read_stored(folder)
        return stored is not None and len(request.arms) == len(stored["arms"]) and extends(request, stored)

    name = request.name or f"{data_name(request.data)}-compare"
    return numbered_folder(name, runs, holds, has_fewer_seeds)


def numbered_folder(name: str, runs: Path, *holds: Callable[[Path], bool]) -> Path:
    """Return the newest runs/NAME-N of which one of `holds` is true, or make the next one that is free.

    holds: in their order; the second is asked where the first is true of no folder. The making decides, so that no two
    requests that begin together get one folder. Raises SadariError.
    """
    stem = f"{name}-"
    found = runs.glob(f"{escape(stem)}*")
    held = {int(path.name[len(stem) :]): path for path in found if path.name[len(stem) :].isdecimal()}
    for is_held in holds:
        for number in sorted(held, reverse=True):
            if is_held(held[number]):
                return held[number]
    for number in count(max(held, default=0) + 1):
        folder = runs / f"{stem}{number}"
        try:
            folder.mkdir(parents=True)
            break
        except FileExistsError:
            if exists(runs) and not runs.is_dir():
                raise SadariError(f"cannot write to '{runs}': it is a file; choose another --out") from None
        except OSError as error:
            raise SadariError(f"cannot write to '{folder}': {error.strerror}; choose another --out") from None
    return folder


def store_request(request: Comparison, out: Path) -> None:
    """Write `comparison.toml`; raises SadariError where `out` cannot be written."""
    make_folder(out)
    write_text(out / COMPARISON, request.to_toml())


def read_stored(folder: Path) -> dict[str, Any] | None:
    """Read the stored request of `folder` as plain values; None where it has none that can be read."""
    try:
        stored = tomllib.loads((folder / COMPARISON).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return stored if {"data", "fingerprint", "seeds", "arms"} <= set(stored) else None


def data_name(data: str) -> str:
    """Return the name of the data in a folder's name: "photos" for /me/photos.tar.gz, "shapes" for shapes:size=32."""
    name = Path(data).name if "/" in data or "\\" in data else data.partition(":")[0]
    return name.partition(".")[0] or "data"


def _require_room(request: Comparison, out: Path) -> None:
    if not names_in(out):
        return
    stored = read_stored(out)
    if stored is None:
        raise UsageError(f"'{out}' is not empty and holds no comparison; choose another --out")
    if not extends(request, stored):
        same_otherwise = extends(request, {**stored, "fingerprint": request.fingerprint})
        if same_otherwise and stored["data"] == request.data:
            raise UsageError(
                f"the images of '{request.data}' have changed since '{out}' compared models on them: other files, "
                "labels or decisions of a review; choose another --out"
            )
        raise UsageError(
            f"'{out}' holds a comparison of other data, models, settings or seeds; choose another --out, or ask for "
            "all that it holds and more"
        )
