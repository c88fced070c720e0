"""When was a comparison judged, at which level, and what was decided then? Sentences, and values for JSON."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sadari.comparison.analysis.measuring import AtLook, Compared, measure_all
from sadari.comparison.groups.grouping import Grouping
from sadari.comparison.request import Comparison
from sadari.comparison.seeds.chosen import AUTO, listed
from sadari.evaluation.draws.deciding import Deciding, Pair, decide
from sadari.evaluation.draws.looks import Look, Looks, chance_of_any
from sadari.evaluation.figures import Measured
from sadari.evaluation.statistics import LEVEL, Bools, Numbers
from sadari.run import RunRecord
from sadari.values import Verdict

SEEDS = "seeds"
Judged = tuple[tuple[int, float], ...]  # (seeds, level) of each look


@dataclass(frozen=True, eq=False)
class Looked:
    """The looks of a comparison. planned: after how many seeds; () where the number of seeds is fixed.

    steps: what was decided at each planned look so far. judged: all looks that there were, planned or not. seeds: of
    each arm that varies. alike: the arms that are one network. units: what is counted: seeds, splits or folds.
    """

    planned: tuple[int, ...] = ()
    steps: tuple[Deciding, ...] = ()
    judged: Judged = ()
    seeds: Mapping[str, int] = field(default_factory=dict)
    alike: frozenset[str] = frozenset()
    units: str = SEEDS

    @property
    def last(self) -> Deciding:
        """Return the state after the last look."""
        return self.steps[-1] if self.steps else Deciding()

    def of_arm(self, name: str) -> Look | None:
        """Return the look at which the figures of an arm are read; None where seeds were not added by looks."""
        if name in self.alike or self.seeds.get(name) not in self.planned:
            return None
        return Looks(self.planned).after(self.seeds[name])

    def level_of(self, name: str) -> float:
        """Return the level of the intervals of an arm."""
        look = self.of_arm(name)
        return look.level if look else LEVEL

    def of_pair(self, a: str, b: str) -> tuple[int, Look | None]:
        """Return after how many seeds two arms are compared, and at which look; all seeds where none was planned."""
        found = self.last.seeds.get((a, b)) or self.last.seeds.get((b, a))
        if found is None:
            return max(self.seeds.values()), None
        return found, None if {a, b} <= self.alike else Looks(self.planned).after(found)

    @property
    def false_alarms(self) -> float:
        """Return how often some of these looks calls equal arms different, at most, were seeds alone drawn."""
        if self._as_planned:
            return LEVEL
        pairs = max(len(self.last.verdicts), 1)
        seeds, levels = [each for each, _ in self.judged], [each for _, each in self.judged]
        return min(pairs * chance_of_any(seeds, [level / pairs for level in levels]), sum(levels))

    @property
    def sentence(self) -> str:
        """Say which looks p and intervals count, or that there were others; "" for a single one."""
        if self._as_planned:
            return self._planned if self.planned and len(self.alike) < len(self.seeds) else ""
        said = (
            f"judged after {listed(seeds for seeds, _ in self.judged)} {self.units}: so many looks call equal models "
            f"different in up to {100 * self.false_alarms:.0f} % instead of {100 * LEVEL:.0f} %, which p and intervals "
            "do not count"
        )
        if self.planned:
            return f"{said} (they count those of {AUTO}:{self.planned[-1]})"
        if self.units != SEEDS:
            return said
        return f"{said}; --seeds {AUTO} plans its looks, and keeps to {100 * LEVEL:.0f} %"

    @property
    def capitalised(self) -> str:
        """Return the sentence as it stands among others."""
        return f"{self.sentence[0].upper()}{self.sentence[1:]}." if self.sentence else ""

    @property
    def _planned(self) -> str:
        levels = listed(f"{level:.3f}" for level in Looks(self.planned).levels)
        return f"each p and interval counts the looks after {listed(self.planned)} seeds, at levels of {levels}"

    @property
    def _as_planned(self) -> bool:
        if len(self.judged) <= 1 and not self.planned:
            return True
        plan = dict(zip(self.planned, Looks(self.planned).levels, strict=True)) if self.planned else {}
        return all(seeds in plan and level <= plan[seeds] + 1e-9 for seeds, level in self.judged)

    def document(self) -> dict[str, Any]:
        """Return the looks as plain values, for JSON."""
        at = [
            {"seeds": seeds, "level": level, **(_decided(self.steps, self.planned.index(seeds)) if planned else {})}
            for seeds, level in self.judged
            for planned in (seeds in self.planned and self.planned.index(seeds) < len(self.steps),)
        ]
        return {"planned": list(self.planned), "at": at, "false_alarms": self.false_alarms, "sentence": self.sentence}


def _decided(steps: Sequence[Deciding], number: int) -> dict[str, Any]:
    before = steps[number - 1].decided if number else frozenset[Pair]()
    now = [each for each in steps[number].verdicts if (each.a, each.b) in steps[number].decided - before]
    return {"decided": [_outcome(each) for each in now], "open": [list(pair) for pair in steps[number].open]}


def _outcome(found: Verdict) -> dict[str, Any]:
    return {"a": found.a, "b": found.b, "verdict": found.verdict, "p": found.p}


def looked_at(
    request: Comparison,
    correct: Mapping[str, Bools],
    alike: Collection[str],
    margin: float | None = None,
    groups: Numbers | None = None,
) -> Looked:
    """Return the looks of a comparison from the runs that it has. correct: of the arms that are done, by name.

    alike: the names of those that are one network. groups: of the images that judge.
    """
    unchanged = frozenset((*alike, *(arm.name for arm in request.arms if request.looks and arm.once)))
    seeds = {name: len(each) for name, each in correct.items()}
    looks, arms = Looks(request.looks), list(correct.items())
    steps = decide(arms, looks, margin, unchanged, groups) if request.looks and correct else []
    units = request.redraw.kind if request.redraw else SEEDS
    return Looked(request.looks, tuple(steps), request.judged, seeds, unchanged, units)


def with_judged(request: Comparison) -> Comparison:
    """Return `request` with the look that comes now; the same seeds once more are no look.

    A look that had another level before keeps the larger one. Of parts that are drawn anew the draws count.
    """
    count = request.redraw.draws if request.redraw else len(request.seeds)
    level = Looks(request.looks).after(count).level if request.looks else LEVEL
    return replace(request, judged=joined_looks([request.judged, ((count, level),)]))


def joined_looks(looks: Sequence[Judged]) -> Judged:
    """Return all of these looks by their seeds, each with the largest level that it had."""
    known: dict[int, float] = {}
    for seeds, level in (each for judged in looks for each in judged):
        known[seeds] = max(level, known.get(seeds, 0.0))
    return tuple(sorted(known.items()))


def at_look(
    looked: Looked,
    records: Mapping[str, Sequence[RunRecord]],
    figures: Mapping[str, Mapping[str, Measured]],
    grouping: Grouping | None = None,
) -> AtLook | None:
    """Return what gives the figures of two arms with the seeds after which they were compared; None without looks."""
    if not looked.steps:
        return None
    read: dict[tuple[str, int], Mapping[str, Measured]] = {}

    def of(name: str, count: int) -> Mapping[str, Measured]:
        if count >= len(records[name]):
            return figures[name]
        if (name, count) not in read:
            read[name, count] = measure_all(records[name][:count], grouping)
        return read[name, count]

    def of_pair(a: str, b: str) -> Compared:
        count, look = looked.of_pair(a, b)
        return of(a, count), of(b, count), look

    return of_pair
