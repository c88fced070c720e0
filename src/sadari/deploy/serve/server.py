"""Where does the application listen, and how does it stop?"""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI

from sadari.deploy.serve.limits import Limits
from sadari.deploy.serve.protocol import bounded_protocol
from sadari.errors import SadariError
from sadari.inference.classifier import Classifier
from sadari.inference.device import threads_for, use_machine
from sadari.progress import Progress
from sadari.settings import Settings

BACKLOG = 2048  # connections that wait to be accepted (uvicorn's default)


def listen(host: str, port: int, options: str = "--port or --host") -> socket.socket:
    """Return a socket that listens at `host` and `port` (0: any free one); raise SadariError where that cannot be.

    options: of the command, which the error names.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(BACKLOG)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise SadariError(f"cannot listen at {host} port {port}: {reason}; choose another {options}") from None
    return listening


def run(app: FastAPI, listening: socket.socket, limits: Limits) -> None:
    """Serve `app` until SIGTERM, Ctrl-C or SIGHUP (a closed terminal), then answer the requests under way.

    Returns after SIGTERM; after the others, does what the process did with them before: `sadari` raises
    KeyboardInterrupt.
    """
    config = uvicorn.Config(
        app, access_log=False, log_level="error", log_config=None, server_header=False,
        timeout_graceful_shutdown=round(limits.stop_seconds), backlog=BACKLOG, http=bounded_protocol(limits),
        ws="none",
    )  # fmt: skip
    # uvicorn repeats the signal after it has stopped; SIGTERM would then end a process that should exit with status 0.
    before = signal.signal(signal.SIGTERM, lambda number, frame: None)  # noqa: ARG005 - the signature is Python's
    server = uvicorn.Server(config)
    try:
        with _stopped_by_hangup(server):
            server.run(sockets=[listening])
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _stopped_by_hangup(server: uvicorn.Server) -> Iterator[None]:
    """Have SIGHUP stop `server`, which knows the other signals, and repeat it afterwards; below nohup, ignore it."""
    if not hasattr(signal, "SIGHUP") or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        yield
        return
    heard = False

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature is Python's
        nonlocal heard
        heard = server.should_exit = True

    before = signal.signal(signal.SIGHUP, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)
    if heard:
        signal.raise_signal(signal.SIGHUP)


@contextmanager
def opened_to_serve(
    path: Path | str, max_megapixels: float | None = None, progress: Progress | None = None
) -> Iterator[Classifier]:
    """Open the model in `path`, and compute within with as many threads as a single image keeps busy.

    Measured on two cores that other processes used too: 64 images of 28x28 through A4's cnn take 4 ms on one thread,
    and 9 to 36 ms on two, which wait for each other. Raises as `Classifier.open` does.
    """
    classifier = Classifier.open(path, max_megapixels, progress)
    device = str(next(classifier.model.network.parameters()).device)
    settings = Settings(device=device, batch_size=1)
    with use_machine(settings, threads_for(settings, classifier.shape)):
        yield classifier
