"""How is another process of Sadari started that works for this one? A fresh one, which gets and answers lines."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import IO


def start_process(module: str, variables: Mapping[str, str]) -> "subprocess.Popen[str]":
    """Start `python -m module`, with pipes to its input and from its output, and return it.

    It is a fresh process, as one that is forked after torch has started threads would hang. It finds the modules that
    this one finds, and has its command line, which runs store. Its session is its own, so that Ctrl-C reaches it
    through this process alone. variables: of its environment, on top of this one's.
    """
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, *sys.argv[1:]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **variables},
        start_new_session=True,
    )


def pipes(process: "subprocess.Popen[str]") -> tuple[IO[str], IO[str]]:
    """Return what a process that `start_process` has started reads, and what it writes."""
    assert process.stdin is not None and process.stdout is not None
    return process.stdin, process.stdout


def own_output() -> IO[str]:
    """Return standard output for what such a process answers; all else that it prints goes to standard error."""
    own = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return own


def how_it_ended(status: int) -> str:
    """Return how a process with the exit status `status` ended, as part of a sentence."""
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
