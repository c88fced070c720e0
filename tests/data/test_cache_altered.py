"""Does the cache believe nothing that was altered or is not whole, and find what times do not show?"""

import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from sadari.cli.data.commands import app
from sadari.data.cache import seal
from sadari.data.cache.entries import entries
from sadari.data.cache.features import read_features
from sadari.data.decode import Frame
from sadari.data.load import load
from sadari.settings import Settings
from support.caches import METADATA, clear, keep_rows, must_not_run, pack_in

pytestmark = pytest.mark.usefixtures("own_cache")


def roll_rows(path: Path) -> None:
    """Put the second half of the rows first, and give the file the times that it had."""
    stat = path.stat()
    rows = np.load(path)
    np.save(path, np.roll(rows, len(rows) // 2, axis=0))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def empty_files(marker: Path) -> None:
    marker.write_text(json.dumps({**json.loads(marker.read_text()), "files": {}}))


def fewer_files(marker: Path) -> None:
    document = json.loads(marker.read_text())
    names = [name for name in document["files"] if not name.endswith(".npy")]
    marker.write_text(json.dumps({**document, "files": {name: document["files"][name] for name in names}}))


MARKER_DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": lambda marker: marker.unlink(),
    "no keys": lambda marker: marker.write_text("{}"),
    "a list": lambda marker: marker.write_text("[]"),
    "empty": lambda marker: marker.write_bytes(b""),
    "no files": empty_files,
    "fewer files": fewer_files,
    "another kind": lambda marker: marker.write_text(marker.read_text().replace('"kind": "', '"kind": "x')),
}


@pytest.mark.parametrize("damage", MARKER_DAMAGES)
def test_an_entry_without_a_whole_marker_is_not_believed(
    damage: str, photos: Path, own_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = np.array(load(photos, Settings()).images)
    keep_rows()
    for marker in own_cache.rglob("entry.json"):
        MARKER_DAMAGES[damage](marker)
    for name in ("images.npy", "features.npy"):
        roll_rows(next(own_cache.rglob(name)))
    np.testing.assert_array_equal(load(photos, Settings()).images, before)
    assert read_features(METADATA) is None
    assert len(caplog.messages) == 2
    assert all(re.search(r"has no whole entry\.json .*; it is made again", each) for each in caplog.messages)
    keep_rows()
    caplog.clear()
    load(photos, Settings())
    assert read_features(METADATA) is not None
    assert caplog.messages == []
    assert "2 verified: as they were written; 0 altered" in CliRunner().invoke(app, ["cache", "--verify"]).output


@pytest.mark.parametrize("damage", MARKER_DAMAGES)
def test_verify_removes_an_entry_without_a_whole_marker(damage: str, photos: Path, own_cache: Path) -> None:
    load(photos, Settings())
    pack = pack_in(own_cache)
    MARKER_DAMAGES[damage](pack / "entry.json")
    shown = CliRunner().invoke(app, ["cache", "--verify", "--json"])
    assert (shown.exit_code, json.loads(shown.stdout)["altered"]) == (1, [str(pack)])
    assert not pack.exists()


def test_a_cache_without_markers_is_made_again_and_cleared(photos: Path, own_cache: Path) -> None:
    """As version 0.1.0 left it."""
    load(photos, Settings())
    keep_rows()
    for marker in (*own_cache.rglob("entry.json"), own_cache / ".sadari-cache"):
        marker.unlink()
    assert len(entries()) == 2
    load(photos, Settings())
    assert len(list(own_cache.rglob("entry.json"))) == 1
    clear()
    assert entries() == []
    assert list((own_cache / "packs").iterdir()) == []


@pytest.mark.parametrize("alter", [roll_rows, lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\xee")])
def test_an_altered_pack_is_decoded_again(
    alter: object, photos: Path, own_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = np.array(load(photos, Settings()).images)
    alter(pack_in(own_cache) / "images.npy")  # type: ignore[operator]
    np.testing.assert_array_equal(load(photos, Settings()).images, before)
    (said,) = caplog.messages
    assert "was altered since it was written" in said
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Frame, "decode", must_not_run)
        load(photos, Settings())


def test_altered_labels_are_not_believed(photos: Path, own_cache: Path) -> None:
    before = load(photos, Settings()).labels
    metadata = pack_in(own_cache) / "pack.json"
    document = json.loads(metadata.read_text())
    metadata.write_text(json.dumps({**document, "labels": document["labels"][::-1]}))
    np.testing.assert_array_equal(load(photos, Settings()).labels, before)


def test_altered_features_are_not_believed(own_cache: Path) -> None:
    keep_rows()
    roll_rows(next(own_cache.rglob("features.npy")))
    assert read_features(METADATA) is None
    keep_rows()
    rows = read_features(METADATA)
    assert rows is not None
    assert rows[0, 1] == 1


def test_what_was_checked_is_not_read_again_until_it_changes(
    photos: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal, "SETTLED_SECONDS", 0.0)
    load(photos, Settings())
    time.sleep(0.01)
    load(photos, Settings())
    assert (pack_in(own_cache) / "checked.json").is_file()
    seal._checked_here.clear()  # as a new process
    monkeypatch.setattr(seal, "_blocks", must_not_run)
    load(photos, Settings())


def test_a_small_pack_that_was_just_written_is_read_again(photos: Path, own_cache: Path) -> None:
    load(photos, Settings())
    assert not (pack_in(own_cache) / "checked.json").exists()


def test_verify_finds_what_times_do_not_show(photos: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged disk changes bytes and no time."""
    load(photos, Settings())
    keep_rows()
    assert "2 verified" in CliRunner().invoke(app, ["cache", "--verify"]).output
    pack = pack_in(own_cache)
    monkeypatch.setattr(seal, "_signature", lambda *_: ("the same", 0.0))
    load(photos, Settings())
    roll_rows(pack / "images.npy")
    load(photos, Settings())
    shown = CliRunner().invoke(app, ["cache", "--verify", "--json"])
    assert shown.exit_code == 1
    assert json.loads(shown.stdout)["altered"] == [str(pack)]
    assert [entry.kind for entry in entries()] == ["features"]
