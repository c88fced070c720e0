"""How much may a request ask of the server, and what does the server answer where it asks for more?"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sadari.deploy.serve.schemas import Problem
from sadari.errors import SadariError


@dataclass(frozen=True)
class Limits:
    """The limits of one request, and of all requests under way at once. Assumed, where nothing else is said.

    Memory holds at most `requests` bodies of `body_bytes` (2 GiB as delivered), and one decoded image of `pixels` for
    each processor core.
    """

    image_bytes: int = 16 * 2**20  # a photograph of a phone has 2 to 12 MB
    body_bytes: int = 32 * 2**20  # one image as base64 fits, and so do 64 small ones
    pixels: int = 50_000_000  # the larger cameras of phones; 150 MB once decoded
    images: int = 64  # of one request
    requests: int = 64  # with images, under way at once
    queued_images: int = 512  # accepted, and not yet begun with
    queue_seconds: float = 1.0  # that the last accepted image may wait for the network, at its present pace
    seconds: float = 10.0  # for the answer, once the images have arrived
    upload_seconds: float = 30.0  # for the images to arrive
    batch_images: int = 64  # in one pass; larger ones gain little per image (measured, benchmarks/serving/serving.py)
    stop_seconds: float = 15.0  # for the requests under way, when the server is stopped


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


class Gate:
    """A middleware that lets `most` POST requests into `app` at once; the others get 503. GET requests always pass."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app, self._most = app, most
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        if self._inside >= self._most:
            refused = overloaded(1)
            await JSONResponse({"detail": refused.sentence}, refused.status, refused.headers)(scope, receive, send)
            return
        self._inside += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._inside -= 1


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
    """Make `app` answer Refused, SadariError and invalid parameters with a status and a `Problem`."""

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> JSONResponse:  # noqa: ARG001 - Starlette's signature
        return JSONResponse({"detail": error.sentence}, error.status, error.headers)

    @app.exception_handler(SadariError)
    async def failed(request: Request, error: SadariError) -> JSONResponse:  # noqa: ARG001
        return JSONResponse({"detail": str(error)}, 503, {"Retry-After": "60"})

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:  # noqa: ARG001
        first = error.errors()[0]
        return JSONResponse({"detail": f"the parameter '{first['loc'][-1]}' is wrong: {first['msg']}"}, 422)
