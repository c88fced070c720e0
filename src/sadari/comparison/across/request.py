"""Which sets are compared on, and where? Stored as `sets.toml`, so that the same request goes on where it stopped."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

import tomli_w

from sadari.comparison.plan import Plan
from sadari.comparison.request import Comparison, data_name, numbered_folder, with_new_settings
from sadari.data.load import absolute_data
from sadari.errors import UsageError
from sadari.files import make_folder, names_in, write_text
from sadari.run_lookup import SETS

NAMED = 3  # sets that the name of the folder has (assumed: longer ones cannot be read)


@dataclass(frozen=True)
class SetOf:
    """One of the sets: `name` is that of its folder; request: the comparison on it."""

    name: str
    request: Comparison


@dataclass(frozen=True)
class AcrossRequest:
    """The same arms and seeds on several sets. Raises UsageError for fewer than two sets, or two arms on all of them.

    plans: one a set, in their order. margin, robustness: as of every comparison.
    """

    sets: tuple[SetOf, ...]
    plans: tuple[Plan, ...]

    @property
    def arms(self) -> tuple[str, ...]:
        """Return the names of the arms that every set has, in the order of the first."""
        names = [[arm.name for arm in each.request.judged_arms] for each in self.sets]
        return tuple(name for name in names[0] if all(name in others for others in names))

    def to_toml(self) -> str:
        """Return the request as the text of `sets.toml`."""
        sets = [{"name": each.name, "data": each.request.data} for each in self.sets]
        return tomli_w.dumps({"sets": sets, "definition": definition(self.sets)})


def plan_sets(data: Sequence[str | Path], plan: Callable[[str | Path], Plan]) -> AcrossRequest:
    """Return the request for these sets. plan: makes the plan for one set, as `plan_comparison` does.

    Raises UsageError for a set that is named twice, for a search, for parts drawn anew or seeds until decided, and
    where the sets have fewer than two arms in common.
    """
    if not data:
        raise UsageError("there is no data set to compare on; name at least one")
    places = [absolute_data(each) for each in data]
    twice = next((each for place, each in zip(places, data, strict=True) if places.count(place) > 1), None)
    if twice is not None:
        raise UsageError(f"'{twice}' is named twice; name each data set once")
    plans = [plan(each) for each in data]
    sets = []
    for name, each in zip(_names(places), plans, strict=True):
        if not isinstance(each.request, Comparison):
            raise UsageError("--models best searches on one data set; name the models to compare on several")
        if each.request.redraw or each.request.looks:
            raise UsageError(
                "several data sets are compared on with one split each and a number of seeds; leave out --splits, "
                "--folds and --seeds auto"
            )
        sets.append(SetOf(name, each.request))
    request = AcrossRequest(tuple(sets), tuple(plans))
    if len(request.arms) < 2:
        raise UsageError("several data sets are compared on by two models or more that all of them have; name --models")
    return request


def _names(places: Sequence[str]) -> list[str]:
    """Return a name for each set, all different: digits, photos, photos-2."""
    found: list[str] = []
    for place in places:
        name = data_name(place)
        more = (f"{name}-{at}" for at in count(2))
        found.append(next(each for each in chain([name], more) if each not in found))
    return found


def definition(sets: Sequence[SetOf]) -> list[dict[str, Any]]:
    """Return what decides the runs on each set, as plain values, without the images themselves."""
    return [
        {
            "data": each.request.data,
            "seeds": list(each.request.seeds),
            "arms": {arm.name: each.request.definition(arm) for arm in each.request.arms},
        }
        for each in sets
    ]


def choose_folder(request: AcrossRequest, out: Path | None, runs: Path) -> Path:
    """Return the folder: `out`, or the newest runs/NAME-N that holds this request or fewer seeds of it, or the next.

    Raises UsageError where `out` holds something else.
    """
    if out is not None:
        if names_in(out) and not _extends(request, read_sets(out)):
            raise UsageError(
                f"'{out}' is not empty and holds no comparison across these data sets, models, settings and seeds; "
                "choose another --out"
            )
        return out
    names = [each.name for each in request.sets]
    stem = "-".join(names) if len(names) <= NAMED else f"{names[0]}-and-{len(names) - 1}-more"
    return numbered_folder(f"{stem}-compare", runs, lambda folder: _extends(request, read_sets(folder)))


def _extends(request: AcrossRequest, stored: Mapping[str, Any] | None) -> bool:
    """Return whether `request` is the `stored` one, perhaps with more seeds."""
    if stored is None:
        return False
    now = tomllib.loads(tomli_w.dumps({"definition": definition(request.sets)}))["definition"]
    then = stored["definition"]
    if [each["data"] for each in now] != [each["data"] for each in then]:
        return False
    return all(_same(mine, other) for mine, other in zip(now, then, strict=True))


def _same(now: Mapping[str, Any], then: Mapping[str, Any]) -> bool:
    held = {name: with_new_settings(each) for name, each in then["arms"].items()}
    return set(then["seeds"]) <= set(now["seeds"]) and now["arms"] == held


def store_sets(request: AcrossRequest, folder: Path) -> None:
    """Write `sets.toml`; raises SadariError where `folder` cannot be written."""
    make_folder(folder)
    write_text(folder / SETS, request.to_toml())


def read_sets(folder: Path) -> dict[str, Any] | None:
    """Read the stored request of `folder` as plain values; None where it has none that can be read."""
    try:
        stored = tomllib.loads((folder / SETS).read_text(encoding="utf-8"))
        complete = all({"name", "data"} <= set(each) for each in stored["sets"]) and bool(stored["sets"])
        return (
            stored
            if complete and all({"data", "seeds", "arms"} <= set(each) for each in stored["definition"])
            else None
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
