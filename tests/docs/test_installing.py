"""Does every sentence that says how to install something work as printed, and does none name what is not published?"""

import re
import tomllib
from pathlib import Path

import pytest

from sadari.errors import missing_package
from sadari.loggers.targets import LOGGERS

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = set(PROJECT["project"]["optional-dependencies"])
PAGES = [
    path
    for folder in (".", "docs", "docs/decisions", "studies", "benchmarks")
    for path in (ROOT / folder).iterdir()
    if path.suffix in (".md", ".ipynb")
]
CODE = [
    path
    for folder in ("src", "studies", "benchmarks")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".toml", ".html", ".jinja", ".j2", ".js")
]
WRITTEN = {path: path.read_text(encoding="utf-8") for path in {*PAGES, *CODE}}
INSTALLING = re.compile(r"(?:\bpip3?|\bpipx|\bpipenv|\bpoetry|\bconda|\buv)\s+(?:install|add)\s+([^`\n&;|]*)")


def names(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", sorted(WRITTEN), ids=names)
def test_nothing_tells_to_install_sadari_by_its_name(path: Path) -> None:
    """Nobody has published it: a package of that name would be a stranger's."""
    for wanted in INSTALLING.findall(WRITTEN[path]):
        assert not re.search(r"(?<![\w./-])sadari\b", wanted, re.IGNORECASE), wanted
    assert not re.search(r"sadari\[[a-z]", WRITTEN[path]), "an extra is `uv sync --extra NAME`"


@pytest.mark.parametrize("path", sorted(WRITTEN), ids=names)
def test_every_extra_that_is_named_is_there(path: Path) -> None:
    assert set(re.findall(r"--extra[ =]([a-z][\w-]*)", WRITTEN[path])) <= EXTRAS


def test_both_pages_begin_with_how_all_extras_are_kept() -> None:
    for page in ("README.md", "README.ko.md"):
        start = WRITTEN[ROOT / page].partition("## Your own" if page == "README.md" else "## 다섯 편")[0]
        assert "`uv sync --no-dev --all-extras`" in start
        assert start.index("git clone") < start.index("uv run sadari")


def test_one_place_makes_the_sentence() -> None:
    assert [names(path) for path in CODE if "uv sync" in WRITTEN[path]] == ["src/sadari/errors.py"]
    for extra in EXTRAS:
        assert str(missing_package("serving", "uvicorn", extra)).endswith(f"checkout, run: uv sync --extra {extra}")


def test_the_extras_of_the_code_are_those_of_the_project() -> None:
    used = re.findall(r"missing_package\([^)]*\"([a-z]+)\"\)", "".join(WRITTEN[path] for path in CODE))
    assert {*used, *(tracker.extra for tracker in LOGGERS)} - {""} == EXTRAS


def test_what_developers_have_contains_every_extra() -> None:
    """So `uv run`, and `uv sync --extra NAME` after another extra, take nothing away."""
    dev = {re.split("[<>=]", each)[0] for each in PROJECT["dependency-groups"]["dev"]}
    for needed in PROJECT["project"]["optional-dependencies"].values():
        assert {re.split("[<>=]", each)[0] for each in needed} <= dev
