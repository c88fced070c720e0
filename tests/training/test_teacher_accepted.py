"""Which models may teach which others, and does each that may not end in one sentence?"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from sadari.errors import SadariError, UsageError
from sadari.models.catalog import MODELS
from sadari.models.spec import FittedBy
from sadari.run import RunRecord
from sadari.training.train import train
from support.backbones import SIDE, SMALL
from support.interruptions import at_step, ctrl_c
from support.jobs import (
    PLAIN,
    Listener,
    job_for,
    network_file,
    parts,
    patterns,
)
from support.teachers import job_of, taught

CPU = torch.device("cpu")


def a_file(folder: Path, _: RunRecord) -> Path:
    path = folder / "teacher.onnx"
    path.write_bytes(b"a model")
    return path


def damaged(folder: Path, teacher: RunRecord) -> Path:
    copy = Path(shutil.copytree(teacher.path, folder / "damaged"))
    content = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(content[: len(content) // 2])
    return copy


def without_weights(folder: Path, teacher: RunRecord) -> Path:
    copy = Path(shutil.copytree(teacher.path, folder / "without-weights"))
    (copy / "model.safetensors").unlink()
    return copy


def of_other_classes(folder: Path, _: RunRecord) -> Path:
    images = replace(patterns(), classes=("a", "b", "z"))
    return train(job_for("softmax"), folder / "others", images=images, split=parts(images)).path


def of_more_classes(folder: Path, _: RunRecord) -> Path:
    images = patterns(classes=4)
    return train(job_for("softmax"), folder / "more", images=images, split=parts(images)).path


def several(folder: Path, teacher: RunRecord) -> Path:
    for name in ("one", "two"):
        shutil.copytree(teacher.path, folder / "several" / name)
    return folder / "several"


@pytest.mark.parametrize(
    ("make", "kind", "sentence"),
    [
        (lambda folder, _: folder / "nowhere", UsageError, "the teacher: there is no model in .*nowhere"),
        (a_file, UsageError, "the teacher: there is no model in .*teacher.onnx"),
        (several, UsageError, "the teacher: .* holds several runs"),
        (damaged, SadariError, "the model of .*damaged cannot be read"),
        (without_weights, SadariError, "is finished, but its model.safetensors is gone"),
        (of_other_classes, UsageError, "other classes: it does not know 'c' and these images have no 'z'"),
        (of_more_classes, UsageError, "other classes: these images have no 'd'; name a model of the same 3 classes"),
    ],
)
def test_a_bad_teacher_is_one_sentence_and_leaves_nothing(
    make: Callable[[Path, RunRecord], Path],
    kind: type[Exception],
    sentence: str,
    teacher: RunRecord,
    tmp_path: Path,
) -> None:
    job = job_of(make(tmp_path, teacher), tmp_path)
    with pytest.raises(kind, match=sentence) as error:
        taught(job, tmp_path / "run")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


def test_a_teacher_whose_answers_are_no_numbers_is_refused(teacher: RunRecord, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(teacher.path, tmp_path / "copy"))
    with safe_open(copy / "model.safetensors", framework="pt") as file:
        metadata = file.metadata()
    tensors = load_file(copy / "model.safetensors")
    spoilt = {name: tensor * float("nan") for name, tensor in tensors.items()}
    save_file(spoilt, copy / "model.safetensors", metadata)
    with pytest.raises(SadariError, match=r"the answers of the teacher .*copy are no numbers; name another one"):
        taught(job_of(copy, tmp_path), tmp_path / "run")


@pytest.mark.parametrize("name", ["majority", "logistic", "sgd", "knn"])
def test_any_model_can_teach(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = patterns(side=SIDE)
    overrides: dict[str, Any] = {"backbone": SMALL, "weights": "random", "scaling": "unit"} if name == "knn" else {}
    run = train(job_for(name, **overrides), tmp_path / "teacher", images=images, split=parts(images))
    job = job_of(run, tmp_path)
    with at_step(monkeypatch, 1, 0, ctrl_c), pytest.raises(KeyboardInterrupt):
        taught(job, tmp_path / "run", images)
    shutil.rmtree(run.path)
    assert all(np.isfinite(row["train_loss"]) for row in taught(job, tmp_path / "run", images).history)


def test_no_run_teaches_itself(teacher: RunRecord, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(teacher.path, tmp_path / "copy"))
    before = {each.name: each.read_bytes() for each in copy.iterdir()}
    with pytest.raises(UsageError, match="holds a run with other settings"):
        taught(job_of(copy, tmp_path), copy)
    assert {each.name: each.read_bytes() for each in copy.iterdir()} == before


# --- every network can have one


@pytest.mark.parametrize("name", [spec.name for spec in MODELS if spec.fitted_by is FittedBy.SOLVER])
def test_models_that_no_gradient_fits_say_that_a_teacher_has_no_effect(name: str, tmp_path: Path) -> None:
    assert not MODELS.get(name).uses("teacher")
    has_backbone = "backbone" in MODELS.get(name).variables
    overrides: dict[str, Any] = {"backbone": SMALL, "weights": "random"} if has_backbone else {}
    job = job_for(name, teacher=str(tmp_path / "nowhere"), image_size=SIDE, **overrides)
    assert not job.taught
    if name == "logistic":
        heard = Listener()
        assert taught(job, tmp_path / "run", progress=heard).finished
        assert f"{name} is not fitted by gradient steps: batch_size, teacher have no effect" in heard.said


def test_settings_of_a_teacher_without_one_are_said_to_be_idle(tmp_path: Path) -> None:
    heard = Listener()
    job = job_for(network_file(tmp_path, PLAIN), temperature=2, teacher_weight=0.5)
    taught(job, tmp_path / "run", progress=heard)
    assert "teacher_weight and temperature have no effect without teacher" in heard.said


@pytest.mark.slow
@pytest.mark.parametrize("name", [spec.name for spec in MODELS if spec.fitted_by is FittedBy.GRADIENT])
def test_every_network_of_the_ladder_learns_from_a_teacher(name: str, tmp_path: Path) -> None:
    images = patterns(side=SIDE)
    split = parts(images)
    run = train(job_for("softmax"), tmp_path / "teacher", images=images, split=split)
    variables = MODELS.get(name).variables
    overrides: dict[str, Any] = {"weights": "random"} if "weights" in variables else {}
    overrides |= {"backbone": SMALL} if "backbone" in variables else {}
    overrides["scaling"] = "backbone" if overrides else "unit"
    job = job_for(name, teacher=str(run.path), epochs=1, **overrides)
    assert job.taught and train(job, tmp_path / "student", images=images, split=split).teacher["name"] == "teacher"
