"""Which model is better on these images, and by how much? The table of contents of a comparison:

request -> images, split, checks -> folder -> jobs -> rows -> verdicts -> comparison.json
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from sadari.comparison.jobs import Task, run_tasks
from sadari.comparison.materials import Materials, gather_materials, judging_part, keep_split
from sadari.comparison.request import Comparison, choose_folder, data_name, store_request
from sadari.comparison.result import ComparisonResult, DataFacts, arm_result, pair_verdicts, ranked
from sadari.comparison.variants import Arm, folder_name
from sadari.data.check import check
from sadari.progress import Progress, Silent
from sadari.progress import Task as ProgressTask
from sadari.run import RunRecord, write_json
from sadari.training.train import train
from sadari.values import PARTS


def compare(
    request: Comparison,
    *,
    out: Path | None = None,
    runs: Path = Path("runs"),
    progress: Progress | None = None,
    trainer: Callable[..., RunRecord] = train,
) -> ComparisonResult:
    """Run every arm with every seed, and say which is better; what has been done before is not done again.

    out: folder of the comparison; without it the newest folder under `runs` that holds the same request on the
    same images, or the next free one. trainer: what turns a job into a run (tests pass a quick one).
    Raises UsageError or SadariError before any work for a request that cannot be done; a job that fails later
    keeps its row, with the reason. Raises KeyboardInterrupt after Ctrl-C; the same call then goes on.
    """
    progress = progress or Silent()
    materials = gather_materials(request, progress)
    first_settings = request.job(request.arms[0], request.seeds[0]).settings
    request = request.with_fingerprint(materials.images_for(first_settings).fingerprint)
    folder = choose_folder(request, out, runs).resolve()
    store_request(request, folder)
    keep_split(request, materials, folder)
    facts = _facts(request, materials, progress)
    records, reasons = _run(request, materials, folder, progress, trainer)
    results = ranked(
        [
            arm_result(arm, request.job(arm, request.seeds[0]), records[arm.name], reasons[arm.name])
            for arm in request.arms
        ]
    )
    result = ComparisonResult(
        out=folder,
        title=request.title,
        data=facts,
        arms=results,
        verdicts=pair_verdicts(results, records),
        records={arm.name: tuple(records[arm.name]) for arm in results},
        arms_asked=request.arms,
        images=materials.images_for(first_settings),
        split=materials.split_for(first_settings),
    )
    write_json(folder / "comparison.json", result.document())
    return result


def _run(
    request: Comparison,
    materials: Materials,
    folder: Path,
    progress: Progress,
    trainer: Callable[..., RunRecord],
) -> tuple[dict[str, list[RunRecord]], dict[str, list[str]]]:
    """Every seed of the first rung, then of the next: (finished runs, reasons of the failed ones) by arm."""
    records: dict[str, list[RunRecord]] = {arm.name: [] for arm in request.arms}
    reasons: dict[str, list[str]] = {arm.name: [] for arm in request.arms}
    pairs = [(arm, seed) for arm in request.arms for seed in request.seeds]
    for number, (arm, seed) in enumerate(pairs, start=1):
        label = f"{arm.name} seed {seed} ({number} of {len(pairs)})"
        for outcome in run_tasks([_task(request, materials, folder, arm, seed)], _Labelled(progress, label), trainer):
            if outcome.record is None:
                reasons[arm.name].append(f"seed {seed}: {outcome.reason}")
                progress.say(f"{label} failed: {outcome.reason}")
            else:
                records[arm.name].append(outcome.record)
    return records, reasons


def _task(request: Comparison, materials: Materials, folder: Path, arm: Arm, seed: int) -> Task:
    job = request.job(arm, seed)
    return Task(
        job=job,
        out=folder / folder_name(arm.name, seed),
        images=materials.images_for(job.settings),
        split=materials.split_for(job.settings),
    )


def _facts(request: Comparison, materials: Materials, progress: Progress) -> DataFacts:
    settings = request.job(request.arms[0], request.seeds[0]).settings
    images, split = materials.images_for(settings), materials.split_for(settings)
    findings = check(images, split, progress=progress)
    return DataFacts(
        name=data_name(request.data),
        counts={part: len(split.part(part)) for part in PARTS},
        shape=images.shape,
        classes=images.classes,
        origin=split.origin,
        judged_on=judging_part(split),
        leaks=findings.leaks,
        sentences=(*_JUDGED[judging_part(split)], *images.notes, *findings.sentences),
    )


# What does it mean for the figures where no test images judge?
_JUDGED: dict[str, tuple[str, ...]] = {
    "test": (),
    "val": (
        "the images that chose each model's best epoch also judge it: the figures flatter; keep test images apart",
    ),
    "train": ("the training images judge: the figures say nothing about other images; keep test images apart",),
}


class _Labelled:
    """Progress that says of which run it speaks."""

    def __init__(self, progress: Progress, label: str) -> None:
        self._progress, self._label = progress, label

    def say(self, sentence: str) -> None:
        self._progress.say(f"{self._label}: {sentence}")

    def task(self, label: str, total: int, unit: str) -> AbstractContextManager[ProgressTask]:
        return self._progress.task(f"{self._label} {label}", total, unit)
