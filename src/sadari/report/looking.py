"""Which pictures does a look inside a model give? PNG files, each written whole or not at all."""

from pathlib import Path

from sadari.explain.look import ChannelView, Look
from sadari.explain.weights import ClassWeights, FirstFilters
from sadari.report.plots.explain import (
    draw_attributions,
    draw_channel,
    draw_filter_lesson,
    draw_filters,
    draw_layers,
    draw_maps,
    draw_pool_lesson,
    draw_weights,
)
from sadari.report.plots.saving import save_png


def write_look(look: Look, folder: Path) -> tuple[Path, ...]:
    """Draw one image's layers, attributions and lessons into `folder`; return the files.

    Raises SadariError where a file cannot be written.
    """
    written = []
    if sum(each.maps.shape[1] > 1 for each in look.maps) > 1:
        written.append(save_png(draw_layers, look, folder / "layers.png"))
    for number, view in enumerate(look.maps, start=1):
        written.append(save_png(draw_maps, view, folder / f"maps-{number:02}-{view.layer}.png"))
    if look.attributed.maps:
        written.append(save_png(draw_attributions, look.attributed, folder / "attributions.png"))
    for lesson in look.filters:
        written.append(save_png(draw_filter_lesson, lesson, folder / f"lesson-{lesson.lines}-lines.png"))
    if look.pool is not None:
        written.append(save_png(draw_pool_lesson, look.pool, folder / "lesson-pooling.png"))
    return tuple(written)


def write_channel(view: ChannelView, folder: Path) -> Path:
    """Draw one channel, and what it answers to most, into `folder`; return the file."""
    chosen = view.strongest
    return save_png(draw_channel, view, folder / f"channel-{chosen.layer}-{chosen.channel}.png")


def write_learnt(learnt: ClassWeights | FirstFilters, folder: Path) -> Path:
    """Draw the weights of the classes, or the first filters, into `folder`; return the file."""
    if isinstance(learnt, ClassWeights):
        return save_png(draw_weights, learnt, folder / "weights.png")
    return save_png(draw_filters, learnt, folder / "filters.png")
