"""Which files are in a multipart body? Read with python-multipart, from memory to memory."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.multipart import MultipartParser, parse_options_header

from sadari.deploy.serve.limits import Refused

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks


@dataclass
class Part:
    """One part of the body. filename: None where it is a plain field."""

    name: str = ""
    filename: str | None = None
    content: bytearray = field(default_factory=bytearray)


def parse_multipart(body: bytes, content_type: str) -> list[Part]:
    """The parts of `body`, in order; raises Refused (400) where it is not what `content_type` says."""
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
    """Collects what the parser finds."""

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
