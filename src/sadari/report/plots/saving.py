"""How does a figure become a file? Laid out and drawn once, as PNG, or as PNG and SVG; whole or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sadari.files import write_whole
from sadari.report.plots.style import DPI, T, laid_out

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save(draw: Callable[[T], "Figure"], data: T, stem: Path) -> tuple[Path, Path]:
    """Draw `data` once and write `stem`.png and `stem`.svg, whole or not at all; the same data give the same bytes."""
    png, svg = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.svg")
    with laid_out(draw, data) as figure:
        _write_png(figure, png)
        _write_svg(figure, svg)
    return png, svg


def save_png(draw: Callable[[T], "Figure"], data: T, path: Path) -> Path:
    """Draw `data` and write it as the PNG file `path`, whole or not at all; return the path."""
    with laid_out(draw, data) as figure:
        _write_png(figure, path)
    return path


def _write_png(figure: "Figure", path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    before, figure.dpi = figure.dpi, DPI
    canvas: Any = FigureCanvasAgg(figure)
    write_whole(path, lambda file: canvas.print_png(file, metadata={"Software": None}))
    figure.dpi = before


def _write_svg(figure: "Figure", path: Path) -> None:
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    canvas: Any = FigureCanvasSVG(figure)
    write_whole(path, lambda file: canvas.print_svg(file, metadata={"Date": None, "Creator": "sadari"}))
