"""Does a download arrive whole, resumed and verified, and say one sentence where it cannot? On 127.0.0.1 only."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sadari.data.sources.download import Remote, fetch
from sadari.errors import SadariError
from support.web import CONTENT, MD5, Server, serving


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as started:
        yield started


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def part_of(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def test_a_file_arrives_whole(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "new" / "images.gz"
    fetch(server.remote(), target)
    assert target.read_bytes() == CONTENT
    assert [each.name for each in target.parent.iterdir()] == ["images.gz"]


def test_a_broken_download_keeps_what_came_and_goes_on_from_there(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "images.gz"
    server.hang_up_at = 1_300_000
    with pytest.raises(SadariError, match=r"cannot download images\.gz \(127\.0\.0\.1:\d+: .*kept\)"):
        fetch(server.remote(), target)
    assert not target.exists()
    kept = part_of(target).stat().st_size
    assert 0 < kept <= 1_300_000
    server.hang_up_at = None
    fetch(server.remote(), target)
    assert server.asked == [None, kept]
    assert target.read_bytes() == CONTENT
    assert not part_of(target).exists()


def test_a_server_without_range_starts_over(server: Server, tmp_path: Path) -> None:
    server.knows_range = False
    target = tmp_path / "images.gz"
    part_of(target).write_bytes(CONTENT[:1000])
    fetch(server.remote(), target)
    assert server.asked == [1000]
    assert target.read_bytes() == CONTENT


def test_a_part_that_is_already_complete_is_verified_and_named(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "images.gz"
    part_of(target).write_bytes(CONTENT)
    fetch(server.remote(), target)
    assert server.asked == [len(CONTENT)]
    assert target.read_bytes() == CONTENT


def test_a_kept_part_of_something_else_is_replaced(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "images.gz"
    part_of(target).write_bytes(b"not the beginning")
    fetch(server.remote(), target)
    assert server.asked == [17, None]
    assert target.read_bytes() == CONTENT


def test_a_corrupted_download_is_one_sentence_and_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.content = CONTENT[:-1] + b"\0"
    target = tmp_path / "images.gz"
    with pytest.raises(SadariError, match=f"MD5 [0-9a-f]{{32}} instead of {MD5} and was removed"):
        fetch(server.remote(), target)
    assert list(tmp_path.iterdir()) == []


def test_the_next_mirror_is_tried(server: Server, tmp_path: Path) -> None:
    with serving() as broken:
        broken.status = 404
        remote = Remote((*broken.remote().urls, *server.remote().urls), MD5)
        fetch(remote, tmp_path / "images.gz")
        assert broken.asked == [None]
    assert (tmp_path / "images.gz").read_bytes() == CONTENT


def test_a_refusing_server_is_named_with_its_answer(server: Server, tmp_path: Path) -> None:
    server.status = 403
    with pytest.raises(SadariError, match=r"127\.0\.0\.1:\d+: the server answered 403 Forbidden"):
        fetch(server.remote(), tmp_path / "images.gz")


def test_without_a_server_the_sentence_says_what_to_do(tmp_path: Path) -> None:
    with serving() as server:
        remote = server.remote()
    with pytest.raises(SadariError) as caught:
        fetch(remote, tmp_path / "images.gz")
    assert str(caught.value).endswith(f"put the file at {tmp_path / 'images.gz'}")
    assert "Connection refused" in str(caught.value)
    assert not (tmp_path / "images.gz").exists()
    with pytest.raises(SadariError, match="ask your neighbour"):
        fetch(remote, tmp_path / "images.gz", remedy="ask your neighbour")


def test_a_folder_that_cannot_be_made_is_one_sentence(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SadariError, match=r"cannot write .*images\.gz: "):
        fetch(server.remote(), tmp_path / "file" / "images.gz")


def test_progress_counts_every_byte_once(server: Server, tmp_path: Path) -> None:
    from sadari.progress import Silent, Task

    counted: list[int] = []
    totals: list[int] = []

    class Counting(Silent):
        @contextmanager
        def task(self, label: str, total: int, unit: str) -> Iterator[Task]:
            assert (label, unit) == ("images.gz", "bytes")
            totals.append(total)
            yield self

        def advance(self, count: int, note: str = "") -> None:
            assert note == ""
            counted.append(count)

    part_of(tmp_path / "images.gz").write_bytes(CONTENT[:5000])
    fetch(server.remote(), tmp_path / "images.gz", Counting())
    assert sum(counted) == totals[0] == len(CONTENT)
