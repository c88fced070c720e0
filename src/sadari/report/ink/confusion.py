"""How does a confusion matrix look on paper?"""

from typing import TYPE_CHECKING, Any

import numpy as np

from sadari.report.figures import ConfusionTable
from sadari.report.ink.style import new_figure, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


CELLS_WITH_COUNTS = 12
WIDEST_TABLE = 18.0  # inches of a confusion matrix: a thousand classes would otherwise take gigabytes to draw (assumed)


def draw_confusion(table: ConfusionTable) -> "Figure":
    """Rows are the truth, shaded by the share of the row; counts in the cells of small tables."""
    from matplotlib.colors import PowerNorm

    count = len(table.classes)
    small = count <= CELLS_WITH_COUNTS
    side = 2.2 + min((0.5 if small else 0.09) * count, WIDEST_TABLE)
    figure = new_figure(side + 0.9, side)
    axes = figure.subplots()
    # The square root of the share: a confusion of 5 % is to be seen beside a diagonal of 90 %.
    shown = axes.imshow(table.rows, cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=1), interpolation="nearest")
    step = 1 if count <= 40 else -(-count // 40)
    names = [shortened(name, 12) for name in table.classes[::step]]
    turned: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    level = max(len(name) for name in names) <= 3 and small
    axes.set_xticks(range(0, count, step), names, parse_math=False, **({} if level else turned))
    axes.set_yticks(range(0, count, step), names, parse_math=False)
    axes.tick_params(length=0, labelsize=8 if small else 6)
    axes.set_xlabel("prediction")
    axes.set_ylabel("truth")
    over = f", mean of {table.seeds} seeds" if table.seeds > 1 else ""
    axes.set_title(f"{shortened(table.arm, 40)}: images{over}", parse_math=False)
    axes.spines[:].set_visible(False)
    if small:
        _write_counts(axes, table)
    figure.colorbar(shown, ax=axes, shrink=0.8, label="share of the true class")
    return figure


def _write_counts(axes: "Axes", table: ConfusionTable) -> None:
    for row, column in np.argwhere(table.counts > 0):
        value = table.counts[row, column]
        text = f"{value:.0f}" if value >= 10 or value == round(value) else f"{value:.1f}"
        colour = "white" if table.rows[row, column] > 0.4 else "black"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
