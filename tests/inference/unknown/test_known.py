"""Does a run store which images are known, from its own validation images, and is that made up for runs of before?"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from sadari.data.prepare import Preprocess
from sadari.errors import SadariError, UsageError
from sadari.evaluation.unknown.scores import SCORES, Seen
from sadari.inference.architecture import Architecture
from sadari.inference.classifier import Classifier
from sadari.inference.features import MOST_FEATURES, WithFeatures, see
from sadari.inference.predict import Inputs, predict_logits
from sadari.inference.unknown.find import known_of, stored_known
from sadari.inference.unknown.fitting import fit_known, spread
from sadari.inference.unknown.stored import KnownImages
from sadari.models.catalog import MODELS, find_model
from sadari.run import KNOWN, MODEL, RunRecord
from sadari.training.train import train
from support.backbones import SIDE, backbone_job
from support.jobs import QUIET, job_for, named_job, parts, patterns

QUICK = ("majority", "sgd", "mlp", "cnn", "lstm", "knn", "linear-probe", "photo-probe", "photo")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    return train(named_job("digits", "mlp", 0, {**QUIET, "epochs": 3}), tmp_path_factory.mktemp("runs") / "run")


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in MODELS.names()]
)
def test_every_model_has_a_score_or_says_that_it_has_none(name: str, tmp_path: Path) -> None:
    overrides = {"learning_rate": 0.01} if name == "a3-cnn" else {"train": "head"} if name == "vgg16" else {}
    pretrained = find_model(name).begins_with_backbone()
    make = backbone_job if pretrained else lambda each, **more: job_for(each, "patterns", 0, **more)
    job = make(name, epochs=1, **overrides)
    images = patterns(60, side=SIDE if pretrained else 16, channels=3 if pretrained else 1)
    run = train(job, tmp_path / "run", images=images, split=parts(images, 20, 10))
    if name == "majority":
        assert stored_known(run) is None
        assert not (run.path / KNOWN).exists()
        return
    known = stored_known(run)
    scores = [each for each in SCORES.names() if (name, each) != ("knn", "energy")]
    assert known is not None and list(known.validation) == scores and known.images == 20
    classifier = Classifier.open(run.path).abstaining(0.9)
    pixels = np.asarray(images.images[run.split.val])
    judged = classifier.judged(pixels)
    assert judged.scores is not None and judged.scores.dtype == np.float32
    assert np.sort(judged.scores) == pytest.approx(known.validation["mahalanobis"], rel=1e-3, abs=1e-2)
    kept = int((judged.scores >= judged.threshold - 0.01).sum())
    assert kept >= 18  # of the images that chose the threshold itself, 19 are at or above the second smallest
    assert np.array_equal(judged.probabilities, classifier.probabilities(pixels))


@pytest.mark.parametrize("name", ["cnn", "mlp", "lstm", "photo-probe"])
def test_logits_beside_features_are_the_same_bits(name: str) -> None:
    if name == "photo-probe":
        job, images = backbone_job(name), patterns(24, side=SIDE)
    else:
        job, images = job_for(name, "patterns"), patterns(24, side=16)
    architecture = Architecture.of(job.model, job.variables, images.shape, images.classes)
    network = architecture.build(0).eval()
    scaling = "unit" if name != "photo-probe" else job.settings.scaling
    preprocess = Preprocess.fitted(images, np.arange(24), scaling, "crop", architecture.scaling)
    inputs, positions = Inputs.pixels(images.images, preprocess), np.arange(24)
    wanted = predict_logits(network, inputs, positions).numpy()
    found = see(network, inputs, positions, len(images.classes))
    assert np.array_equal(found.logits, wanted)
    assert found.features.shape == (24, WithFeatures(network).count)
    assert not network.training


def test_too_many_features_are_left_out() -> None:
    images = patterns(12, side=40)
    job = job_for("softmax", "patterns")
    network = Architecture.of(job.model, job.variables, images.shape, images.classes).build(0)
    assert MOST_FEATURES < 40 * 40 * 3
    inputs = Inputs.pixels(images.images, Preprocess.fitted(images, np.arange(12), "unit", "crop"))
    found = see(network, inputs, np.arange(12), 3)
    assert found.features.shape == (12, 0) and found.logits.shape == (12, 3)
    known = fit_known(found, images.labels, found)
    assert known is not None and list(known.validation) == ["energy", "probability"]


def test_it_is_small_and_nothing_abstains_unless_asked(run: RunRecord) -> None:
    assert Classifier.open(run.path).abstention is None
    assert (run.path / KNOWN).stat().st_size < 100_000


def test_a_run_of_before_computes_it_once(run: RunRecord, tmp_path: Path) -> None:
    shutil.copytree(run.path, tmp_path / "old")
    (tmp_path / "old" / KNOWN).unlink()
    old = RunRecord(tmp_path / "old")
    model = (old.path / MODEL).read_bytes()
    found, stored = known_of(old), known_of(run)
    assert (old.path / KNOWN).is_file() and (old.path / MODEL).read_bytes() == model
    for name, each in stored.validation.items():
        assert found.validation[name] == pytest.approx(each, rel=1e-4, abs=1e-3)
    again = known_of(old)
    assert np.array_equal(again.validation["energy"], found.validation["energy"])


def test_what_is_written_is_read_back(run: RunRecord, tmp_path: Path) -> None:
    known = known_of(run)
    known.write(tmp_path / "known.safetensors")
    again = KnownImages.read(tmp_path / "known.safetensors")
    assert list(again.validation) == list(known.validation)
    assert all(np.array_equal(again.fitted[name], each) for name, each in known.fitted.items())


@pytest.mark.parametrize("content", [b"", b"not safetensors", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_damaged_file_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / KNOWN
    path.write_bytes(content)
    with pytest.raises(SadariError, match=r"damaged.*delete it; it is computed again"):
        KnownImages.read(path)


def test_wrong_requests_say_what_is_possible(run: RunRecord) -> None:
    known = known_of(run)
    with pytest.raises(UsageError, match="did you mean 'energy'"):
        known.abstention(0.95, "energi")
    with pytest.raises(UsageError, match="between 0 and 1"):
        known.abstention(95)
    few = KnownImages({"energy": np.arange(10, dtype=np.float32)}, {})
    with pytest.raises(UsageError, match=r"takes 19 validation images, and the run has 10; .* such as 0.9"):
        few.abstention()
    with pytest.raises(UsageError, match="no score 'mahalanobis'; it has: energy"):
        few.abstention(0.9, "mahalanobis")


def test_a_run_without_validation_images_says_so(tmp_path: Path) -> None:
    run = train(named_job("digits", "softmax", 0, {**QUIET, "epochs": 1, "split": "all"}), tmp_path / "run")
    assert not (run.path / KNOWN).exists()
    with pytest.raises(SadariError, match="has no validation images"):
        known_of(run)


def test_at_most_so_many_images_are_looked_at() -> None:
    found = spread(np.arange(10_000))
    assert len(found) == len(np.unique(found)) == 2000 and found[0] == 0 and found[-1] == 9999


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("centre", None),
        ("centre", np.full(64, np.nan, dtype=np.float32)),
        ("means", np.zeros((10, 7), dtype=np.float32)),
        ("within", np.zeros(64, dtype=np.float16)),
        ("variances", np.zeros(2, dtype=np.float32)),
        ("variances", np.ones(1, dtype=np.float32)),
        ("validation.mahalanobis", np.full(288, np.nan, dtype=np.float32)),
        ("validation.mahalanobis", np.arange(288, 0, -1, dtype=np.float32)),
        ("validation.energy", np.arange(288)),
        ("validation.energy", np.zeros(3, dtype=np.float32)),
    ],
)
def test_what_cannot_be_its_values_is_one_sentence(
    name: str, value: NDArray[np.generic] | None, run: RunRecord, tmp_path: Path
) -> None:
    tensors = load_file(run.path / KNOWN)
    if value is None:
        del tensors[name]
    else:
        tensors[name] = value
    path = tmp_path / KNOWN
    save_file(tensors, path, {"scores": json.dumps(["mahalanobis", "energy", "probability"])})
    with pytest.raises(SadariError, match=r"damaged.*delete it; it is computed again"):
        KnownImages.read(path)


def test_what_is_of_another_model_is_one_sentence(run: RunRecord) -> None:
    abstention = known_of(run).abstention()
    other = Seen(np.zeros((1, 10), dtype=np.float32), np.zeros((1, 7), dtype=np.float32))
    with pytest.raises(SadariError, match="of another model: of 64 features, not 7"):
        abstention.scores(other)


def test_one_validation_image_is_no_model_that_answers_all_alike() -> None:
    draws = np.random.default_rng(0)
    train, val = (Seen(draws.normal(size=(n, 3)).astype("f4"), draws.normal(size=(n, 5)).astype("f4")) for n in (9, 1))
    known = fit_known(train, np.arange(9) % 3, val)
    assert known is not None and known.images == 1
    with pytest.raises(UsageError, match=r"the run has 1; keep a smaller share, such as 0.5"):
        known.abstention()


def test_a_score_that_is_rounding_alone_is_left_out() -> None:
    draws = np.random.default_rng(0)
    logits = draws.normal(size=(60, 4))
    logs = (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype("f4")  # as those of nearest neighbours
    seen = Seen(logs, draws.normal(size=(60, 5)).astype("f4"))
    known = fit_known(seen, np.arange(60) % 4, seen)
    assert known is not None and list(known.validation) == ["mahalanobis", "probability"]
