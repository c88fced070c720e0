"""Does no request hold the server's event loop, however it is written?"""

import json
import time
from base64 import b64encode
from collections.abc import Callable

import numpy as np
import pytest

from sadari.deploy.serve.decoder import Decoder
from sadari.inference.classifier import Classifier
from support.attacks import FORM, JSON, MIB, Beating, photograph, post, texts
from support.hostile import scan_bomb, slow_bitmap
from support.server import noise

LONGEST_HOLD = 0.05  # seconds that no request may hold the loop
TRIES = 3  # of which the best counts
HOLDING: dict[str, tuple[Callable[[], bytes], str, tuple[int, ...]]] = {
    "empty strings": (lambda: b'{"images":[' + b'"",' * (10 * MIB) + b'""]}', JSON, (413,)),
    "numbers": (lambda: b'{"images":[' + b"1," * (15 * MIB) + b"1]}", JSON, (413,)),
    "one number": (lambda: b'{"images":[' + b"1" * (31 * MIB) + b"]}", JSON, (400,)),
    "white space": (lambda: b'{"images":[""' + b" " * (31 * MIB) + b"]}", JSON, (400,)),
    "brackets": (lambda: b"[" * (31 * MIB), JSON, (413,)),
    "escapes": (lambda: b'{"images":["' + rb"\u0041" * (5 * MIB) + b'"]}', JSON, (400,)),
    "one text": (lambda: b'{"images":["' + b64encode(bytes(15 * MIB)) + b'"]}', JSON, (422,)),
    "tiny parts": (lambda: b"--X\r\n\r\n\r\n" * (3 * MIB) + b"--X--\r\n", FORM, (413,)),
    "headers of a part": (lambda: b"--X\r\n" + b"A: b\r\n" * (5 * MIB) + b"\r\n--X--\r\n", FORM, (400,)),
    "no boundary": (lambda: b"\r\n--" * (8 * MIB), FORM, (400,)),
    "half boundaries": (lambda: b"--X\r\n\r\n" + b"\r\n-" * (10 * MIB), FORM, (400, 413)),
    "a large part": (
        lambda: b'--X\r\nContent-Disposition: form-data; name="images"; filename="a"\r\n\r\n' + bytes(15 * MIB)
        + b"\r\n--X--\r\n", FORM, (422,),
    ),
    "scans": (lambda: texts(scan_bomb(7000, 900)), JSON, (422,)),
    "rows": (lambda: texts(slow_bitmap(4400)), JSON, (422,)),
}  # fmt: skip


@pytest.mark.parametrize("name", HOLDING)
def test_no_request_holds_the_loop(name: str, beating: tuple[str, Beating]) -> None:
    address, app = beating
    make, kind, statuses = HOLDING[name]
    body = make()
    longest = []
    for _ in range(TRIES):
        app.longest = 0.0
        started = time.perf_counter()
        status, text = post(address, body, kind)
        assert status in statuses or (status == 0 and 413 in statuses), text
        assert time.perf_counter() - started < 8
        longest.append(app.longest)
        if longest[-1] < LONGEST_HOLD:
            break
    assert min(longest) < LONGEST_HOLD
    assert post(address, texts(*noise(1)))[0] == 200


def test_what_is_large_and_honest_is_answered(beating: tuple[str, Beating]) -> None:
    address, _ = beating
    content = photograph()
    assert len(content) > MIB
    text = b64encode(content).replace(b"/", rb"\/").replace(b"+", rb"\u002B")  # as PHP and .NET write it
    status, answer = post(address, b'{ "images": [ "' + text + b'",\n "' + text + b'" ] }')
    assert (status, len(json.loads(answer)["answers"])) == (200, 2)
    assert post(address, texts(*noise(64)))[0] == 200


def test_large_images_are_decoded_as_everywhere(classifier: Classifier) -> None:
    decoder = Decoder(classifier.form, 50_000_000, 30.0)
    for content in (photograph(), photograph(5000, 4000), noise(1, side=1200)[0]):
        assert not decoder.is_small(content)
        assert np.array_equal(decoder.decode(content), classifier.decode(content))
    decoder.close()
