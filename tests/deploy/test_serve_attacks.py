"""Does the server go on after requests that are made to stop it? What is too much is counted while it arrives."""

import asyncio
import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image
from starlette.types import Receive, Scope, Send

from sadari.deploy.serve.batching import FutureProbabilities
from sadari.deploy.serve.decoder import Decoder, TooSlowError
from sadari.deploy.serve.decoder_main import TooLargeError
from sadari.deploy.serve.limits import Limits, Refused
from sadari.deploy.serve.predictor import Decoding, Upload
from sadari.deploy.serve.routes import make_app
from sadari.deploy.serve.uploads import _from_json, parse_multipart
from sadari.inference.classifier import Classifier
from sadari.inference.pixels import PixelForm
from sadari.run import RunRecord
from support.hostile import scan_bomb, slow_bitmap
from support.server import as_text, noise, running, with_network

FORM, JSON = "multipart/form-data; boundary=X", "application/json"
LONGEST_HOLD = 0.05  # seconds that no request may hold the loop
TRIES = 3  # of which the best counts


def waited_for_a_core() -> float:
    """Return for how many seconds the threads of this process were ready while other processes had the cores."""
    total = 0
    for file in Path("/proc/self/task").glob("*/schedstat"):  # none where there is no Linux
        with suppress(OSError):  # the thread has ended meanwhile
            total += int(file.read_text().split()[1])
    return total / 1e9


class Beating:
    """An application that measures how long its loop is held at most by this process, whatever others do."""

    def __init__(self, app: FastAPI) -> None:
        self.app, self.longest = app, 0.0
        self._tasks: list[asyncio.Task[None]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            self._tasks.append(asyncio.create_task(self._beat()))
        await self.app(scope, receive, send)

    async def _beat(self) -> None:
        while True:
            before, waited = time.perf_counter(), waited_for_a_core()
            await asyncio.sleep(0.005)
            held = time.perf_counter() - before
            if held > self.longest:
                self.longest = max(self.longest, held - (waited_for_a_core() - waited))


def post(address: str, body: bytes, kind: str = JSON, path: str = "/predict") -> tuple[int, str]:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    try:
        connection.request("POST", path, body, {"Content-Type": kind})
        response = connection.getresponse()
        return response.status, response.read().decode()
    except (BrokenPipeError, ConnectionResetError):
        return 0, ""
    finally:
        connection.close()


def texts(*contents: bytes) -> bytes:
    return json.dumps(as_text(list(contents))).encode()


MIB = 2**20
HOLDING: dict[str, tuple[Callable[[], bytes], str, tuple[int, ...]]] = {
    "empty strings": (lambda: b'{"images":[' + b'"",' * (10 * MIB) + b'""]}', JSON, (413,)),
    "numbers": (lambda: b'{"images":[' + b"1," * (15 * MIB) + b"1]}", JSON, (413,)),
    "one number": (lambda: b'{"images":[' + b"1" * (31 * MIB) + b"]}", JSON, (400,)),
    "white space": (lambda: b'{"images":[""' + b" " * (31 * MIB) + b"]}", JSON, (400,)),
    "brackets": (lambda: b"[" * (31 * MIB), JSON, (413,)),
    "escapes": (lambda: b'{"images":["' + rb"\u0041" * (5 * MIB) + b'"]}', JSON, (400,)),
    "one text": (lambda: b'{"images":["' + b64encode(bytes(15 * MIB)) + b'"]}', JSON, (422,)),
    "tiny parts": (lambda: b"--X\r\n\r\n\r\n" * (3 * MIB) + b"--X--\r\n", FORM, (413,)),
    "headers of a part": (lambda: b"--X\r\n" + b"A: b\r\n" * (5 * MIB) + b"\r\n--X--\r\n", FORM, (400,)),
    "no boundary": (lambda: b"\r\n--" * (8 * MIB), FORM, (400,)),
    "half boundaries": (lambda: b"--X\r\n\r\n" + b"\r\n-" * (10 * MIB), FORM, (400, 413)),
    "a large part": (
        lambda: b'--X\r\nContent-Disposition: form-data; name="images"; filename="a"\r\n\r\n' + bytes(15 * MIB)
        + b"\r\n--X--\r\n", FORM, (422,),
    ),
    "scans": (lambda: texts(scan_bomb(7000, 900)), JSON, (422,)),
    "rows": (lambda: texts(slow_bitmap(4400)), JSON, (422,)),
}  # fmt: skip


@pytest.fixture(scope="module")
def beating(classifier: Classifier) -> Iterator[tuple[str, Beating]]:
    app = Beating(make_app(classifier, Limits(decode_seconds=1.0)))
    with running(app) as address:  # type: ignore[arg-type]
        yield address, app


@pytest.mark.parametrize("name", HOLDING)
def test_no_request_holds_the_loop(name: str, beating: tuple[str, Beating]) -> None:
    address, app = beating
    make, kind, statuses = HOLDING[name]
    body = make()
    longest = []
    for _ in range(TRIES):
        app.longest = 0.0
        started = time.perf_counter()
        status, text = post(address, body, kind)
        assert status in statuses or (status == 0 and 413 in statuses), text
        assert time.perf_counter() - started < 8
        longest.append(app.longest)
        if longest[-1] < LONGEST_HOLD:
            break
    assert min(longest) < LONGEST_HOLD
    assert post(address, texts(*noise(1)))[0] == 200


def photograph(width: int = 4000, height: int = 3000) -> bytes:
    """A JPEG as a phone makes it: some megabytes."""
    file = io.BytesIO()
    rough = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    Image.fromarray(rough).resize((width, height)).save(file, format="JPEG", quality=95)
    return file.getvalue()


def test_what_is_large_and_honest_is_answered(beating: tuple[str, Beating]) -> None:
    address, _ = beating
    content = photograph()
    assert len(content) > MIB
    text = b64encode(content).replace(b"/", rb"\/").replace(b"+", rb"\u002B")  # as PHP and .NET write it
    status, answer = post(address, b'{ "images": [ "' + text + b'",\n "' + text + b'" ] }')
    assert (status, len(json.loads(answer)["answers"])) == (200, 2)
    assert post(address, texts(*noise(64)))[0] == 200


def test_large_images_are_decoded_as_everywhere(classifier: Classifier) -> None:
    decoder = Decoder(classifier.form, 50_000_000, 30.0)
    for content in (photograph(), photograph(5000, 4000), noise(1, side=1200)[0]):
        assert not decoder.is_small(content)
        assert np.array_equal(decoder.decode(content), classifier.decode(content))
    decoder.close()


FORM_8 = PixelForm(8, 8, 1, "crop", "bilinear")


def test_what_takes_too_long_is_killed_and_the_next_one_is_decoded() -> None:
    decoder = Decoder(FORM_8, 50_000_000, 1.0)
    decoder.decode(noise(1, side=1200)[0])  # all processes have started
    for _ in range(2):
        started = time.perf_counter()
        with pytest.raises(TooSlowError, match="more than 1 seconds"):
            decoder.decode(slow_bitmap(4400))
        assert time.perf_counter() - started < 6
        assert decoder.decode(noise(1, side=1200)[0]).shape == (8, 8, 1)
    decoder.close()
    with pytest.raises(TooSlowError):
        decoder.decode(noise(1, side=1200)[0])


def see_through(side: int, form: str = "PNG", **options: object) -> bytes:
    """An image with transparency of a single colour: a small file of many pixels."""
    file = io.BytesIO()
    Image.new("RGBA", (side, side), (200, 200, 200, 200)).save(file, form, **options)
    return file.getvalue()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="memory is read where Linux says it")
def test_images_are_decoded_in_as_much_memory_on_many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    decoder = Decoder(FORM_8, 50_000_000, 60.0)
    content, before, most = see_through(3600), _rss_below(os.getpid()), 0
    with ThreadPoolExecutor(8) as pool:
        working = [pool.submit(decoder.decode, content) for _ in range(16)]
        while not all(each.done() for each in working):
            most = max(most, _rss_below(os.getpid()))
            time.sleep(0.02)
        assert {each.result().shape for each in working} == {(8, 8, 1)}
    assert len(_descendants(os.getpid())) >= 8, "the decoders are counted"
    decoder.close()
    assert most - before < 1400, "MiB: 60 for each of 8 processes, and 860 for what they decode"


def test_what_takes_too_much_memory_is_refused() -> None:
    decoder = Decoder(FORM_8, 50_000_000, 60.0)
    with pytest.raises(TooLargeError, match="has 6400 x 6400 pixels as JPEG2000, which take too much memory to decode"):
        decoder.decode(see_through(6400, "JPEG2000"))
    decoder.close()


def test_who_gives_up_ends_the_decoding() -> None:
    decoder = Decoder(FORM_8, 50_000_000, 60.0)
    decoder.decode(noise(1, side=1200)[0])
    given_up: Future[None] = Future()
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(decoder.decode, slow_bitmap(4400), given_up)
        time.sleep(0.3)
        started = time.perf_counter()
        given_up.cancel()
        with pytest.raises(TooSlowError):
            working.result(10)
        assert time.perf_counter() - started < 2
    decoder.close()


def test_the_bytes_of_a_request_are_let_go_when_it_is_given_up() -> None:
    answer: FutureProbabilities = Future()
    work = Decoding([Upload("1", b"x")], answer)
    answer.cancel()
    assert work.uploads == ()


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


# The command itself, as it is started by a user, with short limits, as if the machine had so many cores.
COMMAND = """
import os, sys
cores = int(sys.argv.pop(1))
os.cpu_count = lambda: cores
from dataclasses import replace
from sadari.deploy.serve import limits
short = limits.Limits(head_seconds=1.0, idle_seconds=2.0, decode_seconds=2.0)
limits.Limits.__init__.__defaults__ = tuple(vars(short).values())
from sadari.cli.main import main
main()
"""


# A process that asks for /healthz until its input is closed, then prints how many seconds the slowest answer took, and
# the slowest one without the time for which other processes had the cores: while its own thread was ready to run, the
# server's event loop, and the one other thread of the server that waited for longest, which may have kept the loop.
PINGING = """
import http.client, os, select, sys, time
from contextlib import suppress
port, server = map(int, sys.argv[1:])

def waited(process, thread):
    with suppress(OSError, ValueError):
        return int(open(f"/proc/{process}/task/{thread}/schedstat").read().split()[1]) / 1e9
    return 0.0

def waits():
    with suppress(OSError):
        others = {each: waited(server, each) for each in os.listdir(f"/proc/{server}/task") if int(each) != server}
        return waited("self", os.getpid()), waited(server, server), others
    return 0.0, 0.0, {}

print("ready", flush=True)
slowest = ours = count = 0
while not select.select([sys.stdin], [], [], 0.02)[0]:
    own, loop, others = waits()
    started = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 200
    took = time.perf_counter() - started
    connection.close()
    own_after, loop_after, others_after = waits()
    behind = max((others_after[each] - others.get(each, 0.0) for each in others_after), default=0.0)
    slowest, count = max(slowest, took), count + 1
    ours = max(ours, took - (own_after - own) - (loop_after - loop) - behind)
print(slowest, ours, count)
"""
HEALTHZ_SECONDS = 0.1  # that /healthz may take at most, whatever else is asked, on cores that are the server's own


class Server:
    """A server in a process of its own."""

    def __init__(self, run: Path, cores: int) -> None:
        self.connections: list[socket.socket] = []
        arguments = [sys.executable, "-c", COMMAND, str(cores), "serve", str(run), "--port", "0"]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline() for _ in range(4)]
        self.address = next(line.split()[1] for line in lines if line.startswith("page"))
        self.port = int(self.address.rsplit(":", 1)[1])

    def connect(self, head: bytes = b"") -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        self.connections.append(connection)
        connection.sendall(head)
        return connection

    def ping(self) -> float:
        """Return the seconds until /healthz answers."""
        started = time.perf_counter()
        with urllib.request.urlopen(f"{self.address}/healthz", timeout=30) as response:
            assert response.status == 200
        return time.perf_counter() - started

    @contextmanager
    def pinged(self) -> Iterator[list[float]]:
        """Ask for /healthz from another process; give what PINGING prints, after the context."""
        found: list[float] = []
        command = [sys.executable, "-c", PINGING, str(self.port), str(self.process.pid)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as pinging:
            assert pinging.stdout is not None
            assert pinging.stdout.readline() == "ready\n"
            yield found
            found.extend(map(float, pinging.communicate()[0].split()))

    def rss(self) -> int:
        """Return the MiB that the process and those that it started, from whichever thread, hold in memory."""
        return _rss_below(self.process.pid)


def _rss_below(process: int) -> int:
    return sum(_rss(str(each)) for each in (process, *_descendants(process)))


def _command(process: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes()
    return b""


def _descendants(process: int) -> list[int]:
    """Return the processes that `process` started, and those that these started.

    One that has not yet begun its own program shares the memory of `process`, and is left out.
    """
    own = _command(process)
    return [each for each in _all_descendants(process) if _command(each) != own]


def _all_descendants(process: int) -> list[int]:
    children = defaultdict(list)
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            parent = file.read_text(errors="replace").rpartition(")")[2].split()[1]
            children[int(parent)].append(int(file.parent.name))
    found: list[int] = []
    waiting = [process]
    while waiting:
        found += children[waiting[-1]]
        waiting += children[waiting.pop()]
    return found


def _rss(pid: str) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) // 1024
    return 0


@pytest.fixture
def server(digits_run: RunRecord) -> Iterator[Server]:
    yield from serving(digits_run, os.cpu_count() or 1)


@pytest.fixture
def server_of_8(digits_run: RunRecord) -> Iterator[Server]:
    yield from serving(digits_run, 8)


def serving(run: RunRecord, cores: int) -> Iterator[Server]:
    started = Server(run.path, cores)
    yield started
    for each in started.connections:
        each.close()
    started.process.kill()
    started.process.communicate()


HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"


SILENT = {
    "nothing": b"",
    "half a head": b"GET /healthz HTTP/1.1\r\nX-a: b\r\n",
    "no body": HEAD,
    "a request before": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("name", SILENT)
def test_silent_connections_keep_nobody_out(name: str, classifier: Classifier) -> None:
    few = Limits(connections=8, head_seconds=60.0, idle_seconds=60.0)
    with running(make_app(classifier, few), few) as address, ExitStack() as silent:
        port = urlsplit(address).port
        first = silent.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
        for each in (first, *(silent.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(20))):
            each.sendall(SILENT[name])
        started = time.perf_counter()
        for _ in range(3):
            assert post(address, texts(*noise(1)))[0] == 200
        assert time.perf_counter() - started < 2
        if name == "nothing":  # of the others, which one is closed depends on when their bytes are read
            with suppress(ConnectionResetError):
                assert first.recv(1000) == b""


def test_whoever_is_answered_is_not_closed(classifier: Classifier) -> None:
    few, go = Limits(connections=4), Event()
    go.set()  # for the first passes, which measure the pace
    slow = with_network(classifier, lambda: assert_soon(go))
    with running(make_app(slow, few), few) as address, ExitStack() as silent, ThreadPoolExecutor(1) as pool:
        go.clear()
        asking = pool.submit(post, address, texts(*noise(1)))
        time.sleep(0.5)
        for _ in range(20):
            silent.enter_context(socket.create_connection(("127.0.0.1", urlsplit(address).port), timeout=10))
        time.sleep(0.2)
        go.set()
        assert asking.result(10)[0] == 200


def test_a_newcomer_is_let_in_while_all_others_are_being_answered(classifier: Classifier) -> None:
    few, go = Limits(connections=4), Event()
    go.set()  # for the first passes, which measure the pace
    slow = with_network(classifier, lambda: assert_soon(go))
    with running(make_app(slow, few), few) as address, ThreadPoolExecutor(6) as pool:
        go.clear()
        asking = []
        for _ in range(6):  # half as many again
            asking.append(pool.submit(post, address, texts(*noise(1))))
            time.sleep(0.2)  # it has arrived
        assert post(address, texts(*noise(1)))[0] == 0  # one too many
        go.set()
        assert [each.result(10)[0] for each in asking] == [200] * 6
        assert post(address, texts(*noise(1)))[0] == 200


def assert_soon(event: Event) -> None:
    assert event.wait(10)


@pytest.mark.slow
def test_a_server_that_is_held_up_is_noticed(server: Server) -> None:
    with server.pinged() as healthz:
        time.sleep(0.5)
        server.process.send_signal(signal.SIGSTOP)  # ready for no core, as a loop that something holds
        time.sleep(0.3)
        server.process.send_signal(signal.SIGCONT)
        time.sleep(0.5)
    assert 0.2 < healthz[1] <= healthz[0]


@pytest.mark.slow
def test_more_silent_connections_than_there_may_be(server: Server) -> None:
    for _ in range(900):
        server.connect()
    assert server.ping() < 1


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
            decoders = max(decoders, len(_descendants(server_of_8.process.pid)))
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
