"""Is a file written whole, as the umask says, and is what a kill leaves behind removed by the next process?"""

import os
import re
import signal
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from sadari import files
from sadari.errors import SadariError, UsageError
from sadari.files import names_in, read_json, read_toml, write_text, write_whole
from sadari.locks.claim import Busy
from sadari.locks.folder import hold_folder
from sadari.unfinished import (
    UnfinishedFolder,
    remove_temporary_folders,
    remove_unfinished,
    temporary_folder,
    temporary_folders,
)
from support.terminal import Terminal


def program(code: str, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), *words], stdout=subprocess.PIPE, text=True)


def killed(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


# What other programs call the files that they write or fetch.
HIDDEN_BY_OTHERS = (
    ".movie.mkv.part", ".my thesis.part", ".movie.download.part", ".movie.mkv.download.part", ".set.Ab3dEf9h.part",
    ".movie.mkv.0123abcd.partial", ".part", "..part", ".0123abcd.part", ".lock.0123.part",
)  # fmt: skip

SLOW_WRITER = """
    import sys, time
    from pathlib import Path
    from sadari.files import write_whole
    def slow(path):
        path.write_text("half")
        print("writing", flush=True)
        time.sleep(float(sys.argv[2]))
    write_whole(Path(sys.argv[1]), slow)
"""


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_follow_the_umask(umask: int, mode: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        write_text(tmp_path / "file", "text")
        with UnfinishedFolder(tmp_path, "folder") as folder:
            folder.release()
            folder.path.rename(tmp_path / "folder")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == mode | (mode & 0o444) >> 2
    assert list((tmp_path / "folder").iterdir()) == []


def test_the_name_is_on_the_disk_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    real = os.fsync

    def watched(handle: int) -> None:
        synced.append(stat.S_ISDIR(os.fstat(handle).st_mode))
        real(handle)

    monkeypatch.setattr(os, "fsync", watched)
    write_text(tmp_path / "file", "text")
    assert synced == [False, True]
    write_text(tmp_path / "file", "other")
    assert synced == [False, True, False]  # a name that is there stays there


def test_a_folder_that_cannot_be_synced_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "sync_folder", lambda _: None)
    write_text(tmp_path / "file", "text")
    assert (tmp_path / "file").read_text() == "text"


def test_what_a_killed_writer_left_goes_and_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    dead, living = (
        program(SLOW_WRITER, str(tmp_path / name), pause) for name, pause in (("dead", "60"), ("living", "3"))
    )
    for each in (dead, living):
        assert each.stdout is not None
        assert each.stdout.readline() == "writing\n"
    killed(dead)
    assert len(list(tmp_path.glob(".*.part"))) == 2
    assert names_in(tmp_path) == []
    remove_unfinished(tmp_path)
    (left,) = tmp_path.glob(".*.part")
    assert left.name.startswith(".living.")
    assert living.wait(60) == 0
    assert living.communicate()[0] == ""
    assert (tmp_path / "living").read_text() == "half"
    assert [path.name for path in tmp_path.iterdir()] == ["living"]


def test_the_same_name_is_swept_in_a_folder_of_the_user(tmp_path: Path) -> None:
    """As where `sadari export` was killed."""
    dead = program(SLOW_WRITER, str(tmp_path / "model.onnx"), "60")
    assert dead.stdout is not None
    assert dead.stdout.readline() == "writing\n"
    killed(dead)
    (tmp_path / ".model.onnx2.0123abcd.part").write_text("of another name")
    write_text(tmp_path / "model.onnx", "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".model.onnx2.0123abcd.part", "model.onnx"]


def test_files_of_others_are_not_swept(tmp_path: Path) -> None:
    for name in ("film.part", ".hidden", "part", *HIDDEN_BY_OTHERS):
        (tmp_path / name).write_text("theirs")
    remove_unfinished(tmp_path)
    assert sorted(names_in(tmp_path)) == sorted([".hidden", "film.part", "part", *HIDDEN_BY_OTHERS])


@pytest.mark.parametrize("name", HIDDEN_BY_OTHERS)
def test_an_old_folder_that_others_hide_is_not_swept(name: str, tmp_path: Path) -> None:
    theirs = tmp_path / name
    theirs.mkdir()
    (theirs / "a.txt").write_text("years")
    for path in (theirs / "a.txt", theirs):
        os.utime(path, (1, 1))
    remove_unfinished(tmp_path)
    for target in ("movie", "my thesis", "set"):
        with UnfinishedFolder(tmp_path, target):
            write_text(tmp_path / f"{target}.txt", "ours")
    assert (theirs / "a.txt").read_text() == "years"


@pytest.mark.parametrize("name", ["movie", "movie.mkv", "model.onnx"])
def test_files_that_others_hide_beside_a_file_of_ours_stay(name: str, tmp_path: Path) -> None:
    for theirs in HIDDEN_BY_OTHERS:
        (tmp_path / theirs).write_text("theirs")
    write_text(tmp_path / name, "ours")
    assert {path.name for path in tmp_path.iterdir()} == {name, *HIDDEN_BY_OTHERS}


@pytest.mark.parametrize("name", ["run[1]", "*", "a b", "x" * 230])
@pytest.mark.parametrize("random", ["0123abcd", "deadbeef", "k3j_x9aa"])
def test_what_is_ours_is_swept_whatever_its_name(name: str, random: str, tmp_path: Path) -> None:
    left = tmp_path / f".{name[:200]}.{random}.part"
    left.mkdir()
    (left / ".lock.part").touch()
    with UnfinishedFolder(tmp_path, name) as folder:
        assert [path.name for path in tmp_path.iterdir()] == [folder.path.name]
    left.write_text("half")
    write_text(tmp_path / name, "whole")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_files_of_version_0_1_0_are_swept_without_their_name(tmp_path: Path) -> None:
    for name in ("settings.toml", "scores.json", "split.npz", "history.csv", "log.txt", "model.safetensors", "a.svg"):
        for random in ("k3j_x9aa", "abcdefgh", "________"):
            (tmp_path / f".{name}.{random}.part").write_text("half")
    assert names_in(tmp_path) == []
    remove_unfinished(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_a_killed_process_filled_is_removed_by_the_next(tmp_path: Path) -> None:
    fill = """
        import sys, time
        from pathlib import Path
        from sadari.unfinished import UnfinishedFolder
        with UnfinishedFolder(Path(sys.argv[1]), "export") as folder:
            (folder.path / "model").write_text("half")
            print("filling", flush=True)
            time.sleep(60)
    """
    dead, living = program(fill, str(tmp_path)), program(fill, str(tmp_path))
    for each in (dead, living):
        assert each.stdout is not None
        assert each.stdout.readline() == "filling\n"
    killed(dead)
    assert len(list(tmp_path.iterdir())) == 2
    with UnfinishedFolder(tmp_path, "export") as ours:
        there = set(tmp_path.iterdir())
        assert ours.path in there
        assert len(there) == 2
    killed(living)
    with UnfinishedFolder(tmp_path, "other"):
        assert len(list(tmp_path.glob(".export.*"))) == 1  # another name is another matter
    with UnfinishedFolder(tmp_path, "export"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_temporary_folders_of_dead_processes_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    of_old, younger = tmp_path / "sadari-splits-abc", tmp_path / "sadari-splits-def"
    for folder in (of_old, younger):
        folder.mkdir()
        (folder / "0.npz").write_bytes(b"")
    os.utime(of_old / "0.npz", (1, 1))
    os.utime(of_old, (1, 1))
    with temporary_folder("run") as ours:
        assert stat.S_IMODE(ours.path.stat().st_mode) == 0o700
        assert not of_old.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["sadari-splits-def"]


FILL_TEMPORARY = """
    import sys, time
    from sadari.unfinished import temporary_folder
    with temporary_folder(sys.argv[1]) as folder:
        (folder.path / "model").write_text("half")
        print("filling", flush=True)
        time.sleep(60)
"""


def test_a_temporary_folder_of_a_killed_process_goes_with_the_next_of_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead, living = program(FILL_TEMPORARY, "run"), program(FILL_TEMPORARY, "quantising")
    for each in (dead, living):
        assert each.stdout is not None
        assert each.stdout.readline() == "filling\n"
    killed(dead)
    (tmp_path / "sadari-projects").mkdir()  # not ours
    (tmp_path / ".film.0123abcd.part").mkdir()
    assert len(temporary_folders()) == 2
    with temporary_folder("measuring") as ours:
        (left,) = set(temporary_folders()) - {ours.path}
    assert left.name.startswith(".sadari-quantising.")
    killed(living)
    remove_temporary_folders()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".film.0123abcd.part", "sadari-projects"]


def test_no_room_for_temporary_files_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(SadariError, match=r"^cannot make a temporary folder '.*gone.*' \(No such file .*; set TMPDIR"):
        temporary_folder("run")


def test_all_temporary_folders_are_made_in_one_way() -> None:
    """Else nobody would find what a killed process left of them."""
    makers = re.compile(r"\bmkdtemp|TemporaryDirectory|NamedTemporaryFile|mkstemp|SpooledTemporaryFile")
    source = Path(files.__file__).parent
    assert [str(each) for each in source.rglob("*.py") if makers.search(each.read_text(encoding="utf-8"))] == []


def test_a_folder_is_held_by_one(tmp_path: Path) -> None:
    with hold_folder(tmp_path):
        with pytest.raises(Busy), hold_folder(tmp_path):
            pass
        assert names_in(tmp_path) == []
    with hold_folder(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_long_name_is_still_written(tmp_path: Path) -> None:
    name = "긴이름" * 27  # 243 bytes of at most 255
    write_text(tmp_path / name, "text")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with pytest.raises(SadariError, match="cannot write"):
        write_text(tmp_path / ("x" * 300), "text")


def test_what_cannot_be_finished_leaves_nothing(tmp_path: Path) -> None:
    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "file").write_text("before")
    with pytest.raises(SadariError, match="what was there before is kept"):
        write_whole(tmp_path / "file", full)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("content", ["", "[1]", "3", "[" * 100_000, "\xff"])
def test_what_is_no_json_object_is_one_sentence(content: str, tmp_path: Path) -> None:
    (tmp_path / "file.json").write_text(content, encoding="latin-1")
    with pytest.raises(SadariError, match=r"file\.json: it is damaged"):
        read_json(tmp_path / "file.json")


def test_a_pipe_as_a_toml_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "net.toml")
    started = time.monotonic()
    with pytest.raises(UsageError, match="no ordinary file"):
        read_toml(tmp_path / "net.toml", "study")
    assert time.monotonic() - started < 1


@pytest.mark.parametrize(("content", "said"), [("x = " + "[" * 50_000, "cannot read"), ("#" * (2**20 + 1), "1 MiB")])
def test_a_nested_or_enormous_toml_file_is_refused(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "net.toml").write_text(content)
    with pytest.raises(UsageError, match=said):
        read_toml(tmp_path / "net.toml", "study")


def test_a_toml_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "sadari.toml").write_text("title = '가'", encoding="utf-8-sig")
    assert read_toml(tmp_path / "sadari.toml", "project file") == {"title": "가"}


def test_a_user_without_a_home_reads_one_sentence(sadari: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    import pwd

    def unknown(number: int) -> None:
        raise KeyError(number)

    monkeypatch.delenv("HOME")
    monkeypatch.delenv("SADARI_CACHE_DIR")
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    answer = sadari("data", "info", "digits")
    assert answer.status == 1
    assert answer.err == (
        "error: there is no home folder to keep decoded images in; set SADARI_CACHE_DIR to a folder that can be "
        "written\n"
    )
    shown = sadari("doctor")
    assert shown.status == 1
    assert "there is no home folder" in shown.out
