"""What does an estimator refuse, and in which sentence?"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from sadari import UsageError
from sadari.estimator.inputs import InputError
from support.estimators import IMAGES, NAMES, ROWS, SHARES, quick


def test_it_must_be_fitted_first(tmp_path: Path) -> None:
    for use in (quick().predict, quick().predict_proba):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            use(np.zeros((1, 4)))
    with pytest.raises(NotFittedError, match="not fitted yet"):
        quick().save(tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"model": "cmn"}, "unknown model 'cmn'; did you mean 'cnn'"),
        ({"epochs": 0}, "epochs is a number from 1 up, not 0"),
        ({"epochs": 2.5}, "epochs is a whole number, not '2.5'"),
        ({"batch_size": [1]}, r"batch_size is a number, a text, true or false, not \[1\]"),
        ({"validation_fraction": 1.0}, "val_fraction is a fraction below 1, not 1.0"),
        ({"settings": {"shedule": "cosine"}}, "unknown setting 'shedule'; did you mean 'schedule'"),
        ({"settings": {"epochs": 3}}, "epochs is an argument of its own; give epochs="),
        ({"settings": {"val_fraction": 0.5}}, "val_fraction is an argument of its own; give validation_fraction="),
        ({"settings": {"test_fraction": 0.5}}, "fit takes no test images from X"),
        ({"settings": "cosine"}, "settings is a mapping, such as {'dropout': 0.3}, not 'cosine'"),
        ({"settings": {"channels": 2}}, "channels is 1 .grey., 3 .colour. or 0 .as X has it., not 2"),
        ({"image_shape": (8, 9)}, r"X holds images of the shape \(8, 8, 1\), but image_shape is \(8, 9\)"),
        ({"image_shape": (8, 8, 2)}, r"image_shape is \(height, width\) or .*, not \(8, 8, 2\)"),
        ({"image_shape": 8}, r"image_shape is \(height, width\) or .*, not 8"),
        ({"value_range": (1, 0)}, r"value_range is the values of black and white, such as \(0, 1\), not \(1, 0\)"),
        ({"value_range": (0, 1, 2)}, "value_range is the values of black and white"),
    ],
)
def test_arguments_that_cannot_be_used(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        quick(**arguments).fit(IMAGES, NAMES)


@pytest.mark.parametrize(
    ("shape", "arguments", "said"),
    [
        ((4, 3, 8, 8), {}, r"X has the shape \(4, 3, 8, 8\); images are \(N, H, W\) or .*, channels last"),
        ((4, 8, 8, 3, 1), {}, r"X has the shape \(4, 8, 8, 3, 1\)"),
        ((4, 63), {"image_shape": (8, 8)}, r"image_shape \(8, 8\) has 64 values, but a row of X has 63"),
    ],
)
def test_shapes_that_are_no_images(shape: tuple[int, ...], arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        quick(**arguments).fit(np.zeros(shape, np.uint8), [0, 1, 0, 1])


def test_values_that_are_no_images() -> None:
    y = [0, 1, 0, 1]
    holes = np.zeros((4, 3, 3))
    holes[1, 1, 1] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        quick().fit(holes, y)
    with pytest.raises(InputError, match=r"X holds values from -1e[+]308 to 1e[+]308, too far apart"):
        quick().fit(np.array([[-1e308, 1e308]] * 4), y)
    with pytest.raises(InputError, match="y holds one class only, 0; a classifier needs images of at least two"):
        quick().fit(np.zeros((4, 3, 3)), [0] * 4)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        quick().fit(np.zeros((4, 3, 3)), y[1:])


def test_images_that_are_not_like_those_before() -> None:
    on_bytes, on_shares = (quick("majority").fit(each, NAMES) for each in (IMAGES, SHARES))
    with pytest.raises(InputError, match=r"images of the shape \(7, 8, 1\), but .* fitted on \(8, 8, 1\)"):
        on_bytes.predict(IMAGES[:, 1:])
    with pytest.raises(InputError, match=r"images of the shape \(4, 16, 1\), but .* fitted on \(8, 8, 1\)"):
        on_bytes.predict(IMAGES.reshape(300, 4, 16))
    with pytest.raises(ValueError, match="X has 63 features, but ImageClassifier is expecting 64"):
        on_bytes.predict(ROWS[:, 1:])
    with pytest.raises(InputError, match=r"X is float64, but the classifier was fitted on uint8; .* value_range"):
        on_bytes.predict(SHARES)
    with pytest.raises(InputError, match="X is uint8, but the classifier was fitted on values from 0 to 1; "):
        on_shares.predict(IMAGES)


def test_a_layer_that_does_not_fit_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    classifier = quick("cnn")
    with pytest.raises(UsageError, match="maxpool"):
        classifier.fit(np.zeros((4, 3), np.uint8), [0, 1, 0, 1])
    with pytest.raises(NotFittedError):
        classifier.predict(np.zeros((4, 3), np.uint8))
    assert not list(tmp_path.glob("sadari-*"))
