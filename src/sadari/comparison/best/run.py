"""Which model is the best that a time allows? The table of contents of `--models best`:

models that fit -> their costs -> shortlist -> rounds on validation -> the winner, and others while time is left ->
comparison
"""

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING
from pathlib import Path
from time import perf_counter

from sadari.comparison.best.budget import in_words
from sadari.comparison.best.candidates import (
    advice_on_weights,
    find_candidates,
    learning_arms,
    untried,
    with_augmentation,
)
from sadari.comparison.best.cost_model import Counts
from sadari.comparison.best.finals import Finals
from sadari.comparison.best.profiler import Profiler
from sadari.comparison.best.search import Search
from sadari.comparison.best.shortlist import least_budget, most_promising_first
from sadari.comparison.best.state import STATE, SearchState, holds
from sadari.comparison.compare import require_margin
from sadari.comparison.executor import Train
from sadari.comparison.inputs import load_inputs
from sadari.comparison.request import Comparison, as_begun, data_name, decided, numbered_folder
from sadari.comparison.result import ComparisonResult
from sadari.data.load import load
from sadari.data.split import draw_split
from sadari.errors import SadariError, UsageError
from sadari.files import names_in
from sadari.progress import Progress, Silent
from sadari.run import RunRecord
from sadari.settings import Value
from sadari.training.run_folder import only_one
from sadari.training.train import train
from sadari.unfinished import remove_unfinished
from sadari.values import ImageSet

# Said where no test images judge.
FLATTERED = (
    "the validation images chose among the models and judge the finalists too: the figures flatter the finalists"
)


@dataclass(frozen=True)
class BestRequest:
    """A search for the best model for `data` within `budget` seconds.

    overrides: settings of every model that knows them. seeds: the rounds use the first one; the finalists are trained
    with as many of them as the time allows.
    """

    data: str
    budget: float
    overrides: Mapping[str, Value] = field(default_factory=dict)
    seeds: tuple[int, ...] = (0, 1, 2)


def find_best(
    request: BestRequest,
    *,
    out: Path | None = None,
    runs: Path = Path("runs"),
    robustness: bool = False,
    margin: float | None = None,
    progress: Progress | None = None,
    train: Train = train,
    clock: Callable[[], float] = perf_counter,
) -> ComparisonResult:
    """Try the promising models for a short time, the better ones for longer, and train the best for most of the budget.

    The result is a comparison of those that were trained at the end, in the folder FOLDER/final; `chosen_run` returns
    the run to use. The budget counts training and evaluation; reading the images and drawing the report come on top.
    out: FOLDER; without it the newest runs/NAME-best-N with the same request, or the next free one. robustness,
    margin: as of `compare`. train: what turns a job into a run. clock: seconds, as time.perf_counter.

    Raises UsageError or SadariError before any work for a request that cannot be done, and for a budget in which no
    model can begin, saying which would do; SadariError where another process searches in FOLDER. Raises
    KeyboardInterrupt after Ctrl-C; the same call then goes on.
    """
    require_margin(margin)
    progress = progress or Silent()
    candidates, images, excluded = _candidates(request, progress)
    split = draw_split(images, candidates.job(candidates.arms[0], candidates.seeds[0]).settings)
    if not len(split.val):
        raise UsageError("best chooses on validation images, and there are none; set val_fraction above 0")
    candidates, choices = decided(candidates)
    folder = _folder(candidates, request.budget, out, runs).resolve()
    begun = _as_begun(candidates, folder)
    later = [arm.name for arm in candidates.arms if arm.name not in {each.name for each in begun.arms}]
    if later:
        progress.say(f"this search began without {', '.join(later)}, and goes on so")
    candidates = begun
    for sentence in choices:
        progress.say(sentence)
    counts = Counts.of(split)
    with only_one(folder):
        remove_unfinished(folder)
        profiler = Profiler(candidates, images, counts, progress, train, clock)
        state = _state(folder, request.budget, profiler)
        shortlist = profiler.shortlist(state)
        first = replace(candidates, arms=tuple(arm for arm in candidates.arms if arm.name in shortlist.first))
        search = Search(candidates, load_inputs(first, progress), counts, state, progress, train, clock)
        advice = advice_on_weights(excluded, images.shape)
        search.notes += [*untried(excluded), *([advice] if advice else [])]
        for sentence in untried(state.untried):
            progress.say(sentence)
        search.notes += [] if counts.test else [FLATTERED]
        search.run(shortlist)
        trials = {trial.arm: trial for trial in state.ranking()}
        tried = [*(trials or shortlist.first), *shortlist.later]
        ranking = [*tried, *(name for name in most_promising_first(state.costs, images.shape) if name not in tried)]
        costs = {**state.costs, **{name: search.cost_after(each, state.costs[name]) for name, each in trials.items()}}
        finals = Finals(candidates, profiler, counts, state, ranking, costs, search.notes, progress, train, clock)
        return finals.run(robustness=robustness, margin=margin)


def chosen_run(result: ComparisonResult) -> RunRecord | None:
    """Return the run of the finalists to use, that of the chosen one with the best validation accuracy.

    Where no finalist is done with all its seeds, it is the best run of any; None where all failed.
    """
    chosen = [result.chosen.name] if result.chosen else list(result.records)
    records = [record for name in chosen for record in result.records[name]]
    return max(records, key=_on_validation, default=None)


def _on_validation(record: RunRecord) -> tuple[float, float]:
    scores = record.scores("val")
    return scores["accuracy"], -scores["loss"]


def _candidates(request: BestRequest, progress: Progress) -> tuple[Comparison, ImageSet, Mapping[str, str]]:
    """Return the candidates as a comparison, which is never run as a whole; the images; and who is excluded, and why.

    Raises UsageError where no model can be tried.
    """
    arms, sentences = learning_arms(request.overrides)
    for sentence in sentences:
        progress.say(sentence)
    plain = next(arm for arm in arms if not arm.model.begins_with_backbone())
    settings = Comparison(request.data, (plain,), request.seeds).job(plain, request.seeds[0]).settings
    images = load(request.data, settings, progress)
    found = find_candidates(request.data, with_augmentation(arms, images.shape), images)
    for sentence in untried(found.excluded, "is", "are"):
        progress.say(sentence)
    advice = advice_on_weights(found.excluded, images.shape)
    if advice:
        progress.say(advice)
    if not found.arms:
        name, reason = next(iter(found.excluded.items()))
        raise UsageError(f"no model can be tried on {images.name}; {name}: {reason}")
    progress.say(f"{len(found.arms)} models could be tried: {', '.join(arm.name for arm in found.arms)}")
    candidates = Comparison(request.data, found.arms, request.seeds, fingerprint=images.fingerprint)
    return candidates, images, found.excluded


def _folder(candidates: Comparison, budget: float, out: Path | None, runs: Path) -> Path:
    """Return the folder of the search; raises UsageError where `out` holds something else."""

    def is_held(folder: Path) -> bool:
        return holds(folder, _as_begun(candidates, folder).to_toml(), budget)

    if out is None:
        return numbered_folder(f"{data_name(candidates.data)}-best", runs, is_held)
    if names_in(out) and not is_held(out):
        raise UsageError(f"'{out}' is not empty and holds no search for just this; choose another --out")
    return out


def _as_begun(candidates: Comparison, folder: Path) -> Comparison:
    """Return `candidates` as the search in `folder` began, where there is one.

    It goes on with what backbone=auto took then, and without models that could not be tried then.
    """
    try:
        stored = tomllib.loads(SearchState.read(folder).request)
        names = {arm["name"] for arm in stored["arms"]}
        begun = replace(candidates, arms=tuple(arm for arm in candidates.arms if arm.name in names))
        return as_begun(begun, stored)
    except (SadariError, ValueError, LookupError, TypeError):  # there is none, or `holds` will say that it is damaged
        return candidates


def _state(folder: Path, budget: float, profiler: Profiler) -> SearchState:
    """Return the state that `folder` stores, or a new one with the costs of the arms.

    Raises SadariError for a budget that is too short for every model, and where no model could be measured.
    """
    if (folder / STATE).is_file():
        return SearchState.read(folder)
    if not os.access(folder, os.W_OK):  # before time is spent whose result could not be stored
        raise SadariError(f"cannot write to '{folder}': Permission denied; choose another --out")
    state = SearchState(folder / STATE, profiler.request.to_toml(), budget)
    profiler.measure_all(state)
    if not state.costs:
        for sentence in untried(state.untried):
            profiler.progress.say(sentence)
        raise SadariError("no model could be trained on a sample of noise; the reasons are above")
    if not profiler.shortlist(state).first:
        for sentence in untried(state.untried):
            profiler.progress.say(sentence)
        enough = in_words(least_budget(profiler.request, state, profiler.counts), ROUND_CEILING)
        raise SadariError(f"a budget of {in_words(budget)} is too short for these images; {enough} is enough here")
    state.write()
    return state
