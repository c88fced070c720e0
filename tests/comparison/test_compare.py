"""Does a comparison do every job once, keep every row, and judge all arms on the same images?"""

import json
import shutil
from dataclasses import Field, fields, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.inputs import images_key, load_inputs
from sadari.comparison.request import Comparison
from sadari.comparison.result import ComparisonResult
from sadari.comparison.variants import folder_name, parse_vary
from sadari.data.load import load
from sadari.data.packs.provide import LOAD_SETTINGS, Wanted
from sadari.data.sources.digits import DigitsSource
from sadari.errors import SadariError, UsageError
from sadari.progress import Silent
from sadari.run import RunRecord
from sadari.settings import Settings, Value, with_overrides
from support.fake_training import FakeTrainer
from support.jobs import Listener, named_arm, named_arms


def request(*models: str, seeds: int = 2, **overrides: Value) -> Comparison:
    arms, _ = named_arms(models or ("softmax", "mlp"), {}, overrides)
    return Comparison("digits", arms, tuple(range(seeds)))


def run(asked: Comparison, tmp_path: Path, trainer: FakeTrainer, out: Path | None = None) -> ComparisonResult:
    return compare(asked, out=out, runs=tmp_path / "runs", executor=SerialExecutor(trainer))


# which arms


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("dropout=0:0.9:0.1", ["0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9"]),
        ("batch_size=32:100:32", ["32", "64", "96"]),
        ("learning_rate=1e-3:3e-3:1e-3", ["0.001", "0.002", "0.003"]),
        ("epochs=100:100:10", ["100"]),
        ("optimizer=sgd, adadelta", ["sgd", "adadelta"]),
        ("device=cuda:1", ["cuda:1"]),
        ('augment="rotate 30, flip",zoom 0.1', ["rotate 30, flip", "zoom 0.1"]),
        ('augment="rotate 30, flip"', ["rotate 30, flip"]),
        ('augment="","0:1:0.1"', ["", "0:1:0.1"]),
        ("augment=rotate 30,flip", ["rotate 30", "flip"]),
    ],
)
def test_vary_reads_lists_and_ranges(text: str, values: list[str]) -> None:
    assert parse_vary([text]) == {text.partition("=")[0]: values}


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["dropout"], "key=v1,v2"),
        (["dropout="], "key=v1,v2"),
        (["=1"], "key=v1,v2"),
        (["a=1", "a=2"], "twice"),
        (["a=1,,2"], "empty value"),
        (["a=1,1"], "twice"),
        (["augment=rotate 30, flip"], "one value or several; put each one into double quotes"),
        (['a="1'], "quote out of place"),
        (['a=1"2"'], "quote out of place"),
        (["a=0:1:0"], "no values"),
        (["a=1:0:0.1"], "no values"),
        (["a=0:1:1e-9"], "are the most"),
    ],
)
def test_a_wrong_vary_is_refused(texts: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_vary(texts)


def test_models_times_values_have_names_and_settings() -> None:
    arms, sentences = named_arms(
        ["a3-cnn"], {"dropout": ["0", "0.5"], "optimizer": ["sgd", "adadelta"]}, {"epochs": "3"}
    )
    assert [arm.name for arm in arms] == [
        "a3-cnn dropout=0 optimizer=sgd",
        "a3-cnn dropout=0 optimizer=adadelta",
        "a3-cnn dropout=0.5 optimizer=sgd",
        "a3-cnn dropout=0.5 optimizer=adadelta",
    ]
    assert arms[2].overrides == {"epochs": "3", "dropout": "0.5", "optimizer": "sgd"}
    assert sentences == ()


def test_a_model_without_the_varied_key_runs_once_and_the_user_is_told() -> None:
    arms, sentences = named_arms(["majority", "mlp", "lstm"], {"dropout": ["0.1", "0.2"]}, {})
    assert [arm.name for arm in arms] == ["majority", "mlp", "lstm dropout=0.1", "lstm dropout=0.2"]
    [sentence] = sentences
    assert "majority, mlp have no use for it" in sentence


def test_a_setting_of_the_engine_does_not_multiply_classical_models() -> None:
    arms, _ = named_arms(["logistic", "mlp"], {"optimizer": ["sgd", "adam"]}, {})
    assert [arm.name for arm in arms] == ["logistic", "mlp optimizer=sgd", "mlp optimizer=adam"]
    arms, _ = named_arms(["logistic", "majority"], {"scaling": ["unit", "pixel"]}, {})
    assert [arm.name for arm in arms] == ["logistic scaling=unit", "logistic scaling=pixel", "majority"]


def test_a_variable_is_set_where_there_is_one() -> None:
    arms, sentences = named_arms(["mlp", "lstm"], {}, {"dropout": "0.3"})
    assert [arm.overrides for arm in arms] == [{}, {"dropout": "0.3"}]
    assert sentences == ("dropout is set; not for mlp, which lacks it",)


def test_a_setting_of_networks_is_not_for_classical_models() -> None:
    arms, sentences = named_arms(["majority", "sgd", "mlp"], {}, {"class_weights": "balanced", "val_fraction": "0.3"})
    given = {"val_fraction": "0.3"}
    assert [arm.overrides for arm in arms] == [given, given, {"class_weights": "balanced", **given}]
    assert sentences == ("class_weights is set; not for majority, sgd, which lack it",)


@pytest.mark.parametrize(
    ("models", "varied", "overrides", "says"),
    [
        (["mlp"], {"dropuot": ["1"]}, {}, "unknown setting 'dropuot'"),
        (["lstm"], {"dropuot": ["1"]}, {}, "did you mean 'dropout'"),
        (["mlp"], {}, {"epoch": "1"}, "did you mean 'epochs'"),
        (["clstm"], {}, {}, "unknown model"),
        (["mlp", "mlp"], {}, {}, "twice"),
        (["mlp"], {"epochs": ["1"]}, {"epochs": "2"}, "both set and varied"),
        (["mlp"], {"learning_rate": ["0.1", "0.10"]}, {}, "varied over 0.1 and 0.10, which are equal"),
        (["lstm"], {"dropout": ["0.5", "1e-1", "0.1"]}, {}, "varied over 1e-1 and 0.1, which are equal"),
        (["mlp"], {"restore_best": ["true", "True"]}, {}, "which are equal"),
        (["logistic"], {"optimizer": ["sgd", "adam"]}, {}, "changes nothing for logistic"),
    ],
)
def test_wrong_arms_are_refused(
    models: list[str], varied: dict[str, list[str]], overrides: dict[str, Value], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        named_arms(models, varied, overrides)


def test_arms_whose_folders_would_be_one_are_refused() -> None:
    arms = (named_arm("a b", "mlp"), named_arm("a/b", "mlp"))
    with pytest.raises(UsageError, match="twice"):
        Comparison("digits", arms, (0,))


@pytest.mark.parametrize("name", ["../../etc", "a b/c", ".hidden", "", "ünï"])
def test_a_folder_name_stays_one_folder(name: str) -> None:
    folder = folder_name(name, 3)
    assert folder.endswith("-seed3")
    assert "/" not in folder and not folder.startswith(".")


def test_seeds_are_different_and_there() -> None:
    with pytest.raises(UsageError, match="at least one model"):
        Comparison("digits", (), (0,))
    with pytest.raises(UsageError, match="different whole numbers"):
        Comparison("digits", (named_arm("mlp", "mlp"),), (1, 1))


# what is left on disk


def test_every_arm_runs_with_every_seed_and_the_table_is_sorted(tmp_path: Path) -> None:
    trainer = FakeTrainer()
    result = run(request("softmax", "majority", "mlp", seeds=3), tmp_path, trainer)
    assert [(job.model.name, job.seed) for job in trainer.calls] == [
        (model, seed) for model in ("softmax", "majority", "mlp") for seed in range(3)
    ]
    assert [arm.name for arm in result.arms] == ["mlp", "softmax", "majority"]
    assert result.out == tmp_path / "runs" / "digits-compare-1"
    best = result.arms[0]
    assert best.status == "done" and best.reason == ""
    assert best.seeds == (0, 1, 2)
    assert best.runs == tuple(str(result.out / f"mlp-seed{seed}") for seed in range(3))
    assert best.accuracy is not None
    assert best.accuracy.low < best.accuracy.mean < best.accuracy.high


def test_the_row_is_the_mean_over_the_runs(tmp_path: Path) -> None:
    result = run(request("mlp", seeds=3), tmp_path, FakeTrainer())
    [arm] = result.arms
    summaries = [RunRecord.open(path).summary for path in arm.runs]
    accuracies = [each["scores"]["test"]["accuracy"] for each in summaries]
    assert arm.accuracy is not None and arm.train_accuracy is not None
    assert arm.accuracy.mean == pytest.approx(np.mean(accuracies))
    assert arm.accuracy.sd == pytest.approx(np.std(accuracies, ddof=1))
    assert arm.macro_f1 == pytest.approx(np.mean([each["scores"]["test"]["macro_f1"] for each in summaries]))
    assert arm.loss == pytest.approx(np.mean([each["scores"]["test"]["loss"] for each in summaries]))
    assert arm.val_accuracy == pytest.approx(np.mean([each["scores"]["val"]["accuracy"] for each in summaries]))
    assert arm.gap == pytest.approx(arm.train_accuracy - arm.accuracy.mean)
    assert (arm.params, arm.seconds, arm.images_per_second) == (1000, 3.0, 1234.0)


def test_every_job_gets_the_one_stored_split(tmp_path: Path) -> None:
    trainer = FakeTrainer()
    result = run(request("softmax", "mlp"), tmp_path, trainer)
    stored = RunRecord(result.out).split
    for split in trainer.splits:
        assert np.array_equal(split.test, stored.test)
        assert np.array_equal(split.val, stored.val)
        assert np.array_equal(split.train, stored.train)


def test_a_stored_split_has_the_last_word(tmp_path: Path) -> None:
    first = run(request("softmax"), tmp_path, FakeTrainer())
    trainer = FakeTrainer()
    other = first.split
    from sadari.run_files import write_split
    from sadari.values import Split

    write_split(first.out / "split.npz", Split(other.val, other.train, other.test, "exchanged"))
    run(request("softmax", "mlp"), tmp_path, trainer, out=first.out)
    assert all(np.array_equal(split.train, other.val) for split in trainer.splits)


def test_a_stored_split_stays_with_the_arms_that_draw_like_it(tmp_path: Path) -> None:
    few, many = (named_arm(str(fraction), "softmax", {"val_fraction": fraction}) for fraction in (0.1, 0.3))
    first = run(Comparison("digits", (few,), (0,)), tmp_path, FakeTrainer())
    run(Comparison("digits", (many, few), (0,)), tmp_path, FakeTrainer(), out=first.out)
    sizes = {name: len(RunRecord(first.out / f"{name}-seed0").split.val) for name in ("0.1", "0.3")}
    assert sizes["0.1"] == len(first.split.val)
    assert sizes["0.3"] == pytest.approx(3 * sizes["0.1"], abs=3)


@pytest.mark.parametrize(("splits", "says"), [(("train", "val"), "chose each model"), (("train",), "training images")])
def test_figures_without_test_images_are_called_what_they_are(
    splits: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 2, 2), dtype=np.uint8)
    labels = np.arange(40) % 2
    arrays: dict[str, Any] = {f"X_{name}": images for name in splits} | {f"y_{name}": labels for name in splits}
    np.savez(tmp_path / "given.npz", **arrays)
    none = {"test_fraction": 0.0, "val_fraction": 0.0}
    asked = Comparison(str(tmp_path / "given.npz"), (named_arm("softmax", "softmax", none),), (0,))
    result = run(asked, tmp_path, FakeTrainer())
    assert result.data.judged_on == splits[-1]
    assert says in result.data.sentences[0]


def test_arms_may_differ_in_validation_but_not_in_the_test(tmp_path: Path) -> None:
    arms = (named_arm("all", "softmax", {"val_fraction": 0.0}), named_arm("part", "mlp", {"val_fraction": 0.2}))
    trainer = FakeTrainer()
    result = run(Comparison("digits", arms, (0,)), tmp_path, trainer)
    assert [len(split.val) for split in trainer.splits] == [0, 288]
    assert next(arm for arm in result.arms if arm.name == "all").val_accuracy is None
    assert len(result.verdicts) == 1
    arms = (named_arm("a", "softmax", {"test_fraction": 0.1}), named_arm("b", "mlp"))
    with pytest.raises(UsageError, match="a and b would be judged on different images"):
        run(Comparison("digits", arms, (0,)), tmp_path, trainer)


def test_the_document_is_the_promised_one(tmp_path: Path) -> None:
    result = run(request("softmax", "mlp"), tmp_path, FakeTrainer())
    document = json.loads((result.out / "comparison.json").read_text())
    assert document == json.loads(json.dumps(result.document()))
    assert {"out", "report", "data", "arms", "verdicts"} <= set(document)
    assert document["out"] == str(result.out)
    assert document["data"] == "digits"
    promised = {
        "name", "model", "settings", "status", "reason", "params", "seeds", "accuracy", "val_accuracy",
        "train_accuracy", "gap", "macro_f1", "loss", "seconds", "images_per_second", "runs",
    }  # fmt: skip
    for arm in document["arms"]:
        assert promised <= set(arm)
        assert set(arm["accuracy"]) == {"mean", "sd", "low", "high"}
    [found] = document["verdicts"]
    assert {"a", "b", "difference", "low", "high", "p", "verdict"} <= set(found)
    assert (found["a"], found["b"], found["verdict"]) == ("mlp", "softmax", "better")


def test_settings_of_a_row_are_what_differs_from_the_defaults(tmp_path: Path) -> None:
    arms, _ = named_arms(["mlp"], {"optimizer": ["sgd"]}, {"epochs": "3"})
    result = run(Comparison("digits", arms, (0,)), tmp_path, FakeTrainer())
    assert result.arms[0].settings == {"epochs": 3, "optimizer": "sgd"}


def test_frames_hold_the_rows_and_the_histories(tmp_path: Path) -> None:
    result = run(request("softmax", "mlp", epochs="4"), tmp_path, FakeTrainer())
    frame = result.to_frame()
    assert list(frame["name"]) == ["mlp", "softmax"]
    assert (frame["low"] < frame["accuracy"]).all() and (frame["accuracy"] < frame["high"]).all()
    histories = result.histories()
    assert len(histories) == 2 * 2 * 4
    assert set(histories.columns) >= {"arm", "seed", "epoch", "train_loss", "val_accuracy"}


def test_frames_keep_a_model_that_failed(tmp_path: Path) -> None:
    result = run(request("softmax", "mlp"), tmp_path, FakeTrainer(fails={"mlp": SadariError("diverged")}))
    frame = result.to_frame().set_index("name")
    assert frame.loc["mlp", "status"] == "failed"
    assert bool(frame["accuracy"].isna()["mlp"])


# going on


def test_the_same_request_runs_nothing_again(tmp_path: Path) -> None:
    first = run(request(), tmp_path, FakeTrainer())
    again = FakeTrainer()
    second = run(request(), tmp_path, again)
    assert again.calls == []
    assert second.out == first.out
    assert second.document() == first.document()


def test_an_interrupted_comparison_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(request(), tmp_path, FakeTrainer(fails={"mlp": KeyboardInterrupt()}))
    again = FakeTrainer()
    result = run(request(), tmp_path, again)
    assert [job.model.name for job in again.calls] == ["mlp", "mlp"]
    assert result.out.name == "digits-compare-1"
    assert {arm.status for arm in result.arms} == {"done"}


def test_another_request_gets_the_next_folder_where_the_name_looks_like_a_pattern(
    tmp_path: Path,
) -> None:
    data = tmp_path / "photos [1].npz"
    np.savez(data, X=np.arange(40, dtype=np.uint8).reshape(40, 1, 1), y=np.arange(40) % 2)
    first, second = (replace(request("softmax", epochs=epochs), data=str(data)) for epochs in ("1", "2"))
    names = [run(asked, tmp_path, FakeTrainer()).out.name for asked in (first, second, first)]
    assert names == [f"photos [1]-compare-{number}" for number in (1, 2, 1)]


def test_a_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SadariError, match=r"cannot write to '.*file/out': Not a directory; choose another --out"):
        run(request(), tmp_path, FakeTrainer(), tmp_path / "file" / "out")


def test_another_request_gets_the_next_folder(tmp_path: Path) -> None:
    names = [
        run(asked, tmp_path, FakeTrainer()).out.name
        for asked in (request(), request(epochs="2"), request(seeds=3), request("mlp"), request(seeds=1))
    ]
    assert names == [f"digits-compare-{number}" for number in (1, 2, 1, 3, 4)]  # three seeds go on with two


def test_a_given_folder_takes_the_same_request_or_more(tmp_path: Path) -> None:
    out = tmp_path / "mine"
    run(request("softmax", seeds=1), tmp_path, FakeTrainer(), out)
    more = FakeTrainer()
    result = run(request("softmax", "mlp", seeds=2), tmp_path, more, out)
    assert [(job.model.name, job.seed) for job in more.calls] == [("softmax", 1), ("mlp", 0), ("mlp", 1)]
    assert len(result.arms) == 2
    for other in (request("mlp"), request("softmax", "mlp", seeds=2, epochs="3"), request("softmax", "mlp", seeds=1)):
        with pytest.raises(UsageError, match="holds a comparison of other"):
            run(other, tmp_path, FakeTrainer(), out)


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("dear")
    with pytest.raises(UsageError, match="not empty and holds no comparison"):
        run(request(), tmp_path, FakeTrainer(), tmp_path / "letters")
    with pytest.raises(UsageError, match="is a file"):
        run(request(), tmp_path, FakeTrainer(), tmp_path / "letters" / "dear.txt")
    with pytest.raises(SadariError, match="File name too long; choose another --out"):
        run(request(), tmp_path, FakeTrainer(), tmp_path / ("a" * 300))
    assert [path.name for path in (tmp_path / "letters").iterdir()] == ["dear.txt"]


def test_a_damaged_request_does_not_stop_a_new_comparison(tmp_path: Path) -> None:
    first = run(request(), tmp_path, FakeTrainer())
    (first.out / "comparison.toml").write_text("data = ")
    assert run(request(), tmp_path, FakeTrainer()).out.name == "digits-compare-2"


def test_changed_images_are_another_comparison(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    path = tmp_path / "set.npz"

    def write() -> None:
        images = generator.integers(0, 256, size=(60, 6, 6), dtype=np.uint8)
        np.savez(path, X=images, y=np.arange(60) % 3)

    write()
    asked = Comparison(str(path), (named_arm("mlp", "mlp"),), (0,))
    first = run(asked, tmp_path, FakeTrainer())
    assert run(asked, tmp_path, FakeTrainer()).out == first.out
    write()
    assert run(asked, tmp_path, FakeTrainer()).out.name == "set-compare-2"


def test_a_changed_network_file_is_another_comparison(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('layers = "flatten, dense 8"')

    class Named(FakeTrainer):
        pass

    trainer = Named()
    trainer.fails = {"mine": SadariError("not now")}

    def asked() -> Comparison:
        return Comparison("digits", named_arms([str(path)], {}, {})[0], (0,))

    first = asked()
    assert [arm.name for arm in first.arms] == ["mine"]
    assert run(first, tmp_path, trainer).out.name == "digits-compare-1"
    path.write_text('layers = "flatten, dense 9"')
    assert run(first, tmp_path, trainer).out.name == "digits-compare-1", "a request holds the layers that it began with"
    assert run(asked(), tmp_path, trainer).out.name == "digits-compare-2"


# what goes wrong


def test_a_failing_model_keeps_its_row_and_the_others_go_on(tmp_path: Path) -> None:
    progress = Listener()
    trainer = FakeTrainer(fails={"softmax": SadariError("the loss is no longer a number")})
    result = compare(request("softmax", "mlp"), runs=tmp_path, executor=SerialExecutor(trainer), progress=progress)
    good, bad = result.arms
    assert (good.name, good.status) == ("mlp", "done")
    assert (bad.name, bad.status, bad.accuracy, bad.seeds) == ("softmax", "failed", None, ())
    assert bad.reason == "seed 0: the loss is no longer a number; seed 1: the loss is no longer a number"
    assert result.verdicts == ()
    assert any("softmax seed 0" in sentence and "no longer a number" in sentence for sentence in progress.said)


def test_a_mistake_of_ours_in_one_arm_does_not_take_the_table(tmp_path: Path) -> None:
    result = run(request(), tmp_path, FakeTrainer(fails={"mlp": RuntimeError("shapes")}))
    assert [arm.status for arm in result.arms] == ["done", "failed"]
    assert "RuntimeError: shapes" in result.arms[1].reason


def test_one_failed_seed_marks_the_arm_and_takes_it_out_of_the_verdicts(tmp_path: Path) -> None:
    class SecondSeedFails(FakeTrainer):
        def __call__(self, job, out, **rest):  # type: ignore[no-untyped-def]
            if (job.model.name, job.seed) == ("mlp", 1):
                raise SadariError("memory ran out")
            return super().__call__(job, out, **rest)

    result = run(request("softmax", "mlp", "majority"), tmp_path, SecondSeedFails())
    assert [(arm.name, arm.status) for arm in result.arms] == [
        ("softmax", "done"),
        ("majority", "done"),
        ("mlp", "failed"),
    ]
    failed = result.arms[2]
    assert failed.seeds == (0,) and failed.accuracy is not None
    assert {each for verdict in result.verdicts for each in (verdict.a, verdict.b)} == {"softmax", "majority"}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (
            Comparison("digits", (named_arm("mlp", "mlp"), named_arm("x", "mlp", {"epochs": "many"})), (0,)),
            "whole number",
        ),
        (Comparison("digits", (named_arm("mlp", "mlp"), named_arm("deep", "a4-first")), (0,)), "deep: layer"),
        (
            Comparison("digits", (named_arm("mlp", "mlp"), named_arm("x", "mlp", {"augment": "twist"})), (0,)),
            "x: .*twist",
        ),
        (Comparison("digitz", (named_arm("mlp", "mlp"),), (0,)), "did you mean 'digits'"),
        (Comparison("digits", (named_arm("x", "mlp", {"device": "tpu"}),), (0,)), "device"),
    ],
    ids=["setting", "layers", "augmentation", "data", "device"],
)
def test_what_can_be_known_before_is_refused_before_any_job(asked: Comparison, says: str, tmp_path: Path) -> None:
    trainer = FakeTrainer()
    with pytest.raises(UsageError, match=says):
        run(asked, tmp_path, trainer)
    assert trainer.calls == []
    assert not (tmp_path / "runs").exists()


# a worse result never replaces a better one


def test_a_result_that_loses_runs_leaves_the_former_one_beside_it(tmp_path: Path) -> None:
    out, heard = tmp_path / "kept", Listener()
    run(request(), tmp_path, FakeTrainer(), out)
    (out / "report.html").write_text("the page about all runs", encoding="utf-8")
    (out / folder_name("mlp", 1) / "scores.json").unlink()
    failing = SerialExecutor(FakeTrainer(fails={"mlp": SadariError("its weights are gone")}))
    for _ in range(2):
        worse = compare(request(), out=out, executor=failing, progress=heard)
    assert [arm.seeds for arm in worse.arms] == [(0, 1), (0,)]
    former = json.loads((out / "comparison-former.json").read_text())
    assert [arm["seeds"] for arm in former["arms"]] == [[0, 1], [0, 1]]
    assert (out / "report-former.html").read_text() == "the page about all runs"
    [said] = [each for each in heard.said if "former result" in each]
    assert said.startswith("mlp seed 1 had finished and cannot be used now")
    assert str(out / "comparison-former.json") in said and str(out / "report-former.html") in said
    assert not (out / "comparison-former-2.json").exists()


def test_two_former_results_both_stay(tmp_path: Path) -> None:
    out = tmp_path / "kept"
    for lost in ("mlp", "softmax"):
        run(request(), tmp_path, FakeTrainer(), out)
        (out / folder_name(lost, 0) / "scores.json").unlink()
        run(request(), tmp_path, FakeTrainer(fails={lost: SadariError("no")}), out)
    names = ["comparison-former-2.json", "comparison-former.json", "comparison.json"]
    assert sorted(path.name for path in out.glob("comparison*.json")) == names


def test_a_better_result_replaces_the_former_one(tmp_path: Path) -> None:
    out = tmp_path / "kept"
    run(request("mlp", seeds=1), tmp_path, FakeTrainer(), out)
    run(request("softmax", "mlp"), tmp_path, FakeTrainer(), out)
    assert [path.name for path in out.glob("comparison*.json")] == ["comparison.json"]


# folders


@pytest.mark.parametrize("name", ["가" * 90, "a" * 300, "가나" * 60 + "x", "é" * 200])
def test_a_name_that_is_too_long_for_a_disk_is_cut_with_a_digest(tmp_path: Path, name: str) -> None:
    folder = folder_name(name, 12)
    assert len(f".confusion-{folder}.svg.12345678.part".encode()) <= 255
    assert folder.endswith("-seed12") and folder != folder_name(f"{name}y", 12)
    (tmp_path / folder).mkdir()
    kept = "가" * 70
    assert folder_name(kept, 0) == f"{kept}-seed0"
    arms = (named_arm(name, "mlp"), named_arm(kept, "softmax"), named_arm(f"{name}y", "softmax"))
    heard = Listener()
    asked = Comparison("digits", arms, (0,))
    compare(asked, out=tmp_path / "out", executor=SerialExecutor(FakeTrainer()), progress=heard)
    said = [each for each in heard.said if "too long for a folder" in each]
    assert len(said) == 2 and name in said[0] and folder_name(name, 0) in said[0]
    assert (tmp_path / "out" / folder_name(name, 0)).is_dir()


def test_more_seeds_without_out_go_on_with_the_comparison_that_is_there(tmp_path: Path) -> None:
    trainer, heard = FakeTrainer(), Listener()
    first = run(request(seeds=2), tmp_path, trainer)
    other = run(request("softmax", seeds=2), tmp_path, trainer)
    assert other.out != first.out
    trainer.calls.clear()
    more = compare(request(seeds=3), runs=tmp_path / "runs", executor=SerialExecutor(trainer), progress=heard)
    assert more.out == first.out and [job.seed for job in trainer.calls] == [2, 2]
    assert f"{first.out} goes on: seeds 0, 1 are there" in heard.said
    fewer = run(request(seeds=1), tmp_path, trainer)
    assert fewer.out not in (first.out, other.out)
    again = run(request(seeds=2), tmp_path, trainer)
    assert again.out == fewer.out and not [each for each in heard.said if "goes on" in each][1:]


# which settings decide the images


def deep_photographs(folder: Path, tops: tuple[str, ...] = ("A", "B")) -> Path:
    """Write 16-bit grey photographs of two classes into each of the `tops`."""
    generator = np.random.default_rng(0)
    for top in tops:
        for name in ("cat", "dog"):
            (folder / top / name).mkdir(parents=True)
            for number in range(4):
                pixels = generator.integers(0, 1000, (8, 8), dtype=np.uint16)
                Image.fromarray(pixels).save(folder / top / name / f"{number}.png")
    return folder


def some_other(each: "Field[Any]") -> Value:
    """Return a value of the setting that is not its default."""
    named: dict[str, Value] = {
        "channels": 3, "split_folders": "none", "archive_encoding": "cp949", "device": "cpu", "augment": "flip",
        "teacher": "run",
    }  # fmt: skip
    if each.name in named:
        return named[each.name]
    default: Value = getattr(Settings(), each.name)
    choices: tuple[str, ...] = each.metadata["choices"]
    if choices:
        return next(choice for choice in choices if choice != default)
    if isinstance(default, bool):
        return not default
    assert isinstance(default, int | float)
    return default / 2 + 0.25 if isinstance(default, float) and default <= 1 else default + 3


@pytest.mark.parametrize("each", fields(Settings), ids=lambda each: each.name)
def test_settings_that_give_other_pixels_give_other_images_of_a_comparison(each: "Field[Any]") -> None:
    changed = with_overrides(Settings(), {each.name: some_other(each)})
    before, after = (
        Wanted("x", DigitsSource(), "f", settings, Silent(), DigitsSource) for settings in (Settings(), changed)
    )
    keys = images_key(Settings()) != images_key(changed)
    assert keys == (before.folder() != after.folder() or each.name == "stream")


class Watched(Settings):
    """Settings that note which of them are read."""

    read: ClassVar[set[str]] = set()

    def __getattribute__(self, name: str) -> Any:
        if name in Settings.__dataclass_fields__:
            Watched.read.add(name)
        return super().__getattribute__(name)


@pytest.mark.parametrize("form", ["folder", "zip", "npz"])
@pytest.mark.parametrize("stream", ["never", "always"])
def test_loading_reads_no_setting_that_a_comparison_does_not_know(form: str, stream: str, tmp_path: Path) -> None:
    folder = deep_photographs(tmp_path / "set")
    data = folder if form == "folder" else folder.with_suffix(f".{form}")
    if form == "zip":
        shutil.make_archive(str(folder), "zip", folder)
    if form == "npz":
        deep = np.arange(8 * 4, dtype=np.uint16).reshape(8, 2, 2)
        np.savez(data, X_train=deep, y_train=np.arange(8) % 2)
        stream = "never"
    settings = Watched(split_folders="auto" if form == "npz" else "train=A test=B", stream=stream)
    Watched.read.clear()
    np.asarray(load(data, settings).images[0])
    assert Watched.read - {"threads"} <= set(LOAD_SETTINGS)


def test_arms_that_differ_in_the_white_level_train_on_different_pixels(tmp_path: Path) -> None:
    arms, _ = named_arms(["softmax"], {"white_level": ["1023", "65535"]}, {})
    request = Comparison(str(deep_photographs(tmp_path / "set", ("train", "test"))), arms, (0,))
    inputs = load_inputs(request, Silent())
    dark, bright = (inputs.images_for(request.job(arm, 0).settings).images for arm in reversed(arms))
    assert np.asarray(dark[0]).max() < 8 < np.asarray(bright[0]).max()


@pytest.mark.parametrize("second", ["none", "train=B test=A"])
def test_arms_that_read_folders_differently_are_refused(second: str, tmp_path: Path) -> None:
    arms = tuple(
        named_arm(f"arm{number}", "softmax", {"split_folders": value})
        for number, value in enumerate(("train=A test=B", second))
    )
    with pytest.raises(UsageError, match=r"arm0 and arm1 would be judged on different images.*split_folders"):
        run(Comparison(str(deep_photographs(tmp_path / "set")), arms, (0,)), tmp_path, FakeTrainer())
