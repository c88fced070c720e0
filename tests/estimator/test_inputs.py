"""How are the arrays of a scikit-learn user read as images?"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from sadari import ImageClassifier
from support.estimators import IMAGES, NAMES, ROWS, SHARES, quick
from support.photographs import picture


def test_the_same_picture_is_the_same_in_every_form() -> None:
    wanted = quick(epochs=1).fit(IMAGES, NAMES).predict_proba(IMAGES)
    forms: list[tuple[NDArray[Any], dict[str, Any]]] = [
        (IMAGES[..., np.newaxis], {}),
        (ROWS, {}),
        (ROWS, {"image_shape": (8, 8)}),
        (IMAGES.astype(np.int64), {}),  # from 0 to 255
        (SHARES, {}),  # from 0 to 1
        (SHARES.astype(np.float32), {"value_range": (0, 1)}),
        (SHARES * 7 - 3, {"value_range": (-3, 4)}),
        (np.asfortranarray(IMAGES), {}),
    ]
    for form, arguments in forms:
        classifier = quick(epochs=1, **arguments).fit(form, NAMES)
        assert classifier.classifier_.shape == (8, 8, 1)
        np.testing.assert_array_equal(classifier.predict_proba(form), wanted)


def test_colour_rows_need_their_shape() -> None:
    generator = np.random.default_rng(0)
    y = np.arange(30) % 3
    images = np.stack([picture(6, 9, int(label), generator) for label in y])
    wanted = quick("softmax").fit(images, y)
    rows = images.reshape(30, -1)
    as_rows = quick("softmax", image_shape=(6, 9, 3)).fit(rows, y)
    np.testing.assert_array_equal(as_rows.predict_proba(rows), wanted.predict_proba(images))
    np.testing.assert_array_equal(as_rows.predict_proba(images), wanted.predict_proba(images))
    assert as_rows.classifier_.shape == (6, 9, 3)
    assert quick("majority").fit(rows, y).classifier_.shape == (1, 6 * 9 * 3, 1)


def test_values_outside_of_the_range_are_cut_off() -> None:
    classifier = quick(epochs=1).fit(SHARES, NAMES)
    lit, too_bright = SHARES.copy(), SHARES.copy()
    lit[:, 0, 0], too_bright[:, 0, 0] = 1, 1e308
    np.testing.assert_array_equal(classifier.predict_proba(lit), classifier.predict_proba(too_bright))
    assert not np.array_equal(classifier.predict_proba(lit), classifier.predict_proba(SHARES))


def test_one_value_all_over_is_black() -> None:
    y = np.arange(20) % 2
    for value in (0.0, 7.0):
        classifier = quick("majority").fit(np.full((20, 4), value), y)
        assert not classifier._input_format.to_images(np.full((1, 4), value)).any()


def test_images_are_made_as_a_setting_wants_them() -> None:
    classifier = quick("majority", settings={"image_size": 12, "channels": 3}).fit(IMAGES, NAMES)
    assert classifier.classifier_.shape == (12, 12, 3)
    assert classifier.predict(IMAGES[:3]).shape == (3,)


def test_a_backbone_reads_small_grey_images() -> None:
    settings = {"backbone": "mobilenetv1_100", "weights": "random:0", "image_size": 32, "cache": "none"}
    classifier = quick("linear-probe", settings=settings).fit(IMAGES[:30], NAMES[:30])
    assert classifier.classifier_.shape == (32, 32, 3)
    assert classifier.predict_proba(IMAGES[:3]).shape == (3, 10)


def test_columns_of_a_frame_are_remembered(tmp_path: Path) -> None:
    frame = pd.DataFrame(ROWS, columns=[f"pixel{each}" for each in range(64)])
    classifier = quick("majority").fit(frame, pd.Series(NAMES))
    loaded = ImageClassifier.load(classifier.save(tmp_path / "saved"))
    for each in (classifier, loaded):
        assert each.feature_names_in_[:2].tolist() == ["pixel0", "pixel1"]
        with pytest.raises(ValueError, match="feature names should match"):
            each.predict(frame[frame.columns[::-1]])
