"""Is what takes long to decode killed, and what takes much memory kept within bounds?"""

import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from sadari.deploy.serve.batching import FutureAnswers
from sadari.deploy.serve.decoder import Decoder, TooSlowError
from sadari.deploy.serve.decoder_main import TooLargeError
from sadari.deploy.serve.predictor import Decoding, Upload
from sadari.inference.pixels import PixelForm
from support.attacks import descendants, rss_below, see_through
from support.hostile import slow_bitmap
from support.server import noise

FORM_8 = PixelForm(8, 8, 1, "crop", "bilinear")


def test_what_takes_too_long_is_killed_and_the_next_one_is_decoded() -> None:
    decoder = Decoder(FORM_8, 50_000_000, 1.0)
    decoder.decode(noise(1, side=1200)[0])  # all processes have started
    for _ in range(2):
        started = time.perf_counter()
        with pytest.raises(TooSlowError, match="more than 1 seconds"):
            decoder.decode(slow_bitmap(4400))
        assert time.perf_counter() - started < 6
        assert decoder.decode(noise(1, side=1200)[0]).shape == (8, 8, 1)
    decoder.close()
    with pytest.raises(TooSlowError):
        decoder.decode(noise(1, side=1200)[0])


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="memory is read where Linux says it")
def test_images_are_decoded_in_as_much_memory_on_many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    decoder = Decoder(FORM_8, 50_000_000, 60.0)
    content, before, most = see_through(3600), rss_below(os.getpid()), 0
    with ThreadPoolExecutor(8) as pool:
        working = [pool.submit(decoder.decode, content) for _ in range(16)]
        while not all(each.done() for each in working):
            most = max(most, rss_below(os.getpid()))
            time.sleep(0.02)
        assert {each.result().shape for each in working} == {(8, 8, 1)}
    assert len(descendants(os.getpid())) >= 8, "the decoders are counted"
    decoder.close()
    assert most - before < 1400, "MiB: 60 for each of 8 processes, and 860 for what they decode"


def test_what_takes_too_much_memory_is_refused() -> None:
    decoder = Decoder(FORM_8, 50_000_000, 60.0)
    with pytest.raises(TooLargeError, match="has 6400 x 6400 pixels as JPEG2000, which take too much memory to decode"):
        decoder.decode(see_through(6400, "JPEG2000"))
    decoder.close()


def test_who_gives_up_ends_the_decoding() -> None:
    decoder = Decoder(FORM_8, 50_000_000, 60.0)
    decoder.decode(noise(1, side=1200)[0])
    given_up: Future[None] = Future()
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(decoder.decode, slow_bitmap(4400), given_up)
        time.sleep(0.3)
        started = time.perf_counter()
        given_up.cancel()
        with pytest.raises(TooSlowError):
            working.result(10)
        assert time.perf_counter() - started < 2
    decoder.close()


def test_the_bytes_of_a_request_are_let_go_when_it_is_given_up() -> None:
    answer: FutureAnswers = Future()
    work = Decoding([Upload("1", b"x")], answer)
    answer.cancel()
    assert work.uploads == ()
