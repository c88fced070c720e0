"""`sadari evaluate`: a run's model scored again, on its own images or on others."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sadari.cli.completion import data_names, split_names
from sadari.cli.options import (
    KEPT,
    AsJson,
    Classwise,
    CoverageOption,
    Keep,
    ModelCode,
    Run,
    UnknownScore,
    require_coverage,
)
from sadari.cli.output.console import echo, print_json
from sadari.cli.output.operating import CostsOption, Operating, Sure, operate_on, require_test, show_operating
from sadari.cli.output.progress import TerminalProgress
from sadari.cli.output.unknown import UnknownImages, evaluate_unknown_images, require_unknown
from sadari.models.own.named import let_run

if TYPE_CHECKING:
    from sadari.evaluation.probabilities.conformal import Coverage
    from sadari.inference.evaluate import Evaluation
    from sadari.values import Predictions

# The scores of a split in one line; those in the table of classes below `sadari evaluate` are not printed twice.
HEADLINE = ("accuracy", "loss", "macro_f1")
IN_TABLE = ("macro_precision", "macro_recall", "weighted_f1")
WIDTH = 78  # of a line of further scores, which begins with two spaces


def evaluate(
    run: Run,
    data: Annotated[
        str | None,
        typer.Argument(help="Other images with the same classes.", show_default=False, autocompletion=data_names),
    ] = None,
    split: Annotated[str, typer.Option(help="train, val or test.", autocompletion=split_names)] = "test",
    coverage: CoverageOption = None,
    classwise: Classwise = False,
    operating: Operating = None,
    sure: Sure = False,
    costs: CostsOption = None,
    unknown: UnknownImages = None,
    keep: Keep = KEPT,
    unknown_score: UnknownScore = "",
    model_code: ModelCode = None,
    as_json: AsJson = False,
) -> None:
    """Score a run's model again, on its own images or on others."""
    require_coverage(coverage, classwise)
    others = bool(data is not None or split != "test" or operating or sure or costs or coverage)
    require_unknown(unknown, others, keep, unknown_score)
    let_run(model_code)
    if unknown is not None:
        evaluate_unknown_images(run, unknown, keep, unknown_score, as_json)
        return
    from sadari.evaluation.metrics import score
    from sadari.evaluation.operating.curves import class_areas
    from sadari.evaluation.operating.result import areas_document
    from sadari.evaluation.per_class import per_class, text_table
    from sadari.inference import evaluate as evaluation
    from sadari.inference.coverage import coverage_for
    from sadari.inference.operating import require_validation
    from sadari.run import RunRecord
    from sadari.run_lookup import find_run

    progress = TerminalProgress()
    require_test(operating, costs, sure, split)
    record = RunRecord.open(find_run(run, progress))
    if operating or costs is not None:
        require_validation(record)
    judged = evaluation.judge(record, data, split, progress)
    points = operate_on(record, operating, data, sure, costs, judged, progress)
    predictions, unseen = judged.predictions, judged.unseen
    sets = None if coverage is None else coverage_for(record, predictions.classes, coverage, classwise)
    groups = record.groups_on(split) if data is None else None
    new = predictions if unseen is None else unseen  # a model holds more of what it was trained on
    scores = dict(score(predictions).values)
    classes = per_class([predictions])
    document: dict[str, Any] = {
        "run": str(record.path),
        "data": data or record.job.data,
        "split": split,
        "images": len(predictions),
        "images_per_second": len(predictions) / predictions.seconds,
        "scores": scores,
        "training_images": int(judged.seen.sum()) if judged.seen is not None else None,
        "scores_without_training_images": dict(score(unseen).values) if unseen is not None else None,
        "per_class": [asdict(row) for row in classes],
        "areas": areas_document(class_areas([predictions], groups)) if points is None else None,
        "operating": None if points is None else points.document(),
    }
    if sets is not None:
        document["coverage"] = _coverage_document(sets, new)
    if as_json:
        if judged.note:
            echo(judged.note, err=True)
        print_json(document)
        return
    echo(f"{document['data']} {split}   {len(predictions):,} images   {printed_scores(scores, HEADLINE)}")
    for line in _other_scores(scores):
        echo(f"  {line}")
    for line in [*_about_training_images(judged), *_coverage_lines(sets, new, split)]:
        echo(f"  {line}")
    echo()
    for line in text_table(classes):
        echo(line)
    if points is not None:
        show_operating(points)


def _coverage_document(coverage: "Coverage", judged: "Predictions") -> dict[str, Any]:
    """Return what was promised and seen, as JSON; the thresholds are those of the classes in their order."""
    from sadari.evaluation.probabilities.conformal import seen

    about = {"wanted": coverage.wanted, "classwise": coverage.classwise, "validation_images": coverage.images}
    found = asdict(seen(coverage, judged))
    return {**about, **found, "thresholds": coverage.least.tolist(), "notes": list(coverage.notes)}


def _coverage_lines(coverage: "Coverage | None", judged: "Predictions", split_name: str) -> list[str]:
    """Return the sentences on what the sets promise, and on what they held; none without a coverage."""
    from sadari.evaluation.probabilities.conformal import promise, seen, sentence

    if coverage is None:
        return []
    found = sentence(seen(coverage, judged), split_name)
    flatter = ["the validation images set the thresholds: this is no test of them"] if split_name == "val" else []
    return [promise(coverage), found, *coverage.notes, *flatter]


def _about_training_images(judged: "Evaluation") -> list[str]:
    """Say how many of the judged images trained the model, and what the scores are without them."""
    from sadari.evaluation.metrics import score

    if judged.seen is None or not judged.seen.any():
        return [judged.note] if judged.note else []
    count, total, unseen = int(judged.seen.sum()), len(judged.predictions), judged.unseen
    if unseen is None:
        return [f"all {total:,} images are training images of this run: the scores say nothing about other images"]
    are = "is a training image" if count == 1 else "are training images"
    without = f"without {'it' if count == 1 else 'them'}: {printed_scores(dict(score(unseen).values), HEADLINE)}"
    return [f"{count:,} of {total:,} images {are} of this run; {without}"]


def _other_scores(scores: Mapping[str, float]) -> list[str]:
    """Return the scores that are neither in the first line nor in the table, in lines of WIDTH letters at most."""
    lines: list[list[str]] = [[]]
    for name in scores:
        if name in (*HEADLINE, *IN_TABLE):
            continue
        if len(printed_scores(scores, [*lines[-1], name])) > WIDTH:
            lines.append([])
        lines[-1].append(name)
    return [printed_scores(scores, line) for line in lines if line]


def printed_scores(scores: Mapping[str, float], names: Sequence[str]) -> str:
    """Return the scores of these names that are there, in one line."""
    return "   ".join(f"{name} {scores[name]:.4f}" for name in names if name in scores)
