"""How does a figure's data look on paper? Draws what `figures.py` returns; readable in grey and to the colour-blind."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from sadari.report.figures import ConfusionTable, Cost, Curve, Curves, SampleGrid, Sweep
from sadari.run import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

T = TypeVar("T")

# Okabe & Ito (2008), distinguishable with every common colour blindness; yellow left out, too pale on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKS = ("o", "s", "^", "D", "v", "P", "X")
GREY = "#555555"
CELLS_WITH_COUNTS = 12
WIDEST_TABLE = 18.0  # inches of a confusion matrix: a thousand classes would otherwise take gigabytes to draw (assumed)
MOST_NAMES = 40  # in a legend; the figure grows with them (assumed: nobody tells more colours apart)
LONGEST_NAME = 16
DPI = 150
# Fonts with Hangul, Kana and Han for class names; the ones that the machine has are used.
EAST_ASIAN = ("Noto Sans CJK KR", "Noto Sans KR", "NanumGothic", "Malgun Gothic", "Apple SD Gothic Neo", "UnDotum")
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


def save(draw: Callable[[T], "Figure"], data: T, stem: Path) -> tuple[Path, Path]:
    """Draw `data` once and write `stem`.png and `stem`.svg, whole or not at all; the same data give the same bytes."""
    with _style():
        figure = draw(data)
        png, svg = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.svg")
        write_whole(png, lambda path: figure.savefig(path, format="png", dpi=DPI, metadata={"Software": None}))
        write_whole(svg, lambda path: figure.savefig(path, format="svg", metadata={"Date": None, "Creator": "sadari"}))
    return png, svg


@contextmanager
def _style() -> Iterator[None]:
    import matplotlib

    with matplotlib.rc_context({**STYLE, "font.family": _fonts()}), warnings.catch_warnings():
        # A name in a script that no installed font has shows as boxes; that is worth no lines on the terminal.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield


@cache
def _fonts() -> tuple[str, ...]:
    from matplotlib import font_manager

    installed = set(font_manager.get_font_names())
    return ("DejaVu Sans", *(name for name in EAST_ASIAN if name in installed))


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def draw_samples(grid: SampleGrid) -> "Figure":
    """Five columns of images, each under its class name."""
    rows = -(-len(grid.names) // 5)
    figure = _figure(6.4, 0.4 + 1.45 * rows)
    figure.suptitle(_short(grid.title, 60), x=0.02, ha="left", weight="bold", parse_math=False)
    axes = np.atleast_1d(figure.subplots(rows, 5)).ravel()
    for each in axes:
        each.axis("off")
    for each, image, name in zip(axes, grid.images, grid.names, strict=False):
        pixels = image[:, :, 0] if image.shape[2] == 1 else image
        each.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        each.set_title(_short(name), loc="center", weight="normal", fontsize=8, pad=3, parse_math=False)
    return figure


def draw_curves(data: Curves) -> "Figure":
    """Loss beside accuracy; train dashed, val solid, thin lines for seeds, a ring at the best epoch."""
    arms = list(dict.fromkeys(curve.arm for curve in data.loss))
    figure = _figure(10.5, _height(4.4, len(arms) + 3))
    figure.suptitle(_short(data.title, 80), x=0.01, ha="left", weight="bold", parse_math=False)
    left, right = figure.subplots(1, 2)
    colours = dict(zip(arms, _colours(len(arms)), strict=True))
    for axes, drawn, label in ((left, data.loss, "loss (nats)"), (right, data.accuracy, "accuracy")):
        for curve in drawn:
            _draw_curve(axes, curve, colours[curve.arm])
        axes.set_xlabel("epoch")
        axes.set_title(label)
        axes.grid(True)
        _scale_epochs(axes, drawn)
    _limit_losses(left, data.loss)
    _limit_accuracies(right, data.accuracy)
    _legend_of_arms(figure, colours)
    return figure


def _draw_curve(axes: "Axes", curve: Curve, colour: str) -> None:
    dashes = "--" if curve.part == "train" else "-"
    for line in curve.seeds:
        axes.plot(np.arange(1, len(line) + 1), line, dashes, color=colour, linewidth=0.6, alpha=0.35)
    epochs = np.arange(1, len(curve.mean) + 1)
    alone = "." if len(epochs) == 1 else None  # one pass makes no line
    axes.plot(epochs, curve.mean, dashes, color=colour, linewidth=1.6 if curve.part == "val" else 1.1, marker=alone)
    if curve.part == "val" and curve.best is not None and curve.best < len(curve.mean):
        ring: dict[str, Any] = {"marker": "o", "markersize": 6, "markerfacecolor": "white", "markeredgewidth": 1.5}
        axes.plot(curve.best + 1, curve.mean[curve.best], color=colour, zorder=5, **ring)


def _scale_epochs(axes: "Axes", drawn: Sequence[Curve]) -> None:
    """A logarithmic axis where one arm has many times the epochs of another, as L-BFGS's passes beside ten epochs."""
    from matplotlib.ticker import MaxNLocator

    lengths = [len(curve.mean) for curve in drawn if len(curve.mean) > 1]
    if lengths and max(lengths) >= 4 * min(lengths):
        axes.set_xscale("log")
        _plain_numbers(axes.xaxis)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _plain_numbers(axis: "Axis") -> None:
    """A logarithmic axis with 1, 2, 5, 10 ... instead of powers of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def _limit_losses(axes: "Axes", drawn: Sequence[Curve]) -> None:
    """A logarithmic axis where the losses span more than a factor of ten."""
    values = np.concatenate([curve.mean[np.isfinite(curve.mean)] for curve in drawn] or [np.ones(1)])
    if len(values) and values.min() > 0 and values.max() > 10 * values.min():
        axes.set_yscale("log")
        _plain_numbers(axes.yaxis)


def _limit_accuracies(axes: "Axes", drawn: Sequence[Curve]) -> None:
    """Room for what the learning arms reach: their lower half and the arms that learn in one pass may lie below."""
    reached = [float(curve.mean.min()) for curve in drawn if len(curve.mean) > 1]
    if reached:
        axes.set_ylim(bottom=max(0.0, min(reached) - 0.03), top=1.005)


def _legend_of_arms(figure: "Figure", colours: dict[str, str]) -> None:
    from matplotlib.lines import Line2D

    arms = {name: Line2D([], [], color=colour, linewidth=2) for name, colour in colours.items()}
    ways = [
        Line2D([], [], color=GREY, linestyle="-", label="val"),
        Line2D([], [], color=GREY, linestyle="--", label="train"),
        Line2D([], [], color=GREY, marker="o", markerfacecolor="white", linestyle="", label="least val loss"),
    ]
    _legend(figure, arms, ways)


def _legend(figure: "Figure", named: Mapping[str, Any], last: "Sequence[Line2D]" = ()) -> None:
    """Beside the axes, the names as they are: no formulas in them, and none left out for an underscore in front."""
    from matplotlib.lines import Line2D

    kept = dict(list(named.items())[:MOST_NAMES])
    more = [Line2D([], [], linestyle="", label=f"and {len(named) - len(kept)} more")] if len(named) > len(kept) else []
    rest = [*more, *last]
    labels = [*(_short(name, 40) for name in kept), *(str(line.get_label()) for line in rest)]
    legend = figure.legend([*kept.values(), *rest], labels, loc="outside right upper")
    for text in legend.get_texts():
        text.set_parse_math(False)


def _height(least: float, names: int) -> float:
    """Inches that hold a legend of that many names beside the axes."""
    return max(least, 0.6 + 0.21 * min(names, MOST_NAMES + 4))


def draw_confusion(table: ConfusionTable) -> "Figure":
    """Rows are the truth, shaded by the share of the row; counts in the cells of small tables."""
    from matplotlib.colors import PowerNorm

    count = len(table.classes)
    small = count <= CELLS_WITH_COUNTS
    side = 2.2 + min((0.5 if small else 0.09) * count, WIDEST_TABLE)
    figure = _figure(side + 0.9, side)
    axes = figure.subplots()
    # The square root of the share: a confusion of 5 % is to be seen beside a diagonal of 90 %.
    shown = axes.imshow(table.rows, cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=1), interpolation="nearest")
    step = 1 if count <= 40 else -(-count // 40)
    names = [_short(name, 12) for name in table.classes[::step]]
    turned: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    level = max(len(name) for name in names) <= 3 and small
    axes.set_xticks(range(0, count, step), names, parse_math=False, **({} if level else turned))
    axes.set_yticks(range(0, count, step), names, parse_math=False)
    axes.tick_params(length=0, labelsize=8 if small else 6)
    axes.set_xlabel("prediction")
    axes.set_ylabel("truth")
    over = f", mean of {table.seeds} seeds" if table.seeds > 1 else ""
    axes.set_title(f"{_short(table.arm, 40)}: images{over}", parse_math=False)
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


def draw_cost(data: Cost) -> "Figure":
    """A point with its 95 % interval per arm, over the seconds on a logarithmic axis.

    Arms with less than half of the best accuracy lie on the lower edge, so that the others can be told apart.
    """
    figure = _figure(7.2, _height(4.2, len(data.points)))
    axes = figure.subplots()
    colours = _colours(len(data.points))
    best = max(accuracy.mean for _, _, accuracy in data.points)
    floor = min(accuracy.low for _, _, accuracy in data.points if accuracy.mean >= best / 2)
    axes.set_ylim(bottom=max(floor - 0.15 * (1.0 - floor), 0.0), top=min(1.0, best + 0.4 * (1.0 - floor)))
    bottom = axes.get_ylim()[0]
    named: dict[str, Any] = {}
    for number, ((name, seconds, accuracy), colour) in enumerate(zip(data.points, colours, strict=True)):
        place, mark = max(seconds, 1e-3), MARKS[number % len(MARKS)]
        if accuracy.mean < bottom:
            below = f"{_short(name, 20)} (far below: {accuracy.mean:.3f})"
            (named[below],) = axes.plot(place, bottom, mark, color=colour, clip_on=False)
            continue
        reach = [[accuracy.mean - accuracy.low], [accuracy.high - accuracy.mean]]
        named[name] = axes.errorbar(place, accuracy.mean, reach, fmt=mark, color=colour, capsize=3)
    axes.set_xscale("log")
    _plain_numbers(axes.xaxis)
    axes.set_xlabel("seconds of training, mean over seeds")
    axes.set_ylabel("accuracy")
    axes.set_title(_short(data.title, 60), parse_math=False)
    axes.grid(True)
    _legend(figure, named)
    return figure


def draw_sweep(data: Sweep) -> "Figure":
    """Accuracy beside loss over the values of one setting."""
    figure = _figure(9.6, _height(4.0, len(data.lines)))
    figure.suptitle(_short(data.title, 80), x=0.01, ha="left", weight="bold", parse_math=False)
    left, right = figure.subplots(1, 2)
    colours = _colours(len(data.lines))
    named: dict[str, Any] = {}
    for number, ((name, points), colour) in enumerate(zip(data.lines.items(), colours, strict=True)):
        values = [point.value for point in points]
        look: dict[str, Any] = {
            "color": colour,
            "marker": MARKS[number % len(MARKS)],
            "markersize": 4,
            "linewidth": 1.4,
        }
        (named[name],) = left.plot(values, [point.accuracy.mean for point in points], **look)
        low, high = [point.accuracy.low for point in points], [point.accuracy.high for point in points]
        left.fill_between(values, low, high, color=colour, alpha=0.15, linewidth=0)
        right.plot(values, [point.loss for point in points], **look)
        low, high = [point.loss_low for point in points], [point.loss_high for point in points]
        right.fill_between(values, low, high, color=colour, alpha=0.15, linewidth=0)
    left.set_title("accuracy, with its 95 % interval")
    right.set_title("loss (nats), with the range of the seeds")
    for axes in (left, right):
        axes.set_xlabel(data.key, parse_math=False)
        axes.grid(True)
        if _spans_decades([point.value for points in data.lines.values() for point in points]):
            axes.set_xscale("log")
            _plain_numbers(axes.xaxis)
    _legend(figure, named)
    return figure


def _spans_decades(values: Sequence[float]) -> bool:
    return min(values) > 0 and max(values) >= 100 * min(values)


def _colours(count: int) -> list[str]:
    """Okabe & Ito's for a few, otherwise steps along viridis, which keeps its order in grey too."""
    if count <= len(COLOURS):
        return list(COLOURS[:count])
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colormaps["viridis"](place)) for place in np.linspace(0.0, 0.92, count)]


def _short(name: str, longest: int = LONGEST_NAME) -> str:
    return name if len(name) <= longest else name[: longest - 1] + "…"
