"""`sadari models` as a user sees it, without the rest of the command line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from sadari.cli.models import models
from sadari.errors import UsageError
from sadari.models.catalog import MODELS

app = typer.Typer()
app.command("models")(models)


def ask(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def answer(*arguments: str) -> str:
    result = ask(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def refusal(*arguments: str) -> str:
    error = ask(*arguments).exception
    assert isinstance(error, UsageError)
    return str(error)


def test_the_ladder_names_every_model_with_its_params() -> None:
    lines = answer().splitlines()
    for spec in MODELS:
        (line,) = [each for each in lines if each.split()[:1] == [spec.name]]
        assert spec.summary in line
        assert spec.article in line
    assert "13,017,770" in next(line for line in lines if line.split()[:1] == ["cnn2"])
    assert "28x28x1 with 10 classes" in lines[-1]


def test_one_model_as_a_summary() -> None:
    lines = [" ".join(line.split()) for line in answer("a4-first").splitlines()]
    assert "input 28x28x1" in lines
    assert "1 conv 64 26x26x64 640 28 - 3 + 1 = 26 (3x3x1 + 1) x 64 = 640" in lines
    assert "5 flatten 1600 5 x 5 x 64 = 1600" in lines
    assert "7 dense 10 softmax 10 1,290 10 units, each sees 128 (128 + 1) x 10 = 1,290" in lines
    assert lines[-1] == "243,786 params, all trainable"


def test_params_that_do_not_train_are_counted_apart() -> None:
    assert "93,962 params: 93,642 trainable, 320 not" in answer("cnn")


def test_size_channels_classes_and_variables_count() -> None:
    document = json.loads(
        answer("a3-cnn", "--image-size", "32", "--channels", "3", "--classes", "10", "--set", "dropout=0.3", "--json")
    )
    assert document["params"] == {"total": 2_773_194, "trainable": 2_773_194}
    assert document["input"] == [32, 32, 3]
    assert document["variables"] == {"dropout": 0.3}
    assert document["layers"][1] == {
        "number": 2,
        "layer": "dropout 0.3",
        "output": [32, 32, 64],
        "params": {"total": 0, "trainable": 0},
        "how": "as before",
        "params_how": "",
    }


def test_the_ladder_as_one_json_document_keeps_what_does_not_fit() -> None:
    document = json.loads(answer("--image-size", "4", "--json"))
    entries = {each["name"]: each for each in document["models"]}
    assert list(entries) == MODELS.names()
    assert entries["softmax"]["params"]["total"] == 170
    assert entries["cnn"]["params"] is None
    assert entries["cnn"]["reason"].startswith("layer 9 `maxpool`: the map is 1x1 here")
    assert "does not fit" in answer("--image-size", "4")


def test_a_model_that_learns_nothing_says_so() -> None:
    assert "learns nothing" in answer("majority")


def test_a_backbone_has_the_figures_of_article_a1() -> None:
    shown = [" ".join(line.split()) for line in answer("vgg16", "--train", "block5_conv3").splitlines()]
    assert "input 224x224x3" in shown
    assert "1 backbone vgg16 train 7x7x512 14,714,688 vgg16 up to its features" in shown
    assert shown[-2].startswith("17,936,515 params: 5,581,635 trainable, 12,354,880 not (frozen,")
    document = json.loads(answer("vgg16", "--set", "train=block5_conv3", "--json"))
    assert document["params"] == {"total": 17_936_515, "trainable": 5_581_635}
    assert (document["input"], document["classes"]) == ([224, 224, 3], 3)


def test_the_ladder_leaves_backbones_to_themselves() -> None:
    assert "by its backbone" in next(line for line in answer().splitlines() if line.split()[:1] == ["fine-tune"])
    entries = {each["name"]: each for each in json.loads(answer("--json"))["models"]}
    assert entries["fine-tune"]["params"] is None
    assert entries["fine-tune"]["reason"] == "its backbone decides: see `sadari models fine-tune`"


def test_a_users_own_file(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('layers = "flatten, dense $units"\n[variables]\nunits = 8\n', encoding="utf-8")
    assert "6,370 params, all trainable" in answer(str(path))
    assert "3,190 params, all trainable" in answer(str(path), "--set", "units=4")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("cnm",), "unknown model 'cnm'; did you mean 'cnn'?"),
        (("cnn", "--image-size", "4"), "layer 9 `maxpool`: the map is 1x1 here; remove a pool or use larger images"),
        (("cnn", "--channels", "2"), "--channels is 1 (grey) or 3 (colour), not 2"),
        (("lstm", "--set", "droput=0.1"), "unknown setting 'droput'; did you mean 'dropout'?"),
        (
            ("lstm", "--set", "dropout=1.5"),
            "layer 5 `dropout $dropout`: the rate is a number from 0 to below 1, not 1.5",
        ),
        (("--set", "dropout=0.1"), "--set needs one model"),
        (("--train", "head"), "--train needs one model"),
        (("cnn", "--train", "head"), "unknown setting 'train'; "),
        (("vgg16", "--train", "block6_conv1"), "unknown layer of vgg16 'block6_conv1'; did you mean 'block"),
    ],
)
def test_what_cannot_be_shown_is_one_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    assert refusal(*arguments).startswith(sentence)


def test_no_heavy_import_is_needed() -> None:
    program = (
        "import sys; from sadari.cli.models import models; models(None, 28, 1, 10, None, None, True); "
        "heavy = {'torch', 'torchvision', 'sklearn', 'pandas', 'matplotlib', 'scipy'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["models"][0]["name"] == "majority"


def test_the_layers_inside_vgg16_are_those_of_keras_with_their_arithmetic() -> None:
    lines = [" ".join(line.split()) for line in answer("vgg16", "--inside").splitlines()]
    first = lines.index("features.0 block1_conv1 Conv2d 224x224x64 1,792 (3x3x3 + 1) x 64 = 1,792")
    names = [f"block{block}_{name}" for block in (1, 2) for name in ("conv1", "conv2", "pool")]
    names += [f"block{block}_{name}" for block in (3, 4, 5) for name in ("conv1", "conv2", "conv3", "pool")]
    assert [line.split()[1] for line in lines[first : first + 18]] == names
    assert lines[first + 17] == "features.30 block5_pool MaxPool2d 7x7x512"
    assert lines[first + 18 :] == [""]
    assert answer("vgg16").splitlines()[-1].startswith("next  sadari models vgg16 --inside ")


def test_what_has_no_backbone_has_nothing_inside() -> None:
    assert "without --inside" in refusal("cnn", "--inside")
    assert "needs one model" in refusal("--inside")
