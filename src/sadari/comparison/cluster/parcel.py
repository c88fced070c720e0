"""How do the images of a comparison reach a node, once for all runs there? As one object, or in pieces for its cache.

A set that fits into the object stores of the nodes is one object: all runs of a node share its memory. A larger one
travels in pieces, and the first run of a node that asks for it writes them into the node's cache as a pack.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.comparison.cluster.demand import Capacity
from sadari.data.cache.digests import digest_texts
from sadari.data.cache.entries import EntryBuild, make_room, mark_used
from sadari.data.packs.pack import PackMetadata, PixelWriter, pack_folder, read_pack, write_metadata
from sadari.data.packs.provide import LOAD_SETTINGS
from sadari.locks.claim import Busy
from sadari.locks.folder import hold_folder
from sadari.settings import Settings
from sadari.values import ImageSet, Prefetching

# The share of a node's object store that the images of one comparison may take (assumed: checkpoints and a second size
# of the images have room beside them), and bytes of a piece of a larger set (assumed: four of them fit anywhere).
OF_STORE, PIECE_BYTES = 0.5, 16 * 2**20
WAIT_SECONDS = 0.2  # assumed: nobody notices it beside the time that pieces take

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Parcel:
    """A set of images without its pixels, and these in pieces.

    about: all fields of the `ImageSet` but its images. key: of the pack in a node's cache. shape: (N, H, W, C). pieces:
    references to uint8 (n, H, W, C), in their order.
    """

    about: Mapping[str, Any]
    key: str
    shape: tuple[int, ...]
    pieces: Sequence[Any]

    def unpacked(self, get: Callable[[Any], Pixels]) -> ImageSet:
        """Return the images, mapped from this machine's cache, which is filled where it does not have them yet.

        get: brings a piece. Raises SadariError where the cache has no room.
        """
        folder = pack_folder(self.key)
        while (images := read_pack(folder, self.about["name"], self.about["fingerprint"])) is None:
            try:
                with _alone(folder):
                    self._fill(folder, get)
            except (Busy, FileNotFoundError):
                time.sleep(WAIT_SECONDS)
        mark_used(folder)
        return ImageSet(images=images.images, **self.about)

    def _fill(self, folder: Path, get: Callable[[Any], Pixels]) -> None:
        """Write the pack, unless another process has done so meanwhile."""
        name, fingerprint = self.about["name"], self.about["fingerprint"]
        if read_pack(folder, name, fingerprint) is not None:
            return
        make_room(prod(self.shape))
        with EntryBuild(folder, lambda: read_pack(folder, name, fingerprint) is not None) as build:
            with PixelWriter(build.folder, self.shape[0], self.shape[3]) as writer:
                images = (image for piece in self.pieces for image in get(piece))
                for position, image in enumerate(images):
                    writer.put(position, image)
                writer.keep(range(self.shape[0]))
            write_metadata(build.folder, self._metadata())
            build.publish()

    def _metadata(self) -> PackMetadata:
        height, width, channels = self.shape[1:]
        return PackMetadata(
            labels=self.about["labels"].tolist(),
            ids=self.about["ids"].tolist(),
            classes=self.about["classes"],
            source_split=self.about["source_split"].tolist(),
            notes=self.about["notes"],
            evidence=False,  # it travels with all that is not pixels
            shape=(height, width, channels),
            size=0,
            white_level=self.about["white_level"],
        )


def wrapped(images: ImageSet, settings: Settings, capacity: Capacity, put: Callable[[Any], Any]) -> Any:
    """Return what a node gets of `images`: an object of Ray, a Parcel, or None where it reads its files itself.

    The last is so for images that are decoded whenever they are needed. put: makes an object of Ray.
    """
    if isinstance(images.images, Prefetching):
        return None
    about = {each.name: getattr(images, each.name) for each in fields(images) if each.name != "images"}
    if prod(images.images.shape) <= OF_STORE * capacity.store:
        return put(ImageSet(images=np.asarray(images.images), **about))
    choices = (str(getattr(settings, name)) for name in LOAD_SETTINGS)
    key = digest_texts("travelled 1", images.fingerprint, *choices)
    pieces = [put(np.asarray(images.images[place])) for place in _places(images.images.shape)]
    return put(Parcel(about, key, tuple(images.images.shape), pieces))


def _places(shape: tuple[int, ...]) -> Iterator[slice]:
    """List the images of each piece."""
    count = max(1, PIECE_BYTES // prod(shape[1:]))
    return (slice(first, first + count) for first in range(0, shape[0], count))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Be the only process of this machine that fills `folder`. Raises Busy where another one does."""
    claim = folder.with_name(f".{folder.name}.receiving")
    claim.mkdir(parents=True, exist_ok=True)
    with hold_folder(claim):
        yield
    with suppress(OSError):
        claim.rmdir()
