"""Which settings of a model are best on these images, and are they better than its own? The steps of `sadari tune`:

request -> images, folder -> trials on validation images -> the best ones and the default, with fresh seeds, on test
images -> tune.json
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from sadari.comparison.best.budget import in_words as time_in_words
from sadari.comparison.cluster.executor import AnyExecutor, RayExecutor, executor_on
from sadari.comparison.compare import compare
from sadari.comparison.reopen import reopen
from sadari.errors import SadariError, UsageError
from sadari.files import alone_in, write_json
from sadari.inference.device import resolve_machine
from sadari.loggers.live import begin_whole
from sadari.loggers.targets import Target
from sadari.progress import Progress, Silent
from sadari.run_lookup import FINAL, is_comparison, is_tuning
from sadari.tuning.crew import work_together
from sadari.tuning.crew_on_ray import work_on_ray
from sadari.tuning.finals import final_request, finalists, seeds_before
from sadari.tuning.journal import Journal, own_params
from sadari.tuning.logged import start_of_search
from sadari.tuning.request import SPEED, Tuning, as_begun, choose_folder, store_request
from sadari.tuning.result import FILE, TuneResult
from sadari.tuning.search import Limit, TrialData
from sadari.tuning.trials import FAILED, Trial, finished
from sadari.unfinished import remove_unfinished


def tune(
    request: Tuning,
    limit: Limit,
    *,
    seeds: int = 3,
    out: Path | None = None,
    runs: Path = Path("runs"),
    workers: int | None = 1,
    ray: str | None = None,
    log_to: Sequence[Target] = (),
    progress: Progress | None = None,
) -> TuneResult:
    """Search for the settings of a model, then compare the best ones with its own; what is done is not done again.

    limit: how many trials there are, or how long the search takes; the comparison comes on top. seeds: of each arm of
    it, none of them that of the trials. out: the folder; without it the newest runs/DATA-tune-N with the same request,
    or the next free one. workers: how many trials train at once; None for as many as there are cores, where that is
    faster. ray: the address of the Ray cluster that trains; None for this machine. log_to: trackers that get
    every run, of trials and of the comparison, while it trains; stored in the folder. Raises UsageError or SadariError
    before any work for a request that cannot be done, SadariError where no trial succeeds. Raises KeyboardInterrupt
    after Ctrl-C; the same call then goes on.
    """
    progress = progress or Silent()
    if seeds < 1:
        raise UsageError(f"the best settings are judged with at least one fresh seed, not {seeds}")
    with executor_on(ray, workers) as executor:
        return _tuned(request, limit, seeds, out, runs, executor, log_to, progress)


def _tuned(
    request: Tuning,
    limit: Limit,
    seeds: int,
    out: Path | None,
    runs: Path,
    executor: AnyExecutor,
    log_to: Sequence[Target],
    progress: Progress,
) -> TuneResult:
    request, choice = request.decided()
    job = request.job({})
    resolve_machine(job.settings)
    data = TrialData(request, progress)
    images, split = data.of(job)
    job.rows(images.shape, len(images.classes))
    request = replace(request, fingerprint=images.fingerprint)
    folder = choose_folder(request, out, runs).resolve()
    with alone_in(folder, partial(progress.say, f"another process writes in {folder}; this one waits for it")):
        if out is not None:  # who comes first stores the request
            choose_folder(request, out, runs)
        request = as_begun(request, folder)
        if choice:
            progress.say(choice)
        store_request(request, folder)
        remove_unfinished(folder)
    begin_whole(log_to, start_of_search(request, folder, images.name), progress.say)
    data.request = request
    epochs = max(request.job({"epochs": end}).settings.epochs_for(len(split.train)) for end in _epochs(request))
    journal = Journal(folder, request, len(split.val), epochs)
    _say_plan(request, limit, journal, progress)
    if isinstance(executor, RayExecutor):
        work_on_ray(journal, data, limit, executor, progress)
        executor = replace(executor, workers=None)  # the comparison can be repeated however many runs it has at once
    else:
        work_together(journal, data, limit, executor.workers, progress)
    trials = journal.trials()
    _require_success(trials)
    _say_best(journal, trials, progress)
    wanted = final_request(request, trials, max(seeds, seeds_before(folder)), folder)
    progress.say(
        f"test images are opened now: {', '.join(arm.name for arm in wanted.arms)} with {len(wanted.seeds)} fresh "
        f"seed{'s' if len(wanted.seeds) > 1 else ''} each"
    )
    final = compare(
        wanted,
        out=folder / FINAL,
        progress=progress,
        executor=executor,
        estimates=not isinstance(executor, RayExecutor),
    )
    result = TuneResult(folder, request, trials, journal.importances(), final, own_params(request))
    write_json(folder / FILE, result.document())
    return result


def reopen_tuning(folder: Path, progress: Progress | None = None) -> TuneResult:
    """Return the result of the search in `folder`, without any training; `final` is None where it was not made.

    Raises UsageError for another folder, SadariError where it is damaged.
    """
    folder = folder.resolve()
    if not is_tuning(folder):
        raise UsageError(f"'{folder}' holds no search for settings; name a folder that `sadari tune` made")
    request = Tuning.read(folder)
    journal = Journal(folder, request, 1, 1)
    final = None
    if is_comparison(folder / FINAL):
        try:
            final = reopen([folder / FINAL], progress)
        except SadariError:
            if (folder / FILE).is_file():  # it was finished
                raise
    return TuneResult(folder, request, journal.trials(), journal.importances(), final, own_params(request))


def _epochs(request: Tuning) -> tuple[int, ...]:
    searched = request.space.get("epochs")
    if searched is None:
        return (request.job({}).settings.epochs,)
    return tuple(int(each) for each in searched.ends)


def _say_plan(request: Tuning, limit: Limit, journal: Journal, progress: Progress) -> None:
    ranges = ", ".join(f"{key}={each.text}" for key, each in request.space.items())
    progress.say(f"searched on validation images: {ranges}")
    begun = journal.trials()
    if begun:
        progress.say(f"{journal.folder} goes on: {len(begun)} trials are there")
    how = f"{limit.trials} trials" if limit.trials is not None else f"trials for {time_in_words(limit.seconds or 0.0)}"
    early = f"stopped early by {request.pruner}" if request.prunes else "none is stopped early"
    also = " and images per second" if SPEED in request.objectives else ""
    progress.say(f"{how}, chosen by Optuna's TPE; validation accuracy{also} decides, ties by log loss; {early}")


def _say_best(journal: Journal, trials: tuple[Trial, ...], progress: Progress) -> None:
    best = finished(trials)[0]
    progress.say(f"best of {len(trials)} trials: {best.name}, {best.sentence}")
    if not finalists(journal.request, trials):
        progress.say("no setting that was tried is better than the default on validation images")
    if found := journal.importances():
        progress.say(f"importance: {', '.join(f'{key} {share:.2f}' for key, share in found.items())}")


def _require_success(trials: tuple[Trial, ...]) -> None:
    if finished(trials):
        return
    reasons = [trial.reason for trial in trials if trial.reason]
    why = f"; the first one: {reasons[0]}" if reasons else ""
    failed = sum(trial.state == FAILED for trial in trials)
    raise SadariError(f"none of {len(trials)} trials is done, {failed} failed{why}")
