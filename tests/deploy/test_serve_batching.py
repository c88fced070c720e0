"""Do requests that come together share a pass, in order, within limits, and does nothing get lost?"""

from collections.abc import Iterator
from concurrent.futures import CancelledError, wait
from dataclasses import dataclass, field
from threading import Event

import numpy as np
import pytest
from numpy.typing import NDArray

from sadari.deploy.serve.batching import Batcher, FutureAnswers, Images
from sadari.deploy.serve.limits import Limits, Refused

SOON = 10.0  # seconds that a thread gets to do what it does at once


@dataclass
class Network:
    """A network that answers with the first pixel of every image, and waits while `open` is not set."""

    open: Event = field(default_factory=Event)
    entered: Event = field(default_factory=Event)
    passes: list[int] = field(default_factory=list)

    def __call__(self, images: Images) -> NDArray[np.float32]:
        self.entered.set()
        assert self.open.wait(SOON)
        self.passes.append(len(images))
        if (images == 255).any():
            raise ValueError("a white pixel")
        return images[:, 0, 0].astype(np.float32)


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def batcher(network: Network) -> Iterator[Batcher]:
    limits = Limits(queued_images=10, queue_seconds=1.0, batch_images=4)
    made = Batcher(network, limits, observed.append, pace=0.01)
    observed.clear()
    yield made
    network.open.set()
    made.close()


observed: list[int] = []


def ask(batcher: Batcher, *values: int) -> FutureAnswers:
    batcher.reserve(len(values))
    answer: FutureAnswers = FutureAnswers()
    batcher.put(np.array(values, dtype=np.uint8).reshape(-1, 1, 1, 1), answer)
    return answer


def occupy(batcher: Batcher, network: Network) -> FutureAnswers:
    """Keep the network busy with one image."""
    first = ask(batcher, 100)
    assert network.entered.wait(SOON)
    return first


def values_of(answer: FutureAnswers) -> list[int]:
    return [int(each) for each in answer.result(SOON)[:, 0]]


def test_what_waits_goes_through_together_and_comes_back_in_order(batcher: Batcher, network: Network) -> None:
    first = occupy(batcher, network)
    others = [ask(batcher, 1), ask(batcher, 2, 3), ask(batcher, 4), ask(batcher, 5, 6)]
    network.open.set()
    assert [values_of(each) for each in (first, *others)] == [[100], [1], [2, 3], [4], [5, 6]]
    assert network.passes == [1, 4, 2]
    assert observed == [1, 4, 2]


def test_a_lone_request_does_not_wait_for_company(batcher: Batcher, network: Network) -> None:
    network.open.set()
    assert values_of(ask(batcher, 7)) == [7]
    assert network.passes == [1]


def test_a_request_above_a_batch_goes_alone(batcher: Batcher, network: Network) -> None:
    first = occupy(batcher, network)
    large, small = ask(batcher, 1, 2, 3, 4, 5, 6), ask(batcher, 7)
    network.open.set()
    wait([first, large, small], SOON)
    assert values_of(large) == [1, 2, 3, 4, 5, 6]
    assert network.passes == [1, 6, 1]


def test_too_many_images_are_refused_and_room_comes_back(batcher: Batcher, network: Network) -> None:
    occupy(batcher, network)
    kept = [ask(batcher, 1, 2, 3, 4, 5), ask(batcher, 6, 7, 8, 9)]
    assert batcher.waiting == 9
    with pytest.raises(Refused) as refused:
        ask(batcher, 10, 11)
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "1"})
    network.open.set()
    wait(kept, SOON)
    assert values_of(ask(batcher, 10, 11)) == [10, 11]
    assert batcher.waiting == 0


def test_a_slow_network_lets_fewer_wait(network: Network) -> None:
    batcher = Batcher(network, Limits(queue_seconds=5.0), observed.append, pace=3.0)
    try:
        occupy(batcher, network)
        ask(batcher, 1)  # nothing waits: accepted
        ask(batcher, 2)  # would wait 3 seconds
        with pytest.raises(Refused) as refused:  # would wait 6
            ask(batcher, 3)
        assert refused.value.headers == {"Retry-After": "6"}
    finally:
        network.open.set()
        batcher.close()


def test_the_first_one_is_accepted_however_slow_the_network_is() -> None:
    network = Network()
    network.open.set()
    batcher = Batcher(network, Limits(queue_seconds=1.0), observed.append, pace=1e9)
    assert values_of(ask(batcher, 5)) == [5]
    batcher.close()


def test_the_pace_is_learnt(batcher: Batcher, network: Network) -> None:
    network.open.set()
    slow = Batcher(network, Limits(queue_seconds=1.0), observed.append, pace=100.0)
    for value in range(60):
        values_of(ask(slow, value))
    network.open.clear()
    network.entered.clear()
    occupy(slow, network)
    for value in range(9):  # at a pace of 100 seconds the second one would be refused
        ask(slow, value)
    network.open.set()
    slow.close()
    assert batcher.waiting == 0


def test_what_is_cancelled_in_time_costs_nothing(batcher: Batcher, network: Network) -> None:
    occupy(batcher, network)
    cancelled, kept = ask(batcher, 1), ask(batcher, 2)
    assert cancelled.cancel()
    network.open.set()
    assert values_of(kept) == [2]
    with pytest.raises(CancelledError):
        cancelled.result(SOON)
    assert network.passes == [1, 1]


def test_a_failure_reaches_those_who_wait_and_nobody_else(batcher: Batcher, network: Network) -> None:
    occupy(batcher, network)
    failing = [ask(batcher, 1), ask(batcher, 255)]
    network.open.set()
    for each in failing:
        with pytest.raises(ValueError, match="a white pixel"):
            each.result(SOON)
    assert values_of(ask(batcher, 3)) == [3]


def test_released_room_is_free_again(batcher: Batcher) -> None:
    batcher.reserve(10)
    batcher.release(10)
    batcher.reserve(10)
    assert batcher.waiting == 10
    batcher.release(10)


def test_closing_answers_what_was_put() -> None:
    network = Network()
    batcher = Batcher(network, Limits(), observed.append, pace=0.01)
    answers = [occupy(batcher, network), ask(batcher, 1), ask(batcher, 2)]
    network.open.set()
    batcher.close()
    assert all(each.done() for each in answers)
    assert [values_of(each) for each in answers] == [[100], [1], [2]]
