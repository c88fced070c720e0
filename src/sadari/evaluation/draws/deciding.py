"""Which pairs of arms are decided at a look, and which wait for more seeds? What is decided stays decided."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from sadari.evaluation.draws.looks import Looks
from sadari.evaluation.sentences import LEVEL
from sadari.evaluation.statistics import AtLook, Bools, Numbers, looked_verdicts
from sadari.values import Verdict

Pair = tuple[str, str]


@dataclass(frozen=True)
class Deciding:
    """The pairs of a comparison after some of its looks.

    verdicts: of all pairs, in the order of the arms; one that is decided is as it was then. seeds: of each pair, after
    which it was decided, or those of the last look. decided: those that no more seeds are trained for: a difference or
    equality is shown, or no seed changes any of both.
    """

    verdicts: tuple[Verdict, ...] = ()
    seeds: Mapping[Pair, int] = field(default_factory=dict)
    decided: frozenset[Pair] = frozenset()

    @property
    def open(self) -> tuple[Pair, ...]:
        """Return the pairs that are not decided, in the order of the verdicts."""
        return tuple((each.a, each.b) for each in self.verdicts if (each.a, each.b) not in self.decided)


def decide(
    arms: Sequence[tuple[str, Bools]],
    looks: Looks,
    margin: float | None = None,
    alike: Collection[str] = (),
    groups: Numbers | None = None,
) -> list[Deciding]:
    """Return what was decided after each look for which the arms have the seeds, at least the first one.

    arms: name and correctness of all seeds that were trained, bool (S, N). Those of an arm in `alike` are one network,
    however many there are. At each look the p of all pairs are corrected together by Holm's method (1979), those of
    the decided pairs as they were when they were decided. A pair is decided where its corrected p is below LEVEL, or
    with a margin that of its equality. groups: of the images. Raises ValueError for an arm with fewer seeds than a look
    that it takes part in.
    """
    of_arm = dict(arms)
    pairs = list(combinations(of_arm, 2))
    seeds: dict[Pair, int] = {}
    steps = [Deciding()]
    for count in looks.seeds:
        waiting = [pair for pair in pairs if pair not in steps[-1].decided]
        if not all(_has(of_arm, name, count, alike) for pair in waiting for name in pair):
            break
        seeds |= dict.fromkeys(waiting, count)
        found = looked_verdicts([_looked(of_arm, pair, looks, seeds[pair]) for pair in pairs], margin, alike, groups)
        done = {pair for pair, each in zip(pairs, found, strict=True) if _is_decided(each)}
        done |= {pair for pair in pairs if set(pair) <= set(alike)}
        steps.append(Deciding(tuple(found), dict(seeds), steps[-1].decided | done))
        if len(steps[-1].decided) == len(pairs):
            break
    if len(steps) == 1:
        raise ValueError(f"needs {looks.seeds[0]} seeds of each arm at least")
    return steps[1:]


def _has(of_arm: Mapping[str, Bools], name: str, count: int, alike: Collection[str]) -> bool:
    return name in alike or len(of_arm[name]) >= count


def _looked(of_arm: Mapping[str, Bools], pair: Pair, looks: Looks, count: int) -> AtLook:
    a, b = ((name, of_arm[name][:count]) for name in pair)
    return AtLook(a, b, looks.after(count))


def _is_decided(found: Verdict) -> bool:
    return found.p < LEVEL or (found.equal_p is not None and found.equal_p < LEVEL)
