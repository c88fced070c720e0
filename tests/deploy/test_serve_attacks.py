"""Does the server go on after requests that are made to stop it? What is too much is counted while it arrives."""

import signal
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest

from sadari.deploy.serve.limits import Refused
from sadari.deploy.serve.uploads import _from_json, parse_multipart
from sadari.run import RunRecord
from support.attacks import FORM, HEAD, MIB, Beating, Server, descendants, photograph, post, see_through, serving, texts
from support.hostile import scan_bomb, slow_bitmap
from support.server import noise


def test_parts_are_counted_while_they_are_found() -> None:
    started = time.perf_counter()
    with pytest.raises(Refused, match="more than 64 images") as refused:
        parse_multipart(b"--X\r\n\r\n\r\n" * 2_000_000, FORM, 64)
    assert (refused.value.status, time.perf_counter() - started < 0.5) == (413, True)
    with pytest.raises(Refused, match="the boundary of the form has 300 bytes"):
        parse_multipart(b"", "multipart/form-data; boundary=" + "X" * 300, 64)


def test_base64_in_pieces_is_as_strict_as_whole(beating: tuple[str, Beating]) -> None:
    address, _ = beating
    whole = b"A" * (2**20 - 2) + b"==" + b"A" * 400_000
    assert "Excess data after padding" in post(address, b'{"images":["' + whole + b'"]}')[1]


HEALTHZ_SECONDS = 0.1  # that /healthz may take at most, whatever else is asked, on cores that are the server's own


@pytest.fixture
def server_of_8(digits_run: RunRecord) -> Iterator[Server]:
    yield from serving(digits_run, 8)


@pytest.mark.slow
def test_after_every_attack_it_answers_and_stops(server: Server) -> None:
    assert post(server.address, texts(*noise(1)))[0] == 200
    before = server.rss()

    endless = server.connect(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
    line, sent = b"X-A: " + b"b" * 65_000 + b"\r\n", 0
    with suppress(OSError):
        while sent < 300 * MIB:
            endless.sendall(line)
            sent += len(line)
    assert sent < 20 * MIB, "it closes the connection"
    assert server.ping() < 0.5

    trailers = server.connect(
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    )
    sent = 0
    with suppress(OSError):
        while sent < 300 * MIB:
            trailers.sendall(line)
            sent += len(line)
    assert sent < 20 * MIB

    silent = [server.connect(HEAD) for _ in range(64)]
    slow = [server.connect(b"GET /healthz HTTP/1.1\r\nX-a: b\r\n") for _ in range(50)]
    started = time.perf_counter()
    assert post(server.address, texts(*noise(1)))[0] == 200
    assert time.perf_counter() - started < 2
    time.sleep(1.5)
    assert {each.recv(100)[:12] for each in slow} == {b"HTTP/1.1 408"}
    assert {each.recv(100)[:12] for each in silent} == {b"HTTP/1.1 408"}

    bombs = [
        texts(slow_bitmap(4400)), texts(scan_bomb(7000, 900)), b'{"images":[' + b'"",' * (10 * MIB) + b'""]}',
        texts(see_through(7050)),
    ]  # fmt: skip
    with ThreadPoolExecutor(16) as pool, server.pinged() as healthz:
        attacks = [pool.submit(post, server.address, bomb) for bomb in bombs for _ in range(4)]
        most = 0
        while not all(each.done() for each in attacks):
            most = max(most, server.rss())
            time.sleep(0.05)
        assert {each.result()[0] for each in attacks} <= {0, 200, 413, 422, 503, 504}
    started = time.perf_counter()
    assert post(server.address, texts(*noise(1)))[0] == 200
    assert time.perf_counter() - started < 2
    slowest, ours, count = healthz
    assert count > 10
    assert ours < HEALTHZ_SECONDS, f"seconds until /healthz answers, {slowest:.2f} with those of other processes"
    assert slowest < 0.5, "seconds until /healthz answers, on cores that others use too"
    assert most < 2048, f"MiB; {before} before"

    with ThreadPoolExecutor(4) as pool:
        attacks = [pool.submit(post, server.address, bombs[0]) for _ in range(4)]
        held = [server.connect(HEAD) for _ in range(8)]
        time.sleep(0.5)
        started = time.perf_counter()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0
        assert time.perf_counter() - started < 15
    del held


LARGE: dict[str, tuple[Callable[[], bytes], int]] = {
    "13 megapixels, transparent": (lambda: see_through(3600), 24),
    "50 megapixels, transparent": (lambda: see_through(7050), 6),
    "40 megapixels, of the format that takes the most memory": (lambda: see_through(6300, "JPEG2000"), 8),
    "photographs of phones": (photograph, 24),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_large_images_at_once_stay_below_two_gib(name: str, server_of_8: Server) -> None:
    make, count = LARGE[name]
    body, most, decoders = texts(make()), 0, 0
    with ThreadPoolExecutor(count) as pool:
        attacks = [pool.submit(post, server_of_8.address, body) for _ in range(count)]
        while not all(each.done() for each in attacks):
            most = max(most, server_of_8.rss())
            decoders = max(decoders, len(descendants(server_of_8.process.pid)))
            time.sleep(0.02)
    assert {each.result()[0] for each in attacks} <= {200, 422, 503, 504}
    assert decoders >= min(count, 8)
    assert most < 2048
    assert post(server_of_8.address, texts(*noise(1)))[0] == 200


def test_long_texts_are_decoded_as_short_ones() -> None:
    generator = np.random.default_rng(0)
    for size in (MIB, 3 * MIB // 4 * 2, 2 * MIB + 1):
        content = generator.bytes(size)
        plain = b64encode(content)
        for text in (plain, plain.replace(b"/", rb"\/"), plain.replace(b"+", rb"\u002B").replace(b"/", rb"\/")):
            (first, second) = _from_json(bytearray(b'{"images": ["' + text + b'", "AAAA"]}'), 2)
            assert (first.content, second.content) == (content, bytes(3))
        for wrong in (plain[:-3], plain[:-5] + b"!" + plain[-4:], b"QQ==" + plain, plain + "ä".encode()):
            with pytest.raises(Refused, match="image 1 of the request is not base64"):
                _from_json(bytearray(b'{"images":["' + wrong + b'"]}'), 2)
