"""Arrays, lists and data sets of other libraries are the same set as class folders are, and runs find them again."""

import io
import json
from collections import UserList
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import sadari
from sadari.data.cache.entries import describe, entries, leftovers, remove
from sadari.data.decisions.apply import digests_of
from sadari.data.decisions.file import DROP, Decision, write_decisions
from sadari.data.load import absolute_data, has_no_place, open_source
from sadari.data.sources.objects.encoded import encode
from sadari.errors import SadariError, UsageError
from sadari.values import ImageSet
from support.objects import arrays, dataset, dataset_dict, label_of, of_split
from support.sets import CLASSES, encode_all, small_pixels, write_folder

pytestmark = pytest.mark.usefixtures("own_cache")
PIXELS = small_pixels()
FILES = encode_all(PIXELS)


def seen(images: ImageSet) -> set[tuple[str, str, bytes]]:
    rows = zip(images.source_split, images.labels, images.images, strict=True)
    return {(str(split), images.classes[label], np.asarray(pixels).tobytes()) for split, label, pixels in rows}


def expected(split: bool = True) -> set[tuple[str, str, bytes]]:
    return {(path.split("/")[0] if split else "", label_of(path), PIXELS[path].tobytes()) for path in PIXELS}


class Listed(UserList[Any]):
    """What a Dataset of torch is to its users: items by number, with a transform."""

    classes: tuple[str, ...] = CLASSES
    transform: Any = staticmethod(lambda _: 1 / 0)

    def __getitem__(self, at: Any) -> Any:
        image, label = self.data[at]
        return (self.transform(image) if self.transform else image), label


def listed(files: dict[str, bytes]) -> Listed:
    return Listed([(Image.open(io.BytesIO(x)), CLASSES.index(label_of(path))) for path, x in files.items()])


def test_arrays_are_the_set_that_class_folders_are() -> None:
    images = sadari.load(*arrays(PIXELS))
    assert (images.name, images.classes) == ("arrays", CLASSES)
    assert seen(images) == expected(split=False)
    assert sadari.load(arrays(PIXELS)).fingerprint == images.fingerprint
    by_split = {split: arrays(PIXELS, split) for split in ("train", "test")}
    assert seen(sadari.load(by_split)) == expected()


def test_arrays_have_the_fingerprint_of_their_npz(tmp_path: Path) -> None:
    x, y = arrays(PIXELS)
    np.savez(tmp_path / "set.npz", X=x, y=np.asarray(y))
    assert sadari.load(x, y).fingerprint == sadari.load(tmp_path / "set.npz").fingerprint


@pytest.mark.parametrize("kind", ["pillow", "arrays", "bytes", "paths"])
def test_a_list_of_images_of_any_kind_is_one_set(kind: str, tmp_path: Path) -> None:
    root = write_folder(tmp_path / "set", FILES)
    kinds: dict[str, list[Any]] = {
        "pillow": [Image.fromarray(image) for image in PIXELS.values()],
        "arrays": list(PIXELS.values()),
        "bytes": list(FILES.values()),
        "paths": [str(root / path) for path in FILES],
    }
    assert seen(sadari.load(kinds[kind], [label_of(path) for path in FILES])) == expected(split=False)


def test_tensors_have_their_channels_first() -> None:
    torch = pytest.importorskip("torch")
    x, y = arrays(PIXELS)
    assert seen(sadari.load(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()), y)) == expected(split=False)


def test_a_torch_data_set_is_taken_before_its_transform() -> None:
    images = sadari.load({split: listed(of_split(FILES, split)) for split in ("train", "test")})
    assert images.classes == CLASSES and seen(images) == expected()


class Called(Listed):
    """A data set of a user, which calls its transform without looking whether there is one, and names no classes."""

    classes = ()

    def __getitem__(self, at: Any) -> Any:
        image, label = self.data[at]
        return self.transform(image), label


class Named(Called):
    """The same for a transform of named arguments."""

    def __getitem__(self, at: Any) -> Any:
        image, label = self.data[at]
        return self.transform(image=image)["image"], label


@pytest.mark.parametrize("kind", [Called, Named])
def test_a_transform_that_is_always_called_is_not_applied(kind: type[Listed]) -> None:
    assert len(seen(sadari.load(kind(listed(FILES).data)))) == len(FILES)


def test_transforms_in_several_data_sets_in_a_row_are_not_applied() -> None:
    utils = pytest.importorskip("torch.utils.data")
    row = utils.ConcatDataset([listed(of_split(FILES, "train")), listed(of_split(FILES, "test"))])
    assert {pixels for _, _, pixels in seen(sadari.load(row))} == {pixels for _, _, pixels in expected()}


def test_an_image_folder_has_the_fingerprint_of_its_folder(tmp_path: Path) -> None:
    torchvision = pytest.importorskip("torchvision.datasets")
    root = write_folder(tmp_path / "set", FILES)
    parts = {
        split: torchvision.ImageFolder(str(root / split), transform=lambda _: 1 / 0) for split in ("train", "test")
    }
    images = sadari.load(parts)
    folder = sadari.load(root)
    assert images.fingerprint == folder.fingerprint
    assert list(images.ids) == list(folder.ids)


def test_subsets_of_torch_are_followed() -> None:
    utils = pytest.importorskip("torch.utils.data")
    part = utils.Subset(listed(FILES), [0, 5, 9, 12])
    assert len(sadari.load(part)) == 4


@pytest.mark.parametrize("streamed", [False, True])
def test_a_dataset_dict_has_the_fingerprint_of_its_folder(streamed: bool, tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    parts: Any = dataset_dict(FILES)
    if streamed:
        parts = {split: part.to_iterable_dataset() for split, part in parts.items()}
    folder = sadari.load(write_folder(tmp_path / "set", FILES))
    images = sadari.load(parts)
    assert images.fingerprint == folder.fingerprint
    assert list(images.ids) == list(folder.ids) and seen(images) == expected()


def test_a_dataset_without_names_numbers_its_images() -> None:
    pytest.importorskip("datasets")
    images = sadari.load(dataset_dict(FILES, named=False))
    assert seen(images) == expected()
    assert list(images.ids[:2]) == ["test/00000", "test/00001"]
    assert set(sadari.load(dataset(FILES, named=False)).source_split) == {""}


def test_classes_keep_the_order_of_the_dataset_and_those_without_images() -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["z", "owl", "a"])})
    rows = {"image": [{"bytes": x, "path": None} for x in FILES.values()], "label": [at % 2 * 2 for at in range(18)]}
    images = sadari.load(datasets.Dataset.from_dict(rows, features=features))
    assert images.classes == ("z", "owl", "a")
    assert any("'owl' has no images" in note for note in images.notes)


def test_rows_without_a_label_are_left_out_and_counted() -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b"])})
    labels = [at % 2 for at in range(16)] + [-1, None]
    rows = {"image": [{"bytes": x, "path": None} for x in FILES.values()], "label": labels}
    images = sadari.load(datasets.Dataset.from_dict(rows, features=features))
    assert len(images) == 16
    assert "left out 2 images that have no label" in images.notes


def test_columns_that_are_not_clear_are_asked_for() -> None:
    datasets = pytest.importorskip("datasets")
    two = dataset(FILES).add_column("coarse", [0, 1] * 9).cast_column("coarse", datasets.ClassLabel(names=["x", "y"]))
    with pytest.raises(UsageError, match="2 columns of labels, label and coarse; say which one by label=label"):
        sadari.load(two)
    assert sadari.load(two, label="coarse").classes == ("x", "y")
    with pytest.raises(UsageError, match="there is no column 'fine'"):
        sadari.load(two, label="fine")


def test_a_run_finds_what_was_handed_over_again(tmp_path: Path) -> None:
    x, y = arrays(PIXELS)
    run = sadari.train((x, y), "majority", out=tmp_path / "run", epochs=1)
    assert Path(run.job.data).is_dir() and run.job.data == absolute_data((x, y))
    assert run.fingerprint == sadari.load(run.job.data).fingerprint
    again = sadari.train((x, y), "majority", out=tmp_path / "run", epochs=1)
    assert again.path == run.path
    result = sadari.compare((x, y), models=["majority"], seeds=1, out=tmp_path / "comparison")
    assert len(result.to_frame()) == 1


def test_decisions_about_images_that_were_handed_over_count(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    place, name, file = absolute_data(dataset_dict(FILES)), "train/bird/0.png", tmp_path / "decisions.csv"
    digest = digests_of(open_source(place).content(), [name])[name]
    write_decisions(file, {name: Decision(name, DROP, "", "bird", digest, "2026-11-30T00:00:00+00:00")})
    images = sadari.load(dataset_dict(FILES), review=str(file))
    assert name not in set(images.ids) and len(images) == len(FILES) - 1
    assert has_no_place(place)  # the cache is none for a file of the user


def test_equal_objects_are_stored_once_and_listed() -> None:
    pytest.importorskip("datasets")
    places = {absolute_data(dataset_dict(FILES)) for _ in range(2)}
    assert len(places) == 1
    held = [each for each in entries() if each.kind == "objects"]
    assert [describe(each) for each in held] == ["a Dataset of Hugging Face"]
    remove(held[0])
    with pytest.raises(UsageError, match="no longer in the cache; hand the images over once more"):
        sadari.load(places.pop())


def test_arrays_are_listed_too() -> None:
    assert absolute_data(arrays(PIXELS)) == absolute_data(arrays(PIXELS))
    assert [describe(each) for each in entries()] == ["arrays of 18 images"]


def test_an_interruption_leaves_nothing() -> None:
    class Interrupted(Listed):
        def __getitem__(self, at: Any) -> Any:
            if at == 5:
                raise KeyboardInterrupt
            return super().__getitem__(at)

    with pytest.raises(KeyboardInterrupt):
        sadari.load(Interrupted(listed(FILES)))
    assert not entries() and leftovers().count == 0
    assert len(sadari.load(listed(FILES))) == len(FILES)


def test_images_are_written_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than one image waits in memory while a set is handed over."""
    alive, most = [0], [0]

    class Counted(bytes):
        def __new__(cls, content: bytes) -> "Counted":
            alive[0] += 1
            most[0] = max(most[0], alive[0])
            return super().__new__(cls, content)

        def __del__(self) -> None:
            alive[0] -= 1

    monkeypatch.setattr(
        "sadari.data.sources.objects.torch_datasets.encode", lambda *given: (Counted(encode(*given)[0]), "")
    )
    sadari.load(listed(FILES))
    assert most[0] <= 3


def test_a_damaged_entry_is_not_used(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    place = Path(absolute_data(dataset_dict(FILES)))
    index = json.loads((place / "images.json").read_text())
    (place / "images.json").write_text(json.dumps(index | {"labels": [0] * 18}))
    with pytest.raises(SadariError):
        sadari.load(place)
    assert seen(sadari.load(dataset_dict(FILES))) == expected()
    assert tmp_path.is_dir()


@pytest.mark.parametrize(
    ("data", "labels", "sentence"),
    [
        (np.zeros((4, 2, 2, 3), np.float32), [0, 1, 0, 1], r"X holds float32 values, whose range is not known"),
        (np.zeros((4, 2, 2, 5), np.uint8), [0, 1, 0, 1], r"X has the shape \(4, 2, 2, 5\)"),
        (np.zeros((4, 2, 2), np.uint8), [0, 1, 0], "y has 3 labels for 4 images"),
        (np.zeros((4, 2, 2), np.uint8), [0.5, 1, 0, 1], "y is float64"),
        (np.zeros((4, 2, 2), np.uint8), None, "images without labels; give both"),
        ([np.zeros((2, 2), np.float32)], ["a"], "image number 0 is an array of float32"),
        ({"train": (np.zeros((4, 2, 2), np.uint8), [0] * 4), "x": ([], [])}, None, "'x' is the name of no split"),
        ({}, None, "the mapping is empty"),
        (7, None, "the data is of type int; it is a name, a path"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_one_sentence(data: Any, labels: Any, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        sadari.load(data, labels)


def test_images_that_are_loaded_already_are_named() -> None:
    with pytest.raises(UsageError, match="loaded already"):
        sadari.load(sadari.load(*arrays(PIXELS)))
