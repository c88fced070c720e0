"""Does docs/projects.md describe the project file that the program reads, and is its example what was committed?"""

import json
import re
from pathlib import Path

import pytest

from sadari.comparison.study import KEYS as STUDY_KEYS
from sadari.project import reasons
from sadari.project.entries import BESIDES, EXPORT_KEYS, KINDS, OF_STUDY_FILE, TUNE_KEYS
from sadari.project.file import KEYS, read_project
from sadari.project.record import summary
from sadari.project.standing import FAILING, MISSING, OUT_OF_DATE, RECORDED, UNFINISHED, UP_TO_DATE, project_standing
from support.commands import parse

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "projects.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "examples" / "digits"


def test_every_command_can_be_typed() -> None:
    commands = [line.split(" #")[0].strip() for line in PAGE.splitlines() if line.startswith("    sadari ")]
    commands += re.findall(r"`(sadari (?:run|\w+ \w)[^`]*)`", PAGE)
    assert len(commands) > 8
    for command in commands:
        parse(command)


def test_every_key_of_the_file_is_explained() -> None:
    for key in ("title", "data", "seeds", "settings", *STUDY_KEYS, *BESIDES, *OF_STUDY_FILE, *TUNE_KEYS, *EXPORT_KEYS):
        assert f"`{key}`" in PAGE or f"`{key} = " in PAGE or f"[{key}]" in PAGE, key
    for kind in KINDS:
        assert f"`[{kind}.NAME]`" in PAGE
        assert kind in KEYS


def test_every_state_and_every_kind_of_reason_has_its_row() -> None:
    for state in (UP_TO_DATE, RECORDED, UNFINISHED, MISSING, OUT_OF_DATE, FAILING):
        assert f"\n| {state} | " in PAGE
    kinds = {value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)}
    rows = "\n".join(line for line in PAGE.splitlines() if line.startswith("| `"))
    assert len(kinds) == 11
    for kind in kinds:
        assert f"`{kind}`" in rows


def test_the_example_is_on_the_page_and_runs_as_it_is() -> None:
    text = (EXAMPLE / "sadari.toml").read_text(encoding="utf-8")
    assert f"```toml\n{text}```" in PAGE
    assert [each.name for each in read_project(EXAMPLE).entries] == ["ladder", "batches", "winner"]


@pytest.mark.parametrize("name", ["ladder", "batches", "winner"])
def test_the_committed_results_are_those_of_the_example(name: str) -> None:
    """As in a clone: what is committed belongs to the file and the images of this version."""
    entry = project_standing(read_project(EXAMPLE)).entries[name]
    assert not [each for each in entry.reasons if each.kind != reasons.VERSION]
    committed = json.loads((EXAMPLE / "results" / f"{name}.json").read_text(encoding="utf-8"))
    assert summary(committed) in PAGE
