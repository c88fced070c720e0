"""Is the folder of safetensors a complete model, and is its card true?"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import save_file

import sadari as public
from sadari.deploy.card import model_card
from sadari.deploy.serve.inside import Inside
from sadari.evaluation.statistics import interval
from sadari.inference.architecture import Architecture
from sadari.inference.classifier import Classifier
from sadari.inference.model import TrainedModel
from sadari.models.backbone.pretrained import Pretrained
from sadari.run import RunRecord
from sadari.training.train import train
from support.backbones import SIDE, SMALL, backbone_job, hub_folder, weights_of_timm
from support.jobs import QUIET, named_job, parts, patterns
from support.photographs import photographs, trained
from support.sets import write_folder
from support.terminal import Terminal


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("data") / "my_photos", photographs(20, ((16, 16),), "PNG"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> RunRecord:
    return trained(folder, tmp_path_factory.mktemp("runs") / "cnn", "cnn", epochs=2)


def test_the_folder_predicts_as_the_run_does(sadari: Terminal, run: RunRecord, folder: Path, tmp_path: Path) -> None:
    made = sadari("export", str(run.path), "--to", "safetensors", "--out", "mine")
    assert made.status == 0
    assert sorted(each.name for each in (tmp_path / "mine").iterdir()) == [
        "README.md", "calibration.json", "config.json", "known.safetensors", "model.safetensors", "preprocess.json",
        "validated.npz",
    ]  # fmt: skip
    assert [each.name for each in tmp_path.iterdir()] == ["mine"]
    assert made.out.splitlines()[-1] == "next  sadari predict mine photo.jpg"
    wanted = sadari("predict", str(run.path), str(folder / "test"), "--csv")
    assert sadari("predict", "mine", str(folder / "test"), "--csv") == wanted
    assert len(wanted.out.splitlines()) == 22


def test_by_default_it_lies_beside_the_run_and_a_second_one_is_refused(run: RunRecord) -> None:
    made = public.export(run.path, "safetensors")
    assert made.path == run.path.with_name("cnn-safetensors")
    assert made.bytes == sum(each.stat().st_size for each in made.path.iterdir())
    assert (made.parity, made.cost, made.classes, made.shape) == (None, None, ("bird", "cat", "dog"), (16, 16, 3))
    with pytest.raises(public.UsageError, match="is there already; choose another --out, or remove it"):
        public.export(run.path, "safetensors")
    assert [each.name for each in run.path.parent.iterdir() if each.name.startswith(".")] == []


def test_an_empty_folder_may_be_there(run: RunRecord, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert (public.export(run.path, "safetensors", out=tmp_path / "mine").path / "config.json").is_file()


def test_nowhere_to_write_is_one_sentence(sadari: Terminal, run: RunRecord) -> None:
    answer = sadari("export", str(run.path), "--to", "safetensors", "--out", "/proc/mine")
    assert (answer.status, answer.out) == (1, "")
    assert answer.err.startswith("error: cannot write /proc/mine: ")


def test_the_weights_are_those_of_the_run(run: RunRecord, tmp_path: Path) -> None:
    made = public.export(run.path, "safetensors", out=tmp_path / "mine")
    assert (made.path / "model.safetensors").read_bytes() == (run.path / "model.safetensors").read_bytes()
    with safe_open(made.path / "model.safetensors", framework="np") as file:
        assert "architecture" in file.metadata()


def test_the_configuration_names_the_classes(run: RunRecord, tmp_path: Path) -> None:
    made = public.export(run.path, "safetensors", out=tmp_path / "mine")
    config = json.loads((made.path / "config.json").read_text(encoding="utf-8"))
    assert (config["library_name"], config["architecture"], config["num_classes"]) == ("sadari", "cnn", 3)
    assert config["id2label"] == {"0": "bird", "1": "cat", "2": "dog"}
    assert config["label2id"] == {"bird": 0, "cat": 1, "dog": 2}
    assert config["input_size"] == [3, 16, 16]


def test_the_card_tells_data_scores_classes_and_limits(run: RunRecord) -> None:
    card = model_card(run, TrainedModel.load(run))
    _, front, body = card.split("---\n", 2)
    assert front.splitlines() == [
        'license: "unknown"', "library_name: sadari", "pipeline_tag: image-classification", "tags:",
        "- image-classification",
    ]  # fmt: skip
    judged = run.predictions
    found = interval((judged.predicted == judged.labels)[np.newaxis])
    assert f"| accuracy | {run.scores('test')['accuracy']:.4f} | {found.low:.4f} to {found.high:.4f} |" in body
    assert f"| macro_f1 | {run.scores('test')['macro_f1']:.4f} | |" in body
    assert "my\\_photos: 31 train, 8 val, 21 test." in body
    assert "On 21 test images, none of which it was trained on" in body
    assert "bird, cat, dog" in body
    assert "These classes were judged on fewer than 100 images each: bird (7), cat (7), dog (7)." in body
    assert "upright, RGB, 16 x 16 pixels: the largest centred part of this shape" in body
    assert "| transparent, in part | put on white |" in body
    assert str(run.path) not in card


def test_the_card_says_what_the_images_that_judge_have_chosen(tmp_path: Path) -> None:
    said: list[str] = []
    for model, val in (("softmax", 0.1), ("softmax", 0.0), ("majority", 0.1)):
        job = named_job("digits", model, 0, {**QUIET, "epochs": 2, "test_fraction": 0.0, "val_fraction": val})
        run = train(job, tmp_path / f"run{len(said)}")
        said.append(model_card(run, TrainedModel.load(run)))
    assert (
        "validation images, none of which it was trained on, but they chose its best epoch, so that these figures "
        "flatter. It has not been tested on others\n" in said[0]
    )
    assert "images that it was trained on: it has not been tested\n" in said[1]
    assert "95 % interval" in said[0] and "95 % interval" not in said[1]
    assert "validation images, none of which it was trained on. It has not been tested on others\n" in said[2]


def test_a_backbone_s_licence_is_passed_on(tmp_path: Path) -> None:
    weights = hub_folder(tmp_path / "weights", license="cc-by-4.0")
    images = patterns(60, side=SIDE)
    for name, license_ in (("linear-probe", "cc-by-4.0"), ("knn", "cc-by-4.0")):
        job = backbone_job(name, weights=str(weights), cache="none")
        run = train(job, tmp_path / name, images=images, split=parts(images, 10, 10))
        card = model_card(run, TrainedModel.load(run))
        assert f'license: "{license_}"' in card
        name_there = SMALL.replace("_", "\\_")
        assert f"Uses, as they are, weights of {name_there}, whose licence is: cc-by-4.0." in card
        assert ("a vector of features of every training image" in card) == (name == "knn")


def test_random_weights_and_files_of_nobody_s_have_no_licence(tmp_path: Path) -> None:
    images = patterns(60, side=SIDE)
    save_file(weights_of_timm(), tmp_path / "own.safetensors")
    for number, (weights, words) in enumerate(
        [
            ("random:1", "learnt from the data above alone"),
            (
                str(tmp_path / "own.safetensors"),
                "Trained further from weights of test\\_resnet, whose licence is: unknown.",
            ),
        ]
    ):
        job = backbone_job("fine-tune", weights=weights, train="layer4", epochs=1)
        run = train(job, tmp_path / str(number), images=images, split=parts(images, 10, 10))
        card = model_card(run, TrainedModel.load(run))
        assert 'license: "unknown"' in card
        assert words in card


def test_the_card_says_who_taught_and_nothing_says_where_that_is(folder: Path, run: RunRecord, tmp_path: Path) -> None:
    student = trained(folder, tmp_path / "student", "softmax", epochs=1, teacher=str(run.path))
    made = public.export(student.path, "safetensors")
    card = (made.path / "README.md").read_text(encoding="utf-8")
    taught = f"It learned also from the answers of the model cnn (SHA-256 {student.teacher['sha256'][:12]})."
    assert taught in card and "learnt from the data above alone" not in card
    for each in made.path.iterdir():
        assert str(run.path.parent).encode() not in each.read_bytes()


def test_names_from_outside_cannot_change_the_card(tmp_path: Path) -> None:
    files = {
        name.replace("cat", "<b>|*x*").replace("dog", "# dog"): content
        for name, content in photographs(9, ((16, 16),), "PNG").items()
    }
    run = trained(write_folder(tmp_path / "photos", files), tmp_path / "run", "softmax", epochs=1)
    card = model_card(run, TrainedModel.load(run))
    assert "\\<b\\>\\|\\*x\\*" in card and "\\# dog" in card
    assert "<b>" not in card


def test_no_path_of_this_machine_leaves_it(tmp_path: Path) -> None:
    weights = hub_folder(tmp_path / "secret place" / "mine")
    photos = write_folder(tmp_path / "my_photos", photographs(20, ((SIDE, SIDE),), "PNG"))
    listed = tmp_path / "listed.toml"
    listed.write_text(f'layers = """\nbackbone {SMALL} train head weights $weights  # mine\nglobalavgpool\n"""\n'
                      f'[variables]\nweights = "{weights}"\n')  # fmt: skip
    run = train(named_job(str(photos), str(listed), 0, {**QUIET, "epochs": 1}), tmp_path / "run")
    made = public.export(run.path, "safetensors", out=tmp_path / "out")
    for file in made.path.iterdir():
        assert str(tmp_path).encode() not in file.read_bytes(), file.name
    config = json.loads((made.path / "config.json").read_text())
    assert (config["model"], config["pretrained"]["origin"]) == ("listed", "mine")
    image = next((photos / "test").rglob("*.png")).read_bytes()
    theirs, ours = Classifier.open(made.path), Classifier.open(run.path)
    assert np.array_equal(
        theirs.probabilities(theirs.decode(image)[np.newaxis]), ours.probabilities(ours.decode(image)[np.newaxis])
    )
    assert all(str(tmp_path) not in layer.text for layer in Inside(ours.model).layers)


def test_paths_become_names() -> None:
    layers = "backbone vgg16 weights /home/kim/my weights/vgg16.safetensors # own\nflatten; dense 3"
    found = Pretrained("vgg16", {}, 224, (0.5,) * 3, (0.2,) * 3, "bilinear", "", "/home/kim/w/vgg/model.safetensors")
    made = Architecture(layers, {"weights": "C:\\w\\a.safetensors", "n": 3}, (32, 32, 3), ("a", "b"), "", found)
    told = made.without_paths()
    assert told.layers == "backbone vgg16 weights vgg16.safetensors# own\nflatten; dense 3"
    assert (told.variables, told.pretrained) == ({"weights": "a.safetensors", "n": 3}, replace(found, origin="vgg"))
    for origin in ("hub:timm/vgg16", "random:3", "random"):
        kept = replace(made, layers="backbone vgg16", variables={}, pretrained=replace(found, origin=origin))
        assert kept.without_paths() == kept
