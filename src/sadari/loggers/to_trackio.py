"""How does a run come into Trackio while it trains? Into its database on this disk, or to TRACKIO_SPACE_ID."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING

from sadari.errors import SadariError
from sadari.loggers.protocol import End, Start

if TYPE_CHECKING:
    from trackio.run import Run


class TrackioLogger:
    """Sends to the project PROJECT; without one to that with the name of the data.

    A run of Trackio is found again by its name, so that of a comparison has the comparison's name before its own. Each
    name is that of one run here: its id is what shows that another one has not taken the name.
    """

    def __init__(self, place: str) -> None:
        self._project = place

    def begin(self, start: Start) -> str:
        """Begin a run, or go on with that of the same name. Raises SadariError where that is another one by now."""
        import trackio

        with _quiet():
            self._run: Run = trackio.init(
                project=self._project or start.project,
                name=start.whole_name,
                group=start.group or None,
                config={**start.params, **{f"run/{name}": text for name, text in start.tags.items()}},
                resume="must" if start.known else "never",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )
        if start.known and self._run.id != start.known:
            raise SadariError(f"another run took the name {start.whole_name} meanwhile")
        return str(self._run.id)

    def epoch(self, row: Mapping[str, float]) -> None:
        """Send the row as that of the step of its epoch."""
        with _quiet():
            self._run.log({name: value for name, value in row.items() if name != "epoch"}, step=int(row["epoch"]))

    def end(self, end: End) -> None:
        """Send scores, pictures and the note as one more step, and wait until all is stored."""
        import trackio

        pictures = {name: trackio.Image(str(path)) for name, path in end.pictures.items()}
        note = {"result": trackio.Markdown(end.note)} if end.note else {}
        with _quiet():
            self._run.log({**end.figures, **pictures, **note}, step=end.step)
            trackio.finish()  # type: ignore[no-untyped-call]

    def stop(self, interrupted: bool) -> None:  # noqa: ARG002 - Trackio does not tell one from the other
        """Wait until all is stored; Trackio knows no interrupted runs."""
        import trackio

        with _quiet():
            trackio.finish()  # type: ignore[no-untyped-call]


@contextmanager
def _quiet() -> Iterator[None]:
    """Drop what Trackio prints, and raise SadariError where it warns: that is how it says that it failed."""
    with warnings.catch_warnings(record=True) as warned, redirect_stdout(StringIO()):
        warnings.simplefilter("always")
        yield
    failed = next((str(each.message) for each in warned if "rackio" in str(each.message)), "")
    if failed:
        raise SadariError(failed)
