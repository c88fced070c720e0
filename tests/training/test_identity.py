"""Is a run what it was made of: its images, its weights, its layers, wherever they are and whatever they are called?"""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

import sadari
from sadari.data.load import load
from sadari.errors import SadariError, UsageError
from sadari.evaluation.metrics import score
from sadari.inference.device import resolve_machine
from sadari.inference.evaluate import evaluate
from sadari.run import RunRecord
from sadari.settings import Settings
from sadari.training import train as training
from sadari.training.train import resume, train
from support.backbones import SIDE, backbone_job, hub_folder
from support.interruptions import at_step, ctrl_c
from support.jobs import PLAIN, Listener, job_for, model_bytes, network_file, patterns
from support.sets import flat_files, write_folder

FOLDER = {"cat": 12, "dog": 12}


def photographs(path: Path, **classes: int) -> str:
    return str(write_folder(path, flat_files(**(classes or FOLDER))))


def test_a_finished_run_of_other_images_is_not_returned(tmp_path: Path) -> None:
    """The photographs changed since: the scores would be those of another set."""
    data = photographs(tmp_path / "photos")
    train(job_for("softmax", data), tmp_path / "run")
    (tmp_path / "photos" / "cat").rename(tmp_path / "photos" / "cow")
    with pytest.raises(SadariError, match=r"the images of .*photos' have changed since the run"):
        train(job_for("softmax", data), tmp_path / "run")


def test_a_finished_run_without_its_images_is_shown_as_it_was_made(tmp_path: Path) -> None:
    data = photographs(tmp_path / "photos")
    made = train(job_for("softmax", data), tmp_path / "run")
    shutil.rmtree(tmp_path / "photos")
    heard = Listener()
    assert train(job_for("softmax", data), tmp_path / "run", progress=heard).summary == made.summary
    assert heard.said == [f"the images of '{data}' are not here any more; the run is shown as it was made"]


@pytest.mark.parametrize("finished", [True, False])
def test_images_that_moved_are_the_same(finished: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = photographs(tmp_path / "here")
    job = job_for("softmax", before)
    if finished:
        train(job, tmp_path / "run")
    else:
        with at_step(monkeypatch, 1, 0, ctrl_c), pytest.raises(KeyboardInterrupt):
            train(job, tmp_path / "run")
    now = shutil.move(before, tmp_path / "there")
    heard = Listener()
    run = train(replace(job, data=str(now)), tmp_path / "run", progress=heard)
    assert run.finished and f"the images are those of '{before}', now in '{now}'" in heard.said
    assert RunRecord(tmp_path / "run").job.data == str(now), "from now on they are found there"
    again = evaluate(RunRecord(tmp_path / "run"))
    assert score(again).values == pytest.approx(run.scores("test"), abs=1e-6)


def test_other_weights_than_the_run_was_made_with_are_noticed(tmp_path: Path) -> None:
    folder = hub_folder(tmp_path / "weights")
    job = backbone_job("linear-probe", weights=str(folder), epochs=1)
    images = patterns(60, side=SIDE)
    train(job, tmp_path / "run", images=images)
    assert train(job, tmp_path / "run", images=images).finished
    tensors = load_file(folder / "model.safetensors")
    save_file({name: tensor + 1 for name, tensor in tensors.items()}, folder / "model.safetensors")
    with pytest.raises(SadariError, match="the weights of test_resnet have changed since the run"):
        train(job, tmp_path / "run", images=images)


def test_a_run_goes_on_without_the_file_of_its_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = network_file(tmp_path, PLAIN)
    job = job_for(path, "digits")
    whole = train(job, tmp_path / "whole")
    with at_step(monkeypatch, 1, 2, ctrl_c), pytest.raises(KeyboardInterrupt):
        train(job, tmp_path / "run")
    Path(path).unlink()
    assert model_bytes(resume(tmp_path / "run")) == model_bytes(whole)
    assert resume(tmp_path / "whole").finished


def test_a_finished_run_of_another_machine_is_finished_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What "auto" became when the run began is its own; here it would become something else."""
    job = job_for("softmax", "digits", device="auto", precision="auto")
    made = train(job, tmp_path / "run")
    other = {"float32": "bfloat16", "bfloat16": "float32"}[made.job.settings.precision]

    def elsewhere(settings: Settings) -> Settings:
        resolved = resolve_machine(settings)
        return replace(resolved, precision=other) if settings.precision == "auto" else resolved

    monkeypatch.setattr(training, "resolve_machine", elsewhere)
    assert train(job, tmp_path / "run").path == made.path
    with pytest.raises(UsageError, match="other settings"):
        train(job_for("softmax", "digits", device="auto", precision=other), tmp_path / "run")


def test_the_own_images_of_a_run_keep_their_split(tmp_path: Path) -> None:
    """Random labels: who counts the training images as test images finds a model that learnt something."""
    data = photographs(tmp_path / "photos", cat=40, dog=40)
    run = train(job_for("mlp", data, epochs=60, learning_rate=0.01, restore_best=False), tmp_path / "run")
    assert len(evaluate(run)) == len(run.split.test) < len(load(data, Settings()))
    for name in ("train", "val", "test"):
        named = evaluate(run, data, name)
        assert len(named) == len(run.split.positions(name))
        assert score(named).values == pytest.approx(run.scores(name), abs=1e-6)


def test_a_comparison_goes_on_where_its_images_are_now(tmp_path: Path) -> None:
    before = photographs(tmp_path / "here")
    first = sadari.compare(before, ["softmax"], seeds=1, out=tmp_path / "out", epochs=1, threads=1)
    now = shutil.move(before, tmp_path / "there")
    more = sadari.compare(str(now), ["softmax", "mlp"], seeds=1, out=tmp_path / "out", epochs=1, threads=1)
    assert [arm.status for arm in more.arms] == ["done", "done"]
    [same] = [arm for arm in more.arms if arm.name == "softmax"]
    assert same.accuracy == first.arms[0].accuracy
