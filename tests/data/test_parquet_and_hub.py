"""Parquet and `hf://` are brought into the cache once, streamed, and nothing of a set is run or read outside it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sadari
from sadari.data.load import absolute_data, fingerprint_of, is_there, load
from sadari.data.look import look
from sadari.data.sources.objects import hub
from sadari.errors import SadariError, UsageError
from sadari.progress import Silent
from sadari.settings import Settings
from support.exports import flat, parts
from support.hub import NAME, SHA, serving
from support.objects import dataset, label_of, write_parquet
from support.sets import CLASSES, encode_all, small_pixels, write_folder

pytest.importorskip("datasets", reason="needs the extra datasets")
pytestmark = pytest.mark.usefixtures("own_cache", "own_hub")
PIXELS = small_pixels()
FILES = encode_all(PIXELS)


@pytest.fixture
def own_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the library's own cache in the test's folder."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hub")
    monkeypatch.setattr(datasets.config, "HF_MODULES_CACHE", str(tmp_path / "modules"))


def rows(images: Any) -> set[tuple[str, str, bytes]]:
    found = zip(images.source_split, images.labels, images.images, strict=True)
    return {(str(split), images.classes[label], np.asarray(pixels).tobytes()) for split, label, pixels in found}


EXPECTED = {(path.split("/")[0], label_of(path), PIXELS[path].tobytes()) for path in PIXELS}


def test_a_folder_of_parquet_is_the_set_that_class_folders_are(tmp_path: Path) -> None:
    images = load(write_parquet(tmp_path / "pets", FILES), Settings())
    folder = load(write_folder(tmp_path / "folders", FILES), Settings())
    assert images.name == "pets" and images.classes == CLASSES
    assert rows(images) == EXPECTED
    assert images.fingerprint == folder.fingerprint and list(images.ids) == list(folder.ids)
    assert look(tmp_path / "pets", Settings(), Silent()).side == 8


def test_images_of_parquet_without_names_are_numbered(tmp_path: Path) -> None:
    images = load(write_parquet(tmp_path / "pets", FILES, named=False), Settings())
    assert rows(images) == EXPECTED
    assert list(images.ids[:2]) == ["test/00000", "test/00001"]


def test_one_file_of_plain_bytes_is_read(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = {"jpg": list(FILES.values()), "class": [label_of(path) for path in FILES], "file_name": list(FILES)}
    pq.write_table(pa.table(table), tmp_path / "set.parquet", row_group_size=5)
    images = load(tmp_path / "set.parquet", Settings())
    assert set(images.source_split) == {""} and images.classes == CLASSES
    assert list(images.ids) == sorted(FILES)
    always = load(tmp_path / "set.parquet", Settings(stream="always"))
    np.testing.assert_array_equal(always.images[:], images.images)


def test_metadata_may_be_parquet(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    root = write_folder(tmp_path / "pets", flat(FILES))
    named = [(f"{split}/{name}", label) for split, label, name in map(parts, FILES)]
    columns = {"file_name": [name for name, _ in named], "label": [label for _, label in named]}
    pq.write_table(pa.table(columns), root / "metadata.parquet")
    images = load(root, Settings())
    assert images.classes == CLASSES and rows(images) == EXPECTED


def test_a_changed_file_of_parquet_is_another_set(tmp_path: Path) -> None:
    root = write_parquet(tmp_path / "pets", FILES)
    before = fingerprint_of(root, Settings())
    some = dict(list(FILES.items())[:-1])
    dataset(some).to_parquet(str(root / "data" / "train-00000-of-00001.parquet"))
    assert fingerprint_of(root, Settings()) != before


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"image": [b"x"], "words": ["a"]}, "none is known as that of labels"),
        ({"image": ["x"], "label": ["a"]}, "no column of images"),
        ({"one": [b"x"], "two": [b"y"], "label": ["a"]}, "2 columns of images, one and two"),
        ({"image": [{"bytes": None, "path": "a.png"}, {"bytes": b"x"}], "label": ["a", "b"]}, "without the bytes"),
        ({"image": [b"x"], "label": [[1, 0]]}, "a label is one whole number or name"),
    ],
)  # fmt: skip
def test_parquet_of_another_kind_is_one_sentence(columns: dict[str, list[Any]], sentence: str, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), tmp_path / "set.parquet")
    with pytest.raises(SadariError, match=sentence):
        load(tmp_path / "set.parquet", Settings())


def test_parquet_without_rows_is_one_sentence(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = pa.schema([("image", pa.binary()), ("label", pa.string())])
    for name, table in (("set", pa.table({"image": [], "label": []})), ("typed", kinds.empty_table())):
        pq.write_table(table, tmp_path / f"{name}.parquet")
        with pytest.raises(SadariError, match=rf"{name}\.parquet has no rows; a classifier needs images"):
            load(tmp_path / f"{name}.parquet", Settings())
    root = write_folder(tmp_path / "pets", flat(FILES))
    pq.write_table(kinds.empty_table(), root / "metadata.parquet")
    with pytest.raises(SadariError, match=r"metadata\.parquet has no rows; it needs one for each image"):
        load(root, Settings())


def test_a_damaged_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "set.parquet").write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(SadariError, match=r"cannot read .*set.parquet as parquet"):
        load(tmp_path / "set.parquet", Settings())


@pytest.mark.parametrize("form", ["class folders", "parquet"])
def test_a_set_of_the_hub_is_streamed_once(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make: Any = {"class folders": write_folder, "parquet": write_parquet}[form]
    address = f"hf://{make(tmp_path / 'pets', FILES)}"
    images = load(address, Settings())
    assert rows(images) == EXPECTED and images.name == "pets"
    assert images.fingerprint == load(write_folder(tmp_path / "folders", FILES), Settings()).fingerprint
    assert absolute_data(address) == address and is_there(address)
    monkeypatch.setattr(hub, "_streamed", lambda *_: pytest.fail("it was asked again"))
    assert load(address, Settings(image_size=4)).shape == (4, 4, 3)
    assert fingerprint_of(address, Settings()) == images.fingerprint


def test_a_run_trains_on_an_address(tmp_path: Path) -> None:
    address = f"hf://{write_parquet(tmp_path / 'pets', FILES)}"
    run = sadari.train(address, "majority", out=tmp_path / "run", epochs=1)
    assert run.job.data == address


def test_code_beside_the_images_is_not_run(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "pets", FILES)
    mark = tmp_path / "ran"
    (root / "pets.py").write_text(f"open({str(mark)!r}, 'w').write('x')\n")
    try:
        load(f"hf://{root}", Settings())
    except SadariError as error:
        assert "hf://" in str(error)
    assert not mark.exists()


def test_a_folder_whose_files_changed_is_read_again(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "pets", FILES)
    before = load(f"hf://{root}", Settings())
    (root / next(iter(FILES))).unlink()
    assert len(load(f"hf://{root}", Settings())) == len(before) - 1


def test_an_address_of_a_folder_means_the_same_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute_data("hf://./pets:label=fine") == f"hf://{tmp_path.resolve()}/pets:label=fine"
    assert absolute_data("hf://somebody/pets@main") == "hf://somebody/pets@main"


@pytest.mark.parametrize("through", ["", "pets/../"])
def test_a_set_may_not_point_outside_itself(through: str, tmp_path: Path) -> None:
    root = tmp_path / "pets"
    write_folder(tmp_path / "mine", FILES)
    secret = f"{tmp_path}/{through}mine/{next(iter(FILES))}"
    root.mkdir()
    import pyarrow as pa
    import pyarrow.parquet as pq

    features = {"image": {"_type": "Image"}, "label": {"names": ["a", "b"], "_type": "ClassLabel"}}
    known = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    images = pa.array([{"bytes": None, "path": str(secret)}] * 2, kind)
    table = pa.table({"image": images, "label": pa.array([0, 1], pa.int64())}).replace_schema_metadata(known)
    pq.write_table(table, root / "train.parquet")
    with pytest.raises(SadariError, match=r"refused row 0: it names .* outside the set"):
        load(f"hf://{root}", Settings())


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("hf://", "is no address of a set"),
        ("hf://a/b/c", "is no address of a set"),
        ("hf://a/b:split=train", "the options of hf:// are config, image, label"),
        ("hf://a/b:config", "the options of hf:// are config, image, label"),
    ],
)
def test_an_address_of_another_form_is_one_sentence(address: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        load(address, Settings())


def test_a_folder_of_that_name_is_not_taken_for_the_hubs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path / "pets", FILES)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"would be taken for hf://pets; name it \./pets"):
        load("hf://pets", Settings())


@pytest.mark.parametrize(("missing", "what"), [("pyarrow.parquet", "reading parquet"), ("datasets", "reading hf://")])
def test_without_the_extra_there_is_one_sentence(
    missing: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_parquet(tmp_path / "pets", FILES)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SadariError, match=f"{what} needs the package .*uv sync --extra datasets"):
        load(root if "parquet" in what else f"hf://{root}", Settings())


def test_without_a_network_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> str:
        raise ConnectionError("no network\nmore lines")

    monkeypatch.setattr(hub, "_revision", refuse)
    with pytest.raises(SadariError, match=r"^cannot read hf://somebody/pets: no network$"):
        load("hf://somebody/pets", Settings())


@pytest.mark.parametrize("form", ["class folders", "parquet"])
def test_a_hub_is_asked_once_and_gives_the_set_of_the_folder(form: str, tmp_path: Path) -> None:
    files = FILES
    if form == "parquet":
        root = write_parquet(tmp_path / "clone", FILES)
        files = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    program = (
        f"import sadari; images = sadari.load('hf://{NAME}'); print(images.fingerprint, len(images), *images.notes)"
    )
    with serving(files) as (address, asked):
        own = {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "hub"), "SADARI_CACHE_DIR": str(tmp_path / "cache")}
        said, counts = [], []
        for _ in range(2):
            answer = subprocess.run(
                [sys.executable, "-c", program], env={**os.environ, **own}, capture_output=True, text=True, check=False
            )
            assert answer.returncode == 0, answer.stderr
            said.append(answer.stdout)
            counts.append(len(asked))
    folder = load(write_folder(tmp_path / "folders", FILES), Settings())
    assert said[0] == said[1] and counts[0] == counts[1]
    assert said[0].startswith(f"{folder.fingerprint} {len(FILES)} ")
    assert f"at revision {SHA}" in said[0]
