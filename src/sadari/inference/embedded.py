"""How are the weights that come with Sadari stored in the cache? Once, as safetensors with config.json, as on the hub.

They are read from their package where the cache has no room for them.
"""

import os
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from sadari.data.cache.digests import cache_dir, digest_texts
from sadari.data.cache.entries import EntryBuild, make_room, mark_used
from sadari.data.cache.seal import is_unaltered
from sadari.models.backbone.embedded import NAME, SHA256, configuration, read_embedded
from sadari.models.backbone.pretrained import CONFIG, TENSORS

WEIGHTS_FORMAT = "weights 1"  # raise it when the same file of the package gives another entry
KIND = "weights"  # the folder of the cache


def embedded_tensors() -> dict[str, Tensor]:
    """Return the weights that come with Sadari under timm's names; they are written to the cache at their first use.

    Raises SadariError where they are not installed or not as they should be, and where the disk is full.
    """
    if (stored := _read(entry_folder())) is not None:
        return stored
    tensors, configured = read_embedded(), configuration().encode()
    content = save(tensors)
    if make_room(len(content) + len(configured)):
        folder = entry_folder()
        with EntryBuild(folder, lambda: _read(folder) is not None) as build:
            for name, each in ((TENSORS, content), (CONFIG, configured)):
                _write_synced(build.folder / name, each)
            build.publish()
    return tensors


def entry_folder() -> Path:
    """Return the folder of the cache in which they are stored."""
    return cache_dir() / KIND / digest_texts(WEIGHTS_FORMAT, NAME, SHA256)


def _read(folder: Path) -> dict[str, Tensor] | None:
    """Return the tensors in `folder`; None where there are none, or none that can be used."""
    try:
        if not is_unaltered(folder, KIND):
            return None
        tensors: dict[str, Tensor] = load_file(folder / TENSORS)
    except (OSError, SafetensorError, ValueError):
        return None
    mark_used(folder)
    return tensors


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
