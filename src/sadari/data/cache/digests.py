"""Where is decoded and computed data stored between runs, and which digest do these files have?"""

import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from stat import S_IWOTH

from sadari.errors import SadariError
from sadari.files import write_json

ROOT = 0  # the user id of the administrator, who may give a folder to a group
DIGEST_BYTES = 20
READ_BYTES = 1 << 20
# Mean bytes of a file from which several are read and hashed at a time. Both leave the interpreter to other threads;
# of small files, handing them over takes longer (assumed).
SHARED_FROM = 1 << 18
# Assumed: a file written this recently could change again within one tick of the file system's clock
# (FAT has the coarsest, 2 s), so its digest is computed again next time instead of being remembered.
SETTLED_SECONDS = 3.0


def cache_dir() -> Path:
    """Return the folder of packs and digests: SADARI_CACHE_DIR, else ~/.cache/sadari; made where it is missing.

    Raises SadariError where it cannot be made or written, and where others than this user could put something into it.
    """
    try:
        folder = Path(os.environ.get("SADARI_CACHE_DIR") or "~/.cache/sadari").expanduser().absolute()
    except RuntimeError:
        raise SadariError(
            "there is no home folder to keep decoded images in; set SADARI_CACHE_DIR to a folder that can be written"
        ) from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stat = folder.stat()
    except OSError as error:
        raise SadariError(_unwritable(folder, error.strerror or str(error))) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SadariError(_unwritable(folder, "not writable"))
    if hasattr(os, "geteuid"):
        if stat.st_uid not in (os.geteuid(), ROOT):
            raise SadariError(_unwritable(folder, "it belongs to another user"))
        if stat.st_mode & S_IWOTH:
            raise SadariError(_unwritable(folder, "every user of this machine can write to it"))
    return folder


def _unwritable(folder: Path, reason: str) -> str:
    return f"cannot keep decoded images in {folder} ({reason}); set SADARI_CACHE_DIR to a folder that can be written"


def digest_texts(*texts: str) -> str:
    """Return the hexadecimal digest of a list of texts; no two different lists share one."""
    digest = blake2b(digest_size=DIGEST_BYTES)
    for text in texts:
        encoded = text.encode("utf-8", "surrogateescape")
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
    return digest.hexdigest()


def remembered_digest(files: Sequence[Path], *texts: str) -> str:
    """Return the digest of the bytes of `files` (in this order) together with `texts`.

    Files are read once; then the digest is stored in the cache folder under the files' paths, sizes and times, so that
    the second call reads no file. Paths do not enter the digest. Raises SadariError for an unreadable file, and where
    the files change meanwhile.
    """
    started = time.time()
    signature, newest = _signature(files)
    memory = cache_dir() / "digests" / f"{digest_texts(signature, *texts)}.json"
    known = _recall(memory)
    if known:
        return known
    digest = digest_texts(*texts, *_digest_files(files))
    if _signature(files)[0] != signature:
        raise SadariError(f"{files[0].parent} changed while it was being read; run the command again when it rests")
    if newest < started - SETTLED_SECONDS:
        # Where it cannot be stored only time is lost; packing says what is wrong with the folder.
        with suppress(OSError, SadariError):
            write_json(memory, {"digest": digest})
    return digest


def _signature(files: Sequence[Path]) -> tuple[str, float]:
    """Return a text that changes when a file is replaced or edited, and the time of the newest edit."""
    digest = blake2b(digest_size=DIGEST_BYTES)
    newest = 0.0
    for path in files:
        try:
            stat = path.stat()
        except OSError as error:
            raise SadariError(f"cannot read {path}: {error.strerror or error}") from None
        digest.update(f"{path.absolute()}\0{stat.st_size}\0{stat.st_mtime_ns}\0{stat.st_ctime_ns}\0".encode())
        newest = max(newest, stat.st_mtime)
    return digest.hexdigest(), newest


def _recall(memory: Path) -> str:
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))["digest"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return known if isinstance(known, str) else ""


def _digest_files(files: Sequence[Path]) -> list[str]:
    """Return the digest of each file, in order; of large files several are read at a time."""
    try:
        mean = sum(path.stat().st_size for path in files) / max(1, len(files))
    except OSError:  # the file itself is named when it is read
        mean = 0.0
    if len(files) == 1 or mean < SHARED_FROM:
        return [_digest_file(path) for path in files]
    with ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="digest") as pool:
        try:
            return list(pool.map(_digest_file, files))
        finally:
            pool.shutdown(cancel_futures=True)


def _digest_file(path: Path) -> str:
    digest = blake2b(digest_size=DIGEST_BYTES)
    try:
        with path.open("rb") as file:
            while block := file.read(READ_BYTES):
                digest.update(block)
    except OSError as error:
        raise SadariError(f"cannot read {path}: {error.strerror or error}") from None
    return digest.hexdigest()
