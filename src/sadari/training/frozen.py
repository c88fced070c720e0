"""Which part of a network is computed only once? Its frozen layers: their output for each image is cached.

A frozen backbone has the same output for an image in every epoch, with every seed and head. This output is computed
once, in float32, for all images of the set, and mapped from the cache from then on; learning and judging begin behind
it. Where images are drawn anew in each epoch there is nothing to cache, unless the user wants a few views of each that
are drawn once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from importlib.metadata import version
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sadari.data.augment.pipeline import Augmentation
from sadari.data.cache.features import keep_features, read_features
from sadari.data.packs.pack import PACK_FORMAT
from sadari.data.prepare import Preprocess
from sadari.errors import SadariError, UsageError
from sadari.inference.predict import Inputs
from sadari.models.backbone.still_norms import with_merged_norms
from sadari.models.frozen import FrozenSplit, split_frozen
from sadari.models.network import Network
from sadari.progress import Progress
from sadari.settings import Settings
from sadari.training.randomness import generator_for
from sadari.values import ImageSet, prefetch

# Images through the frozen layers at once; assumed: fills two cores, and the maps of VGG16 at 224 stay below 1 GiB.
AT_ONCE = 16
# All runs see the same views, whatever their seed: they are drawn once, as if they belonged to the images.
VIEWS_SEED = 0

Rows = NDArray[Any]


class FitInputs(NamedTuple):
    """The part of a network that learns, and what it reads.

    learner: the network, or its layers behind the frozen ones. inputs: what it reads of each image, and of its mirror
    image too where the network judges that. views: for each epoch in turn, the output of the frozen layers for the
    training images as they were drawn for it; none where the rows of `inputs` are learnt from.
    """

    learner: nn.Module
    inputs: Inputs
    views: tuple[Rows, ...] = ()


def sides(network: Network, learner: nn.Module, inputs: Inputs) -> tuple[Inputs, ...]:
    """Return what the layers of `learner` read of each image, and of its mirror image where the network judges that."""
    if not network.mirrored:
        return (inputs,)
    if learner is network:
        return inputs, Inputs(inputs.rows, lambda rows: inputs.prepare(rows).flip(3))
    return Inputs(inputs.rows, lambda rows: rows[:, 0]), Inputs(inputs.rows, lambda rows: rows[:, 1])


def check_views(settings: Settings, augmentation: Augmentation | None) -> None:
    """Raise UsageError where the setting `views` wants something that cannot be drawn once."""
    if not (settings.views and augmentation):
        return
    if settings.train_size:
        raise UsageError(
            f"views={settings.views} keeps what frozen layers make of images of image_size, and train_size="
            f"{settings.train_size} has others learnt from; set only one of them"
        )
    if settings.cache == "none":
        raise UsageError(
            f"views={settings.views} keeps what frozen layers make of each image, and cache=none keeps nothing; "
            "set only one of them"
        )
    if augmentation.mixes:
        raise UsageError(
            f"views={settings.views} draws each image once, while mixup and cutmix mix those that meet in a batch; "
            "leave them out of augment, or set views=0"
        )


def split_inputs(
    network: Network,
    preprocess: Preprocess,
    images: ImageSet,
    train: NDArray[np.int64],
    augmentation: Augmentation | None,
    settings: Settings,
    progress: Progress,
) -> FitInputs:
    """Return the layers behind the frozen ones, if there are any, to read the output of those from the cache.

    train: the positions of the images that `augmentation` draws. The whole network learns from pixels where `cache` is
    none, where images are reduced or drawn anew in each epoch, and where the output is larger than the cache's limit;
    with `views`, which decide what is learnt, that raises SadariError instead.
    """
    whole = FitInputs(network, Inputs.pixels(images.images, preprocess))
    if settings.cache == "none" or settings.train_size or (augmentation and not settings.views):
        return whole
    device = next(chain(network.parameters(), network.buffers())).device
    divided = split_frozen(network, lambda: preprocess.apply(torch.from_numpy(images.images[train[:1]]).to(device)))
    if divided is None:
        if augmentation:
            progress.say(f"no layer is frozen, so views={settings.views} keeps nothing: each epoch draws images anew")
        return whole
    if augmentation and network.mirrored:
        progress.say(
            f"views={settings.views} keeps nothing, as mirrored images are judged: each epoch draws images anew"
        )
        return whole
    computing = with_merged_norms(divided.frozen)
    frozen = _Frozen(divided, computing, network.mirrored, preprocess, images, progress)
    rows = frozen.rows()
    count = min(settings.views, settings.epochs) if augmentation else 0
    views = [frozen.view(augmentation, train, number) for number in range(count) if augmentation]
    if rows is None or any(view is None for view in views):
        if views:
            raise SadariError(
                f"views={settings.views} of each image need more room than SADARI_CACHE_LIMIT allows; raise it, or set "
                "fewer views"
            )
        progress.say("the output of the frozen layers would pass SADARI_CACHE_LIMIT; it is computed anew in each epoch")
        return whole
    return FitInputs(divided.rest, Inputs(rows, _as_they_are), tuple(view for view in views if view is not None))


def frozen_output(
    network: Network,
    preprocess: Preprocess,
    images: ImageSet,
    positions: NDArray[np.int64],
    progress: Progress,
    stored_only: bool = False,
) -> Rows | None:
    """Return the output of the frozen layers of `network` for the images at `positions`, float32 (n, ...).

    Read from the cache where it is stored, of these images or of all; else computed, and stored there if there is room.
    stored_only: None where it is not stored, with nothing computed. None, too, for a network without frozen layers.
    """
    device = next(chain(network.parameters(), network.buffers())).device
    divided = split_frozen(network, lambda: preprocess.apply(torch.from_numpy(images.images[:1]).to(device)))
    if divided is None:
        return None
    frozen = _Frozen(divided, with_merged_norms(divided.frozen), network.mirrored, preprocess, images, progress)
    return frozen.some(positions, stored_only)


def _as_they_are(rows: Tensor) -> Tensor:
    return rows


@dataclass(frozen=True)
class _Frozen:
    """The frozen layers of a network, and the images that they read. mirrored: their mirror images too.

    computing: what computes the output of the frozen layers.
    """

    network: FrozenSplit
    computing: nn.Module
    mirrored: bool
    preprocess: Preprocess
    images: ImageSet
    progress: Progress

    def rows(self) -> Rows | None:
        """Return their output for each image of the set, float32 (N, ...), or (N, 2, ...) with its mirror image's.

        None where the cache cannot hold it.
        """
        positions = np.arange(len(self.images), dtype=np.int64)
        return self._cached({}, positions, "frozen layers", lambda pixels, _: pixels)

    def some(self, positions: NDArray[np.int64], stored_only: bool) -> Rows | None:
        """Return their output for the images at `positions`; see `frozen_output`."""
        stored = read_features(self._key())
        if stored is not None:
            return np.asarray(stored[positions])
        everything = np.array_equal(positions, np.arange(len(self.images)))
        key = {} if everything else {"images": _digest(positions)}
        if stored_only:
            return read_features({**self._key(), **key})
        rows = self._cached(key, positions, "frozen layers", lambda pixels, _: pixels)
        if rows is None:  # the cache has no room
            rows = np.concatenate(list(self._blocks(positions, "frozen layers", lambda pixels, _: pixels)))
        return rows

    def view(self, augmentation: Augmentation, positions: NDArray[np.int64], number: int) -> Rows | None:
        """Return the same for the images at `positions`, as `augmentation` draws them for the view of this number."""

        def draw(pixels: Tensor, start: int) -> Tensor:
            return augmentation.apply(pixels, generator_for(VIEWS_SEED, "view", number, start))

        key = {"augment": str(augmentation.steps), "view": f"{number}, by {AT_ONCE}", "images": _digest(positions)}
        return self._cached(key, positions, f"view {number + 1}", draw)

    def _cached(
        self, key: dict[str, str], positions: NDArray[np.int64], label: str, draw: Callable[[Tensor, int], Tensor]
    ) -> Rows | None:
        """Read the output from the cache, or compute it and write it there under `key`."""
        key = {**self._key(), **key}
        cached = read_features(key)
        if cached is not None:
            return cached
        self.network.rest.eval()
        try:
            shape = self._through(positions[:1], lambda pixels: pixels).shape[1:]
            blocks = self._blocks(positions, label, draw)
            return keep_features(key, (len(positions), *shape), np.dtype(np.float32), blocks)
        finally:
            self.network.rest.train()

    def _blocks(
        self, positions: NDArray[np.int64], label: str, draw: Callable[[Tensor, int], Tensor]
    ) -> Iterator[NDArray[np.float32]]:
        prefetch(self.images.images, positions)
        with self.progress.task(label, len(positions), "images") as task:
            for start in range(0, len(positions), AT_ONCE):
                chosen = positions[start : start + AT_ONCE]
                yield self._through(chosen, lambda pixels, start=start: draw(pixels, start))  # type: ignore[misc]
                task.advance(len(chosen))

    @torch.inference_mode()
    def _through(self, positions: NDArray[np.int64], draw: Callable[[Tensor], Tensor]) -> NDArray[np.float32]:
        device = next(self.network.frozen.parameters()).device
        pixels = draw(torch.from_numpy(self.images.images[positions]).to(device))
        prepared = self.preprocess.apply(pixels)
        output = self.computing(prepared)
        if self.mirrored:
            output = torch.stack([output, self.computing(prepared.flip(3))], 1)
        return np.asarray(output.float().cpu().numpy())

    def _key(self) -> dict[str, str]:
        """Return all that decides the output: the pixels, their preparation, and the layers with their weights."""
        frozen = self.network.frozen
        weights = blake2b(digest_size=20)
        for name, tensor in frozen.state_dict().items():
            weights.update(name.encode())
            weights.update(np.ascontiguousarray(tensor.cpu().numpy()).data)
        return {
            **({"sides": "the image and its mirror image"} if self.mirrored else {}),
            "name": self.images.name,
            "data": self.images.pixels_of or self.images.fingerprint,
            "preprocess": str(self.preprocess.to_json()),
            "layers": ", ".join(type(layer).__name__.lower() for layer in frozen),
            "computation": str(self.computing),
            "weights": weights.hexdigest(),
            "pixels": PACK_FORMAT,
            "torch": torch.__version__,
            "timm": version("timm"),
            "device": next(frozen.parameters()).device.type,
        }


def _digest(positions: NDArray[np.int64]) -> str:
    return blake2b(np.ascontiguousarray(positions).data, digest_size=20).hexdigest()
