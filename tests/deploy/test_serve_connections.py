"""Do silent connections keep nobody out of the server?"""

import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from threading import Event
from urllib.parse import urlsplit

import pytest

from sadari.deploy.serve.limits import Limits
from sadari.deploy.serve.routes import make_app
from sadari.inference.classifier import Classifier
from support.attacks import HEAD, Server, post, texts
from support.server import noise, running, with_network

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
