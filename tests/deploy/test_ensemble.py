"""Does an ensemble answer files and requests as the average of its members, and only with all of them?"""

import json
import re
import shutil
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from PIL import Image

from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.request import Comparison
from sadari.data.load import load
from sadari.deploy.export import export
from sadari.deploy.files import find_files
from sadari.deploy.onnx_runtime import load_onnx
from sadari.deploy.predict import predict_files
from sadari.deploy.serve.about import draw_samples
from sadari.deploy.serve.routes import make_app
from sadari.errors import SadariError, UsageError
from sadari.inference.classifier import Classifier
from sadari.inference.evaluate import evaluate
from sadari.inference.members import Candidate, Ensemble, heaviest, members_of, model_digest
from sadari.inference.model import TrainedModel
from sadari.inference.pixels import PixelForm, form_from_json, form_to_json, joint_form, limited, split_forms
from sadari.run import RunRecord
from sadari.settings import Settings, Value
from sadari.tracking.entry import entry_of
from support.jobs import named_arm
from support.terminal import Terminal

SHORT: dict[str, Value] = {"epochs": 1, "threads": 1, "tensorboard": "off"}


def equal_weights(run: RunRecord) -> None:
    """Let each of the runs beside `run` count alike, so that a test does not depend on which were chosen."""
    held = Ensemble.read(run)
    Ensemble(tuple(replace(each, count=2 - index) for index, each in enumerate(held.candidates))).write(run.path)


def made(out: Path, **second: Value) -> RunRecord:
    arms = (named_arm("one", "mlp", SHORT), named_arm("two", "softmax", {**SHORT, **second}))
    compare(Comparison("digits", arms, (0,), ensemble=True), out=out, executor=SerialExecutor())
    run = RunRecord(out / "ensemble-seed0")
    equal_weights(run)
    return run


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """An ensemble whose members read images of one form."""
    return made(tmp_path_factory.mktemp("alike") / "out")


@pytest.fixture(scope="module")
def unlike(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """An ensemble whose second member reads larger images."""
    return made(tmp_path_factory.mktemp("unlike") / "out", image_size=12, channels=3)


@pytest.fixture(params=["alike", "unlike"])
def ensemble(request: pytest.FixtureRequest) -> RunRecord:
    found: RunRecord = request.getfixturevalue(request.param)
    return found


def digit(number: int = 0) -> bytes:
    file = BytesIO()
    Image.fromarray(load("digits", Settings()).images[number][:, :, 0]).save(file, "PNG")
    return file.getvalue()


def wanted_of(ensemble: RunRecord, content: bytes) -> NDArray[np.float64]:
    """The reference: each member alone, averaged by hand."""
    total = np.zeros(10)
    for member in members_of(ensemble):
        alone = Classifier.open(member.run.path)
        total += member.weight * alone.probabilities(alone.decode(content)[None])[0]
    return total


def test_a_file_gets_the_average_of_what_the_members_answer(ensemble: RunRecord, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for number, path in enumerate(paths):
        path.write_bytes(digit(number))
    answers = list(predict_files(Classifier.open(ensemble.path), find_files(list(map(str, paths)))))
    for answer, path in zip(answers, paths, strict=True):
        assert answer.probabilities is not None
        np.testing.assert_allclose(answer.probabilities, wanted_of(ensemble, path.read_bytes()), atol=1e-6)


def test_it_is_judged_as_its_members_are(ensemble: RunRecord) -> None:
    judged = evaluate(ensemble, split_name="val")
    each = [evaluate(member.run, split_name="val").probabilities for member in members_of(ensemble)]
    np.testing.assert_allclose(judged.probabilities, (2 * each[0] + each[1]) / 3, atol=1e-6)
    assert judged.ids.tolist() == evaluate(members_of(ensemble)[1].run, split_name="val").ids.tolist()


def test_forms_of_pixels_are_told_apart_and_go_to_another_process() -> None:
    small, large = PixelForm(8, 8, 1, "crop", "bilinear"), PixelForm(12, 12, 3, "pad", "bilinear")
    both = joint_form([small, large, small])
    assert joint_form([small, small]) == small and both.shape == (64 + 432,)
    assert form_from_json(form_to_json(both)) == both and form_from_json(form_to_json(small)) == small
    assert [each.max_pixels for each in limited(both, 99).each] == [99, 99]
    pixels = split_forms(both, both.decode(digit())[None])
    for form in (small, large):
        np.testing.assert_array_equal(pixels[form][0], form.decode(digit()))


def test_a_server_answers_with_the_average_and_shows_the_heaviest_member(ensemble: RunRecord) -> None:
    with TestClient(make_app(Classifier.open(ensemble.path))) as client:
        model = client.get("/model").json()
        assert model["model"] == "ensemble" and "An average of 0.67 one + 0.33 two" in model["caution"]
        assert "layers and maps are those of one" in model["caution"]
        params = [TrainedModel.load(each.run).architecture.rows() for each in members_of(ensemble)]
        assert model["params"] == sum(row.total for rows in params for row in rows)
        answer = client.post("/predict", files={"images": ("d.png", digit(), "image/png")}).json()["answers"][0]
        assert answer["probability"] == pytest.approx(wanted_of(ensemble, digit()).max(), abs=1e-6)
        maps = client.post(f"/feature-maps?layer={model['layers'][-1]['name']}", files={"images": ("d.png", digit())})
        assert maps.status_code == 200
        one_form = len(Classifier.open(ensemble.path).form.each) == 1
        assert bool(client.get("/samples").json()["samples"]) is one_form
    assert bool(draw_samples(ensemble.path))


def test_it_is_one_onnx_file_that_answers_alike(alike: RunRecord, tmp_path: Path) -> None:
    made = export(alike, out=tmp_path / "both.onnx")
    assert made.parity is not None and made.parity.proved and made.split == "validation"
    images = load("digits", Settings()).images[:40]
    predict = load_onnx(made.path.read_bytes())
    np.testing.assert_allclose(predict(images), Classifier.open(alike.path).probabilities(images), atol=1e-5)
    assert predict(images[:0]).shape == (0, 10)
    import onnx

    notes = {each.key: each.value for each in onnx.load(made.path).metadata_props}
    assert notes["members"] == "0.67 one + 0.33 two" and json.loads(notes["classes"])[0] == "0"


@pytest.mark.slow
def test_it_is_one_page(alike: RunRecord, tmp_path: Path) -> None:
    made = export(alike, "web", out=tmp_path / "page")
    page = (made.path / "index.html").read_text(encoding="utf-8")
    found = re.search(r'id="described">([^<]*)<', page)
    assert found is not None and json.loads(found[1])["classes"] == list("0123456789")


def test_what_no_single_file_can_be_is_refused(alike: RunRecord, unlike: RunRecord, tmp_path: Path) -> None:
    with pytest.raises(SadariError, match=r"different forms \(8 x 8 x 1 \(crop\), 12 x 12 x 3 \(crop\)\)"):
        export(unlike, out=tmp_path / "no.onnx")
    with pytest.raises(UsageError, match=r"to onnx or web; for safetensors export a member, such as .*one-seed0"):
        export(alike, "safetensors", out=tmp_path / "no")
    assert not list(tmp_path.iterdir())


def test_a_member_that_is_missing_or_changed_is_named(alike: RunRecord, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(alike.path.parent, tmp_path / "out"))
    moved = RunRecord(Path(shutil.copytree(alike.path, tmp_path / "alone" / "ensemble-seed0")))
    with pytest.raises(SadariError, match="averages one-seed0, which is not beside it; put it back"):
        Classifier.open(moved.path)
    shutil.copyfile(folder / "two-seed0" / "model.safetensors", folder / "one-seed0" / "model.safetensors")
    changed = RunRecord(folder / "ensemble-seed0")
    with pytest.raises(SadariError, match="was made of another one-seed0, whose model has changed since"):
        evaluate(changed)
    with pytest.raises(SadariError, match="is an ensemble, which has no model of its own"):
        TrainedModel.load(changed)
    assert changed.predictions.classes == alike.predictions.classes  # what it predicted is still there


def test_equal_weights_go_by_the_order_of_the_arms(alike: RunRecord) -> None:
    digests = [model_digest(member.run) for member in members_of(alike)]
    found = Ensemble(tuple(Candidate(name, name, sha, 3) for name, sha in zip("za", digests, strict=True)))
    assert list(found.weights.items()) == [("z", 0.5), ("a", 0.5)]
    assert heaviest(alike).arm == "one"


def test_commands_take_it_for_a_run(alike: RunRecord, sadari: Terminal) -> None:
    explained = sadari("explain", alike.path)
    assert "its member that counts most is explained: one (0.67)" in explained.err
    assert "mlp on digits" in explained.out
    resumed = sadari("resume", alike.path)
    assert resumed.out.startswith("ensemble on digits")


def test_a_tracker_gets_its_weights(alike: RunRecord) -> None:
    entry = entry_of(alike.path)
    assert "ensemble.json" in entry.files and entry.params["of"] == "one, two"
