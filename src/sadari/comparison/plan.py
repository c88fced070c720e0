"""What does a comparison consist of? The same plan for the command line and for Python, made before any work."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sadari.comparison import compare as comparing
from sadari.comparison.best import run as best
from sadari.comparison.best.budget import budget_of_best
from sadari.comparison.claims.claim import Claim
from sadari.comparison.cluster.connection import require_address
from sadari.comparison.cluster.executor import executor_on
from sadari.comparison.ensembles.job import with_soups
from sadari.comparison.request import Comparison
from sadari.comparison.result import ComparisonResult
from sadari.comparison.seeds.chosen import Seeds, with_looks
from sadari.comparison.splits.redraw import Redraw
from sadari.comparison.variants import Varied, expand
from sadari.data.load import absolute_data
from sadari.data.look import PHOTOGRAPHS_FROM, look
from sadari.errors import UsageError
from sadari.loggers.targets import Target, parse_targets
from sadari.models.catalog import find_model
from sadari.models.own.reference import Maker
from sadari.models.usual import PHOTOGRAPHS, SMALL_IMAGES, SMALL_SIDE, Step
from sadari.progress import Progress, Silent
from sadari.settings import Value, resolve, setting_names


@dataclass(frozen=True)
class Plan:
    """A comparison that is ready to run.

    request: the arms and seeds, or a search for the best model. claims: about the arms, tested at the end.
    workers: how many runs train at once, at most; None as many as there are cores, where that is faster. estimates:
    whether the time of all runs is estimated and said before they begin. ray: the address of the Ray cluster that
    trains them; None for this machine. log_to: trackers that get each run.
    """

    request: Comparison | best.BestRequest
    claims: tuple[Claim, ...] = ()
    workers: int | None = None
    estimates: bool = False
    ray: str | None = None
    log_to: tuple[Target, ...] = ()

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
        with executor_on(self.ray, self.workers) as executor:
            return comparing.compare(
                self.request,
                out=out,
                claims=self.claims,
                robustness=robustness,
                margin=margin,
                progress=progress,
                executor=executor,
                estimates=self.estimates and self.ray is None,
                log_to=self.log_to,
            )


def plan_comparison(
    data: str | Path,
    models: Sequence[str | Path | Maker],
    *,
    seeds: Seeds | int | str | Iterable[int],
    varied: Varied,
    overrides: Mapping[str, Value],
    budget: str | float | None = None,
    workers: int | None = None,
    ensemble: bool = False,
    soup: bool = False,
    redraw: Redraw | None = None,
    ray: str | None = None,
    log_to: str | Iterable[str] = (),
    progress: Progress | None = None,
) -> Plan:
    """Return the plan for a comparison of `models`, or for a search where `models` is "best" alone.

    models: names of models, TOML files, and classes and functions that make a network; none: the ladder that fits the
    images, with an estimate of its time where they are photographs. seeds: as `Seeds.of` reads them. varied: values by
    key, an arm for each combination. overrides: settings and variables of all arms. budget: the time of a search, such
    as "10m" or in seconds. ensemble: add an arm that averages the others. soup: add an arm with the mean weights of
    each fine-tuned arm's runs. redraw: how the parts are drawn anew, which decides the seeds. ray: the address of a Ray
    cluster that trains. log_to: as `parse_targets` takes it. progress: says which models have no use for a key, and
    which have no soup. Raises UsageError for a request that makes no sense, SadariError where no cluster answers;
    nothing is written before that.
    """
    seconds = budget_of_best(models, budget, varied, overrides, workers)
    targets = parse_targets(log_to)
    chosen = Seeds.of(seeds)
    if redraw and chosen.looks:
        raise UsageError(f"--{redraw.kind} takes a number of --seeds, for each of them, not {chosen}")
    chosen = Seeds(redraw.all_seeds) if redraw else chosen
    if seconds is not None:
        if chosen.looks:
            raise UsageError(
                "a search for the best model trains at most as many seeds as you say; give --seeds a number"
            )
        if ensemble or soup:
            what = "an ensemble" if ensemble else "a soup"
            raise UsageError(f"{what} averages models that are named, not best; name them in --models")
        if redraw:
            raise UsageError(f"--models best searches on one split; name the models of --{redraw.kind}")
        if targets:
            raise UsageError("a search for the best model logs to no tracker; leave --log-to out, or name the models")
        if ray is not None:
            raise UsageError("--models best trains on this machine; name the models to train on a Ray cluster")
        return Plan(best.BestRequest(absolute_data(data), seconds, overrides, chosen.those))
    if ray is not None:
        require_address(ray)  # before images are looked at
    progress = progress or Silent()
    steps = () if models else usual_steps(data, overrides, progress)
    usual = {step.model: step.settings for step in steps}
    named = list(models) or [step.model for step in steps]
    arms, sentences = expand([find_model(each) for each in named], varied, overrides, usual)
    request = Comparison(absolute_data(data), arms, chosen.those, ensemble=ensemble, redraw=redraw)
    request, without = with_soups(request) if soup else (request, ())
    request = with_looks(request, chosen)
    for sentence in (*sentences, *without):
        progress.say(sentence)
    return Plan(request, workers=workers, estimates=steps is PHOTOGRAPHS, ray=ray, log_to=targets)


def usual_steps(data: str | Path, overrides: Mapping[str, Value], progress: Progress) -> Sequence[Step]:
    """Return the ladder that fits the images of `data`, and say which it is where they are photographs.

    Images that the user makes small or grey are no photographs. Raises as `load` does where there is no such data.
    """
    settings, _ = resolve({}, {}, {name: value for name, value in overrides.items() if name in setting_names()})
    if settings.channels == 1 or 0 < settings.image_size < PHOTOGRAPHS_FROM:
        return SMALL_IMAGES
    found = look(absolute_data(data), settings, progress)
    if not found.photographs:
        return SMALL_IMAGES
    names = ", ".join(step.model for step in PHOTOGRAPHS)
    small = ", ".join(step.model for step in PHOTOGRAPHS if "image_size" in step.settings)
    sizes = f"; {small} read them at {SMALL_SIDE} pixels, the others larger"
    progress.say(
        f"photographs (colour, shorter side mostly {found.side} pixels): {names} are compared; --models names others"
        f"{'' if settings.image_size else sizes}"
    )
    return PHOTOGRAPHS
