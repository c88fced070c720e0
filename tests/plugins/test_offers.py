"""What do others offer, who is named where names clash or imports fail, and what is imported when?"""

import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import sadari
from sadari.errors import PluginWarning, UsageError
from sadari.evaluation.metrics import METRICS
from sadari.models.catalog import MODELS
from sadari.plugins import offers
from sadari.plugins.offers import KINDS, offered
from support.extras import install
from support.predictions import predictions_of

Install = Callable[..., None]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Return what installs a distribution: its name, a module's text, and what the module offers as metrics."""
    modules: list[str] = []

    def install_one(name: str, text: str, metrics: dict[str, str], version: str = "1.0") -> None:
        module = name.replace("-", "_")
        site = tmp_path / name
        site.mkdir()
        (site / f"{module}.py").write_text(textwrap.dedent(text), encoding="utf-8")
        install(site, name, version, {"sadari.metrics": {key: f"{module}:{value}" for key, value in metrics.items()}})
        monkeypatch.syspath_prepend(site)
        modules.append(module)

    monkeypatch.setattr(offers, "_decorated", {})
    monkeypatch.setattr(offers, "_asked", {})
    yield install_one
    for module in modules:
        sys.modules.pop(module, None)


SHARE_OF_A = """
    import sadari
    @sadari.metric("share-of-a", "share of the images that are called a", scale="share")
    def share_of_a(predictions):
        return predictions.predicted == 0
"""


def two_images() -> sadari.Predictions:
    import numpy as np

    return predictions_of([0, 1], np.array([[0.9, 0.1], [0.8, 0.2]]))


def test_a_name_is_known_before_its_package_is_imported(installed: Install) -> None:
    installed("lazy-one", SHARE_OF_A, {"share-of-a": "share_of_a"})
    assert METRICS.names()[-1] == "share-of-a" and "share-of-a" in METRICS
    assert METRICS.plugins() == {"share-of-a": "lazy-one 1.0"}
    assert "lazy_one" not in sys.modules
    assert METRICS.get("share-of-a").function(two_images()) == 1.0
    assert "lazy_one" in sys.modules
    assert [each.name for each in METRICS][-1] == "share-of-a"
    assert METRICS.own() == METRICS.names()[:-1]


def test_sadaris_own_entries_need_no_look_at_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def looked(kind: str) -> None:
        raise AssertionError(f"somebody asked for every {kind}")

    monkeypatch.setattr("sadari.registry.offered", looked)
    assert METRICS.get("accuracy").name == "accuracy" and "cnn" in MODELS


def test_two_packages_that_offer_one_name_are_both_named(installed: Install) -> None:
    installed("first-one", SHARE_OF_A, {"share-of-a": "share_of_a"})
    installed("second-one", SHARE_OF_A, {"share-of-a": "share_of_a"}, version="2.1")
    sentence = "the metric 'share-of-a' is offered by first-one 1.0 and second-one 2.1; uninstall all of them but one"
    with pytest.raises(UsageError) as caught:
        METRICS.get("share-of-a")
    assert str(caught.value) == sentence
    with pytest.warns(PluginWarning, match="is offered by first-one"):
        assert [each.name for each in METRICS] == METRICS.own()


def test_a_name_that_sadari_has_is_left_out_with_a_sentence(installed: Install) -> None:
    installed("third-one", SHARE_OF_A, {"accuracy": "share_of_a"})
    with pytest.warns(PluginWarning, match="the metric 'accuracy' of third-one 1.0 is left out, since Sadari has one"):
        assert [each.name for each in METRICS] == METRICS.own()
    assert METRICS.get("accuracy").function(two_images()) == 0.5
    assert "third-one 1.0 is left out" in METRICS.listed()[0]["problem"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("raise SystemExit('no')", "SystemExit: no"),
        ("other = 1", "AttributeError: module 'broken_one' has no attribute 'share_of_a'"),
    ],
)
def test_a_package_that_cannot_be_imported_is_named_and_the_rest_works(
    installed: Install, text: str, reason: str
) -> None:
    installed("broken-one", text, {"share-of-a": "share_of_a"})
    installed("sound-one", SHARE_OF_A.replace("share-of-a", "other-share"), {"other-share": "share_of_a"})
    with pytest.raises(UsageError) as caught:
        METRICS.get("share-of-a")
    assert str(caught.value) == (
        f"the metric 'share-of-a' of broken-one 1.0 cannot be used, as broken_one cannot be imported ({reason}); "
        "repair that package, or uninstall it"
    )
    with pytest.warns(PluginWarning, match="broken-one 1.0"):
        assert [each.name for each in METRICS][-1] == "other-share"


def test_something_else_than_its_kind_is_refused_with_the_package(installed: Install) -> None:
    installed("wrong-one", "share_of_a = 3", {"share-of-a": "share_of_a"})
    sentence = r"wrong-one 1\.0 offers 'share-of-a' as a metric, which it cannot be: a metric is a function"
    with pytest.raises(UsageError, match=sentence):
        METRICS.get("share-of-a")


def test_an_unknown_name_is_suggested_from_plug_ins_too(installed: Install) -> None:
    installed("lazy-two", SHARE_OF_A, {"share-of-a": "share_of_a"})
    with pytest.raises(UsageError, match=r"unknown metric 'share-of-b'; did you mean 'share-of-a'\?"):
        METRICS.get("share-of-b")


def test_a_metric_that_fails_is_left_out_of_the_scores(installed: Install) -> None:
    from sadari.evaluation.metrics import score

    installed("failing-one", SHARE_OF_A.replace("== 0", "/ {}"), {"share-of-a": "share_of_a"})
    with pytest.warns(PluginWarning, match="the metric 'share-of-a' of failing_one is left out: TypeError"):
        found = score(two_images())
    assert "share-of-a" not in found.values and found["accuracy"] == 0.5


def test_a_metric_that_writes_to_its_input_is_left_out_and_changes_nothing(installed: Install) -> None:
    from sadari.evaluation.metrics import score

    code = SHARE_OF_A.replace("return", "predictions.probabilities[:] = 0.5; return")
    installed("writing-one", code, {"share-of-a": "share_of_a"})
    judged = two_images()
    with pytest.warns(PluginWarning, match="the metric 'share-of-a' of writing_one is left out: ValueError"):
        found = score(judged)
    assert "share-of-a" not in found.values
    assert judged.probabilities.tolist() == two_images().probabilities.tolist()


def test_a_decorator_offers_at_once_and_again_where_a_cell_runs_again(installed: Install) -> None:
    del installed
    for value in (0.25, 0.75):

        @sadari.metric("steady", "a number that does not move")
        def steady(predictions: sadari.Predictions, value: float = value) -> list[float]:
            return [value] * len(predictions)

        assert METRICS.get("steady").function(two_images()) == value
    assert METRICS.plugins() == {"steady": __name__}


@pytest.mark.parametrize("name", ["", "two words", "../up", 3])
def test_names_can_be_typed(name: str) -> None:
    with pytest.raises(UsageError, match="the name of a loss is made of letters, digits"):
        sadari.loss(name)(lambda logits, _: logits)


def test_a_named_module_is_imported_from_the_current_folder(
    installed: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del installed
    (tmp_path / "my_own_metrics.py").write_text(textwrap.dedent(SHARE_OF_A), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert "share-of-a" not in METRICS
    monkeypatch.setenv("SADARI_PLUGINS", "my_own_metrics")
    assert METRICS.plugins() == {"share-of-a": "my_own_metrics"}
    assert sys.path[-1] == str(tmp_path)  # behind what is installed
    monkeypatch.setenv("SADARI_PLUGINS", "my_own_metrics, not_there")
    for _ in range(2):  # each time somebody asks
        with pytest.raises(UsageError, match="names the module 'not_there', which cannot be imported"):
            METRICS.names()
    sys.modules.pop("my_own_metrics")


def test_every_kind_has_a_group_and_a_decorator() -> None:
    assert list(KINDS.values()) == [
        f"sadari.{each}"
        for each in ("models", "layers", "metrics", "augmentations", "optimizers", "losses", "corruptions")
    ]
    assert all(callable(getattr(sadari, kind)) for kind in KINDS)


def test_without_plug_ins_nothing_is_offered() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert all(not offered(kind) for kind in KINDS)
