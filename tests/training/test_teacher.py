"""Does a student learn from its teacher, from no other model, and from the right classes of the right images?"""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sadari.data.load import load
from sadari.data.split import draw_split
from sadari.errors import UsageError
from sadari.inference.classifier import Classifier
from sadari.progress import Silent
from sadari.run import RunRecord
from sadari.training.teacher import answers as answering
from sadari.training.teacher.answers import answers_of
from sadari.training.teacher.teacher import Teacher
from sadari.training.train import train
from sadari.values import Split
from support.backbones import SIDE, backbone_job
from support.interruptions import PROMISED, contents
from support.jobs import (
    DROPPED,
    PLAIN,
    Listener,
    arrays_file,
    figures,
    job_for,
    model_bytes,
    parts,
    patterns,
)
from support.teachers import IMAGES, job_of, taught, untaught

CPU = torch.device("cpu")


def logits_of(run: RunRecord, pixels: Any) -> np.ndarray[Any, Any]:
    return np.log(Classifier.open(run.path).probabilities(np.asarray(pixels)))


def same_up_to_a_constant(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    """Return whether logits give the same probabilities."""
    return np.allclose(one - one.mean(1, keepdims=True), other - other.mean(1, keepdims=True), atol=1e-4)


def test_a_student_learns_otherwise_with_a_teacher_and_says_whose_it_is(teacher: RunRecord, tmp_path: Path) -> None:
    job = job_of(teacher, tmp_path)
    student, alone = taught(job, tmp_path / "student"), taught(untaught(job), tmp_path / "alone")
    assert model_bytes(student) != model_bytes(alone)
    assert contents(student.path) == PROMISED, "the stored answers leave with the checkpoint"
    stored = json.loads((student.path / "environment.json").read_text(encoding="utf-8"))["teacher"]
    assert stored["name"] == "teacher" and len(stored["sha256"]) == 64 and stored["note"] == ""
    assert str(teacher.path.parent) not in json.dumps(stored)
    assert student.job.settings.teacher == str(teacher.path)


@pytest.mark.parametrize("layers", [PLAIN, DROPPED])
def test_without_weight_the_teacher_changes_nothing(layers: str, teacher: RunRecord, tmp_path: Path) -> None:
    job, heard = job_of(teacher, tmp_path, layers, teacher_weight=0), Listener()
    student = taught(job, tmp_path / "student", progress=heard)
    alone = taught(untaught(job, teacher_weight=0.9), tmp_path / "alone")
    assert model_bytes(student) == model_bytes(alone) and figures(student) == figures(alone)
    assert "teacher_weight=0: the teacher has no effect" in heard.said


def test_with_all_the_weight_labels_are_not_read(teacher: RunRecord, tmp_path: Path) -> None:
    """Validation images still choose the epoch, by their labels, unless the last one is kept."""
    job = job_of(teacher, tmp_path, teacher_weight=1, restore_best=False)
    wrong = IMAGES.labels.copy()
    wrong[parts(IMAGES).train] = np.roll(wrong[parts(IMAGES).train], 1)
    student = taught(job, tmp_path / "student")
    misled = taught(job, tmp_path / "misled", replace(IMAGES, labels=wrong))
    assert model_bytes(student) == model_bytes(misled)
    assert student.history[-1]["train_loss"] == misled.history[-1]["train_loss"]


def test_classes_are_matched_by_name(tmp_path: Path) -> None:
    order = [2, 0, 1]  # where the teacher has each class
    theirs = replace(IMAGES, classes=("b", "c", "a"), labels=np.array(order)[IMAGES.labels])
    run = train(job_for("softmax"), tmp_path / "teacher", images=theirs, split=parts(theirs))
    found = Teacher.open(str(run.path), IMAGES.classes, Silent())
    train_split = parts(IMAGES).train
    ours = answers_of(found, job_for("softmax"), IMAGES, train_split, CPU, Silent())
    assert same_up_to_a_constant(ours, logits_of(run, IMAGES.images[train_split])[:, order])
    assert (ours.argmax(1) == IMAGES.labels[train_split]).mean() > 0.6


def test_answers_are_computed_once_for_all_students(
    teacher: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of(teacher, tmp_path)
    taught(job, tmp_path / "first")

    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(answering, "predict_logits", never)
    assert taught(replace(job, seed=1), tmp_path / "second").finished


def test_the_teacher_sees_images_in_its_own_form(tmp_path: Path) -> None:
    """The student reads four pixels of eight, grey ones; its teacher sees all of them, in colour."""
    data = arrays_file(tmp_path, IMAGES)
    run = train(job_for("softmax", data, image_size=8), tmp_path / "teacher")
    job = job_for("softmax", data, image_size=4, channels=1, teacher=str(run.path))
    small = load(data, job.settings)
    assert small.shape == (4, 4, 1)
    found = Teacher.open(str(run.path), small.classes, Silent())
    train_split = draw_split(small, job.settings).train
    ours = answers_of(found, job, small, train_split, CPU, Silent())
    large = load(data, replace(job.settings, image_size=8, channels=3))
    assert same_up_to_a_constant(ours, logits_of(run, large.images[train_split]))
    assert train(job, tmp_path / "student").finished


def test_what_the_teacher_computed_for_itself_is_not_computed_again(tmp_path: Path) -> None:
    images = patterns(side=SIDE)
    run = train(backbone_job("linear-probe"), tmp_path / "teacher", images=images, split=parts(images))
    heard = Listener()
    job = job_of(run, tmp_path)
    assert taught(job, tmp_path / "run", images, heard).finished
    assert [label for label, *_ in heard.tasks if label == "teacher"] == ["teacher"]
    assert not any("frozen" in label for label, *_ in heard.tasks)
    found = Teacher.open(str(run.path), images.classes, Silent())
    ours = answers_of(found, job, images, parts(images).train, CPU, Silent())
    assert same_up_to_a_constant(ours, logits_of(run, images.images[parts(images).train]))


def test_images_without_files_must_have_the_form_of_the_teacher(teacher: RunRecord, tmp_path: Path) -> None:
    images = patterns(side=6)
    with pytest.raises(UsageError, match=r"the teacher reads images of 8 x 8 pixels and 3 channels, and these arrays"):
        taught(job_of(teacher, tmp_path), tmp_path / "student", images)


@pytest.mark.parametrize("augment", ["flip", "mixup 0.4", "cutmix 1"])
def test_a_student_sees_augmented_images(augment: str, teacher: RunRecord, tmp_path: Path) -> None:
    job = job_of(teacher, tmp_path, DROPPED, augment=augment, class_weights="balanced", label_smoothing=0.1)
    assert taught(job, tmp_path / "student").finished


# --- what the teacher has seen


def shifted(split: Split) -> Split:
    """Return a split whose training images are others: those that validate and test here train there."""
    return replace(split, train=split.test, val=split.val, test=split.train)


def test_a_teacher_of_the_same_split_has_seen_nothing_else(teacher: RunRecord, tmp_path: Path) -> None:
    assert taught(job_of(teacher, tmp_path), tmp_path / "run").notes == ()


def test_images_that_trained_the_teacher_are_counted(tmp_path: Path) -> None:
    run = train(job_for("softmax"), tmp_path / "teacher", images=IMAGES, split=shifted(parts(IMAGES)))
    student = taught(job_of(run, tmp_path), tmp_path / "run")
    assert student.notes == (
        "the teacher teacher was trained on 0 of 20 validation and 20 of 20 test images: the scores there are too "
        "good; give teacher and student the same split",
    )


@pytest.mark.parametrize("kept", [True, False])
def test_copies_in_the_teachers_own_images_are_counted(kept: bool, tmp_path: Path) -> None:
    data = arrays_file(tmp_path, replace(IMAGES, images=np.roll(np.asarray(IMAGES.images), 5, 0)), "theirs.npz")
    labels = np.roll(IMAGES.labels, 5)
    with np.load(data) as arrays:
        split = parts(IMAGES)
        own = {**arrays, **{f"y_{name}": labels[split.positions(name)] for name in ("train", "val", "test")}}
    np.savez(data, **own)
    run = train(job_for("softmax", data), tmp_path / "teacher")
    if not kept:
        Path(data).unlink()
    student = taught(job_of(run, tmp_path), tmp_path / "run")
    (note,) = student.notes
    if kept:  # the last five test images here are the first five training images there
        assert "was trained on 0 of 20 validation and 5 of 20 test images" in note
    else:
        assert "it is not known which images trained the teacher teacher (its images are gone" in note


def test_of_an_exported_teacher_nothing_is_known(teacher: RunRecord, tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    folder.mkdir()
    for name in ("model.safetensors", "preprocess.json"):
        shutil.copy(teacher.path / name, folder)
    student = taught(job_of(folder, tmp_path), tmp_path / "run")
    assert "(it is an exported model)" in student.notes[0]
    assert model_bytes(student) == model_bytes(taught(job_of(teacher, tmp_path), tmp_path / "other"))
