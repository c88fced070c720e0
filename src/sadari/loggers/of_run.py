"""What is sent of a run? Its settings when it begins; its scores, and on request pictures, at the end."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from sadari.loggers.live import LiveLog, Say, stored_targets
from sadari.loggers.protocol import End, Start
from sadari.loggers.targets import Target
from sadari.run import SCORES, RunRecord
from sadari.run_lookup import TRIALS, whole_of

Draw = Callable[[RunRecord], Sequence[Path]]  # draws the pictures of a finished run, and returns the PNG files


@contextmanager
def logged_live(out: Path, targets: Sequence[Target], say: Say) -> Iterator[LiveLog]:
    """Open the loggers of the run in `out`, and close them where it is interrupted or fails.

    Without `targets`, those with which it began; else those of its comparison or search.
    """
    chosen = targets or targets_of(out)
    live = LiveLog(chosen, start_of(RunRecord(out)) if chosen else Start(out.name, out, ""), say)
    try:
        yield live
    except BaseException as error:
        live.stop(isinstance(error, KeyboardInterrupt))
        raise


def targets_of(out: Path) -> tuple[Target, ...]:
    """Return where the run in `out` is logged to: as it began, else as its comparison or search says."""
    whole = whole_of(out)
    return stored_targets(out, *([whole] if whole else []))


def start_of(run: RunRecord) -> Start:
    """Return what a tracker gets of a run that begins."""
    job, whole = run.job, whole_of(run.path)
    return Start(
        name=f"trial-{run.path.name}" if run.path.parent.name == TRIALS and whole else run.path.name,
        folder=run.path,
        project=str(run.environment["data"]["name"]),
        group=whole.name if whole else "",
        params=params_of(run),
        tags=tags_of(run),
        own_events=job.settings.tensorboard != "off",
    )


def end_of(run: RunRecord, draw: Draw | None = None) -> End:
    """Return what a tracker gets of a finished run; raises SadariError where its pictures cannot be drawn."""
    pictures = {f"plots/{path.stem}": path for path in draw(run)} if draw else {}
    return End(final_figures(run.summary), run.summary["epochs"], pictures, digest=digest_of(run.path / SCORES))


def params_of(run: RunRecord) -> dict[str, str]:
    """Return data, model, seed, settings and variables, as text."""
    job = run.job
    params = {"data": job.data, "model": job.model, "seed": job.seed, **asdict(job.settings), **job.variables}
    return {key: str(value) for key, value in params.items() if value != ""}


def tags_of(run: RunRecord) -> dict[str, str]:
    """Return what the run is, besides its settings."""
    job, stamp = run.job, run.environment
    return {
        "data": job.data,
        "data_fingerprint": stamp["data"]["fingerprint"],
        "model": job.model,
        "seed": str(job.seed),
        "split": run.split.origin,
        "sadari": stamp["packages"].get("sadari", ""),
        "folder": str(run.path),
    }


def final_figures(summary: Mapping[str, Any]) -> dict[str, float]:
    """Return the final figures, named by their place in scores.json, such as scores/test/accuracy."""
    found = {
        f"scores/{split_name}/{name}": float(value)
        for split_name, of in summary["scores"].items()
        for name, value in (of or {}).items()
    }
    found |= {f"seconds/{name}": float(value) for name, value in summary["seconds"].items()}
    found |= {f"params/{name}": float(value) for name, value in summary["params"].items()}
    found["images_per_second"] = float(summary["images_per_second"])
    return found


def digest_of(path: Path, inside: str = "") -> str:
    """Return a digest of the file; two runs never have the same scores.json: it holds their folder and seconds."""
    return sha256(inside.encode() + path.read_bytes()).hexdigest()
