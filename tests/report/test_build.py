"""Does the report say what the runs said, show the very pictures, and stay small whatever it is made of?"""

import json
from base64 import b64decode
from dataclasses import asdict, replace
from io import BytesIO
from pathlib import Path
from time import process_time

import numpy as np
import pytest
from PIL import Image

from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.request import Comparison
from sadari.comparison.result import ComparisonResult
from sadari.errors import SadariError
from sadari.explain.layers import layers_of
from sadari.inference.architecture import Architecture
from sadari.inference.model import write_model
from sadari.models.catalog import find_model
from sadari.report.arms import layer_rows
from sadari.report.build import build_report
from sadari.report.contents import Report
from sadari.report.examples import PER_CELL
from sadari.report.figures import sweeps
from sadari.report.page import render
from sadari.run import RunRecord
from sadari.values import Verdict
from support.jobs import named_arms
from support.large_results import large_result, photographs
from support.stamped_training import StampedTrainer

MOST_BYTES = 5_000_000


@pytest.fixture(scope="module")
def report(stamped_result: ComparisonResult) -> Report:
    return build_report(stamped_result, "today")


def test_the_arms_are_those_of_the_result_in_its_order(stamped_result: ComparisonResult, report: Report) -> None:
    assert [arm.result.name for arm in report.arms] == ["mlp", "softmax", "majority"]
    for arm, row in zip(report.arms, stamped_result.arms, strict=True):
        runs = tuple(f"digits-compare-1/{row.name}-seed{seed}" for seed in (0, 1))
        assert arm.result == replace(row, runs=runs, settings={"epochs": "6"}, diagnosis=None)
        assert arm.diagnosis == " ".join(row.diagnosis.sentences if row.diagnosis else ())


def test_the_matrix_is_the_mean_over_the_seeds_and_its_cells_show_what_is_in_it(
    stamped_result: ComparisonResult, report: Report
) -> None:
    for arm in report.arms:
        runs = [record.predictions for record in stamped_result.records[arm.result.name]]
        truth = {
            str(name): (label, at) for at, (name, label) in enumerate(zip(runs[0].ids, runs[0].labels, strict=True))
        }
        assert np.sum(arm.detail.confusion) == pytest.approx(359)
        for name, cell in arm.detail.cells.items():
            row, column = map(int, name.split(","))
            mean = np.mean([((each.labels == row) & (each.predicted == column)).sum() for each in runs])
            assert arm.detail.confusion[row][column] == pytest.approx(mean, abs=0.01)
            assert len(cell.shown) == min(cell.images, PER_CELL)
            for each in cell.shown:
                label, at = truth[report.pictures.ids[each.picture]]
                assert (label, column) == (row, each.predicted)
                assert report.pictures.labels[each.picture] == row
                assert each.seeds == sum(int(run.predicted[at] == column) for run in runs) > 0
                assert each.probability == pytest.approx(
                    np.mean([run.probabilities[at, column] for run in runs]), abs=1e-4
                )
        filled = {f"{row},{column}" for row, column in zip(*np.nonzero(np.array(arm.detail.confusion)), strict=True)}
        assert set(arm.detail.cells) == filled


def test_layers_are_those_that_explain_shows(stamped_result: ComparisonResult, report: Report) -> None:
    for arm in report.arms[:2]:
        layers = layers_of(stamped_result.records[arm.result.name][0])
        images, *rows = arm.detail.layers
        assert (images.text, images.output, images.how) == ("input", "8x8x1", "")
        assert [row.name for row in rows] == list(layers.names)
        assert [(row.text, row.params, row.trainable, row.how, row.params_how) for row in rows] == [
            (row.text, row.total, row.trainable, row.how, row.params_how) for row in layers.rows
        ]
    mlp, softmax, _ = report.arms
    assert [row.name for row in mlp.detail.layers[1:]] == ["flatten1", "dense1", "dense2", "dense3"]
    assert (softmax.detail.layers[1].output, softmax.detail.layers[1].how) == ("64", "8 x 8 x 1 = 64")
    assert sum(row.params for row in softmax.detail.layers) == 650


def test_params_of_layers_add_up_to_those_of_the_network(tmp_path: Path) -> None:
    architecture = Architecture.of(find_model("cnn"), find_model("cnn").variables, (28, 28, 1), tuple("0123456789"))
    write_model(tmp_path / "model.safetensors", architecture.build(0), architecture)
    rows = layer_rows([RunRecord(tmp_path)])
    assert sum(row.params for row in rows) == 93_962  # as Keras counts the same layers
    assert sum(row.trainable for row in rows) == 93_642


def test_what_learns_nothing_has_no_layers(stamped_result: ComparisonResult) -> None:
    *learning, majority = stamped_result.arms
    found = build_report(replace(stamped_result, arms=(*learning, replace(majority, params=0))), "today")
    assert [bool(arm.detail.layers) for arm in found.arms] == [True, True, False]


def test_layers_need_one_seed_that_has_kept_its_weights(stamped_result: ComparisonResult, tmp_path: Path) -> None:
    gone, kept = RunRecord(tmp_path), stamped_result.records["mlp"][0]
    assert layer_rows([gone]) == ()
    assert layer_rows([gone, kept]) == layer_rows([kept]) != ()
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(SadariError, match=f"the model of {tmp_path} cannot be read"):
        layer_rows([gone, kept])


def test_the_sheet_holds_the_very_pictures(stamped_result: ComparisonResult, report: Report) -> None:
    pictures = report.pictures
    assert stamped_result.images is not None
    assert pictures.sheet.startswith("data:image/webp;base64,")
    sheet = np.asarray(Image.open(BytesIO(b64decode(pictures.sheet.partition(",")[2]))).convert("RGB"))
    position = {name: at for at, name in enumerate(stamped_result.images.ids.tolist())}
    assert len(pictures.ids) == len(set(pictures.ids)) > 100
    for place, name in enumerate(pictures.ids):
        row, column = divmod(place, pictures.columns)
        tile = sheet[row * 8 : row * 8 + 8, column * 8 : column * 8 + 8, 0]
        assert np.array_equal(tile, stamped_result.images.images[position[name], :, :, 0])


def test_samples_are_training_images_and_mistakes_are_judged_ones(
    stamped_result: ComparisonResult, report: Report
) -> None:
    assert stamped_result.images is not None
    train = set(stamped_result.images.ids[stamped_result.split.train].tolist())
    assert len(report.samples) == 25
    assert all(report.pictures.ids[place] in train for place in report.samples)
    for arm in report.arms:
        assert arm.detail.mistakes
        assert not any(report.pictures.ids[each.picture] in train for each in arm.detail.mistakes)
        assert all(each.predicted != report.pictures.labels[each.picture] for each in arm.detail.mistakes)


def test_curves_tables_and_calibration_are_those_of_the_runs(stamped_result: ComparisonResult, report: Report) -> None:
    arm = report.arms[0]
    history = stamped_result.records["mlp"][1].history
    curve = next(each for each in arm.curves if (each.seed, each.split, each.figure) == (1, "val", "loss"))
    assert curve.value == pytest.approx([row["val_loss"] for row in history], rel=1e-4)
    assert len(arm.curves) == 2 * 2 * 2
    assert [row.name for row in arm.detail.per_class] == [
        *report.facts.classes,
        "accuracy",
        "macro avg",
        "weighted avg",
    ]
    assert arm.result.accuracy is not None
    f1 = next(row.f1 for row in arm.detail.per_class if row.name == "accuracy")
    assert f1 == pytest.approx(arm.result.accuracy.mean)
    assert sum(each.images for each in arm.detail.calibration) == pytest.approx(359)
    assert arm.detail.calibration_error == pytest.approx(stamped_result.arms[0].scores["calibration_error"])


def test_facts_environment_and_command(report: Report) -> None:
    facts = report.facts
    assert facts.counts == {"train": 1150, "val": 288, "test": 359}
    assert {split: sum(counts) for split, counts in report.balance.items()} == facts.counts
    assert report.environment["machine"] == "Linux x86_64, a processor, 2 cores"
    assert report.environment["torch"] == "2.9.0"
    assert report.command == "sadari compare digits --models majority,softmax,mlp --seeds 2 --epochs 6"
    assert report.made == "today"


def test_it_becomes_json_and_is_the_same_twice(stamped_result: ComparisonResult, report: Report) -> None:
    text = json.dumps(asdict(report), allow_nan=False)
    assert text == json.dumps(asdict(build_report(stamped_result, "today")), allow_nan=False)


def test_a_damaged_run_is_named(stamped_result: ComparisonResult) -> None:
    record = stamped_result.records["mlp"][0]
    kept = (record.path / "environment.json").read_bytes()
    (record.path / "environment.json").write_text("{", encoding="utf-8")
    try:
        with pytest.raises(SadariError, match=r"environment\.json"):
            build_report(replace(stamped_result, records={**stamped_result.records, "mlp": (RunRecord(record.path),)}))
    finally:
        (record.path / "environment.json").write_bytes(kept)


def test_without_images_everything_else_is_there_and_it_is_said(
    stamped_result: ComparisonResult, report: Report
) -> None:
    bare = build_report(replace(stamped_result, images=None), "today")
    assert (bare.pictures.sheet, bare.samples) == ("", ())
    assert any("could not be found again" in note for note in bare.notes)
    assert bare.arms[0].detail.confusion == report.arms[0].detail.confusion
    names = [[bare.pictures.ids[each.picture] for each in arm.detail.mistakes] for arm in bare.arms]
    assert names == [[report.pictures.ids[each.picture] for each in arm.detail.mistakes] for arm in report.arms]
    assert bare.balance == {"test": report.balance["test"]}


def test_a_sweep_marks_its_best_only_where_it_beats_all_others(tmp_path: Path) -> None:
    arms, _ = named_arms(["mlp"], {"batch_size": ["32", "64", "128"]}, {"epochs": "2"})
    swept = compare(Comparison("digits", arms, (0, 1)), runs=tmp_path, executor=SerialExecutor(StampedTrainer()))
    [page] = build_report(swept).sweeps
    assert page.key == "batch_size"
    assert [point.value for point in page.lines["mlp"]] == [32.0, 64.0, 128.0]
    assert page.best == ""  # they are all the same
    names = [arm.name for arm in arms]
    wins = [Verdict(names[1], names[0], 0.1, 0.05, 0.15, 0.001, "better")]
    wins.append(Verdict(names[2], names[1], -0.1, -0.15, -0.05, 0.001, "worse"))
    [page] = sweeps(replace(swept, verdicts=tuple(wins)))
    assert page.best == names[1]
    [page] = sweeps(replace(swept, verdicts=tuple(wins[:1])))
    assert page.best == ""


# small enough to mail


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "side", "channels", "classes", "arms"),
    [(10_000, 28, 1, 10, 10), (10_000, 32, 3, 10, 10), (2_000, 64, 3, 100, 10), (2_000, 32, 3, 1000, 10)],
)
def test_ten_arms_on_ten_thousand_images_fit_into_a_mail(
    count: int, side: int, channels: int, classes: int, arms: int
) -> None:
    large = large_result(photographs(count, side, channels, classes), arms, seeds=5)
    started = process_time()
    found = build_report(large, "today")
    assert process_time() - started < 20  # 1.6 s on a quiet core
    assert len(render(found).encode()) <= MOST_BYTES
    assert len(found.pictures.ids) > 1000
    assert all(arm.detail.mistakes and arm.detail.cells for arm in found.arms)


def test_a_long_sweep_keeps_every_row_and_says_what_it_leaves_out() -> None:
    large = large_result(photographs(200, 8, 1, 3), arms=50, seeds=1)
    found = build_report(large, "today")
    assert len(found.arms) == 50
    assert sum(bool(arm.detail.confusion) for arm in found.arms) == 20
    assert [bool(arm.detail.confusion) for arm in found.arms] == [True] * 20 + [False] * 30
    assert all(arm.curves for arm in found.arms)
    assert any("best 20 of 50" in note for note in found.notes)
    assert len(found.pairs) == 49
    assert all(found.arms[0].result.name in (pair.a, pair.b) for pair in found.pairs)


def test_more_classes_than_a_matrix_bears_leave_the_fullest_cells() -> None:
    found = build_report(large_result(photographs(300, 8, 1, 150), arms=2, seeds=1), "today")
    assert found.arms[0].detail.confusion == ()
    assert found.arms[0].detail.cells
    assert any("too many for a matrix" in note for note in found.notes)
