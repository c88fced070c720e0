"""Sadari: climb a ladder of image classifiers and compare the rungs honestly.

    import sadari

    images = sadari.load("digits")
    run = sadari.train("digits", model="cnn", out="runs/first", epochs=5)
    result = sadari.compare("digits", models=["logistic", "cnn"], seeds=3)
    result.to_frame()
    sadari.tune("digits", "cnn", trials=20).sentences
    sadari.write_report(result, "report.html")
    sadari.predict(run.path, "photo.jpg", abstain=0.95)
    sadari.evaluate_unknown(run.path, "other-things/")
    sadari.export(run.path, "onnx")
    sadari.log(run.path, to="mlflow")
    sadari.run_project("sadari.toml")  # makes what is out of date
    sadari.ImageClassifier("cnn").fit(X, y)  # as a scikit-learn estimator
    @sadari.metric("brier", higher_is_better=False)  # also layer, loss, optimizer, augmentation, corruption, model

Names are imported when they are first used, so that `import sadari` loads no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from sadari.api.comparisons import compare, reopen, reopen_sets, write_report
    from sadari.api.data import data_map, data_review, load
    from sadari.api.projects import project_status, run_project
    from sadari.api.runs import evaluate_unknown, export, log, operating_points, predict, train
    from sadari.api.tuning import reopen_tuning, tune
    from sadari.errors import SadariError, UsageError
    from sadari.estimator.image_classifier import ImageClassifier
    from sadari.evaluation.operating.points import Wanted
    from sadari.plugins.decorators import augmentation, corruption, layer, loss, metric, model, optimizer
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
    "Wanted",
    "augmentation",
    "compare",
    "corruption",
    "data_map",
    "data_review",
    "evaluate_unknown",
    "export",
    "layer",
    "load",
    "log",
    "loss",
    "metric",
    "model",
    "operating_points",
    "optimizer",
    "predict",
    "project_status",
    "reopen",
    "reopen_sets",
    "reopen_tuning",
    "run_project",
    "train",
    "tune",
    "write_report",
]

_HOMES = {
    **dict.fromkeys(
        ("augmentation", "corruption", "layer", "loss", "metric", "model", "optimizer"), "sadari.plugins.decorators"
    ),
    "compare": "sadari.api.comparisons",
    "data_map": "sadari.api.data",
    "data_review": "sadari.api.data",
    "evaluate_unknown": "sadari.api.runs",
    "export": "sadari.api.runs",
    "load": "sadari.api.data",
    "log": "sadari.api.runs",
    "operating_points": "sadari.api.runs",
    "predict": "sadari.api.runs",
    "reopen": "sadari.api.comparisons",
    "reopen_sets": "sadari.api.comparisons",
    "reopen_tuning": "sadari.api.tuning",
    "project_status": "sadari.api.projects",
    "run_project": "sadari.api.projects",
    "train": "sadari.api.runs",
    "tune": "sadari.api.tuning",
    "write_report": "sadari.api.comparisons",
    "ImageClassifier": "sadari.estimator.image_classifier",
    "SadariError": "sadari.errors",
    "UsageError": "sadari.errors",
    "RunRecord": "sadari.run",
    "Settings": "sadari.settings",
    "Wanted": "sadari.evaluation.operating.points",
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
