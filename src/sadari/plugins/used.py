"""Which plug-ins did a run use, and are they here, unchanged? Stored in its folder as names, versions and digests.

A record is {"kind", "name", "module", "distribution", "version", "source_sha256"}. It is compared and named in
sentences; nothing in it is imported.
"""

import inspect
import sys
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

from sadari.errors import SadariError
from sadari.plugins.offers import KINDS, SCRIPT, Offer, offered, only, warn

Record = Mapping[str, Any]
KEYS = ("kind", "name", "module", "distribution", "version", "source_sha256")
MOST_FILES = 1_000  # of a package whose source is digested (assumed: no plug-in has more)


class MissingPluginError(SadariError):
    """A run needs something that a plug-in offered when it was made, and that nothing offers here."""


def records_of(names: Mapping[str, Iterable[str]]) -> list[dict[str, str]]:
    """Return the records of those of `names` (by kind) that plug-ins offer; none for entries of Sadari's own.

    Raises UsageError for a name that several packages offer, and where one cannot be imported.
    """
    found = []
    for kind, wanted in names.items():
        offers = offered(kind)
        found += [_record(only(kind, name, offers[name]).load()) for name in dict.fromkeys(wanted) if name in offers]
    return found


def checked_records(document: Any) -> list[Record]:
    """Return the records of a document that anybody may have written; raise TypeError or ValueError for others."""
    if not isinstance(document, list):
        raise TypeError(f"plug-ins are a list, not {type(document).__name__}")
    for each in document:
        if not isinstance(each, dict) or each.get("kind") not in KINDS:
            raise ValueError("a plug-in has one of the kinds that there are")
        if any(not isinstance(each.get(key), str) for key in KEYS):
            raise ValueError(f"a plug-in has the texts {', '.join(KEYS)}")
    return document


def is_here(record: Record) -> bool:
    """Return whether something offers the entry of this record here; nothing is imported but what the user names."""
    return record["name"] in offered(record["kind"])


def require_here(records: Sequence[Record], what: str) -> None:
    """Raise MissingPluginError for the first of `records` that nothing offers here. what: the start of its sentence."""
    for each in records:
        if not is_here(each):
            raise MissingPluginError(f"{what} {described(each)}, which is not here; {how_to_get(each)}")


def changed(records: Sequence[Record]) -> Record | None:
    """Return the first of `records` whose source is another one here; None where all are as they were, or missing."""
    for each in records:
        if is_here(each) and each["source_sha256"]:
            now = records_of({each["kind"]: [each["name"]]})
            if now and now[0]["source_sha256"] not in ("", each["source_sha256"]):
                return each
    return None


def warn_of_changes(records: Sequence[Record], what: str) -> None:
    """Warn where the source of one of `records` has changed. what: what was made with it, as "the run PATH"."""
    other = changed(records)
    if other:
        warn(f"{described(other)} has changed since {what} was trained; its answers may be others now")


def described(record: Record) -> str:
    """Return a record as sentences name it: "the layer 'scale' of sadari-extras 0.1"."""
    return f"the {record['kind']} '{record['name']}' of {_package(record)}"


def how_to_get(record: Record) -> str:
    """Return how a plug-in that is not here is brought, as the end of a sentence."""
    if record["distribution"]:
        return f"install {_package(record)}"
    if record["module"] == SCRIPT:
        return "import the script or notebook that made it"
    return f"name its module, if you trust it: --plugins {record['module']}"


def _package(record: Record) -> str:
    return f"{record['distribution']} {record['version']}".strip() or f"the module {record['module']}"


def _record(offer: Offer) -> dict[str, str]:
    module = str(getattr(offer.made, "__module__", None) or offer.module)
    where = module if module in sys.modules and not module.startswith("sadari.") else offer.module
    distribution, installed = offer.distribution, offer.version
    if not distribution and where != SCRIPT:
        distribution = next(iter(packages_distributions().get(where.partition(".")[0], [])), "")
        installed = version(distribution) if distribution else ""
    return {
        "kind": offer.kind,
        "name": offer.name,
        "module": where,
        "distribution": distribution,
        "version": installed,
        "source_sha256": source_sha256(where, offer.made),
    }


def source_sha256(module: str, made: Any = None) -> str:
    """Return the digest of the Python source that `module` belongs to: all files of its package, or its own file.

    Of a script or a notebook it is that of the text of `made` alone. "" where there is no source.
    """
    if module == SCRIPT:
        try:
            return sha256(inspect.getsource(made).encode()).hexdigest()
        except (OSError, TypeError):
            return ""
    top = sys.modules.get(module.partition(".")[0])
    folders = [Path(each) for each in getattr(top, "__path__", [])]
    own = getattr(sys.modules.get(module), "__file__", None)
    files = [(each.relative_to(folder), each) for folder in folders for each in sorted(folder.rglob("*.py"))]
    if not folders or len(files) > MOST_FILES:
        files = [(Path(Path(own).name), Path(own))] if own else []
    digest = sha256()
    for name, path in files:
        try:
            content = path.read_bytes()
        except OSError:
            continue
        digest.update(f"{name.as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest() if files else ""
