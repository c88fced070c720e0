"""How are seeds added until every pair is decided? Look after look; the same again where it was interrupted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sadari.comparison.correct import correctness
from sadari.comparison.request import Comparison
from sadari.comparison.seeds.chosen import listed
from sadari.comparison.seeds.looked import Looked, looked_at, with_judged
from sadari.comparison.seeds.networks import are_one_network
from sadari.evaluation.statistics import Bools, Numbers
from sadari.progress import Progress
from sadari.run import RunRecord
from sadari.values import Verdict

Records = dict[str, list[RunRecord]]
Reasons = dict[str, list[str]]
Made = tuple[Records, Reasons]  # of each arm, in the order of the seeds
Make = Callable[[Comparison], Made]  # trains what is missing of a request, and stores the request
MOST_NAMED = 4  # pairs that a sentence names (assumed)


def until_decided(
    request: Comparison, make: Make, margin: float | None, progress: Progress, groups: Numbers | None = None
) -> tuple[Comparison, Records, Reasons]:
    """Train seeds until a look finds every pair decided, or until there are no more looks.

    Returns the request with the seeds that it came to, the finished runs, and the reasons of those that failed. An arm
    whose pairs are all decided, or that failed, gets no more seeds. Runs that are finished are taken as they are, so
    that a look that was there before finds the same again. groups: of the images that judge.
    """
    stopped: dict[str, int] = {}
    for number, count in enumerate(request.looks):
        request = replace(request, seeds=request.all_seeds[:count], stopped=dict(stopped))
        records, reasons = make(request)
        request = with_judged(request)
        looked = looked_at(request, *done_of(request, records, reasons), margin, groups)
        more = request.looks[number + 1] if number + 1 < len(request.looks) else 0
        waiting = {name for pair in looked.last.open for name in pair} - looked.alike
        for sentence in _said(request, looked, number, waiting, more):
            progress.say(sentence)
        if not waiting:
            break
        stopped |= {arm.name: count for arm in request.arms if arm.name not in waiting | set(stopped)}
    return request, records, reasons


def done_of(
    request: Comparison, records: Mapping[str, Sequence[RunRecord]], reasons: Mapping[str, Sequence[str]]
) -> tuple[dict[str, Bools], frozenset[str]]:
    """Return the correctness of the arms of which no run failed, and the names of those whose seeds are one network."""
    done = {arm.name: records[arm.name] for arm in request.arms if records[arm.name] and not reasons[arm.name]}
    alike = frozenset(name for name, runs in done.items() if are_one_network(runs))
    return {name: correctness(runs) for name, runs in done.items()}, alike


def _said(request: Comparison, looked: Looked, number: int, waiting: set[str], more: int) -> list[str]:
    """Say what a look found: what is decided since the one before, what is not, and who gets more seeds."""
    last, before = looked.last, looked.steps[-2].decided if len(looked.steps) > 1 else frozenset()
    new = [each for each in last.verdicts if (each.a, each.b) in last.decided - before]
    if not last.verdicts:  # fewer than two arms are done
        return []
    count = request.looks[number]
    head = f"look {number + 1} of {len(request.looks)}, after {count} seeds"
    pairs = len(last.verdicts)
    found = f"{len(last.decided)} of {pairs} pair{'s' if pairs > 1 else ''} decided"
    lines = [f"{head}: {found}{_named(' - ', [_short(each) for each in new])}"]
    if not last.open:
        return lines
    left = _named("", [f"{a} and {b}" for a, b in last.open])
    if not waiting or not more:
        return [*lines, f"not decided: {left}"]
    go = "goes" if len(waiting) == 1 else "go"
    return [*lines, f"not decided: {left}; {listed(sorted(waiting))} {go} on to {more} seeds"]


def _named(before: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    rest = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{before}{', '.join(names[:MOST_NAMED])}{rest}"


def _short(found: Verdict) -> str:
    if found.verdict in ("better", "worse"):
        winner, loser = (found.a, found.b) if found.verdict == "better" else (found.b, found.a)
        return f"{winner} beats {loser}"
    if found.verdict.startswith("equal"):
        return f"{found.a} and {found.b} are {found.verdict}"
    return f"{found.a} and {found.b}: no seed changes that no difference is shown"
