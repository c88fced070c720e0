"""Is a comparison the same when it is read back, and are images that are gone told of?"""

from dataclasses import replace
from pathlib import Path

import pytest

from sadari.comparison import compare as room
from sadari.comparison.claims.parse import parse_claim
from sadari.comparison.compare import compare
from sadari.comparison.executor import SerialExecutor
from sadari.comparison.reopen import reopen
from sadari.comparison.request import Comparison
from sadari.comparison.result import ComparisonResult
from sadari.errors import SadariError
from sadari.report.build import build_report
from sadari.report.page import render
from support.jobs import Listener, named_arm, named_arms
from support.reopening import request, run
from support.sets import flat_files, write_folder
from support.stamped_training import StampedTrainer


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
