"""What do operating points and costs of a run read like? Sentences, a document for JSON, and a frame."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sadari.evaluation.operating.costs import Decided
from sadari.evaluation.operating.curves import NEVER, ClassAreas
from sadari.evaluation.operating.points import FIGURES, SURE, OperatingPoint, Rate
from sadari.values import Interval

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class OperatingResult:
    """Thresholds chosen on the validation images of a run, and costs, judged on other images.

    data: which images judge; images: how many, in how many groups (0 without); val_images: on how many the thresholds
    were chosen. areas: those under the curves of each class. notes: what a reader should know.
    """

    run: str
    data: str
    images: int
    groups: int
    val_images: int
    areas: tuple[ClassAreas, ...]
    points: tuple[OperatingPoint, ...] = ()
    costs: tuple[Decided, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """Return a sentence for each point: what was wanted, what validation had, and what the other images say."""
        return tuple(map(sentence_of, self.points))

    def document(self) -> dict[str, Any]:
        """Return everything for JSON: numbers, texts, lists and tables."""
        return {
            "run": self.run,
            "data": self.data,
            "images": self.images,
            "groups": self.groups or None,
            "val_images": self.val_images,
            "areas": areas_document(self.areas),
            "points": [_point_document(each) for each in self.points],
            "costs": [_cost_document(each) for each in self.costs],
            "notes": list(self.notes),
        }

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per point: class, wanted, threshold, and each figure with its interval on the other images."""
        import pandas as pd

        rows = []
        for each in self.points:
            row: dict[str, Any] = {"class": each.name, "wanted": str(each.wanted), "threshold": each.threshold}
            row["val"] = None if each.val is None else each.val.rate(each.wanted.figure).value
            for figure in FIGURES:
                rate = None if each.test is None else each.test.rate(figure)
                row[figure] = None if rate is None else rate.value
                for end in ("low", "high"):
                    there = rate is not None and rate.interval is not None
                    row[f"{figure}_{end}"] = getattr(rate.interval, end) if rate is not None and there else None
            rows.append(row)
        return pd.DataFrame(rows)


def sentence_of(point: OperatingPoint) -> str:
    """Return what became of what was wanted, in one sentence."""
    if point.val is None or point.test is None or point.threshold is None:
        return point.reason
    figure, value = point.wanted.figure, point.wanted.value
    seen, rate = point.val.rate(figure), point.test.rate(figure)
    how = f" with {100 * SURE:.0f} % certainty" if point.sure else ""
    chosen = (
        f"{point.name}: {figure} {value:g} wanted{how}, on validation {share_text(seen)}"
        f" at the threshold {point.threshold:.4g}"
    )
    if rate.interval is None:
        nothing = "no image reaches it" if figure == "precision" else "no image can show it"
        return f"{chosen}; on test {nothing}"
    low, high = rate.interval.low, rate.interval.high
    return f"{chosen}; on test {rate.value:.3f} ({low:.3f} to {high:.3f}): {verdict_of(point)}"


def verdict_of(point: OperatingPoint) -> str:
    """Return whether what was wanted is reached on the images that judge: "reached", "missed" or "not decided".

    "" where there is no threshold. Decided by the interval, as far as it excludes what was wanted, or holds no less.
    """
    if point.test is None:
        return ""
    interval = point.test.rate(point.wanted.figure).interval
    if interval is None:
        return "not decided"
    if interval.high < point.wanted.value:
        return "missed"
    return "reached" if interval.low >= point.wanted.value else "not decided"


def share_text(rate: Rate) -> str:
    """Return a share with its counts, such as "0.953 (61 of 64)"."""
    return "-" if rate.value is None else f"{rate.value:.3f} ({rate.right:,} of {rate.of:,})"


def areas_document(areas: Sequence[ClassAreas]) -> list[dict[str, Any]]:
    """Return the areas of each class for JSON."""
    return [
        {
            "class": each.name,
            "images": each.images,
            "auc": _interval_document(each.auc),
            "average_precision": _interval_document(each.average_precision),
        }
        for each in areas
    ]


def _interval_document(interval: Interval) -> dict[str, float]:
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}


def _point_document(point: OperatingPoint) -> dict[str, Any]:
    return {
        "class": point.name,
        "figure": point.wanted.figure,
        "wanted": point.wanted.value,
        "sure": point.sure,
        "threshold": point.threshold,
        "val": _rates(point, "val"),
        "test": _rates(point, "test"),
        "verdict": verdict_of(point),
        "sentence": sentence_of(point),
    }


def _rates(point: OperatingPoint, split: str) -> Mapping[str, Any] | None:
    at = getattr(point, split)
    if at is None:
        return None
    found: dict[str, Any] = {}
    for figure in FIGURES:
        rate = at.rate(figure)
        found[figure] = {"value": rate.value, "right": rate.right, "of": rate.of}
        if split == "test":
            ends = (None, None) if rate.interval is None else (rate.interval.low, rate.interval.high)
            found[figure] |= dict(zip(("low", "high"), ends, strict=True))
    return found


def _cost_document(row: Decided) -> dict[str, Any]:
    saved = row.saved
    return {
        "by": row.by,
        "cost": _interval_document(row.cost),
        "otherwise": row.otherwise,
        "saved": None
        if saved is None
        else {"mean": saved.difference, "low": saved.low, "high": saved.high, "p": saved.p},
        "threshold": row.threshold if row.threshold != NEVER else None,  # JSON has no infinity
    }
