"""What do several data sets show together? Verdicts on the mean difference over sets, and ranks; as JSON and frame."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sadari.comparison.arm_result import DONE
from sadari.comparison.correct import correctness
from sadari.comparison.latex.across import Pair, across_table
from sadari.comparison.result import ComparisonResult
from sadari.evaluation.arms.best import listed
from sadari.evaluation.arms.borrowing import chance_text, probability
from sadari.evaluation.draws.data_sets import OverSets, over_sets
from sadari.evaluation.draws.ranks import Ranks, rank
from sadari.evaluation.power import HALF_POINT
from sadari.evaluation.sentences import LEVEL, amount_text, p_text
from sadari.evaluation.statistics import Bools, Numbers, difference_error, holm

if TYPE_CHECKING:
    import pandas as pd

FEW = 5  # sets; with fewer, how differences vary over sets is hardly known (assumed: t of less than four is wide)


@dataclass(frozen=True)
class AcrossVerdict:
    """Arm `a` minus arm `b`, mean over sets like these, with its 95 % interval. p: corrected over all pairs (Holm).

    differences: on each set, by its name. between: standard deviation of the true differences over sets. next_better,
    next_by_more, next_worse_by_more: the probabilities that on the next such set a is better, better by more than
    `amount`, and worse by more than that. verdict: "better", "worse" or "no difference shown".
    """

    a: str
    b: str
    difference: float
    low: float
    high: float
    p: float
    between: float
    next_better: float
    next_by_more: float
    next_worse_by_more: float
    amount: float
    differences: Mapping[str, float]
    verdict: str
    sentence: str = ""

    @property
    def shown(self) -> bool:
        """Whether a difference is shown."""
        return self.verdict in ("better", "worse")


@dataclass(frozen=True, eq=False)
class AcrossResult:
    """The result of a comparison across data sets. results: of each set, by its name, in their order.

    arms: those that are done on every set, the best mean rank first; accuracies: by arm, one a set. left_out: why other
    arms are not compared across sets. verdicts: over all pairs. ranks: None for fewer than two arms.
    """

    out: Path
    results: Mapping[str, ComparisonResult]
    arms: tuple[str, ...]
    accuracies: Mapping[str, tuple[float, ...]]
    verdicts: tuple[AcrossVerdict, ...]
    ranks: Ranks | None
    left_out: tuple[str, ...] = ()

    @property
    def caution(self) -> str:
        """A sentence on what so few sets can show; "" where they are not few."""
        sets = len(self.results)
        if sets > FEW:
            return ""
        quantile = {2: "12.7", 3: "4.3", 4: "3.2", 5: "2.8"}[sets]
        return (
            f"{sets} data sets are few: an interval is {quantile} standard errors to each side, and holds for sets of "
            "which these are as good as drawn at random, no others."
        )

    @property
    def headline(self) -> str:
        """The one sentence of the first screen: the best arm by mean rank, and whether that is shown."""
        if len(self.arms) < 2:
            return "Fewer than two models are done on every data set, so there is nothing to compare across them."
        best = self.arms[0]
        about = [each for each in self.verdicts if best in (each.a, each.b)]
        beaten = [each.b if each.a == best else each.a for each in about if _wins(best, each)]
        where = f"across {len(self.results)} data sets"
        if len(beaten) == len(self.arms) - 1:
            return f"{best} is shown to be better than all others {where}."
        also = f"; it is shown to be better than {listed(beaten)}" if beaten else ""
        better = [each.a if each.b == best else each.b for each in about if each.shown and not _wins(best, each)]
        level = [name for name in self.arms[1:] if name not in (*beaten, *better)]
        assert self.ranks is not None
        first = [name for name in self.arms if self.ranks.mean[name] == self.ranks.mean[best]]
        said = f"{best} has" if len(first) == 1 else f"{listed(first)} share"
        but = [f"no difference of {best} from {listed(level)} is shown"] if level else []
        if better:  # ranks count every set alike, the mean difference those most that are surest
            are = "is" if len(better) == 1 else "are"
            but.insert(0, f"{listed(better)} {are} shown to be better in the mean difference")
        return f"{said} the best mean rank {where}, but {', and '.join(but)}{also}."

    def document(self, report: Path | None = None) -> dict[str, Any]:
        """Return the document of `compare --json`, stored as `comparison.json`."""
        return {
            "out": str(self.out),
            "report": str(report) if report is not None else None,
            "sets": [
                {
                    "name": name,
                    "data": each.data.name,
                    "out": str(each.out),
                    "judged_on": each.data.judged_on,
                    "images": dict(each.data.counts),
                    "arms": [arm.document() for arm in each.arms],
                    "verdicts": [asdict(verdict) for verdict in each.verdicts],
                }
                for name, each in self.results.items()
            ],
            "arms": [
                {
                    "name": name,
                    "mean_rank": self.ranks.mean[name] if self.ranks else None,
                    "mean_accuracy": sum(self.accuracies[name]) / len(self.results),
                    "accuracies": dict(zip(self.results, self.accuracies[name], strict=True)),
                }
                for name in self.arms
            ],
            "headline": self.headline,
            "verdicts": [asdict(each) for each in self.verdicts],
            "ranks": {**asdict(self.ranks), "apart": self.ranks.apart, "sentence": self.ranks.sentence}
            if self.ranks
            else None,
            "left_out": list(self.left_out),
            "caution": self.caution,
        }

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per arm, best first: name, mean_rank, accuracy (the mean), and that on each set."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "name": each["name"],
                    "mean_rank": each["mean_rank"],
                    "accuracy": each["mean_accuracy"],
                    **each["accuracies"],
                }
                for each in self.document()["arms"]
            ]
        )

    def to_latex(self, *, caption: str = "", label: str = "", siunitx: bool = False) -> str:
        """Return the table over all sets and that of the pairs as LaTeX, as `ComparisonResult.to_latex` does."""
        of_arms = {of: {arm.name: arm.accuracy for arm in each.arms} for of, each in self.results.items()}
        pairs = [
            Pair(each.a, each.b, each.difference, each.low, each.high, each.p, each.next_better)
            for each in self.verdicts
        ]
        means = {name: sum(self.accuracies[name]) / len(self.results) for name in self.arms}
        seeds = sorted({len(arm.seeds) for each in self.results.values() for arm in each.arms if arm.seeds})
        many = " to ".join(str(each) for each in dict.fromkeys((seeds[0], seeds[-1]))) if seeds else "0"
        judged = {each.data.judged_on for each in self.results.values()}
        sentences = (
            f"Means over {many} seed{'' if many == '1' else 's'}, judged by {' or '.join(sorted(judged))} images.",
            *filter(None, (self.caution, *self.left_out)),
        )
        return across_table(
            self.arms, means, of_arms, pairs, self.ranks, sentences, caption=caption, label=label, siunitx=siunitx
        )

    def __repr__(self) -> str:
        return f"<AcrossResult {', '.join(self.results)}: {', '.join(self.arms)}>"


def across(out: Path, results: Mapping[str, ComparisonResult], margin: float | None = None) -> AcrossResult:
    """Return what the results on several sets show together. margin: the amount of which probabilities speak."""
    done = {name: [arm.name for arm in each.arms if arm.status == DONE] for name, each in results.items()}
    every = dict.fromkeys(name for names in done.values() for name in names)
    shared = [name for name in every if all(name in names for names in done.values())]
    left_out = tuple(
        f"{name} is not done on {', '.join(of for of, names in done.items() if name not in names)}, so it is left out "
        "across sets."
        for name in dict.fromkeys(arm.name for each in results.values() for arm in each.arms)
        if name not in shared
    )
    correct = {of: {name: correctness(each.records[name]) for name in shared} for of, each in results.items()}
    means = {name: tuple(float(correct[of][name].mean()) for of in results) for name in shared}
    ranks = None
    if len(shared) > 1:
        ranks = rank([[means[name][place] for name in shared] for place in range(len(results))], shared)
        order = ranks.mean
        shared = sorted(shared, key=lambda name: (order[name], -sum(means[name])))
    groups = {of: each.data.groups_of(each.split) for of, each in results.items()}
    verdicts = _verdicts(shared, correct, groups, margin or HALF_POINT)
    return AcrossResult(out, results, tuple(shared), means, verdicts, ranks, left_out)


def _verdicts(
    names: Sequence[str],
    correct: Mapping[str, Mapping[str, Bools]],
    groups: Mapping[str, Numbers | None],
    amount: float,
) -> tuple[AcrossVerdict, ...]:
    pairs = list(combinations(names, 2))
    found = []
    for a, b in pairs:
        ahead = {of: float(each[a].mean() - each[b].mean()) for of, each in correct.items()}
        errors = [sqrt(difference_error(each[a], each[b], groups[of]).variance) for of, each in correct.items()]
        found.append((a, b, ahead, over_sets(list(ahead.values()), errors)))
    corrected = holm([over.p for *_, over in found])
    return tuple(_verdict(*each, p, amount) for each, p in zip(found, corrected, strict=True))


def _verdict(a: str, b: str, ahead: Mapping[str, float], over: OverSets, p: float, amount: float) -> AcrossVerdict:
    word = "no difference shown" if p >= LEVEL else "better" if over.mean > 0 else "worse"
    found = AcrossVerdict(
        a=a,
        b=b,
        difference=over.mean,
        low=over.low,
        high=over.high,
        p=p,
        between=over.between,
        next_better=over.next_above(0.0),
        next_by_more=over.next_above(amount),
        next_worse_by_more=1 - over.next_above(-amount),
        amount=amount,
        differences=ahead,
        verdict=word,
    )
    return replace(found, sentence=_sentence(found))


def _sentence(found: AcrossVerdict) -> str:
    a, b, sign = (found.b, found.a, -1) if found.verdict == "worse" else (found.a, found.b, 1)
    mean, low, high = (100 * sign * each for each in (found.difference, found.low, found.high))
    low, high = min(low, high), max(low, high)
    sets = len(found.differences)
    numbers = f"{low:z.1f} to {high:z.1f}; {p_text(found.p)}; {sets} data sets"
    better, more = (
        (found.next_better, found.next_by_more) if sign > 0 else (1 - found.next_better, found.next_worse_by_more)
    )
    amount = "half a point" if found.amount == HALF_POINT else amount_text(found.amount)
    chances = f"{probability(f'{a} better', better)}, by more than {amount} {chance_text(more)}"
    on_next = f"on the next such set {chances}"
    if found.verdict == "no difference shown":
        return f"{a} and {b}: no difference shown across sets ({mean:z.1f}, {numbers}); {on_next}."
    return f"{a} beats {b} by {mean:z.1f} points in the mean over sets like these ({numbers}); {on_next}."


def _wins(name: str, verdict: AcrossVerdict) -> bool:
    return verdict.verdict == ("better" if verdict.a == name else "worse")
