"""Is a folder held by one process at most, also where locks of the operating system say nothing?"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Barrier, Thread

import pytest

from sadari.errors import SadariError
from sadari.files import names_in, write_text, write_whole
from sadari.locks import claim as claims
from sadari.locks import folder as folders
from sadari.locks.claim import Busy, FolderLostError
from sadari.locks.folder import Held, hold_folder, take_folder, take_in_turn
from sadari.unfinished import remove_unfinished

# What another machine would be: a process for which locks of the operating system do not hold.
ELSEWHERE = """
import sys, time
from pathlib import Path
from sadari.locks import claim as claims, folder as folders
folders.system_lock = lambda path: None
claims.BEAT_SECONDS, claims.SILENT_SECONDS = 0.05, float(sys.argv[2])
folder = Path(sys.argv[1])
"""
HOLD = "held = folders.take_folder(folder); print('held', flush=True); sys.stdin.read(); held.release()"


@pytest.fixture
def beats_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing but claims decide, in short times."""
    monkeypatch.setattr(folders, "system_lock", lambda _: None)
    monkeypatch.setattr(claims, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(claims, "SILENT_SECONDS", 0.6)


def elsewhere(folder: Path, code: str = HOLD, silent: float = 60.0) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", ELSEWHERE + code, str(folder), str(silent)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def held_elsewhere(folder: Path) -> "subprocess.Popen[str]":
    process = elsewhere(folder)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def taken_at_last(folder: Path, seconds: float = 30.0) -> Held:
    until = time.monotonic() + seconds
    while True:
        try:
            return take_folder(folder)
        except Busy:
            assert time.monotonic() < until, "nobody gave the folder free"
            time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.usefixtures("beats_alone")
def test_a_living_holder_is_left_alone_and_a_dead_one_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "SILENT_SECONDS", 5.0)  # a busy machine may let a process wait for seconds
    other = held_elsewhere(tmp_path)
    until = time.monotonic() + 2 * claims.SILENT_SECONDS
    while time.monotonic() < until:
        with pytest.raises(Busy, match=f"process {other.pid} of "):
            take_folder(tmp_path)
        time.sleep(0.05)
    other.kill()
    other.communicate()
    killed = time.monotonic()
    held = taken_at_last(tmp_path)
    assert time.monotonic() - killed > claims.SILENT_SECONDS / 2
    assert [path.name for path in tmp_path.iterdir()] == [".lock-2.part"]
    assert names_in(tmp_path) == []
    held.release()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("beats_alone")
def test_every_sign_of_life_counts_and_silence_does_not(tmp_path: Path) -> None:
    path = tmp_path / ".lock-1.part"
    path.write_text(json.dumps({"host": "node3", "process": 12, "number": "x", "lock": ""}))
    with pytest.raises(Busy, match="process 12 of node3"):
        take_folder(tmp_path)
    for _ in range(4):
        time.sleep(0.4)
        os.utime(path)
        with pytest.raises(Busy):
            take_folder(tmp_path)
    time.sleep(0.7)
    take_folder(tmp_path).release()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("beats_alone")
def test_a_suspended_holder_finds_that_it_lost_its_folder_and_writes_nothing(tmp_path: Path) -> None:
    write = (
        "from sadari.files import write_text; held = folders.take_folder(folder)\n"
        "write_text(folder / 'state', 'theirs'); print('held', flush=True); sys.stdin.readline()\n"
        "try: write_text(folder / 'state', 'late')\n"
        "except Exception as error: print(type(error).__name__, error)\n"
        "held.release()"
    )
    other = elsewhere(tmp_path, write)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    other.send_signal(signal.SIGSTOP)
    held = taken_at_last(tmp_path)
    write_text(tmp_path / "state", "ours")
    other.send_signal(signal.SIGCONT)
    said, error = other.communicate("go\n", timeout=60)
    assert said.startswith("FolderLostError another process has taken over"), error
    assert (tmp_path / "state").read_text() == "ours"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock-2.part", "state"], "its files stay with us"
    held.release()


@pytest.mark.usefixtures("beats_alone")
def test_of_many_that_take_over_at_once_one_wins(tmp_path: Path) -> None:
    for _ in range(10):
        (tmp_path / ".lock-7.part").write_text(json.dumps({"host": "gone", "process": 1, "number": "x", "lock": ""}))
        os.utime(tmp_path / ".lock-7.part", (0, 0))
        start = Barrier(8)
        won: list[Held] = []
        lost: list[Busy] = []

        def take(start: Barrier = start, won: list[Held] = won, lost: list[Busy] = lost) -> None:
            start.wait()
            try:
                won.append(take_folder(tmp_path))
            except Busy as busy:
                lost.append(busy)

        threads = [Thread(target=take) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert (len(won), len(lost)) in ((1, 7), (0, 8))  # none: two saw each other, and both passed on
        for held in won:
            held.require()
            held.release()
        assert [path.name for path in tmp_path.iterdir()] in ([], [".lock-7.part"])


@pytest.mark.usefixtures("beats_alone")
def test_who_looked_too_early_gives_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at a silent claim and the claim of the next number, others took over, ended, and began anew."""
    silent, fresh = tmp_path / ".lock-7.part", tmp_path / ".lock-1.part"

    def meanwhile(system_lock: str) -> str:
        silent.unlink()
        fresh.write_text("somebody who has just begun")
        return system_lock

    silent.write_text("somebody")
    os.utime(silent, (0, 0))
    monkeypatch.setattr(claims, "_text", meanwhile)
    with pytest.raises(Busy):
        take_folder(tmp_path)
    assert list(tmp_path.iterdir()) == [fresh]


@pytest.mark.usefixtures("beats_alone")
def test_a_holder_that_comes_back_in_time_keeps_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = tmp_path / ".lock-7.part"

    def meanwhile(system_lock: str) -> str:
        os.utime(silent)
        return f"somebody else {system_lock}"

    silent.write_text("somebody")
    os.utime(silent, (0, 0))
    monkeypatch.setattr(claims, "_text", meanwhile)
    with pytest.raises(Busy):
        take_folder(tmp_path)
    assert list(tmp_path.iterdir()) == [silent]


@pytest.mark.usefixtures("beats_alone")
def test_processes_that_count_together_lose_nothing(tmp_path: Path) -> None:
    """Nobody dies here, so nobody is to be found dead."""
    count = (
        "from sadari.files import write_text\n"
        "for _ in range(10):\n"
        "    held = folders.take_in_turn(folder)\n"
        "    path = folder / 'count'; write_text(path, str(int(path.read_text()) + 1)); held.release()"
    )
    (tmp_path / "count").write_text("0")
    processes = [elsewhere(tmp_path, count) for _ in range(3)]
    said = [each.communicate(timeout=120)[1] for each in processes]
    assert (tmp_path / "count").read_text() == "30", said
    assert names_in(tmp_path) == ["count"]
    assert len(list(tmp_path.iterdir())) == 1


def test_after_a_kill_the_same_machine_waits_for_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from sadari.locks import folder as folders; folder = Path(sys.argv[1])\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code + HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with pytest.raises(Busy, match=f"process {other.pid} of "):
        take_folder(tmp_path)
    other.kill()
    other.communicate()
    assert {path.name for path in tmp_path.iterdir()} == {".lock.part", ".lock-1.part"}
    take_folder(tmp_path).release()
    assert list(tmp_path.iterdir()) == []


def test_a_claim_of_another_machine_counts_although_the_lock_is_free(tmp_path: Path) -> None:
    other = held_elsewhere(tmp_path)
    with pytest.raises(Busy):
        take_folder(tmp_path)
    other.communicate("")
    take_folder(tmp_path).release()


def test_long_silence_is_seen_at_once_by_the_clock_of_the_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".lock-1.part").write_text("damaged \udcff", errors="surrogateescape")
    with pytest.raises(Busy):
        take_folder(tmp_path)
    now = (tmp_path / ".lock-1.part").stat().st_mtime_ns
    monkeypatch.setattr(time, "time", lambda: 0.0)  # no clock of this machine is asked
    monkeypatch.setattr(claims, "_watched", {})
    monkeypatch.setattr(claims, "_now", lambda _: now + int(claims.LONG_SILENT_SECONDS * 1e9) - 1)
    with pytest.raises(Busy):
        take_folder(tmp_path)
    monkeypatch.setattr(claims, "_watched", {})
    monkeypatch.setattr(claims, "_now", lambda _: now + int(claims.LONG_SILENT_SECONDS * 1e9) + 1)
    take_folder(tmp_path).release()
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_leaves_the_claims_of_the_living(tmp_path: Path) -> None:
    with hold_folder(tmp_path):
        remove_unfinished(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == {".lock.part", ".lock-1.part"}
    (tmp_path / ".lock-3.part").write_text("")
    os.utime(tmp_path / ".lock-3.part", (0, 0))
    remove_unfinished(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_another_machine_sweeps_is_written_again(tmp_path: Path) -> None:
    swept: list[Path] = []

    def write(path: Path) -> None:
        path.write_text("whole")
        if len(swept) < 2:
            swept.append(path)
            path.unlink()

    write_whole(tmp_path / "file", write)
    assert (tmp_path / "file").read_text() == "whole"
    assert len(swept) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_a_writer_does_not_find_is_no_sweep(tmp_path: Path) -> None:
    def write(path: Path) -> None:
        path.write_bytes((tmp_path / "not there").read_bytes())

    with pytest.raises(SadariError, match="No such file"):
        write_whole(tmp_path / "file", write)


def test_turns_come_one_after_the_other(tmp_path: Path) -> None:
    waited: list[str] = []
    first = take_folder(tmp_path)
    others = [Thread(target=lambda: take_in_turn(tmp_path, waiting=lambda: waited.append("")).release()) for _ in "12"]
    for each in others:
        each.start()
    time.sleep(0.2)
    assert len(waited) == 2
    first.release()
    for each in others:
        each.join(timeout=30)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_lost_is_an_error_of_one_sentence(tmp_path: Path) -> None:
    with hold_folder(tmp_path):
        (tmp_path / ".lock-1.part").unlink()
        with pytest.raises(FolderLostError, match="no sign of life for 60 seconds; it goes on there"):
            write_text(tmp_path / "deep" / "er", "text")
        assert not (tmp_path / "deep" / "er").exists()
    write_text(tmp_path / "deep" / "er", "text")


def test_what_was_lost_is_not_removed(tmp_path: Path) -> None:
    held = take_folder(tmp_path)
    (tmp_path / ".lock-1.part").write_text("somebody who came after somebody who took over")
    held.release()
    assert {path.name for path in tmp_path.iterdir()} == {".lock.part", ".lock-1.part"}


def test_a_claim_that_cannot_be_written_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "_text", lambda _: "\udc80")  # cannot be encoded, as a full disk takes nothing
    with pytest.raises(UnicodeEncodeError):
        take_folder(tmp_path)
    assert [each.name for each in tmp_path.iterdir() if claims.is_claim(each.name, ".lock")] == []
