"""What stands on the report page? A comparison becomes a `Report`, which nothing has drawn yet.

runs -> opinion and details of each arm -> pictures worth showing, on one sheet -> arms, pairs, sweeps, facts
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from sadari.comparison.result import ArmResult, ComparisonResult
from sadari.report import figures
from sadari.report.arms import MATRIX_CLASSES, NO_DETAIL, Detail, arm_page, curves_of, layer_rows
from sadari.report.contents import ClaimRow, Curve, Facts, Pair, Report
from sadari.report.examples import Agreement, ArmPredictions
from sadari.report.origin import environment_of, installed_version
from sadari.report.placement import make_album
from sadari.report.sentences import conclusions, verdict_sentence
from sadari.report.sweeps import sweep_pages
from sadari.run import RunRecord
from sadari.values import SPLITS, Answers

# What keeps the page small and quick, whatever it is made of (assumed: nobody opens more).
DETAILED = 20  # arms with matrix, pictures, layers and tables: the best ones
DETAILED_CLASSES = 10_000  # rows in the tables per class, over all arms
SIGHTS = 12_000  # pictures behind cells, over all arms: everything for 10 arms with 10 classes
MOST_PAIRS = 1_000
CURVE_VALUES = 150_000


def gather(result: ComparisonResult, made: str = "") -> Report:
    """What does the page say about `result`? Reads its runs and images; equal results give equal Reports.

    made: when, as it is to be printed; the present minute where it is "". Raises SadariError where a file of a run is
    damaged.
    """
    records = result.records
    present = [arm for arm in result.arms if records[arm.name]]
    detailed = present[: max(1, min(DETAILED, DETAILED_CLASSES // len(result.data.classes)))]
    judged = records[present[0].name][0].answers if present else None
    agreement = Agreement()
    details: dict[str, Detail] = {}
    for arm in present:
        predictions = [record.predictions for record in records[arm.name]]
        opinion = ArmPredictions.of(predictions)
        agreement.add(opinion)
        if arm in detailed:
            layers = layer_rows(records[arm.name]) if arm.params else ()  # majority has none, and learns nothing
            details[arm.name] = Detail.of(predictions, opinion, layers, SIGHTS // len(detailed))
    hard, hard_images = agreement.hardest()
    album = make_album(result, judged, hard, list(details.values()))
    curves = _curves(present, records)
    return Report(
        title=result.title or result.data.name,
        made=made or datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
        verdict=verdict_sentence(result),
        conclusions=conclusions(result),
        notes=(
            *result.notes,
            *(result.robustness.notes if result.robustness else ()),
            *_left_out(result, present, detailed, curves),
        ),
        facts=_facts(result, judged),
        arms=tuple(
            arm_page(
                arm,
                details.get(arm.name, NO_DETAIL),
                curves.get(arm.name, ()),
                " ".join(arm.diagnosis.sentences) if arm.diagnosis else "",
                album.places,
                result.out.parent,
            )
            for arm in result.arms
        ),
        pairs=_pairs(result),
        sweeps=sweep_pages(result),
        robustness=figures.robustness_page(result),
        pictures=album.pictures,
        samples=album.samples,
        hardest=tuple(album.placed(hard)),
        command=result.command,
        environment=environment_of([record for arm in present for record in records[arm.name]]),
        version=installed_version(),
        hardest_images=hard_images,
        claims=tuple(ClaimRow(each.claim, each.words, each.verdict, each.sentence) for each in result.claims),
    )


def _curves(present: Sequence[ArmResult], records: Mapping[str, Sequence[RunRecord]]) -> dict[str, tuple[Curve, ...]]:
    """The curves of the best arms, as many as the page holds."""
    found: dict[str, tuple[Curve, ...]] = {}
    values = 0
    for arm in present:
        curves = curves_of(records[arm.name])
        values += sum(len(curve.value) for curve in curves)
        if found and values > CURVE_VALUES:
            break
        found[arm.name] = curves
    return found


def _left_out(
    result: ComparisonResult, present: Sequence[ArmResult], detailed: Sequence[ArmResult], curves: Mapping[str, object]
) -> list[str]:
    """What the page lacks, in sentences."""
    notes = []
    if result.images is None and present:
        notes.append(f"The images of {result.data.name} could not be found again, so the report shows none of them.")
    if len(detailed) < len(present):
        notes.append(
            f"Matrices, pictures, layers and tables of classes are those of the best {len(detailed)} of {len(present)}."
        )
    if len(curves) < len(present):
        notes.append(f"Learning curves are those of the best {len(curves)} of {len(present)}.")
    if len(result.data.classes) > MATRIX_CLASSES:
        notes.append(f"{len(result.data.classes):,} classes are too many for a matrix; its fullest cells are listed.")
    if len(result.verdicts) > MOST_PAIRS:
        notes.append(f"Of {len(result.verdicts):,} pairs the table holds those of the best; comparison.json has all.")
    return notes


def _facts(result: ComparisonResult, judged: Answers | None) -> Facts:
    data = result.data
    balance: dict[str, tuple[int, ...]] = {}
    if result.images is not None:
        balance = {
            split_name: _counts(result.images.labels[result.split.positions(split_name)], data.classes)
            for split_name in SPLITS
        }
    elif judged is not None:
        balance = {data.judged_on: _counts(judged.labels, data.classes)}
    return Facts(
        name=data.name,
        counts=data.counts,
        classes=data.classes,
        shape=data.shape,
        origin=data.origin,
        judged_on=data.judged_on,
        leaks=data.leaks,
        sentences=data.sentences,
        balance=balance,
    )


def _counts(labels: "np.ndarray[tuple[int], np.dtype[np.int64]]", classes: Sequence[str]) -> tuple[int, ...]:
    return tuple(np.bincount(labels, minlength=len(classes)).tolist())


def _pairs(result: ComparisonResult) -> tuple[Pair, ...]:
    """All pairs, or those of the best arm where they are too many."""
    shown = result.verdicts
    if len(shown) > MOST_PAIRS and result.best is not None:
        shown = tuple(each for each in shown if result.best.name in (each.a, each.b))[:MOST_PAIRS]
    return tuple(
        Pair(each.a, each.b, each.difference, each.low, each.high, each.p, each.verdict, each.sentence)
        for each in shown
    )
