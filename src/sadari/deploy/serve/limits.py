"""How much may a request ask of the server, and what does the server answer where it asks for more?"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from sadari.deploy.serve.schemas import Problem
from sadari.errors import SadariError


@dataclass(frozen=True)
class Limits:
    """The limits of one request, and of all requests under way at once. Assumed, where nothing else is said.

    Memory holds at most `held_bytes` of bodies, twice while they are taken apart, and the images that are being
    decoded: as many at once as fit into `DECODING_BYTES` of `decoder_main.py`.
    """

    image_bytes: int = 16 * 2**20  # a photograph of a phone has 2 to 12 MB
    body_bytes: int = 32 * 2**20  # one image as base64 fits, and so do 64 small ones
    pixels: int = 50_000_000  # the larger cameras of phones; 150 MB once decoded
    images: int = 64  # of one request
    requests: int = 64  # whose images have arrived, under way at once
    held_bytes: int = 192 * 2**20  # of all bodies that arrive or have arrived
    queued_images: int = 512  # accepted, and not yet begun with
    queue_seconds: float = 1.0  # that the last accepted image may wait for the network, at its present pace
    seconds: float = 10.0  # for the answer, once the images have arrived
    upload_seconds: float = 30.0  # for the images to arrive
    idle_seconds: float = 5.0  # without any byte of a body that has not yet arrived
    decode_seconds: float = 5.0  # for one image that takes long; a photograph of 50 megapixels takes 2 (measured)
    head_bytes: int = 64 * 2**10  # of a request's head, and of all that is neither head nor body
    head_seconds: float = 10.0  # for the head to arrive, from the connection or the end of the last answer on
    connections: int = 512  # at once, then the most silent one is closed; Linux allows a process 1,024 files
    batch_images: int = 64  # in one pass; larger ones gain little per image (measured, benchmarks/serving/serving.py)
    stop_seconds: float = 10.0  # for the requests under way, when the server is stopped

    @classmethod
    def for_pixels(cls, most: int) -> "Limits":
        """Return the limits with another one for the pixels of an image, and with the time that larger ones take."""
        usual = cls()
        longer = max(1.0, most / usual.pixels)
        added = (longer - 1) * usual.decode_seconds
        return cls(pixels=most, decode_seconds=usual.decode_seconds + added, seconds=usual.seconds + added)


class Refused(Exception):  # noqa: N818 - an answer, not a failure
    """The answer to a request that is not done: an HTTP status and a sentence that says what to do."""

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence
        self.headers = dict(headers or {})


def overloaded(seconds: float) -> Refused:
    """Return the refusal 503, which asks the client to try again in `seconds` (at least 1)."""
    later = max(1, ceil(seconds))
    return Refused(503, "the server has more to do than it can; try again in a moment", {"Retry-After": str(later)})


class Room:
    """The room for the bodies of all requests: so many bytes, and so many bodies that have arrived whole.

    A body that has not arrived takes no more room than its bytes, so that silent clients keep nobody out. Used by the
    event loop alone.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.bytes = self.requests = 0

    @contextmanager
    def place(self) -> Iterator["Place"]:
        """Return the place of one request, which is given back at the end."""
        place = Place(self)
        try:
            yield place
        finally:
            self.bytes -= place.bytes
            self.requests -= place.arrived

    def full(self, more: int) -> bool:
        """Whether `more` bytes have no room."""
        return self.bytes + more > self._limits.held_bytes

    def crowded(self) -> bool:
        """Whether no other request can be done."""
        return self.requests >= self._limits.requests


class Place:
    """What one request takes of a `Room`."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.bytes, self.arrived = 0, False

    def take(self, count: int) -> None:
        """Take so many bytes; raise Refused (503) where there is no room."""
        if self._room.full(count):
            raise overloaded(1)
        self.bytes += count
        self._room.bytes += count

    def arrive(self) -> None:
        """Report that the body is there; raise Refused (503) where too many are."""
        if self._room.crowded():
            raise overloaded(1)
        self.arrived = True
        self._room.requests += 1


_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}}
_REASONS = {
    400: "The body is not what its Content-Type says.",
    408: "The body did not arrive in time.",
    413: "Too many bytes, pixels or images.",
    415: "The Content-Type is neither multipart/form-data nor application/json.",
    422: "A parameter is wrong, or a file is no image that can be read.",
    503: "The server is overloaded, or its memory does not hold the network.",
    504: "There was no answer in time.",
}

# The answers besides 200 of a path that takes images, for OpenAPI.
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": reason} | ({"headers": _RETRY_AFTER} if status == 503 else {})
    for status, reason in _REASONS.items()
}


def answer_refusals(app: FastAPI) -> None:
    """Make `app` answer Refused, SadariError, unknown paths and invalid parameters with a status and a `Problem`."""

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> JSONResponse:  # noqa: ARG001 - Starlette's signature
        return JSONResponse({"detail": error.sentence}, error.status, error.headers)

    @app.exception_handler(SadariError)
    async def failed(request: Request, error: SadariError) -> JSONResponse:  # noqa: ARG001
        return JSONResponse({"detail": str(error)}, 503, {"Retry-After": "60"})

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> JSONResponse:
        path, headers = request.url.path[:100], dict(error.headers or {})
        sentence = error.detail
        if error.status_code == 404:
            sentence = f"there is nothing at '{path}'; the page is at /, and /openapi.json lists the other paths"
        elif error.status_code == 405:
            sentence = f"'{path}' does not take {request.method[:20]}; send {headers.get('Allow', 'GET')}"
        return JSONResponse({"detail": sentence}, error.status_code, headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:  # noqa: ARG001
        first = error.errors()[0]
        return JSONResponse({"detail": f"the parameter '{first['loc'][-1]}' is wrong: {first['msg']}"}, 422)
