"""A set is decoded once, decoded again when it changes, and a pack that is not whole is never used."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from sadari.data.cache import digests as cache
from sadari.data.decode import Frame
from sadari.data.load import load
from sadari.errors import SadariError
from sadari.settings import Settings
from support.sets import encode, flat_files, small_pixels, write_folder, write_npz, write_zip

pytestmark = pytest.mark.usefixtures("own_cache")

FAST_CLOCK = 3600


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = write_folder(tmp_path / "photos", flat_files(a=4, b=4))
    rest(folder)
    return folder


def rest(folder: Path) -> None:
    """Make every file look an hour old, so that its digest is worth remembering."""
    for path in folder.rglob("*"):
        os.utime(path, (time.time() - FAST_CLOCK,) * 2)


def packs(folder: Path) -> list[Path]:
    return sorted((folder / "packs").iterdir())


def must_not_run(*_: object) -> None:
    raise AssertionError("this must not run again")


@pytest.mark.parametrize("way", ["whole", "byte by byte", "as on Windows"])
def test_pixels_are_written_however_the_system_writes(way: str, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "as on Windows":
        monkeypatch.delattr(os, "pwrite", raising=False)
    elif way == "byte by byte":
        whole = os.pwrite
        monkeypatch.setattr(os, "pwrite", lambda handle, pixels, offset: whole(handle, pixels[:1], offset))
    images = load(photos, Settings())
    for image, name in zip(images.images, images.ids, strict=True):
        np.testing.assert_array_equal(image, Frame.of(Settings()).decode((photos / name).read_bytes()))


def test_the_second_load_reads_no_file_and_decodes_nothing(photos: Path) -> None:
    first = load(photos, Settings())
    with (
        patch.object(cache, "_digest_file", must_not_run),
        patch.object(Frame, "decode", must_not_run),
        patch("sadari.data.sources.folder.read_files", must_not_run),
    ):
        second = load(photos, Settings())
    assert isinstance(second.images, np.memmap)
    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.labels, second.labels)
    assert list(first.ids) == list(second.ids)
    assert (first.classes, first.notes, first.fingerprint) == (second.classes, second.notes, second.fingerprint)


def test_every_choice_about_pixels_has_its_own_pack(photos: Path, own_cache: Path) -> None:
    for settings in (
        Settings(),
        Settings(channels=3),
        Settings(image_size=2),
        Settings(image_size=2, fit="pad"),
        Settings(unreadable="skip"),
    ):
        load(photos, settings)
    load(photos, Settings(epochs=3))
    assert len(packs(own_cache)) == 5


def change_bytes(photos: Path) -> None:
    """Another picture of the same number of bytes, at the same time of day."""
    path = photos / "a" / "0.png"
    before, stat = path.read_bytes(), path.stat()
    path.write_bytes(before[:-13] + bytes(13))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def move_class(photos: Path) -> None:
    (photos / "a" / "0.png").rename(photos / "b" / "moved.png")


def rename_class(photos: Path) -> None:
    (photos / "a").rename(photos / "z")


def add_image(photos: Path) -> None:
    (photos / "a" / "9.png").write_bytes(encode(np.zeros((4, 4, 1), dtype=np.uint8)))


def make_parts(photos: Path) -> None:
    (photos / "train").mkdir()
    for name in "ab":
        (photos / name).rename(photos / "train" / name)


@pytest.mark.parametrize("change", [change_bytes, move_class, rename_class, add_image, make_parts])
def test_a_change_changes_the_fingerprint(change: object, photos: Path) -> None:
    before = load(photos, Settings())
    change(photos)  # type: ignore[operator]
    after = load(photos, Settings(unreadable="skip"))
    assert before.fingerprint != after.fingerprint


def test_a_changed_picture_is_seen(photos: Path) -> None:
    load(photos, Settings())
    new = np.full((4, 4, 1), 77, dtype=np.uint8)
    (photos / "a" / "0.png").write_bytes(encode(new))
    np.testing.assert_array_equal(load(photos, Settings()).images[0], new)


def test_a_touched_file_changes_nothing(photos: Path, own_cache: Path) -> None:
    before = load(photos, Settings())
    os.utime(photos / "a" / "0.png", (1, 1))
    assert load(photos, Settings()).fingerprint == before.fingerprint
    assert len(packs(own_cache)) == 1


def test_a_file_written_a_moment_ago_is_digested_again(photos: Path, own_cache: Path) -> None:
    """Within one tick of the clock a second change would not show in the file's times."""
    (photos / "a" / "0.png").touch()
    load(photos, Settings())
    assert list(own_cache.glob("digests/*")) == []


@pytest.mark.parametrize("suffix", [".zip", ".npz"])
def test_changed_archives_are_seen(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"set{suffix}"
    fingerprints = set()
    for seed in (0, 1):
        pixels = small_pixels(seed=seed)
        if suffix == ".npz":
            write_npz(path, pixels)
        else:
            write_zip(path, {name: encode(image) for name, image in pixels.items()})
        images = load(path, Settings())
        np.testing.assert_array_equal(images.images[-1], list(pixels.values())[-1 if suffix == ".zip" else 5])
        fingerprints.add(images.fingerprint)
    assert len(fingerprints) == 2


def test_a_set_that_changes_while_it_is_packed_is_refused(photos: Path, own_cache: Path) -> None:
    real = Frame.decode

    def decode_and_change(*given: object) -> object:
        (photos / "b" / "3.png").write_bytes(encode(np.zeros((4, 4, 1), dtype=np.uint8)))
        return real(*given)  # type: ignore[arg-type]

    with patch.object(Frame, "decode", decode_and_change), pytest.raises(SadariError, match="changed while"):
        load(photos, Settings())
    assert packs(own_cache) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pack.json", b""),
        ("pack.json", b"[1, 2]"),
        (
            "pack.json",
            b'{"evidence": false, "labels": [0], "ids": ["a"], "classes": ["a"], "given": [""], "notes": []}',
        ),
        ("images.npy", b""),
        ("images.npy", b"\x93NUMPY\x01\x00v\x00{'descr': ((((("),
        ("pack.json", None),
        ("images.npy", None),
    ],
)
def test_a_damaged_pack_is_made_again(name: str, content: bytes | None, photos: Path, own_cache: Path) -> None:
    expected = np.array(load(photos, Settings()).images)
    (pack,) = packs(own_cache)
    if content is None:
        (pack / name).unlink()
    else:
        (pack / name).write_bytes(content)
    np.testing.assert_array_equal(load(photos, Settings()).images, expected)
    assert packs(own_cache) == [pack]
    with patch.object(Frame, "decode", must_not_run):
        load(photos, Settings())


def test_a_pack_cut_short_is_made_again(photos: Path, own_cache: Path) -> None:
    expected = np.array(load(photos, Settings()).images)
    (pack,) = packs(own_cache)
    with (pack / "images.npy").open("r+b") as file:
        file.truncate(200)
    np.testing.assert_array_equal(load(photos, Settings()).images, expected)


def test_a_malformed_memory_of_digests_is_made_again(photos: Path, own_cache: Path) -> None:
    before = load(photos, Settings())
    for content in (b"", b"[]", b'{"digest": 3}', b"\xff"):
        (memory,) = own_cache.glob("digests/*")
        memory.write_bytes(content)
        assert load(photos, Settings()).fingerprint == before.fingerprint


@pytest.mark.parametrize("blocked", ["cache", "cache/packs"])
def test_a_cache_that_cannot_be_written_is_named(blocked: str, photos: Path, tmp_path: Path) -> None:
    (tmp_path / blocked).parent.mkdir(exist_ok=True)
    (tmp_path / blocked).write_text("a file where a folder should be")
    with pytest.raises(SadariError, match="SADARI_CACHE_DIR") as caught:
        load(photos, Settings())
    assert "\n" not in str(caught.value)


def test_digests_that_cannot_be_remembered_only_cost_time(photos: Path, own_cache: Path) -> None:
    own_cache.mkdir()
    (own_cache / "digests").write_text("a file where a folder should be")
    assert load(photos, Settings()).fingerprint == load(photos, Settings()).fingerprint


@pytest.mark.parametrize("step", ["npy.write_array_header_1_0", "os.fsync", "json.dumps"])
def test_a_full_disk_is_one_sentence(step: str, photos: Path, own_cache: Path) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with patch(f"sadari.data.packs.pack.{step}", full), pytest.raises(SadariError, match="No space left on device"):
        load(photos, Settings())
    assert packs(own_cache) == []
    assert len(load(photos, Settings())) == 8


def test_an_interrupt_leaves_nothing(photos: Path, own_cache: Path) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with patch.object(Frame, "decode", interrupt), pytest.raises(KeyboardInterrupt):
        load(photos, Settings())
    assert packs(own_cache) == []


SLOW_LOAD = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    from sadari.data.decode import Frame
    from sadari.data.load import load
    from sadari.settings import Settings

    real = Frame.decode
    def slow(*given):
        time.sleep(float(sys.argv[2]))
        return real(*given)
    Frame.decode = slow
    images = load(sys.argv[1], Settings(threads=1))
    print(images.fingerprint, int(images.images[:].sum()))
""")


def start_slow_load(photos: Path, pause: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SLOW_LOAD, str(photos), str(pause)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_pixels(own_cache: Path) -> Path:
    """Wait until a process has begun to write images into a temporary pack."""
    for _ in range(600):
        for path in own_cache.glob("packs/.*/images.npy"):
            if path.stat().st_size:
                return path.parent
        time.sleep(0.05)
    raise AssertionError("no pack was begun")


def test_a_pack_killed_midway_is_never_used(photos: Path, own_cache: Path) -> None:
    process = start_slow_load(photos, 0.5)
    left = wait_for_pixels(own_cache)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert packs(own_cache) == [left]
    images = load(photos, Settings())
    pixels = flat_files(a=4, b=4)
    assert len(images) == len(pixels)
    assert [encode(image) for image in images.images] == [pixels[str(name)] for name in images.ids]
    assert len(packs(own_cache)) == 1
    assert not left.exists()


def test_the_temporary_of_a_living_process_is_left_alone(photos: Path, own_cache: Path) -> None:
    process = start_slow_load(photos, 0.3)
    living = wait_for_pixels(own_cache)
    load(photos, Settings(image_size=3))
    assert living.exists()
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert output.split()[0] == load(photos, Settings()).fingerprint


def test_two_processes_packing_at_once_both_end_well(photos: Path, own_cache: Path) -> None:
    processes = [start_slow_load(photos, 0.1) for _ in range(3)]
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    assert len({output for output, _ in outputs}) == 1
    images = load(photos, Settings())
    assert outputs[0][0].split() == [images.fingerprint, str(int(images.images[:].sum()))]
    assert len(packs(own_cache)) == 1


def test_the_pack_of_a_faster_process_stays(photos: Path, own_cache: Path) -> None:
    """Replacing it would pull the pixels away from a process that has mapped them."""
    faster: list[int] = []
    real = Frame.decode

    def decode_while_another_finishes(*given: object) -> object:
        if not faster:
            faster.append(0)
            load(photos, Settings())
            faster[0] = (packs(own_cache)[-1] / "images.npy").stat().st_ino
        return real(*given)  # type: ignore[arg-type]

    with patch.object(Frame, "decode", decode_while_another_finishes):
        load(photos, Settings(threads=1))
    (pack,) = packs(own_cache)
    assert (pack / "images.npy").stat().st_ino == faster[0]


def test_packs_keep_the_form_that_earlier_versions_wrote(photos: Path, own_cache: Path) -> None:
    first = load(photos, Settings())
    (pack,) = packs(own_cache)
    document = json.loads((pack / "pack.json").read_text())
    assert set(document) == {"labels", "ids", "classes", "given", "notes", "evidence", "shape", "size", "white_level"}
    assert document["given"] == first.source_split.tolist()


def test_three_unreadable_files_are_named_and_the_others_counted(photos: Path) -> None:
    for number in range(4):
        (photos / "a" / f"bad{number}.png").write_bytes(b"no image")
    with pytest.raises(SadariError, match=r"4 of 12 .* a/bad0\.png .* a/bad2\.png \([^)]*\) and 1 more; see them all"):
        load(photos, Settings())


def test_bars_move_by_as_many_images_as_there_are(photos: Path) -> None:
    class Counting:
        def __init__(self) -> None:
            self.total, self.done, self.unit = 0, 0, ""

        def say(self, sentence: str) -> None:
            raise AssertionError(sentence)

        def task(self, _label: str, total: int, unit: str) -> "Counting":
            self.total, self.unit = total, unit
            return self

        def __enter__(self) -> "Counting":
            return self

        def __exit__(self, *_: object) -> None: ...

        def advance(self, count: int, _note: str = "") -> None:
            self.done += count

    shown = Counting()
    load(photos, Settings(), shown)
    assert (shown.total, shown.done, shown.unit) == (8, 8, "images")


def test_each_way_of_resizing_has_a_pack_of_its_own(photos: Path, own_cache: Path) -> None:
    bilinear, bicubic = (load(photos, Settings(image_size=3, interpolation=each)) for each in ("bilinear", "bicubic"))
    assert len(packs(own_cache)) == 2
    assert not np.array_equal(bilinear.images, bicubic.images)
