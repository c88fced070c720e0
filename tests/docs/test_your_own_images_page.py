"""Do the two pages about a user's own photographs say the same, and can all of their commands be typed?"""

import re
from pathlib import Path

import pytest

from sadari.models.catalog import find_model
from sadari.settings import setting_names
from support.commands import parse

DOCS = Path(__file__).parents[2] / "docs"
NAMES = ("your-own-images.md", "your-own-images.ko.md")
ENGLISH, KOREAN = ((DOCS / name).read_text(encoding="utf-8") for name in NAMES)
WITH_VALUES = re.compile(r"^\| `(\w+)=", re.MULTILINE)
FIGURE = re.compile(r"\d+\.\d+")


def code(page: str) -> list[str]:
    return [line.strip() for line in page.splitlines() if line.startswith("    ")]


def commands(page: str) -> set[str]:
    """Return the commands to type, in lines of their own and between backticks."""
    between = [" ".join(each.split()) for each in re.findall(r"`(sadari [a-z][^`]*)`", page)]
    return {*between, *(line for line in code(page) if re.match(r"sadari [a-z]", line))}


def links(page: str) -> list[str]:
    return re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page)


def anchors(page: str) -> set[str]:
    """Return the anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def test_both_have_the_same_code_settings_and_headings() -> None:
    assert code(KOREAN) == code(ENGLISH)
    assert WITH_VALUES.findall(KOREAN) == WITH_VALUES.findall(ENGLISH)
    levels = [re.findall("^#+ ", page, re.MULTILINE) for page in (ENGLISH, KOREAN)]
    assert levels[0] == levels[1]
    assert set(FIGURE.findall(KOREAN)) == set(FIGURE.findall(ENGLISH))


def test_they_lead_to_each_other_and_to_the_same_places() -> None:
    assert set(links(KOREAN)) - {NAMES[0]} == set(links(ENGLISH)) - {NAMES[1]}
    assert NAMES[1] in links(ENGLISH) and NAMES[0] in links(KOREAN)
    for page in (ENGLISH, KOREAN):
        assert all((DOCS / name).is_file() for name in links(page) if "://" not in name)
        assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= anchors(page)


@pytest.mark.parametrize("command", sorted(commands(ENGLISH) | commands(KOREAN)))
def test_every_command_can_be_typed(command: str) -> None:
    assert command in commands(ENGLISH) & commands(KOREAN)
    parse(command)


@pytest.mark.parametrize("setting", WITH_VALUES.findall(ENGLISH))
def test_every_setting_is_one_of_the_program(setting: str) -> None:
    assert setting in setting_names()


def test_the_head_of_ones_own_is_a_model(tmp_path: Path) -> None:
    text = ENGLISH.partition("`head.toml`")[2].partition("    layers")[2].partition("\n\n")[0]
    lines = [line.removeprefix("    ") for line in f"    layers{text}".splitlines()]
    (tmp_path / "head.toml").write_text("\n".join(lines), encoding="utf-8")
    spec = find_model(str(tmp_path / "head.toml"))
    assert (spec.variables["backbone"], spec.variables["train"]) == ("auto", "last:0.5")
