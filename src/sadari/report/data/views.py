"""How do training images look? As they are, or beside what augmentation makes of them."""

from pathlib import Path

import numpy as np
import torch

from sadari.data.augment.pipeline import Augmentation
from sadari.report.figures import SampleGrid, sample_grid, sample_positions
from sadari.report.plots.images import draw_samples
from sadari.report.plots.saving import save_png
from sadari.values import ImageSet, Split

IMAGES, VIEWS = 5, 4  # a sample grid has five columns


def view_grid(images: ImageSet, split: Split, augmentation: Augmentation, text: str, seed: int = 0) -> SampleGrid:
    """Return a row for each of up to five training images: as it is, then four views; captions say how labels mix.

    text: the setting that `augmentation` was read from. The images and what they become depend on `seed` alone.
    """
    chosen = sample_positions(images, split, seed)[:IMAGES]
    before = torch.from_numpy(np.stack([images.images[position] for position in chosen]))
    labels = torch.from_numpy(images.labels[chosen])
    generator = torch.Generator().manual_seed(seed)
    columns, captions = [before], [[images.classes[label] for label in labels.tolist()]]
    for _ in range(VIEWS):
        redrawn = augmentation.apply(before, generator)
        pixels, mixed = augmentation.mix(redrawn, labels, len(images.classes), generator)
        columns.append(pixels)
        captions.append([""] * len(labels) if mixed is labels else _added(mixed, labels, images.classes))
    return SampleGrid(
        f"{images.name}: {text}",
        torch.stack(columns, dim=1).flatten(0, 1).numpy(),
        tuple(caption for row in zip(*captions, strict=True) for caption in row),
    )


def write_views(grid: SampleGrid, path: Path) -> None:
    """Draw `grid` as the PNG file `path`, whole or not at all."""
    save_png(draw_samples, grid, path)


def write_samples(images: ImageSet, split: Split, path: Path, seed: int = 0) -> int:
    """Draw up to 25 training images, the classes in turn, as the PNG file `path`, and return how many they are."""
    grid = sample_grid(images, split, seed)
    save_png(draw_samples, grid, path)
    return len(grid.names)


def _added(mixed: torch.Tensor, labels: torch.Tensor, classes: tuple[str, ...]) -> list[str]:
    """Return captions such as "+ 30% dog": the share of each label that another class took."""
    others = mixed.scatter(1, labels[:, None], 0.0)
    shares, names = others.max(1)
    return [f"+ {share:.0%} {classes[name]}" if share else "" for share, name in zip(shares, names, strict=True)]
