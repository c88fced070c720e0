"""How do the findings behind a claim read? One sentence with every number that decides it."""

from collections.abc import Sequence

from sadari.comparison.claims.claim import ARMS, Extremum, Reaches, is_share, words_of
from sadari.comparison.claims.verdict import Finding
from sadari.evaluation.sentences import EVERY, SUCH_SETS, THIS_SET, p_text
from sadari.values import NOTHING_KNOWN

LOST = ("gap", "drop")  # their differences are given in points, hundredths of accuracy, as those of shares
ANYTHING = "any other is possible"  # in place of an interval
MOST_RIVALS = 6  # of an argmax; the others are counted


def relation_sentence(findings: Sequence[Finding]) -> str:
    """Write the estimate and its answer to each question; `findings`, at least one, are about the same estimate."""
    first = findings[0]
    minus = f" minus that of {first.b}" if first.b else ""
    answers = "; ".join(map(_answer, findings))
    return f"{words_of(first.figure)} of {first.a}{minus}: {_estimate(first)}; {answers}; {_seeds(first)}."


def reaches_sentence(test: Reaches, finding: Finding, detail: str) -> str:
    """Write the best validation accuracy of the first epochs, and how many seeds reach the claimed level."""
    subject = f"best validation accuracy of {finding.a} within {test.epochs} epochs"
    return f"{subject}: {_estimate(finding)}; {_answer(finding)}; {detail}."


def extremum_sentence(test: Extremum, findings: Sequence[Finding]) -> str:
    """Write what the claimed value gains over every other one, starting with those that contradict the claim."""
    names = {arm: value for value, arm in test.arms.items()}
    at = "of" if test.key == ARMS else "at"
    sign = 1 if test.highest else -1
    ordered = sorted(findings, key=lambda each: sign * each.value)
    rivals = [f"{at} {names[each.b]}: {_estimate(each)}, {p_text(each.p)}" for each in ordered[:MOST_RIVALS]]
    more = len(ordered) - MOST_RIVALS
    rest = f"; and {more} more" if more > 0 else ""
    key = "" if test.key == ARMS else f"{test.key} "
    others = "; ".join(rivals)
    return f"{words_of(test.figure)} {at} {key}{test.value} minus that {others}{rest}; {_seeds(ordered[0])}."


def _estimate(finding: Finding) -> str:
    if finding.b and _is_share(finding):
        value, low, high = (f"{100 * each:+z.1f}" for each in (finding.value, finding.low, finding.high))
        return f"{value} points ({ANYTHING if _excludes_nothing(finding) else f'{low} to {high}'})"
    style = "+.3g" if finding.b else ".4f" if _is_share(finding) else ".4g"
    between = f"{finding.low:{style}} to {finding.high:{style}}"
    return f"{finding.value:{style}} ({ANYTHING if _excludes_nothing(finding) else between})"


def _excludes_nothing(finding: Finding) -> bool:
    """Return whether the interval holds nearly every value that the figure, or the difference, can have."""
    if finding.b or finding.figure in LOST:
        return _is_share(finding) and finding.low <= -EVERY and finding.high >= EVERY
    return _is_share(finding) and finding.low < NOTHING_KNOWN and finding.high > 1 - NOTHING_KNOWN


def _answer(finding: Finding) -> str:
    """Write the p of a question, and the question where it is not whether there is any difference."""
    bound = "" if finding.b and not finding.bound else _amount(finding, finding.bound)
    if finding.margin is None:
        return p_text(finding.p) + (f" against {bound}" if bound else "")
    word = "equal within" if abs(finding.value - finding.bound) < finding.margin else "further apart than"
    around = f" of {bound}" if bound else ""
    return f"{word} {_amount(finding, finding.margin)}{around}: {p_text(finding.p)}"


def _amount(finding: Finding, number: float) -> str:
    if finding.b and _is_share(finding):
        return f"{100 * number:g} points"
    return f"{number:g}"


def _is_share(finding: Finding) -> bool:
    figure = finding.figure.split()[0]
    return figure in LOST or is_share(figure)


def _seeds(finding: Finding) -> str:
    if finding.basis:
        return f"{finding.basis}; {SUCH_SETS}"
    seeds, of = f"{finding.seeds} seeds", f"; {THIS_SET}"
    if finding.seeds == 1 and finding.alike:
        seeds = f"one network{' each' if finding.b else ''}, which no seed changes"
    elif finding.seeds == 1:
        of = ""
        seeds = f"of {'these trained networks' if finding.b else 'this trained network'} only, one seed"
    elif finding.alike:
        seeds += " that answer alike"
    return f"{seeds}{of}; {finding.wanting}" if finding.wanting else f"{seeds}{of}"
