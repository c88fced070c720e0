"""Which model is better on these images, and by how much? The steps of a comparison:

request -> images, split, checks -> folder -> jobs -> ensembles, soups -> rows -> verdicts, claims, robustness ->
comparison.json
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from sadari.comparison.analysis.corruption_robustness import judge_robustness
from sadari.comparison.analysis.data_facts import DataFacts
from sadari.comparison.analysis.duration import expected_duration
from sadari.comparison.analysis.result_of_runs import make_result
from sadari.comparison.claims.claim import Claim
from sadari.comparison.claims.judging import judge_claims
from sadari.comparison.command import command_of
from sadari.comparison.ensembles.job import ensemble_job, require_choosable, require_validated, soup_job
from sadari.comparison.ensembles.make import make_ensembles
from sadari.comparison.ensembles.soup import make_soup
from sadari.comparison.executor import Executor, Task
from sadari.comparison.facts import with_runs
from sadari.comparison.groups.grouping import write_grouping
from sadari.comparison.inputs import ComparisonInputs, load_inputs, store_split
from sadari.comparison.request import (
    Comparison,
    as_begun,
    choose_folder,
    decided,
    extends,
    read_stored,
    soup_of,
    store_request,
)
from sadari.comparison.result import ComparisonResult
from sadari.comparison.seeds.chosen import extent
from sadari.comparison.seeds.looked import with_judged
from sadari.comparison.seeds.rounds import Made, until_decided
from sadari.comparison.splits.facts import comparison_facts
from sadari.comparison.stored import require_nothing_added, store_result, with_judged_before
from sadari.comparison.variants import ENSEMBLE, folder_name, shortened
from sadari.comparison.workers.local import LocalExecutor
from sadari.errors import SadariError, UsageError
from sadari.files import alone_in
from sadari.inference.device import resolve_machine
from sadari.loggers.live import begin_whole
from sadari.loggers.protocol import Start
from sadari.loggers.targets import Target
from sadari.progress import Progress, Silent
from sadari.run import RunRecord
from sadari.unfinished import remove_unfinished


def compare(
    request: Comparison,
    *,
    out: Path | None = None,
    runs: Path = Path("runs"),
    claims: Sequence[Claim] = (),
    robustness: bool = False,
    margin: float | None = None,
    facts: DataFacts | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
    estimates: bool = False,
    seen: bool = True,
    log_to: Sequence[Target] = (),
) -> ComparisonResult:
    """Run every arm with every seed and compare them; what is done already is not done again.

    out: folder of the comparison; without it the newest folder under `runs` that holds the same request on the
    same images, or the next free one. claims: about these arms, tested at the end. robustness: judge the models on
    corrupted images too. margin: of accuracy, in (0, 1), within which arms may be found equal. facts: of the same
    images, where they are known already. executor: makes the runs; without one, a `LocalExecutor`.
    estimates: say how long all runs will take before they begin. seen: whether the result decides about more seeds,
    so that it is a look; a search for the best model adds seeds while there is time, whatever they show. log_to:
    trackers that get each run while it trains; stored in the folder, where runs look for them.
    Raises UsageError or SadariError before any work for a request that cannot be done; a job that fails later
    has a row with the reason. Raises KeyboardInterrupt after Ctrl-C; the same call then goes on.
    """
    require_margin(margin)
    if robustness and request.redraw:
        raise UsageError("--robustness corrupts the images of one test part; leave --splits and --folds out")
    progress = progress or Silent()
    request, choices = decided(request)
    inputs = startable(request, progress)
    first_settings = request.job(request.arms[0], request.seeds[0]).settings
    request = request.with_fingerprint(inputs.images_for(first_settings).fingerprint)
    folder = choose_folder(request, out, runs).resolve()
    waiting = partial(progress.say, f"another process writes in {folder}; this one waits for it")
    with alone_in(folder, waiting):  # who comes first stores the request and the split, and the others use them
        if out is not None:
            choose_folder(request, out, runs)
        _say_where(request, folder, progress)
        before = _as_begun(request, folder, choices, progress)
        if before != request:
            request, inputs = before, load_inputs(before, progress)
        request = with_judged_before(request, folder) if seen else request
        _store(request, folder)
        remove_unfinished(folder)
        store_split(request, inputs, folder)
    settings = [request.job(arm, request.seeds[0]).settings for arm in request.arms]
    largest = max(settings, key=lambda each: len(inputs.split_for(each).train))  # some train on a fraction
    images, split = inputs.images_for(largest), inputs.split_for(largest)
    facts = comparison_facts(request, images, split, progress, facts)
    write_grouping(folder, facts.grouping)
    begin_whole(log_to, Start(folder.name, folder, facts.name, tags={"folder": str(folder)}), progress.say)
    _say_extent(request, inputs, folder, estimates, progress)

    def make(wanted: Comparison) -> Made:
        _store(wanted, folder)
        tasks = _tasks(wanted, inputs, folder, progress)
        return _run(wanted, tasks, folder, progress, executor or LocalExecutor())

    if request.looks:
        request, records, reasons = until_decided(request, make, margin, progress, facts.groups_of(split))
    else:
        records, reasons = make(request)
        request = with_judged(request) if seen else request
    with alone_in(folder, waiting):  # what is made of the runs is made by one process after the other
        require_nothing_added(request, folder)
        store_request(request, folder)
        jobs = {arm.name: request.job(arm, request.seeds[0]).record for arm in request.arms}
        if request.ensemble:
            records[ENSEMBLE], reasons[ENSEMBLE] = make_ensembles(request, inputs, records, folder, progress)
            jobs[ENSEMBLE] = ensemble_job(request, settings, request.seeds[0])
        for arm in request.souped_arms:
            soup = soup_of(arm).name
            records[soup], reasons[soup] = make_soup(request, arm, inputs, records[arm.name], folder, progress)
            jobs[soup] = soup_job(request, jobs[arm.name])
        result = make_result(
            request,
            jobs,
            records,
            reasons,
            out=folder,
            data=with_runs(facts, records),
            images=images,
            split=split,
            margin=margin,
        )
        judged = judge_claims(claims, result.arms, result.records, request.redraw, result.looked, facts.grouping)
        result = replace(result, claims=judged)
        if robustness:
            records_of = {arm.name: result.records[arm.name] for arm in request.judged_arms}
            found = judge_robustness(records_of, inputs.images_for, progress, facts.groups_of(split))
            result = replace(result, robustness=found)
        result = replace(result, command=command_of(request, claims, margin, result.robustness is not None))
        store_result(folder, result.document(), progress)
    return result


def startable(request: Comparison, progress: Progress) -> ComparisonInputs:
    """Load what all runs work on, of a request as `decided` returns it.

    Raises UsageError or SadariError where an arm, an ensemble or a soup could not be made.
    """
    inputs = load_inputs(request, progress)
    if request.ensemble:
        require_choosable(request, inputs)
    for arm in request.souped_arms:
        require_validated(request, arm, inputs)
    return inputs


def require_margin(margin: float | None) -> None:
    """Raise UsageError where `margin` is no difference of accuracies."""
    if margin is not None and not 0 < margin < 1:
        raise UsageError(f"a margin of accuracy is between 0 and 1, not {margin:g}; half a point is 0.005")


def _store(request: Comparison, folder: Path) -> None:
    """Store `request`, but where looks have come further already, or somebody has asked for more: that stays."""
    stored = read_stored(folder)
    further = stored is not None and request.looks and len(stored["seeds"]) > len(request.seeds)
    if not further and (stored is None or extends(request, stored)):
        store_request(request, folder)


def _say_extent(
    request: Comparison, inputs: ComparisonInputs, folder: Path, estimates: bool, progress: Progress
) -> None:
    """Say how long all runs will take; with looks, how many runs there are at least and at most, and how long."""
    if not request.looks:
        if estimates and (sentence := expected_duration(request, _tasks(request, inputs, folder, Silent()), progress)):
            progress.say(sentence)
        return
    most = _tasks(replace(request, seeds=request.all_seeds), inputs, folder, Silent())
    first = {folder / folder_name(arm.name, seed) for arm in request.arms for seed in request.seeds_of(arm)}
    least = [task for task in most if task.out in first]
    sentence = expected_duration(replace(request, seeds=request.all_seeds), most, progress, least=least)
    progress.say(f"{extent(request)}{f'; {sentence}' if sentence else ''}")


def _say_where(request: Comparison, folder: Path, progress: Progress) -> None:
    """Say which names of arms are too long for folders, and that more seeds go on with a comparison that is there."""
    for sentence in shortened(request.arms):
        progress.say(sentence)
    stored = read_stored(folder)
    if stored and not request.looks and len(stored["seeds"]) < len(request.seeds):
        there = f"seeds {', '.join(map(str, stored['seeds']))}"
        if request.redraw:
            there = f"{len(stored['seeds'])} runs of each model, over {request.redraw.kind},"
        progress.say(f"{folder} goes on: {there} are there")


def _as_begun(request: Comparison, folder: Path, choices: Sequence[str], progress: Progress) -> Comparison:
    """Return `request` with what backbone=auto took when the comparison in `folder` began; say what it takes.

    choices: the sentences about what it takes here.
    """
    stored = read_stored(folder)
    begun = as_begun(request, stored) if stored else request
    if begun == request:
        for sentence in choices:
            progress.say(sentence)
    for arm, now in zip(begun.arms, request.arms, strict=True):
        if arm.by_auto != now.by_auto:
            then, here = arm.by_auto["backbone"], now.by_auto["backbone"]
            progress.say(f"{arm.name}: backbone={then}, as this comparison began; auto would be {here} here")
    return begun


def _run(
    request: Comparison,
    tasks: Sequence[Task],
    folder: Path,
    progress: Progress,
    executor: Executor,
) -> tuple[dict[str, list[RunRecord]], dict[str, list[str]]]:
    """Make every run and return (finished runs, reasons of the failed ones) by arm, in the order of the seeds."""
    records: dict[str, list[RunRecord]] = {arm.name: [] for arm in request.arms}
    reasons: dict[str, list[str]] = {arm.name: [] for arm in request.arms}
    outcomes = {each.out: each for each in executor.run(tasks, progress)}
    for arm in request.arms:
        for seed in request.seeds_of(arm):
            outcome = outcomes[folder / folder_name(arm.name, seed)]
            if outcome.record is None:
                reasons[arm.name].append(f"seed {seed}: {outcome.reason}")
            else:
                records[arm.name].append(outcome.record)
    return records, reasons


def _tasks(request: Comparison, inputs: ComparisonInputs, folder: Path, progress: Progress) -> list[Task]:
    pairs = [(arm, seed) for arm in request.arms for seed in request.seeds_of(arm)]
    precisions = _precisions_begun(request, folder)
    _say_precisions(request, precisions, progress)
    tasks = []
    for number, (arm, seed) in enumerate(pairs, start=1):
        job, out = request.job(arm, seed), folder / folder_name(arm.name, seed)
        if job.settings.precision == "auto" and precisions[arm.name] and not RunRecord.is_run(out):
            job = replace(job, settings=replace(job.settings, precision=precisions[arm.name][0]))
        tasks.append(
            Task(
                job=job,
                out=out,
                images=inputs.images_for(job.settings),
                split=inputs.split_for(job.settings, request.draw_of(seed)),
                label=f"{arm.name} {_named(request, seed)} ({number} of {len(pairs)})",
            )
        )
    return tasks


def _named(request: Comparison, seed: int) -> str:
    """Return the name of a run of an arm in sentences: its seed, or the draw of its parts."""
    if request.redraw is None:
        return f"seed {seed}"
    several = f", seed {seed}" if request.redraw.seeds > 1 else ""
    return f"{request.redraw.name(request.redraw.draw_of(seed))}{several}"


def _precisions_begun(request: Comparison, folder: Path) -> dict[str, tuple[str, ...]]:
    """Return by arm what `precision=auto` became when its runs in `folder` began, that of the first seed first.

    An arm without a run has what it became for other arms of the same device: a machine with other arithmetic that goes
    on with a comparison would otherwise train some arms, or some seeds of one, differently.
    """
    found: dict[str, tuple[str, ...]] = {}
    of_device: dict[str, tuple[str, ...]] = {}
    settings = {arm.name: request.job(arm, request.seeds[0]).settings for arm in request.arms}
    for arm in request.arms:
        outs = [folder / folder_name(arm.name, seed) for seed in request.seeds]
        begun = [out for out in outs if settings[arm.name].precision == "auto" and RunRecord.is_run(out)]
        found[arm.name] = tuple(dict.fromkeys(filter(None, map(_precision_of, begun))))
        if found[arm.name]:
            of_device.setdefault(settings[arm.name].device, found[arm.name][:1])
    return {name: begun or of_device.get(settings[name].device, ()) for name, begun in found.items()}


def _precision_of(out: Path) -> str:
    """Return the precision of the run in `out`, "" where its settings are damaged: the run itself fails on them."""
    try:
        return RunRecord(out).job.settings.precision
    except SadariError:
        return ""


def _say_precisions(request: Comparison, begun: dict[str, tuple[str, ...]], progress: Progress) -> None:
    """Say where runs go on with a precision that this machine would not choose, and which arms have several."""
    for arm in request.arms:
        settings = request.job(arm, request.seeds[0]).settings
        if settings.precision != "auto" or not begun[arm.name] or not arm.model.uses("precision"):
            continue
        here, first = resolve_machine(settings).precision, begun[arm.name][0]
        if len(begun[arm.name]) > 1:
            progress.say(f"{arm.name} has runs of different precision: {', '.join(begun[arm.name])}")
        elif first != here:
            progress.say(f"{arm.name}: precision={first}, as this comparison began; auto would be {here} here")
