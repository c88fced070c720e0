"""From what does a student go on: with its teacher, another one, or none?"""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from sadari.data.cache.entries import entries, remove
from sadari.errors import SadariError, UsageError
from sadari.job import Job
from sadari.run import RunRecord
from sadari.training.run_folder import other_content
from sadari.training.train import train
from support.interruptions import PROMISED, at_step, contents, ctrl_c
from support.jobs import (
    DROPPED,
    arrays_file,
    figures,
    job_for,
    model_bytes,
    parts,
)
from support.teachers import IMAGES, job_of, taught, untaught


@pytest.mark.parametrize("moment", [(0, 0), (1, 2)])
@pytest.mark.parametrize("gone", [True, False])
def test_an_interrupted_student_ends_in_the_same_bytes(
    moment: tuple[int, int], gone: bool, teacher: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where teacher and cache are gone: the run stores the answers until it is finished."""
    copy = Path(shutil.copytree(teacher.path, tmp_path / "copy"))
    job = job_of(copy, tmp_path, DROPPED, augment="mixup 0.4", optimizer="momentum")
    whole = taught(job, tmp_path / "whole")
    with at_step(monkeypatch, *moment, ctrl_c), pytest.raises(KeyboardInterrupt):
        taught(job, tmp_path / "interrupted")
    if gone:
        shutil.rmtree(copy)
        for entry in entries():
            if entry.kind == "features":
                remove(entry)
    resumed = taught(job, tmp_path / "interrupted")
    assert model_bytes(resumed) == model_bytes(whole) and figures(resumed) == figures(whole)
    assert resumed.teacher == whole.teacher and contents(resumed.path) == PROMISED


def test_a_student_that_lost_teacher_and_answers_says_so(
    teacher: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Path(shutil.copytree(teacher.path, tmp_path / "copy"))
    job = job_of(copy, tmp_path)
    with at_step(monkeypatch, 1, 0, ctrl_c), pytest.raises(KeyboardInterrupt):
        taught(job, tmp_path / "run")
    shutil.rmtree(copy)
    (tmp_path / "run" / "checkpoint" / "teacher.safetensors").write_bytes(b"cut off")
    with pytest.raises(UsageError, match="the teacher: there is no model in"):
        taught(job, tmp_path / "run")


def begin(job: Job, out: Path, finished: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train to the end, or stop in the second epoch."""
    if finished:
        taught(job, out)
    else:
        with at_step(monkeypatch, 1, 0, ctrl_c), pytest.raises(KeyboardInterrupt):
            taught(job, out)


@pytest.mark.parametrize("finished", [True, False])
def test_another_teacher_makes_another_run(
    finished: bool, teacher: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Path(shutil.copytree(teacher.path, tmp_path / "copy"))
    job = job_of(copy, tmp_path)
    begin(job, tmp_path / "run", finished, monkeypatch)
    other = train(job_for("softmax", seed=1), tmp_path / "other", images=IMAGES, split=parts(IMAGES))
    shutil.copy(other.path / "model.safetensors", copy)
    with pytest.raises(SadariError, match=r"teacher .* has changed since .*; train in another --out"):
        taught(job, tmp_path / "run")
    assert other_content(replace(job, data=arrays_file(tmp_path, IMAGES)), RunRecord(tmp_path / "run")) == "images"


@pytest.mark.parametrize("finished", [True, False])
def test_a_teacher_that_moved_is_the_same(
    finished: bool, teacher: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Path(shutil.copytree(teacher.path, tmp_path / "copy"))
    job = job_of(copy, tmp_path)
    begin(job, tmp_path / "run", finished, monkeypatch)
    moved = copy.rename(tmp_path / "moved")
    again = replace(job, settings=replace(job.settings, teacher=str(moved)))
    assert taught(again, tmp_path / "run").finished
    with pytest.raises(UsageError, match="holds a run with other settings"):
        taught(untaught(job), tmp_path / "run")


def test_a_changed_teacher_is_named_as_what_changed(teacher: RunRecord, tmp_path: Path) -> None:
    copy, data = Path(shutil.copytree(teacher.path, tmp_path / "copy")), arrays_file(tmp_path, IMAGES)
    job = job_for("softmax", data, teacher=str(copy))
    run = train(job, tmp_path / "run")
    assert other_content(job, run) == ""
    shutil.copy(run.path / "model.safetensors", copy)
    assert other_content(job, run) == "teacher"
    shutil.rmtree(copy)
    assert other_content(job, run) == "", "what is missing makes no difference"
    assert train(job, tmp_path / "run").finished
