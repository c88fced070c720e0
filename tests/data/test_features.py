"""Features are computed once, kept whole or not at all, and leave when the cache is full, the longest unused first."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from sadari.cli.data.commands import app
from sadari.data.cache import entries as module
from sadari.data.cache.entries import entries, make_room
from sadari.data.cache.features import keep_features, read_features
from sadari.data.load import load
from sadari.errors import SadariError, UsageError
from sadari.settings import Settings

pytestmark = pytest.mark.usefixtures("own_cache")

METADATA = {"data": "abc", "layers": "conv"}
FLOAT = np.dtype(np.float32)


def rows(count: int, width: int = 3) -> NDArray[np.float32]:
    return np.arange(count * width, dtype=np.float32).reshape(count, width)


def test_rows_come_back_as_they_were_given_in_blocks() -> None:
    given = rows(7)
    kept = keep_features(METADATA, (7, 3), FLOAT, iter((given[:4], given[4:])))
    assert kept is not None
    assert np.array_equal(kept, given)
    again = read_features(METADATA)
    assert isinstance(again, np.memmap)
    assert np.array_equal(again, given)
    assert read_features({**METADATA, "layers": "dense"}) is None


def test_a_failing_computation_leaves_nothing(own_cache: Path) -> None:
    def failing() -> Iterator[NDArray[np.float32]]:
        yield rows(4)
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        keep_features(METADATA, (7, 3), FLOAT, failing())
    assert read_features(METADATA) is None
    assert list((own_cache / "features").iterdir()) == []


def test_too_few_rows_are_an_error() -> None:
    with pytest.raises(ValueError, match="4 rows"):
        keep_features(METADATA, (7, 3), FLOAT, iter((rows(4),)))


@pytest.mark.parametrize("damage", ["features.npy", "features.json"])
def test_what_is_damaged_is_not_believed(own_cache: Path, damage: str) -> None:
    keep_features(METADATA, (7, 3), FLOAT, iter((rows(7),)))
    (path,) = own_cache.rglob(damage)
    path.write_bytes(path.read_bytes()[:20])
    assert read_features(METADATA) is None
    assert keep_features(METADATA, (7, 3), FLOAT, iter((rows(7),))) is not None


def test_a_killed_writer_leaves_nothing_that_is_believed(own_cache: Path) -> None:
    program = f"""
        import time, numpy as np
        from sadari.data.cache.features import keep_features
        def slow():
            yield np.ones((4, 3), np.float32)
            print("writing", flush=True)
            time.sleep(60)
        keep_features({METADATA!r}, (7, 3), np.dtype(np.float32), slow())
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        process.send_signal(signal.SIGKILL)
    assert read_features(METADATA) is None
    assert len(list((own_cache / "features").iterdir())) == 1
    keep_features(METADATA, (7, 3), FLOAT, iter((rows(7),)))
    assert [path.name[0] for path in (own_cache / "features").iterdir()] != ["."]
    assert len(list((own_cache / "features").iterdir())) == 1  # what the dead process left has gone


def test_the_longest_unused_leave_when_the_limit_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    size = 1000 * 3 * 4
    monkeypatch.setenv("SADARI_CACHE_LIMIT", str(2.5 * size / 2**30))
    for number, name in enumerate("ab"):
        keep_features({"data": name}, (1000, 3), FLOAT, iter((rows(1000),)))
        for entry in entries():
            os.utime(entry.folder, (time.time() - 100 + number,) * 2)
    assert read_features({"data": "a"}) is not None  # used now, so b is the longest unused
    assert keep_features({"data": "c"}, (1000, 3), FLOAT, iter((rows(1000),))) is not None
    assert read_features({"data": "b"}) is None
    assert read_features({"data": "a"}) is not None


def test_what_passes_the_limit_alone_is_not_computed_and_drives_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_features(METADATA, (7, 3), FLOAT, iter((rows(7),)))
    monkeypatch.setenv("SADARI_CACHE_LIMIT", "0.0001")

    def must_not_run() -> Iterator[NDArray[np.float32]]:
        raise AssertionError("computed")
        yield

    assert keep_features({"data": "big"}, (100_000, 3), FLOAT, must_not_run()) is None
    assert read_features(METADATA) is not None


def test_an_entry_that_another_process_removes_is_no_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ab":
        keep_features({"data": name}, (7, 3), FLOAT, iter((rows(7),)))
    gone = entries()[0].folder
    measure = module._size

    def removed_meanwhile(folder: Path) -> int:
        shutil.rmtree(gone, ignore_errors=True)
        return measure(folder)

    monkeypatch.setattr(module, "_size", removed_meanwhile)
    assert [each.folder for each in entries()] != [gone]
    assert len(entries()) == 1


def test_a_limit_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SADARI_CACHE_LIMIT", "much")
    with pytest.raises(UsageError, match="SADARI_CACHE_LIMIT is a number of GiB, not 'much'"):
        make_room(1)


def test_a_full_disk_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SadariError, match=r"cannot keep computed features in .* \(No space left on device\)"):
        keep_features(METADATA, (7, 3), FLOAT, iter((rows(7),)))
    assert read_features(METADATA) is None


def test_the_cache_can_be_listed_and_cleared() -> None:
    keep_features({**METADATA, "name": "photos"}, (7, 3), FLOAT, iter((rows(7),)))
    load("digits", Settings())
    shown = CliRunner().invoke(app, ["cache"])
    assert shown.exit_code == 0
    assert "photos through conv" in shown.output
    assert "1,797 images of 10 classes" in shown.output
    document = json.loads(CliRunner().invoke(app, ["cache", "--json"]).output)
    assert {each["kind"] for each in document["entries"]} == {"packs", "features"}
    assert document["bytes"] == sum(each["bytes"] for each in document["entries"]) > 0
    cleared = json.loads(CliRunner().invoke(app, ["cache", "--clear", "--json"]).output)
    assert (cleared["entries"], cleared["bytes"]) == ([], 0)
