"""Does CONTRIBUTING.md name files and tests that exist, and are the project's small files well formed?"""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SOURCES = ROOT / "src" / "sadari"
ROWS = [line for line in PAGE.splitlines() if "::test_" in line or "::Test" in line]


def test_the_table_has_a_row_for_everything_that_can_be_added() -> None:
    assert len(ROWS) >= 13


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_a_row_names_files_registries_and_a_test_that_exist(row: str) -> None:
    _, _, places, test, _ = row.split("|")
    paths = [SOURCES / place for place in re.findall(r"`([a-z_/]+(?:/|\.py))`", places)]
    assert paths and all(path.exists() for path in paths), places
    text = "".join(path.read_text(encoding="utf-8") for path in paths if path.is_file())
    for registry in re.findall(r"`([A-Z]{2,})`", places):
        assert re.search(rf"\b{registry}\b", text), registry
    file, _, function = re.findall(r"`(tests/\S+)`", test)[0].partition("::")
    assert re.search(rf"\b(def|class) {function}\(", (ROOT / file).read_text(encoding="utf-8")), function


def test_the_citation_is_of_this_version() -> None:
    fields = dict(re.findall(r"^([a-z-]+): (.+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (fields["cff-version"], fields["title"]) == ("1.2.0", "Sadari")
    assert (fields["version"], fields["license"]) == (project["version"], project["license"])


def test_the_hooks_before_a_commit_are_local() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall("repo: (.+)", hooks) == ["local"]
    assert re.findall("entry: (.+)", hooks) == ["uv run ruff check --fix", "uv run ruff format", "uv run mypy"]
    assert set(re.findall("language: (.+)", hooks)) == {"system"}


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")
    for path in folder.glob("2*.md"):
        title = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        assert f"- {path.name[:10]}: [{title}]({path.name})" in index
