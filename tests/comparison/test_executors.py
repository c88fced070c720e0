"""Is an executor all that a comparison knows of how its runs are trained?"""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from sadari.comparison.compare import compare
from sadari.comparison.executor import Executor, Outcome, SerialExecutor, Task
from sadari.comparison.request import Comparison
from sadari.comparison.workers.local import LocalExecutor
from sadari.data.load import load
from sadari.data.split import draw_split
from sadari.errors import SadariError, UsageError
from sadari.job import Job
from sadari.progress import Progress, Silent
from sadari.run import RunRecord
from support.fake_training import FakeTrainer
from support.jobs import Listener, job_for, named_arm

T = TypeVar("T")
ASKED = Comparison("digits", (named_arm("softmax", "softmax"), named_arm("mlp", "mlp")), (0, 1))


def copied(value: T) -> T:
    """Return `value` as another process would receive it."""
    received: T = pickle.loads(pickle.dumps(value))  # noqa: S301 (made in the same line)
    return received


@dataclass
class Elsewhere:
    """Makes the runs as another machine would: pickled tasks go out, pickled outcomes come back, the last one first."""

    there: Executor

    def run(self, tasks: Sequence[Task], progress: Progress) -> list[Outcome]:
        received = [copied(task) for task in reversed(tasks)]
        return [copied(outcome) for outcome in self.there.run(received, progress)]


def test_a_comparison_can_be_trained_elsewhere(tmp_path: Path) -> None:
    here = compare(ASKED, out=tmp_path / "here", executor=SerialExecutor(FakeTrainer()))
    there = compare(ASKED, out=tmp_path / "there", executor=Elsewhere(SerialExecutor(FakeTrainer())))
    assert [arm.seeds for arm in there.arms] == [(0, 1), (0, 1)]
    assert [(arm.name, arm.accuracy) for arm in there.arms] == [(arm.name, arm.accuracy) for arm in here.arms]
    assert there.verdicts == here.verdicts


def test_an_executor_says_a_failure_and_goes_on(tmp_path: Path) -> None:
    job, heard = job_for("softmax", "digits"), Listener()
    images = load("digits", job.settings)
    jobs = [job, job_for("mlp", "digits")]
    split = draw_split(images, job.settings)
    tasks = [Task(each, tmp_path / each.model.name, images, split, each.model.name) for each in jobs]
    failing = FakeTrainer(fails={"softmax": SadariError("the disk is full")})
    failed, done = SerialExecutor(failing).run(tasks, heard)
    assert (failed.out, failed.record, failed.reason) == (tmp_path / "softmax", None, "the disk is full")
    assert done.record is not None and done.record.finished
    assert heard.said == ["softmax failed: the disk is full"]


def test_a_task_is_a_value_that_can_be_pickled(tmp_path: Path) -> None:
    job = job_for("mlp", "digits")
    images = load("digits", job.settings)
    task = Task(job, tmp_path / "run", images, draw_split(images, job.settings), "mlp")
    copy = copied(task)
    assert (copy.job, copy.out, copy.label) == (task.job, task.out, task.label)
    assert np.array_equal(copy.images.images, images.images) and np.array_equal(copy.split.val, task.split.val)


def test_the_threads_of_a_task_reach_training_where_they_are_chosen(tmp_path: Path) -> None:
    given: list[dict[str, Any]] = []

    def train(_: Job, out: Path, **named: Any) -> RunRecord:
        given.append(named)
        return RunRecord(out)

    job = job_for("softmax", "digits")
    images = load("digits", job.settings)
    task = Task(job, tmp_path, images, draw_split(images, job.settings), "softmax")
    SerialExecutor(train).run([task, replace(task, threads=1)], Silent())
    assert [named.get("threads") for named in given] == [None, 1]


def test_fewer_than_one_worker_is_refused() -> None:
    with pytest.raises(UsageError, match="workers is a number from 1 up, not 0"):
        LocalExecutor(0)


def test_nothing_to_do_has_no_outcome() -> None:
    assert LocalExecutor().run([], Silent()) == []
