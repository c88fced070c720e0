"""How does a comparison across data sets read on a terminal? One table over all sets, then what they show together."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from sadari.cli.output.comparison import shown_path
from sadari.cli.output.tables import aligned

if TYPE_CHECKING:
    from sadari.comparison.across.result import AcrossResult

MOST_VERDICTS = 6


def show_across(result: "AcrossResult", console: Console, report: Path | None = None) -> None:
    """Print the table over all sets, the verdicts across them, the ranks, and where everything is stored."""
    for number, line in enumerate(across_lines(result)):
        console.print(Text(line, style="dim" if number == 0 else ""), soft_wrap=True)
    console.print()
    for line in across_conclusions(result):
        console.print(Text(line), soft_wrap=True)
    console.print()
    rows = [("sets", shown_path(each.out)) for each in result.results.values()]
    rows += [("report", shown_path(report))] if report is not None else []
    for label, text in rows:
        console.print(Text(f"{label:7} {text}"), soft_wrap=True)


def across_lines(result: "AcrossResult") -> list[str]:
    """Return a heading and a line for each arm: mean rank, mean accuracy, and the accuracy on each set."""
    rows = [["model", "mean rank", "mean", *result.results]]
    for name in result.arms:
        found = result.accuracies[name]
        rank = f"{result.ranks.mean[name]:.2f}" if result.ranks else "-"
        rows.append([name, rank, f"{sum(found) / len(found):.3f}", *(f"{each:.3f}" for each in found)])
    return aligned(rows)


def across_conclusions(result: "AcrossResult") -> list[str]:
    """Return what the sets show together: headline, verdicts on the best arm, ranks, and how little few sets show."""
    best = result.arms[0] if result.arms else ""
    about = [each.sentence for each in result.verdicts if best in (each.a, each.b)]
    lines = [result.headline, *about[:MOST_VERDICTS]]
    if len(about) > MOST_VERDICTS:
        lines.append(
            f"... and {len(about) - MOST_VERDICTS} more; all of them: {shown_path(result.out)}/comparison.json"
        )
    if len(result.verdicts) > 1:
        corrected = f"every p is corrected by Holm's method for {len(result.verdicts)} comparisons"
        lines.append(f"({corrected}; each interval is that of its pair alone)")
    lines += [result.ranks.sentence] if result.ranks else []
    return [*lines, *filter(None, (result.caution, *result.left_out))]
