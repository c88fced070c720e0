"""Which tokens follow a layer's name, and does each of them mean something?"""

from sadari.registry import unknown_name

_EXAMPLE = 64


class Tokens:
    """The tokens after a layer's name, taken one by one; raises UsageError or ValueError for a wrong one."""

    def __init__(self, tokens: list[str]) -> None:
        self._left = list(tokens)
        self._known: list[str] = []

    def whole(self, meaning: str, default: int | None = None) -> int:
        """Take the next number, a whole one from 1 up; `meaning` names it where it is missing or wrong."""
        token = next((each for each in self._left if _is_number(each)), None)
        if token is None:
            if default is None:
                raise ValueError(f"needs {meaning}, such as {_EXAMPLE}")
            return default
        self._left.remove(token)
        return _whole(token, meaning)

    def fraction(self, meaning: str) -> float:
        """Take the next number, from 0 up to below 1."""
        token = next((each for each in self._left if _is_number(each)), None)
        if token is None:
            raise ValueError(f"needs {meaning}, such as 0.5")
        self._left.remove(token)
        if not 0 <= float(token) < 1:
            raise ValueError(f"{meaning} is a number from 0 to below 1, not {token}")
        return float(token)

    def choice(self, known: tuple[str, ...], default: str) -> str:
        """Take the one of the `known` tokens that is there, or return `default`."""
        self._known += known
        there = [token for token in self._left if token in known]
        if len(there) > 1:
            raise ValueError(f"takes one of {', '.join(known)}, not {' and '.join(there)}")
        if not there:
            return default
        self._left.remove(there[0])
        return there[0]

    def flag(self, word: str) -> bool:
        """Take `word`, and return whether it was there."""
        return self.choice((word,), "") == word

    def after(self, keyword: str, default: int) -> int:
        """Take `keyword` and the whole number behind it, or return `default` where the keyword is not there."""
        self._known.append(keyword)
        if keyword not in self._left:
            return default
        position = self._left.index(keyword)
        if position + 1 == len(self._left):
            raise ValueError(f"needs a whole number behind '{keyword}'")
        token = self._left.pop(position + 1)
        self._left.pop(position)
        return _whole(token, keyword)

    def next(self) -> str | None:
        """Take the next token, whatever it is; None where there is none."""
        return self._left.pop(0) if self._left else None

    def keyed(self, keywords: tuple[str, ...]) -> dict[str, list[str]]:
        """Take all tokens, by the keyword that they follow; "" has those before the first one.

        To the last of `keywords` belongs everything up to the end, even tokens that are keywords.
        """
        by_keyword: dict[str, list[str]] = {"": []}
        key = ""
        for token in self._left:
            if token in keywords and token not in by_keyword and key != keywords[-1]:
                key = token
                by_keyword[key] = []
            else:
                by_keyword[key].append(token)
        self._left = []
        return by_keyword

    def finish(self) -> None:
        """Raise for the first token that was not taken."""
        if not self._left:
            return
        if _is_number(self._left[0]) or not self._known:
            raise ValueError(f"has no use for '{self._left[0]}'; remove it")
        raise unknown_name("word", self._left[0], self._known)


def _is_number(token: str) -> bool:
    try:
        float(token)
    except ValueError:
        return False
    return True


def _whole(token: str, meaning: str) -> int:
    if not (token.isascii() and token.isdigit() and int(token) > 0):
        raise ValueError(f"{meaning} is a whole number from 1 up, not {token}")
    return int(token)
