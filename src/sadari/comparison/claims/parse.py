"""What does the text of a claim say? `cnn > mlp` becomes a typed value, which `judging.py` tests.

    cnn > mlp                                 # >, >=, <, <= on accuracy
    cnn > mlp within 0.005                    # better by more than 0.005, which counts as no difference
    cnn >= mlp within 0.005                   # worse by no more than that
    cnn2 = cnn2-lstm within 0.005             # equal, for which a margin is needed
    lstm3 >= 0.8994                           # against a number
    loss(cnn) < loss(mlp)                     # any other of FIGURES, or a metric of a plug-in
    "sgd dropout=0.5" > "sgd dropout=0"       # quotes where a name would be misread; rarely needed
    argmax(dropout) = 0.5                     # the best value of what is varied, by accuracy
    argmax(augment) = rotate 10, shift 0.1    # the same with a value of several words
    argmin(loss over dropout for sgd) = 0.5   # by another figure, in one line of several
    argmax(accuracy over arms) = cnn          # the best arm
    cnn2 reaches val 0.90 within 5 epochs     # validation accuracy
    "raw rate=0.1" fails                      # its training breaks off

Signs need spaces around them where an arm's name contains a sign.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation

from sadari.comparison.claims.claim import (
    ARMS,
    Claim,
    Extremum,
    Fails,
    Quantity,
    Reaches,
    Relation,
    Test,
    is_share,
    known_figure,
    lines_of,
)
from sadari.comparison.variants import name_values
from sadari.errors import UsageError
from sadari.registry import unknown_name
from sadari.settings import Value

_QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_SPACED_SIGN = re.compile(r"\s(>=|<=|>|<|=)\s")
_SIGN = re.compile(r"(>=|<=|>|<|=)")
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_WITHIN = re.compile(rf"^(.*\S)\s+within\s+({_NUMBER})$")
_FIGURE_OF = re.compile(r"^(\w[\w.-]*)\((.*)\)$")  # plug-ins have dots and hyphens in their names
_EXTREMUM = re.compile(r"^arg(max|min)\s*\((.*)\)\s*=\s*(.+)$")
_REACHES = re.compile(rf"^(.+?)\s+reaches\s+val\s+({_NUMBER})\s+within\s+(\d+)\s+epochs?$")
_FAILS = re.compile(r"^(.+?)\s+fails$")


def parse_claim(
    text: str, arms: Sequence[str] | Mapping[str, Mapping[str, Value]], words: str = "", *, stored: bool = False
) -> Claim:
    """Read `text` as a claim about `arms`. words: as the author says it.

    arms: the names of a comparison's arms, with the settings and variables of each where values of several words are
    varied. stored: whether it was judged before, when its figure was known: a plug-in may be gone since. Raises
    UsageError for what cannot be read, and for an unknown arm, figure or value.
    """
    settings = arms if isinstance(arms, Mapping) else {arm: {} for arm in arms}
    try:
        return Claim(text, words, _Reader(text, settings, stored).read())
    except UsageError as error:
        raise UsageError(f"claim `{text}`: {error}") from None


class _Reader:
    """Reads one claim. Quoted names are taken out first, so that nothing in them is read as a sign."""

    def __init__(self, text: str, arms: Mapping[str, Mapping[str, Value]], stored: bool) -> None:
        self._quoted: list[str] = []
        self._stored = stored
        self._arms = arms
        self._text = _QUOTED.sub(self._set_aside, text).strip()

    def read(self) -> Test:
        forms: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Test]], ...] = (
            (_EXTREMUM, self._extremum),
            (_REACHES, self._reaches),
            (_FAILS, lambda found: Fails(self._arm(found[1]))),
        )
        for pattern, make in forms:
            if found := pattern.match(self._text):
                return make(found)
        return self._relation()

    def _set_aside(self, found: re.Match[str]) -> str:
        self._quoted.append(found[1] if found[1] is not None else found[2])
        return f"\0{len(self._quoted) - 1}\0"

    def _restored(self, text: str) -> str:
        return re.sub(r"\0(\d+)\0", lambda found: self._quoted[int(found[1])], text).strip()

    def _arm(self, text: str) -> str:
        name = self._restored(text)
        if name not in self._arms:
            raise unknown_name("arm", name, list(self._arms))
        return name

    def _figure(self, name: str) -> str:
        return name if self._stored else known_figure(name)

    def _relation(self) -> Relation:
        text, margin = self._text, None
        if found := _WITHIN.match(text):
            text, margin = found[1], float(found[2])
            if margin <= 0:
                raise UsageError(f"the margin is above 0, not {margin:g}")
        left_text, sign, right_text = _split(text)
        left, right = self._quantity(left_text), self._side(right_text)
        if sign == "=" and margin is None:
            raise UsageError("nothing is exactly equal; say how close, such as: a = b within 0.005")
        if isinstance(right, Quantity) and left.figure != right.figure:
            raise UsageError(f"compares {left.figure} with {right.figure}; name one figure on both sides")
        if left == right:
            raise UsageError(f"compares '{left.arm}' with itself")
        if isinstance(right, float) and is_share(left.figure) and not 0 <= right <= 1:
            raise UsageError(f"{left.figure} is between 0 and 1, not {right:g}")
        return Relation(left, sign, right, margin)

    def _side(self, text: str) -> Quantity | float:
        if self._restored(text) not in self._arms and re.fullmatch(_NUMBER, text.strip()):
            return float(text)
        return self._quantity(text)

    def _quantity(self, text: str) -> Quantity:
        found = _FIGURE_OF.match(text.strip())
        if found is None or self._restored(text) in self._arms:
            return Quantity("accuracy", self._arm(text))
        return Quantity(self._figure(found[1]), self._arm(found[2]))

    def _reaches(self, found: re.Match[str]) -> Reaches:
        level, epochs = float(found[2]), int(found[3])
        if not 0 <= level <= 1 or epochs < 1:
            raise UsageError(f"validation accuracy is between 0 and 1 and epochs count from 1, not {level:g}, {epochs}")
        return Reaches(self._arm(found[1]), level, epochs)

    def _extremum(self, found: re.Match[str]) -> Extremum:
        highest, value = found[1] == "max", self._restored(found[3]) or '""'
        figure, over, rest = found[2].partition(" over ")
        if not over:
            if not highest:
                raise UsageError("argmin needs a figure, such as: argmin(loss over dropout) = 0.5")
            figure, rest = "accuracy", found[2]
        key, _, line = (self._restored(part) for part in rest.partition(" for "))
        arms = self._line(key, line)
        known = next((each for each in arms if _same(each, value)), None)
        if known is None:
            raise unknown_name("arm" if key == ARMS else f"value of {key}", value, list(arms))
        return Extremum(highest, self._figure(figure.strip()), key, arms, known)

    def _line(self, key: str, line: str) -> dict[str, str]:
        """Return the arm of every value of `key` in `line`, which is "" where there is only one line."""
        if key == ARMS:
            if line:
                raise UsageError("`over arms` takes all arms; leave out `for`")
            return {arm: arm for arm in self._arms}
        lines = lines_of(key, self._arms)
        if not lines:
            varied = dict.fromkeys(key for arm, settings in self._arms.items() for key in name_values(arm, settings))
            raise unknown_name("varied setting", key, [*varied, ARMS])
        if not line and len(lines) > 1:
            raise UsageError(f"{key} is varied in several lines; add `for` and one of: {', '.join(lines)}")
        if line and line not in lines:
            raise unknown_name("line", line, list(lines))
        arms = lines[line] if line else next(iter(lines.values()))
        if len(arms) < 2:
            raise UsageError(f"{key} has a single value there, which is best of nothing")
        return arms


def _split(text: str) -> tuple[str, str, str]:
    for pattern in (_SPACED_SIGN, _SIGN):
        found = list(pattern.finditer(text))
        if len(found) > 1:
            raise UsageError("holds more than one sign; put names of arms into quotes")
        if found:
            return text[: found[0].start()], found[0][1], text[found[0].end() :]
    raise UsageError("says nothing that can be tested; write such as: cnn > mlp, or argmax(dropout) = 0.5")


def _same(known: str, value: str) -> bool:
    try:
        return Decimal(known) == Decimal(value)
    except InvalidOperation:
        return re.sub(r"\s*,\s*", ", ", known) == re.sub(r"\s*,\s*", ", ", value)
