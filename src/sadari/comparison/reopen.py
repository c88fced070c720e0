"""What is the result of runs that are on disk already? The same as that of their comparison, without any training."""

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

from sadari.comparison.analysis.data_facts import DataFacts
from sadari.comparison.analysis.result_of_runs import make_result
from sadari.comparison.analysis.robustness import read_robustness
from sadari.comparison.claims.judging import judge_claims
from sadari.comparison.command import MACHINE, command_of, commands_of_runs
from sadari.comparison.facts import facts_from_run, with_runs
from sadari.comparison.inputs import split_file
from sadari.comparison.join import arm_of_run, fingerprint_of, join_arms, require_same_images
from sadari.comparison.request import Comparison, data_name
from sadari.comparison.result import ComparisonResult
from sadari.comparison.seeds.looked import Judged, joined_looks, with_judged
from sadari.comparison.splits.facts import comparison_facts, redrawn_facts
from sadari.comparison.stored import StoredArm, StoredComparison, read_comparison
from sadari.data.load import load
from sadari.errors import SadariError, UsageError
from sadari.job_record import JobRecord
from sadari.progress import Progress, Silent
from sadari.run import RunRecord
from sadari.run_files import read_split
from sadari.run_lookup import is_across, is_comparison
from sadari.settings import Settings
from sadari.values import ImageSet


def reopen(paths: Sequence[Path], progress: Progress | None = None) -> ComparisonResult:
    """Return the result of the comparison, or of the runs and comparisons, in the folders `paths`.

    One folder of a comparison gives the result that the comparison itself had. Several are joined: runs of one model
    with the same settings and other seeds are one arm. `images` is None where the data is missing or has changed since.
    Raises UsageError for a folder that is neither, for runs that were judged on different images, and for a run that is
    named twice; SadariError for one that is not finished or is damaged.
    """
    progress = progress or Silent()
    if len(paths) == 1 and is_comparison(paths[0]):
        return _comparison(read_comparison(paths[0]), progress)
    return _joined(paths, progress)


def _comparison(stored: StoredComparison, progress: Progress) -> ComparisonResult:
    for each in stored.arms:
        precisions = sorted({record.job.settings.precision for record in each.records})
        if len(precisions) > 1:
            progress.say(f"{each.arm.name} has runs of different precision: {', '.join(precisions)}")
    images = _images([stored.arms[0].job], stored.request.fingerprint, progress)
    result = _result(stored.request, stored.arms, images, stored.folder, progress, stored.margin)
    records = {arm.arm.name: arm.records for arm in stored.arms}
    robustness = read_robustness(records, stored.robustness_notes, result.data.groups_of(result.split))
    request, grouping = stored.request, result.data.grouping
    return replace(
        result,
        claims=judge_claims(stored.claims, result.arms, result.records, request.redraw, result.looked, grouping),
        robustness=robustness,
        command=command_of(stored.request, stored.claims, stored.margin, robustness is not None),
    )


def _joined(paths: Sequence[Path], progress: Progress) -> ComparisonResult:
    found: list[StoredArm] = []
    looks: list[Judged] = []
    for path in paths:
        if not is_comparison(path):
            found.append(arm_of_run(_require_run(path)))
            continue
        stored = read_comparison(path)
        found += stored.arms
        looks.append(stored.request.judged)
    records = [record for arm in found for record in arm.records]
    if not records:
        raise UsageError("there is nothing to report; name at least one run or comparison that has finished")
    require_same_images(records)
    arms = join_arms(found)
    seeds = tuple(sorted({record.job.seed for record in records}))
    first = arms[0].records[0] if arms[0].records else records[0]
    request = Comparison(first.job.data, tuple(arm.arm for arm in arms), seeds, fingerprint=fingerprint_of(first))
    # Runs of one model from several folders are seeds that were added; a single look at other models is none at these.
    counted = looks if len(arms) < len(found) else [each for each in looks if len(each) > 1]
    request = with_judged(replace(request, judged=joined_looks(counted)))
    command = commands_of_runs([(arm.arm.name, arm.records) for arm in arms])
    images = _images([first.job, *(record.job for record in records)], request.fingerprint, progress)
    arms = tuple(replace(arm, job=_without_machine(arm.job, arms)) for arm in arms)
    return replace(_result(request, arms, images, Path.cwd(), progress), command=command)


def _require_run(path: Path) -> Path:
    if is_across(path):
        raise UsageError(f"'{path}' compares across data sets, which are not joined with other runs; name it alone")
    if not RunRecord.is_run(path):
        raise UsageError(
            f"'{path}' is neither a run nor a comparison; name folders that `sadari train`, `compare` or `study` made"
        )
    return path


def _result(
    request: Comparison,
    arms: Sequence[StoredArm],
    images: ImageSet | None,
    out: Path,
    progress: Progress,
    margin: float | None = None,
) -> ComparisonResult:
    firsts = [arm.records[0] for arm in arms if arm.records]
    first = max(firsts, key=lambda record: record.summary["images"]["train"], default=None)  # some train on a fraction
    if first is not None:
        split = first.split_of(images) if images is not None else first.split
        facts = _facts(request, images, first, out, progress)
    elif images is not None:
        split = read_split(split_file(request, out), len(images))
        facts = comparison_facts(request, images, split, progress)
    else:
        raise SadariError(f"no run of {out} has finished and its images are gone, so there is nothing to report")
    return make_result(
        request,
        {each.arm.name: each.job for each in arms},
        {each.arm.name: each.records for each in arms},
        {each.arm.name: each.reasons for each in arms},
        out=out,
        data=with_runs(facts, {each.arm.name: each.records for each in arms}),
        images=images,
        split=split,
        margin=margin,
    )


def _facts(request: Comparison, images: ImageSet | None, first: RunRecord, out: Path, progress: Progress) -> DataFacts:
    """Return what a reader should know of the images; from the run `first` and the folder `out` without them."""
    if images is not None:
        return comparison_facts(request, images, first.split_of(images), progress)
    facts = facts_from_run(data_name(request.data), first, out)
    return redrawn_facts(request.redraw, facts, sum(facts.counts.values())) if request.redraw else facts


def _images(jobs: Sequence[JobRecord], fingerprint: str, progress: Progress) -> ImageSet | None:
    """Load the images of the first job, or return None where the data of no job exist, or have changed."""
    settings, reason = jobs[0].settings, ""
    for data in dict.fromkeys(job.data for job in jobs):
        try:
            images = load(data, settings, progress)
        except SadariError as error:
            reason = str(error)
            continue
        if images.fingerprint == fingerprint:
            return images
        reason = f"the images of {data} have changed since the runs were made"
    progress.say(f"no pictures: {reason}")
    return None


def _without_machine(job: JobRecord, arms: Sequence[StoredArm]) -> JobRecord:
    """Return `job` without the settings of the machine; precision stays where it distinguishes the arms."""
    usual = Settings()
    names = [*MACHINE, *(["precision"] if len({arm.job.settings.precision for arm in arms}) == 1 else [])]
    stored = {each.name: getattr(job.settings, each.name) for each in fields(Settings)}
    return replace(job, settings=Settings(**{**stored, **{name: getattr(usual, name) for name in names}}))
