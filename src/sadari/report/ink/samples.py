"""How do the sample images look on paper?"""

from typing import TYPE_CHECKING

import numpy as np

from sadari.report.figures import SampleGrid
from sadari.report.ink.style import new_figure, shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_samples(grid: SampleGrid) -> "Figure":
    """Five columns of images, each under its class name."""
    rows = -(-len(grid.names) // 5)
    figure = new_figure(6.4, 0.4 + 1.45 * rows)
    figure.suptitle(shortened(grid.title, 60), x=0.02, ha="left", weight="bold", parse_math=False)
    axes = np.atleast_1d(figure.subplots(rows, 5)).ravel()
    for each in axes:
        each.axis("off")
    for each, image, name in zip(axes, grid.images, grid.names, strict=False):
        pixels = image[:, :, 0] if image.shape[2] == 1 else image
        each.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        each.set_title(shortened(name), loc="center", weight="normal", fontsize=8, pad=3, parse_math=False)
    return figure
