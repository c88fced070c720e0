"""Do comparisons count groups of images, and equal images, wherever a figure has an interval or a test?"""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sadari.cli.output.comparison import heading
from sadari.comparison.claims.parse import parse_claim
from sadari.comparison.compare import compare
from sadari.comparison.correct import correctness
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.reopen import reopen
from sadari.comparison.request import Comparison
from sadari.comparison.result import ComparisonResult
from sadari.evaluation import figures
from sadari.evaluation.metrics import METRICS
from sadari.evaluation.statistics import interval
from sadari.progress import Silent
from sadari.report.build import build_report
from sadari.report.page import render
from sadari.run import RunRecord
from sadari.training.train import train
from support.fake_training import FakeTrainer
from support.jobs import named_arms


def photographs(folder: Path, *, patients: int = 24, equal: int = 0, splits: bool = False) -> Path:
    """Write five images of each patient, and a table of them; `equal`: how many in test are copies of the first one."""
    generator, rows = np.random.default_rng(0), []
    folder.mkdir()
    for patient in range(patients):
        for number in range(5):
            name = f"p{patient:02d}_{number}.png"
            Image.fromarray(generator.integers(0, 256, (6, 6), dtype=np.uint8)).save(folder / name)
            split = ("test" if number > 2 else "train") if splits else ""
            rows.append(f"{name},{('cat', 'dog')[patient % 2]},{split},patient {patient}")
    for number in range(equal):
        (folder / f"p{2 * number + 2:02d}_4.png").write_bytes((folder / "p00_4.png").read_bytes())
    (folder / "set.csv").write_text("path,label,split,group\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return folder / "set.csv"


def compared(data: Path, tmp_path: Path, trained: bool = False, **overrides: str) -> ComparisonResult:
    arms, _ = named_arms(["softmax", "mlp"], {}, {"epochs": 1, **overrides})
    claims = [parse_claim("mlp > softmax", {arm.name: {} for arm in arms}, "")]
    asked = Comparison(str(data), arms, (0, 1, 2))
    executor = SerialExecutor() if trained else SerialExecutor(FakeTrainer())
    return compare(asked, runs=tmp_path / "runs", claims=claims, executor=executor)


def test_groups_are_what_a_comparison_counts_and_say_so(tmp_path: Path) -> None:
    result = compared(photographs(tmp_path / "set"), tmp_path)
    plain = compared(tmp_path / "set" / "set.csv", tmp_path, group="none")
    assert result.data.groups == 5
    assert heading(result).endswith("judged by 5 groups of images")
    assert result.data.sentences[:2] == (
        "judged by 5 groups of images: intervals and tests count these, not the 25 test images",
        "fewer than 10 groups judge: intervals and tests are rough",
    )
    assert "24 groups, 5 images each, by column group" in result.data.sentences
    assert "the same 25 images in 5 groups, which are few" in result.verdicts[0].sentence
    assert result.document()["judged_by_groups"] == 5
    assert plain.data.groups == 0
    assert plain.document()["judged_by_groups"] is None
    assert "groups" not in heading(plain)


def test_every_figure_and_claim_counts_the_same_groups(tmp_path: Path) -> None:
    result = compared(photographs(tmp_path / "set"), tmp_path)
    best, groups = result.arms[0], result.data.groups_of(result.split)
    records = result.records[best.name]
    assert best.accuracy == interval(correctness(records), groups=groups) != interval(correctness(records))
    for name in ("loss", "macro_f1", "balanced_accuracy"):
        of, scale = [METRICS.get(name).per_image(each.predictions) for each in records], METRICS.get(name).scale
        assert best.intervals[name] == figures.interval(figures.measured(of, scale, groups=groups))
        assert best.intervals[name] != figures.interval(figures.measured(of, scale))
    [finding], pair = result.claims[0].findings, result.verdicts[0]
    sign = 1 if pair.a == finding.a else -1
    assert sorted((sign * finding.low, sign * finding.high)) == pytest.approx([pair.low, pair.high])


def test_a_report_and_a_reopened_comparison_have_the_same_groups_with_and_without_images(tmp_path: Path) -> None:
    data = photographs(tmp_path / "set", equal=1)
    result = compared(data, tmp_path, trained=True)
    again = reopen([result.out])
    assert again.document() == result.document()
    page = render(build_report(result, "now"))
    assert f"25 test images in {result.data.groups} groups" in page
    assert f"judged by {result.data.groups} groups of images" in page
    data.rename(tmp_path / "set" / "gone.csv")
    gone = reopen([result.out])
    assert gone.images is None
    assert gone.data.groups == result.data.groups
    assert [arm.accuracy for arm in gone.arms] == [arm.accuracy for arm in result.arms]
    assert [each.p for each in gone.verdicts] == [each.p for each in result.verdicts]
    assert gone.claims == result.claims


def test_equal_images_that_judge_count_as_one(tmp_path: Path) -> None:
    data = photographs(tmp_path / "set", equal=3, splits=True)
    result = compared(data, tmp_path, group="none")
    assert result.data.groups == 45
    assert result.data.sentences[0] == (
        "3 test images are copies of another, identical or near: copies count as one in intervals and tests, "
        "so 45 of 48 count"
    )
    assert "48 images in 45 groups" in result.verdicts[0].sentence


def test_given_splits_that_share_groups_are_said_beside_the_figures(tmp_path: Path) -> None:
    result = compared(photographs(tmp_path / "set", splits=True), tmp_path)
    assert any("48 test images of 48 are of groups that train or val has too" in each for each in result.data.sentences)


def test_a_run_stores_its_groups(tmp_path: Path) -> None:
    from sadari.data.load import load
    from sadari.data.split import draw_split
    from sadari.job import make_job
    from sadari.models.catalog import find_model

    data = photographs(tmp_path / "set")
    job = make_job(str(data), find_model("softmax"), 0, {"epochs": 1})
    images = load(str(data), job.settings)
    record: RunRecord = train(job, tmp_path / "run", progress=Silent())
    assert images.groups is not None
    of_test = record.groups_on("test")
    assert record.groups is not None and of_test is not None
    assert np.array_equal(record.groups, images.groups)
    assert np.array_equal(of_test, images.groups[draw_split(images, job.settings).test])
    assert json.loads((tmp_path / "run" / "environment.json").read_text())["data"]["fingerprint"] == images.fingerprint
    plain = train(make_job("digits", find_model("majority"), 0, {}), tmp_path / "plain", progress=Silent())
    assert plain.groups is None
    with np.load(tmp_path / "plain" / "split.npz") as stored:
        assert set(stored.files) == {"train", "val", "test", "origin"}


def test_a_run_with_groups_judges_images_without(tmp_path: Path) -> None:
    from sadari.inference.evaluate import judge
    from sadari.job import make_job
    from sadari.models.catalog import find_model

    data = photographs(tmp_path / "set")
    record = train(
        make_job(str(data), find_model("softmax"), 0, {"epochs": 1, "group": "column:group"}), tmp_path / "run"
    )
    other = tmp_path / "set" / "other.csv"
    other.write_text("path,label\np00_0.png,cat\np01_0.png,dog\n", encoding="utf-8")
    assert len(judge(record, str(other)).predictions) == 2
