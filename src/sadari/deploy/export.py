"""How does a run become a file that is used elsewhere? ONNX that is proved first, or a folder of safetensors."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sadari.deploy.hub import write_hub_folder
from sadari.deploy.onnx_graph import make_onnx
from sadari.deploy.parity import Parity, compare_answers, tie_of
from sadari.deploy.quantize import Cost, cost_of, quantize
from sadari.deploy.runtime import judge_with, speed_ratio
from sadari.deploy.sample import Sample, draw_sample
from sadari.errors import SadariError, UsageError
from sadari.files import write_bytes
from sadari.inference.classifier import Classifier
from sadari.progress import Progress, Silent
from sadari.registry import Registry
from sadari.run import RunRecord

TIMED = 256  # images that the speed of int8 is measured on (assumed)
PRECISIONS = ("", "int8")


@dataclass(frozen=True)
class Exported:
    """What was made? path: the file or folder. form: "onnx" or "safetensors". bytes: its size.

    part, parity: the images that proved it, and how it agrees on them with the run's network; cost: what int8 cost.
    None where nothing was computed anew.
    """

    path: Path
    form: str
    bytes: int
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    part: str = ""
    parity: Parity | None = None
    cost: Cost | None = None

    def document(self) -> dict[str, Any]:
        """The same as a JSON document."""
        return {**asdict(self), "path": str(self.path), "classes": list(self.classes), "shape": list(self.shape)}


def export(
    run: RunRecord, to: str = "onnx", out: Path | None = None, precision: str = "", progress: Progress | None = None
) -> Exported:
    """Which file hands the model of `run` over?

    to: a form of FORMS. out: where it goes; beside the run by default. precision: "" or "int8" (ONNX only). Raises
    UsageError for another form or precision, SadariError where the run is not finished, its images are gone, or the
    exported model says something else than the run's: then there is no file.
    """
    form = FORMS.get(to)
    if precision not in PRECISIONS:
        raise UsageError(f"--quantize is int8, not '{precision}'")
    if not run.finished:
        raise SadariError(f"the run {run.path} is not finished; finish it with: sadari resume {run.path}")
    return form(run, out, precision, progress or Silent())


def _export_onnx(run: RunRecord, out: Path | None, precision: str, progress: Progress) -> Exported:
    path = out or run.path.with_name(f"{run.path.name}{'-' * bool(precision)}{precision}.onnx")
    if path.is_dir():
        raise UsageError(f"'{path}' is a folder; --out takes the name of a file, such as model.onnx")
    classifier = Classifier.open(run.path)
    content = make_onnx(classifier.model, _about(run))
    sample = draw_sample(run, progress)
    judge = judge_with(content)
    found = judge(sample.images)
    parity = compare_answers(classifier.probabilities(sample.images), found, tie_of(classifier.model.network))
    _require_parity(parity, sample.part)
    cost = None
    if precision:
        progress.say("quantising")
        content, cost = _quantized(content, judge, found, sample)
    write_bytes(path, content)
    return Exported(
        path, "onnx", len(content), classifier.shape, classifier.classes, sample.part, parity, cost
    )  # fmt: skip


def _require_parity(parity: Parity, part: str) -> None:
    if not parity.proved:
        raise SadariError(
            f"the exported model is not the trained one: it names another class for {parity.differing:,} of "
            f"{parity.images:,} {part} images (largest difference of a probability {parity.largest:.2g}); no file was "
            "kept; try --to safetensors"
        )


def _quantized(
    content: bytes, judge: Callable[..., np.ndarray], answers: np.ndarray, sample: Sample
) -> tuple[bytes, Cost]:
    smaller = quantize(content, sample.calibrating)
    judge_smaller = judge_with(smaller)
    speed = speed_ratio(judge_smaller, judge, sample.images[:TIMED])
    cost = cost_of(answers, judge_smaller(sample.images), sample.labels, len(smaller) / len(content), speed)
    return smaller, cost


def _export_safetensors(run: RunRecord, out: Path | None, precision: str, progress: Progress) -> Exported:
    del progress
    if precision:
        raise UsageError("--quantize goes with --to onnx only")
    folder = out or run.path.with_name(f"{run.path.name}-safetensors")
    classifier = Classifier.open(run.path)
    write_hub_folder(run, classifier.model, folder)
    size = sum(each.stat().st_size for each in folder.iterdir())
    return Exported(folder, "safetensors", size, classifier.shape, classifier.classes)


def _about(run: RunRecord) -> dict[str, str]:
    """What the file says of its run: the model, the data, and the scores of the part that judged it."""
    summary = run.summary
    return {
        "model": str(summary["model"]),
        "data": Path(summary["data"]).name,
        "judged_on": str(summary["judged_on"]),
        "scores": json.dumps(summary["scores"][summary["judged_on"]]),
    }


Form = Callable[[RunRecord, Path | None, str, Progress], Exported]
FORMS: Registry[Form] = Registry("form")
FORMS.add("onnx", _export_onnx)
FORMS.add("safetensors", _export_safetensors)
