"""Is a model judged on the corrupted images of its own split, once, and never by an outdated file?"""

import json
import shutil
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import sadari
from sadari.cli import compare as command
from sadari.cli.output.tables import robustness_table
from sadari.comparison import compare as room
from sadari.comparison.analysis import corruption_robustness
from sadari.comparison.analysis.robustness import FILE, CorruptionAccuracy, Robustness, read_robustness
from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.request import Comparison
from sadari.comparison.result import ComparisonResult
from sadari.comparison.variants import Arm
from sadari.data.background import find_background
from sadari.data.corruptions import CORRUPTIONS, corrupted
from sadari.errors import SadariError
from sadari.inference.model import TrainedModel
from sadari.inference.predict import Inputs, predict_logits
from sadari.progress import Silent
from sadari.report.build import build_report
from sadari.report.figures import robustness
from sadari.run import RunRecord
from sadari.values import ImageSet, Interval
from support.fake_training import FakeTrainer
from support.jobs import named_arms

ARMS = named_arms(["majority", "softmax"], {}, {"epochs": "4", "batch_size": "16", "learning_rate": "0.01"})[0]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison of two small models with two seeds, judged on corrupted images."""
    out = tmp_path_factory.mktemp("robust") / "comparison"
    made(out)
    return out


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "copy"))


def made(out: Path, arms: tuple[Arm, ...] = ARMS, robust: bool = True) -> ComparisonResult:
    return compare(Comparison("digits", arms, (0, 1)), out=out, robustness=robust)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the names of the corruptions under which a model is judged from here on."""
    names: list[str] = []
    original = corruption_robustness._entry

    def entry(corruption: Any, *others: Any) -> Any:
        names.append(corruption.name)
        return original(corruption, *others)

    monkeypatch.setattr(corruption_robustness, "_entry", entry)
    return names


def test_every_corruption_is_judged_at_every_level_with_intervals(trained: Path) -> None:
    result = made(trained)
    assert result.robustness is not None
    assert [each.corruption for each in result.robustness.corrupted] == CORRUPTIONS.names()
    assert result.robustness.notes == ()
    rows = {row.name: row for row in result.arms}
    for each in result.robustness.corrupted:
        assert each.levels == (0.0, *CORRUPTIONS.get(each.corruption).levels)
        assert each.labels[0] == "none"
        assert list(each.rows) == ["majority", "softmax"]
        for arm, row in each.rows.items():
            assert len(row) == len(each.levels) == len(each.labels)
            assert row[0] == rows[arm].accuracy
            assert all(level.low <= level.mean <= level.high for level in row)
        assert len({level.mean for level in each.rows["majority"]}) == 1  # says the same whatever it sees


def test_the_figures_are_those_of_the_stored_model_on_the_corrupted_images(trained: Path) -> None:
    result = made(trained)
    assert result.robustness is not None
    assert result.images is not None
    corruption, level = CORRUPTIONS.get("rotation"), 20
    of_seeds = []
    for record in result.records["softmax"]:
        model, positions = TrainedModel.load(record), record.split.test
        background = find_background(result.images, record.split.train)
        pixels = np.concatenate(list(corrupted(result.images, positions, corruption, level, background)))
        said = (
            predict_logits(model.network, Inputs.pixels(pixels, model.preprocess), np.arange(len(pixels)))
            .argmax(dim=1)
            .numpy()
        )
        of_seeds.append(float((said == result.images.labels[positions]).mean()))
    [rotation] = [each for each in result.robustness.corrupted if each.corruption == "rotation"]
    assert rotation.rows["softmax"][2].mean == pytest.approx(np.mean(of_seeds), abs=1e-9)
    assert rotation.rows["softmax"][3].mean < rotation.rows["softmax"][0].mean - 0.2


def test_what_is_known_is_not_judged_again(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = counted(monkeypatch)
    again = made(trained)
    assert names == []
    without = made(trained, robust=False)
    assert without.robustness == again.robustness  # known already, so it is shown
    assert names == []


def test_the_document_holds_all_of_it(trained: Path) -> None:
    result = made(trained)
    assert result.robustness is not None
    document = json.loads((trained / "comparison.json").read_text(encoding="utf-8"))
    assert document == json.loads(json.dumps(result.document()))
    [shift] = [each for each in document["robustness"]["corrupted"] if each["corruption"] == "shift"]
    assert shift["levels"] == [0.0, 0.05, 0.1, 0.2]
    assert shift["rows"]["softmax"][1]["mean"] == result.robustness.corrupted[0].rows["softmax"][1].mean


@pytest.mark.parametrize("changed", ["model.safetensors", "split.npz", "environment.json"])
def test_what_belongs_to_another_model_split_or_data_is_not_used(copied: Path, changed: str) -> None:
    folder = copied / "softmax-seed0"
    if changed == "model.safetensors":
        shutil.copy(copied / "softmax-seed1" / changed, folder / changed)
    elif changed == "environment.json":
        text = (folder / changed).read_text(encoding="utf-8")
        stamped = json.loads(text)
        stamped["data"]["fingerprint"] = "0"
        (folder / changed).write_text(json.dumps(stamped), encoding="utf-8")
    else:
        stored = dict(np.load(folder / changed))
        np.savez(folder / changed, **{**stored, "test": stored["test"][::-1]})
    found = read_robustness({"softmax": [RunRecord.open(copied / f"softmax-seed{seed}") for seed in (0, 1)]})
    assert found is None


@pytest.mark.parametrize("damage", ["", "{", '{"belongs_to": 1}', "[]"])
def test_a_damaged_file_is_judged_anew(copied: Path, damage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = made(copied).robustness
    (copied / "softmax-seed0" / FILE).write_text(damage, encoding="utf-8")
    names = counted(monkeypatch)
    assert made(copied).robustness == before
    assert names == CORRUPTIONS.names()


def test_a_damaged_entry_is_judged_anew(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = copied / "softmax-seed0" / FILE
    document = json.loads(path.read_text(encoding="utf-8"))
    document["disturbed"]["noise"]["right"][1] = "00"
    del document["disturbed"]["blur"]
    document["disturbed"]["shift"]["levels"] = [0.1, 0.2, 0.3]
    path.write_text(json.dumps(document), encoding="utf-8")
    names = counted(monkeypatch)
    made(copied)
    assert sorted(names) == ["blur", "noise", "shift"]


def test_an_interrupted_judgement_goes_on_where_it_was(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    complete = made(copied).robustness
    for path in copied.glob(f"*/{FILE}"):
        path.unlink()
    original, calls = corruption_robustness._entry, 0

    def interrupted(*judged: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 9:  # the second run's third
            raise KeyboardInterrupt
        return original(*judged)

    with monkeypatch.context() as patch:
        patch.setattr(corruption_robustness, "_entry", interrupted)
        with pytest.raises(KeyboardInterrupt):
            made(copied)
    names = counted(monkeypatch)
    assert made(copied).robustness == complete
    assert len(names) == 4 * len(CORRUPTIONS) - 8


def test_a_run_without_a_model_is_told_of(tmp_path: Path) -> None:
    asked = Comparison("digits", ARMS, (0, 1))
    result = compare(asked, out=tmp_path / "fake", robustness=True, executor=SerialExecutor(FakeTrainer()))
    assert result.robustness is not None
    assert result.robustness.corrupted == ()
    assert any("softmax is not judged under corruption" in note for note in result.robustness.notes)
    assert robustness(result) is None


def test_images_without_a_ground_are_told_of_and_the_rest_is_judged(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in copied.glob(f"*/{FILE}"):
        path.unlink()
    monkeypatch.setattr(corruption_robustness, "find_background", lambda *_: None)
    found = made(copied).robustness
    assert found is not None
    assert [each.corruption for each in found.corrupted] == CORRUPTIONS.names()[:-1]
    assert found.notes == (corruption_robustness.NO_BACKGROUND,)


def test_masks_reach_the_images_that_judge(tmp_path: Path) -> None:
    data = "shapes:images=60,classes=2,size=16"
    result = compare(
        Comparison(data, named_arms(["softmax"], {}, {"epochs": 1})[0], (0,)), out=tmp_path, robustness=True
    )
    assert result.images is not None
    assert result.images.evidence is not None
    test = result.split.test
    assert result.images.evidence[test].any(axis=(1, 2)).all()
    [block] = corrupted(
        result.images, test, CORRUPTIONS.get("background"), 1.0, find_background(result.images, result.split.train)
    )
    evidence = result.images.evidence[test]
    assert np.array_equal(block[evidence], np.asarray(result.images.images[test])[evidence])
    assert not np.array_equal(block, result.images.images[test])


def test_progress_counts_every_image(copied: Path) -> None:
    for path in copied.glob(f"*/{FILE}"):
        path.unlink()
    seen: list[tuple[str, int, int]] = []

    class Task:
        def __init__(self, label: str, total: int) -> None:
            self.at = len(seen)
            seen.append((label, total, 0))

        def advance(self, count: int, note: str = "") -> None:
            del note
            label, total, done = seen[self.at]
            seen[self.at] = (label, total, done + count)

    class Watching(Silent):
        def task(self, label: str, total: int, unit: str) -> AbstractContextManager[Any]:
            assert unit == "images"
            return nullcontext(Task(label, total))

    records = [RunRecord.open(copied / "softmax-seed0")]
    images = made(copied, robust=False).images
    assert images is not None
    assert corruption_robustness.judge_robustness({"softmax": records}, lambda _: images, Watching()) is not None
    [(label, total, done)] = seen
    assert label == "softmax seed 0 corrupted"
    assert total == done == 18 * 359


def test_changed_images_are_told_of(copied: Path) -> None:
    for path in copied.glob(f"*/{FILE}"):
        path.unlink()
    images = made(copied, robust=False).images
    assert images is not None
    other = ImageSet("digits", images.images, images.labels, images.ids, images.classes, images.source_split, "another")
    records = {"softmax": [RunRecord.open(copied / "softmax-seed0")]}
    found = corruption_robustness.judge_robustness(records, lambda _: other, Silent())
    assert found is not None
    assert found.corrupted == ()
    assert "have changed since" in found.notes[0]


def level(mean: float) -> Interval:
    return Interval(mean, 0.0, mean - 0.1, mean + 0.1)


def example() -> Robustness:
    shift = CorruptionAccuracy(
        "shift", "", (0, 0.05, 0.1, 0.2), ("none", "5 % of the side", "10 % of the side", "20 % of the side"),
        {"a": tuple(map(level, (0.9, 0.85, 0.7, 0.2))), "b": tuple(map(level, (0.8, 0.8, 0.825, 0.7)))},
    )  # fmt: skip
    turned = CorruptionAccuracy("rotation", "", (0, 10, 20, 40), ("none", "10°", "20°", "40°"), {"a": shift.rows["a"]})
    return Robustness((shift, turned), ("background: not applicable",))


def test_the_table_shows_the_change_at_the_middle_level() -> None:
    lines = robustness_table(example(), ["b", "a", "failed"])
    assert lines[0].split() == ["corrupted,", "in", "points", "uncorrupted", "shift", "10", "%", "rotation", "20°"]
    assert lines[1].split() == ["b", "0.800", "+2.5", "-"]
    assert lines[2].split() == ["a", "0.900", "-20.0", "-20.0"]
    assert lines[3].strip() == "background: not applicable"
    assert len(lines) == 4


def test_a_narrow_terminal_gets_fewer_columns() -> None:
    wide, narrow = robustness_table(example(), ["a", "b"]), robustness_table(example(), ["a", "b"], 50)
    assert max(map(len, wide[:3])) > 50 >= max(map(len, narrow[:3]))
    assert "rotation" not in narrow[0]


@pytest.mark.parametrize("words", [["compare", "digits", "--models", "softmax"], ["study", "it.toml"]])
@pytest.mark.parametrize("asked", [True, False])
def test_the_option_reaches_the_comparison(
    words: list[str], asked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[bool] = []

    def instead(*_: Any, robustness: bool, **__: Any) -> ComparisonResult:
        passed.append(robustness)
        raise SadariError("far enough")

    monkeypatch.chdir(tmp_path)
    Path("it.toml").write_text('data = "digits"\n[[arms]]\nmodel = "softmax"\n', encoding="utf-8")
    monkeypatch.setattr(room, "compare", instead)
    app = typer.Typer()
    app.command("compare")(command.compare)
    app.command("study")(command.study)
    CliRunner().invoke(app, [*words, *(["--robustness"] if asked else [])])
    assert passed == [asked]
    with pytest.raises(SadariError, match="far enough"):
        sadari.compare("digits", ["softmax"], robustness=asked)
    assert passed == [asked, asked]


def test_the_page_and_the_plot_get_all_of_it(trained: Path) -> None:
    result = made(trained)
    assert result.robustness is not None
    assert build_report(result).robustness == result.robustness.corrupted
    plot = robustness(result)
    assert plot is not None
    assert plot.arms == ("majority", "softmax")
    assert plot.corrupted == result.robustness.corrupted
