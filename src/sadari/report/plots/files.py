"""Which plots does a comparison have? PNG and SVG of each, in its folder `plots`."""

from pathlib import Path

from sadari.comparison.result import ComparisonResult
from sadari.report import figures
from sadari.report.plots.arms import draw_confusion, draw_cost, draw_robustness
from sadari.report.plots.curves import draw_curves, draw_learning, draw_sweep
from sadari.report.plots.images import draw_samples
from sadari.report.plots.saving import save
from sadari.report.plots.thresholds import draw_thresholds

MOST_CONFUSIONS = 12  # arms; a long sweep would otherwise leave a hundred files (assumed)


def write_plots(result: ComparisonResult) -> tuple[Path, ...]:
    """Draw what `result` holds into its folder `plots`; returns the PNG files, sample grid first.

    The confusion matrices are those of the best 12 arms, the curves over thresholds those of the best one. Raises
    SadariError where a file cannot be written.
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
    if (curves := _thresholds(result, with_runs[0].name)) is not None:
        written.append(save(draw_thresholds, curves, folder / "thresholds")[0])
    for arm in with_runs[:MOST_CONFUSIONS]:
        answers = result.judged(arm.name) if result.redraw else [each.answers for each in result.records[arm.name]]
        if not answers:
            continue
        table = figures.confusion_table(arm.name, answers)
        run = Path(arm.runs[0]).name
        stem = folder / f"confusion-{run.rpartition('-seed')[0] or run}"
        written.append(save(draw_confusion, table, stem)[0])
    return tuple(written)


def _thresholds(result: ComparisonResult, arm: str) -> figures.Thresholds | None:
    """Return the curves of `arm` over thresholds; None where training images judge, of which they say nothing."""
    if result.data.judged_on == "train" or not (predictions := result.judged(arm)):
        return None
    return figures.thresholds(result.data.name, arm, predictions[:1])
