"""Do unrelated processes share a cache, whoever may write to it and whatever locks the disk has?"""

import errno
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import filelock
import pytest

from sadari.data.cache.entries import entries, leftovers
from sadari.data.load import load
from sadari.errors import SadariError
from sadari.settings import Settings
from support.caches import clear, must_not_run, pack_in

pytestmark = pytest.mark.usefixtures("own_cache")
OTHER_USER = 12345


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
