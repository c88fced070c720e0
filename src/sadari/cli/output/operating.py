"""How do operating points and costs read on a terminal? The options that ask for them, and a table of each."""

import math
from typing import TYPE_CHECKING, Annotated

import typer

from sadari.cli.output.console import new_table, show
from sadari.errors import UsageError
from sadari.progress import Progress

if TYPE_CHECKING:
    from sadari.evaluation.operating.costs import Decided
    from sadari.evaluation.operating.points import Rate
    from sadari.evaluation.operating.result import OperatingResult
    from sadari.inference.evaluate import Evaluation
    from sadari.run import RunRecord
    from sadari.values import Interval

Operating = Annotated[
    list[str] | None,
    typer.Option(
        "--operating",
        metavar="[CLASS:]FIGURE>=VALUE",
        help="Choose a threshold on validation, judge it on test: precision, recall or specificity; again for more.",
        show_default=False,
    ),
]
Sure = Annotated[
    bool, typer.Option("--sure", help="Choose so that --operating is reached with 95 % certainty, at a price.")
]
CostsOption = Annotated[
    str | None,
    typer.Option(
        "--costs",
        metavar="FILE.csv|TRUE->SAID=COST,...",
        help="Decide for the least expected cost: what each wrong class costs.",
        show_default=False,
    ),
]
AREAS = 20  # classes whose areas are printed, those of the lowest average precision; --json has all


def require_test(operating: list[str] | None, costs: str | None, sure: bool, split: str) -> None:
    """Raise UsageError where --operating, --sure and --costs contradict each other or `split`."""
    if sure and not operating:
        raise UsageError("--sure says how --operating is chosen; name an operating point, such as precision>=0.95")
    if (operating or costs is not None) and split != "test":
        raise UsageError(f"operating points are chosen on validation and judged on test images, not on --split {split}")


def operate_on(
    record: "RunRecord",
    operating: list[str] | None,
    data: str | None,
    sure: bool,
    costs: str | None,
    judged: "Evaluation",
    progress: Progress,
) -> "OperatingResult | None":
    """Return the operating points that the options ask for; None where they ask for none."""
    if not operating and costs is None:
        return None
    from sadari.inference.operating import operate

    asked = operating or []
    return operate(record, asked, data=data, sure=sure, costs=costs, judged=judged, progress=progress)


def show_operating(result: "OperatingResult") -> None:
    """Print the areas of the classes, the operating points, the costs, and what a reader should know."""
    groups = f" in {result.groups:,} groups" if result.groups else ""
    show("", f"chosen on {result.val_images:,} validation images, judged on {result.images:,} others{groups}")
    table = new_table("class", "auc", "average precision", right=("auc", "average precision"))
    lowest = sorted(result.areas, key=lambda each: each.average_precision.mean)[:AREAS]
    for each in (area for area in result.areas if area in lowest):
        table.add_row(each.name, _with_span(each.auc), _with_span(each.average_precision))
    show(table)
    if result.points:
        _show_points(result)
    if result.costs:
        _show_costs(result.costs)
    show(*(f"note  {note}" for note in result.notes))


def _show_points(result: "OperatingResult") -> None:
    from sadari.evaluation.operating.result import verdict_of

    chosen = "threshold,\nvalidation"
    right = (chosen, "precision", "recall", "specificity")
    table = new_table("class", "wanted,\non test", *right, right=right)
    for each in result.points:
        if each.val is None or each.test is None:
            continue
        seen, test = each.val.rate(each.wanted.figure), each.test
        table.add_row(
            each.name,
            f"{each.wanted}\n{verdict_of(each)}",
            f"{each.threshold:.4f}\n{seen.right:,} of {seen.of:,}",
            *(_two_lines(rate) for rate in (test.precision, test.recall, test.specificity)),
        )
    show(table, *(each.reason for each in result.points if each.reason))
    show("Intervals are about other images at this threshold; that validation drew it is not in them.")


def _show_costs(rows: "tuple[Decided, ...]") -> None:
    right = ("mean cost", "otherwise", "saved")
    table = new_table("decided by", *right, right=right)
    for row in rows:
        saved = row.saved
        spared = "" if saved is None else f"{saved.difference:.4f}\n{saved.low:.4f} - {saved.high:.4f}"
        at = "" if row.threshold is None else " (never)" if row.threshold == math.inf else f" ({row.threshold:.4f})"
        cost = f"{row.cost.mean:.4f}\n{row.cost.low:.4f} - {row.cost.high:.4f}"
        table.add_row(f"{row.by}{at}", cost, f"{row.otherwise:,}" if saved else "", spared)
    show(table)


def _with_span(interval: "Interval") -> str:
    return f"{interval.mean:.3f}  {interval.low:.3f} - {interval.high:.3f}"


def _two_lines(rate: "Rate") -> str:
    if rate.interval is None:
        return "-"
    return f"{rate.value:.3f}\n{rate.interval.low:.3f}-{rate.interval.high:.3f}"
