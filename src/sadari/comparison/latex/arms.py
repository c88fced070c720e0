"""How does a comparison read in a paper? A row an arm with intervals and its distance to the best, and the claims."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sadari.comparison.analysis.data_facts import DataFacts
from sadari.comparison.arm_result import DONE, ArmResult
from sadari.comparison.claims.verdict import ClaimVerdict
from sadari.comparison.latex.text import NONE, Column, Table, document, ends, escaped, figure, label_of, p_cell, percent
from sadari.comparison.splits.redraw import Redraw
from sadari.errors import UsageError
from sadari.evaluation.metrics import METRICS
from sadari.values import Verdict

SHORT = {"auc": "AUC", "macro_f1": "Macro F1", "loss": "Log loss"}


@dataclass(frozen=True)
class Protocol:
    """What a table of arms is about, and how its figures came about.

    estimand: what they speak of. about_seeds: sentences on looks and collapsed seeds. command: makes it again.
    """

    data: DataFacts
    title: str
    estimand: str
    redraw: Redraw | None = None
    about_seeds: Sequence[str] = ()
    command: str = ""


def arms_table(
    protocol: Protocol,
    arms: Sequence[ArmResult],
    verdicts: Sequence[Verdict],
    claims: Sequence[ClaimVerdict] = (),
    *,
    figures: Sequence[str] = (),
    caption: str = "",
    label: str = "",
    siunitx: bool = False,
) -> str:
    """Return the table of `arms`, best first, and one of the claims where there are any, as LaTeX.

    figures: metrics that have a column too, with their intervals, such as "macro_f1". caption: LaTeX before the
    sentences on the protocol. Raises UsageError for an unknown metric.
    """
    for name in figures:
        if name not in METRICS:
            raise UsageError(f"unknown figure '{name}' for the table; there are: {', '.join(METRICS.names())}")
    done = [arm for arm in arms if arm.accuracy is not None]
    best = done[0].name if done else ""
    against = {(each.b if each.a == best else each.a): each for each in verdicts if best in (each.a, each.b)}
    level = {arm.name for arm in done if arm.name == best or not _beaten(best, against.get(arm.name))}
    marked = level if against and len(level) < len(done) else set()
    columns = [
        Column("Model", [_name(arm, marked) for arm in arms], left=True),
        Column("Accuracy", [figure(arm.accuracy.mean if arm.accuracy else None) for arm in arms], (1, 3)),
        Column("95\\,\\% interval", [_interval(arm) for arm in arms]),
        *_lettered(arms),
        *_distances(arms, against),
        *(column for name in figures for column in _metric(name, arms)),
        *_published(arms),
        Column("Parameters", [figure(arm.params, ",") for arm in arms]),
        Column("Training (s)", [figure(arm.seconds, ".1f") for arm in arms]),
    ]
    said = [caption or percent(_subject(protocol)), *map(percent, _protocol(protocol, arms, verdicts))]
    if marked:
        said.append("Bold: the best, and what is not shown to be worse.")
    said += [percent(f"{arm.name} {arm.status}: {arm.reason}.") for arm in arms if arm.status != DONE]
    label = label or label_of(protocol.title or protocol.data.name)
    notes = [protocol.command] if protocol.command and "\n" not in protocol.command else []  # not a whole study file
    tables = [Table(columns, " ".join(said), label, notes), *_claims(claims, label)]
    return document(tables, siunitx)


def _name(arm: ArmResult, marked: set[str]) -> str:
    return f"\\textbf{{{escaped(arm.name)}}}" if arm.name in marked else escaped(arm.name)


def _interval(arm: ArmResult) -> str:
    found = arm.accuracy
    if found is None or not found.exists:
        return NONE
    return "unknown" if found.span == "unknown" else ends(found.low, found.high)


def _beaten(best: str, verdict: Verdict | None) -> bool:
    return verdict is not None and verdict.verdict == ("better" if verdict.a == best else "worse")


def _lettered(arms: Sequence[ArmResult]) -> list[Column]:
    return [Column("Letters", [arm.letters or NONE for arm in arms])] if any(arm.letters for arm in arms) else []


def _distances(arms: Sequence[ArmResult], against: Mapping[str, Verdict]) -> list[Column]:
    """Return how many points each arm is from the best one, with interval and p; nothing where no pair is judged."""
    if not against:
        return []
    cells: list[str] = []
    probabilities: list[str] = []
    for arm in arms:
        verdict = against.get(arm.name)
        if verdict is None:
            cells.append(NONE)
            probabilities.append(NONE)
            continue
        sign = 1 if verdict.a == arm.name else -1
        low, high = sorted(100 * sign * each for each in (verdict.low, verdict.high))
        cells.append(f"{figure(100 * sign * verdict.difference, 'z.1f')} {ends(low, high, 'z.1f')}")
        probabilities.append(p_cell(verdict.p))
    return [Column("To the best (points)", cells), Column("$p$", probabilities, (1, 3))]


def _metric(name: str, arms: Sequence[ArmResult]) -> list[Column]:
    heading = SHORT.get(name, escaped(name.replace("_", " ").capitalize()))
    values = [figure(arm.scores.get(name)) for arm in arms]
    found = [arm.intervals.get(name) for arm in arms]
    between = [NONE if each is None or not each.exists else ends(each.low, each.high) for each in found]
    return [Column(heading, values, (1, 3)), Column("95\\,\\% interval", between)]


def _published(arms: Sequence[ArmResult]) -> list[Column]:
    if not any("accuracy" in arm.published for arm in arms):
        return []
    return [Column("Published", [figure(arm.published.get("accuracy"), ".4f") for arm in arms], (1, 4))]


def _subject(protocol: Protocol) -> str:
    data = protocol.data
    what = f"Accuracy on the {data.judges} of {data.name}"
    if protocol.redraw:
        what = f"Accuracy on {data.name}, {data.judged_on} images of {protocol.redraw.basis}"
    return (
        f"{protocol.title + ': ' if protocol.title else ''}{what} ({len(data.classes)} classes, {data.pixels} pixels)."
    )


def _protocol(protocol: Protocol, arms: Sequence[ArmResult], verdicts: Sequence[Verdict]) -> list[str]:
    """Return the sentences on how the figures came about: split, seeds, intervals, and the correction of p."""
    data = protocol.data
    counts = ", ".join(f"{count:,} {split}" for split, count in data.counts.items() if count)
    said = [f"Images: {counts}; {data.origin}."]
    seeds = sorted({len(arm.seeds) for arm in arms if arm.seeds})
    if seeds:
        number = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
        drawn = f"{protocol.redraw.basis}" if protocol.redraw else f"{number} seed{'' if seeds == [1] else 's'}"
        said.append(f"Means over {drawn}; what is said is of {protocol.estimand}.")
    if data.judged_on == "train":
        return [*said, "Training images judge, which says nothing about others: there is no interval and no test."]
    said.append(f"Intervals of 95 % count {_counted(protocol, arms)}.")
    if len(verdicts) > 1:
        said.append(f"p is corrected for {len(verdicts)} pairs by Holm's method; each interval is that of its pair.")
    return [*said, *protocol.about_seeds]


def _counted(protocol: Protocol, arms: Sequence[ArmResult]) -> str:
    if protocol.redraw:
        return f"the draw of the {protocol.redraw.kind}"
    drawn = "groups of images" if protocol.data.groups else "images"
    varying = any(len(arm.seeds) > 1 and not arm.alike for arm in arms)
    return f"seeds and {drawn}" if varying else drawn


def _claims(claims: Sequence[ClaimVerdict], label: str) -> list[Table]:
    if not claims:
        return []
    columns = [
        Column("Claim", [escaped(each.words or each.claim) for each in claims], left=True),
        Column("Tested as", [f"\\texttt{{{escaped(each.claim)}}}" for each in claims], left=True),
        Column("Verdict", [escaped(each.verdict) for each in claims], left=True),
    ]
    caption = percent("Claims, tested at 5 %, p corrected over all of them by Holm's method.")
    return [Table(columns, caption, f"{label}-claims", [each.sentence for each in claims])]
