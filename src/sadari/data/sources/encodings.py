"""In which encoding are names and tables written that do not say it? Guessed from all bytes at once, and reported."""

import re
from collections.abc import Callable, Iterable, Sequence

from sadari.errors import SadariError, UsageError

AUTO = "auto"
# Assumed: at least this share of the letters must be common ones of a code page before it is believed.
PLAUSIBLE = 0.5
ENOUGH = 20_000  # letters that are looked at, assumed: the share of common ones is known by then
HANGUL_IN_LATIN = re.compile(r"[a-zA-Z][^\x00-\x7f]|[^\x00-\x7f][a-zA-Z]")  # such as a misread accented letter

THREE_BYTES = "\u0800"  # the first letter of three bytes in UTF-8; no two letters of a code page look like it by chance

Common = Callable[[int, int], bool]  # whether a letter of two bytes is a common one of its code page

# The common letters of each code page: Hangul syllables of KS X 1001, kana and the kanji of JIS level 1, and the first
# level of GB 2312 and of Big5. The order decides where two are equally plausible.
COMMON: dict[str, Common] = {
    "cp949": lambda first, second: 0xB0 <= first <= 0xC8 and second >= 0xA1,
    "cp932": lambda first, _: 0x82 <= first <= 0x83 or 0x88 <= first <= 0x97 or first == 0x81,
    "gbk": lambda first, second: 0xB0 <= first <= 0xD7 and second >= 0xA1,
    "big5": lambda first, _: 0xA4 <= first <= 0xC6,
}


def guess_encoding(texts: Sequence[bytes]) -> str:
    """Return the encoding that all `texts` have in common: "utf-8", a code page of East Asia, or "" where none fits.

    A code page must decode all of them, and most letters must be common ones of it; the share of these decides. Where
    none is so, letters that are all Hangul and stand beside no Latin ones are cp949, which has 8,822 rare syllables.
    """
    if all(_decoded(text, "utf-8") is not None for text in texts):
        return "utf-8"
    return next(iter(_plausible(texts)), "")


def _plausible(texts: Sequence[bytes]) -> list[str]:
    """Return the code pages that `texts` may be in, the one with the largest share of common letters first."""
    shares = {name: _share(texts, name, common) for name, common in COMMON.items()}
    plausible = [name for name in sorted(shares, key=lambda name: -shares[name]) if shares[name] >= PLAUSIBLE]
    return plausible or (["cp949"] if all(_is_hangul(text) for text in texts) else [])


def _is_hangul(text: bytes) -> bool:
    """Return whether all letters of `text`, read as cp949, are Hangul, or ASCII that is not beside it."""
    decoded = _decoded(text, "cp949") or ""
    return (
        bool(decoded)
        and not HANGUL_IN_LATIN.search(decoded)
        and all(letter.isascii() or "가" <= letter <= "힣" for letter in decoded)
    )


def known_encoding(name: str) -> str:
    """Return `name` where Python knows an encoding of text of that name; UsageError otherwise."""
    try:
        "".encode(name)  # refuses those that are not of text, too
    except (LookupError, ValueError):
        pass
    else:
        return name
    raise UsageError(f"archive_encoding is auto or an encoding such as {', '.join(COMMON)}, not '{name}'")


def decode_names(names: Sequence[str | bytes], wanted: str, where: str) -> tuple[list[str], tuple[str, ...]]:
    """Decode the names of an archive: (text of each, sentences on what was guessed).

    names: text where the archive says what the letters are, bytes where it does not; those are all decoded alike, as
    `wanted`, or as `guess_encoding` says where that is "auto", else as CP437, the code page of the first PCs. where:
    what the user called the archive. Raises UsageError for an unknown encoding, SadariError for names it cannot decode.
    """
    unknown = [name for name in names if isinstance(name, bytes) and not name.isascii()]
    if wanted != AUTO:
        encoding = known_encoding(wanted)
        wrong = next((name for name in unknown if _decoded(name, encoding) is None), None)
        if wrong is not None:
            raise SadariError(f"{where} holds a name that is not {encoding} ({wrong!r}); set another archive_encoding")
    else:
        encoding = guess_encoding(unknown) or "cp437"
    texts = [name if isinstance(name, str) else name.decode(encoding) for name in names]
    if not unknown or wanted != AUTO:
        return texts, ()
    first = unknown[0]
    others = [f"{name} '{first.decode(name)}'" for name in _plausible(unknown) if name != encoding]
    if encoding == "utf-8" and (not others or max(b"".join(unknown).decode()) >= THREE_BYTES):
        return texts, ()
    instead = f" (it would be {', '.join(others)})" if others else ""
    return texts, (
        # Without the path of the archive: this is stored with its images, and it may be renamed.
        f"the archive does not say in which encoding its names are; they were read as {encoding}, such as "
        f"'{first.decode(encoding)}'{instead}; if that is wrong, say it with --set archive_encoding=NAME",
    )


def _decoded(text: bytes, encoding: str) -> str | None:
    try:
        return text.decode(encoding)
    except UnicodeError:
        return None


def _share(texts: Iterable[bytes], encoding: str, common: Common) -> float:
    """Return the share of common letters among those that are not ASCII; -1 where a text cannot be decoded."""
    letters = familiar = 0
    for text in texts:
        decoded = _decoded(text, encoding)
        if decoded is None:
            return -1.0
        for at, letter in enumerate(decoded):
            if letters >= ENOUGH:
                break
            if not letter.isascii():
                letters += 1
                encoded = letter.encode(encoding, "replace")
                familiar += len(encoded) == 2 and common(*encoded) and not _within_latin(decoded, at)
    return familiar / letters if letters else 0.0


def _within_latin(text: str, at: int) -> bool:
    """Return whether the letter at `at` is between two Latin ones, as an accented letter that was misread would be."""
    neighbours = text[max(0, at - 1) : at] + text[at + 1 : at + 2]
    return len(neighbours) == 2 and neighbours.isascii() and neighbours.isalpha()
