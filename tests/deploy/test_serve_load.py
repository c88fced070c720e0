"""Does the server keep its latency under more load than it can bear, and refuse the rest at once?"""

import http.client
import json
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sadari.deploy.serve.limits import Limits, Refused, Room
from sadari.deploy.serve.routes import make_app
from sadari.inference.classifier import Classifier
from support.models import CONVOLVED, model_of
from support.server import as_text, noise, running, with_network

SIDE = 12
PASS_SECONDS, BATCH = 0.1, 4
CAPACITY = BATCH / PASS_SECONDS  # images a second that the network can do
TIMES, SECONDS = 4, 2.0
QUEUE_SECONDS = 0.3
TRIES = 3  # of which one is enough: other processes use the same cores
SLACK = 1.0  # seconds that a machine with other work may add


@dataclass(frozen=True)
class Reply:
    status: int
    seconds: float
    retry_after: str | None


@contextmanager
def slow(limits: Limits) -> Iterator[str]:
    """A server whose network takes PASS_SECONDS for up to BATCH images."""
    model = Classifier(Path("nowhere"), model_of(CONVOLVED, side=SIDE))
    with running(make_app(with_network(model, lambda: time.sleep(PASS_SECONDS)), limits)) as address:
        yield address


def ask_steadily(address: str, rate: float, count: int) -> list[Reply]:
    """`count` requests over one connection, one every 1 / rate seconds or as soon as the last one is answered."""
    body = json.dumps(as_text(noise(1, SIDE)))
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    replies, due = [], time.perf_counter()
    for _ in range(count):
        time.sleep(max(0.0, due - time.perf_counter()))
        due += 1 / rate
        started = time.perf_counter()
        connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        replies.append(Reply(response.status, time.perf_counter() - started, response.headers["Retry-After"]))
    connection.close()
    return replies


@dataclass(frozen=True)
class Load:
    """What a server did with more requests than it can answer."""

    done: list[Reply]
    shed: list[Reply]

    @property
    def seconds_of_the_slowest(self) -> float:
        """All answered requests but a twentieth had their answer by then."""
        return sorted(each.seconds for each in self.done)[int(0.95 * len(self.done))]

    @property
    def seconds_until_refused(self) -> float:
        return sorted(each.seconds for each in self.shed)[len(self.shed) // 2]


def under_load() -> Load:
    hands = 40
    rate = TIMES * CAPACITY / hands
    limits = Limits(batch_images=BATCH, queue_seconds=QUEUE_SECONDS)
    with slow(limits) as address, ThreadPoolExecutor(hands) as pool:
        asked = [pool.submit(ask_steadily, address, rate, round(SECONDS * rate)) for _ in range(hands)]
        replies = [reply for each in asked for reply in each.result()]
    done, shed = ([each for each in replies if each.status == status] for status in (200, 503))
    assert len(done) + len(shed) == len(replies)
    assert len(shed) > len(replies) / 4
    assert {each.retry_after for each in shed} == {"1"}
    return Load(done, shed)


def test_four_times_the_load_is_shed_and_the_rest_is_in_time() -> None:
    longest = QUEUE_SECONDS + 2 * PASS_SECONDS + SLACK
    for _ in range(TRIES):
        load = under_load()
        enough = len(load.done) > 0.4 * CAPACITY * SECONDS  # it still does what it can
        if enough and load.seconds_of_the_slowest < longest and load.seconds_until_refused < PASS_SECONDS:
            return
    assert enough
    assert load.seconds_of_the_slowest < longest
    assert load.seconds_until_refused < PASS_SECONDS


def test_many_at_once_share_passes() -> None:
    with slow(Limits(batch_images=BATCH, queue_seconds=60.0)) as address, ThreadPoolExecutor(8) as pool:
        replies = [each.result()[0] for each in [pool.submit(ask_steadily, address, 1.0, 1) for _ in range(8)]]
        with urllib.request.urlopen(f"{address}/metrics") as response:
            figures = dict(line.rsplit(" ", 1) for line in response.read().decode().splitlines() if line[0] != "#")
    assert [each.status for each in replies] == [200] * 8
    assert float(figures["sadari_batch_images_sum"]) == 8
    assert float(figures["sadari_batch_images_count"]) < 8, "one after the other would be eight passes"


def test_there_is_room_for_so_many_and_silent_bodies_take_none() -> None:
    room = Room(Limits(requests=2, held_bytes=100))
    with room.place() as first, room.place() as second, room.place(), room.place() as other:
        first.take(60)
        first.arrive()
        second.take(40)
        with pytest.raises(Refused) as refused:
            other.take(1)
        assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "1"})
        second.arrive()
        with pytest.raises(Refused):
            other.arrive()
    assert (room.bytes, room.requests) == (0, 0)
    with room.place() as again:
        again.take(100)
        again.arrive()
