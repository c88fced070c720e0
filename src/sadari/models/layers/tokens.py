"""Which words follow a layer's name, and do all of them mean something?"""

from sadari.registry import unknown_name


class Words:
    """The words after a layer's name, taken one by one; raises UsageError or ValueError for what makes no sense."""

    def __init__(self, words: list[str]) -> None:
        self._left = list(words)
        self._known: list[str] = []

    def whole(self, meaning: str, default: int | None = None) -> int:
        """The next number, a whole one from 1 up; `meaning` names it where it is missing or wrong."""
        word = next((each for each in self._left if _is_number(each)), None)
        if word is None:
            if default is None:
                raise ValueError(f"needs {meaning}, such as {_EXAMPLE}")
            return default
        self._left.remove(word)
        return _whole(word, meaning)

    def fraction(self, meaning: str) -> float:
        """The next number, from 0 up to below 1."""
        word = next((each for each in self._left if _is_number(each)), None)
        if word is None:
            raise ValueError(f"needs {meaning}, such as 0.5")
        self._left.remove(word)
        if not 0 <= float(word) < 1:
            raise ValueError(f"{meaning} is a number from 0 to below 1, not {word}")
        return float(word)

    def choice(self, known: tuple[str, ...], default: str) -> str:
        """The one of the `known` words that is there, or `default`."""
        self._known += known
        there = [word for word in self._left if word in known]
        if len(there) > 1:
            raise ValueError(f"takes one of {', '.join(known)}, not {' and '.join(there)}")
        if not there:
            return default
        self._left.remove(there[0])
        return there[0]

    def after(self, keyword: str, default: int) -> int:
        """The whole number behind `keyword`, or `default` where the keyword is not there."""
        self._known.append(keyword)
        if keyword not in self._left:
            return default
        position = self._left.index(keyword)
        if position + 1 == len(self._left):
            raise ValueError(f"needs a whole number behind '{keyword}'")
        word = self._left.pop(position + 1)
        self._left.pop(position)
        return _whole(word, keyword)

    def keyed(self, keywords: tuple[str, ...]) -> dict[str, list[str]]:
        """All words, by the keyword that they stand behind; "" has those before the first one.

        Behind the last of `keywords` stands everything to the end, words that are keywords too.
        """
        told: dict[str, list[str]] = {"": []}
        key = ""
        for word in self._left:
            if word in keywords and word not in told and key != keywords[-1]:
                key = word
                told[key] = []
            else:
                told[key].append(word)
        self._left = []
        return told

    def finish(self) -> None:
        """Raise for the first word that nobody took."""
        if not self._left:
            return
        if _is_number(self._left[0]) or not self._known:
            raise ValueError(f"has no use for '{self._left[0]}'; remove it")
        raise unknown_name("word", self._left[0], self._known)


_EXAMPLE = 64


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _whole(word: str, meaning: str) -> int:
    if not (word.isascii() and word.isdigit() and int(word) > 0):
        raise ValueError(f"{meaning} is a whole number from 1 up, not {word}")
    return int(word)
