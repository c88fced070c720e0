"""How does this process join a Ray cluster? As a driver on one of its nodes, quietly, until the comparison is done."""

import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any

from sadari.errors import SadariError, UsageError, missing_package

AUTO = "auto"
# What Ray would do by itself: report its use to its makers, and copy the current folder to all nodes below `uv run`.
OFF = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}
PRINTS = "print_to_stdstream"  # the function of Ray by which a driver prints what other processes report
ANSWER_SECONDS = 5.0  # assumed: a cluster in reach accepts a connection sooner; Ray itself would try for a minute
HOW = "start one with `ray start --head`, or name its address: --ray HOST:6379"


@contextmanager
def joined(address: str) -> Iterator[None]:
    """Be a driver of the cluster at `address` inside: "auto" for the one that this machine belongs to, or HOST:PORT.

    A process that is one already stays so. Raises UsageError for an address that is none, SadariError where no cluster
    answers there, or where Ray is not installed.
    """
    require_address(address)
    for name, value in OFF.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ModuleNotFoundError as error:
        raise missing(error.name) from None
    if ray.is_initialized():
        yield
        return
    with _own_signals():
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, configure_logging=False)
        except (ConnectionError, ValueError, RuntimeError, OSError) as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise SadariError(f"no Ray cluster can be joined at '{address}' ({reason[0]}); {HOW}") from None
    try:
        with _unheard():
            yield
    finally:
        ray.shutdown()


def require_address(address: str) -> None:
    """Raise UsageError for an `address` that is none, SadariError where nothing answers at it.

    Of "auto" that is looked at which the variable RAY_ADDRESS names, if it does.
    """
    address = os.environ.get("RAY_ADDRESS", AUTO) if address == AUTO else address
    if address.startswith("ray://"):
        raise UsageError(
            f"'{address}' is an address of Ray's client; start the command on a node of the cluster, such as by "
            "`ray job submit`, and name HOST:PORT or auto"
        )
    if address == AUTO:
        return
    host, colon, port = address.rpartition(":")
    if not (colon and host and port.isdecimal() and 0 < int(port) < 2**16):
        raise UsageError(f"--ray is auto or HOST:PORT, not '{address}'")
    try:
        _knock(address)
    except OSError as error:
        raise SadariError(f"no Ray cluster answers at '{address}' ({error.strerror or error}); {HOW}") from None


def _knock(address: str) -> None:
    """Raise OSError where nothing accepts a connection at `address`, HOST:PORT."""
    host, _, port = address.rpartition(":")
    with closing(socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_SECONDS)):
        pass


def missing(package: str | None = "ray") -> SadariError:
    """Return the error for Ray, or a package that it needs, that is not installed."""
    return missing_package("training on a Ray cluster", package, "ray")


def installed() -> str:
    """Return the version of Ray; "" where it is not installed."""
    with suppress(PackageNotFoundError):
        return version("ray")
    return ""


def cluster_here() -> str:
    """Return the address of the cluster that "auto" means here; "" where none answers."""
    stored = Path(os.environ.get("RAY_TMPDIR", "/tmp")) / "ray" / "ray_current_cluster"
    with suppress(OSError, ValueError):
        address = os.environ.get("RAY_ADDRESS") or stored.read_text(encoding="utf-8").strip()
        _knock(address)
        return address
    return ""


@contextmanager
def _unheard() -> Iterator[None]:
    """Leave what Ray's processes report, such as that a node died, to Ray's own logs.

    It would print it on standard output, amid tables and JSON documents; what it means for a run is said anyway.
    """
    from ray._private import worker

    printed: Any = getattr(worker, PRINTS, None)
    if printed is None:  # a version of Ray that does it another way
        yield
        return
    setattr(worker, PRINTS, lambda *_, **__: None)
    try:
        yield
    finally:
        setattr(worker, PRINTS, printed)


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep what this process does on signals, which Ray replaces."""
    if current_thread() is not main_thread():
        yield
        return
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
