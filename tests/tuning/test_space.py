"""Is what --search says read as it is meant, and refused in one sentence where it cannot be?"""

import pytest

from sadari.errors import UsageError
from sadari.models.catalog import MODELS, find_model
from sadari.models.spaces import WITHOUT, space_of
from sadari.tuning.journal import own_params
from sadari.tuning.plan import plan_tuning
from sadari.tuning.space import Choice, Range, in_words, parse_search, searched

CNN, LSTM = find_model("cnn"), find_model("lstm")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("learning_rate=1e-4:1e-1:log", Range(1e-4, 1e-1, whole=False, log=True)),
        ("dropout=0:0.6", Range(0.0, 0.6, whole=False)),
        ("dropout=0:0.6:0.1", Range(0.0, 0.6, whole=False, step=0.1)),
        ("batch_size=32:256:log", Range(32, 256, whole=True, log=True)),
        ("epochs=2:10:2", Range(2, 10, whole=True, step=2)),
        ("optimizer=sgd,adam,muon", Choice(("sgd", "adam", "muon"))),
        ("dropout=0,0.25,0.5", Choice((0.0, 0.25, 0.5))),
        ("restore_best=true,false", Choice((True, False))),
        ('augment="rotate 10, flip",flip', Choice(("rotate 10, flip", "flip"))),
    ],
)
def test_words_become_ranges_and_choices(text: str, found: Range | Choice) -> None:
    key = text.partition("=")[0]
    space = searched(LSTM, parse_search([text]), "digits", {})
    assert space == {key: found}
    assert searched(LSTM, {key: space[key].text}, "digits", {}) == space, "its text is read back as it is"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("learning_rate", "--search takes key=low:high"),
        ("=1:2", "--search takes key=low:high"),
        ("lr=1e-4:1e-1", "unknown setting 'lr'; it is called learning_rate here"),
        ("dropot=0:0.6", "did you mean 'dropout'"),
        ("learning_rate=-1:0.1", "learning_rate is a number from 0 up, not -1"),
        ("learning_rate=0:0.1:log", "a logarithmic range begins above 0"),
        ("learning_rate=0.1:0.01", "is no range; the first number is below the second"),
        ("learning_rate=0.1:0.1", "is no range"),
        ("learning_rate=0.1:0.2:lgo", "ends in 'lgo'; it takes log or a step"),
        ("learning_rate=0.1:0.2:1", "a step is above 0 and at most 0.1"),
        ("learning_rate=a:b", "learning_rate is a number, not 'a'"),
        ("batch_size=1.5:3", "batch_size is a whole number, not '1.5'"),
        ("label_smoothing=0:1", "label_smoothing is a fraction below 1, not 1"),
        ("optimizer=sgd,adma", "optimizer is one of sgd"),
        ("optimizer=adam", "leaves nothing to search"),
        ("optimizer=adam,adam", "names a value twice"),
        ("dropout=0.5,0.50", "names a value twice"),
        ("split_seed=0:9", "split_seed decides which images judge a trial"),
        ("val_fraction=0.1:0.5", "val_fraction decides which images judge"),
        ("device=cpu,cuda", "device is no setting that makes a model better"),
    ],
)
def test_what_is_wrong_is_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        searched(LSTM, parse_search([text]), "digits", {})


def test_what_no_trial_could_use_is_refused() -> None:
    with pytest.raises(UsageError, match="names 'dropout' twice"):
        parse_search(["dropout=0:1", "dropout=0:0.5"])
    with pytest.raises(UsageError, match="'dropout' is both set and searched"):
        searched(LSTM, {"dropout": "0:0.5"}, "digits", {"dropout": 0.3})
    with pytest.raises(UsageError, match="unknown setting 'dropout'"):
        searched(CNN, {"dropout": "0:0.5"}, "digits", {})
    with pytest.raises(UsageError, match="logistic is not fitted by gradient steps, so learning_rate changes nothing"):
        searched(find_model("logistic"), {"learning_rate": "0.1:1"}, "digits", {})


@pytest.mark.parametrize("name", MODELS.names())
def test_every_model_of_the_ladder_has_a_space_or_says_why_not(name: str) -> None:
    spec = MODELS.get(name)
    if name in WITHOUT:
        assert not space_of(spec)
        with pytest.raises(UsageError, match=f"{name} has nothing to search: {WITHOUT[name]}"):
            plan_tuning("digits", name, search={}, overrides={})
        return
    weights = {"weights": "random"} if "weights" in spec.variables else {}
    request = plan_tuning("digits", name, search={}, overrides=weights).request
    assert set(request.space) == set(space_of(spec))
    assert own_params(request), "the settings that the model has by itself are in its space, so that they are tried"


def test_a_network_without_a_space_of_its_own_has_that_of_its_kind() -> None:
    assert space_of(CNN).keys() == space_of(find_model("mlp")).keys()
    assert space_of(LSTM).keys() - space_of(CNN).keys() == {"dropout"}


def test_what_is_set_is_not_searched() -> None:
    plan = plan_tuning("digits", "lstm", search={}, overrides={"dropout": 0.1, "epochs": 2})
    assert "dropout" not in plan.request.space and plan.request.overrides["dropout"] == 0.1


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"trials": 5, "budget": "1m"}, "a number of trials or a budget of time"),
        ({"trials": 0}, "trials is a number from 1"),
        ({"budget": "soon"}, "a budget is a time above 0"),
        ({"workers": 0}, "workers is a number from 1 up, not 0"),
        ({"objective": "speed"}, "an objective is accuracy, or accuracy,images_per_second"),
        ({"pruner": "mean"}, "a pruner is one of median, hyperband, none, not 'mean'"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(asked: dict[str, object], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        plan_tuning("digits", "mlp", search={}, overrides={}, **asked)  # type: ignore[arg-type]


def test_numbers_are_short_in_words() -> None:
    assert in_words({"learning_rate": 0.00345678, "batch_size": 33, "average": True}) == (
        "learning_rate=0.003457, batch_size=33, average=true"
    )
