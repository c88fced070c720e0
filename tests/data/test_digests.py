"""Is the digest of large files that of one after the other, although several are read at a time?"""

import threading
import time
from pathlib import Path

import pytest

from sadari.data.cache import digests
from sadari.errors import SadariError

pytestmark = pytest.mark.usefixtures("own_cache")

COUNT = 40


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number:02}.jpg" for number in range(COUNT)]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]) * (50_000 + number))
    return paths


def test_several_are_read_at_a_time_and_the_digest_is_the_same(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one_after_the_other = digests.remembered_digest(files, "text")
    readers: set[str] = set()
    read = digests._digest_file

    def noted(path: Path) -> str:
        readers.add(threading.current_thread().name.partition("_")[0])
        return read(path)

    monkeypatch.setattr(digests, "_digest_file", noted)
    monkeypatch.setattr(digests, "SHARED_FROM", 50_000)
    assert digests.remembered_digest(files, "text") == one_after_the_other
    assert readers == {"digest"}
    assert digests.remembered_digest(files[::-1], "text") != one_after_the_other


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_not_waited_for(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "SHARED_FROM", 50_000)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    read, after = digests._digest_file, []

    def failing(path: Path) -> str:
        if path == files[3]:
            path.unlink()
        elif path > files[3]:
            after.append(path)
            time.sleep(0.01)  # so that the sentence comes before the last file
        return read(path)

    monkeypatch.setattr(digests, "_digest_file", failing)
    with pytest.raises(SadariError, match=r"cannot read .*03\.jpg"):
        digests.remembered_digest(files)
    assert len(after) < COUNT // 2
