"""The named models against the articles' table, and networks that users bring as files."""

import re
from pathlib import Path

import pytest

from sadari.errors import UsageError
from sadari.models import catalog
from sadari.models.catalog import MODELS, find_model
from sadari.models.parse import parse
from sadari.models.spec import FittedBy
from sadari.settings import Settings, with_overrides
from sadari.testing import ModelContract

GREY, COLOUR, PHOTOGRAPH = (28, 28, 1), (32, 32, 3), (224, 224, 3)
# model: (image, classes, total, trainable) as Keras 3 prints them for the articles' networks
PARAMS = {
    "majority": (GREY, 10, 0, 0),
    "logistic": (GREY, 10, 7_850, 7_850),
    "sgd": (GREY, 10, 7_850, 7_850),
    "softmax": (GREY, 10, 7_850, 7_850),
    "mlp": (GREY, 10, 218_058, 218_058),
    "dnn": (GREY, 10, 79_510, 79_510),
    "cnn": (GREY, 10, 93_962, 93_642),
    "lstm": (GREY, 10, 57_610, 57_610),
    "lstm3": (GREY, 10, 90_634, 90_634),
    "cnn-lstm": (GREY, 10, 155_850, 155_530),
    "cnn2": (GREY, 10, 13_017_770, 13_016_106),
    "cnn2-lstm": (GREY, 10, 5_154_090, 5_153_706),
    "a1-cnn": ((224, 224, 3), 3, 2_283_779, 2_283_779),
    "a2-cnn": (GREY, 10, 333_526, 333_526),
    "a3-cnn": (COLOUR, 10, 2_773_194, 2_773_194),
    "a4-first": (GREY, 10, 243_786, 243_786),
    "a4-dnn": (GREY, 10, 101_770, 101_770),
    "a4-cnn": (GREY, 10, 113_386, 113_386),
    "sprint": (GREY, 10, 280_010, 279_242),
    "sprint-wide": (GREY, 10, 627_370, 626_218),
    "sprint-colour": (COLOUR, 10, 1_973_954, 1_971_362),
    # EfficientNet-Lite0 without its classes has 3,413,024, VGG16 without top 14,714,688
    "knn": (PHOTOGRAPH, 3, 3_413_024, 0),
    "linear-probe": (PHOTOGRAPH, 3, 3_413_024 + 3_843, 3_843),
    "vgg16": (PHOTOGRAPH, 3, 17_936_515, 17_936_515 - 14_714_688),
    "fine-tune": (PHOTOGRAPH, 3, 3_413_024 + 3_843, 3_371_008 + 3_843),
    "photo-probe": (PHOTOGRAPH, 3, 3_413_024 + 3_843, 3_843),
    "photo": (PHOTOGRAPH, 3, 3_413_024 + 3_843, 3_078_624 + 3_843),
}


def test_the_ladder_climbs_in_this_order() -> None:
    assert MODELS.names() == list(PARAMS)
    assert [spec.name for spec in MODELS] == list(PARAMS)


@pytest.mark.parametrize("name", PARAMS)
def test_params_are_those_of_the_articles(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SADARI_WEIGHTS_DIR", raising=False)  # backbone=auto takes what comes with Sadari
    shape, classes, total, trainable = PARAMS[name]
    rows = find_model(name).rows(shape, classes)
    assert (sum(row.total for row in rows), sum(row.trainable for row in rows)) == (total, trainable)


class TestModels(ModelContract):
    names = tuple(MODELS.own())
    trained = False  # tests/training has them


def test_the_old_name_of_a_way_to_learn_is_read() -> None:
    assert FittedBy("scikit-learn") is FittedBy.SOLVER, "as 0.1.0 called it"


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("lstm", ["rows", "lstm 64 sequence", "lstm 64", "layernorm", "dropout 0.3"]),
        ("a2-cnn", ["conv 32 same", "maxpool", "conv 64 same", "maxpool", "flatten", "dense 100", "dropout 0.3"]),
    ],
)
def test_a_variable_reaches_its_layer(name: str, texts: list[str]) -> None:
    rows = find_model(name).rows(GREY, 10, {"dropout": 0.3})
    assert [row.text for row in rows] == [*texts, "dense 10 softmax"]


def test_a_model_is_named_or_suggested() -> None:
    assert find_model("cnn2") is MODELS.get("cnn2")
    with pytest.raises(UsageError, match="unknown model 'cnn-ltsm'; did you mean 'cnn-lstm'"):
        find_model("cnn-ltsm")


def written(tmp_path: Path, text: str, name: str = "mine.toml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("./net:make_net", "folder of net.py and write net:make_net"),
        ("nets/mine.py:Net", "folder of mine.py and write mine:Net"),
        ("net.py", "folder of net.py and write net:make_net"),
        ("net:", "write net:make_net"),
    ],
)
def test_code_that_is_named_by_its_path_gets_the_form_that_is_wanted(name: str, form: str) -> None:
    with pytest.raises(UsageError, match=re.escape(form)) as refused:
        find_model(name)
    assert "there are:" not in str(refused.value)


def test_a_network_from_a_file(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        name = "small-cnn"
        summary = "one convolution"
        layers = '''
            conv $filters   # a comment
            maxpool, flatten
        '''
        [variables]
        filters = 16
        [settings]
        epochs = 5
        optimizer = "sgd"
        """,
    )
    spec = find_model(path)
    assert (spec.name, spec.summary, spec.fitted_by, spec.article) == ("small-cnn", "one convolution", "gradient", "")
    assert spec.settings == {"epochs": 5, "optimizer": "sgd"}
    assert spec.rows((8, 8, 1), 2)[0].shape == (6, 6, 16)
    assert spec.rows((8, 8, 1), 2, {"filters": 4})[0].shape == (6, 6, 4)
    assert find_model(str(path)) == spec


def test_a_file_without_a_name_is_called_as_the_file(tmp_path: Path) -> None:
    spec = find_model(written(tmp_path, 'layers = ["flatten", "dense 8"]', "dense-8.toml"))
    assert spec.name == "dense-8"
    assert [layer.text for layer in parse(spec.layers, {})] == ["flatten", "dense 8"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("layers = ", "cannot read the network"),
        ("", "`layers` must list the layers as text"),
        ("layers = 3", "`layers` must list the layers as text"),
        ("layers = ''", "`layers` must list the layers as text"),
        ("layers = ['flatten', 3]", "`layers` must list the layers as text"),
        ("layer = 'flatten'", "unknown key 'layer'; did you mean 'layers'?"),
        ("layers = 'flaten'", "layer 1 `flaten`: unknown layer 'flaten'; did you mean 'flatten'?"),
        ("layers = 'flatten'\nname = 3", "`name` is text, not 3"),
        ("layers = 'flatten'\nname = '../evil'", "`name` is made of letters, digits, '-', '_' and '.', not '../evil'"),
        ("layers = 'flatten'\nname = 'cnn'", "'cnn' is a model of the ladder already; give the network another `name`"),
        ("layers = 'flatten'\nsettings = 3", "`settings` is a table: write [settings]"),
        ("layers = 'flatten'\n[settings]\nepoch = 3", "unknown setting 'epoch'; did you mean 'epochs'?"),
        ("layers = 'flatten'\n[settings]\noptimizer = 'adm'", "optimizer is one of sgd, "),
        ("layers = 'flatten'\n[settings]\nepochs = [3]", "settings.epochs is a number, a text, true or false, not [3]"),
        ("layers = 'flatten'\n[variables]\ndropout = 0.5", "no layer uses the variable 'dropout'"),
        (
            "layers = 'flatten, dropout $drop'\n[variables]\ndropout = 0.5",
            "unknown variable 'drop'; did you mean 'dropout'?",
        ),
        ("layers = 'flatten, dropout $rate'", "unknown variable '$rate'; the network has no variables"),
        (
            "layers = 'flatten, dense $epochs'\n[variables]\nepochs = 3",
            "the variable 'epochs' has the name of a setting",
        ),
        ("layers = 'flatten, dropout $d'\n[variables]\nd = 'x'", "needs the rate"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_name(tmp_path: Path, text: str, sentence: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        find_model(path)
    assert sentence in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read the network .*absent\.toml"):
        find_model(tmp_path / "absent.toml")


def test_a_number_that_is_not_whole_is_refused_where_a_whole_one_belongs() -> None:
    assert with_overrides(Settings(), {"epochs": 5.0}).epochs == 5
    with pytest.raises(UsageError, match=r"epochs is a whole number, not '5\.7'"):
        with_overrides(Settings(), {"epochs": 5.7})


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("resnet18", "did you mean timm's network of that name, 'timm:resnet18'?"),
        ("ResNet50", "did you mean timm's network of that name, 'timm:resnet50'?"),
        ("vgg19", "did you mean timm's network of that name, 'timm:vgg19'?"),
        ("cnn3", "did you mean 'cnn'?"),
        ("nonsense", "networks of timm are timm:NAME, such as timm:resnet18, and your own are .toml files"),
    ],
)
def test_an_unknown_model_that_timm_has_gets_its_name(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"unknown model '{name}'.*{re.escape(hint)}"):
        find_model(name)


def test_the_names_of_timm_are_those_that_it_registers() -> None:
    import timm

    assert catalog._names_of_timm() >= set(timm.list_models())
