"""Where does the application listen, and how does it stop?"""

import signal
import socket
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from sadari.deploy.serve.limits import Limits
from sadari.errors import SadariError
from sadari.inference.classifier import Classifier
from sadari.inference.device import threads_for, use_machine
from sadari.settings import Settings

WAITING_CONNECTIONS = 2048  # that the system accepts for us (uvicorn's default)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at `host` and `port`, 0 for any free one; raises SadariError where it cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(WAITING_CONNECTIONS)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise SadariError(f"cannot listen at {host} port {port}: {reason}; choose another --port or --host") from None
    return listening


def run(app: FastAPI, listening: socket.socket, limits: Limits) -> None:
    """Serve `app` until SIGTERM or Ctrl-C, and then answer what is under way.

    Returns after SIGTERM; raises KeyboardInterrupt after Ctrl-C.
    """
    config = uvicorn.Config(
        app, access_log=False, log_level="warning", server_header=False,
        timeout_graceful_shutdown=round(limits.stop_seconds), backlog=WAITING_CONNECTIONS,
    )  # fmt: skip
    # uvicorn sends itself the signal again when it has stopped; SIGTERM would then kill a process that has done well.
    before = signal.signal(signal.SIGTERM, lambda number, frame: None)  # noqa: ARG005 - the signature is Python's
    try:
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        signal.signal(signal.SIGTERM, before)


def open_to_serve(path: Path | str) -> Classifier:
    """`Classifier.open`, with as many threads as a single image can keep busy instead of a whole batch of training.

    Measured on two cores that others used too: 64 images of 28x28 through A4's cnn take 4 ms on one thread, and 9 to 36
    on two, which wait for each other. Raises as `Classifier.open` does.
    """
    classifier = Classifier.open(path)
    device = str(next(classifier.model.network.parameters()).device)
    settings = Settings(device=device, batch_size=1)
    use_machine(settings, threads_for(settings, classifier.shape))
    return classifier
