"""How do claims that were put to the test read on a terminal? The word first, in its colour, then the numbers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from sadari.comparison.claims.verdict import ClaimVerdict

STYLES = {"supported": "bold green", "refuted": "bold red", "not shown": "bold yellow"}
WIDTH = max(map(len, STYLES))


def show_claims(claims: Sequence["ClaimVerdict"], console: Console) -> None:
    """Print each claim with its verdict, and below it the numbers; nothing where there are none."""
    if not claims:
        return
    console.print()
    console.print(Text("claims"), soft_wrap=True)
    for each in claims:
        words = f"  {each.words}" if each.words else ""
        console.print(
            Text.assemble("  ", (each.verdict.ljust(WIDTH), STYLES[each.verdict]), f"  {each.claim}", (words, "dim")),
            soft_wrap=True,
        )
        console.print(Text(f"  {' ' * WIDTH}  {each.sentence}"), soft_wrap=True)
    if any(each.findings for each in claims):
        console.print(
            Text(
                "  (every p is corrected by Holm's method over all claims, so a pair may count above and not here; each"
                " interval is 95 %, on its own. Accuracy speaks of other seeds and images, other figures of other seeds"
                " only)",
                style="dim",
            ),
            soft_wrap=True,
        )
