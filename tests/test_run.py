"""Does `predictions.csv` come back as it was written, however names are spelt, and is it read as seldom as possible?"""

import gc
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import ref

import numpy as np
import pytest

import sadari.run
from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.reopen import reopen
from sadari.comparison.request import Comparison
from sadari.errors import SadariError
from sadari.report.build import build_report
from sadari.run import SPLIT, RunRecord
from sadari.run_files import read_answers, read_predictions, write_predictions, write_split
from sadari.values import Predictions, Split
from support.fake_training import FakeTrainer
from support.jobs import named_arms

PLAIN = ("t-shirt", "bag")
QUOTED = ('so-called "bag"', "coat, long", "two\nlines", "가방")


def predictions_of(classes: tuple[str, ...], ids: list[str]) -> Predictions:
    generator = np.random.default_rng(0)
    drawn = generator.random((len(ids), len(classes)), dtype=np.float32) ** 9  # down to 1e-20
    probabilities = drawn / drawn.sum(axis=1, keepdims=True)
    return Predictions(np.array(ids), generator.integers(0, len(classes), len(ids)), probabilities, classes, 0.0)


@pytest.mark.parametrize("classes", [PLAIN, QUOTED])
@pytest.mark.parametrize("odd", ["b/2.png", "b, c/2.png", 'b"/2.png', "b\n/2.png"])
def test_every_word_and_every_bit_comes_back(tmp_path: Path, classes: tuple[str, ...], odd: str) -> None:
    written = predictions_of(classes, ["a/1.png", odd, "c/3.png"])
    write_predictions(tmp_path / "predictions.csv", written)
    found = read_predictions(tmp_path / "predictions.csv")
    answers = RunRecord(tmp_path).answers
    assert found.classes == answers.classes == classes
    assert found.ids.tolist() == answers.ids.tolist() == written.ids.tolist()
    assert found.labels.tolist() == answers.labels.tolist() == written.labels.tolist()
    assert found.probabilities.dtype == np.float32 and np.array_equal(found.probabilities, written.probabilities)
    assert answers.predicted.tolist() == found.predicted.tolist() == written.predicted.tolist()
    assert answers.correct.tolist() == (written.predicted == written.labels).tolist()


def test_the_file_is_the_one_that_csv_would_write(tmp_path: Path) -> None:
    written = predictions_of(("a", "b, c"), ["1", '2 "two"'])
    write_predictions(tmp_path / "predictions.csv", written)
    lines = (tmp_path / "predictions.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == 'id,label,prediction,a,"b, c"'
    assert lines[2].startswith('"2 ""two""",')
    assert [float(each) for each in lines[1].split(",")[-2:]] == pytest.approx(written.probabilities[0], rel=1e-8)


def test_a_row_that_lacks_a_number_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    write_predictions(path, predictions_of(PLAIN, ["1", "2", "3"]))
    text = path.read_text(encoding="utf-8")
    path.write_text(text.rpartition(",")[0] + "\n", encoding="utf-8")
    with pytest.raises(SadariError, match="columns"):
        read_predictions(path)


def test_the_probabilities_are_not_read_for_the_answers(tmp_path: Path) -> None:
    """The answers need only three cells of each row."""
    path = tmp_path / "predictions.csv"
    path.write_text("id,label,prediction,a,b\n1,a,b,unread,unread\n2,b,b,unread,unread\n", encoding="utf-8")
    assert read_answers(path).correct.tolist() == [False, True]


def test_a_comparison_reads_what_each_run_said_once_and_its_report_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SADARI_CACHE_DIR", str(tmp_path / "cache"))
    read: Counter[str] = Counter()

    def counted(name: str) -> None:
        found = getattr(sadari.run, name)
        monkeypatch.setattr(sadari.run, name, lambda path: (read.update([name]), found(path))[1])

    counted("read_answers")
    counted("read_predictions")
    arms, _ = named_arms(["softmax", "mlp", "majority"], {}, {"epochs": "2"})
    compare(Comparison("digits", arms, (0, 1)), out=tmp_path / "out", executor=SerialExecutor(FakeTrainer()))
    # Answers once for each run, and the labels once for each arm of which seeds may collapse; predictions for what each
    # image did to loss and calibration.
    assert read == {"read_answers": 8, "read_predictions": 6}
    result = reopen([tmp_path / "out"])
    assert read == {"read_answers": 16, "read_predictions": 12}
    build_report(result)
    assert read["read_predictions"] == 18 + 1, "the map reads those of the best arm's first network again"


def test_runs_with_equal_splits_hold_one_of_them_as_long_as_they_need_it(tmp_path: Path) -> None:
    drawn = Split(np.arange(6), np.arange(6, 8), np.arange(8, 9), "drawn")
    others: dict[str, Any] = {
        "train": np.arange(5),
        "val": np.arange(7, 8),
        "test": np.arange(8, 8),
        "origin": "drawn again",
    }
    splits = [drawn, drawn, *(replace(drawn, **{name: each}) for name, each in others.items())]
    records = []
    for number, split in enumerate(splits):
        folder = tmp_path / str(number)
        folder.mkdir()
        write_split(folder / SPLIT, split, None)
        records.append(RunRecord(folder))
    assert records[0].split is records[1].split
    assert len({id(record.split) for record in records}) == len(splits) - 1
    held = ref(records[0].split)
    records.clear()
    gc.collect()
    assert held() is None
