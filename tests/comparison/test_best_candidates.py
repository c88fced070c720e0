"""Which models are tried in a search, on which images, and with which settings and seeds?"""

from pathlib import Path
from typing import Any

import pytest

from sadari.comparison.best import candidates
from sadari.comparison.best.run import FLATTERED, BestRequest, find_best
from sadari.comparison.reopen import reopen
from sadari.comparison.request import Comparison
from sadari.data.check import check
from sadari.errors import UsageError
from sadari.models.catalog import find_model
from sadari.settings import Value
from sadari.values import ImageSet, Split
from support.best import FAST, MIDDLE, clocked, search
from support.clocked_training import ClockedTrainer, Made
from support.jobs import Listener, named_arm

pytestmark = pytest.mark.usefixtures("few_models")


def test_models_that_learn_the_same_with_every_seed_have_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "MODELS", [find_model(name) for name in ("logistic", "softmax")])
    stopping = {"logistic": Made(0.9, 0.2, FAST, stops=8), "softmax": Made(0.8, 0.2, FAST, stops=8)}
    using = ClockedTrainer(made=stopping)
    result = search(using, tmp_path / "out")
    assert {arm.name: arm.seeds for arm in result.arms} == {"logistic": (0,), "softmax": (0, 1, 2)}
    again = reopen([result.out])
    assert [(arm.name, arm.seeds) for arm in again.arms] == [(arm.name, arm.seeds) for arm in result.arms]
    assert again.verdicts == result.verdicts


@pytest.mark.parametrize(
    ("model", "overrides", "wanted"),
    [
        ("logistic", {}, False),
        ("logistic", {"augment": "flip"}, True),
        ("knn", {}, False),
        ("linear-probe", {}, False),
        ("linear-probe", {"weights": "random"}, True),
        ("sgd", {}, True),
        ("softmax", {}, True),
        ("fine-tune", {}, True),
    ],
)
def test_which_results_depend_on_the_seed(model: str, overrides: dict[str, Value], wanted: bool) -> None:
    arm = named_arm(model, model, overrides)
    assert candidates.draws(Comparison("digits", (arm,), (0,)).job(arm, 0)) is wanted


def test_photographs_have_augmented_arms_unless_the_user_says_how_to_augment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "MODELS", [find_model(name) for name in ("mlp", "cnn", "fine-tune")])
    arms, _ = candidates.learning_arms({})
    assert [arm.name for arm in candidates.with_augmentation(arms, (28, 28, 1))] == ["mlp", "cnn", "fine-tune"]
    found = candidates.with_augmentation(arms, (64, 64, 3))
    assert [arm.name for arm in found] == ["mlp", "cnn", "cnn augmented", "fine-tune", "fine-tune augmented"]
    jobs = {arm.name: Comparison("digits", found, (0,)).job(arm, 0) for arm in found}
    assert {name for name, job in jobs.items() if job.settings.augment} == {"cnn augmented", "fine-tune augmented"}
    mine, _ = candidates.learning_arms({"augment": "flip"})
    assert [arm.name for arm in candidates.with_augmentation(mine, (64, 64, 3))] == ["mlp", "cnn", "fine-tune"]


def test_photographs_without_weights_are_told_what_weights_would_bring() -> None:
    excluded = {"linear-probe": candidates.NO_WEIGHTS, "knn": candidates.NO_WEIGHTS, "a1-cnn": "too large"}
    said = candidates.advice_on_weights(excluded, (64, 64, 3))
    assert said.startswith("linear-probe, knn begin with a network that has learnt from a million photographs")
    assert "leave out backbone" in said and "`sadari train DATA --model linear-probe --set backbone=NAME` down" in said
    assert candidates.advice_on_weights(excluded, (28, 28, 1)) == ""
    assert candidates.advice_on_weights({"a1-cnn": "too large"}, (64, 64, 3)) == ""


def test_the_images_are_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Split] = []

    def looking(images: ImageSet, split: Split, **named: Any) -> Any:
        looked.append(split)
        return check(images, split, **named)

    monkeypatch.setattr("sadari.comparison.facts.check", looking)
    result = search(clocked(cnn=Made(0.95, 2, MIDDLE, stops=15)), tmp_path / "out")
    assert len(result.arms) > 1 and len(looked) == 1
    assert result.data.leaks == 0


def test_without_test_images_it_is_said_that_the_figures_flatter(tmp_path: Path) -> None:
    assert FLATTERED not in search(clocked(), tmp_path / "out").notes
    assert FLATTERED in search(clocked(), tmp_path / "flattered", test_fraction=0).notes


def test_settings_reach_every_model(tmp_path: Path) -> None:
    using = clocked()
    search(using, tmp_path / "out", batch_size="64", dropout="0.2")
    assert {job.settings.batch_size for job in using.calls} == {64}
    assert {job.variables["dropout"] for job in using.calls if job.model.name == "lstm"} == {0.2}


def test_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'dropout'"):
        search(clocked(), tmp_path / "out", dropuot="0.2")


def test_without_validation_images_nothing_can_be_chosen(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="set val_fraction above 0"):
        search(clocked(), tmp_path / "out", val_fraction=0)


def test_a_wrong_margin_is_refused_at_once(tmp_path: Path) -> None:
    using = clocked()
    with pytest.raises(UsageError, match="between 0 and 1"):
        find_best(BestRequest("digits", 60.0), out=tmp_path / "out", margin=2, train=using, clock=using.clock)
    assert not using.calls


def test_models_that_do_not_fit_and_backbones_without_weights_stay_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SADARI_WEIGHTS_DIR", raising=False)
    monkeypatch.setattr("sadari.models.backbone.tensors.in_hub_cache", lambda _: None)
    names = ("softmax", "mlp", "vgg16", "a1-cnn")
    monkeypatch.setattr(candidates, "MODELS", [find_model(name) for name in names])
    heard = Listener()
    result = search(clocked(), tmp_path / "out", heard=heard)
    said = [each for each in heard.said if "is not tried" in each]
    assert said[0] == "vgg16 is not tried: the weights are not on this machine, and best downloads none"
    assert said[1].startswith("a1-cnn is not tried: ") and "maxpool" in said[1]
    assert "2 models could be tried: softmax, mlp" in heard.said
    assert any(note.startswith("vgg16 was not tried") for note in result.notes)


def test_majority_learns_nothing_and_is_no_candidate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "MODELS", [find_model(name) for name in ("majority", "softmax")])
    arms, _ = candidates.learning_arms({})
    assert [arm.name for arm in arms] == ["softmax"]
