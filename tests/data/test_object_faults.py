"""What is wrong with an object is one sentence, and what looks alike in two objects stays apart."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import sadari
from data.test_objects import FILES, PIXELS, Listed, listed
from sadari.data.load import absolute_data, has_no_place
from sadari.errors import SadariError, UsageError
from support.objects import arrays
from support.sets import write_folder

pytestmark = pytest.mark.usefixtures("own_cache")


def cut_short() -> Image.Image:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(buffer, "PNG")
    return Image.open(io.BytesIO(buffer.getvalue()[:3000]))


def unread(error: Exception) -> Listed:
    class Unread(Listed):
        def __getitem__(self, at: Any) -> Any:
            raise error

    return Unread([0])


TWO = [np.zeros((2, 2), np.uint8)] * 2


@pytest.mark.parametrize(
    ("data", "labels", "sentence"),
    [
        (iter(TWO), [0, 1], "X is of type list_iterator, which has no length"),
        (TWO, [[1], [2, 3]], "y is no array of NumPy"),
        (TWO, [0, -1], "y has the label -1, which is below 0"),
        (np.stack(TWO), [0, -1], "y has the label -1, which is below 0"),
        (TWO, ["a", ""], "y has a label without a name"),
        (TWO, ["a", "\udcff"], "which is no text"),
        (["a\0b", "c"], [0, 1], "cannot read 'a.x00b'"),
        ([cut_short(), cut_short()], [0, 1], "image number 0 cannot be read: .*truncated"),
        ([Image.new("F", (2, 2))] * 2, [0, 1], "image number 0 has floats"),
        (unread(FileNotFoundError(2, "No such file", "x.png")), None, "item 0 of the data set cannot be read: .*x.png"),
        (Listed([(TWO[0], "wolf")]), None, "which is none of the data set's classes"),
        (Listed([(TWO[0], np.zeros(3))]), None, "item 0 has a label of several numbers"),
        ((Listed([]), Listed([])), None, "give two data sets as"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_image_or_a_label_is_one_sentence(data: Any, labels: Any, sentence: str) -> None:
    if isinstance(data, Listed):
        data.transform = None
    with pytest.raises(SadariError, match=sentence):
        sadari.load(data, labels)


def test_a_table_of_pandas_and_classes_of_one_name_are_refused() -> None:
    pandas = pytest.importorskip("pandas")
    with pytest.raises(UsageError, match="the data is of type DataFrame"):
        sadari.load(pandas.DataFrame({"path": ["a.png"], "label": ["a"]}))
    twice = listed(FILES)
    twice.classes = ("a", "a", "b")
    with pytest.raises(UsageError, match="names the class 'a' twice"):
        sadari.load(twice)


def test_labels_of_splits_need_not_have_one_type() -> None:
    images, labels = TWO * 2, [0, 1, 0, 1]
    by_split = {"train": (images, np.array(labels).reshape(-1, 1)), "test": (images, np.array(labels, np.uint64))}
    assert sadari.load(by_split).classes == ("0", "1")
    mixed = {"train": (images, np.array(labels) > 0), "test": (images, np.array(labels) == 0)}
    assert sadari.load(mixed).classes == ("False", "True")


def test_images_of_more_than_8_bits_are_not_cut_off() -> None:
    deep = [Image.fromarray(np.full((2, 2), value, np.int32)) for value in (1_000, 30_000)]
    assert np.unique(sadari.load(deep, [0, 1]).images[:]).size == 2


def test_a_name_in_two_forms_of_unicode_is_that_of_two_images() -> None:
    datasets = pytest.importorskip("datasets")
    both = [
        {"bytes": content, "path": name}
        for content, name in zip(FILES.values(), ("\xe9.png", "e\u0301.png"), strict=False)
    ]
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")})
    images = sadari.load(datasets.Dataset.from_dict({"image": both, "label": [0, 1]}, features=features))
    assert len(set(images.ids)) == 2


def test_a_folder_of_the_user_is_no_entry_of_the_cache(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = write_folder(tmp_path / "objects" / "set", {**FILES, "images.json": b"{}"})
    assert len(sadari.load(root)) == len(FILES)
    assert not caplog.messages


def test_a_cache_behind_a_link_is_known(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_cache.mkdir(exist_ok=True)
    (tmp_path / "link").symlink_to(own_cache)
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "link"))
    place = absolute_data(arrays(PIXELS))
    assert has_no_place(place) and len(sadari.load(place)) == len(FILES)
