"""Prefetched images are the ones that are taken, in any pieces, and only a bounded number of them waits."""

import threading
import time
from unittest.mock import patch

import numpy as np
import pytest

from sadari.data.packs import prefetch as module
from sadari.data.packs.prefetch import Pixels, Positions, Prefetcher
from sadari.errors import SadariError

SHAPE = (2, 3, 1)


class Decoding:
    """Makes an image of its position, and remembers which were made, and in which threads."""

    def __init__(self) -> None:
        self.made: list[int] = []
        self.threads: set[str] = set()

    def __call__(self, positions: Positions, pixels: Pixels) -> None:
        self.made += positions.tolist()
        self.threads.add(threading.current_thread().name)
        pixels[:] = images_of(positions)


def images_of(positions: Positions) -> Pixels:
    return np.broadcast_to(positions[:, None, None, None], (len(positions), *SHAPE)).astype(np.uint8)


def settled(decoding: Decoding) -> list[int]:
    """Return what has been made when nothing more comes."""
    count = -1
    while count != len(decoding.made):
        count = len(decoding.made)
        time.sleep(0.05)
    return decoding.made


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("pieces", [(7, 7, 7, 9), (1,) * 30, (30,), (16, 8, 6)])
def test_the_expected_order_comes_in_pieces_of_any_size(workers: int, pieces: tuple[int, ...]) -> None:
    decoding = Decoding()
    prefetcher = Prefetcher(decoding, SHAPE, workers)
    order = np.random.default_rng(0).permutation(30)
    prefetcher.prefetch(order)
    start = 0
    for size in pieces:
        wanted = order[start : start + size]
        np.testing.assert_array_equal(prefetcher.take(wanted), images_of(wanted))
        start += size
    assert sorted(decoding.made) == list(range(30))  # none was made twice
    assert all(name.startswith("decode") for name in decoding.threads)


def test_what_was_not_expected_comes_all_the_same() -> None:
    decoding = Decoding()
    prefetcher = Prefetcher(decoding, SHAPE, 2)
    prefetcher.prefetch(np.arange(20))
    for wanted in ([3, 9], [], [0, 1, 2, 3], [0, 1, 2, 3], [2, 3], [4, 5], [19], list(range(6, 20)), [5]):
        positions = np.array(wanted, dtype=np.int64)
        np.testing.assert_array_equal(prefetcher.take(positions), images_of(positions))


def test_a_new_order_takes_the_place_of_the_old_one() -> None:
    """Also where threads are still at the old one: they must not write over what comes for the new one."""

    def decode(positions: Positions, pixels: Pixels) -> None:
        time.sleep(0.02)
        pixels[:] = images_of(positions)

    prefetcher = Prefetcher(decode, SHAPE, 2)
    for order in (np.arange(40), np.arange(40)[::-1], np.arange(10, 30)):
        prefetcher.prefetch(order)
        np.testing.assert_array_equal(prefetcher.take(order[:11]), images_of(order[:11]))


@pytest.mark.parametrize("piece", [5, 8, 100])
def test_the_ring_is_written_over_only_where_images_were_taken(piece: int) -> None:
    with patch.object(module, "WAITING_BYTES", 16 * int(np.prod(SHAPE))):
        prefetcher = Prefetcher(Decoding(), SHAPE, 1)
    order = np.random.default_rng(1).permutation(250)
    prefetcher.prefetch(order)
    for start in range(0, 250, piece):
        wanted = order[start : start + piece]
        if not start % 3:
            time.sleep(0.01)  # the threads may run ahead as far as they can
        np.testing.assert_array_equal(prefetcher.take(wanted), images_of(wanted))


def test_images_are_made_before_they_are_asked_for_but_not_too_many() -> None:
    decoding = Decoding()
    with patch.object(module, "WAITING_BYTES", 40 * int(np.prod(SHAPE))):
        prefetcher = Prefetcher(decoding, SHAPE, 2)
    prefetcher.prefetch(np.arange(200))
    assert settled(decoding) == list(range(40))
    prefetcher.take(np.arange(24))
    assert len(settled(decoding)) == 64
    assert sorted(decoding.made) == list(range(64))


def test_a_failure_ahead_is_told_where_the_image_is_asked_for() -> None:
    def decode(positions: Positions, pixels: Pixels) -> None:
        if 12 in positions:
            raise SadariError("number 12 is gone")
        pixels[:] = images_of(positions)

    prefetcher = Prefetcher(decode, SHAPE, 2)
    prefetcher.prefetch(np.arange(20))
    prefetcher.take(np.arange(8))
    for _ in range(2):
        with pytest.raises(SadariError, match="number 12"):
            prefetcher.take(np.arange(8, 16))
    np.testing.assert_array_equal(prefetcher.take(np.arange(16, 20)), images_of(np.arange(16, 20)))
    prefetcher.prefetch(np.arange(8))
    np.testing.assert_array_equal(prefetcher.take(np.arange(8)), images_of(np.arange(8)))


def test_decoding_goes_on_while_the_caller_works() -> None:
    """The second piece is there already when the caller comes back from its work."""
    begun = threading.Event()

    def decode(positions: Positions, pixels: Pixels) -> None:
        if positions[0] >= 8:
            begun.set()
        pixels[:] = images_of(positions)

    prefetcher = Prefetcher(decode, SHAPE, 1)
    prefetcher.prefetch(np.arange(16))
    prefetcher.take(np.arange(8))
    assert begun.wait(10)


def test_nothing_is_decoded_for_images_that_nobody_holds_any_more() -> None:
    """At Ctrl-C a process must not wait for what was still to be decoded ahead."""
    made: list[int] = []

    def decode(positions: Positions, pixels: Pixels) -> None:
        made.append(len(positions))
        time.sleep(0.05)
        pixels[:] = images_of(positions)

    prefetcher = Prefetcher(decode, SHAPE, 1)
    prefetcher.prefetch(np.arange(800))
    prefetcher.take(np.arange(8))
    del prefetcher
    time.sleep(0.3)
    count = len(made)
    time.sleep(0.2)
    assert len(made) == count < 20
