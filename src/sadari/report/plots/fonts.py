"""Which fonts write the names in plots? DejaVu Sans, and one with Hangul, Kana and Han where this machine has one.

Matplotlib stores its list of fonts, and never looks again: a font that was installed since is added here.
"""

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

# Fonts with Hangul, Kana and Han; the ones that the machine has are used. The other faces of Noto have Hangul, too.
EAST_ASIAN = (
    "Noto Sans CJK KR", "Noto Sans KR", "NanumGothic", "Malgun Gothic", "Apple SD Gothic Neo", "UnDotum",
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Serif CJK KR",
)  # fmt: skip
ADVICE = "install one, such as fonts-nanum or fonts-noto-cjk (report.html uses the fonts of the browser)"
MOST_SHOWN = 8  # letters in a sentence
_MISSING = re.compile(r"Glyph (\d+) .* missing from")
_missing: dict[str, None] = {}
_said: set[str] = set()


PLAIN = ("DejaVu Sans",)  # comes with Matplotlib, and has all letters of Sadari's own words


@cache
def font_families() -> tuple[str, ...]:
    """Return the families that plots are written in, the first one that has a letter writes it."""
    return (*PLAIN, *(_east_asian() or _east_asian(look_again=True)))


def writes(letter: str) -> bool:
    """Return whether a font of the plots has `letter`."""
    from matplotlib import font_manager

    found = (font_manager.findfont(name, fallback_to_default=False) for name in font_families())
    return any(font_manager.get_font(path).get_char_index(ord(letter)) for path in found)


def _east_asian(*, look_again: bool = False) -> list[str]:
    from matplotlib import font_manager

    if look_again and not _add_new_fonts():
        return []
    installed = set(font_manager.get_font_names())
    return [name for name in EAST_ASIAN if name in installed]


def _add_new_fonts() -> bool:
    """Add the fonts that were installed after Matplotlib stored its list, and store the list again where it can be."""
    import matplotlib
    from matplotlib import font_manager as fonts

    known = {Path(each.fname) for each in fonts.fontManager.ttflist}
    added = [path for path in fonts.findSystemFonts() if Path(path) not in known]
    for path in added:
        try:
            fonts.fontManager.addfont(path)
        except (OSError, RuntimeError):  # a damaged font, or one that Matplotlib cannot read
            continue
    if added:
        stored = Path(matplotlib.get_cachedir()) / f"fontlist-v{fonts.FontManager.__version__}.json"
        try:
            fonts.json_dump(fonts.fontManager, stored)
        except OSError:
            return True  # a folder that cannot be written: the next process looks again
    return bool(added)


@contextmanager
def boxes_reported() -> Iterator[None]:
    """Keep for `boxes_notice` which letters of the names drawn in this block no font of this machine has."""
    with boxes_noticed() as boxes:
        yield
    _missing.update(boxes)


@contextmanager
def boxes_noticed() -> Iterator[dict[str, None]]:
    """Yield a mapping that has, after this block, the letters drawn in it that its fonts have not."""
    boxes: dict[str, None] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", message="Glyph .* missing from", category=UserWarning)
        yield boxes
    for each in caught:
        found = _MISSING.match(str(each.message))
        if found:
            boxes[chr(int(found[1]))] = None
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)


def boxes_notice() -> tuple[str, ...]:
    """Say in one sentence which letters were drawn as boxes since this was last asked; () where none were."""
    new = [letter for letter in _missing if letter.isprintable() and letter not in _said]
    _missing.clear()
    _said.update(new)
    return (_boxes_sentence(new),) if new else ()


def _boxes_sentence(letters: Sequence[str]) -> str:
    more = " ..." if len(letters) > MOST_SHOWN else ""
    return f"no font of this machine has {' '.join(letters[:MOST_SHOWN])}{more}: plots show boxes instead; {ADVICE}"
