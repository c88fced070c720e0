"""Which functions of Python search for settings? `tune`, and `reopen_tuning` for what was found."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sadari.progress import Progress, Silent
from sadari.settings import Value

if TYPE_CHECKING:
    from sadari.api.runs import Code
    from sadari.models.own.reference import Maker
    from sadari.tuning.result import TuneResult


def tune(
    data: object,
    model: "str | Maker",
    *,
    search: "Mapping[str, str | Sequence[Value]] | None" = None,
    trials: int | None = None,
    budget: str | float | None = None,
    seeds: int = 3,
    seed: int = 0,
    objective: str = "accuracy",
    pruner: str = "median",
    out: str | Path | None = None,
    workers: int | None = 1,
    ray: str | None = None,
    model_code: "Code" = None,
    log_to: str | Sequence[str] = (),
    progress: Progress | None = None,
    **overrides: Value,
) -> "TuneResult":
    """Search for the settings of a model on validation images, and judge the best ones against its own on test images.

    data, model, model_code: as in `train`. search: what is searched by setting or variable, as text that --search
    takes, such as `{"learning_rate": "1e-4:1e-1:log"}`, or a list of values; none: the model's own space. trials: how
    many (20 by default), or budget: how long the search may take, such as "30m" or in seconds. seeds: fresh ones of
    each of the settings that are judged. seed: of the search and of every trial. objective: "accuracy", or
    "accuracy,images_per_second" for a front of both. pruner: "median", "hyperband" or "none". workers: how many trials
    train at once; None for as many as there are cores, where that is faster. ray: train on the nodes of a Ray cluster,
    "auto" for the one that this machine belongs to, or "HOST:6379"; workers=None takes all of it. log_to: trackers
    that get every run while it trains, and what was found at the end, as of `train`. The same call goes on with a
    search that was stopped. `.trials`, `.best`, `.final` (a comparison), `.sentences` and `.to_frame()` of the
    result say what was found. Needs Optuna. Raises SadariError or UsageError with one sentence.
    """
    from sadari.data.load import absolute_data
    from sadari.models.own.named import let_run
    from sadari.tuning.logged import log_found
    from sadari.tuning.plan import plan_tuning
    from sadari.tuning.space import text_of

    let_run(model_code)
    plan = plan_tuning(
        absolute_data(data),
        model,
        search={key: text_of(values) for key, values in (search or {}).items()},
        overrides=overrides,
        trials=trials,
        budget=budget,
        seeds=seeds,
        seed=seed,
        objective=objective,
        pruner=pruner,
        workers=workers,
        ray=ray,
        log_to=log_to,
    )
    result = plan.run(Path(out) if out is not None else None, progress)
    log_found(result, partial(_drawn, result), progress or Silent())
    return result


def _drawn(result: "TuneResult") -> tuple[Path, ...]:
    """Draw the pictures of both reports, and return the PNG files."""
    from sadari.report.plots.files import write_plots
    from sadari.report.tuned.page import write_tuned_plots

    assert result.final is not None  # else nothing is logged
    return *write_plots(result.final), *write_tuned_plots(result)


def reopen_tuning(folder: str | Path, progress: Progress | None = None) -> "TuneResult":
    """Return the result of the search for settings in `folder`, finished or not. Trains nothing.

    Raises SadariError or UsageError with one sentence.
    """
    from sadari.tuning.run import reopen_tuning as reopening

    return reopening(Path(folder), progress)
