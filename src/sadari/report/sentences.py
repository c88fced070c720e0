"""What does the one sentence of the first screen say? As much as the verdicts show, and no more."""

from collections.abc import Iterator, Mapping, Sequence

from sadari.comparison.arm_result import DONE, ArmResult
from sadari.comparison.result import ComparisonResult
from sadari.evaluation.arms.best import listed
from sadari.evaluation.sentences import p_text
from sadari.values import Verdict

EQUAL = "equal within"  # how the verdict of arms that are shown to be equal begins


def verdict_sentence(result: ComparisonResult) -> str:
    """Say which arm is best and whether that is shown, in one sentence; a second one names the arms that failed."""
    done = [arm for arm in result.arms if arm.status == DONE and arm.accuracy is not None]
    failed = [arm for arm in result.arms if arm.status != DONE]
    if not done:
        return f"No model is done, so there is nothing to compare: {_all_failed(failed)}."
    sentence = _alone(result, done[0]) if len(done) == 1 else _among(result, done)
    return " ".join(filter(None, (sentence, result.contest, _failed(failed))))


def _alone(result: ComparisonResult, arm: ArmResult) -> str:
    assert arm.accuracy is not None
    seeds, between = len(arm.seeds), ""
    basis = f"{seeds} seeds that answer alike" if arm.alike and seeds > 1 else f"{seeds} seeds"
    basis = f"{result.redraw.basis if result.redraw else basis}; {result.estimand}"
    if arm.accuracy.exists:
        low, high = arm.accuracy.low, arm.accuracy.high
        known = f"95 % interval {100 * low:.1f} to {100 * high:.1f} %"
        between = f"{'any accuracy is possible' if arm.accuracy.span == 'unknown' else known}; "
    return f"{arm.name} gets {_right(result, arm)} right ({between}{'one trained network' if seeds == 1 else basis})."


def _among(result: ComparisonResult, done: Sequence[ArmResult]) -> str:
    best = done[0]
    if result.data.judged_on == "train":
        return f"{best.name} has the highest accuracy, {_right(result, best)} right, which says nothing about others."
    about = _against(best.name, result.verdicts)
    beaten = [arm for arm in done[1:] if _beats(best.name, about[arm.name])]
    same = [arm for arm in done[1:] if about[arm.name].verdict.startswith(EQUAL) and about[arm.name].difference]
    better = [arm for arm in done[1:] if _beats(arm.name, about[arm.name])]  # decided after fewer seeds than best has
    level = [arm for arm in done[1:] if arm not in (*beaten, *same, *better)]
    one_seed = _one_seed_only(done) or f" ({result.estimand})"
    if not level and not same and not better:
        shown = "is shown to be the better of the two" if len(done) == 2 else f"is shown to be the best of {len(done)}"
        return (
            f"{best.name} {shown}: {_right(result, best)} right, {_lead(best.name, about[done[1].name])} than "
            f"{done[1].name}{'' if len(done) == 2 else ', the next one'}{one_seed}."
        )
    equal = [arm for arm in level if arm.accuracy == best.accuracy or about[arm.name].difference == 0]
    if equal:
        first = f"{listed([best.name, *(arm.name for arm in equal)])} share the highest accuracy"
        rest = [arm for arm in level if arm not in equal]
        doubt = f"; no difference from {listed([arm.name for arm in rest])} is shown" if rest else ""
    else:
        first = f"{best.name} has the highest accuracy"
        doubt = f", but no difference from {listed([arm.name for arm in level])} is shown" if level else ""
    if same:
        doubt = f", {about[same[0].name].verdict} with {listed([arm.name for arm in same])}{doubt}"
    if better:
        are = "is" if len(better) == 1 else "are"
        doubt = f", but {listed([arm.name for arm in better])} {are} shown to beat it with fewer of its seeds" + (
            doubt.replace(", but ", ", and ", 1)
        )
    also = f"; {best.name} beats {listed([arm.name for arm in beaten])}" if beaten else ""
    return f"{first}, {_right(result, best)} right{doubt}{also}{one_seed}."


def _against(name: str, verdicts: Sequence[Verdict]) -> Mapping[str, Verdict]:
    """Return the verdicts about `name`, by the other arm."""
    return {(each.b if each.a == name else each.a): each for each in verdicts if name in (each.a, each.b)}


def _beats(name: str, verdict: Verdict) -> bool:
    return verdict.verdict == ("better" if verdict.a == name else "worse")


def shown_wins(verdicts: Sequence[Verdict]) -> Iterator[tuple[str, str]]:
    """Yield the (winner, loser) pairs of which it is shown, corrected for all pairs, that the first is better."""
    for each in verdicts:
        for winner, loser in ((each.a, each.b), (each.b, each.a)):
            if _beats(winner, each):
                yield winner, loser


def _lead(name: str, verdict: Verdict) -> str:
    points = [100 * each for each in (verdict.difference, verdict.low, verdict.high)]
    if verdict.b == name:
        points = [-points[0], -points[2], -points[1]]
    return f"{points[0]:z.1f} points more ({points[1]:z.1f} to {points[2]:z.1f}; {p_text(verdict.p)})"


def _right(result: ComparisonResult, arm: ArmResult) -> str:
    assert arm.accuracy is not None
    split = result.data.judged_on
    if result.redraw:
        drawn = f"{split} images of {result.redraw.basis}"
        which = f"{result.data.counts[split]:,} images" if result.redraw.folds else drawn
        return f"{100 * arm.accuracy.mean:.1f} % of the {which}"
    return f"{100 * arm.accuracy.mean:.1f} % of the {result.data.judges}"


def _one_seed_only(done: Sequence[ArmResult]) -> str:
    """Say that with one seed the statement is about the trained networks, not about the models."""
    single = [arm.name for arm in done if len(arm.seeds) == 1 and not arm.alike]
    if len(single) == len(done):
        return "; one seed each, so this is about these trained networks only"
    return f"; {listed(single)} with one seed, so as one trained network" if single else ""


def _failed(failed: Sequence[ArmResult]) -> str:
    if not failed:
        return ""
    return f"{listed([arm.name for arm in failed])} failed and {'is' if len(failed) == 1 else 'are'} not compared."


def _all_failed(failed: Sequence[ArmResult]) -> str:
    return f"{listed([arm.name for arm in failed])} failed" if failed else "none was requested"


def conclusions(result: ComparisonResult, caution: str) -> tuple[str, ...]:
    """Say what the headline leaves open: how the best arm learned, whether its probabilities are wrong, which arm
    validation chooses, what an ensemble averages, which looks there were and where seeds collapsed.

    caution: that of the best arm. The verdicts themselves are in the headline and in the table of pairs.
    """
    best = result.best
    if best is None:
        return ()
    learned = " ".join(best.diagnosis.sentences) if best.diagnosis else ""
    mixtures = (arm.mixture for arm in result.arms)
    return tuple(
        filter(
            None, (learned, caution, result.choice, result.flattery, result.borrowed, *mixtures, *result.about_seeds)
        )
    )
