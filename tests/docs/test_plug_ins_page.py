"""Does docs/plug-ins.md show the files of the example package, one of each kind, each of about twenty lines?"""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

import sadari.testing
from sadari.cli.output.plugins import apart
from sadari.plugins.offers import KINDS
from support.extras import EXAMPLE, PROJECT

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "plug-ins.md").read_text(encoding="utf-8")


def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_plug_ins", ROOT / "docs" / "write_plug_ins.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_code_is_that_of_the_example() -> None:
    assert writer().with_code(PAGE) == PAGE, "write it anew: uv run python docs/write_plug_ins.py"
    assert PAGE.count("```python") == 8 and PAGE.count("```toml") == 1


def test_there_is_one_of_each_kind_with_its_group_and_its_contract() -> None:
    rows = dict(re.findall(r"^\| \[(\w+)\]\(#[\w-]+\) \|.*\| `(sadari\.\w+)` \| `\w+Contract` \|$", PAGE, re.MULTILINE))
    assert rows == dict(sorted(KINDS.items(), key=lambda item: list(rows).index(item[0])))
    assert set(PROJECT["entry-points"]) == set(KINDS.values())
    contracts = re.findall(r"\| `(\w+Contract)` \|$", PAGE, re.MULTILINE)
    assert all(hasattr(sadari.testing, each) for each in contracts) and len(set(contracts)) == len(KINDS)


@pytest.mark.parametrize("path", sorted((EXAMPLE / "src").rglob("*.py")), ids=lambda path: path.stem)
def test_an_example_has_about_twenty_lines(path: Path) -> None:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    assert len(lines) <= 20


def test_the_option_may_stand_anywhere() -> None:
    words = ["sadari", "--plugins", "a", "train", "x", "--plugins=b.c,d", "--model", "cnn"]
    assert apart(words) == (["sadari", "train", "x", "--model", "cnn"], ["a", "b.c", "d"])
