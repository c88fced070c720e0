"""Is the table of docs/probabilities.md on unknown images that of the stored results?"""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "probabilities.md").read_text(encoding="utf-8")
STORED = json.loads((ROOT / "benchmarks" / "quality" / "unknown.json").read_text(encoding="utf-8"))


def test_the_table_is_that_of_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "quality"))
    import unknown

    try:
        lines = unknown.markdown(STORED["rows"])
    finally:
        sys.modules.pop("unknown")
    assert len(lines) > 10 and "\n".join(lines) in PAGE


def test_the_default_is_the_best_on_average() -> None:
    """Of the scores that are offered, by area and by the share of unknown images that is accepted."""
    means = {
        name: [sum(row[figure] for row in STORED["rows"] if row["score"] == name) for figure in ("auroc", "accepted")]
        for name in ("mahalanobis", "energy", "probability")
    }
    assert max(means, key=lambda name: means[name][0]) == min(means, key=lambda name: means[name][1]) == "mahalanobis"
