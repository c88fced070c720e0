"""Does the cache remove only what Sadari made, and all of what killed processes left?"""

import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sadari.cli.data.commands import app
from sadari.data.cache.entries import entries, leftovers
from sadari.data.load import load
from sadari.settings import Settings
from support.caches import clear, keep_rows, pack_in

pytestmark = pytest.mark.usefixtures("own_cache")


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
