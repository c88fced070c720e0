"""Which seeds does a comparison train? A count, named ones, or as many as it takes: `auto`."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sadari.comparison.request import Comparison, seeds_of
from sadari.errors import UsageError
from sadari.evaluation.draws.looks import LEAST_MOST, MOST, Looks

AUTO = "auto"  # seeds are added until every pair is decided
MOST_OF_AUTO = 10  # where no number is given (assumed: more is seldom paid for)


@dataclass(frozen=True)
class Seeds:
    """The seeds of a request. those: all of them, or those before the first of `looks`, after which others follow."""

    those: tuple[int, ...]
    looks: tuple[int, ...] = ()

    @classmethod
    def of(cls, value: "int | str | Iterable[int] | Seeds") -> "Seeds":
        """Return the seeds that a user means: a count, numbers, or text such as "5", "auto" and "auto:10".

        Raises UsageError where that is none of them.
        """
        if isinstance(value, Seeds):
            return value
        if isinstance(value, str):
            return _read(value)
        return cls(seeds_of(range(value) if isinstance(value, int) else value))

    def __str__(self) -> str:
        return f"{AUTO}:{self.looks[-1]}" if self.looks else ", ".join(map(str, self.those))


def _read(text: str) -> Seeds:
    if text.isdecimal() and int(text) > 0:
        return Seeds(seeds_of(range(int(text))))
    word, colon, most = text.partition(":")
    if word != AUTO or (colon and not most.isdecimal()):
        raise UsageError(f"seeds are a number from 1 up, {AUTO} or {AUTO}:{MOST_OF_AUTO}, not '{text}'")
    count = int(most) if colon else MOST_OF_AUTO
    if not LEAST_MOST <= count <= MOST:
        raise UsageError(
            f"{AUTO} looks first after {LEAST_MOST - 1} seeds and adds more, up to {LEAST_MOST} to {MOST} of them, not "
            f"{count}; write {AUTO}:{MOST_OF_AUTO}, or a number alone"
        )
    looks = Looks.up_to(count).seeds
    return Seeds(tuple(range(looks[0])), looks)


def with_looks(request: Comparison, seeds: Seeds) -> Comparison:
    """Return `request` with the looks of `seeds`; arms that no seed changes run once. The same where there are none.

    Raises UsageError where there is a single arm, so that nothing is to be decided, and where an arm is made of the
    others' runs: a soup would be another one at every look.
    """
    if not seeds.looks:
        return request
    if len(request.arms) < 2:
        raise UsageError(
            f"{AUTO} adds seeds until it is decided which arm is better, and there is only one; name a number"
        )
    if request.ensemble or request.soups:
        made = "a soup" if request.soups else "an ensemble"
        raise UsageError(f"{made} is made of the runs of all arms, which {AUTO} may give other seeds; name a number")
    from sadari.comparison.best.candidates import draws  # with torch, which those who only read runs do not need

    arms = tuple(replace(arm, once=not draws(request.job(arm, 0))) for arm in request.arms)
    return replace(request, arms=arms, seeds=seeds.those, looks=seeds.looks)


def extent(request: Comparison) -> str:
    """Say how many runs a comparison with looks has, least and most."""
    least, most = runs_of(request, request.looks[0]), runs_of(request, request.looks[-1])
    after = listed(request.looks)
    if least == most:
        return "no seed changes any of these models, so each is trained once"
    return f"{least:,} runs at least, {most:,} at most: it looks after {after} seeds whether more are needed"


def runs_of(request: Comparison, seeds: int) -> int:
    """Return how many runs there are with so many seeds of each arm that varies."""
    return sum(1 if arm.once else seeds for arm in request.arms)


def listed(counts: Iterable[object]) -> str:
    """Return "3, 5 and 10"."""
    *first, last = map(str, counts)
    return f"{', '.join(first)} and {last}" if first else last
