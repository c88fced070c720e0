"""What does serving cost over the bare network, how many requests go through, and what happens at four times that?

    uv run python benchmarks/serving/serving.py RUN... [--seconds 5] [--out benchmarks/serving/serving.json]

The server is a process of its own, and so are the clients. Each request has one image of the run's own size, as PNG in
a multipart body, over connections that stay open.

- bare: `Classifier.probabilities` for one image, in this process; decoded: with `Classifier.decode` before it.
- overhead: the median of a lone request minus the median of bare, in turn, fifty of each at a time.
- rates: at 1, 8 and 32 connections that send the next request as soon as they have the answer; with batches, and with
  one image at a time (`batch_images=1`), which shows the effect of batching. Images in a batch come from /metrics.
- overload: requests begin at four times the best rate, whether or not the last ones are answered (an open loop over
  many connections, where a request whose connections are all busy waits, and its wait is counted).
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

sys.path.append(str(Path(__file__).parents[1] / "speed"))  # for machine.py
from machine import describe_machine

if TYPE_CHECKING:
    from sadari.inference.classifier import Classifier

CONNECTIONS = (1, 8, 32)
TIMES = 4
CLIENTS = 2  # client processes at four times the rate, so that the clients are not what is too slow
CROWD = 128  # connections of each of them
TURNS, EACH = 10, 50
BOUNDARY = b"sadari-benchmark"


def serve(run: str, batch_images: int) -> None:
    """Serve `run` until the process is ended; the port is the first line printed."""
    from sadari.deploy.serve.limits import Limits
    from sadari.deploy.serve.routes import make_app
    from sadari.deploy.serve.server import listen, opened_to_serve
    from sadari.deploy.serve.server import run as run_server

    limits = Limits(batch_images=batch_images)
    with listen("127.0.0.1", 0) as listening, opened_to_serve(run) as classifier:
        app = make_app(classifier, limits)
        print(listening.getsockname()[1], flush=True)
        run_server(app, listening, limits)


@contextmanager
def serving(run: str, batch_images: int) -> Iterator[int]:
    """Start a server in a process of its own, and yield its port."""
    arguments = [sys.executable, __file__, run, "--serve", str(batch_images)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


@dataclass(frozen=True)
class Replies:
    """The status of each request, and the seconds until it was answered."""

    statuses: list[int]
    seconds: list[float]
    wall: float

    def of(self, status: int) -> "Replies":
        kept = [(each, took) for each, took in zip(self.statuses, self.seconds, strict=True) if each == status]
        return Replies([each for each, _ in kept], [took for _, took in kept], self.wall)

    def document(self) -> dict[str, float]:
        if not self.seconds:
            return {"per_second": 0.0}
        ordered = sorted(self.seconds)
        at = {
            f"p{share}_ms": 1000 * ordered[min(len(ordered) - 1, len(ordered) * share // 100)] for share in (50, 95, 99)
        }
        return {"per_second": len(ordered) / self.wall, **at, "longest_ms": 1000 * ordered[-1]}


def request_for(content: bytes) -> bytes:
    """Return POST /predict with one image, as the bytes that are sent."""
    head = b'Content-Disposition: form-data; name="images"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    body = b"--" + BOUNDARY + b"\r\n" + head + content + b"\r\n--" + BOUNDARY + b"--\r\n"
    lines = (
        b"POST /predict HTTP/1.1", b"Host: localhost", b"Content-Type: multipart/form-data; boundary=" + BOUNDARY,
        b"Content-Length: %d" % len(body), b"", body,
    )  # fmt: skip
    return b"\r\n".join(lines)


class Connection:
    """One connection that stays open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def to(cls, port: int) -> "Connection":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: bytes) -> int:
        """Send `request` and return the status of the answer, whose body is read and dropped."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
        await self._reader.readexactly(int(length))
        return int(head.split(b" ", 2)[1])


async def ask_again_and_again(port: int, request: bytes, connections: int, seconds: float) -> Replies:
    """Run a closed loop: each connection sends its next request as soon as it has the answer."""
    statuses: list[int] = []
    took: list[float] = []
    started = time.perf_counter()

    async def one() -> None:
        connection = await Connection.to(port)
        while (begun := time.perf_counter()) - started < seconds:
            statuses.append(await connection.ask(request))
            took.append(time.perf_counter() - begun)

    await asyncio.gather(*(one() for _ in range(connections)))
    return Replies(statuses, took, time.perf_counter() - started)


async def ask_on_time(port: int, request: bytes, rate: float, seconds: float) -> Replies:
    """Run an open loop: a request is due every 1 / rate seconds; its time counts from when it was due."""
    statuses: list[int] = []
    took: list[float] = []
    due = iter(range(round(rate * seconds)))
    started = time.perf_counter()

    async def one() -> None:
        connection = await Connection.to(port)
        for number in due:
            at = started + number / rate
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            statuses.append(await connection.ask(request))
            took.append(time.perf_counter() - at)

    await asyncio.gather(*(one() for _ in range(CROWD)))
    return Replies(statuses, took, time.perf_counter() - started)


def closed_loop(port: int, request: bytes, connections: int, seconds: float) -> Replies:
    return asyncio.run(ask_again_and_again(port, request, connections, seconds))


def open_loop(port: int, request: bytes, rate: float, seconds: float) -> Replies:
    return asyncio.run(ask_on_time(port, request, rate, seconds))


def batches(port: int) -> tuple[float, float]:
    """Return the numbers of images and batches so far."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as response:
        lines = dict(line.rsplit(" ", 1) for line in response.read().decode().splitlines() if not line.startswith("#"))
    return float(lines["sadari_batch_images_sum"]), float(lines["sadari_batch_images_count"])


def image_of(run: str) -> bytes:
    """Return a noisy image of the shape that the run reads, as PNG."""
    height, width, channels = shape_of(run)
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels).save(file, format="PNG")
    return file.getvalue()


def shape_of(run: str) -> tuple[int, int, int]:
    document = json.loads((Path(run) / "preprocess.json").read_text(encoding="utf-8"))
    return document["height"], document["width"], document["channels"]


def measure_overhead(run: str, port: int, content: bytes) -> dict[str, float]:
    from sadari.deploy.serve.server import opened_to_serve

    with opened_to_serve(run) as classifier:
        return _overhead(classifier, port, content)


def _overhead(classifier: "Classifier", port: int, content: bytes) -> dict[str, float]:
    pixels = classifier.decode(content)[np.newaxis]
    bare, decoded = [], []
    requests: list[float] = []

    async def turns() -> None:
        request = request_for(content)
        for _ in range(TURNS):
            for _ in range(EACH):
                bare.append(seconds_of(lambda: classifier.probabilities(pixels)))
                decoded.append(seconds_of(lambda: classifier.probabilities(classifier.decode(content)[np.newaxis])))
            connection = await Connection.to(port)  # one that has been idle for seconds is closed by the server
            await connection.ask(request)
            for _ in range(EACH):
                started = time.perf_counter()
                assert await connection.ask(request) == 200
                requests.append(time.perf_counter() - started)

    asyncio.run(turns())
    bare_ms, decoded_ms, request_ms = (1000 * statistics.median(each) for each in (bare, decoded, requests))
    return {"bare_ms": bare_ms, "decoded_ms": decoded_ms, "request_ms": request_ms, "overhead_ms": request_ms - bare_ms}


def seconds_of(work: Any) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure_rates(port: int, request: bytes, seconds: float) -> list[dict[str, float]]:
    rows = []
    for connections in CONNECTIONS:
        before = batches(port)
        with ProcessPoolExecutor(1) as client:
            replies = client.submit(closed_loop, port, request, connections, seconds).result()
        images, passes = (after - earlier for after, earlier in zip(batches(port), before, strict=True))
        refused = len(replies.statuses) - replies.statuses.count(200)
        rows.append(
            {"connections": connections, **replies.of(200).document(), "refused": refused, "batch": images / passes}
        )
    return rows


def measure_overload(port: int, request: bytes, rate: float, seconds: float) -> dict[str, Any]:
    with ProcessPoolExecutor(CLIENTS) as clients:
        pending = [clients.submit(open_loop, port, request, TIMES * rate / CLIENTS, seconds) for _ in range(CLIENTS)]
        loops = [each.result() for each in pending]
    replies = Replies(
        [each for loop in loops for each in loop.statuses],
        [each for loop in loops for each in loop.seconds],
        max(loop.wall for loop in loops),
    )
    return {
        "offered_per_second": len(replies.statuses) / replies.wall,
        "wanted_per_second": TIMES * rate,
        "statuses": {str(status): replies.statuses.count(status) for status in sorted(set(replies.statuses))},
        "accepted": replies.of(200).document(),
        "shed": replies.of(503).document(),
    }


def measure(run: str, seconds: float) -> dict[str, Any]:
    content = image_of(run)
    request = request_for(content)
    with serving(run, 64) as port:
        result: dict[str, Any] = {"run": Path(run).name, "shape": shape_of(run), **measure_overhead(run, port, content)}
        result["rates"] = measure_rates(port, request, seconds)
        best = max(row["per_second"] for row in result["rates"])
        result["overload"] = measure_overload(port, request, best, seconds)
    with serving(run, 1) as port:
        result["one_at_a_time"] = measure_rates(port, request, seconds)
    return result


def show(result: dict[str, Any]) -> None:
    print(f"{result['run']} {result['shape']}")
    print(
        f"  request {result['request_ms']:.2f} ms, bare {result['bare_ms']:.2f}, overhead {result['overhead_ms']:.2f}"
    )
    for kind in ("rates", "one_at_a_time"):
        for row in result[kind]:
            head = f"  {kind:13} {row['connections']:3} connections"
            print(f"{head}  {times(row)}  batch {row['batch']:.1f}  refused {row['refused']}")
    over = result["overload"]
    wanted, offered = over["wanted_per_second"], over["offered_per_second"]
    print(f"  {TIMES} x the load: wanted {wanted:.0f}/s, sent {offered:.0f}/s, statuses {over['statuses']}")
    print(f"    accepted  {times(over['accepted'])}\n    shed      {times(over['shed'])}")


def times(row: dict[str, float]) -> str:
    if "p50_ms" not in row:
        return "none"
    return (
        f"{row['per_second']:7.0f}/s  p50 {row['p50_ms']:6.1f} ms  p95 {row['p95_ms']:6.1f}  p99 {row['p99_ms']:6.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--serve", type=int, metavar="BATCH", help="(for the benchmark itself)")
    options = parser.parse_args()
    if options.serve:
        serve(options.runs[0], options.serve)
        return
    results = []
    for run in options.runs:
        results.append(measure(run, options.seconds))
        show(results[-1])
    if options.out:
        document = {
            "command": " ".join(sys.argv),
            "date": time.strftime("%Y-%m-%d"),
            "machine": describe_machine(),
            "runs": results,
        }
        options.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
