"""Which classes are probably one, written in several ways? Names that differ only in case, spaces or their form."""

import unicodedata
from collections.abc import Sequence

NAMED = 3


def alike(classes: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Group the classes whose names differ only in case, spaces, form of letters or form of numbers."""
    groups: dict[str, list[str]] = {}
    for name in classes:
        groups.setdefault(_bare(name), []).append(name)
    return tuple(tuple(names) for names in groups.values() if len(names) > 1)


def alike_notes(classes: Sequence[str]) -> tuple[str, ...]:
    """Return a sentence that names the groups of `alike`; none where there are none."""
    groups = [" and ".join(f"'{name}'" for name in names) for names in alike(classes)]
    if not groups:
        return ()
    more = f" and {len(groups) - NAMED:,} more" if len(groups) > NAMED else ""
    return (
        "classes whose names differ only in case, spaces or the form of letters or numbers: "
        f"{', '.join(groups[:NAMED])}{more}; if they are one class, give it one name",
    )


def _bare(name: str) -> str:
    """Return what is left of a class's name without case, spaces, signs between words, and forms of letters."""
    text = unicodedata.normalize("NFKC", name).casefold().strip()
    try:
        return repr(float(text))
    except ValueError:
        return "".join(letter for letter in text if not (letter.isspace() or letter in "-_")) or text
