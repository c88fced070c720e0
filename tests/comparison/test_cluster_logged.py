"""Do trackers get runs of a cluster's nodes from the process that compares, whatever happens to a node?"""

from pathlib import Path
from threading import Event
from typing import Any

import pytest

from sadari.comparison.cluster.executor import on_ray
from sadari.comparison.cluster.logged import NodeLog
from sadari.comparison.cluster.node import Reporter
from sadari.comparison.cluster.post import Letter
from sadari.comparison.executor import Task
from sadari.comparison.plan import Plan
from sadari.comparison.request import Comparison
from sadari.loggers.live import read_state
from sadari.loggers.targets import Target
from support.cluster_node import Node, halfway
from support.fake_ray import NodeDiedError
from support.jobs import QUIET, job_for, named_arm, parts, patterns
from support.logged import in_tensorboard
from support.noted import NOTED, begun, note_calls

ARMS = (named_arm("softmax", "softmax", QUIET), named_arm("mlp", "mlp", QUIET))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    return note_calls(monkeypatch)


@pytest.mark.usefixtures("node")
def test_every_run_comes_to_the_tracker_as_its_node_reports_it(calls: list[tuple[str, Any]], tmp_path: Path) -> None:
    result = Plan(Comparison("digits", ARMS, (0,)), ray="auto", log_to=NOTED).run(out=tmp_path / "cmp")
    starts = begun(calls)
    assert {(each.name, each.group, each.project) for each in starts} == {
        ("softmax-seed0", "cmp", "digits"),
        ("mlp-seed0", "cmp", "digits"),
    }
    accuracies = {record.scores("test")["accuracy"] for records in result.records.values() for record in records}
    assert {end.figures["scores/test/accuracy"] for name, end in calls if name == "end"} == accuracies
    epochs = sum(len(record.history) for records in result.records.values() for record in records)
    assert sum(name == "epoch" for name, _ in calls) == epochs


def test_files_of_tensorboard_are_here_and_no_node_has_written_them(
    tmp_path: Path, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = Plan(Comparison("digits", ARMS[:1], (0,)), ray="auto", log_to=(Target("tensorboard", "events"),)).run(
        out=tmp_path / "cmp"
    )
    assert not list(node.folder.rglob("loggers.json")) and not list(node.folder.rglob("logged.tfevents*"))
    [run] = found.records["softmax"]
    seen = in_tensorboard("events", "events/cmp/softmax-seed0", "")
    assert [step for step, _ in seen.rows["train_loss"]] == [row["epoch"] for row in run.history]
    assert seen.figures["scores/test/accuracy"] == pytest.approx(run.scores("test")["accuracy"])


def test_a_run_that_goes_on_elsewhere_goes_on_in_the_same_run_of_the_tracker(
    calls: list[tuple[str, Any]], tmp_path: Path, node: Node
) -> None:
    """The first node sends some epochs and dies; those reach the tracker at once, and no node gets its state."""
    images, job, out = patterns(), job_for("mlp", epochs=6), tmp_path / "cmp" / "run"
    first = halfway(tmp_path, Task(job, out, images, parts(images), ""))
    (tmp_path / "cmp").mkdir()
    (tmp_path / "cmp" / "comparison.toml").touch()
    (tmp_path / "cmp" / "loggers.json").write_text('{"loggers": {"noted:here": {}}}', encoding="utf-8")

    def send_and_die(reporter: Reporter, folder: Path) -> None:
        first.write(folder)
        reporter.put(Letter(reporter.attempt, files=reporter.reader.read()))
        while not any(name == "epoch" for name, _ in calls):
            reporter.put(Letter(reporter.attempt))
        raise NodeDiedError

    node.before[0] = send_and_die
    with on_ray("auto") as executor:
        executor.cluster.train(job, out, images=images, split=parts(images))
    assert [value for name, value in calls if name == "epoch"] == [1, 2, 3, 4, 5, 6]
    assert [each.known for each in begun(calls)] == [""]
    assert "loggers.json" not in node.begun[1].content and read_state(out)["noted:here"]["epochs"] == 6
    assert calls[-1][0] == "end"


@pytest.mark.usefixtures("calls")
def test_a_run_that_nobody_logs_is_waited_for_without_looking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    over = Event()
    over.set()
    monkeypatch.setattr(NodeLog, "_send", lambda _: pytest.fail("looked"))
    log = NodeLog(tmp_path / "run", pytest.fail)
    log.follow(over)
    log.end()
