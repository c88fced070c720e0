"""Which model answers here? What the run, or the exported folder, tells about itself."""

from pathlib import Path

from sadari.deploy.classifier import Classifier
from sadari.deploy.serve.documents import Accepts, Input, Layer, Model
from sadari.deploy.serve.limits import Limits
from sadari.run import RunRecord


def describe_model(classifier: Classifier, layers: tuple[Layer, ...], grad_cam: bool, limits: Limits) -> Model:
    """The document of GET /model. An exported folder does not tell what it was trained on, and has no scores."""
    run = RunRecord(classifier.path)
    known = (run.path / "settings.toml").is_file()
    height, width, channels = classifier.shape
    scores = run.summary["scores"] if known and run.finished else {}
    return Model(
        model=Path(run.job.model).stem if known else classifier.path.name,
        data=run.job.data if known else None,
        classes=list(classifier.classes),
        input=Input(height=height, width=width, channels=channels, fit=classifier.preprocess.fit),
        params=sum(row.total for row in classifier.model.architecture.rows()),
        scores={part: values for part, values in scores.items() if values},
        layers=list(layers),
        grad_cam=grad_cam,
        accepts=Accepts(
            images=limits.images,
            image_bytes=limits.image_bytes,
            body_bytes=limits.body_bytes,
            pixels=limits.pixels,
        ),
    )
