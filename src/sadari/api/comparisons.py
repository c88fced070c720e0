"""Which functions of Python compare? Models are compared, comparisons read again and reported."""

import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from sadari.errors import UsageError
from sadari.progress import Progress, Silent
from sadari.settings import Value

if TYPE_CHECKING:
    from sadari.api.runs import Code
    from sadari.comparison.across.result import AcrossResult
    from sadari.comparison.result import ComparisonResult
    from sadari.models.own.reference import Maker
    from sadari.tuning.result import TuneResult


@overload
def compare(
    data: "list[str] | list[Path] | tuple[str | Path, ...]",
    models: "str | Maker | Sequence[str | Maker]" = (),
    **options: Any,
) -> "AcrossResult": ...


@overload
def compare(
    data: Any,
    models: "str | Maker | Sequence[str | Maker]" = (),
    *,
    budget: str | float | None = None,
    seeds: int | str | Sequence[int] | None = None,
    splits: int | None = None,
    folds: int | None = None,
    repeats: int | None = None,
    vary: Mapping[str, Sequence[Value] | str] | None = None,
    out: str | Path | None = None,
    ensemble: bool = False,
    soup: bool = False,
    robustness: bool = False,
    margin: float | None = None,
    workers: int | None = None,
    ray: str | None = None,
    model_code: "Code" = None,
    jobs: int | None = None,
    log_to: str | Sequence[str] = (),
    progress: Progress | None = None,
    **overrides: Value,
) -> "ComparisonResult": ...


def compare(
    data: Any,
    models: "str | Maker | Sequence[str | Maker]" = (),
    *,
    budget: str | float | None = None,
    seeds: int | str | Sequence[int] | None = None,
    splits: int | None = None,
    folds: int | None = None,
    repeats: int | None = None,
    vary: Mapping[str, Sequence[Value] | str] | None = None,
    out: str | Path | None = None,
    ensemble: bool = False,
    soup: bool = False,
    robustness: bool = False,
    margin: float | None = None,
    workers: int | None = None,
    ray: str | None = None,
    model_code: "Code" = None,
    jobs: int | None = None,
    log_to: str | Sequence[str] = (),
    progress: Progress | None = None,
    **overrides: Value,
) -> "ComparisonResult | AcrossResult":
    """Compare models on the same images, and return which is better, and by how much.

    data: as `load` takes it, arrays as (X, y); of a list of names and paths, one comparison a set, and an
    `AcrossResult` with what they show together, whose `.results` has the comparisons by set. models: names of models,
    TOML files, and code (classes and functions that make a network); none: the ladder that fits the images; or "best",
    with a `budget` such as "10m" or in seconds: the most promising models are tried, and the result compares those that
    were trained with the time that was left. seeds: how many, from 0 (3 by default), or which; of "best", at most; with
    splits or folds, how many for each of these (1 by default); "auto" or "auto:10": more and more, until it is decided
    between every two arms which is better (or, with a margin, that they are equal), 10 at most. splits: draw train, val
    and test anew so many times. folds, repeats: divide all images into so many parts, so many times, each of which is
    judged in turn. vary: values by setting, such as `{"dropout": [0.0, 0.5]}`, or text as --vary takes it. ensemble:
    add the arm `ensemble`, which averages the others' predictions and is chosen on the validation images. soup: add the
    arm `soup of NAME` for each fine-tuned model, with the mean weights of its seeds, chosen likewise. robustness: judge
    the models on corrupted images too, as `.robustness`. margin: find arms equal within this difference of accuracy.
    workers: how many runs train at once, at most; None for as many as there are cores, where that is faster; of "best",
    one. ray: train on the nodes of a Ray cluster, "auto" for the one that this machine belongs to, or "HOST:6379";
    workers is then how many of its runs train at once. model_code: as in `train`. jobs: the old name of `workers`; it
    goes with the next release. log_to: trackers that get each run while it trains, and figures and pictures at the end,
    as of `train`. The result gives pandas frames by `.to_frame()` and `.histories()`. Raises SadariError or UsageError
    with one sentence.
    """
    from sadari.comparison.plan import plan_comparison
    from sadari.comparison.splits.redraw import redraw_of
    from sadari.comparison.variants import values_of
    from sadari.data.load import absolute_data
    from sadari.data.sources.objects.hand_over import is_pair
    from sadari.models.own.named import let_run

    let_run(model_code)
    if jobs is not None:
        if workers is not None:
            raise UsageError("jobs is the old name of workers; leave jobs out")
        warnings.warn("jobs is called workers now; the old name goes with the next release", DeprecationWarning, 2)
        workers = jobs
    if (splits or folds) and not (seeds is None or isinstance(seeds, int)):
        raise UsageError("splits and folds take a number of seeds, for each of them; give for example seeds=2")
    per_draw = seeds if isinstance(seeds, int) else None
    plan_for = partial(
        plan_comparison,
        models=[models] if isinstance(models, str) or callable(models) else models,
        seeds=3 if seeds is None else seeds,
        redraw=redraw_of(splits, folds, repeats, per_draw),
        varied={
            key: values_of(key, values) if isinstance(values, str) else values for key, values in (vary or {}).items()
        },
        overrides=overrides,
        budget=budget,
        workers=workers,
        ray=ray,
        ensemble=ensemble,
        soup=soup,
        log_to=log_to,
        progress=progress,
    )
    folder = Path(out) if out is not None else None
    if isinstance(data, list | tuple) and len(data) != 1 and not is_pair(data):
        from sadari.comparison.across.request import plan_sets
        from sadari.comparison.across.run import compare_sets

        request = plan_sets(data, plan_for)
        across = compare_sets(request, out=folder, robustness=robustness, margin=margin, progress=progress)
        for each in across.results.values():
            _log(each, progress)
        return across
    plan = plan_for(absolute_data(data[0] if isinstance(data, list | tuple) and len(data) == 1 else data))
    result = plan.run(out=folder, robustness=robustness, margin=margin, progress=progress)
    _log(result, progress)
    return result


def _log(result: "ComparisonResult", progress: Progress | None) -> None:
    """Send the result to the trackers that got its runs, with the plots that are drawn for that."""
    from sadari.report.plots.files import write_plots
    from sadari.tracking.live_result import log_result

    log_result(result, partial(write_plots, result), progress or Silent())


def reopen(*paths: str | Path, progress: Progress | None = None) -> "ComparisonResult":
    """Return the result of a comparison, or of runs of different days, in the folders `paths`. Trains nothing.

    Raises SadariError or UsageError with one sentence, such as for runs that were judged on different images.
    """
    from sadari.comparison import reopen as reopening

    return reopening.reopen([Path(path) for path in paths], progress)


def reopen_sets(folder: str | Path, progress: Progress | None = None) -> "AcrossResult":
    """Return the result of a comparison across data sets, from its `folder`. Trains nothing.

    Raises SadariError or UsageError with one sentence.
    """
    from sadari.comparison.across.run import reopen_sets as reopening

    return reopening(Path(folder), progress)


def write_report(result: "ComparisonResult | AcrossResult | TuneResult", out: str | Path | None = None) -> Path:
    """Write the page about `result` and return its path: `out`, or report.html in the comparison's folder.

    The page across data sets links to those of its sets, which are not written here. Raises SadariError with one
    sentence.
    """
    from sadari.comparison.across.result import AcrossResult
    from sadari.report import across as across_page
    from sadari.report import page as writing
    from sadari.tuning.result import TuneResult

    if isinstance(result, TuneResult):
        from sadari.report.tuned import page as tuned_page

        return tuned_page.write_tuned(result, Path(out) if out is not None else None)
    if isinstance(result, AcrossResult):
        return across_page.write_across(result, Path(out) if out is not None else None)
    return writing.write_report(result, Path(out) if out is not None else None)
