"""Where do the figures come from? Machine, versions and settings of the runs, as text."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from sadari.run import RunRecord


def environment_of(records: Sequence[RunRecord]) -> dict[str, str]:
    """Return what the runs ran on: a label and a text each; where runs differ, all texts that there are."""
    stamps = [_stamp(record) for record in records]
    settings = [record.job.settings for record in records]
    texts = {
        "machine": _distinct(_machine(each) for each in stamps),
        "device": _distinct(each.device for each in settings),
        "precision": _distinct(each.precision for each in settings),
        "threads": _distinct(str(each.get("threads", "")) for each in stamps),
        "Python": _distinct(str(each.get("python", "")) for each in stamps),
    }
    packages = dict.fromkeys(name for each in stamps for name in each.get("packages", {}))
    for name in packages:
        texts[name] = _distinct(str(each.get("packages", {}).get(name, "")) for each in stamps)
    texts["images"] = _distinct(str(each.get("data", {}).get("fingerprint", "")) for each in stamps)
    return {label: text for label, text in texts.items() if text}


def installed_version() -> str:
    """Return the version of Sadari that writes the report."""
    try:
        return version("sadari")
    except PackageNotFoundError:
        return "not installed"


def _stamp(record: RunRecord) -> Mapping[str, Any]:
    return record.environment if record.begun else {}


def _machine(stamp: Mapping[str, Any]) -> str:
    cores = f"{stamp['cores']} {'core' if stamp['cores'] == 1 else 'cores'}" if stamp.get("cores") else ""
    return ", ".join(filter(None, [stamp.get("system", ""), stamp.get("processor", ""), cores]))


def _distinct(texts: Iterable[str]) -> str:
    return " / ".join(dict.fromkeys(filter(None, texts)))
