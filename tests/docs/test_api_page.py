"""Does docs/api.md list exactly the public names, with the arguments that the functions take?"""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import sadari

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
OLD = {"jobs"}  # taken for one release, and not written down
STARS: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
ROWS = dict(re.findall(r"^\| `(\w+)(\([^`]*\))?` \|", PAGE, re.MULTILINE))


def test_the_page_lists_exactly_the_public_names() -> None:
    listed = re.findall(r"^\| `(\w+)", PAGE, re.MULTILINE)
    assert sorted(listed) == sorted(sadari.__all__)


@pytest.mark.parametrize("name", [name for name in sadari.__all__ if inspect.isfunction(getattr(sadari, name))])
def test_the_page_names_the_arguments_in_their_order(name: str) -> None:
    parameters = inspect.signature(getattr(sadari, name)).parameters
    expected: list[str] = []
    for key, parameter in parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in "".join(expected):
            expected.append("*")
        star = STARS.get(parameter.kind, "")
        shown = parameter.default not in (parameter.empty, None)
        default = repr(parameter.default).replace("'", '"') if shown else ""
        expected.append(f"{star}{key}" + (f"={default}" if shown else ""))
    expected = [each for each in expected if each.partition("=")[0] not in OLD]
    assert ROWS[name] == f"({', '.join(expected)})"
