"""Does `sadari evaluate` choose operating points on validation, and say what became of them on test?"""

import pytest

import sadari as package
from sadari.run import RunRecord
from support.terminal import Terminal

QUICK = ("--set", "tensorboard=off")


@pytest.fixture
def run(sadari: Terminal) -> str:
    """A run of `logistic` on digits, in the folder `one`."""
    assert sadari("train", "digits", "--model", "logistic", "--out", "one", *QUICK).status == 0
    return "one"


def test_points_and_costs_are_printed_stored_as_json_and_the_same_in_python(sadari: Terminal, run: str) -> None:
    words = ("--operating", "8:precision>=0.95", "--operating", "recall>=0.9", "--costs", "8->3=5,3->8=0.5")
    said = sadari("evaluate", run, *words)
    assert said.status == 0
    assert "chosen on 288 validation images, judged on 359 others" in said.out
    for word in ("average precision", "precision>=0.95", "recall>=0.9", "least expected cost", "decided by"):
        assert word in said.out
    document = sadari("evaluate", run, *words, "--json").document
    found = document["operating"]
    assert [each["class"] for each in found["points"]] == ["8", *"0123456789"]
    assert found["points"][0]["val"]["precision"]["value"] >= 0.95
    assert [each["by"] for each in found["costs"]] == ["most probable class", "least expected cost"]
    result = package.operating_points(run, "8:precision>=0.95", "recall>=0.9", costs={("8", "3"): 5, ("3", "8"): 0.5})
    assert {**result.document(), "run": ""} == {**found, "run": ""}
    wanted = package.Wanted("precision", 0.95, "8")
    assert package.operating_points(run, wanted).points == result.points[:1]


def test_sure_points_are_stricter(sadari: Terminal, run: str) -> None:
    words = ("evaluate", run, "--operating", "3:recall>=0.8", "--json")
    plain, sure = sadari(*words).document, sadari(*words, "--sure").document
    [one], [other] = plain["operating"]["points"], sure["operating"]["points"]
    assert (one["sure"], other["sure"]) == (False, True)
    assert other["threshold"] < one["threshold"]
    assert "wanted with 95 % certainty, on validation" in other["sentence"]


def test_scores_hold_the_areas_of_each_class(sadari: Terminal, run: str) -> None:
    stored = RunRecord.open(run).summary["areas"]
    found = sadari("evaluate", run, "--json").document
    assert found["operating"] is None
    assert {each["class"] for each in found["areas"]} == set(stored) == set("0123456789")
    for each in found["areas"]:
        for name in ("auc", "average_precision"):
            assert stored[each["class"]][name] == pytest.approx(each[name]["mean"], abs=1e-5)
            assert each[name]["low"] < each[name]["mean"] <= each[name]["high"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--operating", "wasps:recall>=0.9"), "there is no class 'wasps', of which recall>=0.9 is wanted"),
        (("--operating", "8:precision>=0.99", "--sure"), "precision>=0.99 of 8 is out of reach with 95 % certainty"),
        (("--operating", "precision"), "'precision' is no operating point"),
        (("--operating", "recall>=0.9", "--split", "val"), "chosen on validation and judged on test images"),
        (("--sure",), "--sure says how --operating is chosen"),
        (("--costs", "8->wasps=1"), "the costs name the class 'wasps'"),
    ],
)
def test_what_cannot_be_chosen_is_one_sentence(
    words: tuple[str, ...], sentence: str, sadari: Terminal, run: str
) -> None:
    said = sadari("evaluate", run, *words)
    assert (said.status, said.out) == (2, "")
    assert said.err.strip().splitlines()[-1].startswith("error: ") and sentence in said.err


def test_a_run_without_validation_images_chooses_nothing(sadari: Terminal) -> None:
    words = ("train", "digits", "--model", "majority", "--out", "none", "--set", "val_fraction=0", *QUICK)
    assert sadari(*words).status == 0
    said = sadari("evaluate", "none", "--operating", "recall>=0.5")
    assert said.status == 2 and "the run has no validation images, on which a threshold is chosen" in said.err


def test_a_run_on_all_images_says_so_too(sadari: Terminal) -> None:
    sadari("train", "digits", "--model", "softmax", "--epochs", "1", "--set", "split=all", "--out", "all", *QUICK)
    found = sadari("evaluate", "all", "--operating", "recall>=0.5")
    assert found.status == 2 and "the run has no validation images, on which a threshold is chosen" in found.err
