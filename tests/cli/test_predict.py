"""Does `sadari predict` print what people and programs can read, line by line?"""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sadari.cli import predict as command
from sadari.deploy.predict import Answer
from sadari.run import RunRecord
from support.photographs import CLASSES, bad_files, photographs, trained
from support.sets import write_folder
from support.terminal import Terminal


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return photographs(6, ((20, 30), (16, 16)), "JPEG")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> Path:
    return write_folder(tmp_path_factory.mktemp("data") / "photos", files)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> RunRecord:
    return trained(folder, tmp_path_factory.mktemp("runs") / "softmax", "softmax", image_size=16)


def test_a_bad_file_gets_its_line_and_the_rest_go_on(
    sadari: Terminal, run: RunRecord, files: dict[str, bytes], tmp_path: Path
) -> None:
    bad_files(tmp_path / "some", files)
    answer = sadari("predict", str(run.path), "some", "nowhere.jpg", "--top", "2")
    assert answer.status == 1
    heading, *lines = answer.out.splitlines()
    assert heading.split() == ["file", "label", "probability", "then"]
    assert [line.split()[0] for line in lines] == [
        "some/a.jpg", "some/b.jpg", "some/c.png", "some/d.jpg", "some/e/f.jpg", "nowhere.jpg",
    ]  # fmt: skip
    assert lines[0].split()[1] in CLASSES and lines[0].split()[1:] == lines[4].split()[1:]
    assert 0 < float(lines[0].split()[2]) <= 1
    assert lines[1].endswith("the file is empty")
    assert lines[2].endswith("it is no JPEG, PNG, BMP, GIF, WebP or TIFF image")
    assert "damaged or cut short" in lines[3]
    assert lines[5].endswith("there is no such file")
    assert "left out 1 file that is hidden or no image" in answer.err


def test_json_is_one_document_a_line(sadari: Terminal, run: RunRecord, files: dict[str, bytes], tmp_path: Path) -> None:
    bad_files(tmp_path / "some", files)
    answer = sadari("predict", str(run.path), "some", "--json", "--top", "9")
    assert answer.status == 1
    documents = [json.loads(line) for line in answer.out.splitlines()]
    assert [each["file"] for each in documents] == [
        f"some/{name}" for name in ("a.jpg", "b.jpg", "c.png", "d.jpg", "e/f.jpg")
    ]
    first, second = documents[0], documents[1]
    assert second == {"file": "some/b.jpg", "error": "the file is empty"}
    assert [each["label"] for each in first["top"]] == sorted(CLASSES, key=lambda name: -share(first, name))
    assert sum(each["probability"] for each in first["top"]) == pytest.approx(1, abs=1e-6)
    assert {key: first[key] for key in ("label", "probability")} == first["top"][0]


def share(document: dict[str, Any], name: str) -> float:
    return float(next(each["probability"] for each in document["top"] if each["label"] == name))


def test_csv_has_a_heading_and_as_many_cells_in_every_line(
    sadari: Terminal, run: RunRecord, files: dict[str, bytes], tmp_path: Path
) -> None:
    bad_files(tmp_path / "so, me", files)
    answer = sadari("predict", str(run.path), "so, me", "--csv", "--top", "2")
    heading, *rows = csv.reader(io.StringIO(answer.out))
    assert heading == ["file", "label", "probability", "label_2", "probability_2", "error"]
    assert [len(row) for row in rows] == [6] * 5
    assert rows[0][0] == "so, me/a.jpg"
    assert float(rows[0][2]) >= float(rows[0][4]) > 0
    assert rows[1] == ["so, me/b.jpg", "", "", "", "", "the file is empty"]


def test_all_well_is_status_0(sadari: Terminal, run: RunRecord, folder: Path) -> None:
    answer = sadari("predict", str(run.path), str(folder / "test" / "cat" / "000.jpeg"))
    assert (answer.status, len(answer.out.splitlines()), answer.err) == (0, 2, "")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("nowhere", "a.jpg"), "there is no model in 'nowhere'"),
        (("RUN", "a.jpg", "--csv", "--json"), "--csv and --json exclude each other"),
        (("RUN", "a.jpg", "--top", "0"), "--top"),
        (("RUN",), "IMAGE"),
        (("RUN/..", "a.jpg"), "holds several runs; name one of them, such as "),
    ],
)
def test_a_wrong_request_is_status_2(words: tuple[str, ...], sentence: str, sadari: Terminal, run: RunRecord) -> None:
    answer = sadari("predict", *(word.replace("RUN", str(run.path)) for word in words))
    assert (answer.status, answer.out) == (2, "")
    assert sentence in answer.err


HOSTILE = ("line\nbreak", "carriage\rreturn", "\x1b]0;title\x07", 'quote"comma,', "\u202eright to left")


def hostile_answer(name: str) -> Answer:
    shares = np.linspace(0.5, 0.1, len(HOSTILE)).astype(np.float32)
    return Answer(f"folder/{name}.png", HOSTILE, shares)


def test_a_row_of_csv_is_one_row_whatever_the_names_are() -> None:
    lines = [command._csv_heading(3), *(command._csv_line(3)(hostile_answer(name)) for name in HOSTILE)]
    text = "".join(f"{line}\n" for line in lines)
    heading, *rows = csv.reader(io.StringIO(text, newline=""))
    assert {len(row) for row in (heading, *rows)} == {8}
    assert [row[0] for row in rows] == [f"folder/{name}.png" for name in HOSTILE]
    assert {(row[1], row[3], row[5]) for row in rows} == {HOSTILE[:3]}


@pytest.mark.parametrize(
    ("label", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"), ("@SUM(1)", "'@SUM(1)"), ("+a", "'+a"),
        ("-1+cmd|'/C'!A0", "'-1+cmd|'/C'!A0"),
        ("\uff1d1", "'\uff1d1"), ("\n=1", "'\n=1"), ("\t=1", "'\t=1"), ("\r=1", "'\r=1"), ("-none-", "'-none-"),
        ("-1", "-1"), ("+1", "+1"), ("-1.5", "-1.5"), ("a=1", "a=1"), ("'=1", "'=1"), ("cat", "cat"), ("", ""),
    ],
)  # fmt: skip
def test_no_label_in_csv_is_a_formula(label: str, cell: str) -> None:
    answer = Answer("a.png", (label, "other"), np.array([0.75, 0.25], np.float32))
    [row] = csv.reader(io.StringIO(command._csv_line(1)(answer), newline=""))
    assert row == ["a.png", cell, "0.75", ""]
    assert json.loads(command._json_line(1)(answer))["label"] == label


@pytest.mark.parametrize("name", ["=1+1.png", "+a.png", "-a.png", "@a.png"])
def test_a_file_in_csv_keeps_a_name_that_opens_it(
    name: str, sadari: Terminal, run: RunRecord, files: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(files["test/cat/000.jpeg"])
    answer = sadari("predict", str(run.path), "--csv", "--", name)
    _, row = csv.reader(io.StringIO(answer.out))
    assert (row[0], row[-1], answer.err) == (f"./{name}", "", "")
    assert (tmp_path / row[0]).samefile(tmp_path / name)


def test_classes_with_an_apostrophe_in_csv_are_told(sadari: Terminal, files: dict[str, bytes], tmp_path: Path) -> None:
    named = {name.replace("/cat/", "/=1+1/"): content for name, content in files.items()}
    data = write_folder(tmp_path / "photos", named)
    run = trained(data, tmp_path / "run", "softmax", image_size=16, epochs=1)
    answer = sadari("predict", str(run.path), str(data / "test"), "--csv")
    assert answer.err.startswith(
        "in the CSV, texts that a spreadsheet would compute begin with an apostrophe; --json has"
    )
    assert ",'=1+1," in answer.out and ",=1+1" not in answer.out
    assert "apostrophe" not in sadari("predict", str(run.path), str(data / "test"), "--json").err
    assert "=1+1" in run.predictions.classes  # the run's own table is exact


def test_names_cannot_command_the_terminal() -> None:
    heading, line = command._table([f"folder/{name}.png" for name in HOSTILE], HOSTILE, 6)
    for name in HOSTILE:
        printed = line(hostile_answer(name))
        assert printed.isprintable()
        assert printed.index("0.500") + len("0.500") == heading.index("probability") + len("probability")
