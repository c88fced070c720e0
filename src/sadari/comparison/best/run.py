"""Which model is the best that a time allows? The table of contents of `--models best`:

models that fit -> their paces -> the most promising -> rounds on validation -> the winner, and others while time is
left -> comparison
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING
from pathlib import Path
from time import perf_counter

from sadari.comparison.best.budget import in_words
from sadari.comparison.best.candidates import candidates, find_entrants
from sadari.comparison.best.cost_model import Counts
from sadari.comparison.best.finals import Finals
from sadari.comparison.best.measuring import Measuring
from sadari.comparison.best.search import Search
from sadari.comparison.best.shortlist import least_budget
from sadari.comparison.best.state import DIARY, Diary, holds
from sadari.comparison.compare import require_margin
from sadari.comparison.inputs import load_inputs
from sadari.comparison.request import Comparison, data_name, numbered_folder
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
from sadari.values import ImageSet

# What does it mean for the figures where no test images judge?
FLATTERED = (
    "the validation images chose among the models and judge the finalists too: the figures flatter the finalists"
)


@dataclass(frozen=True)
class BestRequest:
    """What is asked for? The best model for `data` within `budget` seconds.

    overrides: settings of every model that knows them. seeds: the first is that of the rounds; the finalists are
    trained with as many of them as the time allows.
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
    trainer: Callable[..., RunRecord] = train,
    clock: Callable[[], float] = perf_counter,
) -> ComparisonResult:
    """Try the promising models for a short time, the better ones for longer, and train the best for most of the budget.

    The result is a comparison of those that were trained at the end, in the folder FOLDER/final; `chosen_run` says
    which run to use. The budget counts training and judging; reading the images and drawing the report come on top.
    out: FOLDER; without it the newest runs/NAME-best-N with the same request, or the next free one. robustness, margin,
    trainer: as of `compare`. clock: seconds, as time.perf_counter.

    Raises UsageError or SadariError before any work for a request that cannot be done, and for a budget in which no
    model can begin, saying which would do; SadariError where another process searches in FOLDER. Raises
    KeyboardInterrupt after Ctrl-C; the same call then goes on.
    """
    require_margin(margin)
    progress = progress or Silent()
    asked, images, outside = _entrants(request, progress)
    split = draw_split(images, asked.job(asked.arms[0], asked.seeds[0]).settings)
    if not len(split.val):
        raise UsageError("best chooses on validation images, and there are none; set val_fraction above 0")
    folder = _folder(asked, request.budget, out, runs).resolve()
    counts = Counts.of(split)
    with only_one(folder):
        measuring = Measuring(asked, images, counts, progress, trainer, clock)
        diary = _diary(folder, request.budget, measuring)
        tried = measuring.field(diary)
        first = replace(asked, arms=tuple(arm for arm in asked.arms if arm.name in tried.first))
        search = Search(asked, load_inputs(first, progress), counts, diary, progress, trainer, clock)
        search.told += _untried(outside)
        for sentence in _untried(diary.untried):
            search.tell(sentence)
        search.told += [] if counts.test else [FLATTERED]
        search.run(tried)
        standing = {trial.arm: trial for trial in diary.standing()}
        ranking = [*(standing or tried.first), *tried.later]
        paces = {name: search.pace_after(trial, diary.paces[name]) for name, trial in standing.items()}
        finals = Finals(asked, counts, diary, ranking, {**diary.paces, **paces}, search.told, progress, trainer, clock)
        return finals.run(robustness=robustness, margin=margin)


def chosen_run(result: ComparisonResult) -> RunRecord | None:
    """Which run of the finalists should be used? The one most often right on validation; None where all failed."""
    records = [record for records in result.records.values() for record in records]
    return max(records, key=_on_validation, default=None)


def _on_validation(record: RunRecord) -> tuple[float, float]:
    scores = record.scores("val")
    return scores["accuracy"], -scores["loss"]


def _untried(reasons: Mapping[str, str]) -> list[str]:
    """Who was not tried and why, a sentence for each reason."""
    names: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        names.setdefault(reason, []).append(name)
    return [f"{', '.join(each)} {'was' if len(each) == 1 else 'were'} not tried: {why}" for why, each in names.items()]


def _entrants(request: BestRequest, progress: Progress) -> tuple[Comparison, ImageSet, Mapping[str, str]]:
    """Who is tried, as a comparison that is never run as a whole; the images; and why others are not, by name."""
    arms, sentences = candidates(request.overrides)
    for sentence in sentences:
        progress.say(sentence)
    plain = next(arm for arm in arms if not arm.model.begins_with_backbone())
    settings = Comparison(request.data, (plain,), request.seeds).job(plain, request.seeds[0]).settings
    images = load(request.data, settings, progress)
    entrants = find_entrants(request.data, arms, images)
    for name, reason in entrants.outside.items():
        progress.say(f"{name} is not tried: {reason}")
    if not entrants.arms:
        name, reason = next(iter(entrants.outside.items()))
        raise UsageError(f"no model can be tried on {images.name}; {name}: {reason}")
    progress.say(f"{len(entrants.arms)} models could be tried: {', '.join(arm.name for arm in entrants.arms)}")
    asked = Comparison(request.data, entrants.arms, request.seeds, fingerprint=images.fingerprint)
    return asked, images, entrants.outside


def _folder(asked: Comparison, budget: float, out: Path | None, runs: Path) -> Path:
    """Where does the search lie? Raises UsageError where `out` holds something else."""
    text = asked.to_toml()
    if out is None:
        stem = f"{data_name(asked.data)}-best"
        return numbered_folder(stem, runs, lambda folder: holds(folder, text, budget))
    if names_in(out) and not holds(out, text, budget):
        raise UsageError(f"'{out}' is not empty and holds no search for just this; choose another --out")
    return out


def _diary(folder: Path, budget: float, measuring: Measuring) -> Diary:
    """The diary in `folder`, or a new one with the paces of the arms.

    Raises SadariError for a budget that is too short for everybody, and where nobody could be measured.
    """
    if (folder / DIARY).is_file():
        return Diary.read(folder)
    if not os.access(folder, os.W_OK):  # before the time is spent, of which nobody could write a word
        raise SadariError(f"cannot write to '{folder}': Permission denied; choose another --out")
    diary = Diary(folder / DIARY, measuring.asked.to_toml(), budget)
    measuring.fill(diary)
    if not diary.paces:
        for sentence in _untried(diary.untried):
            measuring.progress.say(sentence)
        raise SadariError("no model could be trained on a sample of noise; the reasons are above")
    if not measuring.field(diary).first:
        enough = in_words(least_budget(measuring.asked, diary, measuring.counts), ROUND_CEILING)
        raise SadariError(f"a budget of {in_words(budget)} is too short for these images; {enough} is enough here")
    diary.write()
    return diary
