"""Do the two READMEs say the same, can all of their commands be typed, and are the figures those that were measured?"""

import re
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from sadari.cli.main import app
from sadari.cli.output.tables import COLUMNS, LETTERS, PUBLISHED, WITHOUT_COPIES
from sadari.comparison.study import read_study
from support.commands import parse

ROOT = Path(__file__).parents[2]
ENGLISH, KOREAN = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.ko.md"))
PAGES = (ROOT / "RESULTS.md", *sorted((ROOT / "docs").glob("*.md")))
MEASURED = "\n\n".join(path.read_text(encoding="utf-8") for path in PAGES)
DOCUMENTED = f"{ENGLISH}\n\n{MEASURED}"
FIGURES = re.compile(r"\d+(?:,\d{3})+|\d+\.\d+")


def code(page: str) -> list[str]:
    """Return the indented lines, without their comments."""
    lines = [line.strip() for line in page.splitlines() if line.startswith("    ")]
    return [re.sub(r"\s+# .*", "", line) for line in lines]


def commands(page: str) -> list[str]:
    """Return the commands to type, without `uv run`: in lines of code, and between backticks."""
    found = [line.rpartition("uv run ")[2] for line in code(page) if "uv run sadari" in line]
    return [*found, *(" ".join(each.split()) for each in re.findall(r"`(sadari [a-z][^`]*)`", page))]


def links(page: str) -> set[str]:
    return set(re.findall(r"\]\(([^)]+)\)", page))


def said_together(source: str) -> list[set[str]]:
    """Return the figures of each row of a table and of each paragraph."""
    rows = [line for line in source.splitlines() if line.startswith("|")]
    paragraphs = [each for each in re.split(r"\n\s*\n|\n- ", source) if not each.startswith("|")]
    return [set(FIGURES.findall(each)) for each in (*rows, *paragraphs)]


def test_both_have_the_same_code_and_pictures_in_the_same_order() -> None:
    assert code(KOREAN) == code(ENGLISH)
    assert re.findall(r"!\[[^]]*\]\(([^)]+)\)", KOREAN) == re.findall(r"!\[[^]]*\]\(([^)]+)\)", ENGLISH)
    assert len(re.findall("^## ", KOREAN, re.MULTILINE)) == len(re.findall("^## ", ENGLISH, re.MULTILINE)) + 1


def test_they_lead_to_each_other_and_to_the_same_pages() -> None:
    assert links(KOREAN) - {"README.md"} == links(ENGLISH) - {"README.ko.md"}
    for name in links(KOREAN) | links(ENGLISH):
        assert (ROOT / name).is_file(), name
    assert "README.ko.md" in links(ENGLISH) and "README.md" in links(KOREAN)


@pytest.mark.parametrize("command", sorted({*commands(ENGLISH), *commands(KOREAN)}))
def test_every_command_can_be_typed(command: str) -> None:
    parse(command)


def test_every_command_of_the_program_is_named() -> None:
    program: Any = get_command(app)
    for name in program.commands:
        assert f"`sadari {name}" in ENGLISH or f"uv run sadari {name}" in ENGLISH, f"README.md names no sadari {name}"


@pytest.mark.parametrize("command", sorted(set(commands(KOREAN))))
def test_every_korean_command_is_documented_in_english_or_an_article(command: str) -> None:
    article = re.fullmatch(r"sadari study (studies/published/\S+\.toml)", command)
    if article:
        assert read_study(ROOT / article[1]).request.arms
    else:
        assert command in " ".join(DOCUMENTED.split())


def test_every_figure_beside_an_articles_was_measured() -> None:
    together = said_together(MEASURED)
    pairs = re.findall(r"^\| A\d \| [^|]+ \| (0\.\d+) \| (0\.\d+) \|$", KOREAN, re.MULTILINE)
    assert len(pairs) == 15
    for published, ours in pairs:
        assert any({published, ours} <= figures for figures in together), (published, ours)
    known = set().union(*together)
    assert set(FIGURES.findall(KOREAN)) - known <= {"2.0"}, "the licence's is no figure"


def test_every_column_of_the_table_is_explained_in_korean() -> None:
    rows = re.findall(r"^\| (`[^|]+) \|", KOREAN, re.MULTILINE)
    explained = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    headings = {column.heading for column in (*COLUMNS, *PUBLISHED, *WITHOUT_COPIES, LETTERS)}
    assert {name for name in explained if name in headings} == headings
    assert not re.search(r"\d %", KOREAN.replace("`95 % interval`", "")), (
        "in Korean the sign follows the figure at once"
    )


def test_a_bullet_stands_once_in_each_page() -> None:
    for page in (ENGLISH, KOREAN):
        bullets = re.findall(r"^- \[[^]]+\]\([^)]+\)", page, re.MULTILINE)
        assert len(bullets) == len(set(bullets))


def test_the_claims_are_counted_as_on_their_page() -> None:
    supported, refuted, open_, all_ = re.findall(
        r"\*\*(\d+) supported, (\d+) refuted, (\d+) not shown\*\*, of (\d+)", MEASURED
    )[0]
    assert re.search(rf"{all_}개 가운데 {supported}개는 지지.*?{refuted}개는\s반박.*?{open_}개는", KOREAN, re.DOTALL)
