"""Do the tables and the picture of the benchmark on photographs say what was measured, and no more?"""

from pathlib import Path
from typing import Any

import pytest

from sadari.errors import SadariError
from support.yardstick import MACHINE, load

cells, records, standing, page, picture = (
    load(f"photo_race.{name}") for name in ("cells", "record", "standing", "page", "picture")
)


@pytest.fixture
def record(tmp_path: Path) -> Any:
    """Two turns on `flowers` with 10 of a class: Sadari's two models, and two peers, one of which failed once."""
    made = records.Record.open(tmp_path / "photographs.json", MACHINE)
    figures = {
        ("sadari linear-probe", "as it comes"): [(0.80, 4.0), (0.82, 6.0)],
        ("sadari photo", "4 epochs"): [(0.86, 12.0), (0.88, 12.0)],
        ("fastai", "fine_tune(3)"): [(0.84, 61.0), (0.86, 59.0)],
        ("fastai", "fine_tune(1)"): [(0.81, 24.0), (0.85, 26.0)],
        ("keras", "head 10"): [(0.70, 40.0)],
    }
    for (entrant, point), turns in figures.items():
        for turn, (accuracy, seconds) in enumerate(turns, start=1):
            made.add(cells.Cell("flowers", "10", turn, entrant, point), entry(accuracy, seconds))
    made.add(cells.Cell("flowers", "10", 2, "keras", "head 10"), {"failed": "no memory"})
    return made


def entry(accuracy: float, seconds: float) -> dict[str, Any]:
    return {
        "accuracy": accuracy,
        "judged": 736,
        "seconds": seconds,
        "process": seconds + 1,
        "load": 0.5,
        "date": "2026-01-01T00:00",
        "commit": "abc",
        "versions": {"torch": "2.15.0"},
    }


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def test_the_tables_have_means_medians_and_spreads(record: Any) -> None:
    found = rows("\n\n".join(page.tables(record)))
    assert ["sadari linear-probe", "as it comes", "2", "0.8100 ± 0.0141", "5.0 (4.0-6.0)"] in found
    assert ["keras", "head 10", "1", "0.7000", "40.0"] in found
    assert (
        "fastai: torch 2.15.0; keras: torch 2.15.0; sadari: torch 2.15.0; Sadari's sources: abc."
        in page.tables(record)[0]
    )
    assert [row[0] for row in found if row[0] == "fastai"] == ["fastai", "fastai"]


def test_the_goal_is_judged_by_seconds_alone(record: Any) -> None:
    text = "\n\n".join(page.tables(record))
    found = rows(text)
    assert ["fastai, fine_tune(3)", "0.8500", "60.0", "photo, 4 epochs", "0.8700", "12.0", "yes"] in found
    assert ["fastai, fine_tune(1)", "0.8300", "25.0", "linear-probe, as it comes", "0.8100", "5.0", "no"] in found
    assert "(4 epochs) 0.8700 after 12 s, fastai (fine_tune(3)) 0.8500 after 60 s: more accurate" in text
    assert "- flowers/10/2/keras/head 10: no memory" in text


def test_a_peer_that_is_faster_than_all_is_not_beaten(record: Any) -> None:
    record.add(cells.Cell("flowers", "10", 1, "torch + timm", "1 epoch"), entry(0.5, 10.0))
    assert ["torch + timm, 1 epoch", "0.5000", "10.0", "nothing is as fast", "-", "-", "no"] in rows(
        "\n\n".join(page.tables(record))
    )


def test_a_record_without_figures_says_so(tmp_path: Path) -> None:
    empty = records.Record.open(tmp_path / "p.json", MACHINE)
    assert page.tables(empty) == ["Nothing has been measured yet on 2 cores of Test 1 with AMX."]
    picture.draw_picture(empty, tmp_path / "p.png")
    assert not (tmp_path / "p.png").exists()


def test_the_section_takes_its_place_between_the_marks(record: Any, tmp_path: Path) -> None:
    made = tmp_path / "RESULTS.md"
    page.write_section(record, made)
    first = made.read_text(encoding="utf-8")
    assert first.startswith("# How accurate") and "fine_tune(3)" in first
    made.write_text(f"Before.\n\n{first}\nBehind.\n", encoding="utf-8")
    page.write_section(record, made)
    again = made.read_text(encoding="utf-8")
    assert "Before." in again and again.endswith("Behind.\n") and again.count("## Photographs") == 1
    made.write_text("no marks", encoding="utf-8")
    with pytest.raises(SadariError, match="to write between"):
        page.write_section(record, made)
    assert made.read_text(encoding="utf-8") == "no marks"


def test_the_picture_is_drawn_with_a_panel_for_each_set(record: Any, tmp_path: Path) -> None:
    record.add(cells.Cell("animals", "all", 1, "fastai", "fine_tune(3)"), entry(0.98, 90.0))
    picture.draw_picture(record, tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_panels_come_from_few_photographs_to_all() -> None:
    assert standing.PANELS[:3] == (("flowers", "10"), ("flowers", "50"), ("flowers", "all"))
