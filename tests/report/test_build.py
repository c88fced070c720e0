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
from sadari.explain.summary import layers_of
from sadari.inference.model import Architecture, write_model
from sadari.models.catalog import find_model
from sadari.report.arms import layer_rows
from sadari.report.build import gather
from sadari.report.contents import Example, Report
from sadari.report.examples import PER_CELL, Agreement, ArmPredictions, cells, mistakes
from sadari.report.page import render
from sadari.report.pictures import SHEET_PIXELS, make_sheet
from sadari.report.sentences import verdict_sentence
from sadari.report.sweeps import sweep_pages
from sadari.run import RunRecord
from sadari.values import ImageSet, Interval, Predictions, Verdict
from support.jobs import named_arms
from support.large_results import large_result, photographs
from support.stamped_training import StampedTrainer

MOST_BYTES = 5_000_000


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ComparisonResult:
    arms, _ = named_arms(["majority", "softmax", "mlp"], {}, {"epochs": "6"})
    executor = SerialExecutor(StampedTrainer())
    return compare(Comparison("digits", arms, (0, 1)), runs=tmp_path_factory.mktemp("runs"), executor=executor)


@pytest.fixture(scope="module")
def report(result: ComparisonResult) -> Report:
    return gather(result, "today")


# what an arm's seeds said


def opinion_of(labels: list[int], *seeds: list[list[float]]) -> ArmPredictions:
    """From the probabilities of each seed, one row per image."""
    classes = tuple("abc"[: len(seeds[0][0])])
    ids = np.array([str(at) for at in range(len(labels))])
    return ArmPredictions.of(
        [Predictions(ids, np.array(labels), np.array(rows, dtype=np.float32), classes, 0.0) for rows in seeds]
    )


def test_a_cell_holds_the_images_that_any_seed_puts_there_with_how_many_do() -> None:
    first = [[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]]
    second = [[0.7, 0.3], [0.6, 0.4], [0.1, 0.9]]
    found = cells(opinion_of([0, 0, 1], first, second), most=100)
    assert found["0,0"].shown == (Example(1, 0, 0.4, 1), Example(0, 0, 0.8, 2))  # the least sure first
    assert found["0,1"].shown == (Example(1, 1, 0.6, 1),)
    assert found["1,1"].shown == (Example(2, 1, 0.8, 2),)
    assert {name: cell.images for name, cell in found.items()} == {"0,0": 2, "0,1": 1, "1,1": 1}


def test_wrong_cells_show_the_surest_and_say_how_many_there_are() -> None:
    sure = np.linspace(0.6, 0.9, 2 * PER_CELL)
    found = cells(opinion_of([0] * len(sure), [[1 - each, each] for each in sure]), most=100)["0,1"]
    assert found.images == 2 * PER_CELL
    assert [each.picture for each in found.shown] == list(range(2 * PER_CELL - 1, PER_CELL - 1, -1))


def test_few_pictures_go_to_the_largest_cells_first_without_leaving_the_others_out() -> None:
    probabilities = [[0.1, 0.9, 0.0]] * 10 + [[0.1, 0.0, 0.9]] * 2
    found = cells(opinion_of([0] * 12, probabilities), most=6)
    assert {name: len(cell.shown) for name, cell in found.items()} == {"0,1": 4, "0,2": 2}
    assert {name: cell.images for name, cell in found.items()} == {"0,1": 10, "0,2": 2}


def test_the_worst_mistakes_are_wrong_and_sure() -> None:
    opinion = opinion_of([0, 0, 1, 1], [[0.1, 0.9], [0.4, 0.6], [0.0, 1.0], [0.8, 0.2]])
    assert mistakes(opinion) == (Example(0, 1, 0.9, 1), Example(3, 0, 0.8, 1), Example(1, 1, 0.6, 1))


def test_the_hardest_images_are_wrong_in_every_run_of_every_arm_that_looks() -> None:
    labels = [0, 0, 1, 1]
    one = opinion_of(labels, [[0.1, 0.9], [0.4, 0.6], [0.0, 1.0], [0.8, 0.2]])
    other = opinion_of(labels, [[0.2, 0.8], [0.9, 0.1], [0.0, 1.0], [0.7, 0.3]])
    majority = opinion_of(labels, [[0.9, 0.1]] * 4)  # right of image 0, without a look at it
    agreement = Agreement()
    for each in (majority, one, other):
        agreement.add(each)
    shown, count = agreement.hardest()
    assert count == 2
    assert shown == (Example(0, 1, 0.85, 2), Example(3, 0, 0.75, 2))
    nobody = Agreement()
    nobody.add(majority)
    assert nobody.hardest() == ((), 0)


# the report


def test_the_arms_are_those_of_the_result_in_its_order(result: ComparisonResult, report: Report) -> None:
    assert [arm.name for arm in report.arms] == ["mlp", "softmax", "majority"]
    for arm, row in zip(report.arms, result.arms, strict=True):
        assert row.accuracy is not None
        assert arm.accuracy == (row.accuracy.mean, row.accuracy.sd, row.accuracy.low, row.accuracy.high)
        assert (arm.gap, arm.params, arm.seconds, arm.seeds) == (row.gap, row.params, row.seconds, (0, 1))
        assert arm.scores == pytest.approx(dict(row.scores), rel=1e-4)
        assert arm.settings["epochs"] == "6"
        assert arm.runs == tuple(f"digits-compare-1/{arm.name}-seed{seed}" for seed in (0, 1))


def test_the_matrix_is_the_mean_over_the_seeds_and_its_cells_show_what_is_in_it(
    result: ComparisonResult, report: Report
) -> None:
    for arm in report.arms:
        runs = [record.predictions for record in result.records[arm.name]]
        truth = {
            str(name): (label, at) for at, (name, label) in enumerate(zip(runs[0].ids, runs[0].labels, strict=True))
        }
        assert np.sum(arm.confusion) == pytest.approx(359)
        for name, shown in arm.cells.items():
            row, column = map(int, name.split(","))
            mean = np.mean([((each.labels == row) & (each.predicted == column)).sum() for each in runs])
            assert arm.confusion[row][column] == pytest.approx(mean, abs=0.01)
            assert len(shown) == min(arm.cell_images[name], PER_CELL)
            for each in shown:
                label, at = truth[report.pictures.ids[each.picture]]
                assert (label, column) == (row, each.predicted)
                assert report.pictures.labels[each.picture] == row
                assert each.seeds == sum(int(run.predicted[at] == column) for run in runs) > 0
                assert each.probability == pytest.approx(
                    np.mean([run.probabilities[at, column] for run in runs]), abs=1e-4
                )
        filled = {f"{row},{column}" for row, column in zip(*np.nonzero(np.array(arm.confusion)), strict=True)}
        assert set(arm.cells) == filled


def test_layers_are_those_that_explain_shows(result: ComparisonResult, report: Report) -> None:
    for arm in report.arms[:2]:
        layers = layers_of(result.records[arm.name][0])
        images, *rows = arm.layers
        assert (images.text, images.output, images.how) == ("input", "8x8x1", "")
        assert [row.name for row in rows] == list(layers.names)
        assert [(row.text, row.params, row.trainable, row.how) for row in rows] == [
            (row.text, row.total, row.trainable, row.how) for row in layers.rows
        ]
    mlp, softmax, _ = report.arms
    assert [row.name for row in mlp.layers[1:]] == ["flatten1", "dense1", "dense2", "dense3"]
    assert (softmax.layers[1].output, softmax.layers[1].how) == ("64", "8 x 8 x 1 = 64")
    assert sum(row.params for row in softmax.layers) == 650


def test_params_of_layers_add_up_to_those_of_the_network(tmp_path: Path) -> None:
    architecture = Architecture.of(find_model("cnn"), find_model("cnn").variables, (28, 28, 1), tuple("0123456789"))
    write_model(tmp_path / "model.safetensors", architecture.build(0), architecture)
    rows = layer_rows([RunRecord(tmp_path)])
    assert sum(row.params for row in rows) == 93_962  # as Keras counts the same layers
    assert sum(row.trainable for row in rows) == 93_642


def test_what_learns_nothing_has_no_layers(result: ComparisonResult) -> None:
    *learning, majority = result.arms
    found = gather(replace(result, arms=(*learning, replace(majority, params=0))), "today")
    assert [bool(arm.layers) for arm in found.arms] == [True, True, False]


def test_layers_need_one_seed_that_has_kept_its_weights(result: ComparisonResult, tmp_path: Path) -> None:
    gone, kept = RunRecord(tmp_path), result.records["mlp"][0]
    assert layer_rows([gone]) == ()
    assert layer_rows([gone, kept]) == layer_rows([kept]) != ()
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(SadariError, match=f"the model of {tmp_path} cannot be read"):
        layer_rows([gone, kept])


def test_the_sheet_holds_the_very_pictures(result: ComparisonResult, report: Report) -> None:
    pictures = report.pictures
    assert result.images is not None
    assert pictures.sheet.startswith("data:image/webp;base64,")
    sheet = np.asarray(Image.open(BytesIO(b64decode(pictures.sheet.partition(",")[2]))).convert("RGB"))
    position = {name: at for at, name in enumerate(result.images.ids.tolist())}
    assert len(pictures.ids) == len(set(pictures.ids)) > 100
    for place, name in enumerate(pictures.ids):
        row, column = divmod(place, pictures.columns)
        tile = sheet[row * 8 : row * 8 + 8, column * 8 : column * 8 + 8, 0]
        assert np.array_equal(tile, result.images.images[position[name], :, :, 0])


def test_samples_are_training_images_and_mistakes_are_judged_ones(result: ComparisonResult, report: Report) -> None:
    assert result.images is not None
    train = set(result.images.ids[result.split.train].tolist())
    assert len(report.samples) == 25
    assert all(report.pictures.ids[place] in train for place in report.samples)
    for arm in report.arms:
        assert arm.mistakes
        assert not any(report.pictures.ids[each.picture] in train for each in arm.mistakes)
        assert all(each.predicted != report.pictures.labels[each.picture] for each in arm.mistakes)


def test_curves_tables_and_calibration_are_those_of_the_runs(result: ComparisonResult, report: Report) -> None:
    arm = report.arms[0]
    history = result.records["mlp"][1].history
    curve = next(each for each in arm.curves if (each.seed, each.split, each.figure) == (1, "val", "loss"))
    assert curve.value == pytest.approx([row["val_loss"] for row in history], rel=1e-4)
    assert len(arm.curves) == 2 * 2 * 2
    assert [row.name for row in arm.per_class] == [*report.facts.classes, "accuracy", "macro avg", "weighted avg"]
    assert arm.accuracy is not None
    assert next(row.f1 for row in arm.per_class if row.name == "accuracy") == pytest.approx(arm.accuracy[0], rel=1e-4)
    assert sum(each.images for each in arm.calibration) == pytest.approx(359)
    assert arm.calibration_error == pytest.approx(result.arms[0].scores["calibration_error"])


def test_facts_environment_and_command(report: Report) -> None:
    facts = report.facts
    assert facts.counts == {"train": 1150, "val": 288, "test": 359}
    assert {part: sum(counts) for part, counts in facts.balance.items()} == facts.counts
    assert report.environment["machine"] == "Linux x86_64, a processor, 2 cores"
    assert report.environment["torch"] == "2.9.0"
    assert report.command == "sadari compare digits --models majority,softmax,mlp --seeds 2 --epochs 6"
    assert report.made == "today"


def test_it_becomes_json_and_is_the_same_twice(result: ComparisonResult, report: Report) -> None:
    text = json.dumps(asdict(report), allow_nan=False)
    assert text == json.dumps(asdict(gather(result, "today")), allow_nan=False)


def test_a_damaged_run_is_named(result: ComparisonResult) -> None:
    record = result.records["mlp"][0]
    kept = (record.path / "environment.json").read_bytes()
    (record.path / "environment.json").write_text("{", encoding="utf-8")
    try:
        with pytest.raises(SadariError, match=r"environment\.json"):
            gather(result)
    finally:
        (record.path / "environment.json").write_bytes(kept)


def test_without_images_everything_else_is_there_and_it_is_said(result: ComparisonResult, report: Report) -> None:
    bare = gather(replace(result, images=None), "today")
    assert (bare.pictures.sheet, bare.samples) == ("", ())
    assert any("could not be found again" in note for note in bare.notes)
    assert bare.arms[0].confusion == report.arms[0].confusion
    names = [[bare.pictures.ids[each.picture] for each in arm.mistakes] for arm in bare.arms]
    assert names == [[report.pictures.ids[each.picture] for each in arm.mistakes] for arm in report.arms]
    assert bare.facts.balance == {"test": report.facts.balance["test"]}


def test_a_sweep_marks_its_best_only_where_it_beats_all_others(tmp_path: Path) -> None:
    arms, _ = named_arms(["mlp"], {"batch_size": ["32", "64", "128"]}, {"epochs": "2"})
    swept = compare(Comparison("digits", arms, (0, 1)), runs=tmp_path, executor=SerialExecutor(StampedTrainer()))
    [page] = gather(swept).sweeps
    assert page.key == "batch_size"
    assert [point.value for point in page.lines["mlp"]] == [32.0, 64.0, 128.0]
    assert page.best == ""  # they are all the same
    names = [arm.name for arm in arms]
    wins = [Verdict(names[1], names[0], 0.1, 0.05, 0.15, 0.001, "better")]
    wins.append(Verdict(names[2], names[1], -0.1, -0.15, -0.05, 0.001, "worse"))
    [page] = sweep_pages(replace(swept, verdicts=tuple(wins)))
    assert page.best == names[1]
    [page] = sweep_pages(replace(swept, verdicts=tuple(wins[:1])))
    assert page.best == ""


# the sentence of the first screen


def spoken(result: ComparisonResult, *words: tuple[str, str, float, str], **changes: object) -> str:
    """The sentence for these verdicts: (a, b, difference, verdict)."""
    verdicts = tuple(Verdict(a, b, d, d - 0.01, d + 0.01, 0.0004, word) for a, b, d, word in words)
    return verdict_sentence(replace(result, verdicts=verdicts, **changes))  # type: ignore[arg-type]


NO = "no difference shown"


def test_the_best_of_all_is_called_so_only_where_it_beats_all(result: ComparisonResult) -> None:
    both = (("mlp", "softmax", 0.1, "better"), ("majority", "mlp", -0.7, "worse"))
    sentence = spoken(result, *both)
    assert sentence.startswith("mlp is shown to be the best of 3: ")
    assert "10.0 points more (9.0 to 11.0; p < 0.001) than softmax, the next one." in sentence
    sentence = spoken(result, ("mlp", "softmax", 0.1, NO), both[1])
    assert sentence.startswith("mlp has the highest accuracy, ")
    assert sentence.endswith("but no difference from softmax is shown; mlp beats majority.")
    sentence = spoken(result, ("mlp", "softmax", 0.0, "equal within 0.005"), both[1])
    assert sentence.startswith("mlp and softmax share the highest accuracy")
    assert "best" not in sentence


def test_the_sentence_knows_two_one_failed_and_none(result: ComparisonResult) -> None:
    mlp, softmax, majority = result.arms
    two = spoken(result, ("softmax", "mlp", -0.1, "worse"), arms=(mlp, softmax))
    assert two.startswith("mlp is shown to be the better of the two: ")
    assert "10.0 points more (9.0 to 11.0" in two
    one = spoken(result, arms=(mlp,))
    assert one.startswith("mlp gets 8") and "95 % interval" in one and "2 seeds" in one
    failed = replace(majority, status="failed", reason="no memory", accuracy=None)
    assert spoken(result, arms=(mlp, failed)).endswith(" majority failed and is not compared.")
    none = spoken(result, arms=(failed,))
    assert none == "No model is done, so there is nothing to compare: majority failed."


def test_one_seed_speaks_of_these_networks_only(result: ComparisonResult) -> None:
    single = tuple(replace(arm, seeds=(0,)) for arm in result.arms[:2])
    sentence = spoken(result, ("mlp", "softmax", 0.1, "better"), arms=single)
    assert sentence.endswith("; one seed each, so this is about these trained networks only.")
    assert "one trained network" in spoken(result, arms=single[:1])


def test_many_names_are_counted(result: ComparisonResult) -> None:
    mlp = result.arms[0]
    arms = [replace(mlp, name=f"m{at}", accuracy=Interval(0.9 - at / 100, 0, 0.8, 0.95)) for at in range(7)]
    verdicts = [("m0", arm.name, 0.01, NO) for arm in arms[1:]]
    assert "no difference from m1, m2, m3 and 3 others is shown" in spoken(result, *verdicts, arms=tuple(arms))


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
    found = gather(large, "today")
    assert process_time() - started < 20  # 1.6 s on a quiet core
    assert len(render(found).encode()) <= MOST_BYTES
    assert len(found.pictures.ids) > 1000
    assert all(arm.mistakes and arm.cells for arm in found.arms)


def test_a_long_sweep_keeps_every_row_and_says_what_it_leaves_out() -> None:
    large = large_result(photographs(200, 8, 1, 3), arms=50, seeds=1)
    found = gather(large, "today")
    assert len(found.arms) == 50
    assert sum(bool(arm.confusion) for arm in found.arms) == 20
    assert [bool(arm.confusion) for arm in found.arms] == [True] * 20 + [False] * 30
    assert all(arm.curves for arm in found.arms)
    assert any("best 20 of 50" in note for note in found.notes)
    assert len(found.pairs) == 49
    assert all(found.arms[0].name in (pair.a, pair.b) for pair in found.pairs)


def test_more_classes_than_a_matrix_bears_leave_the_fullest_cells() -> None:
    found = gather(large_result(photographs(300, 8, 1, 150), arms=2, seeds=1), "today")
    assert found.arms[0].confusion == ()
    assert found.arms[0].cells
    assert any("too many for a matrix" in note for note in found.notes)


# the sheet of thumbnails


def drawn(sheet_uri: str) -> Image.Image:
    return Image.open(BytesIO(b64decode(sheet_uri.partition(",")[2])))


def test_a_sheet_keeps_to_its_bytes_and_leaves_out_the_last_ones() -> None:
    images = photographs(400, 32, 3, 2)
    whole = make_sheet(images, range(400))
    assert whole.count == 400
    small = make_sheet(images, range(400), most_bytes=20_000)
    assert 0 < small.count < 400
    assert len(b64decode(small.uri.partition(",")[2])) <= 20_000
    assert drawn(small.uri).size[0] == small.columns * small.side
    assert make_sheet(images, ()).uri == ""


@pytest.mark.parametrize(("channels", "side"), [(1, 28), (3, 32)])
def test_thumbnails_look_like_their_images(channels: int, side: int) -> None:
    images = photographs(300, side, channels, 2)
    sheet = make_sheet(images, range(300))
    pixels = np.asarray(drawn(sheet.uri).convert("RGB")).astype(float)
    for place in (0, 17, 299):
        row, column = divmod(place, sheet.columns)
        tile = pixels[row * sheet.side : (row + 1) * sheet.side, column * sheet.side : (column + 1) * sheet.side]
        assert tile.mean() == pytest.approx(images.images[place].mean(), abs=4)


def test_large_and_oblong_images_become_small_squares() -> None:
    pixels = np.full((3, 100, 200, 3), 255, dtype=np.uint8)
    labels = np.zeros(3, dtype=np.int64)
    names = np.array(["a", "b", "c"])
    images = ImageSet("oblong", pixels, labels, names, ("one",), np.full(3, ""), "0")
    sheet = make_sheet(images, range(3))
    assert sheet.side == 96
    tile = np.asarray(drawn(sheet.uri).convert("L"))[:96, :96]
    assert tile[48].min() > 240  # the picture, from edge to edge
    assert tile[:20].max() < 40 and tile[-20:].max() < 40  # black above and below it
    many = make_sheet(replace_count(images, 1500), range(1500))
    assert (many.side, many.count) == (64, SHEET_PIXELS // 64**2)


def replace_count(images: ImageSet, count: int) -> ImageSet:
    at = np.zeros(count, dtype=np.int64)
    names = np.array([str(number) for number in range(count)])
    return replace(images, images=images.images[at], labels=at, ids=names, source_split=np.full(count, ""))
