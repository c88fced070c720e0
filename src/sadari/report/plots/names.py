"""How is a name written in the width that there is? Measured as it is drawn, wrapped, and cut in its middle."""

import unicodedata
from functools import lru_cache

POINTS = 72  # in an inch
JOINERS = "\u200d\ufe0f"  # what makes one letter of several: the joiner and the emoji selector


@lru_cache(maxsize=20_000)
def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of `text` in inches, written with `size` points in the fonts of the plots."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size, weight="bold" if bold else "normal")
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]) / POINTS


def cut_middle(name: str, inches: float, size: float, *, bold: bool = False) -> str:
    """Return `name`, cut in its middle where it is wider than `inches`: names differ at both of their ends."""
    if text_width(name, size, bold=bold) <= inches:
        return name
    letters = _letters(name)
    least, most = 0, len(letters) - 1
    while least < most:
        kept = (least + most + 1) // 2
        least, most = (kept, most) if text_width(_cut(letters, kept), size, bold=bold) <= inches else (least, kept - 1)
    return _cut(letters, least)


def wrapped(name: str, inches: float, size: float, *, lines: int = 2, bold: bool = False) -> str:
    """Return `name` in up to `lines` lines of `inches`; what does not fit is cut in the middle of the last one.

    Lines end at spaces where there are any in the right place, otherwise within a word.
    """
    rest = name
    done: list[str] = []
    while len(done) < lines - 1 and text_width(rest, size, bold=bold) > inches:
        line = _fitting(rest, inches, size, bold)
        space = line.rfind(" ")
        line = line[:space] if space >= len(line) // 2 and rest[len(line) : len(line) + 1] != " " else line
        done.append(line.rstrip())
        rest = rest[len(line) :].lstrip()
    return "\n".join([*done, cut_middle(rest, inches, size, bold=bold)])


def _fitting(text: str, inches: float, size: float, bold: bool) -> str:
    """Return as much of the beginning of `text` as fits, at least one letter."""
    letters = _letters(text)
    count = 1
    while count < len(letters) and text_width("".join(letters[: count + 1]), size, bold=bold) <= inches:
        count += 1
    return "".join(letters[:count])


def _cut(letters: list[str], kept: int) -> str:
    first, last = letters[: (kept + 1) // 2], letters[len(letters) - kept // 2 :]
    return f"{''.join(first).rstrip()}…{''.join(last).lstrip()}"


def _letters(text: str) -> list[str]:
    """Return the letters as a reader counts them, with their accents and joined parts."""
    found: list[str] = []
    for each in text:
        if found and (unicodedata.combining(each) or each in JOINERS or found[-1].endswith("\u200d")):
            found[-1] += each
        else:
            found.append(each)
    return found
