"""What does a project remember of an entry? A small file that is committed: what was asked, and what came out.

It has no time, no path of a machine and no duration, so that the same runs give the same bytes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sadari.comparison.claims.claim import claimed_to_fail
from sadari.comparison.claims.verdict import NOT_SHOWN, REFUTED, SUPPORTED
from sadari.comparison.result import ComparisonResult
from sadari.deploy.export import Exported
from sadari.errors import SadariError
from sadari.files import read_json, write_json
from sadari.project.asked import Document, packages_of, version_here
from sadari.project.entries import ComparisonEntry, Entry, ExportEntry, TuningEntry
from sadari.tuning.result import TuneResult

DIGITS = 6  # of a figure; more change with nothing that a reader sees
EXPORT = "export.json"  # beside an exported model: its record, since git may take the committed one back
REMEDY = "remove it, and sadari run writes it anew"  # what can be done where it is damaged, as by a merge of git
SHOWN = 6  # arms in one sentence


def comparison_record(
    entry: ComparisonEntry, asked: Mapping[str, Any], images: Mapping[str, Any], result: ComparisonResult
) -> Document:
    """Return what is stored of a comparison. asked, images: as `asked.py` makes them."""
    failing = claimed_to_fail(entry.study.claims)
    return {
        **_head(entry, asked, {**images, **result.data.counts}, result),
        **_figures(result),
        "failed": [each.name for each in result.arms if each.reason and each.name not in failing],
    }


def search_record(
    entry: TuningEntry, asked: Mapping[str, Any], images: Mapping[str, Any], result: TuneResult
) -> Document:
    """Return what is stored of a search for settings: the best trial, and its final comparison with the default."""
    assert result.final is not None  # `tune` returns none without it
    best = result.best
    return {
        **_head(entry, asked, {**images, **result.final.data.counts}, result.final),
        "tried": len(result.trials),
        "best": {"name": best.name, "settings": dict(best.params), "val_accuracy": best.accuracy} if best else None,
        "sentences": [result.gain, result.curse],
        **_figures(result.final),
        "failed": [each.name for each in result.final.arms if each.reason],
    }


def export_record(entry: ExportEntry, run: str, digest: str, made: Exported) -> Document:
    """Return what is stored of an export. run: the folder's name of the exported run; digest: of its model."""
    return {
        "entry": entry.name,
        "kind": entry.kind,
        "judged_by": version_here(),
        "asked": asked_of_export(entry),
        "run": run,
        "model_sha256": digest,
        "file": made.path.name,
        "shape": list(made.shape),
        "classes": list(made.classes),
    }


def asked_of_export(entry: ExportEntry) -> Document:
    """Return what decides an export, besides the run."""
    return {"of": entry.of, "to": entry.to, "quantize": entry.quantize}


def _head(entry: Entry, asked: Mapping[str, Any], images: Mapping[str, Any], result: ComparisonResult) -> Document:
    environments = [record.environment for records in result.records.values() for record in records]
    return {
        "entry": entry.name,
        "kind": entry.kind,
        "judged_by": version_here(),
        "trained_by": packages_of(environments),
        "images": dict(images),
        "asked": dict(asked),
    }


def _figures(result: ComparisonResult) -> Document:
    return {
        "judged_on": result.data.judged_on,
        "arms": [
            {
                "name": each.name,
                "accuracy": each.accuracy.mean if each.accuracy else None,
                "low": each.accuracy.low if each.accuracy else None,
                "high": each.accuracy.high if each.accuracy else None,
                "seeds": list(each.seeds),
                **({"reason": each.reason} if each.reason else {}),
            }
            for each in result.arms
        ],
        "chosen": {"arm": result.chosen.name, "by": result.chosen_by} if result.chosen else None,
        "verdicts": [
            {
                "a": each.a,
                "b": each.b,
                "difference": each.difference,
                "low": each.low,
                "high": each.high,
                "p": each.p,
                "verdict": each.verdict,
            }
            for each in result.verdicts
        ],
        "claims": [{"claim": each.claim, "verdict": each.verdict, "sentence": each.sentence} for each in result.claims],
    }


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write the record of an entry, whole or not at all."""
    write_json(path, rounded(record))


def read_record(path: Path, entry: Entry) -> Document | None:
    """Read the record of `entry`; None where there is none. Raises SadariError where it is damaged."""
    if not path.is_file():
        return None
    record = read_json(path, REMEDY)
    if record.get("kind") != entry.kind:
        return None  # of another entry, which had this name
    if not isinstance(record.get("asked"), dict):
        raise SadariError(f"{path} is damaged: it does not say what was asked; {REMEDY}")
    return record


def is_exported(folder: Path, record: Mapping[str, Any]) -> bool:
    """Return whether `folder` holds the export that `record` is of, and not that of another run or form."""
    if not (folder / record["file"]).exists() or not (folder / EXPORT).is_file():
        return False
    held = read_json(folder / EXPORT, REMEDY)
    return all(held.get(key) == record[key] for key in ("asked", "model_sha256"))


def rounded(value: Any) -> Any:
    """Return `value` with DIGITS digits behind the point of each figure."""
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    return round(value, DIGITS) if isinstance(value, float) else value


def summary(record: Mapping[str, Any]) -> str:
    """Return what came out, in one line: accuracies and verdicts on claims, or the exported run."""
    if "run" in record:
        return f"{record['file']}, of {record['run']}"
    arms = record.get("arms", [])
    said = [
        f"{each['name']} {each['accuracy']:.3f}" if each["accuracy"] is not None else f"{each['name']} failed"
        for each in arms[:SHOWN]
    ]
    more = [f"{len(arms) - SHOWN} more"] if len(arms) > SHOWN else []
    verdicts = [each["verdict"] for each in record.get("claims", [])]
    counted = [f"{verdicts.count(word)} {word}" for word in (SUPPORTED, REFUTED, NOT_SHOWN) if word in verdicts]
    claims = f"; claims: {', '.join(counted)}" if counted else ""
    return f"{', '.join([*said, *more])}{claims}"


def changed_figures(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return which accuracies are others than those that were committed for the same request; "" where none is."""
    then = {each["name"]: each["accuracy"] for each in before.get("arms", [])}
    moved = [
        f"{each['name']} {_figure(then[each['name']])} -> {_figure(each['accuracy'])}"
        for each in rounded(after)["arms"]
        if each["name"] in then and then[each["name"]] != each["accuracy"]
    ]
    return ", ".join(moved)


def seeds_failed(record: Mapping[str, Any] | None) -> dict[str, str]:
    """Return why seeds of an arm failed, by its name, as the record has it."""
    return {each["name"]: each["reason"] for each in (record or {}).get("arms", ()) if each.get("reason")}


def _figure(value: float | None) -> str:
    return "failed" if value is None else f"{value:.4f}"
