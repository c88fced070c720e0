"""Is a comparison the same when it is read back, and are runs of different days joined only where that is honest?"""

import json
import shlex
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from sadari.cli import compare as commands
from sadari.comparison import compare as room
from sadari.comparison.claims.parse import parse_claim
from sadari.comparison.command import END, STUDY, command_of
from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.reopen import reopen
from sadari.comparison.request import Comparison
from sadari.comparison.result import ComparisonResult
from sadari.comparison.study import read_study
from sadari.comparison.variants import parse_vary
from sadari.data.load import load
from sadari.data.split import draw_split
from sadari.errors import SadariError, UsageError
from sadari.files import read_json, write_json
from sadari.inference import device
from sadari.report.build import build_report
from sadari.report.page import render
from sadari.run import RunRecord
from sadari.settings import Settings, Value
from support.fake_training import SKILLS
from support.jobs import Listener, named_arm, named_arms, named_job
from support.sets import flat_files, write_folder
from support.stamped_training import StampedTrainer, train_run


def request(*models: str, seeds: int = 2, vary: tuple[str, ...] = (), **overrides: Value) -> Comparison:
    arms, _ = named_arms(models or ("softmax", "mlp"), parse_vary(vary), {"epochs": 2, **overrides})
    return Comparison("digits", arms, tuple(range(seeds)))


def run(asked: Comparison, out: Path, trainer: StampedTrainer | None = None) -> ComparisonResult:
    return compare(asked, out=out, executor=SerialExecutor(trainer or StampedTrainer()))


def single(out: Path, model: str = "mlp", seed: int = 0, device: str = "cpu", **overrides: Value) -> Path:
    """Make a single run, as `sadari train digits --model MODEL` does."""
    job = named_job("digits", model, seed, {"epochs": 2, **overrides})
    images = load("digits", job.settings)
    return train_run(StampedTrainer(device=device), job, out, images, draw_split(images, job.settings))


# the folder of a comparison


def require_same(one: ComparisonResult, other: ComparisonResult) -> None:
    assert one.document() == other.document()
    assert build_report(one, "today") == build_report(other, "today")


def test_a_comparison_read_back_is_what_it_was(tmp_path: Path) -> None:
    asked = replace(request("softmax", "mlp", "majority"), title="three models", notes=("a note",))
    require_same(run(asked, tmp_path / "c"), reopen([tmp_path / "c"]))


def test_failures_and_their_reasons_are_kept(tmp_path: Path) -> None:
    trainer = StampedTrainer(fails={"softmax": SadariError("no memory; no luck")})
    made = run(request("softmax", "mlp"), tmp_path / "c", trainer)
    back = reopen([tmp_path / "c"])
    require_same(made, back)
    assert back.arms[-1].reason == "seed 0: no memory; no luck; seed 1: no memory; no luck"


def test_a_comparison_of_failures_only_can_be_read_back(tmp_path: Path) -> None:
    made = run(request("mlp"), tmp_path / "c", StampedTrainer(fails={"mlp": SadariError("no memory")}))
    require_same(made, reopen([tmp_path / "c"]))


def test_published_figures_and_claims_are_kept(tmp_path: Path) -> None:
    arms = (named_arm("A", "softmax", {"epochs": 2}, {"accuracy": 0.71}), named_arm("B", "mlp", {"epochs": 2}))
    asked = Comparison("digits", arms, (3, 5), title="a study")
    claims = [parse_claim("A < B", ("A", "B"), "B is better")]
    made = compare(asked, out=tmp_path / "c", claims=claims, executor=SerialExecutor(StampedTrainer()))
    back = reopen([tmp_path / "c"])
    require_same(made, back)
    assert back.arms[1].published == {"accuracy": 0.71}
    assert [each.claim for each in back.claims] == ["A < B"]
    assert back.command == made.command


def test_a_margin_is_kept(tmp_path: Path) -> None:
    made = compare(request("softmax", "mlp"), out=tmp_path / "c", margin=0.3, executor=SerialExecutor(StampedTrainer()))
    assert made.command.endswith("--epochs 2 --margin 0.3")
    back = reopen([tmp_path / "c"])
    require_same(made, back)
    assert back.verdicts != run(request("softmax", "mlp"), tmp_path / "other").verdicts


@pytest.mark.slow
def test_robustness_is_read_back(tmp_path: Path) -> None:
    made = compare(request("softmax", "mlp", seeds=1), out=tmp_path / "c", robustness=True)
    assert made.command.endswith(" --robustness")
    assert build_report(made).robustness
    require_same(made, reopen([tmp_path / "c"]))


def test_nothing_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(request(), tmp_path / "c")
    monkeypatch.setattr(room, "LocalExecutor", lambda: pytest.fail("training"))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "c").rglob("*")}
    reopen([tmp_path / "c"])
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "c").rglob("*")} == before


def test_an_unfinished_comparison_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(request(), tmp_path / "c", StampedTrainer(fails={"mlp": KeyboardInterrupt()}))
    with pytest.raises(SadariError, match="is not finished: mlp with seed 0 is missing"):
        reopen([tmp_path / "c"])


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("comparison.toml", "=", "cannot read"),
        ("comparison.toml", 'data = "digits"\nfingerprint = ""\nseeds = [0]\narms = [{name = "a"}]', "damaged"),
        ("comparison.json", "{", "cannot read"),
        ("comparison.json", '{"arms": [{}]}', "damaged"),
    ],
)
def test_a_damaged_comparison_is_named(tmp_path: Path, name: str, text: str, says: str) -> None:
    run(request("mlp", seeds=1), tmp_path / "c")
    (tmp_path / "c" / name).write_text(text, encoding="utf-8")
    with pytest.raises(SadariError, match=says) as caught:
        reopen([tmp_path / "c"])
    assert name in str(caught.value)


# images that have gone


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "photos", flat_files(cat=30, dog=30))


def on_photos(photos: Path, out: Path) -> ComparisonResult:
    arms, _ = named_arms(["softmax", "mlp"], {}, {"epochs": 2})
    return run(Comparison(str(photos), arms, (0, 1)), out)


def test_images_that_have_gone_are_told_of_and_the_rest_is_there(photos: Path, tmp_path: Path) -> None:
    made = on_photos(photos, tmp_path / "c")
    photos.rename(tmp_path / "elsewhere")
    listener = Listener()
    back = reopen([tmp_path / "c"], listener)
    assert back.images is None
    assert any("no pictures" in sentence for sentence in listener.said)
    assert back.data.leaks is None
    assert (back.data.counts, back.data.shape, back.data.classes) == (made.data.counts, (4, 4, 1), ("cat", "dog"))
    assert [(arm.name, arm.accuracy) for arm in back.arms] == [(arm.name, arm.accuracy) for arm in made.arms]
    found = build_report(back)
    assert any("could not be found again" in note for note in found.notes)
    page = render(found)
    assert "leaks could not be checked" in page and "no leaks found" not in page


def test_images_that_have_changed_are_not_shown(photos: Path, tmp_path: Path) -> None:
    on_photos(photos, tmp_path / "c")
    write_folder(photos, {"cat/999.png": flat_files(bird=1)["bird/0.png"]})
    listener = Listener()
    assert reopen([tmp_path / "c"], listener).images is None
    assert any("have changed since" in sentence for sentence in listener.said)


# runs of different days


def test_equal_runs_with_other_seeds_are_one_arm_whatever_machine_they_ran_on(tmp_path: Path) -> None:
    folders = [
        single(tmp_path / "b", seed=1, device="cuda"),
        single(tmp_path / "a", seed=0),
        single(tmp_path / "s", "softmax"),
        single(tmp_path / "c", seed=2, threads=1, checkpoint_seconds=5),
    ]
    found = reopen(folders)
    assert {arm.name: arm.seeds for arm in found.arms} == {"mlp": (0, 1, 2), "softmax": (0,)}
    assert found.arms[0].settings == {"epochs": 2}
    assert found.arms[0].runs == tuple(str((tmp_path / name).resolve()) for name in "abc")
    assert len(found.verdicts) == 1


def test_arms_are_named_by_their_model_and_what_differs(tmp_path: Path) -> None:
    folders = [
        single(tmp_path / "a", batch_size=32),
        single(tmp_path / "b", batch_size=64, epochs=3),
        single(tmp_path / "c", batch_size=64),
        single(tmp_path / "d", "softmax", batch_size=64),
    ]
    names = [arm.name for arm in reopen(folders).arms_asked]
    assert names == [
        "mlp epochs=2 batch_size=32",
        "mlp epochs=3 batch_size=64",
        "mlp epochs=2 batch_size=64",
        "softmax",
    ]


def test_joined_runs_make_a_sweep(tmp_path: Path) -> None:
    folders = [single(tmp_path / str(size), batch_size=size) for size in (32, 64, 128)]
    [page] = build_report(reopen(folders)).sweeps
    assert page.key == "batch_size"
    assert [point.value for point in page.lines["mlp"]] == [32, 64, 128]


def test_a_network_that_was_another_one_that_day_is_another_arm(tmp_path: Path) -> None:
    first, second = single(tmp_path / "a"), single(tmp_path / "b", seed=1)
    stamp = read_json(second / "environment.json")
    write_json(second / "environment.json", {**stamp, "layers": "flatten, dense 7"})
    found = reopen([first, second])
    assert {arm.name: arm.seeds for arm in found.arms} == {"mlp": (0,), "mlp 2": (1,)}


def stamp(folder: Path, **changed: object) -> None:
    """Change what `environment.json` of the run in `folder` says."""
    write_json(folder / "environment.json", {**read_json(folder / "environment.json"), **changed})


def test_runs_of_other_pre_trained_weights_are_another_arm(tmp_path: Path) -> None:
    folders = [single(tmp_path / str(seed), seed=seed) for seed in range(3)]
    for folder, digest in zip(folders, ("a" * 64, "a" * 64, "b" * 64), strict=True):
        stamp(folder, weights_sha256=digest)
    found = reopen(folders)
    assert {arm.name: arm.seeds for arm in found.arms} == {"mlp weights=aaaaaaaa": (0, 1), "mlp weights=bbbbbbbb": (2,)}


OTHER_ORIGINS = [
    ("pre-trained weights", {"weights_sha256": "b" * 64}),
    ("layers", {"layers": "flatten, dense 7"}),
    ("images", {"data": {"name": "digits", "fingerprint": "another", "notes": []}}),
]


@pytest.mark.parametrize(("what", "changed"), OTHER_ORIGINS)
def test_seeds_of_one_comparison_with_other_origins_are_not_averaged(
    what: str, changed: dict[str, object], tmp_path: Path
) -> None:
    run(request("softmax", "mlp", seeds=3), tmp_path / "c")
    stamp(tmp_path / "c" / "mlp-seed2", **changed)
    for folders in ([tmp_path / "c"], [tmp_path / "c", single(tmp_path / "a", "majority")]):
        with pytest.raises(SadariError, match=f"runs of 'mlp' in .* began with different {what}"):
            reopen(folders)


@pytest.mark.parametrize(("what", "changed"), OTHER_ORIGINS)
def test_a_report_leaves_out_the_seeds_that_the_comparison_refused(
    what: str, changed: dict[str, object], tmp_path: Path
) -> None:
    made = run(request("mlp", seeds=3), tmp_path / "c")
    for seed in (0, 1):
        stamp(tmp_path / "c" / f"mlp-seed{seed}", **changed)
    document = read_json(made.out / "comparison.json")
    reason = f"seed 0: the {what} have changed; seed 1: the {what} have changed"
    document["arms"][0] |= {"reason": reason, "status": "failed"}
    write_json(made.out / "comparison.json", document)
    [arm] = reopen([made.out]).arms
    assert (arm.seeds, arm.reason, arm.status) == ((2,), reason, "failed")


def test_other_test_images_are_refused(tmp_path: Path) -> None:
    first = single(tmp_path / "a")
    other = single(tmp_path / "b", seed=1, split_seed=9)
    with pytest.raises(UsageError, match="judged on different images") as caught:
        reopen([first, other])
    assert str(first.resolve()) in str(caught.value) and str(other.resolve()) in str(caught.value)
    assert "of 359 and 359 are the same" in str(caught.value)


def test_other_content_under_the_same_names_is_refused(tmp_path: Path) -> None:
    first, other = single(tmp_path / "a"), single(tmp_path / "b", seed=1)
    stamp = read_json(other / "environment.json")
    write_json(other / "environment.json", {**stamp, "data": {**stamp["data"], "fingerprint": "another"}})
    with pytest.raises(UsageError, match=r"judged on different images \(the content of their data differs\)"):
        reopen([first, other])


def test_the_same_seed_twice_is_refused(tmp_path: Path) -> None:
    first, second = single(tmp_path / "a"), single(tmp_path / "b")
    assert [len(each.seeds) for each in reopen([first, second]).arms] == [1]  # equal answers count once
    text = (second / "predictions.csv").read_text()
    (second / "predictions.csv").write_text(text.replace("0.", "0.0", 1))
    with pytest.raises(UsageError, match="are two runs of mlp with seed 0; name one of them"):
        reopen([first, second])


def test_unfinished_runs_and_what_is_no_run_are_refused(tmp_path: Path) -> None:
    first, second = single(tmp_path / "a"), single(tmp_path / "b", seed=1)
    (second / "scores.json").unlink()
    with pytest.raises(SadariError, match="is not finished; finish it with: sadari resume"):
        reopen([first, second])
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "missing", first / "scores.json"):
        with pytest.raises(UsageError, match="neither a run nor a comparison"):
            reopen([first, path])
    with pytest.raises(UsageError, match="nothing to report"):
        reopen([])


def test_comparisons_and_runs_are_joined_with_stored_names(tmp_path: Path) -> None:
    arms = (named_arm("the small one", "mlp", {"epochs": 2}, {"accuracy": 0.8}),)
    run(Comparison("digits", arms, (0, 1)), tmp_path / "one")
    run(request("softmax"), tmp_path / "two")
    found = reopen([tmp_path / "one", tmp_path / "two", single(tmp_path / "a", seed=2, precision="float32")])
    assert {arm.name: arm.seeds for arm in found.arms} == {"the small one": (0, 1, 2), "softmax": (0, 1)}
    assert found.arms[0].published == {"accuracy": 0.8}
    assert np.array_equal(found.split.test, found.records["softmax"][0].split.test)


def test_arms_of_one_name_are_told_apart(tmp_path: Path) -> None:
    run(request("mlp", epochs=2), tmp_path / "one")
    run(request("mlp", epochs=3), tmp_path / "two")
    found = reopen([tmp_path / "one", tmp_path / "two"])
    assert [arm.name for arm in found.arms_asked] == ["mlp epochs=2", "mlp epochs=3"]


# the command that reproduces it


def asked_by(command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Comparison:
    """Return the request that the command line makes of `command`."""
    seen: list[Comparison] = []

    def stop(request: Comparison, **_: object) -> None:
        seen.append(request)
        raise KeyboardInterrupt

    monkeypatch.setattr(room, "compare", stop)
    if command.startswith("cat > "):
        text, _, command = command.partition("\n")[2].rpartition(f"{END}\n")
        monkeypatch.chdir(tmp_path)
        Path(STUDY).write_text(text, encoding="utf-8")
    app = typer.Typer()
    app.command("compare")(commands.compare)
    app.command("study")(commands.study)
    words = shlex.split(command)
    assert words[0] == "sadari"
    CliRunner().invoke(app, words[1:])
    [request] = seen
    return request


def same_runs(one: Comparison, other: Comparison) -> bool:
    jobs = [
        [(arm.name, arm.published, [asked.job(arm, seed) for seed in asked.seeds]) for arm in asked.arms]
        for asked in (one, other)
    ]
    return jobs[0] == jobs[1] and (one.title, one.notes) == (other.title, other.notes)


def a_network(tmp_path: Path) -> str:
    path = tmp_path / "my own 'nets'" / "a-net.toml"
    path.parent.mkdir()
    path.write_text('layers = "flatten, dense 4"\n', encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("vary", "overrides", "starts"),
    [
        ((), {}, "sadari compare digits"),
        (("dropout=0:0.4:0.2", "optimizer=sgd,adam"), {"batch_size": 64}, "sadari compare digits"),
        (("epochs=1,2",), {"augment": "flip, shift 0.1"}, "sadari compare digits"),
        (("dropout=0.5",), {"learning_rate": 1e-3}, "sadari compare digits"),
        (('augment="flip, shift 0.1",zoom 0.1',), {}, "sadari compare digits"),
        (('augment="","flip, shift 0.1"',), {"batch_size": 64}, "sadari compare digits"),
    ],
)
def test_the_command_asks_for_the_same_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vary: tuple[str, ...], overrides: dict[str, Value], starts: str
) -> None:
    arms, _ = named_arms(["majority", "lstm", a_network(tmp_path)], parse_vary(vary), overrides)
    asked = Comparison("digits", arms, (0, 1, 2))
    command = command_of(asked)
    assert command.startswith(starts)
    assert same_runs(asked_by(command, monkeypatch, tmp_path), asked)


@pytest.mark.parametrize(
    "changes",
    [
        {"seeds": (42,)},
        {"title": "a 'study' of \"two\" $HOME"},
        {"notes": ("a note", "another")},
        {
            "arms": (
                named_arm("A", "mlp", {"epochs": 2}, {"accuracy": 0.5}),
                named_arm("B", "mlp", {"augment": "flip, shift 0.1"}),
            )
        },
    ],
)
def test_what_options_cannot_say_is_a_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object]
) -> None:
    asked = replace(request("softmax", "mlp"), **changes)  # type: ignore[arg-type]
    command = command_of(asked)
    assert command.endswith(f"\nsadari study {STUDY}")
    assert same_runs(asked_by(command, monkeypatch, tmp_path), asked)


def test_claims_are_in_the_command(tmp_path: Path) -> None:
    claims = [parse_claim("mlp > softmax", ("softmax", "mlp"), "it's better")]
    text = command_of(request(), claims).partition("\n")[2].rpartition(f"{END}\n")[0]
    (tmp_path / STUDY).write_text(text, encoding="utf-8")
    assert tomllib.loads(text)["claims"] == [{"claim": "mlp > softmax", "words": "it's better"}]
    assert read_study(tmp_path / STUDY).claims == tuple(claims)


def test_the_commands_of_joined_runs_make_the_same_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SKILLS, "lstm", 0.5)
    folders = [single(tmp_path / "a", "lstm", dropout=0.3), single(tmp_path / "b", seed=4, augment="flip, shift 0.1")]
    trained = [shlex.split(line) for line in reopen(folders).command.splitlines()]
    made = []
    for words in trained[:-1]:
        assert words[:2] == ["sadari", "train"]
        options = list(zip(words[3::2], words[4::2], strict=True))
        chosen = dict(options)
        overrides = dict(value.split("=", 1) for option, value in options if option == "--set")
        made.append(named_job(words[2], chosen["--model"], int(chosen["--seed"]), overrides))
    assert trained[-1] == ["sadari", "report", *(words[words.index("--out") + 1] for words in trained[:-1])]
    jobs = [json.loads(json.dumps(job.settings.__dict__)) for job in made]
    assert [(job.model.name, job.seed) for job in made] == [("lstm", 0), ("mlp", 4)]
    assert (jobs[0]["epochs"], made[0].variables["dropout"], jobs[1]["augment"]) == (2, 0.3, "flip, shift 0.1")
    assert {job["device"] for job in jobs} == {Settings().device}


# a comparison that goes on where "auto" means another precision


def on_a_machine(monkeypatch: pytest.MonkeyPatch, precision: str) -> None:
    """Let `precision=auto` become this one from here on."""
    monkeypatch.setattr(
        device, "_precision", lambda settings, _: precision if settings.precision == "auto" else settings.precision
    )


def train_quickly(asked: Comparison, out: Path, heard: Listener) -> dict[str, str]:
    """Run a comparison for real; return the precision of each run."""
    compare(asked, out=out, executor=SerialExecutor(), progress=heard)
    return {each.parent.name: RunRecord(each.parent).job.settings.precision for each in out.glob("*/settings.toml")}


def test_seeds_that_are_added_elsewhere_have_the_precision_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Listener()
    on_a_machine(monkeypatch, "float32")
    assert set(train_quickly(request("softmax", seeds=1, epochs=1), tmp_path / "c", heard).values()) == {"float32"}
    assert not any("precision" in each for each in heard.said)
    on_a_machine(monkeypatch, "bfloat16")
    found = train_quickly(request("softmax", seeds=2, epochs=1), tmp_path / "c", heard)
    assert found == {"softmax-seed0": "float32", "softmax-seed1": "float32"}
    assert "softmax: precision=float32, as this comparison began; auto would be bfloat16 here" in heard.said


def test_arms_that_begin_elsewhere_have_the_precision_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request("softmax", "mlp", seeds=1, epochs=1)
    on_a_machine(monkeypatch, "float32")
    train_quickly(asked, tmp_path / "c", Listener())
    shutil.rmtree(tmp_path / "c" / "mlp-seed0")
    on_a_machine(monkeypatch, "bfloat16")
    assert set(train_quickly(asked, tmp_path / "c", Listener()).values()) == {"float32"}


def test_a_precision_that_was_chosen_stays_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = request("softmax", seeds=1, epochs=1, vary=("precision=auto,float32",))
    on_a_machine(monkeypatch, "bfloat16")
    found = train_quickly(asked, tmp_path / "c", Listener())
    assert found == {"softmax-precision=auto-seed0": "bfloat16", "softmax-precision=float32-seed0": "float32"}


def test_an_arm_of_several_precisions_is_named(tmp_path: Path) -> None:
    run(request("mlp", seeds=2), tmp_path / "c")
    settings = tmp_path / "c" / "mlp-seed1" / "settings.toml"
    settings.write_text(settings.read_text().replace('"float32"', '"bfloat16"'))
    heard = Listener()
    reopen([tmp_path / "c"], heard)
    assert "mlp has runs of different precision: bfloat16, float32" in heard.said
