"""What does a run leave on disk, and how is it read back? Every file is written whole or not at all."""

import csv
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, version
from io import StringIO
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from sadari.errors import SadariError, UsageError
from sadari.files import csv_writer, read_json, write_text, write_whole
from sadari.notebook import card, fact, figures, learning
from sadari.settings import JobRecord
from sadari.values import SPLITS, Answers, Predictions, Split

if TYPE_CHECKING:
    import pandas as pd

HISTORY_COLUMNS = (
    "epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds",
)  # fmt: skip
# The files of a run folder.
SETTINGS, ENVIRONMENT, PREPROCESS = "settings.toml", "environment.json", "preprocess.json"
SPLIT, HISTORY, MODEL, PREDICTIONS, SCORES = (
    "split.npz", "history.csv", "model.safetensors", "predictions.csv", "scores.json",
)  # fmt: skip
LOG, CHECKPOINT = "log.txt", "checkpoint/state.safetensors"
STAMPED = ("sadari", "torch", "torchvision", "timm", "numpy", "scikit-learn", "scipy", "safetensors")


def environment() -> dict[str, Any]:
    """Where was this computed? Versions, machine and core count, for `environment.json`."""
    return {
        "python": platform.python_version(),
        "packages": dict(_versions()),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "command": " ".join(["sadari", *sys.argv[1:]]) if sys.argv else "",
    }


@cache
def _versions() -> Mapping[str, str]:
    """Looked up once: for each of a hundred runs it would take a tenth of its time."""
    found: dict[str, str] = {}
    for name in STAMPED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


@cache
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def write_history(path: Path, rows: list[dict[str, float]]) -> None:
    """Write one line per epoch under HISTORY_COLUMNS; a missing figure (no validation split) is left empty."""
    text = StringIO()
    writer = csv.DictWriter(text, HISTORY_COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _printed(row[name]) for name in HISTORY_COLUMNS if name in row})
    write_text(path, text.getvalue())


def _printed(value: float) -> str:
    return str(value) if isinstance(value, int) else format(value, ".9g")


def write_split(path: Path, split: Split) -> None:
    """Write the three parts and their origin as `split.npz`."""

    def save(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez(file, train=split.train, val=split.val, test=split.test, origin=np.array(split.origin))

    write_whole(path, save)


def read_split(path: Path) -> Split:
    """Read what `write_split` wrote; never unpickles."""
    with np.load(path, allow_pickle=False) as stored:
        return Split(stored["train"], stored["val"], stored["test"], str(stored["origin"]))


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write `predictions.csv`: id, label and prediction by class name, then the probability of each class."""
    write_whole(path, lambda temporary: _put_predictions(temporary, predictions))


def _put_predictions(path: Path, predictions: Predictions) -> None:
    """Row by row: a text of ten thousand images and a thousand classes would take gigabytes on its way."""
    classes = predictions.classes
    rows = zip(predictions.ids, predictions.labels, predictions.predicted, predictions.probabilities, strict=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv_writer(file)
        writer.writerow(["id", "label", "prediction", *classes])
        for image_id, label, predicted, probabilities in rows:
            printed = [format(each, ".9g") for each in probabilities.tolist()]
            writer.writerow([image_id, classes[label], classes[predicted], *printed])


def read_predictions(path: Path) -> Predictions:
    """Read what `write_predictions` wrote; `seconds` is not in the file and comes back as nan."""
    rows: list[list[str]] = []

    def probabilities_of(read: Iterable[tuple[list[str], str]]) -> Iterator[str]:
        for cells, printed in read:
            rows.append(cells)
            yield printed

    with path.open(encoding="utf-8", newline="") as file:
        classes = _classes_of(file)
        probabilities = np.loadtxt(probabilities_of(_rows_of(file)), dtype=np.float32, delimiter=",", ndmin=2)
    answers = _answers(rows, classes)
    return Predictions(answers.ids, answers.labels, probabilities, classes, seconds=float("nan"))


def read_answers(path: Path) -> Answers:
    """Read the ids, labels and predictions of what `write_predictions` wrote: a small part of many classes' file."""
    with path.open(encoding="utf-8", newline="") as file:
        classes = _classes_of(file)
        return _answers([cells for cells, _ in _rows_of(file)], classes)


def _classes_of(file: TextIO) -> tuple[str, ...]:
    """The classes that the first row names; `file` then stands behind it."""
    return tuple(next(csv.reader(file))[3:])


def _rows_of(file: TextIO) -> Iterator[tuple[list[str], str]]:
    """(id, label and prediction, the probabilities as they are printed) of each row that is left.

    Only what is quoted needs the care of `csv`; splitting the others by hand is ten times as fast with many classes.
    """
    for line in file:
        if '"' in line:
            cells = next(csv.reader(chain([line], file)))
            yield cells[:3], ",".join(cells[3:])
        else:
            *cells, printed = line.split(",", 3)
            yield cells, printed


def _answers(rows: Sequence[Sequence[str]], classes: tuple[str, ...]) -> Answers:
    position = {name: index for index, name in enumerate(classes)}
    return Answers(
        ids=np.array([each for each, _, _ in rows], dtype=np.str_),
        labels=np.array([position[each] for _, each, _ in rows], dtype=np.int64),
        predicted=np.array([position[each] for _, _, each in rows], dtype=np.int64),
        classes=classes,
    )


@dataclass(frozen=True)
class RunRecord:
    """A run on disk. Settings, environment, summary and split are read once; what grows is read anew each time."""

    path: Path

    @classmethod
    def open(cls, path: Path | str) -> "RunRecord":
        """Return the run in the folder `path`; raises UsageError where there is none."""
        if not cls.is_run(path):
            raise UsageError(f"'{path}' is not a run: it has no {SETTINGS}; name a folder that `sadari train` made")
        return cls(Path(path).resolve())

    @staticmethod
    def is_run(folder: Path | str) -> bool:
        """Whether a run, finished or not, is stored in `folder`; an exported model is none."""
        return (Path(folder) / SETTINGS).is_file()

    @cached_property
    def job(self) -> JobRecord:
        """What was trained, as stored; raises SadariError where `settings.toml` is damaged."""
        path = self.path / SETTINGS
        try:
            return JobRecord.from_toml(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SadariError(f"cannot read {path}: {error}; delete the folder and train again") from None

    @property
    def finished(self) -> bool:
        """Whether everything has been done: `scores.json` is written last."""
        return (self.path / SCORES).is_file()

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The document of `train --json`, as stored in `scores.json`; only for a finished run."""
        return read_json(self.path / SCORES)

    @property
    def history(self) -> list[dict[str, float]]:
        """One row per finished epoch, the columns that have a value; none before the first epoch has ended."""
        path = self.path / HISTORY
        if not path.is_file():
            return []
        with path.open(encoding="utf-8", newline="") as file:
            return [{name: float(text) for name, text in row.items() if text} for row in csv.DictReader(file)]

    @cached_property
    def environment(self) -> dict[str, Any]:
        """Where it was computed, and of what: `environment.json`; raises SadariError where that cannot be read."""
        return read_json(self.path / ENVIRONMENT)

    @property
    def fingerprint(self) -> str:
        """The content of its data; raises SadariError where `environment.json` is damaged."""
        try:
            return str(self.environment["data"]["fingerprint"])
        except (KeyError, TypeError) as error:
            raise SadariError(f"{self.path / ENVIRONMENT} is damaged ({error}); train again") from None

    @property
    def begun(self) -> bool:
        """Whether it has started to train: `environment.json` is written then."""
        return (self.path / ENVIRONMENT).is_file()

    @property
    def layers(self) -> str:
        """The layers of its network in text; "" where the run did not store them."""
        return str(self.environment.get("layers", "")) if self.begun else ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth knowing of its images, such as that some were skipped, or that they are streamed."""
        return tuple(self.environment["data"]["notes"])

    @property
    def threads(self) -> int | None:
        """How many processor threads it had; None where that was not stored."""
        return self.environment.get("threads") if self.begun else None

    @property
    def predictions(self) -> Predictions:
        """What the run predicted for the images that judge it."""
        return read_predictions(self.path / PREDICTIONS)

    @property
    def answers(self) -> Answers:
        """The same without the probabilities, which take longer to read the more classes there are."""
        return read_answers(self.path / PREDICTIONS)

    @cached_property
    def split(self) -> Split:
        """Which images trained, chose and judged."""
        return read_split(self.path / SPLIT)

    def scores(self, split_name: str) -> Mapping[str, float]:
        """The metrics of "train", "val" or "test"; empty where the part has no images."""
        return dict(self.summary["scores"].get(split_name) or {})

    def to_frame(self) -> "pd.DataFrame":
        """One row per finished epoch, with the columns of `history.csv`."""
        import pandas as pd

        return pd.DataFrame(self.history, columns=list(HISTORY_COLUMNS))

    def __repr__(self) -> str:
        return f"<RunRecord {_from_here(self.path)}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the scores of each part, what was set, and how it learned."""
        try:
            job = self.job
            scores = {split_name: self.scores(split_name) for split_name in SPLITS} if self.finished else {}
        except SadariError as error:
            return fact(str(error))
        history = self.history
        model = Path(job.model).stem if job.model.endswith(".toml") else job.model
        state = f"{len(history)} epochs" + ("" if self.finished else " so far, not finished")
        return card(
            f"{model} on {job.data}",
            (f"seed {job.seed} · {state} · {_from_here(self.path)}",),
            figures({split_name: found for split_name, found in scores.items() if found}),
            fact(" · ".join(f"{name} = {value}" for name, value in job.chosen.items())),
            *learning(history),
        )


def _from_here(path: Path) -> Path:
    """`path` as short as it can be named here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
