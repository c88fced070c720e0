"""Sadari: climb a ladder of image classifiers and compare the rungs honestly.

    import sadari

    images = sadari.load("digits")
    run = sadari.train("digits", model="cnn", out="runs/first", epochs=5)
    result = sadari.compare("digits", models=["logistic", "cnn"], seeds=3)
    result.to_frame()
    sadari.write_report(result, "report.html")
    sadari.predict(run.path, "photo.jpg")
    sadari.export(run.path, "onnx")
    sadari.log(run.path, to="mlflow")
    sadari.ImageClassifier("cnn").fit(X, y)  # as a scikit-learn estimator

Names are imported when they are first used, so that `import sadari` loads no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from sadari.api import (
        compare,
        data_map,
        data_review,
        export,
        load,
        log,
        predict,
        reopen,
        reopen_sets,
        train,
        write_report,
    )
    from sadari.errors import SadariError, UsageError
    from sadari.estimator.image_classifier import ImageClassifier
    from sadari.run import RunRecord
    from sadari.settings import Settings
    from sadari.values import ImageSet, Predictions, Split

__all__ = [
    "ImageClassifier",
    "ImageSet",
    "Predictions",
    "RunRecord",
    "SadariError",
    "Settings",
    "Split",
    "UsageError",
    "compare",
    "data_map",
    "data_review",
    "export",
    "load",
    "log",
    "predict",
    "reopen",
    "reopen_sets",
    "train",
    "write_report",
]

_HOMES = {
    "compare": "sadari.api",
    "data_map": "sadari.api",
    "data_review": "sadari.api",
    "export": "sadari.api",
    "load": "sadari.api",
    "log": "sadari.api",
    "predict": "sadari.api",
    "reopen": "sadari.api",
    "reopen_sets": "sadari.api",
    "train": "sadari.api",
    "write_report": "sadari.api",
    "ImageClassifier": "sadari.estimator.image_classifier",
    "SadariError": "sadari.errors",
    "UsageError": "sadari.errors",
    "RunRecord": "sadari.run",
    "Settings": "sadari.settings",
    "ImageSet": "sadari.values",
    "Predictions": "sadari.values",
    "Split": "sadari.values",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # takes milliseconds that few callers want

        return version("sadari")
    if name not in _HOMES:
        raise AttributeError(f"module 'sadari' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
