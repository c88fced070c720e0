"""What do trackers get of a search? Its trials and the runs that judge the best as one group, then what it found."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sadari.loggers.live import LiveLog, read_state, stored_targets
from sadari.loggers.of_run import digest_of
from sadari.loggers.protocol import End, Start
from sadari.progress import Progress
from sadari.tuning.request import Tuning
from sadari.tuning.result import FILE, TuneResult


def start_of_search(request: Tuning, folder: Path, data: str) -> Start:
    """Return what a tracker gets when the search in `folder` begins. data: the name of its images."""
    return Start(
        name=folder.name,
        folder=folder,
        project=data,
        params={
            "data": request.data,
            "model": request.model.name,
            "seed": str(request.seed),
            "objectives": ",".join(request.objectives),
            "pruner": request.pruner,
            **{f"search/{key}": each.text for key, each in request.space.items()},
        },
        tags={"data_fingerprint": request.fingerprint, "folder": str(folder)},
    )


def log_found(result: TuneResult, draw: Callable[[], Sequence[Path]], progress: Progress) -> None:
    """Send what a search found to the trackers that got its runs; nothing where there are none, or they have it.

    Each tracker has one run of its own for the search, named like its folder. draw: draws the pictures of the reports,
    and returns the PNG files. A tracker that fails is one sentence of `progress`.
    """
    targets = stored_targets(result.out)
    if not targets or result.final is None:
        return
    digest, state = digest_of(result.out / FILE), read_state(result.out)
    left = [each for each in targets if state.get(str(each), {}).get("digest") != digest]
    if left:
        live = LiveLog(left, start_of_search(result.request, result.out, result.final.data.name), progress.say)
        live.end(lambda: _end_of(result, draw(), digest))


def _end_of(result: TuneResult, pictures: Sequence[Path], digest: str) -> End:
    verdicts = result.final.verdicts if result.final is not None else ()
    sentences = (*result.sentences, *(each.sentence for each in verdicts))
    return End(
        dict(_figures(result)),
        pictures={f"plots/{path.stem}": path for path in pictures},
        note="\n".join(f"- {each}" for each in sentences),
        digest=digest,
    )


def _figures(result: TuneResult) -> Iterator[tuple[str, float]]:
    """Yield the best trial's validation accuracy, the importances, and each judged accuracy with its 95 % interval."""
    yield "trials", float(len(result.trials))
    if result.best is not None and result.best.accuracy is not None:
        yield "validation/best", result.best.accuracy
    for key, share in result.importances.items():
        yield f"importance/{key}", share
    for arm in result.final.arms if result.final is not None else ():
        if arm.accuracy is not None:
            yield from zip(
                (f"{name}/{arm.name}" for name in ("accuracy", "low", "high")),
                (arm.accuracy.mean, arm.accuracy.low, arm.accuracy.high),
                strict=True,
            )
