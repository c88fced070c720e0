"""Does docs/notebook.ipynb run as it stands, and are the outputs stored in it those of its code?"""

import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

PAGE = Path(__file__).parents[2] / "docs" / "notebook.ipynb"
MOST_BYTES = 500_000


def stored() -> Any:
    return nbformat.read(PAGE, as_version=4)  # type: ignore[no-untyped-call]


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds(cell: Any) -> list[list[str]]:
    """Return the forms of each output of a cell, such as text and HTML; what is printed counts as one form."""
    printed = any(each.output_type == "stream" for each in cell.outputs)
    return [["printed"]] * printed + [sorted(each.data) for each in cell.outputs if each.output_type != "stream"]


def test_it_is_stored_with_outputs_from_top_to_bottom() -> None:
    notebook = stored()
    nbformat.validate(notebook)
    assert [cell.execution_count for cell in code_cells(notebook)] == list(range(1, len(code_cells(notebook)) + 1))
    assert all(cell.outputs for cell in code_cells(notebook))
    assert PAGE.stat().st_size < MOST_BYTES


def test_no_place_on_somebodys_disk_is_told() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert not [place for place in ("/home/", "/root/", "/Users/", "/tmp/", "/work/") if place in text]


@pytest.mark.slow
def test_it_runs_and_every_cell_gives_the_kinds_of_output_that_are_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "jupyter"))
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    notebook = stored()
    code = [cell.source for cell in code_cells(notebook)]
    wanted = [kinds(cell) for cell in code_cells(notebook)]
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    here = tmp_path / "here"
    here.mkdir()
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(here)}}).execute()
    assert [cell.source for cell in code_cells(notebook)] == code
    assert [kinds(cell) for cell in code_cells(notebook)] == wanted
    assert (here / "runs" / "first" / "scores.json").is_file()
    assert (here / "runs" / "first.onnx").is_file()
