"""Names in any encoding become the classes that their users gave them, and hostile ones harm nothing."""

import csv
import io
import os
import struct
import tarfile
import unicodedata
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sadari.cli.predict import _csv as csv_line
from sadari.data.load import absolute_data, load, open_source
from sadari.data.sources.encodings import guess_encoding
from sadari.errors import SadariError, UsageError
from sadari.run_files import read_predictions, write_predictions
from sadari.settings import Settings
from sadari.values import Predictions
from support.sets import encode, flat_files, write_folder, write_tar, write_zip

pytestmark = pytest.mark.usefixtures("own_cache")
NOISE = encode(np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8))
UTF8 = 0x800


def files_of(*classes: str) -> dict[str, bytes]:
    return {f"{name}/{at}.png": NOISE for name in classes for at in range(3)}


def raw_zip(path: Path, files: Mapping[bytes, bytes], flag: int = 0, extra: Callable[[bytes], bytes] = bytes) -> Path:
    """A .zip whose names are any bytes, with any flag and extra field; its files are stored."""
    out, index = b"", b""
    for name, data in files.items():
        more = extra(name) if extra is not bytes else b""
        start, sizes = len(out), (zlib.crc32(data), len(data), len(data), len(name))
        head = struct.pack("<HHHHHIIIHH", 20, flag, 0, 0, 0x5821, *sizes, len(more))
        out += b"PK\3\4" + head + name + more + data
        index += b"PK\1\2" + struct.pack("<H", 20) + head + struct.pack("<HHHII", 0, 0, 0, 0, start) + name + more
    end = struct.pack("<HHHHIIH", 0, 0, len(files), len(files), len(index), len(out), 0)
    path.write_bytes(out + index + b"PK\5\6" + end)
    return path


NAMES = {
    "cp949": ("고양이", "개"),
    "cp932": ("ソース", "ソーダ", "ケーキ"),  # the byte 0x5C, a backslash, is in the middle of letters
    "gbk": ("老虎", "长颈鹿", "大象"),
    "big5": ("許功蓋", "老虎", "長頸鹿"),  # the same byte
}


@pytest.mark.parametrize("encoding", NAMES)
@pytest.mark.parametrize("packing", ["zip", "tar"])
def test_names_of_an_archive_without_an_encoding_are_guessed_and_told(
    encoding: str, packing: str, tmp_path: Path
) -> None:
    files = {name.encode(encoding): content for name, content in files_of(*NAMES[encoding]).items()}
    path = tmp_path / f"set.{packing}"
    if packing == "zip":
        raw_zip(path, files)
    else:
        write_tar(path, {name.decode("utf-8", "surrogateescape"): each for name, each in files.items()})
    images = load(path, Settings())
    assert images.classes == tuple(sorted(NAMES[encoding]))
    assert np.bincount(images.labels).tolist() == [3] * len(NAMES[encoding])
    (note,) = images.notes
    assert f"they were read as {encoding}" in note and "--set archive_encoding=" in note
    given = load(path, Settings(archive_encoding=encoding))
    assert (given.classes, given.notes, given.fingerprint) == (images.classes, (), images.fingerprint)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("狗", "read as cp949, such as '뭍/0.png' (it would be gbk '狗/0.png', big5 '僩/0.png'); if"),
        ("猫", "read as utf-8, such as 'è/0.png' (it would be cp949 '챔/0.png', gbk '猫/0.png', big5 '癡/0.png'); if"),
    ],
)
def test_where_a_name_fits_several_encodings_the_note_shows_each_reading(name: str, said: str, tmp_path: Path) -> None:
    """One Chinese letter may as well be a Korean syllable, or a Latin letter: nothing in two bytes says which."""
    files = {each.encode("gbk"): content for each, content in files_of(name, "dog").items()}
    path = raw_zip(tmp_path / "set.zip", files)
    (note,) = load(path, Settings()).notes
    assert said in note
    images = load(path, Settings(archive_encoding="gbk"))
    assert (images.classes, images.notes) == (("dog", name), ())


@pytest.mark.parametrize("names", [("똠", "펲"), ("똠방", "펲시"), ("똠 1", "펲_2")])
def test_rare_hangul_alone_is_hangul(names: tuple[str, str], tmp_path: Path) -> None:
    files = {name.encode("cp949"): content for name, content in files_of(*names).items()}
    images = load(raw_zip(tmp_path / "set.zip", files), Settings())
    assert images.classes == tuple(sorted(names))
    assert "they were read as cp949" in images.notes[0]


@pytest.mark.parametrize("encoding", ["cp437", "cp850", "cp1252", "latin-1"])
def test_words_of_the_west_are_not_hangul(encoding: str) -> None:
    for words in (("Ärzte", "Öfen"), ("Müller", "Größe"), ("café", "thé"), ("Übung", "naïve"), ("élève", "être")):
        assert guess_encoding([word.encode(encoding) for word in words]) != "cp949"


def test_notes_on_an_archive_that_was_renamed_do_not_name_its_old_place(tmp_path: Path) -> None:
    files = {name.encode("cp949"): content for name, content in files_of("고양이", "개").items()}
    files |= {"소/0.cr2".encode("cp949"): b"x", "개/깊이/0.png".encode("cp949"): NOISE, b"stray.png": NOISE}
    before = raw_zip(tmp_path / "before.zip", files)
    notes = load(before, Settings()).notes
    assert len(notes) > 3
    after = before.rename(tmp_path / "after.zip")
    assert load(after, Settings()).notes == notes
    assert not any("before" in note or str(tmp_path) in note for note in notes)


def test_an_encoding_that_does_not_fit_or_does_not_exist_is_one_sentence(tmp_path: Path) -> None:
    path = raw_zip(tmp_path / "set.zip", {name.encode("cp949"): each for name, each in files_of("개", "소").items()})
    with pytest.raises(SadariError, match="holds a name that is not utf-8"):
        load(path, Settings(archive_encoding="utf-8"))
    with pytest.raises(UsageError, match="archive_encoding is auto or an encoding"):
        load(path, Settings(archive_encoding="cp-nothing"))
    with pytest.raises(UsageError, match="archive_encoding is auto or an encoding"):
        load(path, Settings(archive_encoding="hex"))


def test_utf8_without_a_flag_is_what_macos_writes(tmp_path: Path) -> None:
    names = {unicodedata.normalize("NFD", name).encode(): each for name, each in files_of("개", "고양이").items()}
    images = load(raw_zip(tmp_path / "mac.zip", names), Settings())
    assert images.classes == ("개", "고양이")
    assert images.notes == ()


def test_the_flag_and_the_unicode_field_come_before_any_guess(tmp_path: Path) -> None:
    def field(name: bytes) -> bytes:
        content = b"\x01" + struct.pack("<I", zlib.crc32(name)) + name.decode("cp949").encode()
        return struct.pack("<HH", 0x7075, len(content)) + content

    files = files_of("사자", "호랑이")
    told = raw_zip(tmp_path / "field.zip", {name.encode("cp949"): each for name, each in files.items()}, extra=field)
    flagged = raw_zip(tmp_path / "flag.zip", {name.encode(): each for name, each in files.items()}, flag=UTF8)
    for path in (told, flagged):
        images = load(path, Settings())
        assert (images.classes, images.notes) == (("사자", "호랑이"), ())


def test_latin_letters_of_old_archives_stay_those_of_the_standard(tmp_path: Path) -> None:
    files = {name.encode("cp437"): each for name, each in files_of("café", "thé").items()}
    images = load(raw_zip(tmp_path / "old.zip", files), Settings())
    assert images.classes == ("café", "thé")
    assert "read as cp437" in images.notes[0]
    assert guess_encoding([b"abc"]) == "utf-8"
    assert guess_encoding([name.encode("cp850") for name in ("Müller", "Größe")]) == ""


def test_a_path_that_is_not_utf8_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = os.fsencode(tmp_path) + b"/" + "사진".encode("cp949")
    write_folder(Path(os.fsdecode(top)), files_of("cat", "dog"))
    with pytest.raises(SadariError, match=r"udcbb.* is not UTF-8; rename it"):
        load(os.fsdecode(top), Settings())
    monkeypatch.chdir(os.fsdecode(top))
    with pytest.raises(SadariError, match="is not UTF-8"):
        load(".", Settings())


@pytest.mark.parametrize("name", ["~$labels.csv", "~nobody9/photos", "~nobody9", "a\0b", "x" * 300])
def test_whatever_is_wrong_with_a_path_is_one_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~$labels.csv").write_bytes(b"lock")
    with pytest.raises(UsageError):
        open_source(name)
    assert absolute_data(name)


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "images.csv")
    with pytest.raises(UsageError, match="neither a file nor a folder"):
        load(tmp_path / "images.csv", Settings())


@pytest.mark.parametrize("form", ["folder", "zip", "csv", "npz"])
def test_one_name_in_two_forms_of_unicode_is_one_class(form: str, tmp_path: Path) -> None:
    both = ("고양이", unicodedata.normalize("NFD", "고양이"))
    names = [f"개/{at}.png" for at in range(4)] + [f"{both[at % 2]}/{at}.png" for at in range(4)]
    files = dict.fromkeys(names, NOISE)
    if form == "csv":
        write_folder(tmp_path, files)
        rows = "".join(f"{name},{name.split('/')[0]}\n" for name in names)
        (tmp_path / "set.csv").write_text(f"path,label\n{rows}")
    elif form == "npz":
        np.savez(tmp_path / "set.npz", X=np.zeros((8, 4, 4), np.uint8), y=[name.split("/")[0] for name in names])
    elif form == "zip":
        write_zip(tmp_path / "set.zip", files)
    else:
        write_folder(tmp_path / "set", files)
    images = load(tmp_path / ("set" if form == "folder" else f"set.{form}"), Settings())
    assert images.classes == ("개", "고양이")
    assert np.bincount(images.labels).tolist() == [4, 4]


def test_files_of_a_table_are_found_in_either_form_and_without_ending(tmp_path: Path) -> None:
    write_folder(tmp_path, {f"{unicodedata.normalize('NFD', '사진')}{at}.png": NOISE for at in range(4)})
    (tmp_path / "nfc.csv").write_text("path,label\n" + "".join(f"사진{at}.png,{'ab'[at % 2]}\n" for at in range(4)))
    (tmp_path / "short.csv").write_text("id,class\n" + "".join(f"사진{at},{'ab'[at % 2]}\n" for at in range(4)))
    for name in ("nfc.csv", "short.csv"):
        images = load(tmp_path / name, Settings(stream="always"))
        assert len(images) == 4 and images.images[0].shape == (8, 8, 3)


HOSTILE = ("line\nbreak", "car\rriage", 'quo"te', "com,ma", "esc\x1b[31m", "NaN", " space ", "=1+1")


def test_control_characters_in_names_are_replaced_and_told(tmp_path: Path) -> None:
    files = {f"{name}/{'new'}\n{at}.png": NOISE for name in ("car\rriage", "dog") for at in range(2)}
    for path in (write_folder(tmp_path / "set", files), write_tar(tmp_path / "set.tar", files)):
        images = load(path, Settings())
        assert images.classes == ("car␍riage", "dog")
        assert images.ids[0] == "car␍riage/new␊0.png"
        assert [note for note in images.notes if "control characters in names of classes" in note]
        assert [note for note in images.notes if "control characters in names of files" in note]
        assert load(path, Settings(stream="always")).images[0].shape == (8, 8, 3)
    np.savez(tmp_path / "set.npz", X=np.zeros((4, 4, 4), np.uint8), y=["a\rb", "c"] * 2)
    assert load(tmp_path / "set.npz", Settings()).classes == ("a␍b", "c")


def test_predictions_with_hostile_names_are_read_back_by_python_and_pandas(tmp_path: Path) -> None:
    count = len(HOSTILE)
    probabilities = np.full((count, count), 1 / count, dtype=np.float32)
    predictions = Predictions(np.array(HOSTILE), np.arange(count), probabilities, HOSTILE, 1.0)
    path = tmp_path / "predictions.csv"
    write_predictions(path, predictions)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["id", "label", "prediction", *HOSTILE]
    assert [row[:3] for row in rows[1:]] == [[name, name, HOSTILE[0]] for name in HOSTILE]
    frame = pd.read_csv(path, keep_default_na=False, lineterminator="\n")
    assert list(frame["id"]) == list(HOSTILE) and list(frame.columns[3:]) == list(HOSTILE)
    again = read_predictions(path)
    assert list(again.ids) == list(HOSTILE) and again.classes == HOSTILE


def test_lines_of_predict_are_read_back_whatever_names_they_have() -> None:
    line = csv_line([*HOSTILE, ""])
    assert next(csv.reader(io.StringIO(line, newline=""))) == [*HOSTILE, ""]


def test_a_folder_of_a_named_sets_name_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path / "digits", flat_files(a=2, b=2))
    monkeypatch.chdir(tmp_path)
    assert "write ./digits for the folder" in load("digits", Settings()).notes[0]


def test_a_tar_with_utf8_names_needs_no_guess(tmp_path: Path) -> None:
    with tarfile.open(write_tar(tmp_path / "set.tar", files_of("개", "소"))) as packed:
        assert len(packed.getnames()) == 6
    assert load(tmp_path / "set.tar", Settings()).notes == ()
