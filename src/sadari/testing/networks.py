"""Do layers and models keep what is promised of all of them? Shapes, weights, gradients, draws, and a way back."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from sadari.job import make_job
from sadari.models.catalog import MODELS
from sadari.models.layers.specs import Shape
from sadari.models.network import Network, build
from sadari.models.parse import describe, parse
from sadari.models.spec import FittedBy, ModelSpec
from sadari.progress import Silent
from sadari.settings import Settings, setting_names, with_overrides
from sadari.testing.suites import Contract, seeded
from sadari.training.randomness import begin_step, varying_layers

CLASSES, SEED = 3, 5


def batch(shape: Shape, count: int = 4) -> Tensor:
    """Draw what a network reads, float32 (N, C, H, W), for images of `shape` (H, W, C); always the same."""
    height, width, channels = shape
    return torch.rand(count, channels, height, width, generator=seeded(1))


class LayerContract(Contract):
    """The contract of layers. layers: lists of layers, each with the shape (H, W, C) of images that it is tried on.

    A list is such as "squeeze-excite 4" or "conv 4, my-layer"; what it ends in is flattened where that is needed.
    """

    layers: ClassVar[tuple[tuple[str, Shape], ...]] = ()

    @classmethod
    def cases(cls) -> dict[str, list[Any]]:
        return {"case": list(cls.layers)}

    @pytest.fixture
    def network(self, case: tuple[str, Shape]) -> Network:
        """Return the network of this test, with the class layer."""
        return self._built(case)

    @staticmethod
    def _built(case: tuple[str, Shape], seed: int = SEED) -> Network:
        text, shape = case
        layers = parse(text, {})
        out = shape
        for layer in layers:
            out, _ = layer.follow(out)
        return build(parse(text if len(out) == 1 else f"{text}, flatten", {}), shape, CLASSES, seed)

    def test_shapes_and_params_are_those_that_describe_says(self, case: tuple[str, Shape], network: Network) -> None:
        text, shape = case
        layers = parse(text, {})
        rows = describe(parse(f"{text}, flatten", {}) if len(_out(layers, shape)) > 1 else layers, shape, CLASSES)
        trainable = sum(each.numel() for each in network.parameters() if each.requires_grad)
        assert trainable == sum(row.trainable for row in rows)
        x, modules = batch(shape), [*network.features, *network.head]
        assert len(modules) == len(rows)
        for row, module in zip(rows, modules, strict=True):
            x = module.eval()(x)
            last = x.permute(0, 2, 3, 1) if x.ndim == 4 else x
            assert tuple(last.shape[1:]) == row.shape, f"`{row.text}` makes another shape than it says"

    def test_the_same_seed_gives_the_same_weights_whatever_was_drawn_before(self, case: tuple[str, Shape]) -> None:
        first = self._built(case).state_dict()
        torch.rand(7)
        second, other = self._built(case).state_dict(), self._built(case, SEED + 1).state_dict()
        assert all(torch.equal(first[key], second[key]) for key in first)
        assert any(not torch.equal(first[key], other[key]) for key in first)

    def test_every_weight_gets_a_gradient_and_no_input_is_written_to(
        self, case: tuple[str, Shape], network: Network
    ) -> None:
        x = batch(case[1])
        before = x.clone()
        network.train()(x).square().sum().backward()
        assert torch.equal(x, before), "the input was written to"
        for name, each in network.named_parameters():
            assert each.grad is not None or not each.requires_grad, f"{name} gets no gradient"
            assert each.grad is None or each.grad.isfinite().all()

    def test_draws_of_a_step_depend_on_the_step_alone(self, case: tuple[str, Shape], network: Network) -> None:
        """A killed run goes on to the same bytes: draw by the Dropout of torch or of `models.layers.dropout`."""
        network.train()
        varying, answers = varying_layers(network), []
        for drawn_before in (0, 11):
            torch.rand(drawn_before)
            begin_step(varying, SEED, 3)
            answers.append(network(batch(case[1])))
        assert torch.equal(*answers), "it draws from torch's own generator"

    def test_an_image_is_judged_the_same_alone(self, case: tuple[str, Shape], network: Network) -> None:
        x = batch(case[1])
        network.eval()
        with torch.no_grad():
            alone = torch.cat([network(each) for each in torch.split(x, 1)])
            torch.testing.assert_close(alone, network(x), rtol=1e-4, atol=1e-5)

    def test_channels_last_gives_the_same_logits(self, case: tuple[str, Shape], network: Network) -> None:
        x = batch(case[1])
        network.eval()
        with torch.no_grad():
            logits = network(x)
            last = network.to(memory_format=torch.channels_last)(x.contiguous(memory_format=torch.channels_last))
        torch.testing.assert_close(last, logits, rtol=1e-4, atol=1e-5)

    def test_stored_weights_are_the_whole_network(self, case: tuple[str, Shape], network: Network) -> None:
        network.train()(batch(case[1]))  # moving statistics have moved
        again = self._built(case, SEED + 1)
        again.load_state_dict({key: each.clone() for key, each in network.state_dict().items()})
        with torch.no_grad():
            assert torch.equal(again.eval()(batch(case[1])), network.eval()(batch(case[1])))

    def test_bfloat16_gives_nearly_the_same_logits(self, case: tuple[str, Shape], network: Network) -> None:
        network.eval()
        with torch.no_grad():
            exact = network(batch(case[1]))
            with torch.autocast("cpu", torch.bfloat16):
                rounded = network(batch(case[1])).float()
        torch.testing.assert_close(rounded, exact, rtol=0.1, atol=0.1 * max(1.0, exact.abs().max().item()))


def _out(layers: Sequence[Any], shape: Shape) -> Shape:
    for layer in layers:
        shape, _ = layer.follow(shape)
    return shape


class ModelContract(Contract):
    """The contract of models. trained: whether one epoch on a few drawn images is part of it."""

    trained: ClassVar[bool] = True

    @pytest.fixture
    def spec(self, name: str) -> ModelSpec:
        """Return the model of this test."""
        return MODELS.get(name)

    def test_every_model_is_whole(self, spec: ModelSpec, name: str) -> None:
        assert spec.name == name
        assert spec.summary and not spec.summary.endswith(".")
        assert not set(spec.variables) & set(setting_names())
        assert isinstance(with_overrides(Settings(), spec.settings), Settings)
        assert len(parse(spec.layers, spec.variables)) >= (spec.name != "majority")
        if spec.fitted_by is FittedBy.GRADIENT:
            assert all(f"${variable}" in spec.layers for variable in spec.variables)

    def test_it_trains_stops_and_goes_on_to_the_same_bytes(self, spec: ModelSpec, tmp_path: Path) -> None:
        if not self.trained:
            pytest.skip("tested elsewhere")
        from sadari.inference.model import TrainedModel
        from sadari.training.train import resume, train

        overrides: dict[str, Any] = {"epochs": 2, "checkpoint_seconds": 0.0, "tensorboard": "off"}
        job = make_job("shapes:images=60,size=16", spec, 0, overrides)
        whole = train(job, tmp_path / "whole")
        with pytest.raises(KeyboardInterrupt):
            train(job, tmp_path / "stopped", progress=_Stopping())
        gone_on = resume(tmp_path / "stopped")
        assert (whole.path / "model.safetensors").read_bytes() == (gone_on.path / "model.safetensors").read_bytes()
        assert isinstance(TrainedModel.load(gone_on).network, nn.Module)


class _Stopping(Silent):
    """A Progress that stops the training at its second epoch, as Ctrl-C does."""

    def task(self, label: str, total: int, unit: str) -> Any:
        if label.startswith("epoch 2"):
            raise KeyboardInterrupt
        return super().task(label, total, unit)
