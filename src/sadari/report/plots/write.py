"""Writes the plots of a comparison: PNG and SVG of each, in its folder `plots`."""

from pathlib import Path

from sadari.comparison.result import ComparisonResult
from sadari.report import figures
from sadari.report.plots.arms import draw_confusion, draw_cost, draw_robustness
from sadari.report.plots.curves import draw_curves, draw_learning, draw_sweep
from sadari.report.plots.images import draw_samples
from sadari.report.plots.style import save

MOST_CONFUSIONS = 12  # arms; a long sweep would otherwise leave a hundred files (assumed)


def write_plots(result: ComparisonResult) -> tuple[Path, ...]:
    """Draw what `result` holds into its folder `plots`; returns the PNG files, sample grid first.

    The confusion matrices are those of the best 12 arms. Raises SadariError where a file cannot be written.
    """
    folder = result.out / "plots"
    written = []
    if result.images is not None:
        written.append(save(draw_samples, figures.sample_grid(result.images, result.split), folder / "samples")[0])
    with_runs = [arm for arm in result.arms if arm.accuracy is not None]
    if not with_runs:
        return tuple(written)
    written.append(save(draw_curves, figures.curves(result), folder / "curves")[0])
    written.append(save(draw_cost, figures.cost(result), folder / "seconds")[0])
    for sweep in figures.sweeps(result):
        written.append(save(draw_sweep, sweep, folder / f"sweep-{sweep.key}")[0])
    if (learning := figures.learning(result)) is not None:
        written.append(save(draw_learning, learning, folder / "learning")[0])
    if (robustness := figures.robustness(result)) is not None:
        written.append(save(draw_robustness, robustness, folder / "robustness")[0])
    for arm in with_runs[:MOST_CONFUSIONS]:
        table = figures.confusion_table(arm.name, result.records[arm.name])
        stem = folder / f"confusion-{Path(arm.runs[0]).name.rpartition('-seed')[0]}"
        written.append(save(draw_confusion, table, stem)[0])
    return tuple(written)
