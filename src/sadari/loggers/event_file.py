"""How does a file of TensorBoard grow? Record by record, in this thread, so that a full disk is one sentence.

The records are encoded here: TensorBoard's own writer loads Protocol Buffers, which takes a fifth of a second of every
training. The fields are those of its event.proto and summary.proto; tests read them back, and compare the bytes.
"""

import math
import struct
from functools import cache
from pathlib import Path
from time import time

from sadari.errors import SadariError

# What TensorBoard calls the columns of history.csv.
SCALARS = {
    "train_loss": "loss/train",
    "train_accuracy": "accuracy/train",
    "val_loss": "loss/val",
    "val_accuracy": "accuracy/val",
    "learning_rate": "learning_rate",
    "seconds": "seconds_per_epoch",
}

# Numbers of the fields of an Event and of a Summary.Value, with what Protocol Buffers call their wire types.
_WALL_TIME, _STEP, _FILE_VERSION, _SUMMARY = 1, 2, 3, 5
_VALUE, _TAG, _SIMPLE_VALUE = 1, 1, 2
_VARINT, _EIGHT_BYTES, _WITH_LENGTH, _FOUR_BYTES = 0, 1, 2, 5
# Cited: CRC-32C (RFC 3720, appendix B.4), and how TensorFlow's records mask it.
_POLYNOMIAL, _MASKED_BY = 0x82F63B78, 0xA282EAD8


class EventFile:
    """A file `path` of TensorBoard's events. Torch's own writer uses another thread, where a full disk is a traceback.

    Every method raises SadariError where the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._append(_bytes(_FILE_VERSION, b"brain.Event:2"))

    def append(self, summary: bytes, step: int = 0) -> None:
        """Write one event with a serialised `Summary` of TensorBoard."""
        self._append((_number(_STEP, step) if step else b"") + _bytes(_SUMMARY, summary))

    def scalar(self, tag: str, value: float, step: int) -> None:
        """Write one figure."""
        self.append(
            _bytes(_VALUE, _bytes(_TAG, tag.encode()) + _key(_SIMPLE_VALUE, _FOUR_BYTES) + _float32(value)), step
        )

    def _append(self, fields: bytes) -> None:
        event = _key(_WALL_TIME, _EIGHT_BYTES) + struct.pack("<d", time()) + fields
        try:
            with self._path.open("ab") as file:
                file.write(_record(event))
        except OSError as error:
            raise SadariError(f"cannot write {self._path}: {error.strerror or error}; make room and go on") from None


def _record(data: bytes) -> bytes:
    """Return a record of TensorFlow's: length, its checksum, `data`, and the checksum of that."""
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", _checksum(length)) + data + struct.pack("<I", _checksum(data))


def _bytes(field: int, content: bytes) -> bytes:
    return _key(field, _WITH_LENGTH) + _varint(len(content)) + content


def _number(field: int, value: int) -> bytes:
    return _key(field, _VARINT) + _varint(value)


def _key(field: int, wire_type: int) -> bytes:
    return _varint(field << 3 | wire_type)


def _varint(value: int) -> bytes:
    """Return a number from 0 up, seven bits a byte, the lowest first."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _float32(value: float) -> bytes:
    try:
        return struct.pack("<f", value)
    except OverflowError:  # beyond float32, which is infinite there
        return struct.pack("<f", math.copysign(math.inf, value))


def _checksum(data: bytes) -> int:
    """Return the masked CRC-32C of `data`."""
    table, found = _table(), 0xFFFFFFFF
    for byte in data:
        found = table[(found ^ byte) & 0xFF] ^ found >> 8
    found ^= 0xFFFFFFFF
    return ((found >> 15 | found << 17) + _MASKED_BY) & 0xFFFFFFFF


@cache
def _table() -> tuple[int, ...]:
    """Return what each byte does to a CRC-32C."""
    found = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        found.append(value)
    return tuple(found)
