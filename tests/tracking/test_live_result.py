"""Does a comparison that trackers watched end there with its result, once, and does `sadari log` know it?"""

from pathlib import Path

import pytest
from mlflow import MlflowClient
from PIL import Image

from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.request import Comparison
from sadari.comparison.result import ComparisonResult
from sadari.loggers.live import LiveLog
from sadari.loggers.mlflow_client import ENVIRONMENT
from sadari.loggers.of_run import end_of, start_of
from sadari.loggers.targets import parse_targets
from sadari.progress import Silent
from sadari.run import RunRecord
from sadari.tracking.live_result import log_result
from sadari.tracking.log import log
from support.jobs import named_arms
from support.logged import in_tensorboard
from support.stamped_training import StampedTrainer


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (*ENVIRONMENT, "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)


def compared(words: str = "") -> ComparisonResult:
    arms, _ = named_arms(("softmax", "mlp"), {}, {"epochs": 2})
    return compare(
        Comparison("digits", arms, (0, 1)),
        out=Path("cmp").absolute(),
        executor=SerialExecutor(StampedTrainer()),
        log_to=parse_targets(words),
    )


def test_the_result_comes_once_with_its_pictures(tmp_path: Path) -> None:
    result, drawn = compared("tensorboard:events"), [tmp_path / "curves.png"]
    Image.new("RGB", (20, 10)).save(drawn[0])
    for _ in range(2):  # the same command again
        log_result(result, lambda: drawn, Silent())
    seen = in_tensorboard("events", "events/cmp", "")
    best = result.arms[0]
    assert best.accuracy is not None
    assert len(seen.rows[f"accuracy/{best.name}"]) == 1 and seen.pictures == {"plots/curves"}
    assert seen.figures[f"low/{best.name}"] == pytest.approx(best.accuracy.low)
    assert seen.params["models"] == "softmax,mlp"


def test_a_comparison_without_trackers_draws_and_sends_nothing() -> None:
    log_result(compared(), lambda: pytest.fail("drawn"), Silent())


def test_what_came_live_is_known_when_it_is_logged_again(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    result = compared(f"mlflow:{store}")
    [run, *_] = (record for records in result.records.values() for record in records)
    live = LiveLog(parse_targets(f"mlflow:{store}"), start_of(run), pytest.fail)
    live.end(lambda: end_of(RunRecord(run.path)))
    log_result(result, list, Silent())
    for path in (result.out, run.path):  # the run on its own stays where it is, inside its comparison
        assert [each.known for each in log([path], uri=store, experiment=result.data.name).runs] == [True]
    client = MlflowClient(store)
    experiment = client.get_experiment_by_name("digits")
    assert experiment is not None
    [child] = client.search_runs([experiment.experiment_id], "attributes.run_name != 'cmp'")
    [parent] = client.search_runs([experiment.experiment_id], "attributes.run_name = 'cmp'")
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert result.verdicts[0].sentence in parent.data.tags["mlflow.note.content"]


def test_a_comparison_goes_on_with_the_trackers_that_it_began_with() -> None:
    compared("tensorboard:events")
    result = compared()
    log_result(result, list, Silent())
    assert Path("events/cmp").is_dir()
