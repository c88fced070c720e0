"""Which arms has a comparison, of models and of the values that are varied?"""

import pytest

from sadari.comparison.request import Comparison
from sadari.comparison.variants import folder_name, parse_vary
from sadari.errors import UsageError
from sadari.settings import Value
from support.jobs import named_arm, named_arms


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("dropout=0:0.9:0.1", ["0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9"]),
        ("batch_size=32:100:32", ["32", "64", "96"]),
        ("learning_rate=1e-3:3e-3:1e-3", ["0.001", "0.002", "0.003"]),
        ("epochs=100:100:10", ["100"]),
        ("optimizer=sgd, adadelta", ["sgd", "adadelta"]),
        ("device=cuda:1", ["cuda:1"]),
        ('augment="rotate 30, flip",zoom 0.1', ["rotate 30, flip", "zoom 0.1"]),
        ('augment="rotate 30, flip"', ["rotate 30, flip"]),
        ('augment="","0:1:0.1"', ["", "0:1:0.1"]),
        ("augment=rotate 30,flip", ["rotate 30", "flip"]),
    ],
)
def test_vary_reads_lists_and_ranges(text: str, values: list[str]) -> None:
    assert parse_vary([text]) == {text.partition("=")[0]: values}


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["dropout"], "key=v1,v2"),
        (["dropout="], "key=v1,v2"),
        (["=1"], "key=v1,v2"),
        (["a=1", "a=2"], "twice"),
        (["a=1,,2"], "empty value"),
        (["a=1,1"], "twice"),
        (["augment=rotate 30, flip"], "one value or several; put each one into double quotes"),
        (['a="1'], "quote out of place"),
        (['a=1"2"'], "quote out of place"),
        (["a=0:1:0"], "no values"),
        (["a=1:0:0.1"], "no values"),
        (["a=0:1:1e-9"], "are the most"),
    ],
)
def test_a_wrong_vary_is_refused(texts: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_vary(texts)


def test_models_times_values_have_names_and_settings() -> None:
    arms, sentences = named_arms(
        ["a3-cnn"], {"dropout": ["0", "0.5"], "optimizer": ["sgd", "adadelta"]}, {"epochs": "3"}
    )
    assert [arm.name for arm in arms] == [
        "a3-cnn dropout=0 optimizer=sgd",
        "a3-cnn dropout=0 optimizer=adadelta",
        "a3-cnn dropout=0.5 optimizer=sgd",
        "a3-cnn dropout=0.5 optimizer=adadelta",
    ]
    assert arms[2].overrides == {"epochs": "3", "dropout": "0.5", "optimizer": "sgd"}
    assert sentences == ()


def test_a_model_without_the_varied_key_runs_once_and_the_user_is_told() -> None:
    arms, sentences = named_arms(["majority", "mlp", "lstm"], {"dropout": ["0.1", "0.2"]}, {})
    assert [arm.name for arm in arms] == ["majority", "mlp", "lstm dropout=0.1", "lstm dropout=0.2"]
    [sentence] = sentences
    assert "majority, mlp have no use for it" in sentence


def test_a_setting_of_the_engine_does_not_multiply_classical_models() -> None:
    arms, _ = named_arms(["logistic", "mlp"], {"optimizer": ["sgd", "adam"]}, {})
    assert [arm.name for arm in arms] == ["logistic", "mlp optimizer=sgd", "mlp optimizer=adam"]
    arms, _ = named_arms(["logistic", "majority"], {"scaling": ["unit", "pixel"]}, {})
    assert [arm.name for arm in arms] == ["logistic scaling=unit", "logistic scaling=pixel", "majority"]


def test_a_variable_is_set_where_there_is_one() -> None:
    arms, sentences = named_arms(["mlp", "lstm"], {}, {"dropout": "0.3"})
    assert [arm.overrides for arm in arms] == [{}, {"dropout": "0.3"}]
    assert sentences == ("dropout is set; not for mlp, which lacks it",)


def test_a_setting_of_networks_is_not_for_classical_models() -> None:
    arms, sentences = named_arms(["majority", "sgd", "mlp"], {}, {"class_weights": "balanced", "val_fraction": "0.3"})
    given = {"val_fraction": "0.3"}
    assert [arm.overrides for arm in arms] == [given, given, {"class_weights": "balanced", **given}]
    assert sentences == ("class_weights is set; not for majority, sgd, which lack it",)


@pytest.mark.parametrize(
    ("models", "varied", "overrides", "says"),
    [
        (["mlp"], {"dropuot": ["1"]}, {}, "unknown setting 'dropuot'"),
        (["lstm"], {"dropuot": ["1"]}, {}, "did you mean 'dropout'"),
        (["mlp"], {}, {"epoch": "1"}, "did you mean 'epochs'"),
        (["clstm"], {}, {}, "unknown model"),
        (["mlp", "mlp"], {}, {}, "twice"),
        (["mlp"], {"epochs": ["1"]}, {"epochs": "2"}, "both set and varied"),
        (["mlp"], {"learning_rate": ["0.1", "0.10"]}, {}, "varied over 0.1 and 0.10, which are equal"),
        (["lstm"], {"dropout": ["0.5", "1e-1", "0.1"]}, {}, "varied over 1e-1 and 0.1, which are equal"),
        (["mlp"], {"restore_best": ["true", "True"]}, {}, "which are equal"),
        (["logistic"], {"optimizer": ["sgd", "adam"]}, {}, "changes nothing for logistic"),
    ],
)
def test_wrong_arms_are_refused(
    models: list[str], varied: dict[str, list[str]], overrides: dict[str, Value], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        named_arms(models, varied, overrides)


def test_arms_whose_folders_would_be_one_are_refused() -> None:
    arms = (named_arm("a b", "mlp"), named_arm("a/b", "mlp"))
    with pytest.raises(UsageError, match="twice"):
        Comparison("digits", arms, (0,))


@pytest.mark.parametrize("name", ["../../etc", "a b/c", ".hidden", "", "ünï"])
def test_a_folder_name_stays_one_folder(name: str) -> None:
    folder = folder_name(name, 3)
    assert folder.endswith("-seed3")
    assert "/" not in folder and not folder.startswith(".")


def test_seeds_are_different_and_there() -> None:
    with pytest.raises(UsageError, match="at least one model"):
        Comparison("digits", (), (0,))
    with pytest.raises(UsageError, match="different whole numbers"):
        Comparison("digits", (named_arm("mlp", "mlp"),), (1, 1))
