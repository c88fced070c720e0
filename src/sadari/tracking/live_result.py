"""What do trackers get of a comparison that they watched? Its figures, sentences and pictures, when it has ended."""

from collections.abc import Callable, Sequence
from pathlib import Path

from sadari.comparison.result import ComparisonResult
from sadari.loggers.live import LiveLog, read_state, stored_targets
from sadari.loggers.protocol import End, Start
from sadari.progress import Progress
from sadari.run_lookup import is_across
from sadari.tracking.entry import Entry, entry_of


def log_result(result: ComparisonResult, draw: Callable[[], Sequence[Path]], progress: Progress) -> None:
    """Send what `result` shows to the trackers that got its runs; nothing where there are none, or that have it.

    Each tracker has one run of its own for it, named like the folder. draw: draws the pictures of the report, and
    returns the PNG files. A tracker that fails is one sentence of `progress`.
    """
    targets = stored_targets(result.out)
    if not targets:
        return
    entry = entry_of(result.out)
    state = read_state(result.out)
    left = [each for each in targets if state.get(str(each), {}).get("digest") != entry.digest]
    if left:
        live = LiveLog(left, start_of(result, entry), progress.say)
        live.end(lambda: _end_of(entry, draw()))


def start_of(result: ComparisonResult, entry: Entry) -> Start:
    """Return what a tracker gets of a comparison when its own run begins."""
    group = result.out.parent.name if is_across(result.out.parent) else ""
    return Start(
        name=f"{group}-{result.out.name}" if group else result.out.name,
        folder=result.out,
        project=result.data.name,
        params=entry.params,
        tags=entry.tags,
    )


def _end_of(entry: Entry, pictures: Sequence[Path]) -> End:
    return End(
        {each.name: each.value for each in entry.metrics},
        pictures={f"plots/{path.stem}": path for path in pictures},
        note=entry.description,
        digest=entry.digest,
    )
