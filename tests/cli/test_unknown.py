"""Does the command line say "none of these", and how well that is told?"""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sadari as public
from sadari.cli.options import UnknownScore
from sadari.evaluation.unknown.scores import SCORES
from sadari.run import KNOWN, RunRecord
from sadari.training.train import train
from support.jobs import QUIET, named_job
from support.terminal import Terminal


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    return train(named_job("digits", "mlp", 0, {**QUIET, "epochs": 8}), tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, run: RunRecord) -> Path:
    """A flat folder of two digits and of a picture of another kind, with a file that is none."""
    folder = tmp_path_factory.mktemp("pictures")
    digits = public.load("digits")
    for at in run.split.test[:2]:
        Image.fromarray(digits.images[int(at)][:, :, 0]).save(folder / f"digit-{at:05d}.png")
    noise = np.random.default_rng(0).integers(0, 2, (8, 8), dtype=np.uint8) * 255
    Image.fromarray(noise).save(folder / "noise.png")
    (folder / "torn.png").write_bytes(b"\x89PNG torn")
    return folder


def test_the_table_says_none_of_these_and_what_is_nearest(sadari: Terminal, run: RunRecord, pictures: Path) -> None:
    answer = sadari("predict", str(run.path), str(pictures), "--abstain", "--top", "2")
    assert answer.status == 1  # of the torn file
    lines = {Path(line.split()[0]).name: line for line in answer.out.splitlines()[1:]}
    assert "  none of these  " in lines["noise.png"] and "  nearest: " in lines["noise.png"]
    assert not any("none of these" in lines[name] for name in lines if name.startswith("digit"))


def test_json_and_csv_have_score_threshold_and_decision(sadari: Terminal, run: RunRecord, pictures: Path) -> None:
    answer = sadari("predict", str(run.path), str(pictures), "--abstain", "--json")
    documents = {Path(each["file"]).name: each for each in map(json.loads, answer.out.splitlines())}
    for name, each in documents.items():
        if name == "torn.png":
            assert "known" not in each
            continue
        assert each["known"] == (each["score"] >= each["threshold"]) == (name != "noise.png")
        assert each["label"] == each["top"][0]["label"]
    answer = sadari("predict", str(run.path), str(pictures), "--abstain", "--csv", "--top", "1")
    heading, *rows = csv.reader(io.StringIO(answer.out))
    assert heading == ["file", "label", "probability", "known", "score", "threshold", "error"]
    assert [len(row) for row in rows] == [7] * 4
    assert {Path(row[0]).name: row[3] for row in rows}["noise.png"] == "false"


def test_without_the_option_nothing_changes(sadari: Terminal, run: RunRecord, pictures: Path) -> None:
    answer = sadari("predict", str(run.path), str(pictures / "noise.png"), "--json")
    assert set(answer.document) == {"file", "label", "probability", "top"}


def test_keeping_more_known_images_accepts_more(sadari: Terminal, run: RunRecord) -> None:
    thresholds = [
        next(row["threshold"] for row in _document(sadari, run, "--keep", keep)["scores"] if row["score"] == "energy")
        for keep in ("0.8", "0.95", "0.99")
    ]
    assert thresholds == sorted(thresholds, reverse=True)


def _document(sadari: Terminal, run: RunRecord, *words: str) -> dict:  # type: ignore[type-arg]
    return dict(sadari("evaluate", str(run.path), "--unknown", "shapes", "--json", *words).document)


def test_evaluate_has_all_scores_in_one_table(sadari: Terminal, run: RunRecord) -> None:
    answer = sadari("evaluate", str(run.path), "--unknown", "shapes")
    assert answer.status == 0
    lines = answer.out.splitlines()
    assert lines[0].startswith("known    359 test images of digits")
    assert lines[1] == "unknown  600 images of shapes"
    assert [line.split()[0] for line in lines[4:7]] == SCORES.names()
    assert lines[4].startswith("mahalanobis *")
    document = _document(sadari, run)
    assert document["images"] == {"known": 359, "unknown": 600, "unreadable": 0}
    for row in document["scores"]:
        for name in ("auroc", "accepted", "kept"):
            assert 0 <= row[name]["low"] <= row[name]["mean"] <= row[name]["high"] <= 1
    assert document["scores"][0]["auroc"]["mean"] > 0.9


def test_a_flat_folder_is_unknown_too(sadari: Terminal, run: RunRecord, pictures: Path) -> None:
    answer = sadari("evaluate", str(run.path), "--unknown", str(pictures), "--unknown-score", "energy")
    assert "unknown  3 images of" in answer.out and "(1 more cannot be read)" in answer.out
    assert "energy *" in answer.out


def test_python_has_the_same(run: RunRecord, pictures: Path) -> None:
    answers = {Path(each.file).name: each for each in public.predict(run.path, pictures, abstain=0.95)}
    assert answers["noise.png"].known is False and answers["torn.png"].known is None
    noise = answers["noise.png"]
    assert noise.score is not None and noise.threshold is not None and noise.score < noise.threshold
    plain = public.predict(run.path, pictures / "noise.png")[0]
    assert plain.known is None and plain.label == noise.label
    found = public.evaluate_unknown(run.path, "shapes", keep=0.9)
    assert list(found.to_frame()["score"]) == SCORES.names()
    assert found.decides.promised == 0.9 and found.decides.score == "mahalanobis"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("predict", "RUN", "a.png", "--keep", "0.9"), "add --abstain"),
        (("predict", "RUN", "a.png", "--abstain", "--keep", "1.5"), "is between 0 and 1"),
        (("predict", "RUN", "a.png", "--abstain", "--unknown-score", "enrgy"), "did you mean 'energy'"),
        (("evaluate", "RUN", "--keep", "0.9"), "add --unknown IMAGES"),
        (("evaluate", "RUN", "digits", "--unknown", "shapes"), "leave out other images"),
        (("evaluate", "RUN", "--unknown", "nowhere"), "nowhere"),
    ],
)
def test_a_wrong_request_is_status_2(words: tuple[str, ...], sentence: str, sadari: Terminal, run: RunRecord) -> None:
    answer = sadari(*(word.replace("RUN", str(run.path)) for word in words))
    assert (answer.status, answer.out) == (2, "")
    assert sentence in answer.err


def test_the_help_names_every_score() -> None:
    (option,) = UnknownScore.__metadata__  # type: ignore[attr-defined]
    assert all(name in option.help for name in SCORES.names())


def test_a_run_stores_it_when_training_ends(run: RunRecord) -> None:
    assert (run.path / KNOWN).is_file()
