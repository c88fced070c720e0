"""What does a project file contain? Comparisons, searches for settings and exports, each with its name.

data = "photos"                    # of every entry that names none; a path is taken from beside this file
seeds = 3                          # likewise

[settings]                         # of every comparison and search
epochs = 10

[compare.ladder]                   # what a study file contains (`comparison/study.py`), and three keys more
models = ["logistic", "mlp", "cnn"]
claims = ["cnn > mlp"]
margin = 0.005                     # within which arms may be found equal
robustness = true                  # judged on corrupted images too

[compare.article]
study = "studies/a4.toml"          # a study file in place of the keys; `data`, `seeds` and `settings` replace its own

[tune.cnn-settings]                # as the options of `sadari tune`
model = "cnn"
trials = 20                        # or: budget = "30m"
search = { learning_rate = "1e-4:1e-1:log" }

[export.winner]                    # the best run by validation of an entry above
of = "ladder"
to = "onnx"                        # or safetensors, or web
quantize = "int8"
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sadari.comparison.request import data_name
from sadari.errors import SadariError, UsageError
from sadari.files import read_toml
from sadari.project.entries import KINDS, Entry, ExportEntry, read_entry
from sadari.registry import unknown_name

FILE = "sadari.toml"
RUNS, RESULTS = "runs", "results"  # folders beside the file: of what is made, and of what is committed
FORMER = "former"  # in the folder of runs: what is out of date
KEYS = ("title", "data", "seeds", "settings", *KINDS)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}")


@dataclass(frozen=True)
class Project:
    """A project file that was read. path: of the file, absolute. entries: in the order in which they are made."""

    path: Path
    title: str
    entries: tuple[Entry, ...]

    @property
    def folder(self) -> Path:
        """Return the folder of the file, from which its paths are taken."""
        return self.path.parent

    def runs_of(self, name: str) -> Path:
        """Return the folder with the runs, or the exported model, of an entry."""
        return self.folder / RUNS / name

    def result_of(self, name: str) -> Path:
        """Return the file with the result of an entry, which is committed."""
        return self.folder / RESULTS / f"{name}.json"

    def get(self, name: str) -> Entry:
        """Return the entry called `name`, or raise UsageError naming the nearest one."""
        found = next((each for each in self.entries if each.name == name), None)
        if found is None:
            raise unknown_name("entry", name, [each.name for each in self.entries])
        return found

    def chosen(self, names: tuple[str, ...]) -> tuple[Entry, ...]:
        """Return the entries called `names` and those of which they are exports; all of them for none."""
        if not names:
            return self.entries
        asked = {self.get(name).name for name in names}
        asked |= {each.of for each in self.entries if each.name in asked and isinstance(each, ExportEntry)}
        return tuple(each for each in self.entries if each.name in asked)


def find_project(where: str | Path) -> Path:
    """Return the project file that a path means: itself, or the one in that folder. Raises UsageError."""
    path = Path(where)
    found = path / FILE if path.is_dir() else path
    if not found.is_file():
        raise UsageError(
            f"there is no project file {found}; name one, or write one with: sadari run --init"
            if found.name == FILE or path.suffix == ".toml"
            else f"'{where}' is neither a project file nor a folder with {FILE}"
        )
    return found.resolve()


def read_project(where: str | Path) -> Project:
    """Read the project file at `where`, or in that folder.

    Everything that can be known without the images is checked. Raises UsageError naming the file, the entry and what
    is wrong in it.
    """
    path = find_project(where)
    document = read_toml(path, "project file")
    try:
        return _project(document, path)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    except SadariError as error:
        raise SadariError(f"{path}: {error}") from None


def _project(document: Mapping[str, Any], path: Path) -> Project:
    for key in document:
        if key not in KEYS:
            raise unknown_name("key", key, list(KEYS))
    title = document.get("title", "")
    if not isinstance(title, str):
        raise UsageError(f"`title` is text, not {title}")
    common = {key: document[key] for key in ("data", "seeds", "settings") if key in document}
    entries: dict[str, Entry] = {}
    for kind in (each for each in document if each in KINDS):
        tables = document[kind]
        if not isinstance(tables, dict) or not all(isinstance(each, dict) for each in tables.values()):
            raise UsageError(f"`{kind}` has a table for each entry: write [{kind}.NAME], and its keys below")
        for name, table in tables.items():
            _require_name(name, kind, entries)
            entries[name] = _entry(kind, name, table, common, path)
    if not entries:
        raise UsageError("there is nothing to make; add [compare.NAME], and below it data = ... and models = [...]")
    _require_origins(entries)
    ordered = sorted(entries.values(), key=lambda each: isinstance(each, ExportEntry))  # exports need the others
    return Project(path, title or data_name(path.parent.name), tuple(ordered))


def _entry(kind: str, name: str, table: Mapping[str, Any], common: Mapping[str, Any], path: Path) -> Entry:
    try:
        return read_entry(kind, name, table, common, path)
    except UsageError as error:
        raise UsageError(f"{kind}.{name}: {error}") from None


def _require_name(name: str, kind: str, entries: Mapping[str, Entry]) -> None:
    if not NAME.fullmatch(name) or name == FORMER or name.endswith("."):
        raise UsageError(
            f"{kind}.{name}: a name becomes a folder, so it has letters, digits and -_.+ only, and is not {FORMER}"
        )
    if any(name.lower() == each.lower() for each in entries):  # some disks do not tell them apart
        raise UsageError(f"two entries are called '{name}'; give each its own name")


def _require_origins(entries: Mapping[str, Entry]) -> None:
    """Raise UsageError where an export is of no comparison and no search of the file."""
    sources = [each.name for each in entries.values() if not isinstance(each, ExportEntry)]
    for each in entries.values():
        if isinstance(each, ExportEntry) and each.of not in sources:
            if each.of in entries:
                raise UsageError(f"{each.kind}.{each.name}: '{each.of}' is an export itself; name what it is of")
            raise UsageError(f"{each.kind}.{each.name}: {unknown_name('entry', each.of, sources)}")
