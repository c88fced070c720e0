"""What does a network predict for images? The only inference code: training, scoring and serving all use it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import chain
from math import prod
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sadari.data.prepare import Preprocess, to_device
from sadari.errors import SadariError
from sadari.evaluation.probabilities.temperature import Temperature, fit_temperature
from sadari.inference.blocks import Blocks
from sadari.inference.memory import is_out_of_memory
from sadari.inference.probabilities import probabilities_of
from sadari.values import ImageSet, Predictions, RowAccess

# Values per forward pass (images x height x width x channels of the input): large enough to fill two cores, small
# enough that the maps of cnn2 (32 channels at full size) stay below 1 GiB. Measured on 28x28 and 32x32 images.
VALUES_PER_PASS = 400_000
# But at least so many images, as each pass reads all weights anew. Measured on MobileNet's last maps and A1's dense
# layers, on which an epoch of 768 images took 2.0 s where 192 were judged 4 at a time. VGG16's widest maps of so many
# 224x224 images take 205 MB.
IMAGES_PER_PASS = 16
# Values per pass of one core, where each core judges images of its own: its maps stay in its cache, and no core waits
# for another at the end of each layer. Measured in float32 on two cores with 2 MiB of second-level cache each, images
# of 28x28 a second, against both cores sharing passes of VALUES_PER_PASS: cnn 13,300 -> 16,600, a4-cnn 39,300 ->
# 47,400, lstm 34,400 -> 59,200, cnn2 and sprint the same; but mlp 496,000 -> 332,000, and in bfloat16 sprint 23,800 ->
# 17,200 (with half as many values): there, starting threads and small passes cost more than they bring.
VALUES_PER_CORE = 100_000


def together(values: int) -> int:
    """Return how many images of so many `values` go through a network at once."""
    return max(IMAGES_PER_PASS, VALUES_PER_PASS // values)


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a network reads of each image of a set: its pixels, or the output of frozen layers.

    rows: (N, ...), one row an image, in the order of the set. prepare: a function of some of them, on the network's
    device, that returns what the network reads.
    """

    rows: RowAccess
    prepare: Callable[[Tensor], Tensor]

    @classmethod
    def pixels(cls, images: RowAccess, preprocess: Preprocess) -> "Inputs":
        """Return inputs of pixels, uint8 (N, H, W, C), that `preprocess` prepares."""
        return cls(images, preprocess.apply)

    @property
    def at_once(self) -> int:
        """Return how many images go through a network at once."""
        return together(prod(self.rows.shape[1:]))


def predict_logits(
    network: nn.Module,
    inputs: Inputs,
    positions: NDArray[np.int64],
    precision: torch.dtype = torch.float32,
) -> Tensor:
    """Return the logits of `network` for the images at `positions`.

    They are float32 (len(positions), K) on the processor, in the order of `positions`. The network is in the same mode
    afterwards as before. precision: float32, or bfloat16 for speed. In float32, convolutions and recurrences judge
    small images in several threads at once, each a block of its own. Raises SadariError where memory does not hold a
    single image.
    """
    device = next(chain(network.parameters(), network.buffers())).device
    shared = precision == torch.float32 and any(isinstance(each, nn.Conv2d | nn.LSTM) for each in network.modules())
    values = prod(inputs.rows.shape[1:])
    at_once, workers = shares(values, len(positions)) if shared and device.type == "cpu" else (inputs.at_once, 1)
    blocks = Blocks(inputs.rows, positions, at_once)
    was_training = network.training
    network.eval()

    def compute(rows: Tensor) -> Tensor:
        logits: Tensor = network(inputs.prepare(to_device(rows, device)))
        return logits

    def rounding() -> AbstractContextManager[object]:
        return nullcontext() if precision == torch.float32 else torch.autocast(device.type, precision)

    try:
        return judge_blocks(compute, blocks, workers, rounding)
    finally:
        network.train(was_training)


def judge_blocks(
    compute: Callable[[Tensor], Tensor],
    blocks: Blocks,
    workers: int,
    within: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Tensor:
    """Return what `compute` returns of the rows of all `blocks`, in their order, on the processor.

    workers: how many threads call it at once, each with a block of its own and `within` a context of its own. Raises
    SadariError where memory does not hold a single image.
    """

    def judge() -> None:
        try:
            with torch.inference_mode(), within():
                _judge(compute, blocks)
        finally:
            blocks.stop()  # where one thread fails, all end

    if workers == 1:
        judge()
    else:
        _together(judge, workers, blocks)
    return blocks.logits()


def shares(values: int, images: int) -> tuple[int, int]:
    """Return how many images of so many `values` go through a network at once on the processor, in how many threads.

    Of large images few make a pass, and their layers are large enough for all cores.
    """
    per_core = VALUES_PER_CORE // values
    if per_core < IMAGES_PER_PASS or images <= per_core:
        return together(values), 1
    return per_core, min(torch.get_num_threads(), -(-images // per_core))


def _together(judge: Callable[[], None], workers: int, blocks: Blocks) -> None:
    """Call `judge` in so many threads until no block is left, or one of them or the caller fails."""
    with one_thread_each(), ThreadPoolExecutor(workers, thread_name_prefix="judge") as pool:
        try:
            for done in [pool.submit(judge) for _ in range(workers)]:
                done.result()
        finally:
            blocks.stop()


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let each thread that starts inside run its network on one core only.

    Threads that shared one block would wait for each other while the other cores work: with two torch threads on two
    cores, judging 32x32 files by mlp took three times the processor time (benchmarks/serving/predict_rate.py).
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _judge(compute: Callable[[Tensor], Tensor], blocks: Blocks) -> None:
    """Compute and store the logits of one block after the other, until none is left."""
    while taken := blocks.take():
        waiting = [taken]
        while waiting:
            start, rows = waiting.pop()
            logits = logits_or_none(compute, rows)
            if logits is None:
                half = (len(rows) + 1) // 2
                blocks.at_most(half)
                waiting += [(start + half, rows[half:]), (start, rows[:half])]
            else:
                blocks.put(start, logits)


def logits_or_none(compute: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor | None:
    """Return the logits of some rows, None where memory runs out; raise SadariError where that is for a single row."""
    try:
        return compute(rows)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if len(rows) == 1:
            raise SadariError(
                "memory does not hold this network with a single image; use smaller images or a smaller network"
            ) from error
        return None


@dataclass(frozen=True, eq=False)
class Judgement:
    """What a network answers for the images at `positions`: logits, float32 (N, K), and the seconds that it took."""

    images: ImageSet
    positions: NDArray[np.int64]
    logits: Tensor
    seconds: float

    def predictions(self, temperature: float = 1.0) -> Predictions:
        """Return them as probabilities at the `temperature` of the run."""
        return Predictions(
            ids=self.images.ids[self.positions],
            labels=self.images.labels[self.positions],
            probabilities=probabilities_of(
                self.logits.reshape(len(self.positions), len(self.images.classes)), temperature
            ),
            classes=self.images.classes,
            seconds=self.seconds,
        )


def judge(network: nn.Module, inputs: Inputs, images: ImageSet, positions: NDArray[np.int64]) -> Judgement:
    """Return what `network` answers for the images at `positions`, in float32. inputs: what it reads of `images`."""
    start = perf_counter()
    logits = predict_logits(network, inputs, positions)
    return Judgement(images, positions, logits, perf_counter() - start)


def predict(
    network: nn.Module, inputs: Inputs, images: ImageSet, positions: NDArray[np.int64], temperature: float = 1.0
) -> Predictions:
    """Return what `network` predicts for the images at `positions`, in float32, with ids, labels and seconds taken.

    inputs: what it reads of each of `images`. temperature: that of its run.
    """
    return judge(network, inputs, images, positions).predictions(temperature)


def fitted(validation: Judgement | None) -> Temperature:
    """Return the temperature that a network's validation images fit; one of 1 with a note where there are none."""
    if validation is None:
        return fit_temperature(np.empty((0, 1), dtype=np.float32), np.empty(0, dtype=np.int64))
    return fit_temperature(validation.logits.numpy(), validation.images.labels[validation.positions])
