"""Does a search that version 0.1.0 stored go on where it was?"""

import json
import tarfile
from collections import defaultdict
from pathlib import Path

import pytest

from sadari.comparison.best.cost_model import CostModel
from sadari.comparison.best.run import BestRequest, chosen_run, find_best
from sadari.comparison.best.state import SearchState
from sadari.comparison.result import ComparisonResult
from sadari.settings import Value
from support.clocked_training import ClockedTrainer, Made

ARCHIVE = Path(__file__).parents[1] / "support" / "runs-of-0.1.0.tar.gz"
ROOT = "/old-runs"  # the folder in which they were made
OVERRIDES: dict[str, Value] = {"threads": "1", "device": "cpu", "precision": "float32", "tensorboard": "off"}
DATA = "shapes:images=40,size=12"


@pytest.fixture
def old_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The runs of 0.1.0 as if they had been made in this folder."""
    monkeypatch.delenv("SADARI_WEIGHTS_DIR", raising=False)  # with weights, more models were candidates
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / "old-runs"
    for path in (*folder.rglob("*.json"), *folder.rglob("*.toml")):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(ROOT, str(folder)), encoding="utf-8")
    return folder


def go_on(folder: Path, budget: float) -> tuple[ComparisonResult, ClockedTrainer]:
    made: defaultdict[str, Made] = defaultdict(lambda: Made(0.9, 1, CostModel(0.1, 1e-3)))
    using = ClockedTrainer(made=made)
    return find_best(BestRequest(DATA, budget, OVERRIDES), out=folder, train=using, clock=using.clock), using


@pytest.mark.parametrize("name", ["best", "best-interrupted"])
def test_the_state_reads_and_is_written_with_the_same_keys(name: str, old_runs: Path) -> None:
    path = old_runs / name / "best.json"
    before = json.loads(path.read_text(encoding="utf-8"))
    SearchState.read(path.parent).write()
    assert json.loads(path.read_text(encoding="utf-8")) == before


def test_a_finished_search_opens_with_its_winner(old_runs: Path) -> None:
    result, using = go_on(old_runs / "best", 3.0)
    assert using.calls == []
    chosen = chosen_run(result)
    assert chosen is not None and chosen.path == old_runs / "best" / "final" / "sprint-seed0"


def test_an_interrupted_search_goes_on_with_its_measurements_and_trials(old_runs: Path) -> None:
    folder = old_runs / "best-interrupted"
    before = SearchState.read(folder)
    result, using = go_on(folder, 14.0)
    state = SearchState.read(folder)
    assert (state.costs, state.untried, state.trials[:2]) == (before.costs, before.untried, before.trials)
    assert using.calls[0].model.name == "cnn2", "the trial that was interrupted comes first, and nothing is measured"
    assert state.trials[2].arm == "cnn2" and state.trials[2].seconds > before.cut_off["1/cnn2-seed0"]
    assert result.best is not None
