"""Requests that are made to stop a server, and the command `sadari serve` as a process that is watched."""

import asyncio
import http.client
import io
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from fastapi import FastAPI
from PIL import Image
from starlette.types import Receive, Scope, Send

from sadari.run import RunRecord
from support.server import as_text

FORM, JSON = "multipart/form-data; boundary=X", "application/json"


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


def photograph(width: int = 4000, height: int = 3000) -> bytes:
    """A JPEG as a phone makes it: some megabytes."""
    file = io.BytesIO()
    rough = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    Image.fromarray(rough).resize((width, height)).save(file, format="JPEG", quality=95)
    return file.getvalue()


def see_through(side: int, form: str = "PNG", **options: object) -> bytes:
    """An image with transparency of a single colour: a small file of many pixels."""
    file = io.BytesIO()
    Image.new("RGBA", (side, side), (200, 200, 200, 200)).save(file, form, **options)
    return file.getvalue()


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
        return rss_below(self.process.pid)


def rss_below(process: int) -> int:
    return sum(rss(str(each)) for each in (process, *descendants(process)))


def command(process: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes()
    return b""


def descendants(process: int) -> list[int]:
    """Return the processes that `process` started, and those that these started.

    One that has not yet begun its own program shares the memory of `process`, and is left out.
    """
    own = command(process)
    return [each for each in all_descendants(process) if command(each) != own]


def all_descendants(process: int) -> list[int]:
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


def rss(pid: str) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) // 1024
    return 0


def serving(run: RunRecord, cores: int) -> Iterator[Server]:
    started = Server(run.path, cores)
    yield started
    for each in started.connections:
        each.close()
    started.process.kill()
    started.process.communicate()


HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
