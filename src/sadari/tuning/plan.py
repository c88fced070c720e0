"""What does a search consist of? The same plan for the command line and for Python, made before any work."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sadari.comparison.best.budget import parse_budget
from sadari.data.load import absolute_data
from sadari.errors import UsageError
from sadari.loggers.targets import Target, parse_targets
from sadari.models.catalog import find_model
from sadari.models.own.reference import Maker
from sadari.models.spaces import WITHOUT, space_of
from sadari.progress import Progress
from sadari.settings import Value
from sadari.tuning.request import Tuning
from sadari.tuning.result import TuneResult
from sadari.tuning.run import tune
from sadari.tuning.search import Limit
from sadari.tuning.space import searched

TRIALS = 20  # assumed: enough that TPE, which begins after ten, chooses as many itself
MOST_TRIALS = 100_000  # assumed: a number with a typo would otherwise run for ever


@dataclass(frozen=True)
class Plan:
    """A search that is ready to run. seeds: of each arm that is judged on test images. ray: a cluster's address.

    log_to: trackers that get its runs.
    """

    request: Tuning
    limit: Limit
    seeds: int = 3
    workers: int | None = 1
    ray: str | None = None
    log_to: tuple[Target, ...] = ()

    def run(self, out: Path | None = None, progress: Progress | None = None) -> TuneResult:
        """Run the plan, with the errors of `tune`."""
        return tune(
            self.request,
            self.limit,
            seeds=self.seeds,
            out=out,
            workers=self.workers,
            ray=self.ray,
            log_to=self.log_to,
            progress=progress,
        )


def plan_tuning(
    data: str | Path,
    model: str | Path | Maker,
    *,
    search: Mapping[str, str],
    overrides: Mapping[str, Value],
    trials: int | None = None,
    budget: str | float | None = None,
    seeds: int = 3,
    seed: int = 0,
    objective: str = "accuracy",
    pruner: str = "median",
    workers: int | None = 1,
    ray: str | None = None,
    log_to: str | Iterable[str] = (),
) -> Plan:
    """Return the plan for a search of the settings of `model`.

    search: what is searched, by key, as --search takes it; none: the model's own space, without what `overrides` set.
    trials: how many; budget: how long the search may take, such as "10m" or in seconds; TRIALS trials without both.
    log_to: as `parse_targets` takes it. Raises UsageError for a request that makes no sense; nothing is written before
    that.
    """
    if trials is not None and budget is not None:
        raise UsageError("a search has a number of trials or a budget of time; leave one of them out")
    if trials is not None and not 1 <= trials <= MOST_TRIALS:
        raise UsageError(f"trials is a number from 1 to {MOST_TRIALS:,}, not {trials}")
    if workers is not None and workers < 1:
        raise UsageError(f"workers is a number from 1 up, not {workers}; auto chooses it")
    targets = parse_targets(log_to)
    spec, name = find_model(model), absolute_data(data)
    texts = dict(search) or {key: text for key, text in space_of(spec).items() if key not in overrides}
    if not texts:
        why = WITHOUT.get(spec.name, "it has no settings that are usually searched; name some with --search")
        raise UsageError(f"{spec.name} has nothing to search: {why}")
    space = searched(spec, texts, name, overrides)
    request = Tuning(name, spec, space, overrides, seed, tuple(_words(objective)), pruner)
    limit = Limit(None, parse_budget(budget)) if budget is not None else Limit(TRIALS if trials is None else trials)
    return Plan(request, limit, seeds, workers, ray, targets)


def _words(text: str) -> Sequence[str]:
    return [each.strip() for each in text.split(",") if each.strip()]
