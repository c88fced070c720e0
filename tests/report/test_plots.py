"""Is what a plot shows what was measured, and do the files come out the same twice?"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sadari.comparison.analysis.robustness import CorruptionAccuracy
from sadari.comparison.analysis.sweep_point import SweepPoint
from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.request import Comparison
from sadari.comparison.result import ComparisonResult
from sadari.comparison.variants import Arm
from sadari.errors import SadariError
from sadari.report import figures
from sadari.report.plots.arms import draw_confusion, draw_cost, draw_robustness
from sadari.report.plots.curves import draw_curves, draw_learning, draw_sweep
from sadari.report.plots.files import write_plots
from sadari.report.plots.saving import save
from sadari.report.plots.style import pick_colours, styled
from sadari.run import RunRecord
from sadari.values import ImageSet, Interval, Split, Verdict
from support.fake_training import SKILLS, FakeTrainer
from support.jobs import named_arms


def made(tmp_path: Path, arms: tuple[Arm, ...], trainer: FakeTrainer | None = None, seeds: int = 2) -> ComparisonResult:
    asked = Comparison("digits", arms, tuple(range(seeds)))
    return compare(asked, runs=tmp_path / "runs", executor=SerialExecutor(trainer or FakeTrainer()))


@pytest.fixture
def result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ComparisonResult:
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))
    return made(tmp_path, named_arms(["majority", "softmax", "mlp"], {}, {"epochs": "6"})[0])


def point(value: float, arm: str = "arm") -> SweepPoint:
    return SweepPoint(arm, value, Interval(0.5, 0, 0.4, 0.6), 1.0, 0.9, 1.1)


def small_set(classes: int, each: int) -> tuple[ImageSet, Split]:
    count = classes * each
    images = ImageSet(
        name="small",
        images=np.arange(count, dtype=np.uint8).reshape(count, 1, 1, 1).repeat(4, axis=1).repeat(4, axis=2),
        labels=np.arange(count) % classes,
        ids=np.array([str(number) for number in range(count)]),
        classes=tuple(f"class {number}" for number in range(classes)),
        source_split=np.full(count, ""),
        fingerprint="0",
    )
    positions = np.arange(count)
    return images, Split(positions[: count // 2], positions[:0], positions[count // 2 :], "by hand")


def test_the_sample_grid_shows_training_images_of_every_class() -> None:
    images, split = small_set(classes=10, each=8)
    grid = figures.sample_grid(images, split)
    assert grid.images.shape == (25, 4, 4, 1)
    shown = grid.images[:, 0, 0, 0].tolist()
    assert len(set(shown)) == 25
    assert set(shown) <= set(split.train.tolist())
    assert list(grid.names) == [images.classes[images.labels[number]] for number in shown]
    assert grid.names[:10] == images.classes  # the classes in turn
    assert np.array_equal(figures.sample_grid(images, split).images, grid.images)


def test_a_small_set_gives_a_small_grid() -> None:
    images, split = small_set(classes=2, each=3)
    assert len(figures.sample_grid(images, split).names) == 3


def test_curves_are_the_histories(result: ComparisonResult) -> None:
    curves = figures.curves(result)
    assert [(curve.arm, curve.split) for curve in curves.loss] == [
        (arm, split) for arm in ("majority", "softmax", "mlp") for split in ("train", "val")
    ]
    train, val = curves.loss[4:]
    assert len(train.seeds) == 2
    assert train.mean.tolist() == pytest.approx([1 / epoch for epoch in range(1, 7)])
    assert val.best == 3  # the fake's validation loss is least at epoch 4
    assert curves.accuracy[5].mean[3] == pytest.approx(SKILLS["mlp"])


def test_confusion_is_the_mean_over_the_seeds_with_rows_of_one(result: ComparisonResult) -> None:
    table = figures.confusion_table("mlp", [each.answers for each in result.records["mlp"]])
    assert table.seeds == 2
    assert table.counts.sum() == pytest.approx(len(result.split.test))
    assert np.allclose(table.rows.sum(axis=1), 1)
    accuracy = np.trace(table.counts) / table.counts.sum()
    assert result.arms[0].accuracy is not None
    assert accuracy == pytest.approx(result.arms[0].accuracy.mean)


def test_cost_has_a_point_for_every_arm(result: ComparisonResult) -> None:
    assert [(name, seconds) for name, seconds, _ in figures.cost(result).points] == [
        ("majority", 8.0),
        ("softmax", 7.0),
        ("mlp", 3.0),
    ]


def test_a_sweep_has_a_line_for_everything_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))
    varied = {"batch_size": ["64", "16", "32"], "optimizer": ["sgd", "adam"]}
    swept = made(tmp_path, named_arms(["softmax", "mlp"], varied, {})[0])
    [sweep] = figures.sweeps(swept)  # an optimizer is no number
    assert sweep.key == "batch_size"
    assert list(sweep.lines) == [
        f"{model} optimizer={name}" for model in ("softmax", "mlp") for name in ("sgd", "adam")
    ]
    points = sweep.lines["mlp optimizer=sgd"]
    assert [point.value for point in points] == [16, 32, 64]
    arm = next(arm for arm in swept.arms if arm.name == "mlp batch_size=16 optimizer=sgd")
    assert points[0].accuracy == arm.accuracy
    assert arm.loss is not None
    assert points[0].loss == pytest.approx(arm.loss)
    losses = [RunRecord.open(path).summary["scores"]["test"]["loss"] for path in arm.runs]
    assert (points[0].loss_low, points[0].loss_high) == (min(losses), max(losses))


def better(a: str, b: str) -> Verdict:
    return Verdict(a, b, 0.1, 0.05, 0.15, 0.001, "better")


@pytest.mark.parametrize(
    ("verdicts", "best"),
    [
        ([better("two", "one"), better("two", "three")], "two"),
        ([better("two", "one"), Verdict("three", "two", -0.1, -0.15, -0.05, 0.001, "worse")], "two"),
        ([better("two", "one"), Verdict("two", "three", 0.1, -0.01, 0.2, 0.06, "no difference shown")], ""),
        ([better("two", "one")], ""),
        ([], ""),
    ],
)
def test_the_best_of_a_sweep_is_named_only_where_it_beats_all_others(verdicts: list[Verdict], best: str) -> None:
    assert figures.best_of(["one", "two", "three"], verdicts) == best


def test_the_best_of_a_sweep_is_marked_only_where_there_is_one() -> None:
    lines = {"mlp": (point(0.1, "a"), point(0.2, "b"))}
    for best, marks in (("", []), ("b", ["shown to be best"])):
        drawn = draw_sweep(figures.Sweep("t", "x", lines, best))
        assert [text.get_text() for text in drawn.axes[0].texts] == marks


def test_a_sweep_knows_its_best_from_the_verdicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))
    swept = made(tmp_path, named_arms(["mlp"], {"batch_size": ["16", "32"]}, {})[0])
    assert [sweep.best for sweep in figures.sweeps(swept)] == [""]  # the fake learns the same with both
    shown = replace(swept, verdicts=(better("mlp batch_size=32", "mlp batch_size=16"),))
    assert [sweep.best for sweep in figures.sweeps(shown)] == ["mlp batch_size=32"]


def test_fractions_of_the_training_images_are_a_learning_curve_and_no_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))
    swept = made(tmp_path, named_arms(["mlp", "softmax"], {"train_fraction": ["0.1", "0.5", "1"]}, {})[0])
    assert figures.sweeps(swept) == ()
    learning = figures.learning(swept)
    assert learning is not None
    assert list(learning.lines) == list(learning.fits) == ["mlp", "softmax"]
    assert [each.value for each in learning.lines["mlp"]] == [116, 574, 1150]
    assert learning.lines["mlp"][2].arm == "mlp train_fraction=1"
    fit = learning.fits["mlp"]
    assert all(low <= high for low, high in zip(fit.low, fit.high, strict=True))
    assert len(learning.sentences) == 2
    names = [path.stem for path in write_plots(swept)]
    assert "learning" in names
    assert not any(name.startswith("sweep") for name in names)


def test_no_fractions_no_learning_curve(result: ComparisonResult) -> None:
    assert figures.learning(result) is None
    assert figures.robustness(result) is None


def test_two_sizes_are_drawn_without_a_law() -> None:
    lines = {"mlp": (point(100, "a"), point(200, "b"))}
    drawn = draw_learning(figures.Sweep("t", "training images", lines, sentences=("too few",)))
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["mlp"]


def robustness_plot(arms: list[str], corruptions: int) -> figures.RobustnessPlot:
    row = tuple(Interval(mean, 0.01, mean - 0.05, mean + 0.04) for mean in (0.9, 0.8, 0.7, 0.4))
    labels = ("none", "5 % of the side", "10 % of the side", "20 % of the side")
    each = [
        CorruptionAccuracy(f"corruption {number}", "", (0, 0.05, 0.1, 0.2), labels, dict.fromkeys(arms, row))
        for number in range(corruptions)
    ]
    return figures.RobustnessPlot("t", tuple(each), tuple(arms))


@pytest.mark.parametrize(("arms", "corruptions"), [(1, 1), (3, 5), (10, 6)])
def test_robustness_has_a_plot_for_each_corruption_and_a_line_for_each_arm(arms: int, corruptions: int) -> None:
    with styled():
        drawn = draw_robustness(robustness_plot([f"arm {number}" for number in range(arms)], corruptions))
    shown = [axes for axes in drawn.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown] == [f"corruption {number}" for number in range(corruptions)]
    assert all(len(axes.lines) == arms for axes in shown)
    assert [text.get_text() for text in shown[0].get_xticklabels()] == ["none", "5", "10", "20"]
    assert shown[0].get_xlabel() == "% of the side"
    assert shown[0].lines[0].get_ydata().tolist() == [0.9, 0.8, 0.7, 0.4]  # type: ignore[union-attr]


def test_a_setting_that_does_not_vary_is_no_sweep(result: ComparisonResult) -> None:
    assert figures.sweeps(result) == ()


def test_all_plots_are_written_as_png_and_svg(result: ComparisonResult) -> None:
    written = write_plots(result)
    stems = ["samples", "curves", "seconds", "thresholds", "confusion-mlp", "confusion-softmax", "confusion-majority"]
    assert [path.name for path in written] == [f"{stem}.png" for stem in stems]
    for path in written:
        assert path.read_bytes().startswith(b"\x89PNG")
        assert "<svg" in path.with_suffix(".svg").read_text(encoding="utf-8")[:2000]
    assert len(list((result.out / "plots").iterdir())) == 2 * len(stems)


def test_the_same_data_give_the_same_bytes(result: ComparisonResult, tmp_path: Path) -> None:
    curves = figures.curves(result)
    first = [path.read_bytes() for path in save(draw_curves, curves, tmp_path / "a" / "curves")]
    second = [path.read_bytes() for path in save(draw_curves, curves, tmp_path / "b" / "curves")]
    assert first == second


def test_a_comparison_in_which_all_failed_still_shows_its_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))
    failed = made(tmp_path, named_arms(["mlp"], {}, {})[0], FakeTrainer(fails={"mlp": SadariError("no")}))
    assert [path.name for path in write_plots(failed)] == ["samples.png"]


@pytest.mark.parametrize("classes", [2, 12, 100])
def test_any_number_of_classes_and_any_name_can_be_drawn(classes: int, tmp_path: Path) -> None:
    names = tuple(["$\\frac{a$", "고양이", "x" * 60, "</svg>", *map(str, range(classes))][:classes])
    counts = np.eye(classes) * 3
    table = figures.ConfusionTable("arm $x^", names, counts, np.eye(classes), 1)
    png, svg = save(draw_confusion, table, tmp_path / "confusion")
    assert png.stat().st_size > 1000
    assert svg.stat().st_size > 1000


def test_a_thousand_classes_do_not_fill_the_memory() -> None:
    table = figures.ConfusionTable("a", tuple(map(str, range(1000))), np.eye(1000), np.eye(1000), 1)
    assert max(draw_confusion(table).get_size_inches()) <= 22


def test_legends_hold_every_name_as_it_is() -> None:
    names = ["_mine", "a$b$", *(f"mlp dropout={number}" for number in range(34))]
    line = [point(value) for value in (0.0, 1.0)]
    cost = figures.Cost("t", tuple((name, 1.0, line[0].accuracy) for name in names))
    sweep = figures.Sweep("t", "x", dict.fromkeys(names, tuple(line)))
    curve = {name: figures.Curve(name, "train", (np.ones(2),), np.ones(2), None) for name in names}
    curves = figures.Curves("t", tuple(curve.values()), tuple(curve.values()))
    fit = figures.Fit(*((each, 2.0 * each) for each in (1, 0.2, 0.1, 0.3)))
    learning = figures.Sweep(
        "t", "x", dict.fromkeys(names, (point(1), point(2))), fits=dict.fromkeys(names, fit), sentences=("a$b$",)
    )
    with styled():
        drawn = (
            draw_cost(cost), draw_sweep(sweep), draw_curves(curves), draw_learning(learning),
            draw_robustness(robustness_plot(names, 6)),
        )  # fmt: skip
    for figure in drawn:
        [legend] = figure.legends
        texts = legend.get_texts()
        assert [text.get_text() for text in texts][: len(names)] == names
        assert not any(text.get_parse_math() for text in texts)
        figure.canvas.draw()
        assert figure.bbox.y0 <= legend.get_window_extent().y0


def test_a_long_legend_says_how_many_it_leaves_out() -> None:
    cost = figures.Cost("t", tuple((f"arm {number}", 1.0, Interval(0.5, 0, 0.4, 0.6)) for number in range(50)))
    assert draw_cost(cost).legends[0].get_texts()[-1].get_text() == "and 10 more"


def test_one_epoch_and_no_validation_can_be_drawn(tmp_path: Path) -> None:
    empty = np.empty(0)
    train = figures.Curve("a", "train", (np.ones(1),), np.ones(1), None)
    val = figures.Curve("a", "val", (empty,), empty, None)
    png, _ = save(draw_curves, figures.Curves("t", (train, val), (train, val)), tmp_path / "curves")
    assert png.is_file()


def test_many_arms_get_as_many_colours() -> None:
    for count in (1, 7, 8, 30):
        assert len(set(pick_colours(count))) == count


def test_of_twenty_arms_the_best_have_colours_and_the_others_stand_behind(result: ComparisonResult) -> None:
    one = figures.curves(result)
    (train, val) = one.loss[:2]
    names = [f"arm {number}" for number in range(20)]
    drawn = tuple(replace(curve, arm=name) for name in names for curve in (train, val))
    with styled():
        figure = draw_curves(figures.Curves("t", drawn, drawn, leading=tuple(names[:6])))
    (legend,) = figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels[:7] == [*names[:6], "14 others, val"]
    pale = [line for line in figure.axes[0].lines if line.get_color() == "#c9c9c9"]
    assert len(pale) == 14


def test_the_leading_arms_are_the_best_ones(result: ComparisonResult, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(figures.curves(result).leading) == {"majority", "softmax", "mlp"}
    monkeypatch.setattr(figures, "LEADING", 1)
    assert figures.curves(result).leading == (result.arms[0].name,)
