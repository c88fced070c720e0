"""How long will the runs of a comparison take? Each kind of them is measured on a few images of noise beforehand."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from time import perf_counter

from sadari.comparison.best.budget import in_words
from sadari.comparison.best.cost_model import (
    CostModel,
    Counts,
    caches_features,
    length_setting,
    measure,
    without_features,
)
from sadari.comparison.executor import Task, Train
from sadari.comparison.request import Comparison
from sadari.comparison.variants import Arm, folder_name
from sadari.comparison.workers.sharing import LITTLE_IN_ALL, values_of_run
from sadari.job import Job
from sadari.models.spec import FittedBy
from sadari.progress import Progress
from sadari.run import RunRecord
from sadari.training.train import train

MOST_SECONDS = 30.0  # of measuring (assumed: nobody minds half a minute before something long)
WARM_UP = 8  # images of noise behind a backbone before the first measurement, for what only a first run costs (assumed)


def expected_duration(
    request: Comparison,
    tasks: Sequence[Task],
    progress: Progress,
    train: Train = train,
    clock: Callable[[], float] = perf_counter,
    least: Sequence[Task] | None = None,
) -> str:
    """Say how long the runs of `tasks` that are not finished will take, one after the other.

    Returns "" where they are done in less time than it takes to measure them. clock: seconds, as time.perf_counter.
    least: those of `tasks` that there are in any case, where the others may not be needed.
    """
    left = [task for task in tasks if not RunRecord(task.out).finished]
    if sum(map(values_of_run, left)) <= LITTLE_IN_ALL:
        return ""
    arms = {folder_name(arm.name, seed): arm for arm in request.arms for seed in request.seeds}
    kinds = {_kind(task.job): task for task in reversed(left)}
    costs: dict[object, CostModel] = {}
    started = clock()
    with progress.task("measuring", len(kinds), "kinds of runs") as bar:
        for number, (kind, task) in enumerate(kinds.items()):
            if clock() - started > MOST_SECONDS:
                break
            with suppress(Exception):  # the run itself will say what is wrong
                if number == 0:  # loads libraries, which is no cost of a run
                    _measured(request, arms[task.out.name], task, train, WARM_UP)
                costs[kind] = _measured(request, arms[task.out.name], task, train)
            bar.advance(1)
    known = [task for task in left if _kind(task.job) in costs]
    if not known:
        return ""
    if least is None:
        return _sentence(_seconds(known, costs), left, known)
    first = {task.out for task in least}
    return _range([task for task in known if task.out in first], known, left, costs)


def _seconds(tasks: Sequence[Task], costs: Mapping[object, CostModel]) -> float:
    """Return how long `tasks` take; the features of a frozen backbone are computed by the first run that needs them."""
    seconds, cached = 0.0, set[object]()
    for task in tasks:
        cost, counts = costs[_kind(task.job)], Counts.of(task.split)
        if caches_features(task.job):
            features = _features(task.job)
            cost = without_features(cost, counts) if features in cached else cost
            cached.add(features)
        seconds += cost.seconds(_passes(task.job, len(task.split.train)), counts)
    return seconds


def _sentence(seconds: float, left: Sequence[Task], known: Sequence[Task]) -> str:
    runs = f"{len(left):,} run{'s' if len(left) > 1 else ''} to train"
    sooner = "; some may stop sooner (patience)" if any(task.job.settings.patience for task in left) else ""
    unknown = len(left) - len(known)
    more = f"; {unknown:,} of them could not be measured and come on top" if unknown else ""
    follow = ", one after the other" if len(left) > 1 else ""
    return f"{runs}: about {in_words(seconds)} on this machine as it is now{follow}{sooner}{more}"


def _range(
    first: Sequence[Task], known: Sequence[Task], left: Sequence[Task], costs: Mapping[object, CostModel]
) -> str:
    """Say how long the runs take that are left: those in any case, and all of them."""
    shortest, longest = in_words(_seconds(first, costs)) if first else "no time", in_words(_seconds(known, costs))
    unknown = len(left) - len(known)
    more = f"; {unknown:,} of them could not be measured and come on top" if unknown else ""
    sooner = "; some may stop sooner (patience)" if any(task.job.settings.patience for task in left) else ""
    span = f"about {longest}" if shortest == longest else f"from {shortest} to {longest}"
    return f"{span} on this machine as it is now, one after the other{sooner}{more}"


def _measured(request: Comparison, arm: Arm, task: Task, train: Train, behind_backbone: int = 0) -> CostModel:
    return measure(request.data, arm, task.job.seed, task.images, Counts.of(task.split), train, behind_backbone)


def _kind(job: Job) -> object:
    """Return what decides how long an image takes: runs of one kind are measured once.

    Solvers that read cached features of the same layers are of one kind: what they do with them is quick.
    """
    settings = job.settings
    if caches_features(job) and job.model.fitted_by is not FittedBy.GRADIENT:
        return "cached features", _features(job)
    variables = tuple(sorted((key, value) for key, value in job.variables.items() if not isinstance(value, float)))
    return (
        job.model.reference,
        variables,
        *(settings.image_size, settings.channels, settings.batch_size, settings.optimizer),
        *(settings.precision, settings.augment, settings.views, settings.cache),
    )


def _features(job: Job) -> object:
    """Return what decides the cached features of a job whose backbone is frozen."""
    settings, mirrored = job.settings, "mirror" in job.model.layers
    return job.backbone and job.backbone.text, settings.image_size, settings.channels, settings.scaling, mirrored


def _passes(job: Job, images: int) -> int:
    """Return the passes of a job over so many images; those of a solver over features are quick and count as one."""
    if job.model.fitted_by is FittedBy.GRADIENT:
        return job.settings.epochs_for(images)
    if caches_features(job):
        return 1
    key = length_setting(job.model)
    return int(job.variables.get(key, job.settings.epochs))
