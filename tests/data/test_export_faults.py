"""Exports and tables that are odd, yet usual, are read rightly, or refused in one sentence."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sadari.data.load import load
from sadari.errors import SadariError
from sadari.settings import Settings
from sadari.values import ImageSet
from support.sets import flat_files, write_folder

pytestmark = pytest.mark.usefixtures("own_cache")
IMAGES = {f"{number}.png": content for number, content in enumerate(flat_files(a=6, b=6).values())}
LETTERS = [("a", "x", "y")[number % 3] for number in range(12)]


def tree(root: Path, **files: str | bytes) -> Path:
    named = {name.replace("__", "."): x if isinstance(x, bytes) else x.encode() for name, x in files.items()}
    return write_folder(root, {**IMAGES, **named})


def counts(images: ImageSet) -> dict[str, int]:
    return {name: int((images.labels == at).sum()) for at, name in enumerate(images.classes)}


def lines(heading: str, rows: Sequence[Sequence[object]]) -> str:
    return "\n".join([heading, *(",".join(map(str, row)) for row in rows)])


def ones(heading: str) -> str:
    return lines(heading, [(f"{at}.png", *(int(LETTERS[at] == each) for each in "axy")) for at in range(12)])


@pytest.mark.parametrize("names", ["a,x,y", "set,group,label"])
def test_any_class_of_roboflow_may_have_the_name_of_a_column(names: str, tmp_path: Path) -> None:
    images = load(tree(tmp_path / "set", _classes__csv=ones(f"filename,{names}")), Settings())
    assert counts(images) == dict.fromkeys(sorted(names.split(",")), 4)


def test_a_table_of_letters_has_a_class_y(tmp_path: Path) -> None:
    images = load(tree(tmp_path / "set", ones__csv=ones("path,a,x,y")) / "ones.csv", Settings())
    assert counts(images) == {"a": 4, "x": 4, "y": 4}


def test_two_labels_and_a_flag_stay_labels(tmp_path: Path) -> None:
    table = lines("path,label,blurry,dark", [(f"{at}.png", at % 2, 1, int(at > 3)) for at in range(12)])
    assert counts(load(tree(tmp_path / "set", flags__csv=table) / "flags.csv", Settings())) == {"0": 6, "1": 6}


def test_yes_and_no_of_metadata_are_splits(tmp_path: Path) -> None:
    rows = [(f"{at}.png", "ab"[at % 2], at < 8) for at in range(12)]
    by_csv = load(tree(tmp_path / "csv", metadata__csv=lines("file_name,label,is_train", rows)), Settings())
    objects = [dict(zip(("file_name", "label", "is_train"), row, strict=True)) for row in rows]
    by_json = load(tree(tmp_path / "json", metadata__jsonl="\n".join(map(json.dumps, objects))), Settings())
    for images in (by_csv, by_json):
        assert sorted(images.source_split.tolist()) == ["test"] * 4 + ["train"] * 8


def test_words_of_no_split_and_groups_are_noted(tmp_path: Path) -> None:
    rows = [(f"{at}.png", "ab"[at % 2], f"fold{at % 2}", at // 2) for at in range(12)]
    images = load(tree(tmp_path / "set", metadata__csv=lines("file_name,label,split,patient", rows)), Settings())
    said = " ".join(images.notes)
    assert "none of train, val and test, which do not count: 'fold0', 'fold1'" in said
    assert "a column patient, whose groups are not read from a folder; name that file itself" in said


def test_signs_that_break_lines_may_be_inside_a_text(tmp_path: Path) -> None:
    rows = [{"file_name": f"{at}.png", "label": "ab"[at % 2], "text": "x\u2028y\x85"} for at in range(12)]
    text = "\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    assert counts(load(tree(tmp_path / "set", metadata__jsonl=text), Settings())) == {"a": 6, "b": 6}
    assert counts(load(tree(tmp_path / "upper", x__JSONL=text) / "x.JSONL", Settings())) == {"a": 6, "b": 6}


def test_a_table_that_is_not_read_to_its_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sadari.data.sources.exports.metadata.MAX_FILE_BYTES", 100)
    rows = [(f"{at}.png", "ab"[at % 2]) for at in range(12)]
    with pytest.raises(SadariError, match=r"metadata.csv is larger than"):
        load(tree(tmp_path / "set", metadata__csv=lines("file_name,label", rows)), Settings())


def tasks(**data: str) -> list[dict[str, Any]]:
    choice = [{"type": "choices", "value": {"choices": ["a"]}}, {"type": "choices", "value": {"choices": ["b"]}}]
    return [{"data": {**data, "image": f"{at}.png"}, "annotations": [{"result": [choice[at % 2]]}]} for at in range(12)]


def test_brackets_that_are_no_address_and_a_mark_before_json_do_not_matter(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + json.dumps(tasks(note="//[x")).encode()
    assert counts(load(tree(tmp_path / "set", export__json=content), Settings())) == {"a": 6, "b": 6}


def test_a_cell_that_is_too_long_is_one_sentence(tmp_path: Path) -> None:
    heading = "annotation_id,annotator,brush,id,image,lead_time"
    text = lines(heading, [(1, 1, "x" * (csv.field_size_limit() + 1), 1, "0.png", 1)])
    with pytest.raises(SadariError, match=r"export.csv as CSV: field larger .*; export it as JSON"):
        load(tree(tmp_path / "set", export__csv=text) / "export.csv", Settings())


@pytest.mark.parametrize("encoding", ["nothing", "cp949"])
def test_xml_of_an_unknown_encoding_is_one_sentence(encoding: str, tmp_path: Path) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><annotations><version>1.1</version></annotations>'
    with pytest.raises(SadariError, match=r"cannot read .*annotations.xml as XML"):
        load(tree(tmp_path / "set", annotations__xml=text), Settings())


def write_table(path: Path, **columns: list[Any]) -> Path:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(columns), path)
    return path


def test_the_splits_of_a_parquet_count(tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {"image": list(IMAGES.values()), "label": list("ab" * 6)}
    splits = ["train"] * 8 + ["test"] * 4
    images = load(write_table(tmp_path / "set.parquet", **columns, split=splits, patient=[1] * 12), Settings())
    assert sorted(images.source_split.tolist()) == sorted(splits)
    assert any("did not read the column patient" in note for note in images.notes)
    images = load(write_table(tmp_path / "no.parquet", **columns, subset=["x"] * 12, category=["c"] * 12), Settings())
    assert set(images.source_split) == {""}
    assert any("the column subset has words that are none of train, val and test: 'x'" in each for each in images.notes)
    assert any("took the column 'label' as label, not category" in note for note in images.notes)


def test_a_metadata_file_of_parquet_can_be_named(tmp_path: Path) -> None:
    root = tree(tmp_path / "set")
    file = write_table(root / "metadata.parquet", file_name=list(IMAGES), label=list("ab" * 6))
    assert counts(load(file, Settings())) == {"a": 6, "b": 6}
