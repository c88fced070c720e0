"""How is a cell timed? As a whole process, from its start until its predictions are written."""

import os
import resource
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sadari.errors import SadariError


class FailedError(SadariError):
    """A process that ended without predictions."""


@dataclass(frozen=True)
class Timing:
    """Seconds by the clock until the predictions were written, and until the process had ended; and of the processor.

    cpu: of the process and its children, all cores together.
    """

    seconds: float
    process: float
    cpu: float


def timed(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, predictions: Path, log: Path, limit: float
) -> Timing:
    """Run `command` in `folder` with everything that it prints in `log`, and return its seconds.

    Raises FailedError where it fails, writes no `predictions` or takes more than `limit` seconds; whatever happens, no
    process of it goes on.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file:
        started, clock, before = time.time(), time.perf_counter(), _cpu()
        process = subprocess.Popen(
            command, stdout=file, stderr=file, stdin=subprocess.DEVNULL, cwd=folder, env=environment,
            start_new_session=True,
        )  # fmt: skip
        try:
            status = process.wait(limit)
            ended = time.perf_counter() - clock
        except subprocess.TimeoutExpired:
            raise FailedError(f"took more than {limit:g} seconds") from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if status:
        raise FailedError(last_line(log) or f"exit status {status}")
    if not predictions.is_file():
        raise FailedError(f"wrote no {predictions.name}")
    return Timing(predictions.stat().st_mtime - started, ended, _cpu() - before)


def _cpu() -> float:
    """Return the seconds of the processor of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def last_line(log: Path) -> str:
    """Return the last line of a log that is not empty, "" for none."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "")
