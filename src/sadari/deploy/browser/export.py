"""How does a run become a folder that a browser opens? One HTML file with everything in it, and the licences."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.deploy.browser.page import page
from sadari.deploy.browser.runtime import LICENCE, NOTICES, VERSION, runtime_file
from sadari.deploy.card import UNKNOWN, licence_of
from sadari.deploy.folder import write_folder
from sadari.deploy.origin import origin_of
from sadari.deploy.quantize import Cost
from sadari.errors import SadariError
from sadari.files import write_text
from sadari.inference.classifier import Classifier
from sadari.run import RunRecord

About = tuple[Cost | None, Mapping[str, Any] | None]
PAGE, LICENCES = "index.html", "licences.txt"
LARGEST = 300_000_000  # bytes of a model: Chromium's texts have 512 MiB at most, and base64 makes 4 of 3 (cited)
VISIBLE = 64  # darker values are background, as in placing.js (assumed)
SIXTEEN_BITS = (
    "It was trained on images of 16 bits of which {level} is white; a browser takes 65535 for white, so give it images "
    "of 8 bits."
)


def write_web_folder(
    run: RunRecord, classifier: Classifier, onnx: bytes, about: About, images: NDArray[np.uint8], out: Path
) -> None:
    """Write the folder `out` with index.html, which runs the model `onnx` of `run`, and licences.txt.

    about: what int8 costs, which the page says (None for float32), and how the model decides whether an image is known
    (None where it does not). images: some that the model reads, uint8 (N, H, W, C),
    which show how a drawing is to be placed. Raises UsageError where `out` exists and is not an
    empty folder, SadariError where the model is too large for a page, or the folder cannot be written.
    """
    if len(onnx) > LARGEST:
        raise SadariError(
            f"the model has {len(onnx) / 1e6:,.0f} MB, and a browser opens no page of more than "
            f"{LARGEST / 1e6:.0f} MB; try --quantize int8, or a smaller model"
        )
    text = page({**_described(run, classifier, *about), "extent": extent(images)}, onnx)

    def fill(folder: Path) -> None:
        write_text(folder / PAGE, text)
        write_text(folder / LICENCES, _licences(run))

    write_folder(out, fill)


def _described(
    run: RunRecord, classifier: Classifier, cost: Cost | None, abstains: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    """Return what the page shows of the model, with the names of GET /model, and how it reads images."""
    origin, preprocess = origin_of(run.path), classifier.preprocess
    cautions = [origin.caution] if origin.caution else []
    if cost:
        cautions.append(
            "The network computes in integers of 8 bits, which changes its accuracy from "
            f"{cost.accuracy:.3f} to {cost.accuracy_int8:.3f} on {cost.images:,} images."
        )
    if preprocess.white_level:
        cautions.append(SIXTEEN_BITS.format(level=preprocess.white_level))
    return {
        "model": origin.model,
        "data": origin.data,
        "classes": list(classifier.classes),
        "input": {
            "height": preprocess.height,
            "width": preprocess.width,
            "channels": preprocess.channels,
            "fit": preprocess.fit,
            "interpolation": preprocess.interpolation,
        },
        "scores": {split_name: dict(values) for split_name, values in origin.scores.items()},
        "caution": " ".join(cautions),
        "calibration": origin.calibration,
        "layers": [],
        "abstains": abstains,
        "grad_cam": False,
    }


def extent(images: NDArray[np.uint8]) -> float | None:
    """Return the median extent of the object in uint8 (N, H, W, C), as a share of the side; None where none is seen.

    As `placing.js` measures it on the samples of the serving page: the longer side of what is not background.
    """
    visible = images.max(axis=3) >= VISIBLE
    shares = []
    for each in visible[visible.any(axis=(1, 2))]:
        lines = (np.flatnonzero(each.any(axis=axis)) for axis in (0, 1))
        shares.append(max(int(line[-1] - line[0]) + 1 for line in lines) / len(each))
    return float(np.median(shares)) if shares else None


def _licences(run: RunRecord) -> str:
    weights = licence_of(run.environment)
    began = f"It began with pre-trained weights under this licence: {weights}." if weights != UNKNOWN else ""
    ours = (
        "index.html is made of these parts.\n\n"
        "1. The page: Sadari, Apache License 2.0, https://www.apache.org/licenses/LICENSE-2.0\n\n"
        f"2. The model, which is its maker's. {began}".rstrip()
    )
    runtime = f"3. onnxruntime-web {VERSION}, under the licence below, with what it is made of."
    texts = (runtime_file(name).decode("utf-8") for name in (LICENCE, NOTICES))
    return "\n\n".join([ours, runtime, *texts]).replace("\r\n", "\n")
