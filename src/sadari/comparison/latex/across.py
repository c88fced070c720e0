"""How does a comparison across data sets read in a paper? Accuracies by set with mean ranks, and the verdicts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sadari.comparison.latex.text import NONE, Column, Table, document, ends, escaped, figure, label_of, p_cell, percent
from sadari.evaluation.draws.ranks import Ranks
from sadari.values import Interval


@dataclass(frozen=True)
class Pair:
    """The verdict on two arms across sets: their mean difference with its interval and p, and the next set's chance."""

    a: str
    b: str
    difference: float
    low: float
    high: float
    p: float
    next_better: float


def across_table(
    arms: Sequence[str],
    means: Mapping[str, float],
    on_sets: Mapping[str, Mapping[str, Interval | None]],
    pairs: Sequence[Pair],
    ranks: Ranks | None,
    sentences: Sequence[str],
    *,
    caption: str = "",
    label: str = "",
    siunitx: bool = False,
) -> str:
    """Return two rows an arm, rank, mean and accuracies with their intervals below, and a table of the pairs, as LaTeX.

    on_sets: accuracy by set and arm. sentences: what the caption has to say besides, such as how few the sets are.
    """
    label = label or label_of("-".join(on_sets))
    columns = [
        Column("Model", _doubled(escaped(name) for name in arms), left=True),
        Column("Mean rank", _doubled(figure(ranks.mean[name] if ranks else None, ".2f") for name in arms)),
        Column("Mean", _doubled(figure(means[name]) for name in arms)),
        *(
            Column(escaped(name), [cell for arm in arms for cell in _cells(found.get(arm))])
            for name, found in on_sets.items()
        ),
    ]
    said = [caption or percent(f"Accuracy on {len(on_sets)} data sets, with intervals of 95 %.")]
    said += [percent(ranks.sentence)] if ranks else []
    said += map(percent, sentences)
    tables = [Table(columns, " ".join(said), label)]
    if pairs:
        tables.append(_verdicts(pairs, len(on_sets), label))
    return document(tables, siunitx)


def _doubled(cells: Iterable[str]) -> list[str]:
    """Return the cells with an empty one below each, where the intervals stand."""
    return [each for cell in cells for each in (cell, "")]


def _cells(found: Interval | None) -> tuple[str, str]:
    """Return an accuracy, and its interval for the line below."""
    if found is None:
        return NONE, ""
    return figure(found.mean), f"\\scriptsize {ends(found.low, found.high)}" if found.exists else ""


def _verdicts(pairs: Sequence[Pair], sets: int, label: str) -> Table:
    columns = [
        Column("Pair", [f"{escaped(each.a)} over {escaped(each.b)}" for each in pairs], left=True),
        Column("Points", [figure(100 * each.difference, "z.1f") for each in pairs]),
        Column("95\\,\\% interval", [ends(100 * each.low, 100 * each.high, "z.1f") for each in pairs]),
        Column("$p$", [p_cell(each.p) for each in pairs], (1, 3)),
        Column("Better on the next set", [figure(each.next_better, ".2f") for each in pairs], (1, 2)),
    ]
    corrected = f", p corrected for {len(pairs)} pairs by Holm's method" if len(pairs) > 1 else ""
    caption = f"Mean differences of accuracy over sets like these {sets}, which count as drawn at random{corrected}."
    return Table(columns, percent(caption), f"{label}-pairs")
