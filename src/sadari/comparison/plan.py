"""What does a comparison consist of? The same plan for the command line and for Python, made before any work."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sadari.comparison import compare as comparing
from sadari.comparison.best import run as best
from sadari.comparison.best.budget import budget_of_best
from sadari.comparison.claims.claim import Claim
from sadari.comparison.request import Comparison, seeds_of
from sadari.comparison.result import ComparisonResult
from sadari.comparison.variants import Varied, expand
from sadari.comparison.workers.local import LocalExecutor
from sadari.data.load import absolute_data
from sadari.errors import UsageError
from sadari.models.catalog import find_model
from sadari.progress import Progress, Silent
from sadari.settings import Value


@dataclass(frozen=True)
class Plan:
    """A comparison that is ready to run.

    request: the arms and seeds, or a search for the best model. claims: about the arms, tested at the end.
    workers: how many runs train at once, at most; None as many as there are cores, where that is faster. estimates:
    whether the time of all runs is estimated and said before they begin.
    """

    request: Comparison | best.BestRequest
    claims: tuple[Claim, ...] = ()
    workers: int | None = None
    estimates: bool = False

    @property
    def searches(self) -> bool:
        """Whether the best model is searched, so that one of the runs is the one to use."""
        return isinstance(self.request, best.BestRequest)

    def run(
        self,
        *,
        out: Path | None = None,
        robustness: bool = False,
        margin: float | None = None,
        progress: Progress | None = None,
    ) -> ComparisonResult:
        """Run the plan, with the arguments and errors of `compare` and `find_best`."""
        if isinstance(self.request, best.BestRequest):
            return best.find_best(self.request, out=out, robustness=robustness, margin=margin, progress=progress)
        return comparing.compare(
            self.request,
            out=out,
            claims=self.claims,
            robustness=robustness,
            margin=margin,
            progress=progress,
            executor=LocalExecutor(self.workers),
            estimates=self.estimates,
        )


def plan_comparison(
    data: str | Path,
    models: Sequence[str],
    *,
    seeds: Iterable[int],
    varied: Varied,
    overrides: Mapping[str, Value],
    budget: str | float | None = None,
    workers: int | None = None,
    ensemble: bool = False,
    progress: Progress | None = None,
) -> Plan:
    """Return the plan for a comparison of `models`, or for a search where `models` is "best" alone.

    models: names of models and TOML files. varied: values by key, an arm for each combination. overrides: settings and
    variables of all arms. budget: the time of a search, such as "10m" or in seconds. ensemble: add an arm that averages
    the others. progress: says which models have no use for a key. Raises UsageError for a request that makes no sense;
    nothing is read or written before that.
    """
    seconds = budget_of_best(models, budget, varied, overrides, workers)
    chosen = seeds_of(seeds)
    if seconds is not None:
        if ensemble:
            raise UsageError("an ensemble averages models that are named, not best; name them in --models")
        return Plan(best.BestRequest(absolute_data(data), seconds, overrides, chosen))
    arms, sentences = expand([find_model(each) for each in models], varied, overrides)
    progress = progress or Silent()
    for sentence in sentences:
        progress.say(sentence)
    return Plan(Comparison(absolute_data(data), arms, chosen, ensemble=ensemble), workers=workers)
