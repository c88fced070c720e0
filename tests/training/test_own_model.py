"""Does a network of the user's own code train, resume, open and refuse as those of the ladder do?"""

import importlib
import linecache
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from sadari.errors import SadariError
from sadari.estimator.image_classifier import ImageClassifier
from sadari.explain.activations import feature_map, feature_maps
from sadari.explain.attribution import ATTRIBUTIONS, attribute
from sadari.explain.weights import first_filters
from sadari.inference.architecture import Architecture
from sadari.inference.classifier import Classifier
from sadari.inference.evaluate import evaluate
from sadari.inference.model import TrainedModel
from sadari.job import Job, find_job, make_job
from sadari.models.catalog import find_model
from sadari.models.own import named
from sadari.run import RunRecord
from sadari.training.train import resume, train
from support import own_nets
from support.interruptions import at_step, ctrl_c
from support.jobs import QUIET, Listener, arrays_file, figures, model_bytes, parts, patterns

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, image_shape, classes):
        super().__init__()
        self.conv = nn.Conv2d(image_shape[0], 4, 3)
        self.out = nn.Linear(4, classes)

    def forward(self, x):
        return self.out(torch.relu(self.conv(x)).mean((2, 3)))
"""


def own_job(maker: Any, data: str = "patterns", **overrides: Any) -> Job:
    return make_job(data, find_model(maker), 0, {**QUIET, **overrides})


@pytest.fixture
def new_process(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what forgets which code was named, as in a process that begins."""

    def forget() -> None:
        monkeypatch.setattr(named, "_NAMED", {})

    forget()
    return forget


@pytest.fixture
def module_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Return what writes the module user_net with this text, imported anew, and returns the name of its class."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(text: str) -> str:
        (tmp_path / "user_net.py").write_text(text, encoding="utf-8")
        monkeypatch.delitem(sys.modules, "user_net", raising=False)
        importlib.invalidate_caches()
        linecache.clearcache()
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        return "user_net:Net"

    return write


@pytest.mark.parametrize("moments", [[(0, 0)], [(0, 2), (1, 1), (2, 3)]])
@pytest.mark.parametrize(
    ("maker", "overrides"),
    [
        (own_nets.make_net, {"precision": "bfloat16"}),
        (own_nets.make_net, {"augment": "flip", "optimizer": "momentum", "weights_average": 0.9, "dropout": 0.5}),
        (own_nets.Tied, {"optimizer": "muon", "weight_decay": 0.1}),
        (own_nets.lazy, {"optimizer": "rmsprop"}),
    ],
)
def test_interrupted_runs_end_in_the_same_bytes(
    maker: Any,
    overrides: dict[str, Any],
    moments: list[tuple[int, int]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = patterns()
    job = own_job(maker, **overrides)
    uninterrupted = train(job, tmp_path / "uninterrupted", images=images, split=parts(images))
    for epoch, step in moments:
        with at_step(monkeypatch, epoch, step, ctrl_c), pytest.raises(KeyboardInterrupt):
            train(job, tmp_path / "interrupted", images=images, split=parts(images))
        torch.manual_seed(epoch)  # nothing of the process decides
        np.random.seed(step)
    resumed = train(job, tmp_path / "interrupted", images=images)
    assert model_bytes(resumed) == model_bytes(uninterrupted)
    assert figures(resumed) == figures(uninterrupted)
    assert resumed.summary["scores"] == uninterrupted.summary["scores"]


def test_other_seeds_give_other_networks_and_the_run_stores_the_digest_of_its_source(tmp_path: Path) -> None:
    images = patterns()
    job = own_job(own_nets.make_net, width=3)
    run = train(job, tmp_path / "one", images=images, split=parts(images))
    other = train(make_job("patterns", job.model, 1, {**QUIET, "width": 3}), tmp_path / "two", images=images)
    assert model_bytes(run) != model_bytes(other)
    code = named.find_code("support.own_nets:make_net")
    assert run.job.model == "support.own_nets:make_net" and run.job.variables == {"width": 3, "dropout": 0.25}
    assert run.layers == f"own support.own_nets:make_net code {code.digest} width=$width dropout=$dropout"
    assert run.summary["model"] == "make_net" and run.summary["params"]["total"] > 0
    assert "no effect" not in (run.path / "log.txt").read_text(encoding="utf-8")


def test_opening_a_run_runs_only_code_that_is_named_again(
    tmp_path: Path, module_of: Callable[[str], str], new_process: Callable[[], None]
) -> None:
    images = patterns()
    run = train(own_job(module_of(NET)), tmp_path / "run", images=images, split=parts(images))
    first = Classifier.open(run.path).probabilities(images.images[:5])
    new_process()
    assert RunRecord.open(run.path).summary == run.summary and len(run.predictions) == 20  # reading needs no code
    assert Architecture.of_run(run).shape == (8, 8, 3)
    for opening in (lambda: Classifier.open(run.path), lambda: resume(run.path), lambda: evaluate(run)):
        with pytest.raises(named.NotNamedError, match=r"add --model-code user_net:Net \(in Python, model_code=Net\)"):
            opening()
    named.let_run("user_net:Net")
    again = Classifier.open(run.path).probabilities(images.images[:5])
    assert np.array_equal(first, again)
    assert find_job(run.job, run.layers).record == run.job


def test_a_source_that_has_changed_is_said_and_nothing_goes_on_with_it(
    tmp_path: Path, module_of: Callable[[str], str], new_process: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = patterns()
    data = arrays_file(tmp_path, images)
    job = own_job(module_of(NET), data)
    run = train(job, tmp_path / "run")
    with at_step(monkeypatch, 1, 1, ctrl_c), pytest.raises(KeyboardInterrupt):
        train(job, tmp_path / "begun")
    before = model_bytes(run)
    new_process()
    module_of(NET.replace("torch.relu", "torch.tanh"))
    named.let_run("user_net:Net")
    listener = Listener()
    Classifier.open(run.path, progress=listener)
    (said,) = listener.said
    assert said.startswith(f"the source of user_net:Net has changed since {run.path} was trained (then ")
    for going_on in (tmp_path / "begun", run.path):
        with pytest.raises(SadariError, match=r"'user_net:Net' has changed since .* train in another --out"):
            resume(going_on)
    new_process()
    module_of(NET.replace("4", "5"))
    named.let_run("user_net:Net")
    with pytest.raises(
        SadariError, match=r"has changed since .* the weights do not fit .* (size mismatch|parameters)"
    ) as caught:
        Classifier.open(run.path, progress=listener)
    assert "\n" not in str(caught.value) and model_bytes(run) == before
    new_process()
    module_of(NET)
    named.let_run("user_net:Net")
    assert resume(tmp_path / "begun").finished and model_bytes(RunRecord(tmp_path / "begun")) == before


def test_code_that_moved_goes_on_under_its_new_name(
    tmp_path: Path, module_of: Callable[[str], str], new_process: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = arrays_file(tmp_path, patterns())
    job = own_job(module_of(NET), data)
    whole = train(job, tmp_path / "whole")
    with at_step(monkeypatch, 1, 1, ctrl_c), pytest.raises(KeyboardInterrupt):
        train(job, tmp_path / "begun")
    new_process()
    (tmp_path / "moved_net.py").write_text(NET, encoding="utf-8")
    named.let_run("moved_net:Net")
    assert model_bytes(resume(tmp_path / "begun")) == model_bytes(whole)


def test_a_classifier_of_scikit_learn_is_saved_pickled_and_loaded(
    tmp_path: Path, new_process: Callable[[], None]
) -> None:
    images = patterns(channels=1)
    fitted = ImageClassifier(own_nets.make_net, epochs=1, random_state=0).fit(images.images, images.labels)
    answers = fitted.predict_proba(images.images[:4])
    folder = fitted.save(tmp_path / "saved")
    pickled = pickle.dumps(fitted)
    new_process()
    with pytest.raises(named.NotNamedError, match="model_code=make_net"):
        ImageClassifier.load(folder)
    loaded = ImageClassifier.load(folder, model_code=own_nets.make_net)
    assert loaded.model is own_nets.make_net
    new_process()
    for each in (loaded, pickle.loads(pickled)):  # noqa: S301 - the bytes are ours
        assert np.array_equal(each.predict_proba(images.images[:4]), answers)


def test_several_processes_share_its_batches(tmp_path: Path) -> None:
    data = arrays_file(tmp_path, patterns())
    alone = train(own_job(own_nets.lazy, data), tmp_path / "alone")
    shared = train(own_job(own_nets.lazy, data, devices=2), tmp_path / "shared")
    weights = [load_file(each.path / "model.safetensors") for each in (alone, shared)]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.allclose(each, weights[1][name], atol=1e-4) for name, each in weights[0].items())


def test_tensors_that_do_not_belong_to_the_network_are_refused(tmp_path: Path) -> None:
    images = patterns()
    run = train(own_job(own_nets.Tied), tmp_path / "run", images=images, split=parts(images))
    path = run.path / "model.safetensors"
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    save_file({**load_file(path), "stranger": torch.zeros(1)}, path, metadata)
    with pytest.raises(SadariError, match=r"(?s)cannot be read .*Unexpected key"):
        TrainedModel.load(run)


def test_it_is_looked_inside_like_other_networks(tmp_path: Path) -> None:
    images = patterns()
    run = train(own_job(own_nets.make_net), tmp_path / "run", images=images, split=parts(images))
    model = TrainedModel.load(run)
    maps = feature_maps(model, images.images[0])
    assert [each.layer for each in maps] == [
        *("own1.first.conv", "own1.first.norm", "own1.first.drop", "own1.pool"),
        *("own1.second.conv", "own1.second.norm", "own1.second.drop", "own1.out", "own1"),
    ]
    assert maps[3].maps.shape == (4, 4, 4) and maps[-1].maps.shape == (1, 1, 3)
    assert feature_map(model, images.images[0], "own1.second").maps.shape == (4, 4, 4)
    assert [each.name for each in ATTRIBUTIONS if not each.lacks(model)] == [
        "grad-cam", "integrated-gradients", "occlusion",
    ]  # fmt: skip
    assert attribute("grad-cam", model, images.images[0], 1).shape == (8, 8)
    filters = first_filters(model)
    assert filters is not None and filters.layer == "own1.first.conv" and filters.values.shape == (4, 3, 3, 3)
