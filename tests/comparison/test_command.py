"""Does the command that a comparison prints make the same comparison again?"""

import json
import shlex
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from sadari.cli import compare as commands
from sadari.comparison import compare as room
from sadari.comparison.claims.parse import parse_claim
from sadari.comparison.command import END, STUDY, command_of
from sadari.comparison.reopen import reopen
from sadari.comparison.request import Comparison
from sadari.comparison.study import read_study
from sadari.comparison.variants import parse_vary
from sadari.settings import Settings, Value
from support.fake_training import SKILLS
from support.jobs import named_arm, named_arms, named_job
from support.reopening import request, single


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
