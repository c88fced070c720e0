"""How does a run become a file that runs elsewhere? As ONNX or a page, proved beforehand, or as safetensors."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.deploy.browser.export import write_web_folder
from sadari.deploy.card import model_name
from sadari.deploy.folder import require_free
from sadari.deploy.hub import write_hub_folder
from sadari.deploy.onnx_graph import make_onnx
from sadari.deploy.onnx_runtime import COVERAGES, KNOWN_SCORE, Predict, load_onnx
from sadari.deploy.origin import calibration_sentence
from sadari.deploy.parity import Parity, compare_answers, compare_scores, tie_of
from sadari.deploy.quantize import Cost, cost_of, quantize, speed_ratio, with_cost, with_known_score
from sadari.deploy.sample import Sample, draw_sample
from sadari.deploy.unknown.graph import described
from sadari.errors import SadariError, UsageError
from sadari.evaluation.probabilities.conformal import USUAL, Validated, coverage_of
from sadari.evaluation.unknown.threshold import threshold_of
from sadari.files import write_bytes
from sadari.inference.classifier import Classifier
from sadari.inference.members import Ensemble, heaviest, mixture
from sadari.progress import Progress, Silent
from sadari.registry import Registry
from sadari.run import RunRecord

TIMED = 256  # images for the speed of int8 (assumed)
PRECISIONS = ("", "int8")


@dataclass(frozen=True)
class Exported:
    """An exported model. path: the file or folder. form: "onnx", "web" or "safetensors". bytes: its size.

    shape: (height, width, channels) of an image. split: which images proved the export, "validation" or "training".
    parity: how it agrees on them with the run's network. cost: what int8 cost. split is "", parity and cost are None,
    where nothing was computed anew. abstains: by which score and from which threshold on an image is known; None where
    it names a class for every image.
    """

    path: Path
    form: str
    bytes: int
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    split: str = ""
    parity: Parity | None = None
    cost: Cost | None = None
    abstains: Mapping[str, Any] | None = None

    def document(self) -> dict[str, Any]:
        """Return the same as a JSON document; "part" is the former name of "split", kept for one release."""
        document = {**asdict(self), "path": str(self.path), "classes": list(self.classes), "shape": list(self.shape)}
        return {**document, "part": self.split}


def export(
    run: RunRecord, to: str = "onnx", out: Path | None = None, precision: str = "", progress: Progress | None = None
) -> Exported:
    """Export the model of `run`.

    to: a form of FORMS. out: the file or folder to write; beside the run by default. precision: "" or "int8" (not for
    safetensors). Raises UsageError for another form or precision, SadariError where the run is not finished, its images
    are gone, or the exported model answers differently from the run's; then no file is written.
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
    proved = _prove(run, precision, progress)
    write_bytes(path, proved.content)
    return proved.exported(path, "onnx", len(proved.content))


def _export_web(run: RunRecord, out: Path | None, precision: str, progress: Progress) -> Exported:
    folder = out or run.path.with_name(f"{run.path.name}{'-' * bool(precision)}{precision}-web")
    require_free(folder)
    proved = _prove(run, precision, progress)
    about = proved.cost, proved.abstains
    write_web_folder(run, proved.classifier, proved.content, about, proved.images, folder)
    return proved.exported(folder, "web", _size(folder))


@dataclass(frozen=True, eq=False)
class _Proved:
    """An ONNX file that is the trained model. content: the file. images: those that proved it. Others: see Exported."""

    content: bytes
    classifier: Classifier
    images: NDArray[np.uint8]
    split: str
    parity: Parity
    cost: Cost | None
    abstains: Mapping[str, Any] | None

    def exported(self, path: Path, form: str, size: int) -> Exported:
        shape, classes = self.classifier.shape, self.classifier.classes
        return Exported(path, form, size, shape, classes, self.split, self.parity, self.cost, self.abstains)


def _prove(run: RunRecord, precision: str, progress: Progress) -> _Proved:
    """Make the ONNX file of `run`; raise SadariError where it answers differently from the network of the run."""
    classifier = Classifier.open(run.path, progress=progress).abstaining_as_stored()
    _require_one_form(classifier)
    abstention = classifier.abstention
    content = make_onnx(classifier.model, _about(run), classifier.members, abstention)
    sample = draw_sample(heaviest(run).run if run.is_ensemble else run, progress)
    predict = load_onnx(content)
    found = predict(sample.images)
    networks = [model.network for model, _ in classifier.members] or [classifier.model.network]
    judged = classifier.judged(sample.images)
    parity = compare_answers(judged.probabilities, found, max(map(tie_of, networks)))
    _require_parity(parity, sample.split)
    if judged.scores is not None:
        compare_scores(judged.scores, load_onnx(content, KNOWN_SCORE)(sample.images))
    cost, abstains = None, described(abstention) if abstention else None
    if precision:
        progress.say("quantising")
        content, cost = _quantized(content, predict, found, sample)
        if abstention:
            scores = load_onnx(content, KNOWN_SCORE)(sample.images)
            abstains = described(abstention, threshold_of(scores, abstention.kept))
            content = with_known_score(content, abstains)
    return _Proved(content, classifier, sample.images, sample.split, parity, cost, abstains)


def _require_one_form(classifier: Classifier) -> None:
    """Raise SadariError where the members of an ensemble read images of different forms: a file reads one."""
    forms = classifier.form.each
    if len(forms) > 1:
        listed = ", ".join(f"{each.width} x {each.height} x {each.channels} ({each.fit})" for each in forms)
        raise SadariError(
            f"the members of {classifier.path} read images of different forms ({listed}), and an ONNX file reads one; "
            "export its members, or compare models of one image_size, channels and fit"
        )


def _require_parity(parity: Parity, split: str) -> None:
    if not parity.proved:
        raise SadariError(
            f"the exported model is not the trained one: it names another class for {parity.differing:,} of "
            f"{parity.images:,} {split} images (largest difference of a probability {parity.largest:.2g}); no file was "
            "written; try --to safetensors"
        )


def _quantized(content: bytes, predict: Predict, found: NDArray[np.float32], sample: Sample) -> tuple[bytes, Cost]:
    """Return `content` in int8 and its cost. predict, found: of float32, the second on the images of `sample`."""
    smaller = quantize(content, sample.calibrating)
    predict_int8 = load_onnx(smaller)
    speed = speed_ratio(predict_int8, predict, sample.images[:TIMED])
    ratio = len(smaller) / len(content)
    cost = cost_of(found, predict_int8(sample.images), sample.labels, ratio, speed, sample.groups)
    return with_cost(smaller, cost, sample.split), cost


def _export_safetensors(run: RunRecord, out: Path | None, precision: str, progress: Progress) -> Exported:
    if precision:
        raise UsageError("--quantize goes with --to onnx and --to web only")
    if run.is_ensemble:
        member = heaviest(run).run.path
        raise UsageError(f"an ensemble is exported to onnx or web; for safetensors export a member, such as {member}")
    folder = out or run.path.with_name(f"{run.path.name}-safetensors")
    classifier = Classifier.open(run.path, progress=progress)
    write_hub_folder(run, classifier.model, folder)
    return Exported(folder, "safetensors", _size(folder), classifier.shape, classifier.classes)


def _size(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.iterdir())


def _about(run: RunRecord) -> dict[str, str]:
    """Return the metadata that describe the run: the model, the data, and the scores of the split it was judged on."""
    summary = run.summary
    averaged = {"members": mixture(Ensemble.read(run).weights)} if run.is_average else {}
    return {
        **averaged,
        "model": model_name(summary),
        "data": Path(summary["data"]).name,
        "judged_on": str(summary["judged_on"]),
        "scores": json.dumps(summary["scores"][summary["judged_on"]]),
        "calibration": calibration_sentence(run),
        **_thresholds(run),
    }


def _thresholds(run: RunRecord) -> dict[str, str]:
    """Return how probable a class must be to be in a set of the usual coverages, for programs that know only the file.

    Those that the validation images can promise; nothing where the run does not store them.
    """
    if run.validated is None:
        return {}
    common = {each: coverage_of(Validated(*run.validated), run.predictions.classes, each) for each in USUAL}
    found = {f"{each:g}": float(coverage.least[0]) for each, coverage in common.items() if not coverage.notes}
    return {COVERAGES: json.dumps(found)} if found else {}


Form = Callable[[RunRecord, Path | None, str, Progress], Exported]
FORMS: Registry[Form] = Registry("form")
FORMS.add("onnx", _export_onnx)
FORMS.add("safetensors", _export_safetensors)
FORMS.add("web", _export_web)
