"""Does docs/claims.md say what the stored results say, and are those of the studies as they stand?"""

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from sadari.comparison.study import read_study
from sadari.errors import SadariError, UsageError

ROOT = Path(__file__).parents[2]
STUDIES = ROOT / "studies"


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_claims", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["write_claims"] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copy(tmp_path: Path) -> ModuleType:
    """Return the writer on a copy of the studies, whose page is in `tmp_path`/docs."""
    shutil.copytree(STUDIES, tmp_path / "studies", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "docs").mkdir()
    return load(tmp_path / "studies" / "write_claims.py")


def test_the_page_is_what_the_stored_results_say() -> None:
    page = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    assert page == load(STUDIES / "write_claims.py").page(), "run: uv run python studies/write_claims.py"


def test_every_claim_of_every_study_stands_on_the_page() -> None:
    page = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    names = [path for path in STUDIES.glob("*.toml") if path.name != "facts.toml"]
    assert {path.stem for path in names} >= {"a0", "a2", "a3", "a3-standardisation", "a4", "background"}
    for path in names:
        study = read_study(path)
        assert study.source
        assert study.notes
        assert study.claims
        for claim in study.claims:
            assert f"| {claim.words} | `{claim.text}` |" in page


def test_every_check_of_a_fact_is_a_test() -> None:
    checks = [line.partition('"')[2].rstrip('"') for line in (STUDIES / "facts.toml").read_text().splitlines()
              if line.startswith("check")]  # fmt: skip
    assert len(checks) >= 3
    for check in checks:
        file, _, name = check.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")


def test_results_hold_no_path_of_a_machine() -> None:
    stored = list((STUDIES / "results").glob("*.json"))
    assert stored
    for path in stored:
        text = path.read_text(encoding="utf-8")
        assert "/tmp" not in text
        assert "/work" not in text
        assert "/home" not in text


def test_a_finished_comparison_is_taken_over(copy: ModuleType, tmp_path: Path) -> None:
    stored = json.loads((tmp_path / "studies" / "results" / "a4.json").read_text(encoding="utf-8"))
    machine = stored.pop("machine")
    run = tmp_path / "run" / "CNN-seed0"
    run.mkdir(parents=True)
    packages = {name: machine.pop(name) for name in ("sadari", "torch")}
    (run / "environment.json").write_text(json.dumps({**machine, "packages": packages}), encoding="utf-8")
    stored |= {"out": "/somewhere", "arms": [{**arm, "runs": [f"/some/{run.name}"]} for arm in stored["arms"]]}
    stored["claims"][0]["verdict"] = "refuted"
    (run.parent / "comparison.json").write_text(json.dumps(stored), encoding="utf-8")
    assert copy.main([str(run.parent)]) == 0
    page = (tmp_path / "docs" / "claims.md").read_text(encoding="utf-8")
    assert "| A4 | the CNN is more accurate than the DNN | **refuted** |" in page
    assert "/some" not in (tmp_path / "studies" / "results" / "a4.json").read_text(encoding="utf-8")


def test_a_study_without_result_is_not_run(copy: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "studies" / "results" / "a4.json").unlink()
    page = copy.page()
    assert "| A4 | the CNN is more accurate than the DNN | *not run* |" in page


def test_results_of_other_claims_or_studies_are_refused(copy: ModuleType, tmp_path: Path) -> None:
    stored = tmp_path / "studies" / "results" / "a4.json"
    document = json.loads(stored.read_text(encoding="utf-8"))
    document["claims"][0]["claim"] = "DNN > CNN"
    stored.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(SadariError, match="other arms or claims"):
        copy.page()
    (tmp_path / "comparison.json").write_text('{"title": "something else"}', encoding="utf-8")
    with pytest.raises(UsageError, match="none of the studies"):
        copy.take_over(tmp_path)
    assert copy.main([str(tmp_path)]) == 2
