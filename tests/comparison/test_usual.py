"""Which models does a comparison take where none is named, and is its command short?"""

from pathlib import Path

import pytest

from sadari.comparison.command import command_of
from sadari.comparison.plan import Plan, plan_comparison
from sadari.comparison.request import Comparison
from sadari.errors import UsageError
from sadari.models.catalog import MODELS
from sadari.models.usual import PHOTOGRAPHS, SMALL_IMAGES
from sadari.settings import Value
from support.jobs import Listener
from support.sets import encode_all, small_pixels, write_folder


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("SADARI_WEIGHTS_DIR", raising=False)
    return str(write_folder(tmp_path / "photos", encode_all(small_pixels(3, side=96))))


def planned(data: str, *models: str, heard: Listener | None = None, **overrides: Value) -> tuple[Plan, Comparison]:
    plan = plan_comparison(data, models, seeds=range(3), varied={}, overrides=overrides, progress=heard)
    assert isinstance(plan.request, Comparison)
    return plan, plan.request


def names(request: Comparison) -> list[str]:
    return [arm.name for arm in request.arms]


def test_the_models_of_both_ladders_are_there() -> None:
    assert all(step.model in MODELS for step in (*PHOTOGRAPHS, *SMALL_IMAGES))


def test_photographs_get_pre_trained_networks_and_the_time_beforehand(photos: str) -> None:
    heard = Listener()
    plan, request = planned(photos, heard=heard)
    assert names(request) == [step.model for step in PHOTOGRAPHS] and plan.estimates
    sizes = {arm.name: request.job(arm, 0).settings.image_size for arm in request.arms}
    last = PHOTOGRAPHS[-1].model
    own = MODELS.get(last).settings.get("image_size", 224)
    assert sizes == {"majority": 64, "cnn": 64, "knn": 224, "linear-probe": 224, last: own}
    assert heard.said == [
        f"photographs (colour, shorter side mostly 96 pixels): {', '.join(names(request))} are compared; --models "
        "names others; majority, cnn read them at 64 pixels, the others as their weights need them"
    ]
    assert command_of(request) == f"sadari compare {photos} --seeds 3"


def test_small_and_grey_images_get_what_they_always_got(photos: str) -> None:
    grey: dict[str, Value] = {"channels": 1}
    small: list[tuple[str, dict[str, Value]]] = [("digits", {}), (photos, {"image_size": 32}), (photos, grey)]
    for data, overrides in small:
        heard = Listener()
        plan, request = planned(data, heard=heard, **overrides)
        assert names(request) == ["majority", "logistic", "mlp", "cnn"]
        assert not plan.estimates and not heard.said


def test_the_user_decides_what_is_named(photos: str) -> None:
    _, request = planned(photos, "softmax")
    assert names(request) == ["softmax"]
    _, request = planned(photos, image_size=80, epochs=3, threads=1)
    settings = [request.job(arm, 0).settings for arm in request.arms]
    assert {each.image_size for each in settings} == {80} and {each.epochs for each in settings} == {3}
    assert command_of(request) == f"sadari compare {photos} --seeds 3 --epochs 3 --set image_size=80 --set threads=1"


def test_the_command_names_the_models_where_they_are_others(photos: str) -> None:
    _, request = planned(photos, *(step.model for step in PHOTOGRAPHS), image_size=64)
    assert "--models majority,cnn,knn,linear-probe," in command_of(request)


def test_data_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(UsageError, match="there is no file or folder nowhere/"):
        planned("nowhere/at/all")
