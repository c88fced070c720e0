"""Do the study files of the articles agree with the articles?"""

from pathlib import Path

import pytest

from sadari.comparison.study import read_study
from sadari.comparison.variants import Arm
from sadari.job import Job

ARTICLES = Path(__file__).parents[2] / "studies" / "published"
FASHION, CIFAR, PHOTOGRAPH = ((28, 28, 1), 10), ((32, 32, 3), 10), ((224, 224, 3), 3)

# Params as Keras prints them for the articles' networks, and the published accuracy and loss on test.
A0 = {
    "mlp": (218_058, 0.8865, 0.3276),
    "cnn": (93_962, 0.9040, 0.2827),
    "lstm": (57_610, 0.8837, 0.3290),
    "cnn-lstm": (155_850, 0.9148, 0.2571),
    "cnn2": (13_017_770, 0.9300, 0.2162),
    "cnn2-lstm": (5_154_090, 0.9251, 0.2203),
}
A2 = {"logistic regression": 7_850, "SGD": 7_850, "ANN": 7_850, "DNN": 79_510, "CNN": 333_526}
A4 = {"DNN": 101_770, "CNN": 113_386}


def jobs(name: str, data: str | None = None) -> dict[str, tuple[Arm, Job]]:
    request = read_study(ARTICLES / f"{name}.toml", data=data).request
    return {arm.name: (arm, request.job(arm, request.seeds[0])) for arm in request.arms}


def params(job: Job, images: tuple[tuple[int, int, int], int]) -> int:
    shape, classes = images
    return sum(row.total for row in job.rows(shape, classes))


def test_a0_has_the_six_networks_with_their_params_and_figures() -> None:
    found = jobs("a0")
    assert list(found) == list(A0)
    for name, (arm, job) in found.items():
        total, accuracy, loss = A0[name]
        assert params(job, FASHION) == total
        assert arm.published == {"accuracy": accuracy, "loss": loss}
        settings = job.settings
        assert (settings.split, settings.val_fraction, settings.scaling) == ("last", 0.2, "unit")
        assert (settings.optimizer, settings.batch_size, settings.epochs, settings.patience) == ("adam", 256, 30, 20)
        assert settings.restore_best
        assert job.seed == 42
    assert all(job.variables == {"dropout": 0.5} for name, (_, job) in found.items() if name in ("lstm", "cnn-lstm"))


def test_a1_is_the_own_cnn_at_224() -> None:
    [(arm, job)] = jobs("a1", data="photographs").values()
    assert params(job, PHOTOGRAPH) == 2_283_779
    assert (job.settings.image_size, job.settings.epochs, job.settings.batch_size) == (224, 50, 128)
    assert arm.published == {"accuracy": 0.50, "macro_f1": 0.49}


def test_a2_scales_for_each_method_on_its_own() -> None:
    found = jobs("a2")
    assert {name: params(job, FASHION) for name, (_, job) in found.items()} == A2
    scalings = [job.settings.scaling for _, job in found.values()]
    assert scalings == ["none", "pixel", "pixel", "unit", "unit"]
    assert [job.settings.val_fraction for _, job in found.values()] == [0.0, 0.0, 0.2, 0.2, 0.2]
    assert [job.settings.epochs for _, job in found.values()][1:] == [300, 10, 10, 20]
    assert found["ANN"][1].settings.optimizer == "rmsprop"
    assert (found["CNN"][1].settings.patience, found["CNN"][1].settings.restore_best) == (3, True)
    assert found["CNN"][1].variables == {"dropout": 0.4}
    assert found["logistic regression"][0].published == {"accuracy": 0.8412}
    assert found["SGD"][0].published == {"accuracy": 0.8277}
    assert not found["CNN"][0].published  # 0.9193 is a validation figure


def test_a3_sweeps_dropout_under_two_optimizers() -> None:
    found = [job for _, job in jobs("a3").values()]
    rates = [job.variables["dropout"] for job in found]
    assert rates == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] * 2
    assert [job.settings.optimizer for job in found] == ["sgd"] * 10 + ["adadelta"] * 10
    assert {job.settings.learning_rate for job in found[10:]} == {1.0}
    assert {params(job, CIFAR) for job in found} == {2_773_194}
    for job in found:
        assert (job.settings.scaling, job.settings.batch_size, job.settings.epochs) == ("channel", 512, 50)


def test_a4_judges_the_last_epoch_of_two_networks() -> None:
    found = jobs("a4")
    assert {name: params(job, FASHION) for name, (_, job) in found.items()} == A4
    assert {name: arm.published for name, (arm, _) in found.items()} == {
        "DNN": {"accuracy": 0.87},
        "CNN": {"accuracy": 0.90},
    }
    for _, job in found.values():
        assert (job.settings.epochs, job.settings.batch_size, job.settings.val_fraction) == (5, 32, 0.0)
        assert not job.settings.restore_best


@pytest.mark.parametrize("path", sorted(ARTICLES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_article_has_a_title_and_its_own_folder(path: Path) -> None:
    study = read_study(path, data="digits")
    assert study.request.title.startswith(path.stem.upper())
    assert study.request.name == path.stem
    assert study.request.data == "digits"
