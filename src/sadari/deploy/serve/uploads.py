"""Which images does a request contain? As multipart files or as base64 in JSON, within the limits."""

import asyncio
import binascii
from base64 import b64decode
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from time import thread_time
from typing import TYPE_CHECKING

from pydantic import ValidationError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from sadari.deploy.serve.limits import Limits, Place, Refused, Room
from sadari.deploy.serve.predictor import Upload
from sadari.deploy.serve.schemas import ImagesAsText

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MULTIPART, JSON = "multipart/form-data", "application/json"
FIELD = "images"


# A JSON body of images has one quote, comma or bracket for each of them, and base64 needs no escapes but \/.
JSON_MARKS = b'"[]{}:,'
MARKS_EACH, MORE_MARKS, ESCAPES_SHARE = 4, 64, 16
GAP = 4096  # bytes between two texts of a JSON body: white space and a mark
LARGE = 256 * 2**10  # bytes of a body that takes long enough to be read in a thread (assumed)
PIECE = 64 * 2**10  # bytes of a form that are parsed at once: other threads get their turn between them
PARSE_SECONDS = 2.0  # of a processor, for one form; an honest one of 32 MiB takes 0.1 (measured)
BASE64_PIECE = 2**20  # letters that are decoded at once, a multiple of four: 5 ms (measured)
LONGEST_BOUNDARY = 200  # bytes; RFC 2046 allows 70

_reading = ThreadPoolExecutor(2, thread_name_prefix="uploads")


@asynccontextmanager
async def reading_uploads(request: Request, limits: Limits, room: Room, most: int) -> AsyncIterator[list[Upload]]:
    """Read the images of `request`, one to `most` of them; they take `room` until the end of the context.

    Raises Refused: 400 for a body that is not of its type, 408 where it does not arrive in time, 413 where something is
    too large or too many, 415 for another type of body, 422 where there is no image in it, 503 where there is no room.
    What is too much is counted while it arrives. Nothing here holds up the event loop for long.
    """
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in (MULTIPART, JSON):
        raise Refused(415, f"the Content-Type is '{kind}'; send {MULTIPART} or {JSON}")
    with room.place() as place:
        body = await _read(request, limits, place, most if kind == JSON else None)
        place.arrive()
        parse = partial(_from_json, body, most) if kind == JSON else partial(_from_multipart, body, content_type, most)
        if len(body) > LARGE:
            uploads = await asyncio.get_running_loop().run_in_executor(_reading, parse)
        else:
            uploads = parse()
        del body, parse
        _check(uploads, limits, most)
        yield uploads


def _too_many(most: int) -> Refused:
    images = "one image" if most == 1 else f"{most} images"
    return Refused(413, f"the request has more than {images}; send at most {most} at once")


def _check(uploads: Sequence[Upload], limits: Limits, most: int) -> None:
    """Raise Refused (413) for too many uploads, and for one that is too large."""
    if len(uploads) > most:
        raise Refused(413, f"the request has {len(uploads)} images; send at most {most} at once")
    for upload in uploads:
        if len(upload.content) > limits.image_bytes:
            raise Refused(
                413,
                f"the image '{upload.name}' has {len(upload.content):,} bytes, over the limit of "
                f"{limits.image_bytes:,}; send it smaller",
            )


async def _read(request: Request, limits: Limits, place: Place, most: int | None) -> bytearray:
    """Return the body; raise Refused as `reading_uploads` does. most: images of a JSON body, None for another."""
    too_large = Refused(413, f"the request is larger than {limits.body_bytes:,} bytes; send fewer or smaller images")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > 15 or int(declared) > limits.body_bytes):
        raise too_large
    body = bytearray()
    marks = escapes = 0
    clock = asyncio.get_running_loop().time
    end = clock() + limits.upload_seconds
    try:
        async with asyncio.timeout_at(min(end, clock() + limits.idle_seconds)) as timer:
            async for piece in request.stream():
                place.take(len(piece))
                body += piece
                if len(body) > limits.body_bytes:
                    raise too_large
                if most is not None:
                    marks += sum(map(piece.count, JSON_MARKS))
                    escapes += piece.count(b"\\")
                    _check_marks(marks, escapes, len(body), most)
                timer.reschedule(min(end, clock() + limits.idle_seconds))
    except TimeoutError:
        waited = limits.upload_seconds if clock() >= end else limits.idle_seconds
        what = "did not come within" if clock() >= end else "came to a halt for"
        raise Refused(408, f"the request {what} {waited:g} seconds; send it again") from None
    except ClientDisconnect:
        raise Refused(400, "the request was cut short") from None
    return body


def _check_marks(marks: int, escapes: int, length: int, most: int) -> None:
    """Raise Refused for a JSON body that cannot be a list of up to `most` images, before it is parsed."""
    if length <= LARGE:
        return  # small enough for the parser, which says more exactly what is wrong
    if marks > MARKS_EACH * most + MORE_MARKS:
        raise _too_many(most)
    if escapes > length / ESCAPES_SHARE:
        raise Refused(400, "the JSON body cannot be read: it has more escape characters than images in base64 need")


def _check_gaps(body: bytearray) -> None:
    """Raise Refused (400) for a large JSON body that is not made of texts alone."""
    last, inside = 0, False
    while len(body) > LARGE:
        found = body.find(b'"', last)
        end = len(body) if found < 0 else found
        if not inside and end - last > GAP:
            raise Refused(400, "the JSON body cannot be read: it holds something else than images as text")
        if found < 0:
            return
        last, inside = found + 1, not inside


def _from_json(body: bytearray, most: int) -> list[Upload]:
    _check_gaps(body)
    try:
        texts = ImagesAsText.model_validate_json(body).images
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        status = 400 if first["type"] == "json_invalid" else 422
        raise Refused(status, f"the JSON body cannot be read: {f'{place}: ' * bool(place)}{first['msg']}") from None
    if len(texts) > most:
        raise Refused(413, f"the request has {len(texts)} images; send at most {most} at once")
    return [Upload(str(number), _from_base64(number, text)) for number, text in enumerate(texts, start=1)]


def _from_base64(number: int, text: str) -> bytes:
    """Decode in pieces, between which other threads get their turn."""
    found = bytearray()
    try:
        for at in range(0, len(text), BASE64_PIECE):
            piece = text[at : at + BASE64_PIECE]
            found += b64decode(piece, validate=True)
            if at + len(piece) < len(text) and piece.endswith("="):
                raise ValueError("Excess data after padding")
    except (binascii.Error, ValueError) as error:
        raise Refused(422, f"image {number} of the request is not base64: {error}") from None
    return bytes(found)


def _from_multipart(body: bytearray, content_type: str, most: int) -> list[Upload]:
    uploads = []
    for number, part in enumerate(parse_multipart(body, content_type, most), start=1):
        if part.name != FIELD or part.filename is None:
            kind = "field" if part.filename is None else "file"
            raise Refused(422, f"the {kind} '{part.name}' is not known; send every image as a file called '{FIELD}'")
        uploads.append(Upload(part.filename or str(number), bytes(part.content)))
        part.content.clear()
    if not uploads:
        raise Refused(422, f"the request has no image; send every image as a file called '{FIELD}'")
    return uploads


@dataclass
class Part:
    """One part of a multipart body. filename: None where it is a plain field."""

    name: str = ""
    filename: str | None = None
    content: bytearray = field(default_factory=bytearray)


def parse_multipart(body: bytes | bytearray, content_type: str, most: int) -> list[Part]:
    """Return the parts of `body`, in order.

    Raises Refused: 400 where it is not what `content_type` says, 413 for more than `most` parts, as soon as there is
    one more, and 400 for a form that takes too long to take apart.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise Refused(400, "the Content-Type multipart/form-data has no boundary; let your HTTP client set it")
    if len(boundary) > LONGEST_BOUNDARY:
        raise Refused(400, f"the boundary of the form has {len(boundary)} bytes; let your HTTP client set it")
    reader = _Reader(most)
    started = thread_time()
    try:
        parser = MultipartParser(boundary, reader.callbacks(), max_size=len(body) + 1)
        for at in range(0, len(body), PIECE):
            parser.write(bytes(body[at : at + PIECE]))
            if thread_time() - started > PARSE_SECONDS:
                raise Refused(400, "the multipart body takes too long to take apart; let your HTTP client make it")
        parser.finalize()
    except ValueError as error:  # the parser's errors are all of this kind
        raise Refused(400, f"the multipart body is damaged: {error}") from None
    if not reader.complete:
        raise Refused(400, "the multipart body ends before its last boundary")
    return reader.parts


class _Reader:
    """A collector of the parts that the parser finds, up to `most` of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.parts: list[Part] = []
        self.complete = False
        self._key, self._value = bytearray(), bytearray()
        self._headers: dict[bytes, bytes] = {}

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_part_data": lambda data, start, end: self.parts[-1].content.extend(data[start:end]),
            "on_header_field": lambda data, start, end: self._key.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header,
            "on_headers_finished": self._name,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        if len(self.parts) == self._most:
            raise _too_many(self._most)
        self.parts.append(Part())
        self._headers = {}

    def _header(self) -> None:
        self._headers[bytes(self._key).lower()] = bytes(self._value)
        self._key, self._value = bytearray(), bytearray()

    def _name(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        self.parts[-1].name = options.get(b"name", b"").decode("utf-8", errors="replace")
        if b"filename" in options:
            self.parts[-1].filename = options[b"filename"].decode("utf-8", errors="replace")

    def _end(self) -> None:
        self.complete = True
