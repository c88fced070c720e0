"""What is a metric, and how does a function of a plug-in become one?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.evaluation.influence import PerImage, Scale
from sadari.plugins.offers import warn
from sadari.values import Predictions


@dataclass(frozen=True)
class Metric:
    """A figure of predictions: `function` maps Predictions with at least one image to a float.

    per_image: maps them to one value per image whose mean is the figure, from which its interval and its test are
    computed. Of answers alone where by_probability is False. least_classes: with fewer classes the figure has no
    meaning, and no Score contains it. scale: where the figure can be. of_plugin: whether others offer it.
    """

    name: str
    summary: str
    function: Callable[[Predictions], float]
    higher_is_better: bool
    least_classes: int = 1
    per_image: Callable[[Any], PerImage] = field(kw_only=True)
    by_probability: bool = field(default=False, kw_only=True)
    scale: Scale = field(default=Scale.SHARE, kw_only=True)
    of_plugin: bool = field(default=False, kw_only=True)

    def is_defined(self, predictions: Predictions) -> bool:
        """Return whether `predictions` have enough classes for this figure."""
        return len(predictions.classes) >= self.least_classes


def as_metric(name: str, made: Any, options: Mapping[str, Any]) -> Metric:
    """Make a metric of what a plug-in offers: a function of Predictions that returns a value per image, or a Metric.

    options: those of the decorator `metric`. Raises TypeError or ValueError for anything else.
    """
    if isinstance(made, Metric):
        if made.name != name:
            raise ValueError(f"it calls itself '{made.name}'")
        return made
    if not callable(made):
        raise TypeError(f"a metric is a function of Predictions, not {type(made).__name__}")
    scale, unit = Scale(options.get("scale", "share")), float(options.get("unit", 0.0))
    figure: Callable[[Predictions], float] | None = options.get("figure")

    def per_image(predictions: Predictions) -> PerImage:
        return PerImage(_values(name, made, predictions), unit)

    def function(predictions: Predictions) -> float:
        if figure is None:
            return float(_values(name, made, predictions).mean())
        return float(_numbers(name, figure, predictions, ()))

    return Metric(
        name,
        str(options.get("summary") or _first_line(made)),
        function,
        bool(options.get("higher_is_better", True)),
        int(options.get("least_classes", 1)),
        per_image=per_image,
        by_probability=True,
        scale=scale,
        of_plugin=True,
    )


def _values(name: str, function: Callable[[Predictions], Any], predictions: Predictions) -> NDArray[np.float64]:
    return _numbers(name, function, predictions, (len(predictions),))


def _numbers(
    name: str, function: Callable[[Predictions], Any], predictions: Predictions, shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """Return what `function` says of `predictions`, float64 of `shape`; NaN, with a warning, where it fails.

    A figure that is no number is left out wherever figures are shown: hours of training do not end with it.
    """
    reason = ""
    try:
        found = np.array(function(_read_only(predictions)), dtype=np.float64)
    except (Exception, SystemExit) as error:  # nor may it end the process
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        found = np.empty(0)
    if found.shape == shape:
        return found
    reason = reason or f"it returns numbers of the shape {found.shape}, not {shape}"
    warn(f"the metric '{name}' of {getattr(function, '__module__', 'a plug-in')} is left out: {reason}")
    return np.full(shape, np.nan)


def _read_only(predictions: Predictions) -> Predictions:
    """Return the same numbers, which cannot be written to: the run stores them after they are scored."""
    arrays = {name: getattr(predictions, name).view() for name in ("ids", "labels", "probabilities")}
    for each in arrays.values():
        each.flags.writeable = False
    return replace(predictions, **arrays)


def _first_line(made: Any) -> str:
    return (getattr(made, "__doc__", "") or "").strip().partition("\n")[0].rstrip(".")
