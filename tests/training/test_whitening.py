"""Does a run whiten by its own training images, store the filters, and go on to the same bytes?"""

from pathlib import Path
from typing import Any

import pytest
import torch

from sadari.data.prepare import Preprocess
from sadari.inference.model import TrainedModel
from sadari.models.layers.whiten import Whiten
from sadari.training.train import train
from support.interruptions import at_step, ctrl_c
from support.jobs import job_for, model_bytes, network_file, parts, patterns

LAYERS = "whiten 2, gelu, conv 8 same linear nobias identity, maxpool, batchnorm noscale, gelu, globalmaxpool, mirror"
RECIPE: dict[str, Any] = {
    "optimizer": "normed-muon",
    "schedule": "linear",
    "augment": "crop 1, alternate-flip",
    "scaling": "channel",
}


def test_filters_are_those_of_the_training_images(tmp_path: Path) -> None:
    images = patterns()
    split = parts(images)
    run = train(job_for(network_file(tmp_path, LAYERS), **RECIPE), tmp_path / "run", images=images, split=split)
    layer = next(each for each in TrainedModel.load(run).network.modules() if isinstance(each, Whiten))
    twin = Whiten(3, 2)
    preprocess = Preprocess.fitted(images, split.train, "channel", "crop")
    twin.fit([preprocess.apply(torch.from_numpy(images.images[split.train]))])
    assert torch.allclose(layer.weight, twin.weight, atol=1e-4)
    assert layer.bias.abs().max() > 0


@pytest.mark.parametrize("moments", [[(0, 0)], [(1, 1), (2, 2)]])
def test_an_interrupted_run_ends_in_the_same_bytes(
    moments: list[tuple[int, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = patterns()
    job = job_for(network_file(tmp_path, LAYERS), **RECIPE)
    whole = train(job, tmp_path / "whole", images=images, split=parts(images))
    for epoch, step in moments:
        with at_step(monkeypatch, epoch, step, ctrl_c), pytest.raises(KeyboardInterrupt):
            train(job, tmp_path / "cut", images=images, split=parts(images))
    assert model_bytes(train(job, tmp_path / "cut", images=images)) == model_bytes(whole)
