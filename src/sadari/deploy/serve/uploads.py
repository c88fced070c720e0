"""Which images does a request contain? As multipart files or as base64 in JSON, within the limits."""

import asyncio
import binascii
from base64 import b64decode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import ValidationError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from sadari.deploy.serve.limits import Limits, Refused
from sadari.deploy.serve.predictor import Upload
from sadari.deploy.serve.schemas import ImagesAsText

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MULTIPART, JSON = "multipart/form-data", "application/json"
FIELD = "images"


async def read_uploads(request: Request, limits: Limits, most: int) -> list[Upload]:
    """Return the images of `request`, one to `most` of them.

    Raises Refused: 400 for a body that is not of its type, 408 where it does not arrive in time, 413 where something is
    too large or too many, 415 for another type of body, 422 where there is no image in it.
    """
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in (MULTIPART, JSON):
        raise Refused(415, f"the Content-Type is '{kind}'; send {MULTIPART} or {JSON}")
    body = await _read(request, limits)
    uploads = _from_json(body) if kind == JSON else _from_multipart(body, content_type)
    if len(uploads) > most:
        raise Refused(413, f"the request has {len(uploads)} images; send at most {most} at once")
    for upload in uploads:
        if len(upload.content) > limits.image_bytes:
            raise Refused(
                413,
                f"the image '{upload.name}' has {len(upload.content):,} bytes, over the limit of "
                f"{limits.image_bytes:,}; send it smaller",
            )
    return uploads


async def _read(request: Request, limits: Limits) -> bytes:
    """Return the body; raise Refused as `read_uploads` does."""
    too_large = Refused(413, f"the request is larger than {limits.body_bytes:,} bytes; send fewer or smaller images")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limits.body_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(limits.upload_seconds):
            async for piece in request.stream():
                body += piece
                if len(body) > limits.body_bytes:
                    raise too_large
    except TimeoutError:
        raise Refused(408, f"the request did not come within {limits.upload_seconds:g} seconds") from None
    except ClientDisconnect:
        raise Refused(400, "the request was cut short") from None
    return bytes(body)


def _from_json(body: bytes) -> list[Upload]:
    try:
        texts = ImagesAsText.model_validate_json(body).images
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        status = 400 if first["type"] == "json_invalid" else 422
        raise Refused(status, f"the JSON body cannot be read: {f'{place}: ' * bool(place)}{first['msg']}") from None
    return [Upload(str(number), _from_base64(number, text)) for number, text in enumerate(texts, start=1)]


def _from_base64(number: int, text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(422, f"image {number} of the request is not base64: {error}") from None


def _from_multipart(body: bytes, content_type: str) -> list[Upload]:
    uploads = []
    for number, part in enumerate(parse_multipart(body, content_type), start=1):
        if part.name != FIELD or part.filename is None:
            kind = "field" if part.filename is None else "file"
            raise Refused(422, f"the {kind} '{part.name}' is not known; send every image as a file called '{FIELD}'")
        uploads.append(Upload(part.filename or str(number), bytes(part.content)))
    if not uploads:
        raise Refused(422, f"the request has no image; send every image as a file called '{FIELD}'")
    return uploads


@dataclass
class Part:
    """One part of a multipart body. filename: None where it is a plain field."""

    name: str = ""
    filename: str | None = None
    content: bytearray = field(default_factory=bytearray)


def parse_multipart(body: bytes, content_type: str) -> list[Part]:
    """Return the parts of `body`, in order; raise Refused (400) where it is not what `content_type` says."""
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise Refused(400, "the Content-Type multipart/form-data has no boundary; let your HTTP client set it")
    reader = _Reader()
    try:
        parser = MultipartParser(boundary, reader.callbacks(), max_size=len(body) + 1)
        parser.write(body)
        parser.finalize()
    except ValueError as error:  # the parser's errors are all of this kind
        raise Refused(400, f"the multipart body is damaged: {error}") from None
    if not reader.complete:
        raise Refused(400, "the multipart body ends before its last boundary")
    return reader.parts


class _Reader:
    """A collector of the parts that the parser finds."""

    def __init__(self) -> None:
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
