"""Which arms are not shown apart, at a glance? A compact letter display: arms that share a letter are not shown apart.

Of n arms there are n (n - 1) / 2 verdicts, which nobody reads. Piepho (Journal of Computational and Graphical
Statistics 13, 2004, 456-466) says all of them with a few letters: by inserting and absorbing columns.
"""

from collections.abc import Iterable, Sequence
from string import ascii_lowercase, ascii_uppercase

from sadari.values import Verdict

FEW = 4  # arms; the verdicts of so few can be read (assumed)
MOST = 100  # arms; more are not lettered (assumed: nobody reads them)
LETTERS = ascii_lowercase + ascii_uppercase


def letters(arms: Sequence[str], judged: Sequence[Verdict]) -> dict[str, str]:
    """Return the letters of each arm, by name; none where the arms are few, or where they take too many letters.

    arms: the best first; it has the letter a. judged: the verdicts of all pairs, from which it follows which are shown
    apart: those that are "better" or "worse", by p corrected by Holm's method.
    """
    if not FEW < len(arms) <= MOST:
        return {}
    places = {name: place for place, name in enumerate(arms)}
    apart = [(places[each.a], places[each.b]) for each in judged if each.shown]
    columns = _columns(len(arms), apart)
    if len(columns) > len(LETTERS):
        return {}
    named = list(zip(LETTERS, sorted(columns, key=sorted), strict=False))
    return {name: "".join(letter for letter, column in named if place in column) for name, place in places.items()}


def _columns(count: int, apart: Iterable[tuple[int, int]]) -> list[frozenset[int]]:
    """Return sets of arms, none within another, so that two arms are together in one exactly where not in `apart`."""
    columns = [frozenset(range(count))]
    for one, other in sorted(apart):
        both = [column for column in columns if one in column and other in column]
        kept = [column for column in columns if column not in both]
        split = [column - {gone} for column in both for gone in (one, other)]
        columns = _absorbed([*kept, *split])
    return columns


def _absorbed(columns: Iterable[frozenset[int]]) -> list[frozenset[int]]:
    """Return the columns that are not within another one."""
    distinct = sorted(set(columns), key=len, reverse=True)
    kept: list[frozenset[int]] = []
    for column in distinct:
        if not any(column <= each for each in kept):
            kept.append(column)
    return kept
