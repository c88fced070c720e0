"""How long and how large may the head of a request be? Bytes are counted before anything is made of them."""

from asyncio import TimerHandle
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sadari.deploy.serve.limits import Limits

CROWDED = 1.5  # times the limit of connections, where all are being answered (assumed: far below the files allowed)
EACH_CHUNK = 32  # bytes around the content of a chunk that are no extension (assumed)
SLOW, LARGE = (
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
)


def bounded_protocol(limits: Limits) -> type[HttpToolsProtocol]:
    """Return uvicorn's protocol, which closes connections whose heads are too large or too slow.

    Where there are more than `limits.connections`, those that have been silent for the longest time are closed, so that
    silent ones keep nobody out. Where all of them are being answered, which ends soon, more are let in, up to
    CROWDED times as many.
    """
    # Those that are open, in the order in which they came or had their last answer.
    crowd: dict[HttpToolsProtocol, None] = {}

    class Bounded(HttpToolsProtocol):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self._besides = 0  # bytes of this message that are not of its body
            self._in_head = True
            self._waiting: TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._wait()
            crowd[self] = None
            while len(crowd) > limits.connections and (leaving := self._who_leaves()) is not None:
                del crowd[leaving]
                leaving.transport.abort()

        def connection_lost(self, exc: Exception | None) -> None:
            crowd.pop(self, None)
            self._wait_no_more()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            self._besides += len(data)
            super().data_received(data)
            if self._besides > limits.head_bytes and not self.transport.is_closing():
                if self._in_head:
                    self.transport.write(LARGE)
                self.transport.abort() if not self._in_head else self.transport.close()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._besides, self._in_head = 0, True
            if self._waiting is None:
                self._wait()

        def on_headers_complete(self) -> None:
            self._in_head = False
            self._wait_no_more()
            super().on_headers_complete()

        def on_chunk_header(self) -> None:
            self._besides -= EACH_CHUNK

        def on_body(self, body: bytes) -> None:
            self._besides -= len(body)
            super().on_body(body)

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if crowd.pop(self, self) is None:  # it was there
                crowd[self] = None

        def _who_leaves(self) -> HttpToolsProtocol | None:
            """Return the oldest connection without a request, else the one whose request takes longest to arrive."""
            older = [each for each in crowd if each is not self]
            silent = (each for each in older if each.cycle is None or each.cycle.response_complete)
            arriving = (each for each in older if each.cycle is not None and each.cycle.more_body)
            too_many = self if len(crowd) > CROWDED * limits.connections else None
            return next(silent, None) or next(arriving, too_many)

        def _wait(self) -> None:
            self._waiting = self.loop.call_later(limits.head_seconds, self._too_slow)

        def _wait_no_more(self) -> None:
            if self._waiting is not None:
                self._waiting.cancel()
                self._waiting = None

        def _too_slow(self) -> None:
            if self.cycle is not None and not self.cycle.response_complete:
                self._wait()  # the answer to the request before comes first
            elif not self.transport.is_closing():
                self._waiting = None
                self.transport.write(SLOW)
                self.transport.close()

    return Bounded
