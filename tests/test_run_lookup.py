"""Do all commands that take a run take a comparison too, and is its best run the one that validation images choose?"""

import json
from pathlib import Path

import pytest
from PIL import Image

import sadari as public
from sadari.errors import SadariError, UsageError
from sadari.inference.classifier import Classifier
from sadari.progress import Silent
from sadari.run_lookup import find_run
from support.terminal import Terminal


class Said(Silent):
    """A progress that keeps what it was told."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def say(self, sentence: str) -> None:
        self.sentences.append(sentence)


def run_folder(folder: Path, scores: dict[str, dict[str, float] | None] | None) -> None:
    folder.mkdir(parents=True)
    (folder / "settings.toml").touch()
    if scores is not None:
        (folder / "scores.json").write_text(json.dumps({"scores": scores}), encoding="utf-8")


def judged(val: float, loss: float, test: float) -> dict[str, dict[str, float] | None]:
    return {"val": {"accuracy": val, "loss": loss}, "test": {"accuracy": test, "loss": loss}}


def comparison(folder: Path, **runs: dict[str, dict[str, float] | None] | None) -> Path:
    folder.mkdir()
    (folder / "comparison.toml").touch()
    for name, scores in runs.items():
        run_folder(folder / name, scores)
    return folder


def test_a_run_is_itself(tmp_path: Path) -> None:
    run_folder(tmp_path / "run", None)
    said = Said()
    assert find_run(tmp_path / "run", said) == tmp_path / "run"
    assert said.sentences == []


def test_validation_chooses_and_test_images_do_not(tmp_path: Path) -> None:
    folder = comparison(
        tmp_path / "all", a=judged(0.8, 0.5, 0.9), b=judged(0.9, 0.4, 0.7), c=judged(0.9, 0.3, 0.6), d=None
    )
    said = Said()
    assert find_run(folder, said) == folder / "c"
    assert said.sentences == [f"{folder} is a comparison; its best run by validation is c (accuracy 0.9000)"]


def test_a_search_for_the_best_is_its_final(tmp_path: Path) -> None:
    (tmp_path / "search").mkdir()
    final = comparison(tmp_path / "search" / "final", a=judged(0.8, 0.5, 0.9))
    assert find_run(tmp_path / "search", Silent()) == final / "a"


def test_a_folder_of_comparisons_names_one(tmp_path: Path) -> None:
    one = comparison(tmp_path / "one", a=judged(0.8, 0.5, 0.9))
    with pytest.raises(UsageError, match=rf"holds several runs; name one of them, such as {one}$"):
        find_run(tmp_path, Silent())


def test_what_chooses_no_run_names_what_to_do(tmp_path: Path) -> None:
    only_test = {"val": None, "test": {"accuracy": 0.9}}
    with pytest.raises(UsageError, match=rf"had no validation images.* such as {tmp_path}/blind/a"):
        find_run(comparison(tmp_path / "blind", a=only_test, b=only_test), Silent())
    with pytest.raises(SadariError, match="is finished; go on with the command that began it and --out"):
        find_run(comparison(tmp_path / "begun", a=None), Silent())
    with pytest.raises(UsageError, match=rf"holds several runs; name one of them, such as {tmp_path}/begun/a"):
        (tmp_path / "begun" / "comparison.toml").unlink()
        find_run(tmp_path / "begun", Silent())
    with pytest.raises(UsageError, match="; name a folder that `sadari train` or `sadari compare` made"):
        find_run(tmp_path / "nothing", Silent())


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compared") / "two"
    public.compare("digits", ["majority", "softmax"], seeds=1, epochs=2, out=folder, tensorboard="off")
    return folder


SAID = "its best run by validation is softmax-seed0 (accuracy 0."


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("resume", "RUN"), "softmax on digits"),
        (("evaluate", "RUN"), "digits test   359 images"),
        (("evaluate", "RUN", "digits", "--json"), "/softmax-seed0"),
        (("explain", "RUN"), "/softmax-seed0 "),
        (("explain", "RUN", "IMAGE"), "/softmax-seed0/explain"),
        (("export", "RUN", "--to", "safetensors"), "softmax-seed0-safetensors"),
        (("predict", "RUN", "picture.png"), "picture.png"),
        (("predict", "RUN", "picture.png", "--json"), "picture.png"),
    ],
)
def test_every_command_takes_the_best_run_and_says_so_once(
    words: tuple[str, ...], part: str, sadari: Terminal, compared: Path
) -> None:
    Image.new("L", (8, 8), 128).save("picture.png")
    an_id = str(public.reopen(compared).records["softmax"][0].predictions.ids[0])
    answer = sadari(*(word.replace("RUN", str(compared)).replace("IMAGE", an_id) for word in words))
    assert answer.status == 0, answer.err
    assert (answer.err.count(SAID), answer.out.count(SAID)) == (1, 0)
    assert part in answer.out


def test_python_takes_it_too(compared: Path) -> None:
    said = Said()
    assert Classifier.open(compared, progress=said).path.name == "softmax-seed0"
    assert public.export(compared, "safetensors", out=compared.parent / "exported", progress=said).path.is_dir()
    assert len(said.sentences) == 2


def test_a_comparison_that_is_not_finished_is_not_one_run_to_resume(sadari: Terminal, tmp_path: Path) -> None:
    comparison(tmp_path / "some", a=judged(0.8, 0.5, 0.9), b=None)
    answer = sadari("resume", "some")
    assert answer.status == 2
    assert answer.err == (
        "error: 'some' is a comparison with unfinished runs; go on with the command that began it and --out some, "
        "or with one run: sadari resume some/b\n"
    )
