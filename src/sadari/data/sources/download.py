"""How is a file downloaded whole? Resumed where it broke off, verified, and only then given its name."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from sadari.errors import SadariError
from sadari.progress import Progress, Silent
from sadari.unfinished import UNFINISHED

# Assumed: long enough for a slow server's first byte, short enough not to look hung.
TIMEOUT_SECONDS = 30.0
CHUNK = 1 << 20


@dataclass(frozen=True)
class Remote:
    """A file to download, with the sum that verifies it.

    urls: mirrors of the same bytes, tried in order. md5: hexadecimal, of the whole file; it shows damage, and
    everything else depends on the publisher of the sum.
    """

    urls: tuple[str, ...]
    md5: str

    @property
    def name(self) -> str:
        """Return the name of the file on the server."""
        return urlsplit(self.urls[0]).path.rsplit("/", 1)[-1]


class _BrokenOffError(Exception):
    """A download that a mirror did not complete; the text says why, and what has arrived stays."""


def file_md5(path: Path) -> str:
    """Return the MD5 of a file's bytes, hexadecimal."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def fetch(remote: Remote, target: Path, progress: Progress | None = None, remedy: str = "") -> None:
    """Download `remote` to the path `target`, whole and verified, or not at all.

    What has arrived stays in the unfinished file `target` + ".part", and the next call goes on from there (HTTP
    Range); a server without Range sends the whole file again. Raises SadariError where no mirror delivers, with
    `remedy` (what to do without a network), where the sum is wrong (the unfinished file is removed), or where the disk
    refuses.
    """
    unfinished = target.with_name(target.name + UNFINISHED)
    reasons: list[str] = []
    for url in remote.urls:
        try:
            with _disk_trouble(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                _receive_verified(url, remote.md5, unfinished, progress or Silent())
                unfinished.replace(target)
            return
        except _BrokenOffError as error:
            reasons.append(f"{urlsplit(url).netloc}: {error}")
    remedy = remedy or f"try again with a network, or put the file at {target}"
    raise SadariError(f"cannot download {remote.name} ({'; '.join(reasons)}); {remedy}")


@contextmanager
def _disk_trouble(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SadariError(
            f"cannot write {target}: {error.strerror or error}; make room there or set SADARI_DATA_DIR elsewhere"
        ) from error


def _receive_verified(url: str, md5: str, unfinished: Path, progress: Progress) -> None:
    resumed = unfinished.exists() and unfinished.stat().st_size > 0
    _receive(url, unfinished, progress)
    received = file_md5(unfinished)
    if received == md5:
        return
    unfinished.unlink()
    if resumed:
        # The unfinished file may be of another file; a fresh copy decides whether the server's is the wrong one.
        _receive_verified(url, md5, unfinished, progress)
        return
    raise _BrokenOffError(f"what arrived has MD5 {received} instead of {md5} and was removed")


def _receive(url: str, unfinished: Path, progress: Progress) -> None:
    """Append to `unfinished` what is missing of `url`."""
    have = unfinished.stat().st_size if unfinished.exists() else 0
    with _reply(url, have) as reply:
        if reply is None:
            return
        start = have if reply.status == 206 and _starts_at(reply, have) else 0
        length = reply.headers.get("Content-Length")
        total = start + int(length) if length and length.isdigit() else 0
        mode = "ab" if start else "wb"
        with unfinished.open(mode) as file, progress.task(unfinished.stem, total, "bytes") as task:
            task.advance(start)
            for block in _blocks(reply):
                file.write(block)
                task.advance(len(block))
            arrived = file.tell()
    if arrived < total:
        raise _BrokenOffError(f"the connection ended after {arrived:,} of {total:,} bytes, which are kept")


@contextmanager
def _reply(url: str, have: int) -> Iterator[HTTPResponse | None]:
    """Open the server's reply to a request from byte `have` on; None where there is nothing after it."""
    headers = {"User-Agent": "sadari", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        reply = urlopen(Request(url, headers=headers), timeout=TIMEOUT_SECONDS)
    except HTTPError as error:
        error.close()
        if error.code != 416:
            raise _BrokenOffError(f"the server answered {error.code} {error.reason}") from error
        # Range not satisfiable: the unfinished file is as long as the whole, or longer; its sum decides.
        yield None
        return
    except (OSError, HTTPException) as error:
        raise _BrokenOffError(_reason(error)) from error
    with reply:
        yield reply


def _starts_at(reply: HTTPResponse, have: int) -> bool:
    sent = str(reply.headers.get("Content-Range", ""))
    if not sent.startswith(f"bytes {have}-"):
        raise _BrokenOffError(f"the server was asked for bytes from {have} and sent '{sent}'")
    return True


def _blocks(reply: HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            block = reply.read(CHUNK)
        except (OSError, HTTPException) as error:
            raise _BrokenOffError(f"{_reason(error)}; what arrived is kept") from error
        if not block:
            return
        yield block


def _reason(error: Exception) -> str:
    inner = getattr(error, "reason", error)
    return getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
