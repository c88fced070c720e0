"""Is a soup an arm like any other: one network, chosen on validation images, of runs whose weights have a mean?"""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from sadari.api import runs
from sadari.comparison.command import command_of
from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.plan import plan_comparison
from sadari.comparison.reopen import reopen
from sadari.comparison.request import Comparison
from sadari.comparison.study import read_study
from sadari.errors import SadariError, UsageError
from sadari.evaluation.greedy import choose_soup
from sadari.evaluation.metrics import score
from sadari.files import read_json, write_json
from sadari.inference.evaluate import evaluate
from sadari.inference.members import Ensemble
from sadari.job import Job
from sadari.run import RunRecord
from sadari.run_files import write_predictions
from sadari.run_lookup import find_run
from sadari.settings import Value
from sadari.training.train import train
from support.backbones import SIDE, SMALL
from support.jobs import QUIET, Listener, arrays_file, named_arm, patterns
from support.terminal import Terminal

NAME, FOLDER = "soup of fine-tune", "soup-of-fine-tune-seed0"
FITTED: dict[str, Value] = {
    **QUIET, "epochs": 1, "backbone": SMALL, "weights": "random:3", "image_size": SIDE, "class_layer": "logistic",
}  # fmt: skip
PLANNED: dict[str, Value] = {key: FITTED[key] for key in ("threads", "device", "epochs")}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return arrays_file(tmp_path_factory.mktemp("data"), patterns(side=SIDE))


def asked(
    data: str, seeds: tuple[int, ...] = (0, 1), soups: tuple[str, ...] = ("fine-tune",), **more: Any
) -> Comparison:
    arms = (named_arm("fine-tune", "fine-tune", {**FITTED, **more}), named_arm("majority", "majority"))
    return Comparison(data, arms, seeds, soups=soups)


@pytest.fixture(scope="module")
def made(data: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished comparison of a fine-tuned network with two seeds, its soup, and the majority."""
    return compare(asked(data), out=tmp_path_factory.mktemp("soup") / "made", executor=SerialExecutor()).out


@pytest.fixture
def copied(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copy"))


def trained_already(job: Job, out: Path, **options: Any) -> RunRecord:
    assert RunRecord(out).finished, "a finished run was trained again"
    return train(job, out, **options)


def again(request: Comparison, out: Path, **options: Any) -> Any:
    return compare(request, out=out, executor=SerialExecutor(trained_already), **options)


def spoil(run: Path) -> None:
    """Negate the weights of a run, and store that its validation loss is bad."""
    path, scores = run / "model.safetensors", read_json(run / "scores.json")
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    save_file({name: -each for name, each in load_file(path).items()}, path, metadata)
    scores["scores"]["val"]["loss"] = 99.0
    write_json(run / "scores.json", scores)


# which runs, and what it is


def test_runs_are_taken_in_while_the_mean_becomes_better() -> None:
    losses = {("a",): 0.5, ("a", "b"): 0.6, ("a", "c"): 0.4, ("a", "c", "d"): 0.4}
    assert choose_soup(["a", "b", "c", "d"], losses.__getitem__) == ("a", "c")
    assert choose_soup(["a"], lambda _: 1.0) == ("a",)


def test_its_weights_are_the_mean_of_those_that_were_chosen(made: Path) -> None:
    soup = RunRecord(made / FOLDER)
    weights = Ensemble.read(soup).weights
    states = [load_file(made / f"fine-tune-{name.replace(' ', '')}" / "model.safetensors") for name in weights]
    for name, tensor in load_file(soup.path / "model.safetensors").items():
        mean = torch.stack([each[name].double() for each in states]).sum(dim=0) / len(states)
        torch.testing.assert_close(tensor, mean.to(tensor.dtype), rtol=0, atol=0)


def test_it_is_one_network_that_is_judged_as_it_predicts(made: Path) -> None:
    soup, one = RunRecord(made / FOLDER), RunRecord(made / "fine-tune-seed0")
    assert soup.summary["params"] == one.summary["params"] and soup.summary["epochs"] == 0
    for split_name in ("val", "test"):
        judged = evaluate(soup, split_name=split_name)
        assert soup.scores(split_name)["loss"] == pytest.approx(score(judged).values["loss"], rel=1e-5)
    assert soup.scores("val")["loss"] <= min(
        RunRecord(made / f"fine-tune-seed{seed}").scores("val")["loss"] + 1e-5 for seed in (0, 1)
    )


def test_it_is_an_arm_of_the_table_and_of_the_verdicts(made: Path) -> None:
    result = reopen([made])
    (arm,) = (each for each in result.arms if each.name == NAME)
    assert (arm.seeds, arm.diagnosis, arm.train_accuracy) == ((0,), None, None)
    assert arm.mixture.startswith(f"{NAME} = ") and "seed" in arm.mixture
    assert sum(NAME in (each.a, each.b) for each in result.verdicts) == 2
    assert read_json(made / "comparison.json")["arms"] == result.document()["arms"]


def test_the_images_that_judge_choose_nothing(data: str, copied: Path) -> None:
    before = Ensemble.read(RunRecord(copied / FOLDER)).weights
    for path in copied.glob("fine-tune-seed*/predictions.csv"):
        predictions = RunRecord(path.parent).predictions
        write_predictions(path, replace(predictions, probabilities=np.roll(predictions.probabilities, 1, axis=1)))
    shutil.rmtree(copied / FOLDER)
    again(asked(data), copied)
    assert Ensemble.read(RunRecord(copied / FOLDER)).weights == before


def test_a_run_that_makes_it_worse_is_left_out(data: str, copied: Path) -> None:
    spoil(copied / "fine-tune-seed1")
    again(asked(data), copied)
    soup = copied / FOLDER
    assert Ensemble.read(RunRecord(soup)).weights == {"seed 0": 1.0}
    assert (soup / "model.safetensors").read_bytes() == (copied / "fine-tune-seed0" / "model.safetensors").read_bytes()


def test_it_leaves_as_one_network(made: Path, tmp_path: Path, sadari: Terminal) -> None:
    exported = runs.export(made / FOLDER, out=tmp_path / "soup.onnx")
    assert exported.parity is not None and exported.parity.differing == 0
    metadata = {each.key: each.value for each in onnx.load(exported.path).metadata_props}
    assert metadata["model"] == "fine-tune" and "seed" in metadata["members"]
    assert "fine-tune" in sadari("resume", str(made / FOLDER)).out
    joined = reopen([made / "fine-tune-seed0", made / FOLDER])
    assert len(joined.arms) == 2 and "of seeds 0, 1, by sadari compare --soup" in joined.command


# when it is made again


def test_it_is_made_anew_only_where_its_runs_changed(data: str, copied: Path) -> None:
    model = copied / FOLDER / "model.safetensors"
    before = (model.stat().st_mtime_ns, model.read_bytes())
    again(asked(data), copied)
    assert (model.stat().st_mtime_ns, model.read_bytes()) == before
    (copied / FOLDER / "soup.json").write_text("{}", encoding="utf-8")
    with pytest.raises(SadariError, match=r"soup\.json: it is damaged"):
        reopen([copied])
    again(asked(data), copied)
    assert model.read_bytes() == before[1] and model.stat().st_mtime_ns != before[0]


def test_runs_lose_it_and_get_it_back_without_training(data: str, copied: Path) -> None:
    again(asked(data, soups=()), copied)
    assert NAME not in [arm.name for arm in reopen([copied]).arms] and not list(copied.glob("*former*"))
    assert find_run(copied, Listener()).name != FOLDER
    assert NAME in [arm.name for arm in again(asked(data), copied).arms]


def test_a_failed_run_is_left_out_and_one_is_no_soup(data: str, tmp_path: Path) -> None:
    def failing(job: Job, out: Path, **options: Any) -> RunRecord:
        if out.name == "fine-tune-seed1":
            raise SadariError("it diverged")
        return train(job, out, **options)

    progress = Listener()
    result = compare(asked(data), out=tmp_path / "out", executor=SerialExecutor(failing), progress=progress)
    assert f"{NAME} is made without seed 1, whose run failed" in progress.said
    (arm,) = (each for each in result.arms if each.name == NAME)
    assert arm.reason == "seed 0: only seed 0 of fine-tune has finished, and a soup averages at least 2 runs"


# what has no mean, and how it is asked for


@pytest.mark.parametrize(
    ("model", "more", "says"),
    [
        (
            "majority",
            {},
            "no soup of majority, which a solver fits: its seeds give equal runs; a soup averages",
        ),
        ("linear-probe", {}, "which a solver fits"),
        ("mlp", {}, "which begins with other random weights for each seed"),
        ("fine-tune", {"weights": "random"}, "which begins with other random weights for each seed"),
        ("fine-tune", {"class_layer": "random"}, "unless class_layer=logistic is set"),
        ("vgg16", {"weights": "random:1"}, "which has layers behind its backbone"),
    ],
)
def test_what_has_no_mean_is_refused_in_one_sentence(model: str, more: dict[str, Value], says: str, data: str) -> None:
    overrides = (
        {**more} if model in ("majority", "mlp", "vgg16") else {"backbone": SMALL, "weights": "random:1", **more}
    )
    with pytest.raises(UsageError, match=says):
        plan_comparison(data, [model], seeds=(0, 1), varied={}, overrides=overrides, soup=True)


def test_one_seed_no_validation_and_best_have_no_soup(data: str, tmp_path: Path) -> None:
    overrides = {"backbone": SMALL, "weights": "random:1", "class_layer": "logistic"}
    with pytest.raises(UsageError, match="at least two seeds, and there is only one; set --seeds 2"):
        plan_comparison(data, ["fine-tune"], seeds=(0,), varied={}, overrides=overrides, soup=True)
    with pytest.raises(UsageError, match="a soup averages models that are named, not best"):
        plan_comparison(data, ["best"], seeds=(0, 1), varied={}, overrides={}, budget="10m", soup=True)
    with pytest.raises(UsageError, match="there are none; set val_fraction above 0"):
        request = asked("digits", val_fraction=0.0)
        compare(replace(request, arms=request.arms[:1]), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_arms_without_a_soup_are_said_and_the_command_asks_for_it(data: str, tmp_path: Path) -> None:
    progress = Listener()
    overrides = {"backbone": SMALL, "weights": "random:1", "class_layer": "logistic"}
    plan = plan_comparison(
        data, ["majority", "fine-tune"], seeds=(0, 1), varied={}, overrides=overrides, soup=True, progress=progress
    )
    assert isinstance(plan.request, Comparison) and plan.request.soups == ("fine-tune",)
    assert "there is no soup of majority, which a solver fits: its seeds give equal runs" in progress.said
    assert command_of(plan.request).endswith(" --soup")
    path = tmp_path / "study.toml"
    text = f'data = "{data}"\nseeds = 2\nsoup = true\n[settings]\nclass_layer = "logistic"\n'
    text += '[[arms]]\nmodel = "fine-tune"\n'
    path.write_text(f'{text}settings = {{ backbone = "{SMALL}", weights = "random:1" }}\n', encoding="utf-8")
    assert read_study(path).request.soups == ("fine-tune",)
    path.write_text(text.replace("soup = true", "soup = 3"), encoding="utf-8")
    with pytest.raises(UsageError, match="`soup` is true or false, not 3"):
        read_study(path)
