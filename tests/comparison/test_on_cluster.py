"""Does a comparison on a cluster give what it gives here, whatever happens to its nodes? On a stand-in for Ray."""

from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from sadari.comparison.cluster.executor import on_ray
from sadari.comparison.cluster.node import Reporter
from sadari.comparison.cluster.post import Letter
from sadari.comparison.cluster.snapshot import Snapshot
from sadari.comparison.compare import compare
from sadari.comparison.executor import Outcome, SerialExecutor, Task
from sadari.comparison.plan import Plan
from sadari.comparison.request import Comparison
from sadari.comparison.study import read_study
from sadari.errors import SadariError, UsageError
from sadari.run import CHECKPOINT, SCORES, RunRecord
from sadari.training.engine import DivergedError
from sadari.training.run_folder import only_one
from support.cluster_node import Node, halfway
from support.fake_ray import FakeRay, NodeDiedError
from support.jobs import QUIET, Listener, job_for, model_bytes, named_arm, parts, patterns

ARMS = (named_arm("softmax", "softmax", QUIET), named_arm("mlp", "mlp", QUIET))


def task(folder: Path, **settings: Any) -> Task:
    images = patterns()
    return Task(job_for("mlp", **settings), folder / "run", images, parts(images), "mlp seed 0 (1 of 1)")


def made(tasks: list[Task], heard: Listener | None = None) -> list[Outcome]:
    with on_ray("auto") as executor:
        return executor.run(tasks, heard or Listener())


def test_a_comparison_there_is_the_comparison_here(tmp_path: Path, ray: FakeRay, node: Node) -> None:
    request = Comparison("digits", ARMS, (0, 1))
    here = compare(request, out=tmp_path / "here")
    with on_ray("auto") as executor:
        there = compare(request, out=tmp_path / "there", executor=executor)
    assert there.verdicts == here.verdicts
    for arm in ARMS:
        for one, other in zip(here.records[arm.name], there.records[arm.name], strict=True):
            assert model_bytes(one) == model_bytes(other)
            assert (one.path / "predictions.csv").read_bytes() == (other.path / "predictions.csv").read_bytes()
            assert {each.name for each in one.path.iterdir()} == {each.name for each in other.path.iterdir()}
    assert len(ray.asked) == 4
    assert {(each["num_cpus"], each["num_gpus"], each["max_retries"]) for each in ray.asked} == {(1, 0, 0)}
    assert sum(hasattr(each, "images") for each in ray.puts) == 1, "the images travel once"
    with on_ray("auto") as executor:
        compare(request, out=tmp_path / "there", executor=executor)
    assert len(node.requests) == 4, "what is finished is not made again"


def test_a_run_goes_on_from_the_checkpoint_that_its_node_sent_before_it_died(tmp_path: Path, node: Node) -> None:
    one, alone = task(tmp_path / "there", epochs=6), task(tmp_path / "here", epochs=6)
    first = halfway(tmp_path, one)

    def send_and_die(reporter: Reporter, out: Path) -> None:
        first.write(out)
        reporter.put(Letter(reporter.attempt, files=reporter.reader.read()))
        raise NodeDiedError("its node is dead\nand more lines")

    node.before[0] = send_and_die
    heard = Listener()
    [outcome] = made([one], heard)
    assert outcome.record is not None and outcome.record.finished, outcome.reason
    assert CHECKPOINT in node.begun[1].content, "the second node has the checkpoint of the first"
    assert (
        f"{one.label}: its node is dead or cannot be reached; it goes on elsewhere from its last checkpoint"
        in heard.said
    )
    [reference] = SerialExecutor().run([alone], Listener())
    assert reference.record is not None
    assert model_bytes(outcome.record) == model_bytes(reference.record)
    assert not (one.out / "checkpoint").exists()


def test_a_run_that_ends_every_node_fails_with_its_reason(tmp_path: Path, node: Node) -> None:
    def die(reporter: Reporter, out: Path) -> None:  # noqa: ARG001
        raise NodeDiedError("out of memory")

    node.before = dict.fromkeys(range(9), die)
    [outcome] = made([task(tmp_path)])
    assert outcome.reason == "it was lost 3 times in a row: its node is dead or cannot be reached"
    assert len(node.requests) == 3
    assert not (tmp_path / "run").exists(), "nothing was written, so nothing is left"


def test_why_a_run_failed_comes_back_and_its_kind(tmp_path: Path, node: Node) -> None:  # noqa: ARG001
    bad = task(tmp_path, optimizer="sgd", learning_rate=1e30)
    heard = Listener()
    [outcome] = made([bad], heard)
    assert "the loss is no longer a number" in outcome.reason
    assert f"{bad.label} failed: {outcome.reason}" in heard.said
    with on_ray("auto") as executor, pytest.raises(DivergedError):
        executor.cluster.train(bad.job, tmp_path / "again", images=bad.images, split=bad.split)


def test_bars_and_sentences_come_back(tmp_path: Path, node: Node) -> None:  # noqa: ARG001
    heard = Listener()
    made([task(tmp_path, epochs=2)], heard)
    labels = [label for label, _, _ in heard.tasks]
    assert "mlp seed 0 (1 of 1) epoch 1/2" in labels
    assert heard.said[0] == "1 run trains on Ray: 1 node, 2 cores"


def test_what_watches_a_run_here_ends_it_there(tmp_path: Path, node: Node) -> None:  # noqa: ARG001
    seen: list[float] = []

    def watch(row: Any) -> str:
        seen.append(row["epoch"])
        return "enough" if row["epoch"] == 2 else ""

    one = task(tmp_path, epochs=5)
    with on_ray("auto") as executor:
        record = executor.cluster.train(one.job, one.out, images=one.images, split=one.split, watch=watch)
    assert seen == [1.0, 2.0]
    assert record.summary["stopped"] == "enough"


def test_a_run_that_another_process_has_is_waited_for(tmp_path: Path, node: Node) -> None:
    one, heard = task(tmp_path), Listener()
    waits = f"{one.label} is trained by another process; this one waits for it"
    taken, left = Event(), Event()

    def hold() -> None:
        with only_one(one.out):
            taken.set()
            left.wait()

    class Freeing(Listener):
        def say(self, sentence: str) -> None:
            heard.say(sentence)
            if sentence == waits:
                left.set()

    Thread(target=hold).start()
    taken.wait()
    [outcome] = made([one], Freeing())
    assert waits in heard.said
    assert outcome.record is not None and outcome.record.finished, outcome.reason
    assert len(node.requests) == 1


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, node: Node) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "photo.jpg").touch()
    [outcome] = made([task(tmp_path)])
    assert "holds no run" in outcome.reason
    assert node.requests == []


def test_a_full_disk_here_ends_the_run_there(tmp_path: Path, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Snapshot, folder: Path) -> None:
        if not folder.is_relative_to(node.folder):
            raise SadariError(f"cannot write {folder}: No space left on device")

    monkeypatch.setattr(Snapshot, "write", full)
    [outcome] = made([task(tmp_path)])
    assert "No space left on device" in outcome.reason
    assert node.requests


def test_a_number_of_workers_is_one_or_more(ray: FakeRay) -> None:  # noqa: ARG001
    with pytest.raises(UsageError, match="workers is a number from 1 up, not 0"), on_ray("auto", 0):
        pass


def test_scores_are_there_when_the_run_is(tmp_path: Path, node: Node) -> None:  # noqa: ARG001
    one = task(tmp_path)
    made([one])
    assert RunRecord(one.out).finished
    assert (one.out / SCORES).is_file()


def test_a_study_with_a_network_in_a_file_goes_there(tmp_path: Path, node: Node) -> None:
    (tmp_path / "net.toml").write_text('layers = "flatten, dense 4"', encoding="utf-8")
    file = tmp_path / "mine.toml"
    settings = "threads = 1\ntensorboard = 'off'\nepochs = 2\n"
    text = f"data = 'digits'\nmodels = ['softmax', 'net.toml']\nseeds = 1\n[settings]\n{settings}"
    file.write_text(text, encoding="utf-8")
    described = read_study(file)

    def without_file(*_: Any) -> None:
        (tmp_path / "net.toml").unlink(missing_ok=True)

    node.before = dict.fromkeys(range(2), without_file)  # no node has it
    result = Plan(described.request, described.claims, ray="auto").run(out=tmp_path / "there")
    assert {arm.name for arm in result.arms} == {"softmax", "net"}
    assert not any(arm.reason for arm in result.arms)
    assert sorted(each["layers"] for each in node.requests) == ["flatten", "flatten, dense 4"]
