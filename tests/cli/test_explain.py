"""Does `sadari explain` keep its promises?"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sadari.data.load import load
from sadari.run import RunRecord
from sadari.settings import Settings
from sadari.training.train import train
from support.jobs import job_for, network_file
from support.terminal import Answer, Terminal

Explain = Callable[..., Answer]

LAYERS = "conv 4, maxpool, conv 6 same, flatten, dense 8"
NAMES = ["conv1", "maxpool1", "conv2", "flatten1", "dense1", "dense2"]


@pytest.fixture
def explain(sadari: Terminal) -> Callable[..., Answer]:
    """`sadari explain`, followed by what a test types."""
    return partial(sadari, "explain")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    folder = tmp_path_factory.mktemp("run")
    return train(job_for(network_file(folder, LAYERS), data="digits", epochs=1), folder / "cnn")


@pytest.fixture(scope="module")
def linear(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    return train(job_for("softmax", data="digits", epochs=1), tmp_path_factory.mktemp("run") / "softmax")


@pytest.fixture(scope="module")
def recurrent(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    folder = tmp_path_factory.mktemp("run")
    return train(job_for(network_file(folder, "rows, lstm 5 sequence, lstm 4"), data="digits", epochs=1), folder / "it")


@pytest.fixture(scope="module")
def an_id(run: RunRecord) -> str:
    return str(load("digits", Settings()).ids[run.split.test[0]])


def test_the_summary_says_how_every_shape_came_about(explain: Explain, run: RunRecord) -> None:
    answer = explain(run.path)
    assert answer.status == 0
    assert "8 - 3 + 1 = 6" in answer.out and "6 / 2 = 3" in answer.out and "3 x 3 x 6 = 54" in answer.out
    assert all(name in answer.out for name in NAMES)
    assert f"{run.summary['params']['total']:,} params, all trainable" in answer.out
    assert "explained by  grad-cam · integrated-gradients · occlusion\n" in answer.out
    assert "not by weights: its classes have no weight for each pixel" in answer.out
    assert not (run.path / "explain").exists(), "nothing is written without an image"


def test_hints_name_an_image_of_the_runs_own_set(explain: Explain, run: RunRecord) -> None:
    first = run.predictions.ids[0]
    assert first in load("digits", Settings()).ids
    assert f"next  sadari explain {run.path} {first}   (or a file)" in explain(run.path).out
    assert f"name one, such as {first}" in explain(run.path, "--layer", "conv1").err


def test_a_channel_of_a_sequence_is_drawn_beside_the_image(explain: Explain, recurrent: RunRecord, an_id: str) -> None:
    answer = explain(recurrent.path, an_id, "--layer", "lstm1", "--channel", "4", "--out", "seen")
    assert answer.status == 0
    assert len(list(Path("seen").glob("*/channel-lstm1-4.png"))) == 1


ALIKE = ("FILTERS.png.PNG", "filters.png-.jpg")


@pytest.mark.parametrize("name", ["filters.png", *(pytest.param(each, marks=pytest.mark.slow) for each in ALIKE)])
def test_an_image_called_like_a_picture_of_the_model_is_explained_too(
    explain: Explain, run: RunRecord, name: str
) -> None:
    Image.new("L", (8, 8), 90).save(name, format="png")
    answer = explain(run.path, name, "--method", "occlusion", "--out", "seen")
    assert answer.status == 0
    assert sorted(each.name.lower() for each in Path("seen").iterdir()) == ["filters", "filters.png"]


@pytest.mark.slow
def test_an_image_deep_down_gets_a_folder_of_a_name_that_can_be_made(explain: Explain, linear: RunRecord) -> None:
    deep = [Path("/".join([start, *["\u00e4" * 20] * 9, "photo.jpg"])) for start in ("one", "two")]
    for path in deep:
        path.parent.mkdir(parents=True)
        Image.new("L", (8, 8), 90).save(path)
    answer = explain(linear.path, *deep, "--method", "weights", "--out", "seen")
    assert answer.status == 0
    first, second = sorted(each.name for each in Path("seen").iterdir() if each.is_dir())
    assert len(first.encode()) <= 100 and first.endswith("\u00e4-photo") and second == f"{first}~2"


def test_the_summary_as_json_is_one_document(explain: Explain, run: RunRecord) -> None:
    document = explain(run.path, "--json").document
    assert [each["name"] for each in document["layers"]] == NAMES
    assert document["layers"][0] == {
        "name": "conv1", "number": 1, "layer": "conv 4", "output": [6, 6, 4],
        "params": {"total": 40, "trainable": 40}, "how": "8 - 3 + 1 = 6", "params_how": "(3x3x1 + 1) x 4 = 40",
    }  # fmt: skip
    assert document["params"] == run.summary["params"]
    assert document["attributions"]["occlusion"] is None and "no weight" in document["attributions"]["weights"]
    assert (document["images"], document["pictures"], document["input"]) == ([], [], [8, 8, 1])


def test_an_image_of_the_set_is_explained_with_its_truth(explain: Explain, run: RunRecord, an_id: str) -> None:
    answer = explain(run.path, an_id, "--out", "seen", "--json")
    assert answer.status == 0
    (image,) = answer.document["images"]
    (place,) = np.flatnonzero(run.predictions.ids == an_id)
    stored = run.predictions
    assert image["label"] == stored.classes[stored.labels[place]]
    assert image["explained"] == stored.classes[stored.predicted[place]]
    assert list(image["probabilities"].values()) == pytest.approx(stored.probabilities[place], abs=1e-5)
    assert [each["layer"] for each in image["maps"]] == NAMES and image["maps"][0]["shape"] == [4, 6, 6]
    written = {Path(each).name for each in image["pictures"]}
    assert written >= {"layers.png", "maps-01-conv1.png", "attributions.png", "lesson-pooling.png"}
    assert all(Path(each).is_file() for each in (*image["pictures"], *answer.document["pictures"]))
    assert Path("seen/filters.png").is_file()


def test_a_file_of_another_size_and_colour_is_brought_to_the_models(explain: Explain, run: RunRecord) -> None:
    Image.new("RGB", (50, 30), (200, 10, 10)).save("photo.png")
    answer = explain(
        run.path, "photo.png", "--layer", "conv2", "--class", "7", "--method", "occlusion", "--out", "seen"
    )
    assert answer.status == 0
    assert "what speaks for 7: occlusion" in answer.out and "it is" not in answer.out
    assert sorted(each.name for each in Path("seen/photo").iterdir()) == [
        "attributions.png", "lesson-horizontal-lines.png", "lesson-pooling.png", "lesson-vertical-lines.png",
        "maps-01-conv2.png",
    ]  # fmt: skip


def test_a_channel_shows_what_it_answers_to(explain: Explain, run: RunRecord, an_id: str) -> None:
    assert explain(run.path, "--layer", "conv2", "--channel", "5", "--out", "seen").status == 0
    assert Path("seen/channel-conv2-5.png").is_file()
    assert explain(run.path, an_id, "--layer", "dense1", "--channel", "0", "--out", "more").status == 0
    assert len(list(Path("more").glob("*/channel-dense1-0.png"))) == 1


def test_pictures_lie_in_the_run_by_default_and_images_of_one_name_apart(explain: Explain, linear: RunRecord) -> None:
    for folder in ("one", "two"):
        Path(folder).mkdir()
        Image.new("L", (8, 8), 90).save(Path(folder) / "a.png")
    answer = explain(linear.path, Path("one/a.png").resolve(), Path("two/a.png").resolve())
    assert answer.status == 0 and "weights.png" in answer.out
    places = sorted(each.name for each in (linear.path / "explain").iterdir())
    assert places == ["a", "a~2", "weights.png"]
    assert "what speaks for" in answer.out and "weights" in answer.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--channel", "3"], "--channel needs its layer"),
        (["--layer", "conv1"], "--layer, --class and --method are about an image"),
        (["no/such.png"], "'no/such.png' is neither a file nor an image of digits, whose images are called like "),
        (["ID", "--layer", "conv9"], "unknown layer 'conv9'; did you mean 'conv"),
        (["ID", "--method", "gradcam"], "unknown attribution 'gradcam'; did you mean 'grad-cam'?"),
        (["ID", "--method", "weights"], "weights cannot explain this model: its classes have no weight for each pixel"),
        (["ID", "--class", "12"], "unknown class '12'"),
        (["--layer", "conv1", "--channel", "4"], "conv1 has the channels 0 to 3, not 4"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(
    explain: Explain, run: RunRecord, an_id: str, words: list[str], sentence: str
) -> None:
    answer = explain(run.path, *(an_id if each == "ID" else each for each in words), "--out", "seen")
    assert answer.status == 2 and not answer.out
    assert sentence in answer.err and answer.err.count("\n") == 1
    assert not Path("seen").exists(), "nothing is written before the request is known to make sense"


def test_what_is_no_image_fails_with_the_reason(explain: Explain, run: RunRecord) -> None:
    Path("notes.txt").write_text("no image")
    answer = explain(run.path, "notes.txt", "--out", "seen")
    assert answer.status == 1 and "notes.txt cannot be explained: it is no JPEG" in answer.err


def test_what_is_no_run_is_refused(explain: Explain, tmp_path: Path) -> None:
    answer = explain(tmp_path)
    assert answer.status == 2 and str(tmp_path) in answer.err
