"""The cache removes only what Sadari made, believes nothing that was altered, and is shared by unrelated processes."""

import errno
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import filelock
import numpy as np
import pytest
from typer.testing import CliRunner

from sadari.cli.data.commands import app
from sadari.data.cache import seal
from sadari.data.cache.entries import entries, leftovers
from sadari.data.cache.features import keep_features, read_features
from sadari.data.decode import Frame
from sadari.data.load import load
from sadari.errors import SadariError
from sadari.settings import Settings
from support.sets import flat_files, write_folder

pytestmark = pytest.mark.usefixtures("own_cache")

METADATA = {"data": "abc", "layers": "conv"}
FLOAT = np.dtype(np.float32)
OTHER_USER = 12345


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "photos", flat_files(a=4, b=4))


def pack_in(cache: Path) -> Path:
    (pack,) = (cache / "packs").iterdir()
    return pack


def keep_rows() -> None:
    keep_features(METADATA, (7, 3), FLOAT, iter([np.arange(21, dtype=np.float32).reshape(7, 3)]))


def must_not_run(*_: object) -> None:
    raise AssertionError("this must not run again")


def clear() -> None:
    assert CliRunner().invoke(app, ["cache", "--clear"]).exit_code == 0


def roll_rows(path: Path) -> None:
    """Put the second half of the rows first, and give the file the times that it had."""
    stat = path.stat()
    rows = np.load(path)
    np.save(path, np.roll(rows, len(rows) // 2, axis=0))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_folders_of_others_are_never_removed(photos: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = [own_cache / kind / name for kind in ("features", "packs") for name in ("my-own-work", "f" * 40)]
    for folder in theirs:
        folder.mkdir(parents=True)
        (folder / "thesis.txt").write_text("years")
    (own_cache / "features" / ".hidden").mkdir()
    monkeypatch.setenv("SADARI_CACHE_LIMIT", "0.0000001")
    load(photos, Settings())
    keep_rows()
    clear()
    assert [(folder / "thesis.txt").read_text() for folder in theirs] == ["years"] * 4
    assert (own_cache / "features" / ".hidden").is_dir()
    assert entries() == []


def test_what_somebody_put_into_an_entry_stays(photos: Path, own_cache: Path) -> None:
    load(photos, Settings())
    pack = pack_in(own_cache)
    (pack / "notes.txt").write_text("mine")
    clear()
    assert [each.name for each in pack.iterdir()] == ["notes.txt"]
    assert len(load(photos, Settings())) == 8
    assert [path.read_text() for path in own_cache.rglob("notes.txt")] == ["mine"]


def test_a_linked_folder_is_no_entry(photos: Path, own_cache: Path, tmp_path: Path) -> None:
    load(photos, Settings())
    elsewhere = shutil.copytree(pack_in(own_cache), tmp_path / "elsewhere")
    (own_cache / "packs" / ("e" * 40)).symlink_to(elsewhere)
    clear()
    assert (elsewhere / "images.npy").is_file()


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


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only the administrator gives files away")
def test_the_cache_of_another_user_is_refused(photos: Path, own_cache: Path) -> None:
    own_cache.mkdir()
    os.chown(own_cache, OTHER_USER, OTHER_USER)
    with pytest.raises(SadariError, match=r"belongs to another user.*SADARI_CACHE_DIR"):
        load(photos, Settings())


def test_a_cache_that_everybody_can_write_is_refused(photos: Path, own_cache: Path) -> None:
    own_cache.mkdir()
    own_cache.chmod(0o777)
    with pytest.raises(SadariError, match=r"every user .* can write to it"):
        load(photos, Settings())
    own_cache.chmod(0o775)
    assert len(load(photos, Settings())) == 8


def test_what_killed_processes_left_is_counted_and_cleared(photos: Path, own_cache: Path) -> None:
    load(photos, Settings())
    (own_cache / "digests").mkdir(exist_ok=True)
    (own_cache / "digests" / ".abc.json.k3j_x9aa.part").write_bytes(b"{")
    killed = own_cache / "packs" / f".{'a' * 40}.0123abcd.part"
    killed.mkdir()
    (killed / ".lock.part").touch()
    (killed / "images.npy").write_bytes(bytes(1000))
    of_old = own_cache / "features" / ".machine.99999.abcd_123"
    of_old.mkdir(parents=True)
    (of_old / "features.npy").write_bytes(bytes(100))
    os.utime(of_old / "features.npy", (1, 1))
    os.utime(of_old, (1, 1))
    document = json.loads(CliRunner().invoke(app, ["cache", "--json"]).stdout)
    assert document["unfinished"] == {"count": 3, "bytes": 1101}
    assert "unfinished" in CliRunner().invoke(app, ["cache"]).output
    clear()
    assert leftovers().count == 0


@pytest.mark.usefixtures("own_cache")
def test_temporary_folders_of_killed_processes_are_counted_and_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "temporary"
    killed = place / ".sadari-run.0123abcd.part"
    killed.mkdir(parents=True)
    (killed / ".lock.part").touch()
    (killed / "model.safetensors").write_bytes(bytes(2**20))
    monkeypatch.setattr("tempfile.tempdir", str(place))
    document = json.loads(CliRunner().invoke(app, ["cache", "--json"]).stdout)
    assert document["temporary"] == {"count": 1, "bytes": 2**20}
    assert "1.0 MiB in 1 temporary folder" in CliRunner().invoke(app, ["cache"]).output
    document = json.loads(CliRunner().invoke(app, ["cache", "--clear", "--json"]).stdout)
    assert document["temporary"] == {"count": 0, "bytes": 0}
    assert not killed.exists()


def test_what_others_hide_in_the_cache_stays(photos: Path, own_cache: Path) -> None:
    theirs = [own_cache / kind / name for kind in ("packs", "features") for name in (".my thesis.part", ".a.mkv.part")]
    for folder in theirs:
        folder.mkdir(parents=True)
        (folder / "a.txt").write_text("years")
        os.utime(folder / "a.txt", (1, 1))
        os.utime(folder, (1, 1))
    load(photos, Settings())
    keep_rows()
    assert leftovers().count == 0
    clear()
    assert [(folder / "a.txt").read_text() for folder in theirs] == ["years"] * 4


def test_a_younger_folder_of_version_0_1_0_stays(own_cache: Path) -> None:
    of_old = own_cache / "packs" / ".machine.99999.abcd_123"
    of_old.mkdir(parents=True)
    clear()
    assert of_old.is_dir()


PACK = """
import os, sys, time
from sadari.data.decode import Frame
from sadari.data.load import load
from sadari.settings import Settings

real = Frame.decode
def slow(*given):
    time.sleep(float(sys.argv[2]))
    while len(sys.argv) > 4 and not os.path.exists(sys.argv[4]):
        time.sleep(0.02)
    return real(*given)
Frame.decode = slow
images = load(sys.argv[1], Settings(threads=1, image_size=int(sys.argv[3])))
print(images.fingerprint, int(images.images[:].sum()))
"""


def start_packing(
    photos: Path, pause: float, size: int, *before: str, until: Path | None = None
) -> "subprocess.Popen[str]":
    """Start a process that packs, and decodes no image before the file `until` is there."""
    command = [
        *before,
        sys.executable,
        "-c",
        PACK,
        str(photos),
        str(pause),
        str(size),
        *([str(until)] if until else []),
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_containers_share_a_cache(photos: Path, own_cache: Path) -> None:
    """They have one host name, and process ids that say nothing to each other."""
    container = ["unshare", "--pid", "--fork", "--kill-child"]
    try:
        subprocess.run([*container, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no namespaces here")
    go_on = photos.parent / "go on"
    inside = start_packing(photos, 0, 4, *container, until=go_on)
    while inside.poll() is None and not list(own_cache.glob("packs/.*.part")):
        time.sleep(0.02)
    (unfinished,) = own_cache.glob("packs/.*")
    other = start_packing(photos, 0, 3, *container)
    load(photos, Settings(image_size=5))
    assert (other.communicate(timeout=600)[1], other.returncode) == ("", 0)
    assert unfinished.is_dir()
    clear()
    assert unfinished.is_dir()
    go_on.touch()
    output, said = inside.communicate(timeout=600)
    assert inside.returncode == 0, said
    assert output.split()[0] == load(photos, Settings()).fingerprint


def test_four_packers_under_a_tiny_limit_all_end(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SADARI_CACHE_LIMIT", "0.0000001")
    packers = [start_packing(photos, 0.01, 3 + number) for number in range(4)]
    said = [packer.communicate(timeout=60) for packer in packers]
    assert [packer.returncode for packer in packers] == [0] * 4, said


@pytest.mark.parametrize("reason", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_disk_without_locks_is_one_sentence(
    reason: int, photos: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*_: object, **__: object) -> bool:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(filelock, "lock_descriptor", refused)
    monkeypatch.setattr(filelock.FileLock, "_acquire", refused)
    monkeypatch.setattr("sadari.locks.folder._reported", set())
    caplog.set_level(logging.WARNING)
    load(photos, Settings())
    load(photos, Settings(image_size=3))
    assert len(entries()) == 2
    (said,) = caplog.messages
    assert "no locks can be had" in said
    assert os.strerror(reason) in said
    assert leftovers().count == 0


def test_a_cache_follows_the_umask_and_needs_no_chmod(
    photos: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "chmod", must_not_run)
    monkeypatch.setattr(Path, "chmod", must_not_run)
    before = os.umask(0o027)
    try:
        load(photos, Settings())
    finally:
        os.umask(before)
    pack = pack_in(own_cache)
    assert {path.name: f"{path.stat().st_mode & 0o777:o}" for path in (pack, *pack.iterdir())} == {
        pack.name: "750",
        "pack.json": "640",
        "images.npy": "640",
        "entry.json": "640",
    }
