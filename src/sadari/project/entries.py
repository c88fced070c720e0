"""Which entries may a project file have, and what does each table mean? The requests that the commands make, too."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from sadari.comparison.compare import require_margin
from sadari.comparison.seeds.chosen import Seeds
from sadari.comparison.study import KEYS as STUDY_KEYS
from sadari.comparison.study import Study, beside, read_study, require_known, study_of, table_of, text_of, yes_or_no
from sadari.errors import UsageError
from sadari.models.own.named import find_code
from sadari.models.own.reference import is_own
from sadari.settings import Value
from sadari.tuning.plan import Plan, plan_tuning
from sadari.tuning.space import text_of as searched_text

SEEDS = 3  # of a comparison that names none, as of `sadari compare`
BESIDES = ("margin", "robustness")  # keys of a comparison that a study has not
OF_STUDY_FILE = ("study", "data", "seeds", "settings", *BESIDES)
TUNE_KEYS = ("data", "model", "search", "settings", "trials", "budget", "seeds", "seed", "objective", "pruner")
EXPORT_KEYS = ("of", "to", "quantize")
FORMS = ("onnx", "safetensors", "web")  # of an export


@dataclass(frozen=True)
class ComparisonEntry:
    """A comparison. margin: within which arms may be found equal. robustness: judged on corrupted images too."""

    kind: ClassVar[str] = "compare"
    name: str
    study: Study
    margin: float | None = None
    robustness: bool = False


@dataclass(frozen=True)
class TuningEntry:
    """A search for the settings of a model."""

    kind: ClassVar[str] = "tune"
    name: str
    plan: Plan


@dataclass(frozen=True)
class ExportEntry:
    """The export of the best run, by validation, of another entry. of: its name. to, quantize: as of `export`."""

    kind: ClassVar[str] = "export"
    name: str
    of: str
    to: str
    quantize: str


Entry = ComparisonEntry | TuningEntry | ExportEntry
KINDS = (ComparisonEntry.kind, TuningEntry.kind, ExportEntry.kind)


def read_entry(kind: str, name: str, table: Mapping[str, Any], common: Mapping[str, Any], path: Path) -> Entry:
    """Return the entry that `table` describes. common: `data`, `seeds` and `settings` of the project. path: its file.

    Raises UsageError for what makes no sense.
    """
    table, common = _with_paths(table, path), _with_paths(common, path)
    if kind == ExportEntry.kind:
        return _export(name, table)
    if kind == TuningEntry.kind:
        # A list of seeds, or auto, is what comparisons of the project have.
        own = {key: each for key, each in common.items() if key != "seeds" or isinstance(each, int)}
        return _tuning(name, _completed(table, own), path)
    margin = _number(table, "margin")
    require_margin(margin)
    robustness = yes_or_no(table, "robustness")
    if "study" in table:
        require_known(table, OF_STUDY_FILE, "key beside `study`")
        return ComparisonEntry(name, _study_file(table, path), margin, robustness)
    require_known(table, ("study", *STUDY_KEYS, *BESIDES), "key")
    document = {key: value for key, value in table.items() if key not in BESIDES}
    redrawn = any(key in table for key in ("splits", "folds"))  # where `seeds` are for each draw, and 1 is usual
    document = _completed(document, {"seeds": SEEDS, **common} if not redrawn else {**common, "seeds": 1})
    return ComparisonEntry(name, study_of(document, path), margin, robustness)


def _completed(table: Mapping[str, Any], common: Mapping[str, Any]) -> dict[str, Any]:
    """Return `table` with what the project says for every entry, where the entry does not say it itself."""
    settings = {**table_of(common, "settings", "settings"), **table_of(table, "settings", "settings")}
    return {**common, **table, "settings": settings}


def _study_file(table: Mapping[str, Any], path: Path) -> Study:
    file = path.parent / text_of(table, "study")
    data, seeds = text_of(table, "data"), table.get("seeds")
    return read_study(
        file,
        data=beside(path, data) if data else None,
        seeds=Seeds.of(tuple(seeds) if isinstance(seeds, list) else seeds) if seeds is not None else None,
        overrides=table_of(table, "settings", "settings"),
    )


def _tuning(name: str, table: Mapping[str, Any], path: Path) -> TuningEntry:
    require_known(table, TUNE_KEYS, "key")
    data, model = text_of(table, "data"), text_of(table, "model")
    if not data or not model:
        raise UsageError('a search says on which images and for which model: add data = "digits" and model = "cnn"')
    if is_own(model):  # a file names code, and does not let it run
        find_code(model)
    search = table.get("search", {})
    if not isinstance(search, dict) or not all(isinstance(each, str | list) for each in search.values()):
        raise UsageError('`search` is a table: search = { learning_rate = "1e-4:1e-1:log" }')
    given: dict[str, Any] = {key: _whole(table, key) for key in ("trials", "seeds", "seed") if key in table}
    given |= {key: text_of(table, key) for key in ("objective", "pruner") if key in table}
    budget = table.get("budget")
    if budget is not None and not isinstance(budget, str):
        raise UsageError(f'`budget` is a time: budget = "30m", not {budget}')
    plan = plan_tuning(
        beside(path, data),
        beside(path, model),
        search={key: searched_text(values) for key, values in search.items()},
        overrides=table_of(table, "settings", "settings"),
        budget=budget,
        **given,
    )
    return TuningEntry(name, plan)


def _export(name: str, table: Mapping[str, Any]) -> ExportEntry:
    require_known(table, EXPORT_KEYS, "key")
    of, to, quantize = text_of(table, "of"), text_of(table, "to") or FORMS[0], text_of(table, "quantize")
    if not of:
        raise UsageError('an export says of which entry: add of = "NAME"')
    if to not in FORMS:
        raise UsageError(f"`to` is one of {', '.join(FORMS)}, not '{to}'")
    if quantize not in ("", "int8") or (quantize and to == "safetensors"):
        raise UsageError(f"`quantize` is int8, for onnx and web, not '{quantize}' for {to}")
    return ExportEntry(name, of, to, quantize)


def _with_paths(table: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return `table` with the paths in its settings, and in those of its arms, taken from the folder of the project."""
    found = dict(table)
    if isinstance(found.get("settings"), dict):
        found["settings"] = {key: _placed(key, value, path) for key, value in found["settings"].items()}
    if isinstance(found.get("arms"), list):
        found["arms"] = [_with_paths(each, path) if isinstance(each, dict) else each for each in found["arms"]]
    return found


def _placed(key: str, value: Value, path: Path) -> Value:
    """Return the value of a setting; a path in it is made absolute. A teacher may be made by an earlier entry."""
    if not isinstance(value, str) or not value:
        return value
    if key == "teacher":
        return str(path.parent / value)
    return beside(path, value) if key in ("review", "weights") else value


def _number(table: Mapping[str, Any], key: str) -> float | None:
    value = table.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"`{key}` is a number, not {value}")
    return float(value)


def _whole(table: Mapping[str, Any], key: str) -> int:
    value = table[key]
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f"`{key}` of a search is a whole number, not {value}")
    return value
