"""Which functions of Python are about one run? It is trained, asked, judged, exported and logged."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sadari.errors import UsageError
from sadari.progress import Progress, Silent
from sadari.settings import ALL_IMAGES, KEPT, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sadari.deploy.export import Exported
    from sadari.deploy.predict import Answer
    from sadari.deploy.unknown.judge import UnknownEvaluation
    from sadari.evaluation.operating.points import Wanted
    from sadari.evaluation.operating.result import OperatingResult
    from sadari.models.own.reference import Maker
    from sadari.run import RunRecord
    from sadari.tracking.mlflow_store import Logged

    Code = Maker | str | Iterable[Maker | str] | None  # classes and functions that make networks, or names of such


def train(
    data: object,
    model: "str | Maker",
    *,
    out: str | Path,
    seed: int = 0,
    all_images: bool = False,
    judged_by: str | Path | None = None,
    model_code: "Code" = None,
    log_to: "str | Sequence[str]" = (),
    progress: Progress | None = None,
    **overrides: Value,
) -> "RunRecord":
    """Train one model and return its run in the folder `out`; a finished or started run is taken up again.

    data: as `load` takes it, arrays as (X, y). model: a name, a TOML file, or a class or function that makes a torch
    module. model_code: such classes and functions of other runs that are opened, such as a teacher's. all_images: train
    on every image; judged_by: the folder of a comparison whose folds judge the model then, the newest one in `runs` by
    default. log_to: trackers that get the run while it trains, such as "mlflow:http://tracking:5000" or
    ["wandb:PROJECT", "trackio", "tensorboard:FOLDER"]. overrides: settings and variables of the model, such as
    `epochs=5, dropout=0.3`. `.summary`, `.history` and `.predictions` of the returned run hold the results. Raises
    SadariError or UsageError with one sentence.
    """
    from sadari.data.load import absolute_data
    from sadari.job import make_job
    from sadari.loggers.targets import parse_targets
    from sadari.models.catalog import find_model
    from sadari.models.own.named import let_run
    from sadari.report.plots.of_run import write_run_plots
    from sadari.training import train as training

    let_run(model_code)
    live: dict[str, Any] = {"log_to": parse_targets(log_to), "draw": write_run_plots}
    data = absolute_data(data)
    if not all_images:
        if judged_by is not None:
            raise UsageError("judged_by names what judges a model of all_images; others are judged by their test part")
        return training.train(make_job(data, find_model(model), seed, overrides), Path(out), progress=progress, **live)
    from sadari.comparison.splits.judges import judges_of

    job = make_job(data, find_model(model), seed, {**overrides, "split": ALL_IMAGES})
    folder = Path(judged_by) if judged_by is not None else None
    judges = judges_of(job, folder, Path("runs"), progress or Silent())
    return training.train(job, Path(out), progress=progress, judged_by=judges, **live)


def predict(
    run: str | Path,
    *images: str | Path,
    coverage: float | None = None,
    classwise: bool = False,
    max_megapixels: float | None = None,
    abstain: float | None = None,
    unknown_score: str = "",
    model_code: "Code" = None,
    progress: Progress | None = None,
) -> "list[Answer]":
    """Predict the classes of image files, folders and archives, and return one answer a file, in order.

    run: the folder of a run, of a comparison (its best run by validation), or of a model exported as safetensors; or an
    ONNX file that `export` made, which loads no torch. `.label`, `.top(3)` and `.probabilities` of an answer say what
    is on the image; `.reason` why a file could not be judged. coverage: a share such as 0.95: `.set` of an answer holds
    the true class for that share of images, with classwise of each class. max_megapixels: files with more pixels, in
    millions, are refused; without it, as the run was trained. abstain: decide which images show one of the classes, so
    that this share of those that do, such as 0.95, is `.known`; unknown_score: by "mahalanobis", "energy" or
    "probability", the best by default. model_code: the class or function that makes the network of a run of your own
    code, or such text as package.module:make_net; nothing else lets it run. Raises SadariError or UsageError where
    there is no model, and where it cannot abstain.
    """
    from sadari.deploy.files import find_files
    from sadari.deploy.predict import open_model, predict_files
    from sadari.models.own.named import let_run

    let_run(model_code)
    classifier = open_model(run, max_megapixels, progress)
    if abstain is not None:
        classifier = classifier.abstaining(abstain, unknown_score, progress)
    elif unknown_score:
        raise UsageError("unknown_score says how to abstain; add abstain=0.95")
    sets = classifier.coverage(coverage, classwise)
    return list(predict_files(classifier, find_files(images), progress, sets))


def evaluate_unknown(
    run: str | Path,
    unknown: str | Path,
    *,
    keep: float = KEPT,
    unknown_score: str = "",
    model_code: "Code" = None,
    progress: Progress | None = None,
) -> "UnknownEvaluation":
    """Judge how well a run tells images of none of its classes from its own test images, by each of its scores.

    unknown: a folder of pictures, an archive, or a named set. keep: the share of known images that thresholds keep.
    unknown_score: the one of `.decides`. `.rows` and `.to_frame()` have the area under the ROC curve, the share of
    unknown images that is accepted and that of known ones that is kept, with intervals. model_code: as in `predict`.
    Raises SadariError or UsageError with one sentence.
    """
    from sadari.deploy.unknown.judge import evaluate_unknown as judging
    from sadari.models.own.named import let_run
    from sadari.run import RunRecord
    from sadari.run_lookup import find_run

    let_run(model_code)
    record = RunRecord.open(find_run(run, progress or Silent()))
    return judging(record, unknown, keep, unknown_score, progress)


def operating_points(
    run: str | Path,
    *wanted: "Wanted | str",
    data: str | Path | None = None,
    sure: bool = False,
    costs: "str | Path | Mapping[tuple[str, str], float] | None" = None,
    model_code: "Code" = None,
    progress: Progress | None = None,
) -> "OperatingResult":
    """Choose a threshold for each of `wanted` on the validation images of a run, and judge it on its test images.

    run: the folder of a run, or of a comparison (its best run by validation). wanted: `Wanted("precision", 0.95,
    "bees")`, or the same as text, "bees:precision>=0.95"; without a class, of each. data: other images that judge.
    sure: choose so that it is reached with 95 % certainty. costs: what each wrong class costs, a CSV, pairs as text, or
    a mapping of (true, said) to numbers; decisions of the least expected cost are judged, too. `.points`, `.costs`,
    `.sentences` and `.to_frame()` of the result have it. model_code: as in `predict`. Raises SadariError or UsageError
    with one sentence.
    """
    from sadari.inference.operating import operate
    from sadari.models.own.named import let_run
    from sadari.run import RunRecord
    from sadari.run_lookup import find_run

    let_run(model_code)
    record = RunRecord.open(find_run(run, progress or Silent()))
    other = None if data is None else str(data)
    return operate(record, wanted, data=other, sure=sure, costs=costs, progress=progress)


def export(
    run: str | Path,
    to: str = "onnx",
    *,
    out: str | Path | None = None,
    quantize: str = "",
    model_code: "Code" = None,
    progress: Progress | None = None,
) -> "Exported":
    """Export the model of `run` as ONNX or as a page, proved to be the same model, or as a folder of safetensors.

    run: the folder of a run, or of a comparison (its best run by validation). to: "onnx", "web" (a folder with a page
    that needs no server) or "safetensors". out: beside the run by default. quantize: "int8" for a smaller ONNX file or
    page, at a measured cost. model_code: as in `predict`. Raises SadariError or UsageError with one sentence; then
    there is no file.
    """
    from sadari.deploy import export as exporting
    from sadari.models.own.named import let_run
    from sadari.run import RunRecord
    from sadari.run_lookup import find_run

    let_run(model_code)
    record = RunRecord.open(find_run(run, progress or Silent()))
    return exporting.export(record, to, Path(out) if out is not None else None, quantize, progress)


def log(
    *paths: str | Path, to: str = "mlflow", uri: str = "", experiment: str = "", progress: Progress | None = None
) -> "Logged":
    """Put the finished runs and comparisons in the folders `paths` into MLflow, once each, and return where they are.

    uri: of its server or database; experiment: under which name; "" leaves both to MLflow's environment variables, its
    own default, and the name of the data. Raises SadariError or UsageError with one sentence.
    """
    from sadari.tracking import log as logging

    return logging.log([Path(path) for path in paths], to, uri, experiment, progress)
