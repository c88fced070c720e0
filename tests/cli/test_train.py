"""Do `sadari train`, `resume` and `evaluate` keep their promises?"""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sadari.data.load import load
from sadari.run import RunRecord
from sadari.settings import Settings
from support.jobs import DROPPED, arrays_file, model_bytes, network_file, patterns
from support.sets import flat_files, write_folder
from support.terminal import Terminal

QUICK = ("--epochs", "2", "--set", "threads=1", "--set", "tensorboard=off")


def interrupted(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_json_is_one_document_with_the_promised_keys(sadari: Terminal, tmp_path: Path) -> None:
    answer = sadari("train", "digits", "--model", "softmax", *QUICK, "--seed", "3", "--out", "one", "--json")
    assert answer.status == 0
    document = answer.document
    assert set(document) >= {"run", "model", "data", "seed", "params", "epochs", "seconds", "scores"}
    assert document["run"] == str(tmp_path / "one")
    assert (document["model"], document["data"], document["seed"], document["epochs"]) == ("softmax", "digits", 3, 2)
    assert document["params"] == {"total": 650, "trainable": 650}
    assert 0 < document["seconds"]["train"] <= document["seconds"]["total"]
    assert set(document["scores"]) == {"train", "val", "test"}
    for scores in document["scores"].values():
        assert {"accuracy", "loss", "macro_f1"} <= set(scores)
        assert 0 <= scores["accuracy"] <= 1
    again = sadari("resume", "one", "--json")
    assert (again.status, again.document) == (0, document)


def test_people_read_scores_and_what_comes_next(sadari: Terminal) -> None:
    answer = sadari("train", "digits", "--model", "majority", "--set", "tensorboard=off", "--out", "one")
    assert answer.status == 0
    first, *rows = answer.out.splitlines()
    assert first.startswith("majority on digits   seed 0")
    assert [row.split()[0] for row in rows[:3]] == ["train", "val", "test"]
    run = rows[3].removeprefix("run   ")
    assert rows[4:] == [
        f"next  sadari report {run}",
        f"next  sadari explain {run}",
        f"next  sadari evaluate {run} --split val",
    ]


def test_notes_on_the_images_are_read_whoever_asks(sadari: Terminal, tmp_path: Path) -> None:
    files = flat_files(cat=5, dog=5)
    write_folder(tmp_path / "photos", {**files, "cat/words.txt": b"x", "cover.png": files["cat/0.png"]})
    notes = load("photos", Settings()).notes
    assert len(notes) == 2 and "left out 1 file" in notes[0]
    words = ("train", "photos", "--model", "majority", "--set", "tensorboard=off", "--out", "one")
    answer = sadari(*words)
    assert (answer.status, answer.err) == (0, "")
    assert answer.out.splitlines()[1:3] == [f"  {note}" for note in notes]
    for again in (sadari(*words, "--json"), sadari("resume", "one", "--json")):
        assert again.document["data"] == str(tmp_path / "photos")
        assert again.err.splitlines() == list(notes)


def test_the_next_command_can_be_typed_as_it_stands(sadari: Terminal) -> None:
    words = ("--set", "val_fraction=0", "--set", "tensorboard=off", "--out", "my run")
    following = [
        line for line in sadari("train", "digits", "--model", "majority", *words).out.splitlines() if line[:4] == "next"
    ]
    assert following[-1].endswith("--split train")
    for line in following:
        assert sadari(*shlex.split(line)[2:]).status == 0


def test_evaluating_gives_the_stored_scores(sadari: Terminal) -> None:
    trained = sadari("train", "digits", "--model", "logistic", "--out", "one", "--json", *QUICK).document
    for split_name in ("train", "val", "test"):
        again = sadari("evaluate", "one", "--split", split_name, "--json").document
        assert again["scores"] == pytest.approx(trained["scores"][split_name], abs=1e-6)
        assert (again["split"], again["data"], again["images"]) == (split_name, "digits", trained["images"][split_name])
        assert again["images_per_second"] > 0
    assert again["per_class"][0]["name"] == "0" and again["per_class"][-1]["name"] == "weighted avg"
    assert sum(row["support"] for row in again["per_class"][:10]) == again["images"]
    assert again["per_class"][-1]["recall"] == pytest.approx(again["scores"]["accuracy"])
    said = sadari("evaluate", "one", "--split", "val").out.splitlines()
    assert said[0].startswith("digits val   288 images   accuracy") and "macro_f1" in said[0]
    for name in ("top_5", "balanced_accuracy", "calibration_error"):
        assert name in said[1]
    assert said[2].split()[::2] == ["mcc", "kappa", "auc", "average_precision"]
    assert said[4].split() == ["precision", "recall", "f1", "support"]
    assert [line.split()[0] for line in said[5:15]] == [str(digit) for digit in range(10)]
    assert said[-1].split()[:2] == ["weighted", "avg"] and said[-1].endswith(" 288")
    assert max(map(len, said)) <= 80


def test_evaluating_another_set_says_which_of_its_images_were_trained_on(sadari: Terminal, tmp_path: Path) -> None:
    images = patterns()
    own, pixels = arrays_file(tmp_path, images), images.images[:].copy()
    pixels[89] = pixels[0]
    other = arrays_file(tmp_path, replace(images, images=pixels), "other.npz")
    trained = sadari("train", own, "--model", "logistic", "--out", "one", "--json", "--set", "tensorboard=off")
    assert trained.status == 0
    found = sadari("evaluate", "one", other, "--json").document
    assert (found["images"], found["training_images"]) == (20, 1)
    assert set(found["scores_without_training_images"]) == set(found["scores"])
    said = sadari("evaluate", "one", other).out.splitlines()[3]  # two lines of further scores are above it
    without = f"accuracy {found['scores_without_training_images']['accuracy']:.4f}"
    assert said.startswith(f"  1 of 20 images is a training image of this run; without it: {without}   loss ")
    again = sadari("evaluate", "one", "--json").document
    assert (again["training_images"], again["scores_without_training_images"]) == (None, None)
    assert sadari("evaluate", "one", other, "--coverage", "0.5", "--json").document["coverage"]["images"] == 19


def test_without_out_every_job_gets_a_folder_of_its_own(sadari: Terminal, tmp_path: Path) -> None:
    odd = tmp_path / "my photos (v1.2)"
    odd.mkdir()
    model = Path(network_file(odd, "flatten"))
    own = model.rename(model.with_name("my net.v2.toml"))
    own.write_text('name = "mine"\nlayers = "flatten"\n', encoding="utf-8")
    for fraction in ("0.2", "0.1", "0.2"):
        words = ("--set", f"val_fraction={fraction}")
        assert sadari("train", "digits", "--model", "majority", *QUICK, *words).status == 0
    assert sadari("train", "shapes:size=12,images=60", "--model", str(own), *QUICK).status == 0
    made = {each.name for each in (tmp_path / "runs").iterdir()}
    assert made == {"digits-majority-seed0", "digits-majority-seed0-2", "shapes-my-net.v2-seed0"}


def test_an_unfinished_run_is_found_again(sadari: Terminal, tmp_path: Path) -> None:
    words = ("train", "digits", "--model", network_file(tmp_path, DROPPED), *QUICK)
    assert sadari(*words).status == 0
    (run,) = (tmp_path / "runs").iterdir()
    before = model_bytes(run)
    (run / "scores.json").unlink()
    (run / "model.safetensors").unlink()
    assert sadari(*words).status == 0
    assert [each.name for each in (tmp_path / "runs").iterdir()] == [run.name]
    assert model_bytes(run) == before


def test_paths_are_kept_so_that_the_run_goes_on_from_anywhere(
    sadari: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network_file(tmp_path, DROPPED)
    (tmp_path / "digits").mkdir()  # a folder with the name of a set, and one with that of a model: the names win
    (tmp_path / "softmax").mkdir()
    assert sadari("train", "digits", "--model", "own-net.toml", *QUICK, "--out", "one").status == 0
    assert sadari("train", "digits", "--model", "softmax", *QUICK, "--out", "two").status == 0
    first, second = RunRecord.open("one"), RunRecord.open("two")
    assert (first.job.data, first.job.model) == ("digits", str(tmp_path / "own-net.toml"))
    assert (second.job.data, second.job.model) == ("digits", "softmax")
    (first.path / "scores.json").unlink()
    monkeypatch.chdir("/")
    assert sadari("resume", str(first.path)).status == 0


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (("train", "digits", "--model", "cnm"), 2, "error: unknown model 'cnm'; did you mean 'cnn'?"),
        (("train", "digist", "--model", "cnn"), 2, "error: unknown data set 'digist'; did you mean 'digits'?"),
        (
            ("train", "digits", "--model", "cnn", "--set", "epoch=3"),
            2,
            "unknown setting 'epoch'; did you mean 'epochs'",
        ),
        (("train", "digits", "--model", "lstm", "--set", "dropuot=0.3"), 2, "did you mean 'dropout'?"),
        (("train", "digits", "--model", "cnn", "--set", "epochs"), 2, "--set takes key=value, not 'epochs'"),
        (("train", "digits", "--model", "cnn", "--set", "optimizer=adm"), 2, "optimizer is one of sgd, momentum"),
        (("train", "digits", "--model", "cnn", "--set", "device=tpu"), 2, "device is auto, cpu, cuda"),
        (("train", "digits", "--model", "cnn", "--epochs", "0"), 2, "--epochs"),
        (("train", "digits"), 2, "--model"),
        (("train", "digits", "--model", "nothing.toml"), 2, "error: cannot read the network /"),
        (("train", "digits", "--model", "a1-cnn"), 2, "layer 8 `maxpool`: the map is 1x1 here; remove a pool"),
        (("train", "no/where", "--model", "cnn"), 2, "there is no file or folder no/where"),
        (("train", "x" * 5000, "--model", "cnn"), 2, "unknown data set"),
        (("resume", "nowhere"), 2, "'nowhere' is not a run"),
        (("evaluate", "nowhere"), 2, "'nowhere' is not a run"),
    ],
)
def test_mistakes_end_with_one_sentence_and_no_folder(
    words: tuple[str, ...], status: int, sentence: str, sadari: Terminal, tmp_path: Path
) -> None:
    answer = sadari(*words)
    assert answer.status == status
    said = answer.err.strip().splitlines()
    assert [line for line in said if line.startswith("error: ")] == said[-1:]
    assert sentence in said[-1]
    assert answer.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("moment", "says"),
    [
        ("models.classical.problem.Linear.__init__", "interrupted; it starts over with: sadari resume one"),
        ("training.results.write_model", "interrupted; the work is kept, go on with: sadari resume one"),
    ],
)
def test_ctrl_c_says_whether_logistic_regression_is_kept(
    moment: str, says: str, sadari: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(f"sadari.{moment}", interrupted)
        answer = sadari("train", "digits", "--model", "logistic", *QUICK, "--out", "one")
    assert (answer.status, answer.err.strip().splitlines()[-1]) == (130, says)
    assert sadari("resume", "one").status == 0


def test_ctrl_c_before_anything_was_written_promises_nothing(
    sadari: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sadari.training.train.load", interrupted)
    answer = sadari("train", "digits", "--model", "cnn", "--out", "one")
    assert answer.status == 130
    assert answer.err.strip() == "interrupted; nothing was begun"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ("--model", "softmax", "--seed", "3", "--set", "batch_size=4"),
        ("--model", "own-net.toml", "--set", "threads=1", "--set", "device=cpu", "--set", "checkpoint_seconds=5"),
        ("--model", "lstm", "--set", "dropout=0.1", "--set", "precision=float32", "--set", "stream=always"),
    ],
)
def test_a_run_whose_images_moved_is_resumed_by_the_command_that_it_names(
    words: tuple[str, ...], sadari: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = write_folder(tmp_path / "photos", flat_files(cat=8, dog=8))
    network_file(tmp_path, "flatten, dense 4")
    with monkeypatch.context() as patch:
        patch.setattr("sadari.training.results.write_model", interrupted)
        assert sadari("train", photos, *words, "--epochs", "2", "--out", "my run").status == 130
    now = photos.rename(tmp_path / "new place")
    answer = sadari("resume", "my run")
    assert answer.status == 1
    said, _, command = answer.err.strip().rpartition(": ")
    assert f"the images of the run, '{photos}', are not there any more" in said
    _, *again = shlex.split(command.replace("NEW_PLACE", shlex.quote(str(now))))
    assert sadari(*again).status == 0
    assert sadari("resume", "my run").status == 0
    evaluated = sadari("evaluate", "my run")
    assert evaluated.status == 0, "it has them where they are now"
    now.rename(tmp_path / "third place")
    evaluated = sadari("evaluate", "my run")
    assert (evaluated.status, "are not there any more; put them back, or name where" in evaluated.err) == (1, True)
    assert sadari("evaluate", "my run", tmp_path / "third place").status == 0


@pytest.mark.parametrize("finished", [True, False])
def test_images_that_changed_begin_a_new_run_beside_the_old_one(
    finished: bool, sadari: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = write_folder(tmp_path / "photos", flat_files(cat=8, dog=8))
    words = ("train", photos, "--model", "softmax", *QUICK)
    with monkeypatch.context() as patch:
        if not finished:
            patch.setattr("sadari.training.results.write_model", interrupted)
        assert sadari(*words).status == (0 if finished else 130)
    (photos / "dog").rename(photos / "cow")
    answer = sadari(*words, "--json")
    assert answer.status == 0
    assert answer.document["run"] == str(tmp_path / "runs" / "photos-softmax-seed0-2")
    assert "the images have changed since runs/photos-softmax-seed0; a new run is begun beside it" in answer.err
    assert sadari(*words, "--json").document["run"].endswith("-2"), "the new run is found again"
    (photos / "cow").rename(photos / "dog")
    assert sadari(*words, "--json").document["run"].endswith("seed0"), "and so is the old one"


def test_a_network_that_changed_begins_a_new_run_beside_the_old_one(sadari: Terminal, tmp_path: Path) -> None:
    words = ("train", "digits", "--model", network_file(tmp_path, "flatten, dense 4"), *QUICK)
    assert sadari(*words).status == 0
    network_file(tmp_path, "flatten, dense 5")
    answer = sadari(*words)
    assert answer.status == 0
    assert "the network has changed since runs/digits-own-net-seed0; a new run" in answer.err


def test_a_student_is_trained_by_the_best_run_of_a_comparison(sadari: Terminal, tmp_path: Path) -> None:
    data = arrays_file(tmp_path, patterns())
    assert sadari("compare", data, "--models", "softmax,mlp", "--seeds", "1", *QUICK, "--out", "compared").status == 0
    answer = sadari("train", data, "--model", "cnn", "--set", "teacher=compared", *QUICK, "--out", "student", "--json")
    assert answer.status == 0
    assert "compared is a comparison; its best run by validation is" in answer.err
    student = RunRecord(tmp_path / "student")
    assert student.teacher["name"] in ("softmax-seed0", "mlp-seed0")
    assert sadari("resume", "student", "--json").document == answer.document


@pytest.mark.parametrize(
    ("setting", "status", "says"),
    [
        ("teacher=nowhere", 2, "the teacher: there is no model in '/"),
        ("teacher=set.npz", 2, "the teacher: there is no model in '/"),
        ("teacher=run", 1, "has no model yet; finish it with: sadari resume"),
        ("teacher_weight=2", 2, "teacher_weight is a number from 0 to 1, not 2"),
        ("temperature=0", 2, "temperature is a number from 0.1 up, not 0"),
    ],
)
def test_a_teacher_that_cannot_teach_is_one_sentence(
    setting: str, status: int, says: str, sadari: Terminal, tmp_path: Path
) -> None:
    data = arrays_file(tmp_path, patterns())
    if setting == "teacher=run":
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "settings.toml").write_text("", encoding="utf-8")
    answer = sadari("train", data, "--model", "mlp", "--set", setting, *QUICK, "--out", "student")
    assert (answer.status, answer.out) == (status, "")
    assert says in answer.err and len(answer.err.splitlines()) == 1
    assert not (tmp_path / "student").exists()
