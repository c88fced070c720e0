"""Does the benchmark of growth measure each point once on a kind of processor, and say on which?"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from support.yardstick import BENCHMARKS, load

growth = load("growth")
STORED = json.loads((BENCHMARKS / "speed" / "growth.json").read_text(encoding="utf-8"))
PAGE = (BENCHMARKS.parent / "docs" / "speed.md").read_text(encoding="utf-8")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Stand-ins for measurements, and which works they were of."""
    works: list[Any] = []

    def measure(work: Any) -> dict[str, float]:
        works.append(work)
        return {**dict.fromkeys(growth.STAGES, 1.0), "risen": 600.0, "accuracy": 0.5}

    monkeypatch.setattr(growth, "in_a_process", measure)
    return works


def run(monkeypatch: pytest.MonkeyPatch, here: str, *words: str) -> None:
    monkeypatch.setattr(growth, "instructions", lambda: here)
    monkeypatch.setattr(sys, "argv", ["growth.py", *words])
    growth.main()


def test_points_are_measured_once_on_a_kind_of_processor(
    measured: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.json"
    words = ("--only", "images", "--values", "1000,1000000", "--out", str(out))
    run(monkeypatch, "AMX", *words)
    assert [each.images for each in measured] == [1_000, 1_000_000]
    run(monkeypatch, "AMX", *words)
    assert len(measured) == 2
    run(monkeypatch, "AVX2", "--minutes", "0", *words)
    assert len(measured) == 2
    run(
        monkeypatch, "AVX2", "--only", "images", "--values", "1000", "--out", str(out), "--picture", str(tmp_path / "a")
    )
    points = json.loads(out.read_text(encoding="utf-8"))["points"]
    assert [(each["work"]["images"], each["instructions"]) for each in points] == [(1_000_000, "AMX"), (1_000, "AVX2")]
    assert (tmp_path / "a").read_bytes().startswith(b"\x89PNG")


def test_every_axis_of_the_picture_was_measured_and_names_its_processor() -> None:
    known = {json.dumps(point["work"], sort_keys=True): point for point in STORED["points"]}
    for name, axis in growth.AXES.items():
        works = [json.dumps(growth.asdict(work), sort_keys=True) for work in axis.works()]
        missing = [json.loads(each)[axis.grows] for each in works if each not in known]
        assert all(f"{value:,} {axis.label} are not measured yet" in PAGE for value in missing), name
        assert {known[each]["instructions"] for each in works if each in known} <= {"AMX", "AVX512-BF16"}
