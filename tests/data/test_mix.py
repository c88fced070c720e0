"""Do mixed images and their labels say the same, and does the engine learn from such labels?"""

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from sadari.data.augment.mix import cutmix_weights, mix, mixup_weights
from sadari.data.prepare import Preprocess
from support.batches import noise, parsed, seeded
from support.engines import engine_for, furthest, weights_of
from support.jobs import DROPPED, PLAIN

WAYS = {"mixup": [(mixup_weights, 0.6)], "cutmix": [(cutmix_weights, 1.0)]}
WAYS["both"] = [*WAYS["mixup"], *WAYS["cutmix"]]
any_alpha = st.sampled_from([1e-300, 1e-8, 1e-3, 0.2, 1.0, 8.0, 100.0])


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 9), st.integers(1, 20), st.integers(1, 20), st.integers(1, 6), any_alpha,
    st.sampled_from(list(WAYS)), st.integers(0, 99),
)  # fmt: skip
def test_labels_sum_to_one_and_images_stay_between_their_sources(
    count: int, height: int, width: int, classes: int, alpha: float, way: str, seed: int
) -> None:
    pixels, labels = noise(count, height, width, 3), torch.arange(count) % classes
    ways = [(weights, alpha) for weights, _ in WAYS[way]]
    result, soft = mix(pixels, labels, classes, ways, seeded(seed))
    assert (soft.shape, soft.dtype) == ((count, classes), torch.float32)
    assert torch.allclose(soft.sum(1), torch.ones(count), atol=1e-6)
    assert soft.min() >= 0 and torch.isfinite(soft).all()
    partners = pixels.roll(1, 0)
    assert (result >= torch.minimum(pixels, partners)).all() and (result <= torch.maximum(pixels, partners)).all()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [(16, 16, 3), (7, 30, 1)], ids=str)
def test_the_label_says_how_much_of_the_partner_is_seen(way: str, size: tuple[int, int, int]) -> None:
    pixels = torch.zeros(400, *size, dtype=torch.uint8)
    pixels[1::2] = 255  # every partner is of the other kind
    result, soft = mix(pixels, torch.arange(400) % 2, 2, WAYS[way], seeded())
    seen = result.double().mean((1, 2, 3)) / 255
    # Cutmix counts pixels, exactly; mixup rounds each to a level.
    assert (seen - soft[:, 1]).abs().max() <= (1e-6 if way == "cutmix" else 0.5 / 255 + 1e-6)
    assert soft[:, 1].std() > 0.2


def test_a_cutmix_is_one_window_of_the_partner() -> None:
    masks = cutmix_weights(1.0, (300, 24, 16), seeded())
    assert masks.dtype == torch.bool
    for mask in masks:
        rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
        assert mask.sum() == len(rows) * len(columns)
        if len(rows):
            assert len(rows) == rows[-1] - rows[0] + 1 and len(columns) == columns[-1] - columns[0] + 1
    assert masks.double().mean(0).min() > 0.05, "some places are never cut"
    pixels = noise(300, 24, 16, 3)
    result, _ = mix(pixels, torch.zeros(300).long(), 1, WAYS["cutmix"], seeded(1))
    own, other = (result == pixels).all(3), (result == pixels.roll(1, 0)).all(3)
    assert (own | other).all() and 0.05 < other.double().mean() < 0.6


def test_mixup_is_the_papers_line() -> None:
    pixels, labels = noise(50, 9, 9, 3), torch.arange(50) % 4
    result, soft = mix(pixels, labels, 4, WAYS["mixup"], seeded())
    share = mixup_weights(0.6, (50, 9, 9), _after_the_choice())[:, :, :, None]
    expected = (1 - share) * pixels.float() + share * pixels.roll(1, 0).float()
    assert (result.float() - expected).abs().max() <= 0.5 + 1e-3
    one_hot = F.one_hot(labels, 4)
    assert torch.allclose(soft, (1 - share[:, 0, 0]) * one_hot + share[:, 0, 0] * one_hot.roll(1, 0), atol=1e-6)


def _after_the_choice() -> torch.Generator:
    generator = seeded()
    torch.randint(1, (50, 1, 1), generator=generator)
    return generator


@pytest.mark.parametrize(("alpha", "deviation"), [(1.0, (1 / 12) ** 0.5), (0.2, (1 / (4 * 1.4)) ** 0.5)])
def test_shares_are_of_the_beta_distribution(alpha: float, deviation: float) -> None:
    shares = mixup_weights(alpha, (20_000, 2, 2), seeded())
    assert abs(shares.mean() - 0.5) < 0.02 and abs(shares.std() - deviation) < 0.01


def test_of_two_ways_each_image_takes_one() -> None:
    pixels = torch.zeros(600, 16, 16, 1, dtype=torch.uint8)
    pixels[1::2] = 255
    result, _ = mix(pixels, torch.arange(600) % 2, 2, WAYS["both"], seeded())
    blended = ((result > 0) & (result < 255)).flatten(1)
    assert (blended.all(1) | ~blended.any(1)).all()
    assert 0.3 < blended.all(1).double().mean() < 0.6


def test_without_the_words_labels_stay_what_they_were() -> None:
    pixels, labels = noise(4, 8, 8, 3), torch.arange(4)
    augmentation = parsed("flip")
    assert not augmentation.mixes
    assert augmentation.mix(pixels, labels, 4, seeded()) == (pixels, labels)
    assert parsed("flip, cutmix 1").mixes


# The engine


def cross_entropy_by_hand(logits: Tensor, labels: Tensor, class_weights: Tensor | None, smoothing: float) -> Tensor:
    classes = labels.shape[1]
    target = labels * (1 - smoothing) + smoothing / classes
    weights = torch.ones(classes) if class_weights is None else class_weights
    return -(weights * target * logits.log_softmax(1)).sum() / (labels @ weights).sum()


@pytest.mark.parametrize(
    "asked", [{}, {"label_smoothing": 0.2}, {"class_weights": torch.tensor([0.5, 1.0, 2.0])}], ids=str
)
def test_the_engine_learns_from_mixed_labels_like_a_bare_loop(asked: dict[str, Any], tmp_path: Path) -> None:
    chosen: dict[str, Any] = {"optimizer": "sgd", "learning_rate": 0.1, "restore_best": False, "epochs": 2, **asked}
    engine, twin = (engine_for(PLAIN, tmp_path, augment="flip, mixup 1, cutmix 1", **chosen) for _ in range(2))
    state = engine.fit()
    optimizer, right = torch.optim.SGD(twin.network.parameters(), lr=0.1), 0.0
    for step in range(2 * twin.batches.steps_per_epoch):
        x, labels, _ = twin.batches.batch(*divmod(step, twin.batches.steps_per_epoch))
        logits = twin.network(x)
        loss = cross_entropy_by_hand(logits, labels, twin.batches.loss.class_weights, twin.settings.label_smoothing)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        if step < twin.batches.steps_per_epoch:
            right += labels[torch.arange(len(labels)), logits.argmax(1)].sum().item()
    assert furthest(weights_of(engine.network), weights_of(twin.network)) <= 1e-6
    assert state.history[0]["train_accuracy"] == pytest.approx(right / len(twin.batches))


def test_micro_batches_take_their_part_of_mixed_labels(tmp_path: Path) -> None:
    whole, pieces = (engine_for(PLAIN, tmp_path / name, augment="cutmix 1", epochs=2) for name in ("a", "b"))
    whole.fit()
    pieces.state.micro_batch = 5
    pieces.fit()
    assert furthest(weights_of(whole.network), weights_of(pieces.network)) <= 1e-5


def test_validation_is_never_mixed_or_redrawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "rotate 30, shift 0.2, zoom 0.2, flip, trivial, erase 1, mixup 1, cutmix 1"
    judged: list[Tensor] = []
    original = Preprocess.apply

    def watched(self: Preprocess, pixels: Tensor) -> Tensor:
        if not engine.network.training:
            judged.extend(pixels)
        return original(self, pixels)

    monkeypatch.setattr(Preprocess, "apply", watched)
    engine = engine_for(DROPPED, tmp_path, augment=text, epochs=2)
    kept = {image.tobytes() for image in engine.inputs.rows[engine.validation]}
    engine.fit()
    assert len(judged) == 2 * len(engine.validation)
    assert {image.numpy().tobytes() for image in judged} == kept
