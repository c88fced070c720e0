"""Is every folder small enough to see at a glance, is every file worth a file, and does the page show them?"""

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from support.source_graph import GRAPH, MODULES, ROOT

PROJECT = ROOT.parents[1]
PAGE = PROJECT / "docs" / "architecture.md"
MOST_MODULES, LEAST_LINES, MOST_LINES = 16, 40, 320
# Where names become models: the commands, Python, studies, the estimator, and a stored job that goes on.
DOORS = {
    *("api/runs.py", "cli/models.py", "cli/settings.py", "cli/train.py", "estimator/params.py"),
    *("comparison/plan.py", "comparison/study.py", "job.py", "tuning/plan.py"),
}
QUESTION = re.compile(r"(What|Which|How|Where|When|Who|Whose|Is|Does|Do|Are|Can|Has)\b[^.]*\?")
BESIDE_THE_ROOMS = {"support", "docs", "benchmarks"}


def lines_of(module: str) -> int:
    return len(MODULES[module].read_text(encoding="utf-8").splitlines())


def tree_writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_tree", PROJECT / "docs" / "write_tree.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("folder", sorted({path.parent for path in MODULES.values()}), ids=lambda path: path.name)
def test_a_folder_can_be_seen_at_a_glance(folder: Path) -> None:
    modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= MOST_MODULES, f"{folder} has {len(modules)} modules side by side; group them"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_file_is_neither_a_scrap_nor_a_book(module: str) -> None:
    path, lines = MODULES[module], lines_of(module)
    assert lines <= MOST_LINES, f"{path} has {lines} lines; which idea can leave it?"
    if path.name != "__init__.py" and lines < LEAST_LINES:
        importers = [other for other, imported in GRAPH.items() if module in imported]
        assert len(importers) != 1, f"{path} has {lines} lines and one importer, {importers[0]}; let it join that one"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_what_a_function_does_is_said_not_asked(module: str) -> None:
    """A module may open with the question that it answers; a function or a class says what it does or is."""
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = (ast.get_docstring(node) or "").partition("\n")[0]
            assert not re.match(r"(What|Which|How|Where|When|Who|Whose|Is|Does|Do|Are|Can|Has)\b[^.]*\?", first), (
                node.name
            )


def test_names_become_models_at_the_doors_alone() -> None:
    calling = re.compile(r"\bfind_model\(")
    defined = "models/catalog.py"
    found = {
        str(path.relative_to(ROOT)) for path in MODULES.values() if calling.search(path.read_text(encoding="utf-8"))
    }
    assert found - {defined} == DOORS


def test_the_tree_on_the_page_is_that_of_the_files() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert tree_writer().with_tree(page) == page, "write it anew: uv run python docs/write_tree.py"
    assert page.count("\n") > len(MODULES) / 2


def test_every_path_on_the_page_is_there() -> None:
    text = PAGE.read_text(encoding="utf-8")
    prose = text[text.index("## The way of one image") :]
    named = re.findall(r"`((?:\w+/)*\w+(?:\.py|/))`", prose)
    assert len(named) > 30
    for name in named:
        places = [ROOT / name, PROJECT / name, *ROOT.rglob(name)]
        assert any(place.exists() for place in places), f"docs/architecture.md names {name}, which is not there"


def test_the_tests_mirror_the_rooms() -> None:
    folders = {path.name for path in (PROJECT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"}
    rooms = {path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file()}
    assert folders == rooms | BESIDE_THE_ROOMS
