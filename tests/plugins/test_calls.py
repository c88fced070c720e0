"""Is code of a plug-in that fails, or returns something else than images, named in one sentence?"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import sadari
from sadari.data.augment.pipeline import as_operation
from sadari.data.corruptions import View, as_corruption
from sadari.errors import PluginWarning
from sadari.evaluation.metric_spec import as_metric
from sadari.settings import Settings
from sadari.training.loss import PluginLoss
from sadari.training.optim.build import as_maker
from sadari.values import Predictions

PIXELS = torch.zeros(2, 3, 4, 1, dtype=torch.uint8)
WRONG: list[tuple[Callable[..., Any], str]] = [
    (lambda *_: int("no"), r"of {here} fails \(ValueError: invalid literal "),
    (lambda pixels, *_: pixels.float(), r"returns torch.float32 of the shape \(2, 3, 4, 1\), where uint8 of \(2, "),
    (lambda pixels, *_: pixels[:1], r"returns torch.uint8 of the shape \(1, 3, 4, 1\), where uint8 of \(2, 3, 4, 1\)"),
    (lambda *_: None, r"returns NoneType, where uint8 of \(2, 3, 4, 1\)"),
]


@pytest.mark.parametrize(("made", "sentence"), WRONG)
def test_of_an_augmentation(made: Callable[..., Any], sentence: str) -> None:
    operation: Any = as_operation("odd", made, {}).step
    with pytest.raises(sadari.SadariError, match="the augmentation 'odd' .*" + sentence.format(here=__name__)):
        operation.apply(1.0, PIXELS, torch.Generator())


@pytest.mark.parametrize(("made", "sentence"), WRONG)
def test_of_a_corruption(made: Callable[..., Any], sentence: str) -> None:
    corruption = as_corruption("odd", made, {"levels": (0.1,), "scale": 1.0, "unit": ""})
    with pytest.raises(sadari.SadariError, match="the corruption 'odd' .*" + sentence.format(here=__name__)):
        corruption.change(View(PIXELS, torch.Generator()), 0.1)


@pytest.mark.parametrize(
    ("made", "reason"), [(lambda logits, _: logits.detach().sum(1), "RuntimeError"), (lambda _: None, "TypeError")]
)
def test_of_a_loss(made: Callable[..., Any], reason: str) -> None:
    loss = PluginLoss(3, function=made, name="odd")
    with pytest.raises(sadari.SadariError, match=rf"the loss 'odd' of {__name__} fails \({reason}: "):
        loss.grad(torch.zeros(2, 3), torch.full((2, 3), 1 / 3))


class Wrong(torch.optim.SGD):
    """An optimiser whose step fails."""

    def step(self, closure: Any = None) -> Any:  # noqa: ARG002
        raise KeyError("mean")


def stepping(made: Callable[..., Any]) -> None:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(2))], "weight_decay": 0.0}]
    as_maker("odd", made, {"learning_rate": 0.1}).make(groups, Settings()).step()


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (Wrong, r"KeyError: 'mean'"),
        (lambda groups, rate: Wrong(groups, rate), r"KeyError: 'mean'"),
        (lambda *_: sys.exit("no"), "SystemExit: no"),
        (lambda _: None, "TypeError: "),
    ],
)
def test_of_an_optimizer(made: Callable[..., Any], reason: str) -> None:
    with pytest.raises(sadari.SadariError, match=rf"the optimizer 'odd' of {__name__} fails \({reason}"):
        stepping(made)


def test_an_optimizer_that_works_steps_as_it_would() -> None:
    weights = torch.nn.Parameter(torch.ones(2))
    groups = [{"params": [weights], "weight_decay": 0.0}]
    optimizer = as_maker("sgd2", torch.optim.SGD, {"learning_rate": 0.5}).make(groups, Settings(learning_rate=0.5))
    weights.sum().backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    assert weights.tolist() == [0.5, 0.5]


def test_a_metric_that_would_end_the_process_is_left_out() -> None:
    predictions = Predictions(np.array(["0"]), np.array([0]), np.array([[0.9, 0.1]], dtype=np.float32), ("a", "b"), 1.0)
    metric = as_metric("odd", lambda _: sys.exit(3), {})
    with pytest.warns(PluginWarning, match=rf"the metric 'odd' of {__name__} is left out: SystemExit: 3"):
        assert np.isnan(metric.function(predictions))


def test_too_little_memory_is_left_to_the_training() -> None:
    def hungry(*_: Any) -> Any:
        raise RuntimeError("CUDA out of memory")

    with pytest.raises(RuntimeError, match=r"^CUDA out of memory$"):
        PluginLoss(3, function=hungry, name="odd").grad(torch.zeros(2, 3), torch.full((2, 3), 1 / 3))
