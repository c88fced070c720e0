"""How does accuracy against seconds look on paper?"""

from typing import TYPE_CHECKING, Any

from sadari.report.figures import Cost
from sadari.report.ink.style import MARKS, add_legend, legend_height, new_figure, pick_colours, plain_numbers, shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_cost(data: Cost) -> "Figure":
    """A point with its 95 % interval per arm, over the seconds on a logarithmic axis.

    Arms with less than half of the best accuracy lie on the lower edge, so that the others can be told apart.
    """
    figure = new_figure(7.2, legend_height(4.2, len(data.points)))
    axes = figure.subplots()
    colours = pick_colours(len(data.points))
    best = max(accuracy.mean for _, _, accuracy in data.points)
    floor = min(accuracy.low for _, _, accuracy in data.points if accuracy.mean >= best / 2)
    axes.set_ylim(bottom=max(floor - 0.15 * (1.0 - floor), 0.0), top=min(1.0, best + 0.4 * (1.0 - floor)))
    bottom = axes.get_ylim()[0]
    named: dict[str, Any] = {}
    for number, ((name, seconds, accuracy), colour) in enumerate(zip(data.points, colours, strict=True)):
        place, mark = max(seconds, 1e-3), MARKS[number % len(MARKS)]
        if accuracy.mean < bottom:
            below = f"{shortened(name, 20)} (far below: {accuracy.mean:.3f})"
            (named[below],) = axes.plot(place, bottom, mark, color=colour, clip_on=False)
            continue
        reach = [[accuracy.mean - accuracy.low], [accuracy.high - accuracy.mean]]
        named[name] = axes.errorbar(place, accuracy.mean, reach, fmt=mark, color=colour, capsize=3)
    axes.set_xscale("log")
    plain_numbers(axes.xaxis)
    axes.set_xlabel("seconds of training, mean over seeds")
    axes.set_ylabel("accuracy")
    axes.set_title(shortened(data.title, 60), parse_math=False)
    axes.grid(True)
    add_legend(figure, named)
    return figure
