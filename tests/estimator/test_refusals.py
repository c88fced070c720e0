"""What does an estimator refuse, and in which sentence?"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image
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


def stacked(*images: Any) -> NDArray[Any]:
    made = np.empty(len(images), dtype=object)
    for at, image in enumerate(images):
        made[at] = image
    return made


A, B = np.zeros((8, 8), np.uint8), np.zeros((8, 9), np.uint8)
READ = "read the images first, or let sadari.train read files and folders"


@pytest.mark.parametrize(
    ("x", "said"),
    [
        ([A, B, A, B], "X holds images of different shapes, such as (8, 8) and (8, 9); bring all to one size, since "),
        (stacked(A, B, A, B), "X holds images of different shapes, such as (8, 8) and (8, 9)"),
        ([Image.new("L", (8, 8)), Image.new("L", (9, 8))] * 2, "different shapes, such as (8, 8) and (8, 9)"),
        ([[1, 2], [3], [1, 2], [3]], "X holds images of different shapes, such as (2,) and (1,)"),
        ([[[1, 2], [3]]] * 4, "X holds rows of different lengths; images are (N, H, W)"),
        (["a.jpg", "b.jpg", "c.jpg", "d.jpg"], f"X holds text, such as 'a.jpg', not pixels; {READ}"),
        ([Path("a.jpg")] * 4, f"X holds text, such as 'a.jpg', not pixels; {READ}"),
        (np.array([["a.jpg"]] * 4), "X holds text, such as 'a.jpg', not pixels"),
        (pd.Series(["a.jpg"] * 4), "X holds text, such as 'a.jpg', not pixels"),
        (pd.DataFrame({"path": ["a.jpg"] * 4}), "X holds text, such as 'a.jpg', not pixels"),
        ([b"\x89PNG"] * 4, "X holds text, such as "),
        ("photos", f"X is 'photos', not an array of pixels; {READ}"),
        (Path("photos"), "X is 'photos', not an array of pixels"),
        ("x" * 99, "xxx..., not an array"),
        (None, "X is a value of the type NoneType; images are (N, H, W)"),
        ((each for each in (A, A)), "X is a value of the type generator; images are"),
        ({"a": 1}, "X is a value of the type dict; images are"),
        (np.zeros(4), "X has the shape (4,). Reshape your data: images are"),
        ([], "X has the shape (0,). Reshape your data: images are"),
    ],
)
def test_what_is_no_array_of_pixels(x: Any, said: str) -> None:
    fitted = quick("majority").fit(IMAGES, NAMES)
    for use in (lambda: quick("majority").fit(x, [0, 1, 0, 1]), lambda: fitted.predict(x)):
        with pytest.raises(InputError) as refused:
            use()
        assert said in str(refused.value) and "\n" not in str(refused.value)


def test_pictures_and_arrays_of_arrays_of_one_shape_are_images() -> None:
    fitted = quick("majority").fit(IMAGES, NAMES)
    wanted = fitted.predict(IMAGES[:2])
    forms: list[Any] = [[Image.fromarray(each) for each in IMAGES[:2]], stacked(*IMAGES[:2]), list(IMAGES[:2])]
    for x in forms:
        np.testing.assert_array_equal(fitted.predict(x), wanted)


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
