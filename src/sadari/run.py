"""What does a run leave on disk, and how is it read back?"""

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sadari.documents import read_calibration, read_environment, read_summary
from sadari.errors import SadariError, UsageError
from sadari.job_record import JobRecord
from sadari.notebook import card, fact, figures, learning
from sadari.plugins.used import Record, described, how_to_get, is_here
from sadari.run_files import (
    HISTORY_COLUMNS,
    read_answers,
    read_correct,
    read_groups,
    read_history,
    read_predictions,
    read_shared_split,
    read_split,
    read_validated,
)
from sadari.values import SPLITS, Answers, ImageSet, Predictions, Split

if TYPE_CHECKING:
    import pandas as pd

# The files of a run folder.
SETTINGS, ENVIRONMENT, PREPROCESS = "settings.toml", "environment.json", "preprocess.json"
SPLIT, HISTORY, MODEL, PREDICTIONS, SCORES = (
    "split.npz", "history.csv", "model.safetensors", "predictions.csv", "scores.json",
)  # fmt: skip
CORRECT = "correct.npz"  # which images of val and train were classified correctly
LOG, CHECKPOINT = "log.txt", "checkpoint/state.safetensors"
ENSEMBLE = "ensemble.json"  # in place of a model: which runs are averaged
KNOWN = "known.safetensors"  # which images are known to the model: thresholds, and what scores need
CALIBRATION = "calibration.json"  # the temperature of its probabilities
VALIDATED = "validated.npz"  # what the true class of each validation image got
SOUP = "soup.json"  # beside a model: the runs whose weights it averages
TEACHER = "checkpoint/teacher.safetensors"  # a teacher's answers, until the run is finished
STAMPED = ("sadari", "torch", "torchvision", "timm", "numpy", "scikit-learn", "scipy", "safetensors")


def environment() -> dict[str, Any]:
    """Return versions, machine and core count, for `environment.json`."""
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
    # Cached: for each of a hundred short runs it would take a tenth of the time.
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


def memory_bytes() -> int:
    """Return the bytes of memory of the machine; 0 where the system does not say, as on Windows."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


@dataclass(frozen=True)
class RunRecord:
    """A run on disk. Settings, environment, summary and split are read once; files that grow, every time."""

    path: Path

    @classmethod
    def open(cls, path: Path | str) -> "RunRecord":
        """Return the run in the folder `path`; raises UsageError where there is none."""
        if not cls.is_run(path):
            raise UsageError(f"'{path}' is not a run: it has no {SETTINGS}; name a folder that `sadari train` made")
        return cls(Path(path).resolve())

    @staticmethod
    def is_run(folder: Path | str) -> bool:
        """Return whether a run, finished or not, is stored in `folder`; an exported model is not a run."""
        return (Path(folder) / SETTINGS).is_file()

    @cached_property
    def job(self) -> JobRecord:
        """Return the job that was trained, as stored; raises SadariError where `settings.toml` is damaged."""
        path = self.path / SETTINGS
        try:
            return JobRecord.from_toml(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError, SadariError) as error:
            raise SadariError(f"cannot read {path}: {error}; delete the folder and train again") from None

    @property
    def is_ensemble(self) -> bool:
        """Return whether it averages other runs, and has no model of its own."""
        return (self.path / ENSEMBLE).is_file()

    @property
    def is_average(self) -> bool:
        """Return whether it was made of other runs, of their answers (an ensemble) or weights (a soup), not trained."""
        return self.is_ensemble or (self.path / SOUP).is_file()

    @property
    def finished(self) -> bool:
        """Return whether the run is complete: `scores.json` is written last."""
        return (self.path / SCORES).is_file()

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Return the document of `train --json`, as stored in `scores.json`; only for a finished run."""
        return read_summary(self.path / SCORES)

    @property
    def history(self) -> list[dict[str, float]]:
        """Return one row per finished epoch, the columns that have a value; none before the first epoch has ended."""
        return read_history(self.path / HISTORY)

    @cached_property
    def environment(self) -> dict[str, Any]:
        """Return `environment.json`: machine, versions and data; raises SadariError where it cannot be read."""
        return read_environment(self.path / ENVIRONMENT)

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of its data; raises SadariError where `environment.json` is damaged."""
        return str(self.environment["data"]["fingerprint"])

    @property
    def begun(self) -> bool:
        """Return whether it has started to train: `environment.json` is written then."""
        return (self.path / ENVIRONMENT).is_file()

    @property
    def layers(self) -> str:
        """Return the layers of its network in text; "" where the run did not store them."""
        return str(self.environment.get("layers", "")) if self.begun else ""

    @property
    def weights_sha256(self) -> str:
        """Return the digest of the pre-trained weights that it began with; "" where it had none."""
        return str(self.environment.get("weights_sha256", "")) if self.begun else ""

    @cached_property
    def calibration(self) -> Mapping[str, Any]:
        """Return `calibration.json`: `temperature`, `images`, `val_loss` and `note`; empty where nothing was fitted.

        Also of an exported model. Raises SadariError where it is damaged.
        """
        path = self.path / CALIBRATION
        return read_calibration(path) if path.is_file() else {}

    @property
    def temperature(self) -> float:
        """Return what the logits are divided by before the softmax; 1 where nothing was fitted, as in older runs."""
        return float(self.calibration.get("temperature", 1.0))

    @property
    def val_loss_of_logits(self) -> float:
        """Return the log loss of the validation images without the temperature, which they fitted themselves."""
        before = self.calibration.get("val_loss", {}).get("before")
        return float(self.scores("val")["loss"] if before is None else before)

    @property
    def teacher(self) -> Mapping[str, Any]:
        """Return `name`, `sha256` and `note` of the model whose answers it learned from; empty where there was none."""
        return dict(self.environment.get("teacher", {})) if self.begun else {}

    @property
    def plugins(self) -> tuple[Record, ...]:
        """Return the records of what plug-ins offered when it began, as `plugins.used` has them; none in most runs."""
        return tuple(self.environment.get("plugins", ())) if self.begun else ()

    @property
    def plugin_sources(self) -> tuple[str, ...]:
        """Return the digest of each plug-in that decided what was trained: not of metrics, which only judge."""
        return tuple(str(each["source_sha256"]) for each in self.plugins if each["kind"] != "metric")

    @property
    def judged_by(self) -> Mapping[str, Any]:
        """Return the comparison that judges a model trained on all images: `folder`, `arm`, `accuracy` and `sentence`.

        Empty where there is none.
        """
        return dict(self.environment.get("judged_by", {})) if self.begun else {}

    @property
    def notes(self) -> tuple[str, ...]:
        """Return the notes on its images, such as that some were skipped, or that its teacher has seen some of them.

        Also what judges it, where that are no images of its own, and which plug-ins are not here any more.
        """
        more = self.teacher.get("note", ""), self.judged_by.get("sentence", "")
        gone = [f"{described(each)} is not here; {how_to_get(each)}" for each in self.plugins if not is_here(each)]
        return (*self.environment["data"]["notes"], *filter(None, more), *gone)

    @property
    def threads(self) -> int | None:
        """Return how many processor threads it had; None where that was not stored."""
        return self.environment.get("threads") if self.begun else None

    @property
    def predictions(self) -> Predictions:
        """Read what the run predicted for the images that judge it."""
        return read_predictions(self.path / PREDICTIONS)

    @property
    def answers(self) -> Answers:
        """Read the same without the probabilities, which take longer to read the more classes there are."""
        return read_answers(self.path / PREDICTIONS)

    def correct_on(self, split_name: str) -> NDArray[np.bool_] | None:
        """Return which images of a split that does not judge were classified correctly, bool (N,), in its order.

        None where the run did not store that: runs of older versions, and the training images of an ensemble.
        """
        return read_correct(self.path / CORRECT, split_name, self.summary["images"][split_name])

    @property
    def validated(self) -> tuple[NDArray[np.float32], NDArray[np.int64]] | None:
        """Read what the true classes of the validation images got; None where it is not stored, as in older runs.

        probability: float32 (n,), at the temperature of the run; label: int64 (n,). Also of an exported model.
        """
        return read_validated(self.path / VALIDATED)

    @cached_property
    def split(self) -> Split:
        """Return which images were in train, val and test."""
        return read_shared_split(self.path / SPLIT)

    @cached_property
    def groups(self) -> NDArray[np.int64] | None:
        """Return the group of each image of the set, int64 (N,); None where there are none."""
        return read_groups(self.path / SPLIT)

    def groups_on(self, split_name: str) -> NDArray[np.int64] | None:
        """Return the groups of the images of a split, int64, in its order; None where there are none."""
        return None if self.groups is None else self.groups[self.split.positions(split_name)]

    def split_of(self, images: ImageSet) -> Split:
        """Return the same for use on the run's `images`; raises SadariError where it names more than there are."""
        return read_split(self.path / SPLIT, len(images))

    def scores(self, split_name: str) -> Mapping[str, float]:
        """Return the metrics of "train", "val" or "test"; empty where that split has no images."""
        return dict(self.summary["scores"].get(split_name) or {})

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per finished epoch, with the columns of `history.csv`."""
        import pandas as pd

        return pd.DataFrame(self.history, columns=list(HISTORY_COLUMNS))

    def __repr__(self) -> str:
        return f"<RunRecord {_from_here(self.path)}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the scores of each split, the settings, and how it learned."""
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
    """Return `path` relative to the current folder where it is inside."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
