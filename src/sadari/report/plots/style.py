"""What do all figures share? Files, fonts, colours, legends; readable in grey and to the colour-blind."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from sadari.report.plots.fonts import PLAIN, boxes_noticed, boxes_reported, font_families
from sadari.report.plots.names import cut_middle, text_width

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

T = TypeVar("T")

# Okabe & Ito (2008), distinguishable with every common colour blindness; yellow left out, too pale on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKS = ("o", "s", "^", "D", "v", "P", "X")
GREY = "#555555"
MOST_NAMES = 40  # in a legend; the figure grows with them (assumed: nobody distinguishes more colours)
LEGEND_NAME = 2.6  # inches of a name in a legend; the figure grows with it, and the axes become narrower
DPI = 150
MARGIN = 0.3  # inches beside a heading
STYLE: dict[Any, Any] = {
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "svg.hashsalt": "sadari",  # otherwise every file has other ids
}


@contextmanager
def styled(families: Sequence[str] = ()) -> Iterator[None]:
    """Draw with Sadari's style inside the block; other users of matplotlib keep theirs.

    families: of fonts; those of this machine that write most letters without it.
    """
    with _in_style(families or font_families()), boxes_reported():
        yield


def _in_style(families: Sequence[str]) -> AbstractContextManager[None]:
    import matplotlib

    return matplotlib.rc_context({**STYLE, "font.family": families})


@contextmanager
def laid_out(draw: Callable[[T], "Figure"], data: T) -> "Iterator[Figure]":
    """Yield the figure that `draw` makes of `data`, with its layout, ready to be printed inside the block.

    Matplotlib looks for each text in each family, so one with other letters is asked only where a name has such. Its
    `savefig` would draw a figure twice, once for the layout alone, whose result is thrown away.
    """
    with boxes_noticed() as boxes, _in_style(PLAIN):
        figure = _with_layout(draw(data))
    if not boxes:
        with styled(PLAIN):
            yield figure
        return
    text_width.cache_clear()  # of names whose letters were boxes
    with styled():
        yield _with_layout(draw(data))


def _with_layout(figure: "Figure") -> "Figure":
    """Return `figure` with the places of its axes, which are those at DPI dots per inch."""
    engine, before = figure.get_layout_engine(), figure.dpi
    if engine is not None:
        figure.dpi = DPI
        engine.execute(figure)
        figure.dpi = before
        figure.set_layout_engine("none")
    return figure


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure of this size, in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def plain_numbers(axis: "Axis") -> None:
    """Label a logarithmic axis with 1, 2, 5, 10 ... instead of powers of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def add_legend(figure: "Figure", named: Mapping[str, Any], last: "Sequence[Line2D]" = ()) -> None:
    """Add a legend beside the axes, names as they are: no formulas, none left out for a leading underscore."""
    from matplotlib.lines import Line2D

    kept = dict(list(named.items())[:MOST_NAMES])
    more = [Line2D([], [], linestyle="", label=f"and {len(named) - len(kept)} more")] if len(named) > len(kept) else []
    rest = [*more, *last]
    names = [cut_middle(name, LEGEND_NAME, STYLE["font.size"]) for name in kept]
    labels = [*names, *(str(line.get_label()) for line in rest)]
    legend = figure.legend([*kept.values(), *rest], labels, loc="outside right upper")
    for text in legend.get_texts():
        text.set_parse_math(False)


def legend_height(least: float, names: int) -> float:
    """Return the inches that hold a legend of that many names beside the axes."""
    return max(least, 0.6 + 0.21 * min(names, MOST_NAMES + 4))


def pick_colours(count: int) -> list[str]:
    """Return Okabe & Ito's colours for a few, otherwise steps along viridis, which keeps its order in grey too."""
    if count <= len(COLOURS):
        return list(COLOURS[:count])
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colormaps["viridis"](place)) for place in np.linspace(0.0, 0.92, count)]


def set_heading(figure: "Figure", text: str, size: float = 10.8, name: str = "") -> None:
    """Write the heading of a figure at its upper left, as wide as the figure is.

    name: the part of `text` that a user chose; it alone is cut, in its middle, where the heading would be too wide.
    """
    room = figure.get_figwidth() - MARGIN
    spare = room - (text_width(text.replace(name, "", 1), size, bold=True) if name else 0)
    shown = text.replace(name, cut_middle(name, spare, size, bold=True), 1) if name else text
    heading = cut_middle(shown, room, size, bold=True)
    figure.suptitle(heading, x=0.02, ha="left", weight="bold", size=size, parse_math=False)
