"""Which functions does Python offer? Those of the command line; they return values and frames.

Each function imports its room when it is first called, so that `load` does not wait for torch.
"""

import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from sadari.errors import UsageError
from sadari.progress import Progress, Silent
from sadari.settings import ALL_IMAGES, Settings, Value, with_overrides

if TYPE_CHECKING:
    from sadari.comparison.across.result import AcrossResult
    from sadari.comparison.result import ComparisonResult
    from sadari.deploy.export import Exported
    from sadari.deploy.predict import Answer
    from sadari.review.data_map import DataMap
    from sadari.review.suspects import Review
    from sadari.run import RunRecord
    from sadari.tracking.mlflow_store import Logged
    from sadari.values import ImageSet


def load(data: str | Path, *, progress: Progress | None = None, **settings: Value) -> "ImageSet":
    """Load the images of a named set or a path; settings such as `image_size=64` as keywords.

    Raises SadariError or UsageError with one sentence.
    """
    from sadari.data import load as loading

    return loading.load(loading.absolute_data(data), with_overrides(Settings(), settings), progress)


def data_map(
    data: str | Path,
    *,
    run: str | Path | None = None,
    out: str | Path | None = None,
    features: str = "auto",
    most: int = 5_000,
    seed: int = 0,
    progress: Progress | None = None,
    **settings: Value,
) -> "DataMap":
    """Return a map of the pictures of `data` in two dimensions, alike ones near each other; `.to_frame()` has it.

    run: the folder of a run on these images, or of a comparison (its best run by validation), whose right and wrong
    answers are on the map. out: also write the page that shows it there. features: "backbone", "pixels", or "auto".
    most: of more pictures, a sample of each class. seed: decides sample and layout. settings: also variables of the
    backbone, such as `backbone="auto"`. Raises SadariError or UsageError with one sentence.
    """
    from sadari.data.load import absolute_data
    from sadari.report.maps.page import write_map
    from sadari.review.data_map import make_map
    from sadari.run import RunRecord
    from sadari.run_lookup import find_run

    progress = progress or Silent()
    record = RunRecord.open(find_run(run, progress)) if run is not None else None
    found = make_map(absolute_data(data), settings, progress, record, features, most, seed)
    if out is not None:
        write_map(found, Path(out))
    return found


def data_review(
    data: str | Path, *, decisions: str | Path | None = None, progress: Progress | None = None, **overrides: Value
) -> "Review":
    """Judge the labels of `data` by models that have not seen the images; `.suspects` lists those probably wrong.

    `.decide(file, "relabel", "cat")` (or "keep", "drop") writes a decision, which every later command honours.
    decisions: the CSV that has them, beside the set by default. overrides: settings, and variables of the backbone.
    Raises SadariError or UsageError with one sentence.
    """
    from sadari.data.load import absolute_data
    from sadari.review.suspects import make_review

    file = Path(decisions) if decisions is not None else None
    return make_review(absolute_data(data), overrides, file, progress)


def train(
    data: str | Path,
    model: str,
    *,
    out: str | Path,
    seed: int = 0,
    all_images: bool = False,
    judged_by: str | Path | None = None,
    progress: Progress | None = None,
    **overrides: Value,
) -> "RunRecord":
    """Train one model and return its run in the folder `out`; a finished or started run is taken up again.

    all_images: train on every image; judged_by: the folder of a comparison whose folds judge the model then, the newest
    one in `runs` by default. overrides: settings and variables of the model, such as `epochs=5, dropout=0.3`.
    `.summary`, `.history` and
    `.predictions` of the returned run hold the results. Raises SadariError or UsageError with one sentence.
    """
    from sadari.job import make_job
    from sadari.models.catalog import find_model
    from sadari.training import train as training

    if not all_images:
        if judged_by is not None:
            raise UsageError("judged_by names what judges a model of all_images; others are judged by their test part")
        return training.train(make_job(data, find_model(model), seed, overrides), Path(out), progress=progress)
    from sadari.comparison.splits.judges import judges_of

    job = make_job(data, find_model(model), seed, {**overrides, "split": ALL_IMAGES})
    folder = Path(judged_by) if judged_by is not None else None
    judges = judges_of(job, folder, Path("runs"), progress or Silent())
    return training.train(job, Path(out), progress=progress, judged_by=judges)


def predict(
    run: str | Path, *images: str | Path, max_megapixels: float | None = None, progress: Progress | None = None
) -> "list[Answer]":
    """Predict the classes of image files, folders and archives, and return one answer a file, in order.

    run: the folder of a run, of a comparison (its best run by validation), or of a model exported as safetensors.
    `.label`, `.top(3)` and `.probabilities` of an answer say what is on the image; `.reason` why a file could not be
    judged. max_megapixels: files with more pixels, in millions, are refused; without it, as the run was trained. Raises
    SadariError or UsageError where there is no model.
    """
    from sadari.deploy.files import find_files
    from sadari.deploy.predict import predict_files
    from sadari.inference.classifier import Classifier

    classifier = Classifier.open(run, max_megapixels, progress)
    return list(predict_files(classifier, find_files(images), progress))


def export(
    run: str | Path,
    to: str = "onnx",
    *,
    out: str | Path | None = None,
    quantize: str = "",
    progress: Progress | None = None,
) -> "Exported":
    """Export the model of `run` as ONNX or as a page, proved to be the same model, or as a folder of safetensors.

    run: the folder of a run, or of a comparison (its best run by validation). to: "onnx", "web" (a folder with a page
    that needs no server) or "safetensors". out: beside the run by default. quantize: "int8" for a smaller ONNX file or
    page, at a measured cost. Raises SadariError or UsageError with one sentence; then there is no file.
    """
    from sadari.deploy import export as exporting
    from sadari.run import RunRecord
    from sadari.run_lookup import find_run

    record = RunRecord.open(find_run(run, progress or Silent()))
    return exporting.export(record, to, Path(out) if out is not None else None, quantize, progress)


def reopen(*paths: str | Path, progress: Progress | None = None) -> "ComparisonResult":
    """Return the result of a comparison, or of runs of different days, in the folders `paths`. Trains nothing.

    Raises SadariError or UsageError with one sentence, such as for runs that were judged on different images.
    """
    from sadari.comparison import reopen as reopening

    return reopening.reopen([Path(path) for path in paths], progress)


def reopen_sets(folder: str | Path, progress: Progress | None = None) -> "AcrossResult":
    """Return the result of a comparison across data sets, from its `folder`. Trains nothing.

    Raises SadariError or UsageError with one sentence.
    """
    from sadari.comparison.across.run import reopen_sets as reopening

    return reopening(Path(folder), progress)


def write_report(result: "ComparisonResult | AcrossResult", out: str | Path | None = None) -> Path:
    """Write the page about `result` and return its path: `out`, or report.html in the comparison's folder.

    The page across data sets links to those of its sets, which are not written here. Raises SadariError with one
    sentence.
    """
    from sadari.comparison.across.result import AcrossResult
    from sadari.report import across as across_page
    from sadari.report import page as writing

    if isinstance(result, AcrossResult):
        return across_page.write_across(result, Path(out) if out is not None else None)
    return writing.write_report(result, Path(out) if out is not None else None)


def log(
    *paths: str | Path, to: str = "mlflow", uri: str = "", experiment: str = "", progress: Progress | None = None
) -> "Logged":
    """Put the finished runs and comparisons in the folders `paths` into MLflow, once each, and return where they are.

    uri: of its server or database; experiment: under which name; "" leaves both to MLflow's environment variables, its
    own default, and the name of the data. Raises SadariError or UsageError with one sentence.
    """
    from sadari.tracking import log as logging

    return logging.log([Path(path) for path in paths], to, uri, experiment, progress)


@overload
def compare(
    data: "list[str] | list[Path] | tuple[str | Path, ...]", models: str | Sequence[str] = (), **options: Any
) -> "AcrossResult": ...


@overload
def compare(
    data: str | Path,
    models: str | Sequence[str] = (),
    *,
    budget: str | float | None = None,
    seeds: int | str | Sequence[int] | None = None,
    splits: int | None = None,
    folds: int | None = None,
    repeats: int | None = None,
    vary: Mapping[str, Sequence[Value] | str] | None = None,
    out: str | Path | None = None,
    ensemble: bool = False,
    soup: bool = False,
    robustness: bool = False,
    margin: float | None = None,
    workers: int | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
    **overrides: Value,
) -> "ComparisonResult": ...


def compare(
    data: "str | Path | list[str] | list[Path] | tuple[str | Path, ...]",
    models: str | Sequence[str] = (),
    *,
    budget: str | float | None = None,
    seeds: int | str | Sequence[int] | None = None,
    splits: int | None = None,
    folds: int | None = None,
    repeats: int | None = None,
    vary: Mapping[str, Sequence[Value] | str] | None = None,
    out: str | Path | None = None,
    ensemble: bool = False,
    soup: bool = False,
    robustness: bool = False,
    margin: float | None = None,
    workers: int | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
    **overrides: Value,
) -> "ComparisonResult | AcrossResult":
    """Compare models on the same images, and return which is better, and by how much.

    data: a named set or a path; of a list of them, one comparison a set, and an `AcrossResult` with what they show
    together, whose `.results` has the comparisons by set.
    models: names of models and TOML files; none: the ladder that fits the images; or "best", with a `budget` such as
    "10m" or in seconds: the most promising models are tried, and the result compares those that were trained with the
    time that was left. seeds: how many, from 0 (3 by default), or which; of "best", at most; with splits or folds, how
    many for each of these (1 by default); "auto" or "auto:10": more and more, until it is decided between every two
    arms which is better (or, with a margin, that they are equal), 10 at most. splits: draw train, val and test anew so
    many times. folds, repeats: divide all images into so many parts, so many times, each of which is judged in turn.
    vary: values by setting, such as `{"dropout": [0.0, 0.5]}`, or text as --vary takes it. ensemble: add the arm
    `ensemble`, which averages the others' predictions and is chosen on the validation images. soup: add the arm `soup
    of NAME` for each fine-tuned model, with the mean weights of its seeds, chosen likewise. robustness: judge the
    models on corrupted images too, as `.robustness`. margin: find arms equal within this difference of accuracy.
    workers: how many runs train at once, at most; None for as many as there are cores, where that is faster; of "best",
    one. jobs: the old name of `workers`; it goes with the next release. The result gives pandas frames by `.to_frame()`
    and `.histories()`. Raises SadariError or UsageError with one sentence.
    """
    from sadari.comparison.plan import plan_comparison
    from sadari.comparison.splits.redraw import redraw_of
    from sadari.comparison.variants import values_of

    if jobs is not None:
        if workers is not None:
            raise UsageError("jobs is the old name of workers; leave jobs out")
        warnings.warn("jobs is called workers now; the old name goes with the next release", DeprecationWarning, 2)
        workers = jobs
    if (splits or folds) and not (seeds is None or isinstance(seeds, int)):
        raise UsageError("splits and folds take a number of seeds, for each of them; give for example seeds=2")
    per_draw = seeds if isinstance(seeds, int) else None
    plan_for = partial(
        plan_comparison,
        models=[models] if isinstance(models, str) else models,
        seeds=3 if seeds is None else seeds,
        redraw=redraw_of(splits, folds, repeats, per_draw),
        varied={
            key: values_of(key, values) if isinstance(values, str) else values for key, values in (vary or {}).items()
        },
        overrides=overrides,
        budget=budget,
        workers=workers,
        ensemble=ensemble,
        soup=soup,
        progress=progress,
    )
    folder = Path(out) if out is not None else None
    if isinstance(data, list | tuple) and len(data) != 1:
        from sadari.comparison.across.request import plan_sets
        from sadari.comparison.across.run import compare_sets

        request = plan_sets(data, plan_for)
        return compare_sets(request, out=folder, robustness=robustness, margin=margin, progress=progress)
    plan = plan_for(data[0] if isinstance(data, list | tuple) else data)
    return plan.run(out=folder, robustness=robustness, margin=margin, progress=progress)
