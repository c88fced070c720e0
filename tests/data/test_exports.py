"""What annotation tools export is the same set as class folders are, in a folder and in an archive."""

import json
from codecs import BOM_UTF16_BE
from pathlib import Path

import numpy as np
import pytest

from sadari.data.load import fingerprint_of, load
from sadari.errors import SadariError
from sadari.settings import Settings
from sadari.values import ImageSet
from support.exports import (
    EXPORTS,
    coco_document,
    cvat_document,
    flat,
    label_studio_tasks,
    parts,
    write_coco,
    write_cvat,
    write_label_studio,
    write_metadata_csv,
    write_roboflow,
)
from support.sets import CLASSES, encode_all, small_pixels, write_folder, write_zip

pytestmark = pytest.mark.usefixtures("own_cache")
FILES = encode_all(small_pixels())


def zipped(root: Path) -> Path:
    files = {
        f"set/{path.relative_to(root).as_posix()}": path.read_bytes() for path in root.rglob("*") if path.is_file()
    }
    return write_zip(root.with_suffix(".zip"), files)


def seen(images: ImageSet) -> set[tuple[str, str, bytes]]:
    """The split, class and pixels of each image, whatever it is called."""
    rows = zip(images.source_split, images.labels, images.images, strict=True)
    return {(str(split), images.classes[label], np.asarray(pixels).tobytes()) for split, label, pixels in rows}


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("kind", EXPORTS)
def test_every_export_is_the_set_that_class_folders_are(kind: str, packed: bool, tmp_path: Path) -> None:
    expected = load(write_folder(tmp_path / "folders", FILES), Settings())
    root = EXPORTS[kind](tmp_path / "pets", FILES)
    images = load(zipped(root) if packed else root, Settings())
    assert images.name == "pets"
    assert images.classes == CLASSES
    assert seen(images) == seen(expected) and len(images) == len(FILES)
    assert any("are those of" in note and "not of folders" in note for note in images.notes)
    assert not any("left out" in note and "image" in note.split("that")[0] for note in images.notes)


ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-be with a mark")


def encode_again(path: Path, encoding: str) -> None:
    """Store a file of UTF-8 as editors of Windows, or Excel, do."""
    text = path.read_text(encoding="utf-8")
    if encoding == "utf-16-be with a mark":
        path.write_bytes(BOM_UTF16_BE + text.encode("utf-16-be"))
    else:
        path.write_bytes(text.encode(encoding))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    "kind", ["metadata.csv", "metadata.jsonl", "Roboflow", "COCO", "Label Studio, CSV", "CVAT for images"]
)
def test_other_forms_of_unicode_are_read_as_utf_8(kind: str, encoding: str, tmp_path: Path) -> None:
    root = EXPORTS[kind](tmp_path / "pets", FILES)
    before = fingerprint_of(root, Settings())
    for path in root.rglob("*"):
        if path.suffix in (".csv", ".json", ".jsonl", ".xml"):
            if path.suffix == ".xml":  # its first line says how it is encoded
                path.write_text(path.read_text(encoding="utf-8").replace('encoding="utf-8"', ""), encoding="utf-8")
            encode_again(path, encoding)
    assert fingerprint_of(root, Settings()) == before
    assert load(root, Settings()).classes == CLASSES


def test_a_table_saved_by_excel_is_metadata(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", FILES)
    rows = "".join(f"{path};{'bird' if at else 'cat'}\r\n" for at, path in enumerate(FILES))
    (folder / "metadata.csv").write_bytes(f"sep=;\r\nfile_name;label\r\n{rows}".encode("utf-16"))
    assert load(folder, Settings()).classes == ("bird", "cat")


def test_exports_of_the_same_files_have_one_fingerprint(tmp_path: Path) -> None:
    kinds = ("metadata.csv", "metadata.jsonl", "Roboflow", "COCO", "COCO of Roboflow", "Label Studio")
    found = {fingerprint_of(EXPORTS[kind](tmp_path / str(at), FILES), Settings()) for at, kind in enumerate(kinds)}
    assert len(found) == 1


def test_an_export_that_says_what_the_folders_say_has_their_fingerprint(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", FILES)
    before = fingerprint_of(folder, Settings())
    rows = "".join(f"{path},{path.split('/')[1]}\n" for path in FILES)
    (folder / "metadata.csv").write_text(f"file_name,label\n{rows}")
    assert fingerprint_of(folder, Settings()) == before
    relabelled = rows.replace("train/bird/0.png,bird", "train/bird/0.png,cat")
    (folder / "metadata.csv").write_text(f"file_name,label\n{relabelled}")
    assert fingerprint_of(folder, Settings()) != before
    assert fingerprint_of(folder, Settings(labels="folders")) == before


@pytest.mark.parametrize("heading", ["image_id,category", "file_name,text", "name,label"])
def test_a_table_of_another_kind_does_not_matter(heading: str, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", FILES)
    (folder / "metadata.csv").write_text(f"{heading}\nnothing.png,bird\n")
    assert load(folder, Settings()).classes == CLASSES


def test_a_damaged_export_is_one_sentence(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "pets", flat(FILES))
    (root / "export.json").write_text('[{"data": {"image": "a.png"}, "annotations": [7]}]')
    with pytest.raises(SadariError, match="looks like Label Studio's, but a task is damaged"):
        load(root, Settings())
    (root / "export.json").write_text('{"images": [{"id": 1}], "annotations": [], "categories": []}')
    with pytest.raises(SadariError, match="looks like COCO, but 'file_name' is not in one of its entries"):
        load(root, Settings())


def test_captions_are_no_labels(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", FILES)
    (folder / "metadata.csv").write_text("file_name,text\ntrain/bird/0.png,a bird\n")
    assert load(folder, Settings()).classes == CLASSES


@pytest.mark.parametrize("name", ["annotations/instances_train.json", "metadata.jsonl", "annotations.xml"])
def test_the_annotation_file_itself_can_be_named(name: str, tmp_path: Path) -> None:
    kind = {"metadata.jsonl": "metadata.jsonl", "annotations.xml": "CVAT for images"}.get(name, "COCO")
    images = load(EXPORTS[kind](tmp_path / "pets", FILES) / name, Settings())
    assert images.classes == CLASSES
    assert len(images) == (12 if kind == "COCO" else len(FILES))


def test_an_image_of_several_categories_is_refused_in_one_sentence(tmp_path: Path) -> None:
    root = write_coco(tmp_path / "pets", FILES)
    document = coco_document(FILES, "train", {"bird-0.png": "dog"})
    (root / "annotations" / "instances_train.json").write_text(json.dumps(document))
    with pytest.raises(SadariError, match=r"gives bird-0.png 2 categories \('bird', 'dog'\).*one class an image"):
        load(root, Settings())


def test_images_without_a_class_are_left_out_and_counted(tmp_path: Path) -> None:
    root = write_coco(tmp_path / "pets", FILES)
    document = coco_document(FILES, "train")
    document["annotations"] = [each for each in document["annotations"] if each["image_id"] != 0]  # type: ignore[attr-defined]
    (root / "annotations" / "instances_train.json").write_text(json.dumps(document))
    images = load(root, Settings())
    assert len(images) == len(FILES) - 1
    assert any("gives 1 image no class" in note for note in images.notes)


def test_rows_of_several_ones_are_refused_and_of_none_left_out(tmp_path: Path) -> None:
    root = write_roboflow(tmp_path / "pets", FILES)
    table = root / "train" / "_classes.csv"
    text = table.read_text()
    table.write_text(text.replace("bird-0.png, 1, 0, 0", "bird-0.png, 0, 0, 0"))
    images = load(root, Settings())
    assert len(images) == len(FILES) - 1 and any("left out 1 row that has no 1" in note for note in images.notes)
    table.write_text(text.replace("bird-0.png, 1, 0, 0", "bird-0.png, 1, 1, 0"))
    with pytest.raises(SadariError, match=r"bird-0.png 2 classes \(bird, cat\)"):
        load(root, Settings())


def test_one_hot_columns_are_read_in_any_table(tmp_path: Path) -> None:
    write_folder(tmp_path, flat(FILES))
    lines = [
        f"{s}/{name},{s},{','.join(str(float(each == label)) for each in CLASSES)}"
        for s, label, name in map(parts, FILES)
    ]
    (tmp_path / "pets.csv").write_text(f"filename,split,{','.join(CLASSES)}\n" + "\n".join(lines))
    images = load(tmp_path / "pets.csv", Settings())
    assert images.classes == CLASSES and len(images) == len(FILES)
    assert any("3 columns of ones and zeros" in note for note in images.notes)


def test_annotators_who_disagree_are_named(tmp_path: Path) -> None:
    root = write_label_studio(tmp_path / "pets", FILES)
    tasks = label_studio_tasks(FILES)
    tasks[0]["annotations"][0]["result"][0]["value"]["choices"] = ["bird", "dog"]  # type: ignore[index]
    (root / "project-1-at-2026-11-30.json").write_text(json.dumps(tasks))
    with pytest.raises(SadariError, match=r"2 choices \('bird', 'dog'\)"):
        load(root, Settings())


def test_addresses_are_not_downloaded(tmp_path: Path) -> None:
    tasks = label_studio_tasks(FILES)
    tasks[0]["data"] = {"image": "https://example.invalid/a.png"}
    root = write_label_studio(tmp_path / "pets", FILES)
    (root / "project-1-at-2026-11-30.json").write_text(json.dumps(tasks))
    with pytest.raises(SadariError, match=r"1 of 18 images that are not there.*nothing is downloaded"):
        load(root, Settings())


def test_xml_with_entities_is_refused(tmp_path: Path) -> None:
    root = write_cvat(tmp_path / "pets", FILES)
    hostile = '<!DOCTYPE annotations [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    document = cvat_document(FILES).replace("?><annotations>", f"?>{hostile}<annotations>")
    (root / "annotations.xml").write_text(document.replace('label="bird"', 'label="&a;"', 1))
    with pytest.raises(SadariError, match=r"refused .*annotations.xml: it has a document type"):
        load(root, Settings())


def test_shapes_without_tags_are_named(tmp_path: Path) -> None:
    root = write_cvat(tmp_path / "pets", FILES)
    text = cvat_document(FILES)
    for name in CLASSES:
        text = text.replace(f'<tag label="{name}" source="manual"></tag>', "")
    (root / "annotations.xml").write_text(text)
    with pytest.raises(SadariError, match="18 shapes and no tag"):
        load(root, Settings())


def test_several_tags_are_refused(tmp_path: Path) -> None:
    root = write_cvat(tmp_path / "pets", FILES)
    (root / "annotations.xml").write_text(cvat_document(FILES, '<tag label="owl"></tag>'))
    with pytest.raises(SadariError, match=r"2 tags \('bird', 'owl'\)"):
        load(root, Settings())


def test_the_unlabelled_folder_of_imagenet_form_is_no_class(tmp_path: Path) -> None:
    files = {f"{path.split('/')[1]}/{path.replace('/', '_')}": content for path, content in FILES.items()}
    root = write_folder(tmp_path / "pets", files | {"no_label/x.png": FILES["train/bird/0.png"]})
    (root / "synsets.txt").write_text("\n".join(CLASSES))
    assert load(root, Settings()).classes == CLASSES


def test_a_name_that_could_be_two_files_is_refused(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "pets", {f"{side}/{path}": x for path, x in flat(FILES).items() for side in "ab"})
    (root / "metadata.csv").write_text("file_name,label\nbird-0.png,bird\n")
    with pytest.raises(SadariError, match=r"names bird-0.png, which could be a/test/bird-0.png and a/train"):
        load(root, Settings())


@pytest.mark.parametrize("content", ["{", "[]", '{"a": 1}', '[{"a": 1}]'])
def test_json_of_another_kind_is_no_export(content: str, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", FILES)
    (folder / "notes.json").write_text(content)
    assert load(folder, Settings()).classes == CLASSES
    with pytest.raises(SadariError, match="no annotation file of a known form"):
        load(folder / "notes.json", Settings())


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    root = write_metadata_csv(tmp_path / "pets", FILES)
    (root / "train" / "bird-0.png").unlink()
    (root / "test" / "bird-0.png").unlink()
    with pytest.raises(SadariError, match=r"names 2 of 18 images that are not there: bird-0.png, bird-0.png"):
        load(root, Settings())
