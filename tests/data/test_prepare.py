"""Is what a network reads what statistics books call standardised, and is it fitted on the training images only?"""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from sadari.data import prepare
from sadari.data.prepare import Preprocess
from sadari.errors import SadariError
from sadari.settings import SCALINGS
from sadari.values import ImageSet
from support.jobs import patterns

TRAIN = np.arange(0, 70, 2, dtype=np.int64)


def small() -> ImageSet:
    """Images that are not square, with one constant pixel and one constant channel."""
    images = patterns(channels=3).images[:, :6].copy()
    images[:, 2, 3] = 77
    images[..., 2] = 9
    return replace(patterns(channels=3), images=images)


def applied(preprocess: Preprocess, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """float32 (N, H, W, C)"""
    return np.asarray(preprocess.apply(torch.from_numpy(images)).permute(0, 2, 3, 1).numpy())


def as_scikit_learn(images: NDArray[np.uint8], scaling: str) -> NDArray[np.float64]:
    """Fitted on the images at TRAIN: a column of the table is a channel, or a single pixel."""
    columns = images.shape[3] if scaling == "channel" else int(np.prod(images.shape[1:]))
    scaler = StandardScaler().fit(images[TRAIN].reshape(-1, columns).astype(np.float64))
    return np.asarray(scaler.transform(images.reshape(-1, columns).astype(np.float64))).reshape(images.shape)


@pytest.mark.parametrize("scaling", ["channel", "pixel"])
@pytest.mark.parametrize("values", [1 << 22, 1000])
def test_standardising_is_that_of_scikit_learn(scaling: str, values: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "BLOCK_VALUES", values)
    images = small()
    result = applied(Preprocess.fitted(images, TRAIN, scaling, "crop"), images.images[:])
    assert np.allclose(result, as_scikit_learn(images.images[:], scaling), atol=2e-5)
    assert (result[..., 2] == 0).all() or np.abs(result[..., 2]).max() < 1e-5


@pytest.mark.parametrize(("scaling", "expected"), [("unit", 255.0), ("none", 1.0)])
def test_the_other_scalings_divide(scaling: str, expected: float) -> None:
    images = small()
    result = applied(Preprocess.fitted(images, TRAIN, scaling, "crop"), images.images[:])
    assert np.allclose(result, images.images[:] / expected, rtol=1e-6)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_only_the_training_images_count(scaling: str) -> None:
    images = small()
    others = np.setdiff1d(np.arange(len(images)), TRAIN)
    changed = np.array(images.images)
    changed[others] = 255 - changed[others]
    before, after = (
        Preprocess.fitted(replace(images, images=each), TRAIN, scaling, "crop").to_json()
        for each in (images.images, changed)
    )
    assert before == after
    changed[TRAIN[0]] = 255 - changed[TRAIN[0]]
    touched = Preprocess.fitted(replace(images, images=changed), TRAIN, scaling, "crop").to_json()
    assert (touched == before) == (scaling in ("unit", "none"))


@pytest.mark.parametrize("scaling", SCALINGS)
def test_what_goes_to_json_comes_back_bit_for_bit(scaling: str) -> None:
    images = small()
    preprocess = Preprocess.fitted(images, TRAIN, scaling, "pad", interpolation="bicubic")
    back = Preprocess.from_json(json.loads(json.dumps(preprocess.to_json())))
    assert (back.height, back.width, back.channels, back.fit, back.scaling) == (6, 8, 3, "pad", scaling)
    assert back.interpolation == "bicubic"
    for name in ("scale", "shift"):
        one, other = getattr(preprocess, name), getattr(back, name)
        assert one.dtype == other.dtype == np.float32
        assert one.shape == other.shape
        assert one.tobytes() == other.tobytes()
    assert applied(back, images.images[:]).tobytes() == applied(preprocess, images.images[:]).tobytes()


def test_maps_leave_in_channels_last_memory() -> None:
    images = small()
    maps = Preprocess.fitted(images, TRAIN, "pixel", "crop").apply(torch.from_numpy(images.images))
    assert maps.dtype == torch.float32
    assert maps.shape == (90, 3, 6, 8)
    assert maps.is_contiguous(memory_format=torch.channels_last)


def test_another_shape_is_refused_with_a_sentence() -> None:
    preprocess = Preprocess.fitted(small(), TRAIN, "unit", "crop")
    for shape in ((1, 8, 6, 3), (1, 6, 8, 1)):
        with pytest.raises(SadariError, match=r"images of \(.*\) given to a model for \(6, 8, 3\); load them again"):
            preprocess.apply(torch.zeros(shape, dtype=torch.uint8))


@pytest.mark.parametrize(
    "damage",
    [
        {"scale": None},
        {"scale": ["x"]},
        {"height": "tall"},
        {"width": None},
        {"shift": [[1], [1, 2]]},
        {"shift": [float("nan")]},
        {"scale": [1.0, 2.0]},
    ],
)
def test_a_damaged_document_is_refused_with_a_sentence(damage: dict[str, object]) -> None:
    document = {**Preprocess.fitted(small(), TRAIN, "unit", "crop").to_json(), **damage}
    with pytest.raises(SadariError, match="preprocessing of the run is damaged"):
        Preprocess.from_json(document)
    with pytest.raises(SadariError, match="preprocessing of the run is damaged"):
        Preprocess.from_json({})
