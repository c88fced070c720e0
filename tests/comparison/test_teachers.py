"""Is a teacher a setting like any other in a comparison: of one arm, of all, of none that cannot use it?"""

from pathlib import Path

import pytest

from sadari.comparison.best.cost_model import Counts, measure
from sadari.comparison.compare import compare
from sadari.comparison.inputs import load_inputs
from sadari.comparison.reopen import reopen
from sadari.comparison.request import Comparison
from sadari.comparison.workers.sharing import goes_beside
from sadari.data.load import load
from sadari.data.split import draw_split
from sadari.errors import UsageError
from sadari.progress import Silent
from sadari.run import RunRecord
from sadari.settings import Value
from sadari.training.train import train
from support.jobs import QUIET, arrays_file, job_for, named_arm, named_arms, patterns
from support.sets import flat_files, write_folder

SHORT: dict[str, Value] = {**QUIET, "epochs": 1}


@pytest.fixture
def data(tmp_path: Path) -> str:
    return arrays_file(tmp_path, patterns())


@pytest.fixture
def teacher(data: str, tmp_path: Path) -> RunRecord:
    return train(job_for("softmax", data), tmp_path / "teacher")


def test_arms_with_and_without_a_teacher_are_compared(data: str, teacher: RunRecord, tmp_path: Path) -> None:
    arms, said = named_arms(["majority", "mlp"], {"teacher": ["", str(teacher.path)]}, SHORT)
    assert any("teacher is varied; majority has no use for it" in sentence for sentence in said)
    result = compare(Comparison(data, arms, (0,)), out=tmp_path / "compared")
    names = {arm.name for arm in result.arms}
    assert names == {"majority", 'mlp teacher=""', f"mlp teacher={teacher.path}"}
    assert all(arm.status == "done" for arm in result.arms)
    again = reopen([tmp_path / "compared"])
    assert {arm.name for arm in again.arms} == names
    taught = result.records[f"mlp teacher={teacher.path}"][0]
    apart = reopen([taught.path, result.records['mlp teacher=""'][0].path])
    assert len(apart.arms) == 2


def test_what_a_teacher_has_seen_is_told_of_the_comparison(tmp_path: Path) -> None:
    data = str(write_folder(tmp_path / "photos", flat_files(cat=12, dog=12)))
    knows = train(job_for("softmax", data, split_seed=1), tmp_path / "knows")
    arms = (named_arm("student", "mlp", {**SHORT, "teacher": str(knows.path)}),)
    result = compare(Comparison(data, arms, (0, 1)), out=tmp_path / "compared")
    told = [sentence for sentence in result.data.sentences if "the teacher knows was trained on" in sentence]
    assert len(told) == 1
    assert set(told) <= set(reopen([tmp_path / "compared"]).data.sentences)


def test_a_teacher_that_cannot_teach_is_refused_before_anything_is_trained(data: str, tmp_path: Path) -> None:
    arms = (named_arm("plain", "mlp", SHORT), named_arm("student", "mlp", {**SHORT, "teacher": str(tmp_path / "no")}))
    with pytest.raises(UsageError, match=r"student: the teacher: there is no model in .*no"):
        load_inputs(Comparison(data, arms, (0,)), Silent())


def test_students_train_one_after_the_other_so_that_the_teacher_answers_once(data: str, teacher: RunRecord) -> None:
    images = load(data, teacher.job.settings)
    assert goes_beside(job_for("mlp", data), images)
    assert not goes_beside(job_for("mlp", data, teacher=str(teacher.path)), images)


def test_the_cost_of_a_student_is_measured_on_noise_without_its_teacher(data: str, teacher: RunRecord) -> None:
    images = load(data, teacher.job.settings)
    arm = named_arm("student", "mlp", {**SHORT, "teacher": str(teacher.path)})
    assert measure(data, arm, 0, images, Counts.of(draw_split(images, teacher.job.settings)), train).image > 0
