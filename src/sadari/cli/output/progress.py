"""How does a terminal show that work goes on? By bars, or by plain lines where the output is no terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from sadari.cli.output.console import stderr_console

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

LINE_EVERY = 30.0  # seconds between two plain lines of one long task (assumed: alive, yet not a flood)


class TerminalProgress:
    """Progress on standard error: `say` prints a line; a task is a bar, or a line now and then.

    Tasks that are under way at the same time have their bars below each other.
    """

    def __init__(self) -> None:
        self._console = stderr_console()
        self._display: RichProgress | None = None
        self._shown = 0  # bars

    def say(self, sentence: str) -> None:
        """Print a sentence on a line of its own."""
        self._console.print(sentence, markup=False, soft_wrap=True)

    @contextmanager
    def task(self, label: str, total: int, unit: str) -> Iterator["_Bar | _Lines"]:
        """Show a task of `total` steps (0: nobody knows), counted in `unit`, until the end of the `with` block."""
        if not sys.stderr.isatty():
            lines = _Lines(self, label, total, unit)
            yield lines
            lines.finish()
            return
        bar = _Bar(self._opened(), label, total, unit)
        try:
            yield bar
        finally:
            bar.remove()
            self._close()

    def _opened(self) -> "RichProgress":
        """Return the display, and start it with the first of its bars."""
        if self._display is None:
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as RichProgress

            columns = (
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
            )
            self._display = RichProgress(*columns, console=self._console, transient=True, refresh_per_second=4)
            self._display.start()
        self._shown += 1
        return self._display

    def _close(self) -> None:
        """End the display with the last of its bars."""
        self._shown -= 1
        if not self._shown and self._display is not None:
            self._display.stop()
            self._display = None


class _Bar:
    """One bar of the display."""

    def __init__(self, bars: "RichProgress", label: str, total: int, unit: str) -> None:
        self._bars, self._unit, self._done, self._started = bars, unit, 0, monotonic()
        self._task = bars.add_task(label, total=total or None, rate="", note="")

    def advance(self, count: int, note: str = "") -> None:
        self._done += count
        rate = self._done / max(monotonic() - self._started, 1e-9)
        self._bars.update(self._task, advance=count, note=note, rate=f"{rate:,.0f} {self._unit}/s")

    def remove(self) -> None:
        """Remove the bar, whether the work is done or has failed."""
        self._bars.remove_task(self._task)


class _Lines:
    """One line when a task has taken long, and one at its end."""

    def __init__(self, progress: TerminalProgress, label: str, total: int, unit: str) -> None:
        self._progress, self._label, self._total, self._unit = progress, label, total, unit
        self._done, self._note, self._long = 0, "", False
        self._started = self._printed = monotonic()

    def advance(self, count: int, note: str = "") -> None:
        self._done += count
        self._note = note or self._note
        if monotonic() - self._printed >= LINE_EVERY:
            self._long = True
            self._print()

    def finish(self) -> None:
        if self._long:
            self._print()

    def _print(self) -> None:
        self._printed = monotonic()
        rate = self._done / max(self._printed - self._started, 1e-9)
        of_all = f"/{self._total:,}" if self._total else ""
        counted = f"{self._done:,}{of_all} {self._unit}, {rate:,.0f}/s"
        self._progress.say(f"{self._label}: {counted}" + (f", {self._note}" if self._note else ""))
